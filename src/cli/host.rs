//! What the face needs from whoever starts it: a way to open the repository. `wire` implements it.

use std::path::Path;

use crate::app::tracker::desk::{Opened, Place};
use crate::app::tracker::error::TrackerError;

/// Opens repositories.
pub trait Host {
    /// Opens the repository that contains `dir` (the working directory if none), with its
    /// configuration.
    ///
    /// # Errors
    /// Not a repository, or a wrong configuration.
    fn open(&self, dir: Option<&Path>) -> Result<Box<dyn Opened>, TrackerError>;

    /// Opens the repository that contains `dir` for what must work without a configuration:
    /// `init`, `doctor`, `config check`.
    ///
    /// # Errors
    /// Not a repository.
    fn site(&self, dir: Option<&Path>) -> Result<Box<dyn Place>, TrackerError>;
}
