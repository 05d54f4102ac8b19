//! A zoo of bad agents: real processes that do what an agent must not, under every level of confinement
//! that works on this machine. What each level stops is the table in `docs/security.md`.

#[path = "zoo/animals.rs"]
mod animals;
#[path = "zoo/cage.rs"]
mod cage;
#[path = "zoo/table.rs"]
mod table;
#[path = "zoo/users.rs"]
mod users;
