//! What the launcher is told, as one JSON argument. Arguments are readable for every user of the
//! machine: paths and numbers stand in it, never values of the environment.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Everything that the launcher takes away from itself before it becomes the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Walls {
    /// Limits of the kernel.
    pub(crate) limits: Rlimits,
    /// Files of control groups to enter by writing `0`.
    pub(crate) groups: Vec<PathBuf>,
    /// Landlock and what goes with it.
    pub(crate) landlock: Option<Landlocked>,
    /// Says on standard output what holds; for the probe.
    pub(crate) report: bool,
}

/// setrlimit(2), each `None` left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rlimits {
    /// Processes and threads of the user; it does not bind root.
    pub(crate) nproc: Option<u64>,
    /// Bytes of a file.
    pub(crate) fsize: u64,
    /// Open files.
    pub(crate) nofile: u64,
}

/// The walls of the Landlock level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Landlocked {
    /// Files and folders to read and execute.
    pub(crate) read: Vec<PathBuf>,
    /// Files and folders to change.
    pub(crate) write: Vec<PathBuf>,
    /// Whether the network is reachable.
    pub(crate) network: bool,
    /// Whether Unix sockets may be opened.
    pub(crate) unix_sockets: bool,
}

impl Walls {
    /// The argument.
    ///
    /// # Errors
    /// A path is not UTF-8.
    pub(crate) fn encode(&self) -> Result<String, String> {
        serde_json::to_string(self).map_err(|e| format!("a path cannot be passed on: {e}"))
    }
}
