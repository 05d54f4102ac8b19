//! Tasks: the units of work.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::ids::{RecordId, TaskNumber, TaskUid};
use crate::domain::money::MicroUsd;
use crate::domain::record::{CloseOutcome, TaskClosed};
use crate::domain::register::{LwwSet, Reg, Stamp};
use crate::domain::time::Timestamp;
use crate::domain::tracking::Gate;

/// How hard a task is thought to be; matched with an agent's reach.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Complexity {
    /// Minutes of work, one place.
    Low,
    /// The usual.
    #[default]
    Medium,
    /// Many places, or much thought.
    High,
}

/// What the work hands over.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Deliverable {
    /// A branch with a review.
    #[default]
    Pr,
    /// A text, kept as a comment; the task is done when it is there.
    Report,
    /// Subtasks, which a human admits.
    Plan,
}

/// One acceptance point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Acceptance {
    pub text: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
}

/// Open, or ended in some way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Status {
    #[default]
    Open,
    Closed {
        outcome: CloseOutcome,
        reason: String,
    },
}

impl Status {
    /// As a record tells it.
    #[must_use]
    pub fn of(closed: &TaskClosed) -> Self {
        Self::Closed {
            outcome: closed.outcome,
            reason: closed.reason.clone(),
        }
    }
}

/// A remark on a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comment {
    /// When.
    pub at: Stamp,
    /// Who, as in the record's `by`.
    pub by: String,
    /// Markdown; empty once the task decayed.
    pub text: String,
    /// Who edited it last, and when.
    pub edited: Option<(String, Stamp)>,
}

/// The registers that few tasks have written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seldom {
    /// Idempotency key.
    pub key: Option<String>,
    /// How hard.
    pub complexity: Reg<Complexity>,
    /// What it hands over.
    pub deliverable: Reg<Deliverable>,
    /// Acceptance points.
    pub acceptance: Reg<Vec<Acceptance>>,
    /// Human who holds it.
    pub assignee: Reg<Option<String>>,
    /// Wanted by.
    pub due: Reg<Option<Timestamp>>,
    /// Not ready before.
    pub defer_until: Reg<Option<Timestamp>>,
    /// The same thing elsewhere.
    pub external_ref: Reg<Option<String>>,
    /// Agent asked for by name.
    pub agent: Reg<Option<String>>,
    /// Who said stop, if somebody did.
    pub held_by: Reg<Option<String>>,
    /// What it may cost, if that was said for it alone.
    pub budget: Reg<Option<MicroUsd>>,
    /// What it is to be ready for.
    pub milestone: Reg<Option<String>>,
    /// How long a person would take, in minutes.
    pub estimate_minutes: Reg<Option<u64>>,
    /// Acceptance points that were checked (or unchecked) one by one, by their texts; see
    /// [`Task::acceptance`].
    pub checks: LwwSet,
    /// What it waits for besides tasks, by record.
    pub gates: BTreeMap<RecordId, Gate>,
    /// When its texts became a summary, the last time.
    pub decayed: Stamp,
    /// Hash that was admitted; must equal the text's hash if present.
    pub admitted_sha256: Reg<Option<String>>,
    /// Keys of what was said about it at the forge.
    pub said: BTreeSet<String>,
    /// Remarks, by record.
    pub comments: BTreeMap<RecordId, Comment>,
    /// Fields of newer versions.
    pub extra: BTreeMap<String, Reg<Value>>,
}

/// What a task has that wrote none of them.
static NOTHING: Seldom = Seldom {
    key: None,
    complexity: Reg::unwritten(Complexity::Medium),
    deliverable: Reg::unwritten(Deliverable::Pr),
    acceptance: Reg::unwritten(Vec::new()),
    assignee: Reg::unwritten(None),
    due: Reg::unwritten(None),
    defer_until: Reg::unwritten(None),
    external_ref: Reg::unwritten(None),
    agent: Reg::unwritten(None),
    held_by: Reg::unwritten(None),
    budget: Reg::unwritten(None),
    milestone: Reg::unwritten(None),
    estimate_minutes: Reg::unwritten(None),
    checks: LwwSet::empty(),
    gates: BTreeMap::new(),
    decayed: Stamp::NOBODY,
    admitted_sha256: Reg::unwritten(None),
    said: BTreeSet::new(),
    comments: BTreeMap::new(),
    extra: BTreeMap::new(),
};

/// [`Seldom`], in memory only once it is written: reading a large state costs the pages it touches.
#[derive(Debug, Clone, Default)]
pub struct Details(Option<Box<Seldom>>);

impl Details {
    /// True if nothing was ever written here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        **self == NOTHING
    }
}

impl From<Seldom> for Details {
    fn from(seldom: Seldom) -> Self {
        Self((seldom != NOTHING).then(|| Box::new(seldom)))
    }
}

impl Deref for Details {
    type Target = Seldom;

    fn deref(&self) -> &Seldom {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl DerefMut for Details {
    fn deref_mut(&mut self) -> &mut Seldom {
        self.0.get_or_insert_default()
    }
}

impl PartialEq for Details {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

/// A task, folded. Phases such as ready, running or in review are computed, never stored.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Task {
    /// Who added it and when; `None` while only other records about it are known.
    pub added: Option<(String, Stamp)>,
    /// Granted number; see `State::number_of` for the one that is in force after collisions.
    pub number: Reg<Option<TaskNumber>>,
    /// One line.
    pub title: Reg<String>,
    /// Markdown.
    pub body: Reg<String>,
    /// Type, such as `implementation`; empty means `implementation`.
    pub kind: Reg<String>,
    /// 0 (most urgent) to 4; unwritten means 2.
    pub priority: Reg<Option<u8>>,
    /// Labels.
    pub labels: LwwSet,
    /// Path globs it expects to touch.
    pub paths: LwwSet,
    /// Open or closed.
    pub status: Reg<Status>,
    /// False while the text waits for a human (R4).
    pub admitted: Reg<bool>,
    /// What most tasks have nothing of.
    pub details: Details,
    /// Greatest stamp of any record about the task.
    pub updated: Stamp,
}

/// Priority of a task that names none.
pub const DEFAULT_PRIORITY: u8 = 2;
/// Least urgent priority.
pub const MAX_PRIORITY: u8 = 4;
/// Type of a task that names none.
pub const DEFAULT_TYPE: &str = "implementation";

impl Task {
    /// Type, with the default.
    #[must_use]
    pub fn type_name(&self) -> &str {
        if self.kind.value.is_empty() {
            DEFAULT_TYPE
        } else {
            &self.kind.value
        }
    }

    /// Priority, with the default.
    #[must_use]
    pub fn priority(&self) -> u8 {
        self.priority.value.unwrap_or(DEFAULT_PRIORITY)
    }

    /// Acceptance points in order, each with whether it is met. A point that was checked by itself,
    /// later than the list was written, is what that check says: two people who check two points
    /// at a time both count.
    pub fn acceptance(&self) -> impl Iterator<Item = (&str, bool)> {
        let details = &*self.details;
        details.acceptance.value.iter().map(|point| {
            let checked = details
                .checks
                .get(&point.text)
                .filter(|reg| reg.at > details.acceptance.at);
            let met = checked.map_or(point.done, |reg| reg.value);
            (point.text.as_str(), met)
        })
    }

    /// The same as a list that can be written again.
    #[must_use]
    pub fn points(&self) -> Vec<Acceptance> {
        self.acceptance()
            .map(|(text, done)| Acceptance {
                text: text.to_owned(),
                done,
            })
            .collect()
    }

    /// How many acceptance points are met, and how many there are.
    #[must_use]
    pub fn checklist(&self) -> (usize, usize) {
        let met = self.acceptance().filter(|(_, met)| *met).count();
        (met, self.details.acceptance.value.len())
    }

    /// Remarks that were really made, in order; an edit may be known before its remark.
    #[must_use]
    pub fn comments(&self) -> Vec<(RecordId, &Comment)> {
        let comments = self.details.comments.iter();
        let mut made: Vec<_> = comments
            .filter(|(_, comment)| comment.at != Stamp::NOBODY)
            .map(|(id, comment)| (*id, comment))
            .collect();
        made.sort_by_key(|(_, comment)| comment.at);
        made
    }

    /// True until a close that is not undone.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.status.value, Status::Open)
    }

    /// The close outcome, if closed.
    #[must_use]
    pub const fn outcome(&self) -> Option<CloseOutcome> {
        match &self.status.value {
            Status::Open => None,
            Status::Closed { outcome, .. } => Some(*outcome),
        }
    }
}

/// What a task is called on screen: its number if it has one in force, else its handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum TaskName {
    Number(TaskNumber),
    Provisional(TaskUid),
}

impl std::fmt::Display for TaskName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(n) => n.fmt(f),
            Self::Provisional(uid) => f.write_str(&uid.provisional()),
        }
    }
}
