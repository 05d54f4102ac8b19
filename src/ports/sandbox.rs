//! Confinement: what is about to be started goes in, what confines it comes out (R1, R5).
//!
//! Whoever starts a program that may be an agent's, or a tool or check that works on an agent's tree,
//! spawns exactly the [`Launchable`] that [`Sandbox::confine`] gives for it, and keeps its `guard` until
//! the whole process tree is gone.

use std::any::Any;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::policy::SandboxMode;

/// What confines a process, weakest first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "lowercase")]
pub enum SandboxLevel {
    /// The rights of the user that runs fleet, and limits that the kernel takes from anybody.
    #[default]
    None,
    /// Landlock: files by an allow-list, no signals to others. The same network and process table.
    Landlock,
    /// bubblewrap: an own file tree, process table, and network if that is off.
    Bubblewrap,
}

impl SandboxLevel {
    /// Its name in records: `none`, `landlock`, `bubblewrap`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Landlock => "landlock",
            Self::Bubblewrap => "bubblewrap",
        }
    }
}

impl fmt::Display for SandboxLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How one run was confined. Its text is what records and reviews say: `bubblewrap, network on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confinement {
    /// The walls.
    pub level: SandboxLevel,
    /// Whether the run could reach the network. At level none it always could.
    pub network: bool,
}

impl fmt::Display for Confinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.level, self.network) {
            (SandboxLevel::None, _) => f.write_str("none"),
            (level, true) => write!(f, "{level}, network on"),
            (level, false) => write!(f, "{level}, network off"),
        }
    }
}

/// A program to confine. What neither it nor the system's own folders name is hidden or refused.
#[derive(Debug, Clone)]
pub struct Confined {
    /// Whether confinement is demanded, wished for, or not wanted.
    pub mode: SandboxMode,
    /// Whether it may reach the network.
    pub network: bool,
    /// Absolute path.
    pub program: PathBuf,
    /// Arguments after the program's name. They stay in place and order.
    pub args: Vec<OsString>,
    /// The whole environment. It reaches the program unchanged and is never put into arguments.
    pub env: BTreeMap<String, OsString>,
    /// Working directory, below a writable or readable path.
    pub cwd: PathBuf,
    /// Files and folders that it may write: workspace, HOME, TMPDIR, outbox. Each exists.
    pub writable: Vec<PathBuf>,
    /// Files and folders that it may read besides the system's own: prompt, borrowed objects.
    pub readable: Vec<PathBuf>,
    /// Name of the run, such as the session id: letters, digits and `-`.
    pub run: String,
}

/// What to start instead.
pub struct Launchable {
    /// Absolute path.
    pub program: PathBuf,
    /// Arguments.
    pub args: Vec<OsString>,
    /// The whole environment.
    pub env: BTreeMap<String, OsString>,
    /// Working directory.
    pub cwd: PathBuf,
    /// What the run's record says.
    pub confinement: Confinement,
    /// Processes between fleet's child and the program proper that do nothing but confine it. A
    /// signal that asks the program to end goes past them: they would take it down with them.
    pub wrapped: bool,
    /// Dropped when the process tree is gone: takes down what was put up for this run alone.
    pub guard: Option<Box<dyn Any + Send>>,
}

impl fmt::Debug for Launchable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launchable")
            .field("program", &self.program)
            .field("args", &self.args)
            .field("cwd", &self.cwd)
            .field("confinement", &self.confinement)
            .finish_non_exhaustive()
    }
}

/// A program cannot be confined as is demanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// `sandbox = "require"` where nothing confines.
    #[error("no sandbox works on this machine: {why}; {hint}")]
    Unavailable {
        /// What was tried and what came of it.
        why: String,
        /// The next step.
        hint: String,
    },
    /// The run's own walls could not be put up.
    #[error("cannot put up the sandbox: {what}")]
    Setup {
        /// What, on what, and why.
        what: String,
    },
}

/// What the probe found on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SandboxFacts {
    /// The strongest level that works here.
    pub level: SandboxLevel,
    /// What holds at that level besides its name: `Landlock ABI 7`, `process limit by cgroup`.
    pub details: Vec<String>,
    /// Why each stronger level does not work, one sentence each.
    pub shortfalls: Vec<String>,
}

/// Confines programs.
pub trait Sandbox: Send + Sync {
    /// What works here, found by starting something confined and looking at what it could do. The
    /// first call pays for that; later calls answer from memory.
    fn facts(&self) -> &SandboxFacts;

    /// Whether a run in this mode could start here.
    ///
    /// # Errors
    /// [`SandboxError::Unavailable`] for `require` where the level is none.
    fn admits(&self, mode: SandboxMode) -> Result<(), SandboxError>;

    /// Gives what to start instead.
    ///
    /// # Errors
    /// As [`Self::admits`], or the walls of this run cannot be put up.
    fn confine(&self, what: Confined) -> Result<Launchable, SandboxError>;
}

/// No walls and no limits: what `sandbox = "off"` asks for.
#[derive(Debug, Default)]
pub struct Unconfined {
    facts: SandboxFacts,
}

impl Unconfined {
    /// Starts the program as it is.
    #[must_use]
    pub fn pass(what: Confined) -> Launchable {
        Launchable {
            program: what.program,
            args: what.args,
            env: what.env,
            cwd: what.cwd,
            confinement: Confinement {
                level: SandboxLevel::None,
                network: true,
            },
            wrapped: false,
            guard: None,
        }
    }
}

impl Sandbox for Unconfined {
    fn facts(&self) -> &SandboxFacts {
        &self.facts
    }

    fn admits(&self, mode: SandboxMode) -> Result<(), SandboxError> {
        match mode {
            SandboxMode::Require => Err(SandboxError::Unavailable {
                why: "confinement is switched off here".to_owned(),
                hint: "`fleet doctor` says what this machine can do".to_owned(),
            }),
            SandboxMode::Auto | SandboxMode::Off => Ok(()),
        }
    }

    fn confine(&self, what: Confined) -> Result<Launchable, SandboxError> {
        self.admits(what.mode)?;
        Ok(Self::pass(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_level_and_network() {
        let text = |level, network| Confinement { level, network }.to_string();
        assert_eq!(text(SandboxLevel::None, true), "none");
        assert_eq!(text(SandboxLevel::Landlock, false), "landlock, network off");
        assert_eq!(
            text(SandboxLevel::Bubblewrap, true),
            "bubblewrap, network on"
        );
        assert!(SandboxLevel::None < SandboxLevel::Landlock);
        assert!(SandboxLevel::Landlock < SandboxLevel::Bubblewrap);
    }

    #[test]
    fn where_nothing_confines_a_demand_is_refused() {
        let nothing = Unconfined::default();
        let error = nothing.admits(SandboxMode::Require).unwrap_err();
        assert!(error.to_string().contains("fleet doctor"), "{error}");
        assert!(nothing.admits(SandboxMode::Auto).is_ok());
    }
}
