//! Payloads of sessions and of their locks.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{Oid, RecordId, SessionUid, TaskUid};
use crate::domain::money::{CostSource, MicroUsd, Spent, Usage};
use crate::domain::session::{Outcome, RunnerIdentity, VerifyResult};
use crate::domain::time::Timestamp;

/// Payload of `session.claimed`. Lease = this record, published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionClaimed {
    /// Which task.
    pub task: TaskUid,
    /// 1, 2, 3 …; every claim of the task has a greater one.
    pub attempt: u32,
    /// 128 random bits in hex: makes two claims' commits differ (git says "up to date" otherwise).
    pub nonce: String,
    /// Name of the configured agent.
    pub agent: String,
    /// Model asked for, if the route or agent names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Role whose prompt is used.
    pub role: String,
    /// Name of the route that chose the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Whose model it is, such as `anthropic`, as far as the configuration tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Where it runs.
    pub runner: RunnerIdentity,
    /// Commit of the base branch that the work starts from.
    pub base: Oid,
    /// Branch that will be pushed, `agent/T-7`; none for `report` and `plan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Head of that branch that this attempt continues from, as recorded; none if it must not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<Oid>,
    /// End of the lease by the claimer's clock.
    pub lease_until: Timestamp,
    /// Answers, review feedback and commands that this attempt takes up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<RecordId>,
    /// Branch that the work is to be merged into, if it is not the configured base branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onto: Option<String>,
    /// Commit of that branch which the attempt merges into its own branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merges: Option<Oid>,
}

/// Payload of `session.started`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStarted {
    /// Which session.
    pub session: SessionUid,
    /// The process that runs it now (a later phase may run elsewhere than the claim).
    pub runner: RunnerIdentity,
    /// The agent's own session id, when it is known before the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_session: Option<String>,
}

/// Payload of `session.renewed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the wire names say it")]
pub struct SessionRenewed {
    pub session: SessionUid,
    pub lease_until: Timestamp,
    /// What the session had spent by then, if it told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<Spent>,
}

/// Payload of `session.finished`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFinished {
    /// Which session.
    pub session: SessionUid,
    /// How it ended.
    pub outcome: Outcome,
    /// What the agent says it did, or why it failed; bounded and redacted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Commit pushed to the branch, in the same atomic push as this record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Oid>,
    /// Paths that the branch changes against base, for overlap checks; at most 1,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Outcome of each `verify` command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<VerifyResult>,
    /// The agent's own session id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_session: Option<String>,
    /// Model that answered, if reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Tokens.
    #[serde(default)]
    pub usage: Usage,
    /// Money; none when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<MicroUsd>,
    /// Where `cost` comes from.
    #[serde(default, skip_serializing_if = "CostSource::is_unknown")]
    pub cost_source: CostSource,
    /// Wall time of the agent and its checks.
    #[serde(default)]
    pub duration_ms: u64,
    /// How it was confined, such as `none` or `bubblewrap`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sandbox: String,
    /// Where the event journal lies, outside git: relative to fleet's folder in the git dir of the
    /// clone that ran it, `journals/<session>.jsonl`; records of older builds hold a whole path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<String>,
}

/// Payload of `session.released`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionReleased {
    /// Which session.
    pub session: SessionUid,
    /// Why nothing can be running: `never started`, `pid 71 of boot … is gone`, ….
    pub proof: String,
    /// True if its own fleet says that no agent was started: it is no attempt and cost nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unstarted: bool,
    /// What it had spent, by the note that it left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<Spent>,
}

/// Payload of `lock.acquired`. One lock per session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the wire names say it")]
pub struct LockAcquired {
    pub session: SessionUid,
    pub task: TaskUid,
    pub globs: Vec<String>,
    pub until: Timestamp,
}

/// Payload of `lock.released`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the wire names say it")]
pub struct LockReleased {
    pub session: SessionUid,
}
