//! A task as one line.
//!
//! Registers written by the task's own `task.added` need no stamp; all others have theirs in `at`,
//! so that a late record with an older stamp still loses and one with a newer still wins (I14).
//!
//! Longer than 400 lines because the line has every field of a task, three times.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::ids::{RecordId, TaskNumber, TaskUid};
use crate::domain::money::MicroUsd;
use crate::domain::record::CloseOutcome;
use crate::domain::register::{LwwSet, Reg, Stamp};
use crate::domain::task::{Acceptance, Comment, Complexity, Deliverable, Status, Task};
use crate::domain::time::{Hlc, Timestamp};
use crate::domain::tracking::Gate;
use crate::store::texts::{Rest, Texts};

/// How a closed task ended.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ClosedRow {
    outcome: CloseOutcome,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
}

/// A remark.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CommentRow {
    id: RecordId,
    /// Absent while only an edit of it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ts: Option<Hlc>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    by: String,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    edited: Option<(String, Stamp)>,
}

/// Elements of a set that were not put there by `task.added`: present or not, and by whom.
pub(super) type Elements = BTreeMap<String, (bool, Stamp)>;

/// The line.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TaskRow {
    /// Claimed number; 0 = none.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) n: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<TaskUid>,
    /// When and by whom it was added; absent for a placeholder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ts: Option<Hlc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) priority: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) complexity: Option<Complexity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deliverable: Option<Deliverable>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) acceptance: Option<Vec<Acceptance>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) assignee: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) due: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) defer_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) external_ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) held_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) budget: Option<MicroUsd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) milestone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) estimate_minutes: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) labels: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) paths: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) labels_at: Elements,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) paths_at: Elements,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) closed: Option<ClosedRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) admitted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) admitted_sha256: Option<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) said: BTreeSet<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) comments: Vec<CommentRow>,
    /// Acceptance points that were checked or unchecked one by one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) checks: Elements,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) gates: BTreeMap<RecordId, Gate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) decayed: Option<Stamp>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) extra: BTreeMap<String, (Value, Stamp)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) updated: Option<Stamp>,
    /// Stamps by field. A field that is here and not above is written and empty.
    #[serde(skip_serializing_if = "Ats::is_empty")]
    pub(super) at: Ats,
}

macro_rules! ats {
    ($($field:ident = $name:literal),+ $(,)?) => {
        /// Stamps by wire name of the field; in this order on the line.
        #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub(super) struct Ats {
            $( #[serde(rename = $name, skip_serializing_if = "Option::is_none")] $field: Option<Stamp>, )+
        }

        impl Ats {
            pub(super) fn slot(&mut self, name: &str) -> Option<&mut Option<Stamp>> {
                match name {
                    $( $name => Some(&mut self.$field), )+
                    _ => None,
                }
            }

            fn get(&self, name: &str) -> Option<Stamp> {
                match name {
                    $( $name => self.$field, )+
                    _ => None,
                }
            }
        }
    };
}

ats! {
    acceptance = "acceptance",
    admitted = "admitted",
    admitted_sha256 = "admitted_sha256",
    agent = "agent",
    assignee = "assignee",
    body = "body",
    budget = "budget",
    complexity = "complexity",
    defer_until = "defer_until",
    deliverable = "deliverable",
    due = "due",
    estimate_minutes = "estimate_minutes",
    external_ref = "external_ref",
    held_by = "held_by",
    milestone = "milestone",
    n = "n",
    priority = "priority",
    status = "status",
    title = "title",
    kind = "type",
}

impl Ats {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Forgets the stamps of fields that were passed over.
    pub(super) const fn forget_what_lists_do_not_show(&mut self) {
        self.body = None;
        self.external_ref = None;
    }

    /// Notes a stamp that says more than the task's own.
    fn note(&mut self, name: &str, at: Stamp, base: Stamp, empty: bool) {
        if at != base || empty {
            let slot = self.slot(name);
            *slot.expect("every field that is noted has a slot") = Some(at);
        }
    }
}

/// Serde's calling convention: true for an absent number.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Calls a macro with all plain registers (`Reg<T>`; where in the task, field and wire name).
macro_rules! plain {
    ($do:ident) => {
        $do!([] title, "title");
        $do!([] body, "body");
        $do!([] kind, "type");
        $do!([details.] complexity, "complexity");
        $do!([details.] deliverable, "deliverable");
        $do!([details.] acceptance, "acceptance");
    };
}

/// The same for registers that may be empty (`Reg<Option<T>>`).
macro_rules! clearable {
    ($do:ident) => {
        $do!([] priority, "priority");
        $do!([details.] assignee, "assignee");
        $do!([details.] due, "due");
        $do!([details.] defer_until, "defer_until");
        $do!([details.] external_ref, "external_ref");
        $do!([details.] agent, "agent");
        $do!([details.] held_by, "held_by");
        $do!([details.] budget, "budget");
        $do!([details.] milestone, "milestone");
        $do!([details.] estimate_minutes, "estimate_minutes");
        $do!([details.] admitted_sha256, "admitted_sha256");
    };
}

/// The last change of a task that goes without saying: that it was added, or numbered after that, as
/// imports do it.
fn last_told(base: Stamp, numbered: Option<Stamp>) -> Stamp {
    numbered.map_or(base, |at| at.max(base))
}

impl TaskRow {
    /// True if readiness depends on the task's text: somebody admitted it by its hash, or took that
    /// back.
    pub(super) const fn is_pinned(&self) -> bool {
        self.admitted_sha256.is_some() || self.at.admitted_sha256.is_some()
    }

    /// Writes a task down.
    pub(crate) fn of(uid: TaskUid, task: &Task) -> Self {
        let base = base_of(uid, task.added.as_ref().map(|(_, at)| at.ts));
        let told = last_told(base, task.number.is_written().then_some(task.number.at));
        let mut row = Self {
            n: task.number.value.map_or(0, TaskNumber::get),
            id: Some(uid),
            ts: task.added.as_ref().map(|(_, at)| at.ts),
            by: task.added.as_ref().map(|(by, _)| by.clone()),
            key: task.details.key.clone(),
            said: task.details.said.clone(),
            updated: (task.updated != told).then_some(task.updated),
            ..Self::default()
        };
        let mut at = Ats::default();
        macro_rules! plain_field {
            ([$($in:tt)*] $field:ident, $name:literal) => {
                if task.$($in)*$field.is_written() {
                    row.$field = Some(task.$($in)*$field.value.clone());
                    at.note($name, task.$($in)*$field.at, base, false);
                }
            };
        }
        macro_rules! clearable_field {
            ([$($in:tt)*] $field:ident, $name:literal) => {
                let reg = &task.$($in)*$field;
                if reg.is_written() {
                    row.$field.clone_from(&reg.value);
                    at.note($name, reg.at, base, reg.value.is_none());
                }
            };
        }
        plain!(plain_field);
        clearable!(clearable_field);
        if task.number.is_written() {
            at.note("n", task.number.at, base, task.number.value.is_none());
        }
        if task.status.is_written() {
            if let Status::Closed { outcome, reason } = &task.status.value {
                row.closed = Some(ClosedRow {
                    outcome: *outcome,
                    reason: reason.clone(),
                });
            }
            at.note("status", task.status.at, base, task.is_open());
        }
        if task.admitted.is_written() {
            // Admitted when it was added is the rule and needs no words.
            let plain = task.added.is_some() && task.admitted.value && task.admitted.at == base;
            row.admitted = (!plain).then_some(task.admitted.value);
            at.note("admitted", task.admitted.at, base, false);
        }
        (row.labels, row.labels_at) = split(&task.labels, base);
        (row.paths, row.paths_at) = split(&task.paths, base);
        row.extra = task
            .details
            .extra
            .iter()
            .map(|(name, reg)| (name.clone(), (reg.value.clone(), reg.at)))
            .collect();
        row.comments = comment_rows(task);
        row.checks = elements(&task.details.checks);
        row.gates = task.details.gates.clone();
        let decayed = task.details.decayed;
        row.decayed = (decayed != Stamp::NOBODY).then_some(decayed);
        row.at = at;
        row
    }

    /// Takes out what no list shows, as a line of its own; `None` if there is nothing of it, or if
    /// readiness depends on it, so that lists need it.
    pub(crate) fn take_texts(&mut self) -> Option<Self> {
        if self.is_pinned() {
            return None;
        }
        let texts = Self {
            key: self.key.take(),
            body: self.body.take(),
            external_ref: self.external_ref.take(),
            said: std::mem::take(&mut self.said),
            comments: std::mem::take(&mut self.comments),
            extra: std::mem::take(&mut self.extra),
            at: Ats {
                body: self.at.body.take(),
                external_ref: self.at.external_ref.take(),
                ..Ats::default()
            },
            ..Self::default()
        };
        let some = texts.key.is_some()
            || texts.body.is_some()
            || texts.external_ref.is_some()
            || !texts.said.is_empty()
            || !texts.comments.is_empty()
            || !texts.extra.is_empty()
            || !texts.at.is_empty();
        some.then_some(Self {
            n: self.n,
            id: self.id,
            ..texts
        })
    }

    /// Reads back what [`Self::take_texts`] took out. `None` if the line has no id.
    pub(crate) fn texts(self) -> Option<(TaskUid, Texts)> {
        let empty = self.at.external_ref.is_some();
        let comments = self.comments.into_iter().map(comment);
        let extra = self.extra.into_iter();
        let texts = Texts {
            body: self.body.map(|body| (body, self.at.body)),
            rest: Rest {
                key: self.key,
                said: self.said,
                comments: comments.collect(),
                external_ref: (self.external_ref.is_some() || empty)
                    .then_some((self.external_ref, self.at.external_ref)),
                extra: extra
                    .map(|(name, (value, at))| (name, Reg { value, at }))
                    .collect(),
            },
        };
        Some((self.id?, texts))
    }

    /// Reads a task back. `None` if the line has no id.
    pub(crate) fn restore(self) -> Option<(TaskUid, Task)> {
        let uid = self.id?;
        let base = base_of(uid, self.ts);
        let told = last_told(base, self.at.n);
        let mut task = Task {
            added: self.ts.map(|_| (self.by.unwrap_or_default(), base)),
            updated: self.updated.unwrap_or(told),
            ..Task::default()
        };
        let at = |name: &str| self.at.get(name);
        macro_rules! plain_field {
            ([$($in:tt)*] $field:ident, $name:literal) => {
                if let Some(value) = self.$field {
                    let at = at($name).unwrap_or(base);
                    task.$($in)*$field = Reg { value, at };
                }
            };
        }
        macro_rules! clearable_field {
            ([$($in:tt)*] $field:ident, $name:literal) => {
                let reg = clearable(self.$field, at($name), base);
                // Writing an unwritten one would make room for all the details.
                if reg.is_written() {
                    task.$($in)*$field = reg;
                }
            };
        }
        plain!(plain_field);
        clearable!(clearable_field);
        task.number = clearable(TaskNumber::new(self.n), at("n"), base);
        let closed = self.closed.map(|c| Status::Closed {
            outcome: c.outcome,
            reason: c.reason,
        });
        let status = clearable(closed, at("status"), base);
        task.status = Reg {
            value: status.value.unwrap_or_default(),
            at: status.at,
        };
        let admitted = self.admitted.or_else(|| task.added.as_ref().map(|_| true));
        if let Some(value) = admitted {
            let at = at("admitted").unwrap_or(base);
            task.admitted = Reg { value, at };
        }
        task.labels = join(self.labels, self.labels_at, base);
        task.paths = join(self.paths, self.paths_at, base);
        if self.key.is_some() {
            task.details.key = self.key;
        }
        if !self.said.is_empty() {
            task.details.said = self.said;
        }
        for (name, (value, at)) in self.extra {
            task.details.extra.insert(name, Reg { value, at });
        }
        for (id, comment) in self.comments.into_iter().map(comment) {
            task.details.comments.insert(id, comment);
        }
        if !self.checks.is_empty() {
            task.details.checks = join(Vec::new(), self.checks, base);
        }
        if !self.gates.is_empty() {
            task.details.gates = self.gates;
        }
        if let Some(decayed) = self.decayed {
            task.details.decayed = decayed;
        }
        Some((uid, task))
    }
}

/// The stamp of `task.added`; nobody's while only other records are known.
fn base_of(uid: TaskUid, ts: Option<Hlc>) -> Stamp {
    ts.map_or_else(Stamp::default, |ts| Stamp {
        ts,
        id: uid.record(),
    })
}

fn clearable<T>(value: Option<T>, at: Option<Stamp>, base: Stamp) -> Reg<Option<T>> {
    let at = match (&value, at) {
        (_, Some(at)) => at,
        (Some(_), None) => base,
        (None, None) => Stamp::default(),
    };
    Reg { value, at }
}

fn split(set: &LwwSet, base: Stamp) -> (Vec<String>, Elements) {
    let mut plain = Vec::new();
    let mut others = Elements::new();
    for (element, reg) in set.registers() {
        if reg.value && reg.at == base {
            plain.push(element.to_owned());
        } else {
            others.insert(element.to_owned(), (reg.value, reg.at));
        }
    }
    (plain, others)
}

fn elements(set: &LwwSet) -> Elements {
    let written = set.registers();
    written
        .map(|(element, reg)| (element.to_owned(), (reg.value, reg.at)))
        .collect()
}

fn join(plain: Vec<String>, others: Elements, base: Stamp) -> LwwSet {
    let plain = plain.into_iter().map(|element| {
        let reg = Reg {
            value: true,
            at: base,
        };
        (element, reg)
    });
    let others = others
        .into_iter()
        .map(|(element, (value, at))| (element, Reg { value, at }));
    plain.chain(others).collect()
}

fn comment_rows(task: &Task) -> Vec<CommentRow> {
    task.details
        .comments
        .iter()
        .map(|(id, c)| CommentRow {
            id: *id,
            ts: (c.at != Stamp::NOBODY).then_some(c.at.ts),
            by: c.by.clone(),
            text: c.text.clone(),
            edited: c.edited.clone(),
        })
        .collect()
}

fn comment(row: CommentRow) -> (RecordId, Comment) {
    let at = row.ts.map_or(Stamp::NOBODY, |ts| Stamp { ts, id: row.id });
    let comment = Comment {
        at,
        by: row.by,
        text: row.text,
        edited: row.edited,
    };
    (row.id, comment)
}
