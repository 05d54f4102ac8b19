//! The place where fleet stands: the repository as git sees it, its configuration, and the files
//! that humans review.

use crate::domain::policy::{AgentSpec, Policy};
use crate::ports::forge_setup::{JobFile, JobProgram};
use crate::ports::sandbox::SandboxFacts;
use crate::ports::template::Template;

/// The oldest git that knows everything that fleet asks of it.
pub const OLDEST_GIT: (u32, u32) = (2, 38);

/// Whether a version, such as `2.47.3` or `2.39.5 (Apple Git-154)`, is below [`OLDEST_GIT`]. One that
/// cannot be read is not.
#[must_use]
pub fn is_too_old(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    let (major, minor) = (parts.next().flatten(), parts.next().flatten());
    matches!((major, minor), (Some(major), Some(minor)) if (major, minor) < OLDEST_GIT)
}

/// The repository as git sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SiteFacts {
    /// Top of the work tree; the git dir if there is none.
    pub top: String,
    /// It has no work tree.
    pub bare: bool,
    /// Its history is cut off.
    pub shallow: bool,
    /// Branch that is checked out; none if HEAD is detached.
    pub branch: Option<String>,
    /// That branch has no commit yet.
    pub unborn: bool,
    /// Names of its remotes.
    pub remotes: Vec<String>,
}

/// A configuration that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Configured {
    /// The file, relative to the top; none while defaults hold.
    pub file: Option<String>,
    /// What it comes to.
    pub policy: Policy,
    /// Remarks that are no errors.
    pub warnings: Vec<String>,
}

/// Something wrong in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigTrouble {
    /// File, with line and key where known.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What to write instead; may be empty.
    pub hint: String,
}

/// What happens to an agent of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentVerb {
    /// A new one.
    Add,
    /// One that is there.
    Edit,
    /// It goes.
    Remove,
}

/// A change of one agent of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentChange {
    /// What happens.
    pub verb: AgentVerb,
    /// Its name.
    pub name: String,
    /// Keys and their new values, as typed; `set_env.NAME` reaches into a table.
    pub set: Vec<(String, String)>,
    /// Keys that go back to their defaults.
    pub unset: Vec<String>,
}

/// The place where fleet stands. Nothing here touches hooks or git's configuration.
pub trait Site: Send + Sync {
    /// The repository.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn facts(&self) -> Result<SiteFacts, String>;

    /// Version of the git program.
    ///
    /// # Errors
    /// Why it does not run.
    fn git_version(&self) -> Result<String, String>;

    /// The configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    fn configured(&self) -> Result<Configured, Vec<ConfigTrouble>>;

    /// First files of a project, path and text: the configuration (with this state branch, if it is
    /// not the default), then the role prompts.
    fn templates(&self, state_branch: Option<&str>) -> Vec<(String, String)>;

    /// Reads a template of tasks, the text of the file at `path`.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place.
    fn task_template(&self, path: &str, text: &str) -> Result<Template, Vec<ConfigTrouble>>;

    /// Writes a file of the work tree unless there is one; says whether it did.
    ///
    /// # Errors
    /// Why it cannot be written.
    fn put_new(&self, path: &str, text: &str) -> Result<bool, String>;

    /// Files by which the forge's own CI runs ticks with this policy.
    ///
    /// # Errors
    /// `program` cannot stand in them; a sentence.
    fn job_files(&self, policy: &Policy, program: &JobProgram) -> Result<Vec<JobFile>, String>;

    /// Text of a file of the work tree, at most 1 MiB; `None` if there is none.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read(&self, path: &str) -> Result<Option<String>, String>;

    /// Puts a new text in the place of a file of the work tree, whole or not at all.
    ///
    /// # Errors
    /// Why it cannot be written.
    fn rewrite(&self, path: &str, text: &str) -> Result<(), String>;

    /// Changes one agent in the configuration file of the work tree; the rest of the file stays as it
    /// is, byte for byte. A change after which the configuration would not hold is not made. Gives
    /// the file.
    ///
    /// # Errors
    /// What is wrong with the change, or with the configuration after it.
    fn change_agent(&self, change: &AgentChange) -> Result<String, Vec<ConfigTrouble>>;

    /// Whether there is a file of that path in the work tree.
    fn has(&self, path: &str) -> bool;

    /// What confines agents here, found by trying it.
    fn sandbox(&self, policy: &Policy) -> SandboxFacts;

    /// Whether an agent could be started here.
    ///
    /// # Errors
    /// What is missing and what to do.
    fn available(&self, agent: &AgentSpec) -> Result<(), String>;
}

#[cfg(test)]
mod tests {
    use super::is_too_old;

    #[test]
    fn versions_of_git_are_told_apart() {
        for old in ["1.9.1", "2.20.1", "2.37.99"] {
            assert!(is_too_old(old), "{old}");
        }
        for good in ["2.38.0", "2.47.3", "2.39.5 (Apple Git-154)", "3.0", "next"] {
            assert!(!is_too_old(good), "{good}");
        }
    }
}
