//! Sessions: one attempt of one agent at one task. The claim is the lease.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::ids::{Oid, RecordId, TaskUid};
use crate::domain::money::{CostSource, MicroUsd, Spent, Usage};
use crate::domain::record::{SessionClaimed, SessionFinished, SessionReleased};
use crate::domain::register::{Reg, Stamp};
use crate::domain::remote::Remote;
use crate::domain::time::Timestamp;

/// Who runs a session: enough to prove later that it is dead.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct RunnerIdentity {
    /// Host name.
    pub host: String,
    /// Boot id of the kernel (`/proc/sys/kernel/random/boot_id`); empty if unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub boot: String,
    /// Process id of fleet on that host.
    pub pid: u32,
    /// Start time of that process in clock ticks since boot, so that a reused pid is not mistaken.
    #[serde(default)]
    pub pid_start: u64,
    /// CI run, such as `github:octo/hello/123/1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci: Option<String>,
}

impl SessionClaimed {
    /// The first claim of a task, about which nothing else is said.
    #[must_use]
    pub fn first(task: TaskUid, agent: &str, base: Oid, lease_until: Timestamp) -> Self {
        Self {
            task,
            attempt: 1,
            nonce: String::new(),
            agent: agent.to_owned(),
            model: None,
            role: String::new(),
            route: None,
            provider: None,
            runner: RunnerIdentity::default(),
            base,
            branch: None,
            continues: None,
            lease_until,
            addresses: Vec::new(),
            onto: None,
            merges: None,
        }
    }
}

/// Why an attempt failed (DESIGN §5, retry classes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// Idle or total time limit; what it had done is kept on its branch if the rules let it.
    Timeout,
    /// No change, unreadable output, or a claim of success without its terminal event.
    InvalidOutput,
    /// A `verify` command failed, twice.
    VerifyFailed,
    /// The provider said stop until a time, or refuses the key; a pause, not an attempt.
    RateLimited,
    /// The agent reported an error of its own (bad key, refused model, crash).
    AgentError,
    /// The work broke a rule (protected path, size cap, secret).
    PolicyRefused,
    /// Git, disk, network: not the agent's fault.
    Infrastructure,
    /// Stopped by a signal or time budget.
    Cancelled,
    /// Stopped because a budget, or the agent's own limit of turns, tokens or money, was used up;
    /// what it had done is kept on its branch.
    Budget,
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "timeout",
            Self::InvalidOutput => "invalid output",
            Self::VerifyFailed => "verify failed",
            Self::RateLimited => "rate limited",
            Self::AgentError => "agent error",
            Self::PolicyRefused => "refused by policy",
            Self::Infrastructure => "infrastructure",
            Self::Cancelled => "cancelled",
            Self::Budget => "stopped for budget",
        })
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Outcome {
    /// Work is there: a head commit, or a report.
    Succeeded,
    /// The agent asked a human and stopped.
    Escalated,
    /// It failed.
    Failed {
        /// In which way.
        class: FailureClass,
    },
}

/// Outcome of one `verify` command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyResult {
    /// The command as configured.
    pub command: String,
    /// Exit code; none if it was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// Wall time.
    pub duration_ms: u64,
    /// End of its output, bounded and redacted; kept only when it failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tail: String,
}

impl VerifyResult {
    /// True on exit code 0.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.exit == Some(0)
    }
}

/// How a lease was given back without a finish.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Release {
    /// Why nothing can be running.
    pub proof: String,
    /// No agent was ever started: neither an attempt nor a cost.
    pub unstarted: bool,
}

impl Release {
    /// As a record tells it.
    #[must_use]
    pub fn of(told: &SessionReleased) -> Self {
        Self {
            proof: told.proof.clone(),
            unstarted: told.unstarted,
        }
    }
}

/// A session, folded.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Session {
    /// The claim; `None` while only later records are known.
    pub claim: Option<(SessionClaimed, Stamp)>,
    /// Who runs it, once started.
    pub started: Option<(RunnerIdentity, Stamp)>,
    /// End of the lease.
    pub lease_until: Reg<Timestamp>,
    /// The agent's own session id.
    pub agent_session: Reg<Option<String>>,
    /// The end.
    pub finished: Option<(SessionFinished, Stamp)>,
    /// How the lease was given back without a finish.
    pub released: Option<(Release, Stamp)>,
    /// What it had spent when it was last noted, while it has not finished.
    pub spent: Reg<Option<Spent>>,
    /// Its session at a service, if its agent is one.
    pub remote: Remote,
}

impl Session {
    /// The task, if the claim is known.
    #[must_use]
    pub fn task(&self) -> Option<TaskUid> {
        self.claim.as_ref().map(|(c, _)| c.task)
    }

    /// Attempt number; 0 while the claim is unknown.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.claim.as_ref().map_or(0, |(c, _)| c.attempt)
    }

    /// True while nobody has said that it ended: such a session holds its task, whatever the
    /// clock says. Time alone frees nothing.
    #[must_use]
    pub const fn holds_lease(&self) -> bool {
        self.claim.is_some() && self.finished.is_none() && self.released.is_none()
    }

    /// True if it was given back before any agent was started: it counts nowhere.
    #[must_use]
    pub fn is_unstarted(&self) -> bool {
        self.finished.is_none() && self.released.as_ref().is_some_and(|(r, _)| r.unstarted)
    }

    /// The commit it handed over.
    #[must_use]
    pub fn head(&self) -> Option<&Oid> {
        self.finished.as_ref().and_then(|(f, _)| f.head.as_ref())
    }

    /// Money spent, as far as known: at its end, else what was last noted.
    #[must_use]
    pub fn cost(&self) -> MicroUsd {
        self.known_cost().unwrap_or_default()
    }

    /// As [`Self::cost`]; `None` if nobody said anything.
    #[must_use]
    pub fn known_cost(&self) -> Option<MicroUsd> {
        match &self.finished {
            Some((finished, _)) => finished.cost,
            None => self.spent.value.map(|spent| spent.cost),
        }
    }

    /// Where that cost comes from.
    #[must_use]
    pub fn cost_source(&self) -> CostSource {
        match &self.finished {
            Some((finished, _)) => finished.cost_source,
            None => self.spent.value.unwrap_or_default().source,
        }
    }

    /// Tokens spent, as far as known.
    #[must_use]
    pub fn usage(&self) -> Usage {
        match &self.finished {
            Some((finished, _)) => finished.usage,
            None => self.spent.value.unwrap_or_default().usage,
        }
    }

    /// The record that books its spending: its end, or the last note of what runs. How its time is
    /// read is said by [`Stamp::written_by`].
    #[must_use]
    pub fn booked(&self) -> Option<Stamp> {
        let ended = self.finished.as_ref().map(|(_, at)| *at);
        let ended = ended.or(self.released.as_ref().map(|(_, at)| *at));
        let noted = self.spent.is_written().then_some(self.spent.at);
        ended.or(noted)
    }

    /// Answers and feedback that it took up.
    #[must_use]
    pub fn addresses(&self) -> &[RecordId] {
        self.claim.as_ref().map_or(&[], |(c, _)| &c.addresses)
    }
}
