//! Gates, milestones, epics, and versions of remarks.

use serde::Serialize;

use crate::app::tracker::report::Delivery;
use crate::domain::money::MicroUsd;
use crate::domain::time::Timestamp;

/// A gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateRow {
    /// The task that waits.
    pub task: String,
    /// Its title.
    pub title: String,
    /// Which of its gates, from 1.
    pub number: usize,
    /// Identity: the record that added it.
    pub gate: String,
    /// `human`, `timer`, `pr` or `ci`.
    pub kind: &'static str,
    /// Of a timer: until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Which pull request or run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Why, in a line.
    pub note: String,
    /// Who added it.
    pub added_by: String,
    /// When.
    pub added_at: Timestamp,
    /// `waiting`, `passed` or `removed`.
    pub state: &'static str,
    /// Who said so, if somebody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_at: Option<Timestamp>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_note: Option<String>,
}

/// Answer of `gate list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct GateList {
    pub gates: Vec<GateRow>,
    pub total: usize,
    pub has_more: bool,
}

/// A gate that was added or set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateChange {
    /// `added`, or where it stands now.
    pub action: &'static str,
    /// False if it stood there already.
    pub changed: bool,
    /// The gate.
    pub gate: GateRow,
    /// Whether it is published.
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// Sums over tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
pub struct Parts {
    /// Closed ones.
    pub done: usize,
    /// All.
    pub total: usize,
    /// Estimates of all together.
    pub estimate_minutes: u64,
    /// Estimates of those that are open.
    pub estimate_open_minutes: u64,
    /// What their sessions cost.
    pub cost_usd_micros: MicroUsd,
}

/// A task with parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EpicRow {
    pub id: String,
    pub title: String,
    pub status: &'static str,
    pub priority: u8,
    #[serde(flatten)]
    pub parts: Parts,
}

/// Answer of `epics`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EpicList {
    pub epics: Vec<EpicRow>,
    pub total: usize,
    pub has_more: bool,
}

/// A milestone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MilestoneRow {
    /// As tasks name it.
    pub name: String,
    /// Wanted by.
    pub due: Option<Timestamp>,
    /// Over.
    pub closed: bool,
    /// What it is about.
    pub note: String,
    /// Sums over its tasks.
    pub tasks: Parts,
}

/// Answer of `milestone list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct MilestoneList {
    pub milestones: Vec<MilestoneRow>,
    pub total: usize,
    pub has_more: bool,
}

/// A milestone that was described.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct MilestoneChange {
    pub name: String,
    pub changed: bool,
    pub due: Option<Timestamp>,
    pub closed: bool,
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// One text of a remark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct CommentVersion {
    pub at: Timestamp,
    pub by: String,
    pub text: String,
}

/// Every text of a remark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommentVersions {
    /// The task.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The record that added the remark.
    pub comment: String,
    /// Which of the task's remarks, from 1.
    pub number: usize,
    /// Oldest first.
    pub versions: Vec<CommentVersion>,
    /// How many.
    pub total: usize,
    /// Never.
    pub has_more: bool,
}
