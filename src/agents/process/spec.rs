//! What a child process is made of.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What is started, and within what limits.
#[derive(Debug)]
pub(crate) struct Spec {
    /// Absolute path, so that no PATH decides twice.
    pub(crate) program: PathBuf,
    /// Arguments after the program's name.
    pub(crate) args: Vec<OsString>,
    /// The whole environment.
    pub(crate) env: BTreeMap<String, OsString>,
    /// Working directory.
    pub(crate) cwd: PathBuf,
    /// File that is standard input; `/dev/null` if none. A file cannot block as a pipe can.
    pub(crate) stdin: Option<PathBuf>,
    /// Standard error goes where standard output goes, in the order of writing.
    pub(crate) merged: bool,
    /// Limits.
    pub(crate) limits: Limits,
    /// The program runs below one that confines it: it is asked to end past that one, and its own
    /// death by a signal comes back as an exit code.
    pub(crate) wrapped: bool,
    /// Session id: the mark of every process of this run.
    pub(crate) run: String,
}

/// How long and how much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Without output.
    pub(crate) idle: Duration,
    /// In all.
    pub(crate) total: Duration,
    /// Bytes of both streams.
    pub(crate) max_output: u64,
    /// Between asking and killing.
    pub(crate) grace: Duration,
    /// Between its final event and its end.
    pub(crate) linger: Duration,
}
