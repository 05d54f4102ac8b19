//! Use-cases: what a person, a cron job or a CI step can ask of fleet.
//!
//! Each takes ports and a policy, and returns a typed report; faces render it.
//!
//! Invariants: the world is reached through ports only; nothing is printed; no token passes here.
//! A state change always goes through `publish::change`, which decides again when it lost.
//!
//! May import: domain, store, engine, exchange, ports.

mod advice;
pub mod catalog;
pub mod context;
mod decay;
mod end;
pub mod intake;
pub mod publish;
pub mod stream;
pub mod tick;
pub mod tracker;
pub mod trial;
