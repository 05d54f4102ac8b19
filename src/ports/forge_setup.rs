//! Setting up a forge: the files by which it runs ticks, and whether its settings let fleet work.

use crate::ports::forge::ForgeError;

/// Where the forge's jobs get fleet from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobProgram {
    /// The step that installs it: `owner/name@<commit>`, or `./path` of this repository.
    pub step: String,
    /// A release; else it is built from source at that commit.
    pub release: Option<JobRelease>,
}

/// A released archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRelease {
    /// `0.1.0`.
    pub version: String,
    /// SHA-256 of the archive, in hex.
    pub sha256: String,
}

/// A file of the work tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFile {
    /// Below the top.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// What a repository at the forge has to allow.
#[derive(Debug, Clone, Copy)]
pub struct SetupWish<'a> {
    /// Branch that carries the state.
    pub state_branch: &'a str,
    /// Branch that work is reviewed against.
    pub base_branch: &'a str,
    /// Labels that have to exist there.
    pub labels: &'a [String],
}

/// What was found there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SetupReport {
    /// Facts: name and value.
    pub facts: Vec<(String, String)>,
    /// What keeps fleet from working there, or will.
    pub findings: Vec<SetupFinding>,
    /// Rules for the state branch and the agents' branches, ready to be imported, if the forge has
    /// such: name of the file to save it as, and its text.
    pub rules: Option<(String, String)>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SetupLevel {
    /// Worth knowing.
    Note,
    /// Something will not work.
    Warning,
    /// A tick cannot work.
    Error,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupFinding {
    /// How bad it is.
    pub level: SetupLevel,
    /// Which question it answers.
    pub about: SetupQuestion,
    /// What is so: a sentence.
    pub what: String,
    /// What to do: what to click or type.
    pub next: String,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SetupQuestion {
    Token,
    Repository,
    DefaultBranch,
    OpenReviews,
    StateRules,
    Labels,
    Schedule,
}

impl SetupQuestion {
    /// Stable name of a finding.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Token => "forge_token",
            Self::Repository => "forge_repository",
            Self::DefaultBranch => "forge_default_branch",
            Self::OpenReviews => "forge_open_reviews",
            Self::StateRules => "forge_state_rules",
            Self::Labels => "forge_labels",
            Self::Schedule => "forge_schedule",
        }
    }
}

/// Looks at the settings of a repository at a forge. Changes nothing there.
pub trait ForgeSetup: Send + Sync {
    /// Looks, with a bounded number of calls. What cannot be seen is a finding.
    ///
    /// # Errors
    /// The forge cannot be asked at all: no token, no answer, a limit.
    fn look(&self, wish: &SetupWish<'_>) -> Result<SetupReport, ForgeError>;
}
