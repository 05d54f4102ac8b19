//! A task's line as far as lists need it: what they do not show is passed over, not taken in.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::domain::ids::{RecordId, TaskUid};
use crate::domain::money::MicroUsd;
use crate::domain::register::Stamp;
use crate::domain::task::{Acceptance, Complexity, Deliverable};
use crate::domain::time::{Hlc, Timestamp};
use crate::domain::tracking::Gate;
use crate::store::checkpoint::task_row::{Ats, ClosedRow, Elements, TaskRow};

/// The line without bodies, keys, references elsewhere, remarks and fields of newer versions. Its
/// fields mean what they mean in [`TaskRow`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SparseRow {
    n: u32,
    id: Option<TaskUid>,
    ts: Option<Hlc>,
    by: Option<String>,
    title: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    priority: Option<u8>,
    complexity: Option<Complexity>,
    deliverable: Option<Deliverable>,
    acceptance: Option<Vec<Acceptance>>,
    assignee: Option<String>,
    due: Option<Timestamp>,
    defer_until: Option<Timestamp>,
    agent: Option<String>,
    held_by: Option<String>,
    budget: Option<MicroUsd>,
    milestone: Option<String>,
    estimate_minutes: Option<u64>,
    labels: Vec<String>,
    paths: Vec<String>,
    labels_at: Elements,
    paths_at: Elements,
    closed: Option<ClosedRow>,
    admitted: Option<bool>,
    admitted_sha256: Option<String>,
    checks: Elements,
    gates: BTreeMap<RecordId, Gate>,
    decayed: Option<Stamp>,
    updated: Option<Stamp>,
    at: Ats,
}

impl SparseRow {
    /// True if readiness depends on the task's text.
    pub(super) const fn is_pinned(&self) -> bool {
        self.admitted_sha256.is_some() || self.at.is_pinned()
    }
}

impl From<SparseRow> for TaskRow {
    #[expect(
        clippy::too_many_lines,
        reason = "every field is named, so that a new one cannot be forgotten here"
    )]
    fn from(row: SparseRow) -> Self {
        let SparseRow {
            n,
            id,
            ts,
            by,
            title,
            kind,
            priority,
            complexity,
            deliverable,
            acceptance,
            assignee,
            due,
            defer_until,
            agent,
            held_by,
            budget,
            milestone,
            estimate_minutes,
            labels,
            paths,
            labels_at,
            paths_at,
            closed,
            admitted,
            admitted_sha256,
            checks,
            gates,
            decayed,
            updated,
            mut at,
        } = row;
        // A stamp alone would say that the field was written and is empty.
        at.forget_what_lists_do_not_show();
        Self {
            n,
            id,
            ts,
            by,
            title,
            kind,
            priority,
            complexity,
            deliverable,
            acceptance,
            assignee,
            due,
            defer_until,
            agent,
            held_by,
            budget,
            milestone,
            estimate_minutes,
            labels,
            paths,
            labels_at,
            paths_at,
            closed,
            admitted,
            admitted_sha256,
            checks,
            gates,
            decayed,
            updated,
            at,
            key: None,
            body: None,
            external_ref: None,
            said: BTreeSet::new(),
            comments: Vec::new(),
            extra: BTreeMap::new(),
        }
    }
}
