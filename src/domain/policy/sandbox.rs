//! Confinement of agents and checks, as the owner wants it.

use std::path::PathBuf;

/// How agents and checks are confined: what holds for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxPolicy {
    /// For agents that do not say.
    pub mode: SandboxMode,
    /// Whether agents that do not say may reach the network.
    pub network: bool,
    /// Whether connecting to Unix sockets is left open where the sandbox cannot tell them apart
    /// (Landlock): some test suites need them, the socket of a container engine is one.
    pub unix_sockets: bool,
    /// Absolute paths that may be read besides the system's own; what is not there is passed over.
    pub read: Vec<PathBuf>,
    /// The same to write.
    pub write: Vec<PathBuf>,
    /// Limits.
    pub limits: SandboxLimits,
}

impl Default for SandboxPolicy {
    fn default() -> Self {
        Self {
            mode: SandboxMode::default(),
            network: true,
            unix_sockets: false,
            read: Vec::new(),
            write: Vec::new(),
            limits: SandboxLimits::default(),
        }
    }
}

/// What one run may take of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxLimits {
    /// Processes and threads.
    pub processes: u32,
    /// Bytes of memory: of the whole run under a control group, else of each process.
    pub memory: u64,
    /// Bytes of one file.
    pub file_size: u64,
    /// Open files of one process.
    pub open_files: u32,
}

impl Default for SandboxLimits {
    fn default() -> Self {
        Self {
            processes: 2048,
            memory: 8 << 30,
            file_size: 4 << 30,
            open_files: 8192,
        }
    }
}

/// Whether confinement is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SandboxMode {
    /// Nothing starts without it.
    Require,
    /// The strongest that works on the machine, which may be none.
    #[default]
    Auto,
    /// None.
    Off,
}
