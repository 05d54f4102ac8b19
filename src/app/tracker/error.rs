//! Why a tracker use-case did not do what was asked. Each says what was tried and on what; the
//! face adds the exit code and prints the hint.

use crate::domain::ids::TaskSelector;
use crate::domain::time::Timestamp;
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
    /// Somebody with the caller's name holds the task, and nothing tells whether that is the caller.
    #[error("{task} is held by {holder} since {since}, and others may have that name")]
    HeldUnderName {
        /// The task.
        task: String,
        /// The name.
        holder: String,
        /// When it was taken.
        since: Timestamp,
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

impl TrackerError {
    /// Stable name for programs; `docs/schema/errors.json` lists them all.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownTask { .. } => "task_not_found",
            Self::AmbiguousTask { .. } => "task_ambiguous",
            Self::UnknownEscalation { .. } => "escalation_not_found",
            Self::AmbiguousEscalation { .. } => "escalation_ambiguous",
            Self::NotThere { .. } => "not_found",
            Self::Invalid { .. } => "invalid_value",
            Self::Input { .. } => "bad_input",
            Self::Cycle { .. } => "dependency_cycle",
            Self::SelfDependency { .. } => "self_dependency",
            Self::Claimed { .. } => "already_claimed",
            Self::HeldUnderName { .. } => "held_under_your_name",
            Self::NotReady { .. } => "not_ready",
            Self::Lost { .. } => "lost_race",
            Self::Denied { .. } => "denied",
            Self::Unreachable { .. } => "unreachable",
            Self::NotInitialised { .. } => "not_initialised",
            Self::TooNew(_) => "state_too_new",
            Self::State(_) => "state_unreadable",
            Self::NoRepository { .. } => "no_repository",
            Self::Config { .. } => "config",
            Self::Write(_) => "write_failed",
        }
    }

    /// What to do next; empty where the message says it, because it differs from case to case.
    #[must_use]
    pub fn hint(&self) -> String {
        let fixed = match self {
            Self::UnknownTask { near, .. } => return did_you_mean(near),
            Self::NotThere { hint, .. }
            | Self::Input { hint, .. }
            | Self::Invalid { hint, .. }
            | Self::Config { hint, .. } => {
                return hint.clone();
            }
            Self::Claimed { task, .. } => {
                return format!("`fleet show {task}` says who works on it");
            }
            Self::HeldUnderName { task, .. } => {
                return format!(
                    "it is yours if you took it; programs that share a user set FLEET_ACTOR=agent:NAME, \
                     a name each. `fleet show {task}` says more"
                );
            }
            Self::NotReady { task, .. } => {
                return format!("`fleet show {task}` says what it waits for");
            }
            Self::NotInitialised { unasked, .. } => return how_to_begin(unasked.as_deref()),
            Self::AmbiguousTask { .. } => {
                "name it by one of these handles; `fleet doctor --fix` gives doubled numbers a new one"
            }
            Self::UnknownEscalation { .. } => "`fleet inbox` shows the open ones",
            Self::AmbiguousEscalation { .. } => "name one of them, as `fleet inbox` shows it",
            Self::Cycle { .. } => {
                "take one edge of the cycle away first: `fleet dep rm <TASK> <ON>`"
            }
            Self::SelfDependency { .. } => "name another task",
            Self::Lost { .. } => "run the command again",
            Self::Denied { .. } => {
                "check your rights and the remote's rules for the state branch; nothing was published"
            }
            Self::Unreachable { .. } => "run the command again when the remote answers",
            Self::TooNew(_) => "install a newer fleet",
            Self::State(_) => "`fleet doctor` shows what is wrong",
            Self::NoRepository { .. } => "",
            Self::Write(_) => "check free space and rights of the repository; nothing was recorded",
        };
        fixed.to_owned()
    }
}

fn did_you_mean(near: &[String]) -> String {
    let all = "`fleet list --all` shows every task";
    if near.is_empty() {
        all.to_owned()
    } else {
        format!("did you mean {}? {all}", near.join(", "))
    }
}

/// The next command where there is no state; `unasked` says why the remote was not asked for it.
fn how_to_begin(unasked: Option<&str>) -> String {
    unasked.map_or_else(
        || "run `fleet init`".to_owned(),
        |why| {
            format!(
                "{why}; if fleet was set up there, `fleet sync` brings the state here, else run \
                 `fleet init`"
            )
        },
    )
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
