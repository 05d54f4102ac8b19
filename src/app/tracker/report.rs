//! What the tracker answers. Field names are those of `--json`: a contract (docs/formats.md).

mod cost;
mod detail;
mod finding;
mod past;
mod place;
mod tracking;

pub use cost::{BudgetRow, CostReport, CostRow, RouteStat, RouteStats};
pub use detail::{
    CommentRow, DepRow, EscalationRow, FindingRow, LockRow, RemoteRow, ReviewRow, SessionRow,
    ShowReport, TaskDetail,
};
pub use place::{
    ConfigReport, DoctorFinding, DoctorReport, Factor, InitReport, InitStep, NumberedRow,
    RouteReport, RouteRow, RulesFile, SkippedRow, SyncReport,
};

pub use past::*;
pub use tracking::{
    CommentVersion, CommentVersions, EpicList, EpicRow, GateChange, GateList, GateRow,
    MilestoneChange, MilestoneList, MilestoneRow, Parts,
};

pub use finding::*;

use serde::Serialize;

use crate::domain::ids::TaskUid;
use crate::domain::time::Timestamp;

/// Whether a change reached where everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Delivery {
    /// True if it is published: on the remote, or local because there is no remote.
    pub published: bool,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpublished_because: Option<String>,
    /// True if nothing was recorded because only a plan was asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Names of the operations recorded, or to be recorded, in order.
    pub records: Vec<String>,
}

/// A task in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskRow {
    /// `T-7`, or `T-~k3f9q` while unpublished.
    pub id: String,
    /// Identity that never changes.
    pub uid: TaskUid,
    /// One line.
    pub title: String,
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// 0 (most urgent) to 4.
    pub priority: u8,
    /// `low`, `medium` or `high`.
    pub complexity: &'static str,
    /// `open` or `closed`.
    pub status: &'static str,
    /// Computed phase.
    pub phase: &'static str,
    /// Human holder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Labels, sorted.
    pub labels: Vec<String>,
    /// What it is to be ready for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milestone: Option<String>,
    /// Acceptance points, if it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checklist: Option<Checklist>,
    /// Why it is in this phase: with `--explain`, for `blocked` and `show`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// Title, labels and longer texts are kept from the agent that reads this: no human admitted them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub withheld: bool,
    /// Everything else, with `--full`.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub full: Option<Box<TaskFull>>,
}

/// How many acceptance points are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Checklist {
    pub done: usize,
    pub total: usize,
}

/// A reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Stable name.
    pub code: &'static str,
    /// In words.
    pub text: String,
}

/// The longer fields of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
#[expect(missing_docs, reason = "the names are those of `domain::task::Task`")]
pub struct TaskFull {
    pub body: String,
    pub acceptance: Vec<AcceptanceRow>,
    pub deliverable: &'static str,
    pub paths: Vec<String>,
    pub due: Option<Timestamp>,
    pub defer_until: Option<Timestamp>,
    pub external_ref: Option<String>,
    /// Who said stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    /// What all attempts together may cost, if that was said for this task alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_usd_micros: Option<crate::domain::money::MicroUsd>,
    /// How long a person would take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate_minutes: Option<u64>,
    /// When its texts became a summary; `show --full` has them all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decayed_at: Option<Timestamp>,
    pub agent: Option<String>,
    pub key: Option<String>,
    pub admitted: bool,
    /// `done`, `wontdo`, `duplicate` or `failed`, when closed.
    pub outcome: Option<&'static str>,
    /// Why it was closed.
    pub close_reason: Option<String>,
    pub added_by: Option<String>,
    pub added_at: Option<Timestamp>,
    pub updated_at: Timestamp,
    /// Fields of newer versions.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub extra: std::collections::BTreeMap<String, serde_json::Value>,
}

/// One acceptance point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AcceptanceRow {
    pub text: String,
    pub done: bool,
}

/// A list.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct TaskList {
    /// Those shown.
    pub tasks: Vec<TaskRow>,
    /// How many there are.
    pub total: usize,
    /// True if a limit left some out.
    pub has_more: bool,
}

/// Answer of `ready`.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct ReadyReport {
    /// What can be worked on now, best first.
    #[serde(flatten)]
    pub list: TaskList,
    /// What cannot, with reasons; only with `--explain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Vec<TaskRow>>,
    /// Cycles of ordering edges; only with `--explain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycles: Option<Vec<Vec<String>>>,
}

/// Answer of `ready --claim`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClaimReport {
    /// The task that is the caller's now; none if nothing was ready.
    pub task: Option<TaskRow>,
    /// How many are ready besides.
    pub remaining: usize,
    /// The caller held it before; nothing was recorded.
    pub already_held: bool,
    /// Since when, then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_since: Option<Timestamp>,
    /// Delivery of the claim.
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// Answer of `add` and `q`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AddReport {
    /// `T-7`, or `T-~k3f9q` while unpublished.
    pub id: String,
    /// Identity that never changes.
    pub uid: String,
    /// One line.
    pub title: String,
    /// True if a task with that key was there already; nothing was added.
    pub existed: bool,
    /// Delivery.
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// Answer of `add --graph`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GraphReport {
    /// The tasks, in the order of the plan.
    pub tasks: Vec<GraphRow>,
    /// How many.
    pub total: usize,
    /// Never: a plan is answered whole.
    pub has_more: bool,
    /// Edges recorded.
    pub deps: usize,
    /// Delivery.
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// One task of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GraphRow {
    /// Name in the plan.
    pub name: String,
    /// `T-7`, or a handle.
    pub id: String,
    /// Identity.
    pub uid: String,
    /// One line.
    pub title: String,
    /// True if a task with that key was there already.
    pub existed: bool,
}

/// Answer of the verbs that change tasks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangeReport {
    /// What was done, in the past tense: `closed`.
    pub action: &'static str,
    /// Each task named.
    pub tasks: Vec<ChangedTask>,
    /// How many.
    pub total: usize,
    /// Never.
    pub has_more: bool,
    /// Delivery.
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// A task that was named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedTask {
    /// `T-7`, or a handle.
    pub id: String,
    /// Identity.
    pub uid: String,
    /// One line.
    pub title: String,
    /// False if it was so already.
    pub changed: bool,
    /// What changed, or what it is now.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Answer of `inbox`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InboxReport {
    /// Open questions, the most urgent first.
    pub escalations: Vec<EscalationRow>,
    /// How many.
    pub total: usize,
    /// Never.
    pub has_more: bool,
}

/// Answer of `answer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnswerReport {
    /// The question, answered.
    pub escalation: EscalationRow,
    /// Delivery.
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// Answer of `dep add` and `dep rm`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct DepReport {
    /// `added` or `removed`.
    pub action: &'static str,
    pub from: String,
    pub to: String,
    pub kind: &'static str,
    /// False if it was so already.
    pub changed: bool,
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// Answer of `dep tree`: a line per edge, depth first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TreeReport {
    /// The task asked for.
    pub id: String,
    /// It and what it depends on.
    pub lines: Vec<TreeRow>,
    /// How many lines.
    pub total: usize,
    /// Never.
    pub has_more: bool,
}

/// One line of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TreeRow {
    /// Distance from the task asked for.
    pub depth: usize,
    /// Name.
    pub id: String,
    /// One line.
    pub title: String,
    /// `open`, `closed` or `unknown`.
    pub status: &'static str,
    /// Kind of the edge from the line above; none for the first.
    pub kind: Option<&'static str>,
    /// True if it was shown above already; its own edges are not repeated.
    pub repeated: bool,
}

/// Answer of `dep cycles`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CyclesReport {
    /// Each group of tasks that wait for each other.
    pub cycles: Vec<Vec<String>>,
    /// How many.
    pub total: usize,
    /// Never.
    pub has_more: bool,
}

/// Answer of `log`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogReport {
    /// The task.
    pub id: String,
    /// One line.
    pub title: String,
    /// Its history, oldest first.
    pub entries: Vec<LogEntry>,
    /// How many.
    pub total: usize,
    /// True if a limit left older ones out.
    pub has_more: bool,
}

/// One record about a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogEntry {
    /// When, by the clock of the writer.
    pub ts: Timestamp,
    /// Who.
    pub by: String,
    /// Operation.
    pub op: String,
    /// Record id.
    pub record: String,
    /// In words.
    pub what: String,
    /// The payload.
    pub payload: serde_json::Value,
}
