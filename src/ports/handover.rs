//! The hand-over: what the phases of a tick pass to each other, as files in one directory.
//!
//! `claims.json` is written by the claim phase, `<session>/result.json` (and `<session>/work.bundle`)
//! by the run phase, both read by the publish phase. The same path is used when all phases are one
//! process, so that a crash between them can be taken up (I7).

use std::path::PathBuf;

/// Stores and finds documents of a hand-over directory. Names are `[a-z0-9./-]+`, checked.
pub trait Handover: Send + Sync {
    /// Writes a document whole or not at all (temporary file, fsync, rename).
    ///
    /// # Errors
    /// The disk refuses; nothing is changed.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), HandoverError>;

    /// Reads a document; `None` if it does not exist. At most 16 MiB.
    ///
    /// # Errors
    /// It cannot be read, is too large, or is not a regular file.
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, HandoverError>;

    /// Where a document's file is, for tools that write it themselves; parents exist.
    ///
    /// # Errors
    /// The folder cannot be made.
    fn path(&self, name: &str) -> Result<PathBuf, HandoverError>;

    /// Names of the sub-folders.
    ///
    /// # Errors
    /// The folder cannot be read.
    fn folders(&self) -> Result<Vec<String>, HandoverError>;

    /// Removes a sub-folder with all it holds; nothing if it does not exist.
    fn remove(&self, folder: &str);

    /// Takes the run of a session for this process; `None` while another living one has it (I2).
    ///
    /// # Errors
    /// The disk refuses.
    fn hold(&self, folder: &str) -> Result<Option<Hold>, HandoverError>;
}

/// The run of a session is this process's: until this is dropped, or the process is dead.
pub struct Hold(Box<dyn Send>);

impl Hold {
    /// Ends when `guard` is dropped.
    #[must_use]
    pub fn new(guard: impl Send + 'static) -> Self {
        Self(Box::new(guard))
    }
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(_guard) = self;
        f.write_str("Hold")
    }
}

/// A hand-over document cannot be stored or found. Fits after "failed to ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {on}: {cause}")]
pub struct HandoverError {
    /// What was tried: `write`, `read`.
    pub what: &'static str,
    /// Which file.
    pub on: String,
    /// Why.
    pub cause: String,
}
