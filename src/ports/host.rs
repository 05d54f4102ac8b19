//! The machine that fleet runs on: who we are, and whether another run is still alive.

use crate::domain::session::RunnerIdentity;

/// Whether a run that was recorded is still going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// Its process exists on this machine.
    Alive,
    /// Nothing of it can be running.
    Dead {
        /// The evidence, such as `pid 71 of this boot is gone`.
        proof: String,
    },
    /// It cannot be told from here.
    Unknown {
        /// Why, such as `it ran on host build-7`.
        why: String,
    },
}

/// The machine.
pub trait Host: Send + Sync {
    /// This process, as recorded in claims.
    fn identity(&self) -> RunnerIdentity;

    /// Whether the run of `runner` is still going on.
    fn life(&self, runner: &RunnerIdentity) -> Life;
}
