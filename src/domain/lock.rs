//! Locks: path globs held by a session, with an expiry.

use crate::domain::ids::TaskUid;
use crate::domain::register::{Reg, Stamp};
use crate::domain::time::Timestamp;

/// A lock, folded; its key in the state is the session that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lock {
    /// Task the work is for; `None` while only the release is known.
    pub task: Option<TaskUid>,
    /// Globs over repository paths.
    pub globs: Vec<String>,
    /// End; extended by acquiring again.
    pub until: Reg<Timestamp>,
    /// Given back.
    pub released: Option<Stamp>,
}

impl Lock {
    /// True if it holds at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.task.is_some() && self.released.is_none() && self.until.value > now
    }
}
