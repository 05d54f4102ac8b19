//! `fleet tick` as a program, on real repositories, with scripts as agents: what stops it, what
//! kills it, what refuses it, and what it leaves behind.

#[path = "support/isolated.rs"]
mod isolated;
#[path = "tick/jules.rs"]
mod jules;
#[path = "tick_cli/kills.rs"]
mod kills;
#[path = "tick_cli/limits.rs"]
mod limits;
#[path = "support/models/mod.rs"]
mod models;
#[path = "tick_cli/money.rs"]
mod money;
#[path = "tick_cli/refusals.rs"]
mod refusals;
#[path = "tick_cli/remote.rs"]
mod remote;
#[path = "tick_cli/review.rs"]
mod review;
#[path = "tick_cli/secrets.rs"]
mod secrets;
#[path = "tick_cli/watching.rs"]
mod watching;
#[path = "tick_cli/ways.rs"]
mod ways;
#[path = "tick_cli/world.rs"]
mod world;
