//! The machine: clock, random ids, process identity, signals, the hand-over directory, journals,
//! terminal windows, and files that a person names.
//!
//! Invariants: no git, no network, no agent processes; nothing here decides.
//!
//! May import: domain, ports.
#![expect(
    clippy::disallowed_methods,
    reason = "this edge is where clock, randomness, environment and files are reached"
)]

pub mod ci;
pub mod clock;
pub mod editor;
pub mod files;
pub mod handover;
pub mod host;
pub mod ids;
pub mod journals;
pub mod processors;
pub mod signals;
pub mod tmux;
