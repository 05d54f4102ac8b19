//! The words of fleet: ids, records, and the state that records fold into.
//!
//! Invariants: no IO, no clock, no randomness, no knowledge of git, files or terminals.
//! Time and ids come in as arguments. Folding cannot fail: a record that makes no sense is kept
//! as an anomaly, never dropped.
//!
//! May import: nothing of ours.

pub mod about;
pub mod command;
pub mod dates;
pub mod dep;
mod digits;
pub mod escalation;
pub mod fold;
pub mod halves;
pub mod handles;
pub mod ids;
pub mod lock;
pub mod money;
pub mod policy;
pub mod prices;
pub mod provider;
pub mod record;
pub mod register;
pub mod remote;
pub mod review;
pub mod session;
pub mod sorted;
pub mod state;
pub mod task;
pub mod tasks;
pub mod time;
pub mod tracking;
