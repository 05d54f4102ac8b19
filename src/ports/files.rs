//! Files that a person names on the command line: read whole or not at all, replaced whole or not at
//! all.

use std::path::{Path, PathBuf};

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// Its name: as given, or relative to the folder that was given.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// What stands under a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The files, sorted by name.
    pub files: Vec<NamedFile>,
    /// What was passed over in a folder, and why.
    pub left_out: Vec<(String, String)>,
    /// True if the name is that of a folder of texts, not of a file.
    pub folder: bool,
}

/// Where a file or folder lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts {
    /// Below a work tree of git.
    InTree {
        /// The tree's top, absolute.
        top: PathBuf,
        /// The path from there, with `/`; empty for the top itself.
        path: String,
        /// The absolute path, without links.
        absolute: String,
    },
    /// Somewhere else: the absolute path, without links.
    Outside(String),
    /// Standard input.
    Pipe,
}

/// Why a file cannot be read or written; a sentence that names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct FilesError {
    /// What was tried, on what, why it failed.
    pub what: String,
    /// What to do instead; may be empty.
    pub hint: String,
}

/// Reads and replaces files.
pub trait Files {
    /// Reads the file `path` (`-` is standard input), or the texts of the folder `path`. In a folder
    /// no link is followed and nothing but regular files is opened.
    ///
    /// # Errors
    /// It is not there, not readable, or larger than the limit.
    fn read(&self, path: &Path) -> Result<Found, FilesError>;

    /// Where `path` lies, once links are followed; as it is given, if it cannot be looked at.
    fn whereabouts(&self, path: &Path) -> Whereabouts;

    /// The file `path`, or none if there is none.
    ///
    /// # Errors
    /// It is no regular file, or cannot be read.
    fn present(&self, path: &Path) -> Result<Option<Vec<u8>>, FilesError>;

    /// Writes a file whole or not at all: temporary file beside it, fsync, rename.
    ///
    /// # Errors
    /// The disk refuses, or what stands there is no regular file; nothing is changed then.
    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), FilesError>;
}
