//! Services that run agents by themselves, as configured.

use crate::domain::time::DurationMs;

/// A service that runs agents by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteService {
    /// Which.
    pub kind: RemoteKind,
    /// Where its API is, without a slash at the end.
    pub base_url: String,
    /// Environment variable that holds its key or password; none = it asks for none.
    pub key_env: Option<String>,
    /// User name that goes with a password.
    pub user: String,
    /// The repository as the service names it: `sources/github/octo/hello` (Jules).
    pub source: Option<String>,
    /// Who approves plans.
    pub plans: PlanApproval,
    /// Let the service open a pull request of its own as well (Jules).
    pub pull_request: bool,
    /// Least time between two looks at one session.
    pub poll: DurationMs,
    /// How long the service may take to show what was created there. A request whose answer was lost
    /// is not repeated before.
    pub settle: DurationMs,
}

/// The services that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RemoteKind {
    /// `opencode serve`, started by the owner; it works in fleet's workspaces.
    OpenCode,
    /// Jules, which works in machines of its own.
    Jules,
}

impl RemoteKind {
    /// Its name in the configuration and in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenCode => "opencode",
            Self::Jules => "jules",
        }
    }

    /// True if it works in a workspace of this machine.
    #[must_use]
    pub const fn is_local(self) -> bool {
        matches!(self, Self::OpenCode)
    }
}

/// Who approves the plans of a remote agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlanApproval {
    /// Nobody is asked.
    #[default]
    Auto,
    /// A human, through the queue.
    Ask,
}
