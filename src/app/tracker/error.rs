//! Why a tracker use-case did not do what was asked. Each says what was tried and on what; the
//! face adds the exit code and prints the hint.

use crate::domain::ids::TaskSelector;
use crate::ports::state_repo::{StateReadError, StateRepoError};

/// A refusal or failure.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrackerError {
    /// No task has that name.
    #[error("no task is called {selector}")]
    UnknownTask {
        /// As typed.
        selector: TaskSelector,
        /// Names that look alike.
        near: Vec<String>,
    },
    /// More than one task has that name; nothing is guessed.
    #[error("{selector} names more than one task: {}", candidates.join(", "))]
    AmbiguousTask {
        /// As typed.
        selector: TaskSelector,
        /// A handle for each, with its title.
        candidates: Vec<String>,
    },
    /// No open escalation has that name.
    #[error("no open escalation is called {given}")]
    UnknownEscalation {
        /// As typed.
        given: String,
        /// Open ones, by short id.
        open: Vec<String>,
    },
    /// The task has several open escalations, or the short id several owners.
    #[error("{given} names more than one open escalation: {}", candidates.join(", "))]
    AmbiguousEscalation {
        /// As typed.
        given: String,
        /// Their short ids.
        candidates: Vec<String>,
    },
    /// Something that was named is not there.
    #[error("{what}")]
    NotThere {
        /// What was named.
        what: String,
        /// What there is.
        hint: String,
    },
    /// A value breaks a rule.
    #[error("{what}")]
    Invalid {
        /// Which value, which rule.
        what: String,
        /// What to write instead.
        hint: String,
    },
    /// A file that was given cannot be used.
    #[error("{what}")]
    Input {
        /// File, line and column, and what is wrong there.
        what: String,
        /// What to do.
        hint: String,
        /// Everything that is wrong, each with its place.
        problems: Vec<String>,
    },
    /// The edge would close a cycle.
    #[error("the dependency would close a cycle: {}", path.join(" -> "))]
    Cycle {
        /// Names along the cycle; the first is repeated at the end.
        path: Vec<String>,
    },
    /// An edge that cannot be: to itself.
    #[error("{task} cannot depend on itself")]
    SelfDependency {
        /// The task.
        task: String,
    },
    /// Somebody holds the task.
    #[error("{task} is held by {holder}")]
    Claimed {
        /// The task.
        task: String,
        /// A person, or an agent's session.
        holder: String,
    },
    /// A claim or change is not possible in this phase.
    #[error("{task} is not ready: {why}")]
    NotReady {
        /// The task.
        task: String,
        /// Reasons, joined.
        why: String,
    },
    /// Others were faster, again and again.
    #[error("failed to {what}: other writers were faster {tries} times")]
    Lost {
        /// What was to be recorded.
        what: String,
        /// Attempts.
        tries: u32,
    },
    /// The remote refuses.
    #[error("failed to {what}: the remote refuses: {cause}")]
    Denied {
        /// What was to be recorded.
        what: String,
        /// What git said.
        cause: String,
    },
    /// The remote does not answer, and `sync.push = "always"` or the verb demands it.
    #[error("failed to {what}: the remote does not answer: {cause}")]
    Unreachable {
        /// What was to be recorded.
        what: String,
        /// What git said.
        cause: String,
    },
    /// There is no state branch yet.
    #[error("this repository has no fleet state on branch {branch}")]
    NotInitialised {
        /// The branch looked for.
        branch: String,
        /// Why the remote could not be asked for it, if there is one that may have it.
        unasked: Option<String>,
    },
    /// The state needs a newer fleet to be written.
    #[error("failed to {0}")]
    TooNew(String),
    /// The state cannot be read or trusted.
    #[error("failed to {0}")]
    State(String),
    /// Not a repository, or not one that fleet can use.
    #[error("failed to use {on} as a repository: {cause}")]
    NoRepository {
        /// Path.
        on: String,
        /// Why.
        cause: String,
    },
    /// The configuration is wrong.
    #[error("{what}")]
    Config {
        /// File, line, key and what is wrong with it.
        what: String,
        /// What to do.
        hint: String,
    },
    /// Objects, refs or files cannot be written.
    #[error("failed to {0}")]
    Write(String),
}

impl From<StateReadError> for TrackerError {
    fn from(error: StateReadError) -> Self {
        Self::State(error.to_string())
    }
}

impl From<StateRepoError> for TrackerError {
    fn from(error: StateRepoError) -> Self {
        match error {
            StateRepoError::Read(inner) => inner.into(),
            StateRepoError::Rewound { .. } | StateRepoError::Gone { .. } => {
                Self::State(error.to_string())
            }
            StateRepoError::Write { .. } => Self::Write(error.to_string()),
            StateRepoError::Git { unfit: true, .. } => Self::Config {
                what: format!("failed to {error}"),
                hint: "`fleet doctor` shows which git is found".to_owned(),
            },
            StateRepoError::Git { unfit: false, .. } => Self::Write(error.to_string()),
            StateRepoError::Unusable { on, cause } => Self::NoRepository { on, cause },
        }
    }
}
