//! Everything about one task, as `show` answers it.

use serde::Serialize;

use crate::app::tracker::report::{GateRow, Parts, TaskRow};
use crate::domain::money::{CostSource, MicroUsd, Usage};
use crate::domain::time::Timestamp;

/// Answer of `show`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShowReport {
    /// Each task named, in that order.
    pub tasks: Vec<TaskDetail>,
    /// How many.
    pub total: usize,
    /// Never.
    pub has_more: bool,
}

/// Everything about a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct TaskDetail {
    #[serde(flatten)]
    pub task: TaskRow,
    pub deps: Vec<DepRow>,
    pub dependents: Vec<DepRow>,
    pub sessions: Vec<SessionRow>,
    pub locks: Vec<LockRow>,
    pub reviews: Vec<ReviewRow>,
    pub escalations: Vec<EscalationRow>,
    pub findings: Vec<FindingRow>,
    pub comments: Vec<CommentRow>,
    /// What it waits for besides tasks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateRow>,
    /// Sums over its parts, if it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<Parts>,
    /// What is kept from the agent that reads this, with the call by which a human lets it go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<String>,
}

/// The other end of an edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct DepRow {
    pub kind: &'static str,
    pub id: String,
    pub title: String,
    /// `open`, `closed`, or `unknown` when no record says anything about it.
    pub status: &'static str,
}

/// A session of a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names are those of `domain::session`")]
pub struct SessionRow {
    pub id: String,
    pub attempt: u32,
    pub agent: String,
    pub model: Option<String>,
    pub role: String,
    /// `claimed`, `running`, `succeeded`, `escalated`, `failed` or `released`.
    pub state: &'static str,
    /// Failure class, or the proof of a release.
    pub why: Option<String>,
    pub claimed_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub lease_until: Timestamp,
    pub branch: Option<String>,
    pub base: String,
    pub head: Option<String>,
    pub cost_usd_micros: MicroUsd,
    /// `reported`, `estimated` or `unknown`.
    pub cost_source: CostSource,
    /// Name of the route that chose the agent.
    pub route: Option<String>,
    /// Whose model it is.
    pub provider: Option<String>,
    pub usage: Usage,
    pub agent_session: Option<String>,
    pub sandbox: Option<String>,
    /// Its session at a service, if its agent is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteRow>,
    pub summary: String,
}

/// A session at a service, as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteRow {
    /// `opencode` or `jules`.
    pub service: String,
    /// Its id there; none while that is not known.
    pub id: Option<String>,
    /// Where a human looks.
    pub url: Option<String>,
    /// When the right to make it was first recorded.
    pub since: Option<Timestamp>,
    /// What it does, such as `working`; none if it was not looked at yet.
    pub phase: Option<&'static str>,
    /// Since when it does that.
    pub phase_since: Option<Timestamp>,
    /// What the service says besides, in a line.
    pub detail: String,
    /// When it was last looked at.
    pub looked_at: Option<Timestamp>,
}

/// A lock of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct LockRow {
    pub session: String,
    pub globs: Vec<String>,
    pub until: Timestamp,
    pub live: bool,
}

/// A review of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names are those of `domain::review`")]
pub struct ReviewRow {
    pub forge: String,
    pub number: Option<u64>,
    pub url: Option<String>,
    pub branch: String,
    pub base_branch: String,
    pub head: String,
    /// `open`, `merged` or `closed`.
    pub state: &'static str,
    pub feedback: usize,
}

/// A question to a human.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EscalationRow {
    /// Short id, as `answer` takes it.
    pub id: String,
    /// Identity.
    pub uid: String,
    /// The task it is about.
    pub task: String,
    /// Its title.
    pub title: String,
    /// Priority of the task; the queue is sorted by it and by waiting time.
    pub priority: u8,
    /// Why a human is asked.
    pub trigger: &'static str,
    /// Who asks.
    pub agent: Option<String>,
    /// What one must know.
    pub context: String,
    /// Offered answers.
    pub options: Vec<String>,
    /// Since when.
    pub opened_at: Timestamp,
    /// The answer and who gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Who gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
}

/// Something an agent noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct FindingRow {
    pub at: Timestamp,
    pub text: String,
}

/// A remark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct CommentRow {
    pub at: Timestamp,
    pub by: String,
    pub text: String,
    /// Which remark of the task, from 1; `comment --edit` takes it.
    pub number: usize,
    /// Identity: the record that added it.
    pub comment: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// The text is kept from the agent that reads this: no human took it over.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub withheld: bool,
}
