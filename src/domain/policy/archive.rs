//! What becomes of the texts of finished work.

use crate::domain::time::DurationMs;

/// Rule by which ticks summarise the texts of old closed tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivePolicy {
    /// How long a task must have been closed; `None` = ticks leave all texts alone.
    pub after: Option<DurationMs>,
    /// Bytes of body and remarks that a task must have.
    pub least_bytes: u64,
    /// Most tasks of one day.
    pub limit: u32,
}

impl Default for ArchivePolicy {
    fn default() -> Self {
        Self {
            after: None,
            least_bytes: 500,
            limit: 500,
        }
    }
}
