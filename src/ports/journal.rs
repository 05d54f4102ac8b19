//! Journals: the events of one session as lines of a file on this machine, outside git.

use std::path::PathBuf;

use crate::domain::ids::SessionUid;
use crate::domain::time::{DurationMs, Timestamp};
use crate::ports::runner::AgentEvent;

/// Complete lines of a journal, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chunk {
    /// JSON lines of [`crate::ports::runner::Told`], each with its line end.
    pub text: String,
    /// Where the next chunk begins, in bytes from the start of the journal.
    pub next: u64,
}

/// A journal cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read the journal {on}: {cause}")]
pub struct JournalError {
    /// Which file.
    pub on: String,
    /// Why.
    pub cause: String,
}

/// The journals of a repository on this machine. Runners write into them what agents say; what fleet
/// itself has to say about a session is appended here.
pub trait Journals: Send + Sync {
    /// Where the journal of a session is, or would be.
    fn path(&self, session: SessionUid) -> PathBuf;

    /// Appends an event. A journal that cannot be written never ends a session.
    fn append(&self, session: SessionUid, task: &str, at: Timestamp, event: &AgentEvent);

    /// The complete lines after the first `from` bytes; none if this machine has no such journal.
    ///
    /// # Errors
    /// It is there and cannot be read.
    fn read(&self, session: SessionUid, from: u64) -> Result<Option<Chunk>, JournalError>;

    /// Waits until there is more than `from` bytes, at most `limit`.
    fn wait(&self, session: SessionUid, from: u64, limit: DurationMs);
}
