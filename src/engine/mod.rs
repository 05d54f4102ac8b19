//! What to do next, decided: `(State, Index, Facts, Policy, now)` → values that others act on.
//!
//! Reading order: `facts` (what is given), `why` (reasons), `ready` (what may start), `routing`
//! (who takes it), `reconcile` (what the outside already decided), `plan` (all of it together).
//! `gates`, `secrets`, `text` and `outbox` judge what agents hand over; `measure` bounds what they are told.
//!
//! Invariants: no IO, no clock, no ids made, no randomness, no knowledge of git, forges, files or
//! terminals. The same arguments give the same answer; planning on a state that already holds the
//! planned records plans nothing (I8). Every negative answer carries a typed reason.
//!
//! May import: domain.

pub mod admission;
pub mod branch;
pub mod budget;
pub mod clean;
pub mod commands;
pub mod deps;
pub mod facts;
pub mod gates;
pub mod history;
pub mod holdings;
pub mod intake;
pub mod leases;
pub mod lint;
pub mod measure;
pub mod merging;
pub mod network;
pub mod outbox;
pub mod overlap;
pub mod phase;
pub mod plan;
pub mod query;
pub mod ready;
pub mod reconcile;
pub mod remote;
pub mod replies;
pub mod retry;
pub mod routing;
pub mod score;
pub mod secrets;
pub mod similar;
pub mod spend;
pub mod stack;
pub mod text;
pub mod why;

#[cfg(test)]
mod stories;
