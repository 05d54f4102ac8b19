//! What the face needs from whoever starts it: a way to open the repository. `wire` implements it.

use std::path::Path;

use crate::app::catalog::HasModels;
use crate::app::intake::IntakeError;
use crate::app::intake::report::IntakeReport;
use crate::app::stream::{StreamReport, StreamRequest};
use crate::app::tick::report::{AgentEvent, TickEvent, TickReport};
use crate::app::tick::{TickError, TickOptions};
use crate::app::tracker::desk::{Opened, Place};
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::hooks::Hooks;
use crate::app::tracker::import::Files;
use crate::app::tracker::logs::{LogsItem, LogsReport, LogsRequest};
use crate::app::tracker::secret::HasVault;
use crate::app::trial::TrialReport;
use crate::domain::policy::Policy;
use crate::domain::time::DurationMs;

/// What lies between the phases of a tick.
#[derive(Debug, Clone, Copy, Default)]
pub struct Between<'a> {
    /// The hand-over directory.
    pub handover: Option<&'a Path>,
    /// Where the artifacts of run jobs were unpacked, if that is somewhere else.
    pub results: Option<&'a Path>,
}

/// A text that somebody edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The text.
    pub text: String,
    /// The file that it is kept in until it is forgotten.
    pub path: String,
}

/// The tick that started the agent which runs this program.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TickAround {
    /// Its task, as the tick named it.
    pub task: Option<String>,
}

/// Opens repositories.
pub trait Host {
    /// The tick around this process, if there is one.
    fn tick_around(&self) -> Option<TickAround>;

    /// Opens the repository that contains `dir` (the working directory if none), with its
    /// configuration.
    ///
    /// # Errors
    /// Not a repository, or a wrong configuration.
    fn open(&self, dir: Option<&Path>) -> Result<Box<dyn Opened>, TrackerError>;

    /// Lets the user edit a text in the editor of his choice, in a file in fleet's own folder.
    ///
    /// # Errors
    /// Not a repository, a text of that name that is edited now or was kept, no editor that runs, or
    /// one that fails; a sentence.
    fn edit(&self, dir: Option<&Path>, name: &str, text: &str) -> Result<Edited, String>;

    /// What a text was when [`Host::edit`] opened it, if `file` is where it was kept.
    fn opened(&self, file: &str) -> Option<String>;

    /// Deletes the file of an edited text.
    fn forget(&self, edited: &str);

    /// Opens the repository that contains `dir` for what must work without a configuration:
    /// `init`, `doctor`, `config check`.
    ///
    /// # Errors
    /// Not a repository.
    fn site(&self, dir: Option<&Path>) -> Result<Box<dyn Place>, TrackerError>;

    /// Opens the repository that contains `dir` for a tick; `between` is what lies between phases, if
    /// they are separate processes.
    ///
    /// # Errors
    /// Not a repository, or a wrong configuration.
    fn works(
        &self,
        dir: Option<&Path>,
        between: Between<'_>,
    ) -> Result<Box<dyn Works>, TrackerError>;

    /// Opens the secrets of the repository that contains `dir`; works without a configuration.
    ///
    /// # Errors
    /// Not a repository with a work tree.
    fn vault(&self, dir: Option<&Path>) -> Result<Box<dyn HasVault>, TrackerError>;

    /// The files that arguments name.
    fn files(&self) -> Box<dyn Files>;

    /// Reads an agent's stream from standard input and writes unified events to standard output.
    ///
    /// # Errors
    /// One of the two fails; a sentence. A reader that went away is no error.
    fn stream(&self, request: &StreamRequest) -> Result<StreamReport, String>;

    /// Shows the journal of a session in the repository that contains `dir`.
    ///
    /// # Errors
    /// As `app::tracker::logs::logs`.
    fn logs(
        &self,
        dir: Option<&Path>,
        request: &LogsRequest,
        show: &mut dyn FnMut(LogsItem) -> bool,
    ) -> Result<LogsReport, TrackerError>;

    /// Serves the repository that contains `dir` to an agent program until that goes away.
    ///
    /// # Errors
    /// The client does not speak the protocol, or the streams cannot be used; a sentence.
    fn mcp(&self, dir: Option<&Path>) -> Result<(), String>;

    /// The hooks of the repository that contains `dir`, and what its owner decided; defaults where the
    /// configuration is wrong, so that it can be mended and committed.
    ///
    /// # Errors
    /// Not a repository.
    fn hooks(&self, dir: Option<&Path>) -> Result<(Box<dyn Hooks>, Policy), TrackerError>;

    /// Terminal windows for the sessions of the repository that contains `dir`.
    ///
    /// # Errors
    /// Not a repository, or no tmux here; a sentence.
    fn windows(&self, dir: Option<&Path>) -> Result<Box<dyn Windows>, String>;

    /// Opens the providers of models of the repository that contains `dir`.
    ///
    /// # Errors
    /// Not a repository, or a wrong configuration.
    fn models(&self, dir: Option<&Path>) -> Result<Box<dyn HasModels>, TrackerError>;

    /// Makes the demonstration below `dir`, or below a fresh temporary directory.
    ///
    /// # Errors
    /// The directory is in use, or git or the disk refuses; a sentence.
    fn demo(&self, dir: Option<&Path>) -> Result<Box<dyn Demo>, String>;
}

/// A repository in which ticks can run.
pub trait Works {
    /// Does one tick, or one phase of it. Ctrl-C asks it to stop.
    ///
    /// # Errors
    /// As `app::tick::tick`.
    fn tick(
        &self,
        options: &TickOptions,
        on: &mut dyn FnMut(TickEvent),
    ) -> Result<TickReport, TickError>;

    /// Takes issues in; at most `limit` tasks are added or changed.
    ///
    /// # Errors
    /// As `app::intake::take_in`.
    fn intake(&self, dry_run: bool, limit: Option<u32>) -> Result<IntakeReport, IntakeError>;

    /// Asks an agent one question in a repository of its own, for at most `limit`.
    ///
    /// # Errors
    /// No such agent, or nowhere to run it.
    fn try_agent(
        &self,
        name: &str,
        limit: DurationMs,
        on: &mut dyn FnMut(AgentEvent),
    ) -> Result<TrialReport, TrackerError>;

    /// Tells a CI job values for its later steps and jobs, if there is one; each is a name and one line.
    ///
    /// # Errors
    /// They cannot be written; a sentence.
    fn job_outputs(&self, outputs: &[(&str, String)]) -> Result<(), String>;

    /// Whether a CI job wants a summary.
    fn wants_step_summary(&self) -> bool;

    /// Appends Markdown to the summary of the CI job, if there is one.
    ///
    /// # Errors
    /// It cannot be written; a sentence.
    fn step_summary(&self, text: &str) -> Result<(), String>;
}

/// Terminal windows, one for each running session.
pub trait Windows {
    /// Opens a window that shows a session until it ends, unless its task has one.
    ///
    /// # Errors
    /// It cannot be opened; a sentence.
    fn open(&self, task: &str, session: &str) -> Result<(), String>;

    /// The command with which a person looks at them.
    fn invitation(&self) -> String;

    /// Shows them in this terminal until the person leaves.
    ///
    /// # Errors
    /// They cannot be shown; a sentence.
    fn enter(&self) -> Result<(), String>;

    /// Closes those that were opened here.
    fn close(&self);
}

/// The demonstration: a small repository with a bare remote, and a human who merges.
pub trait Demo {
    /// The clone that the maintainer works in.
    fn clone_dir(&self) -> &Path;

    /// Merges a branch into main and pushes, as a human would.
    ///
    /// # Errors
    /// It does not merge; a sentence.
    fn merge(&self, branch: &str) -> Result<(), String>;

    /// Size of a branch's change, in git's words.
    ///
    /// # Errors
    /// The branch does not exist; a sentence.
    fn summary(&self, branch: &str) -> Result<String, String>;
}
