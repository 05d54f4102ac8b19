//! Fingerprints of a task's values: what changed at the source, and what changed here, since the
//! last import. Three versions are compared, and only two have to be stored.

use crate::domain::record::{CloseOutcome, TaskFields};
use crate::domain::task::{Acceptance, Status, Task};
use crate::domain::time::Timestamp;
use crate::exchange::batch::Incoming;
use crate::exchange::kept::{FNV_START, fnv};

/// A value that imports write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of `domain::task::Task`")]
pub enum Field {
    Title,
    Body,
    Kind,
    Priority,
    Assignee,
    Due,
    DeferUntil,
    Acceptance,
    Status,
    Labels,
    Held,
}

impl Field {
    /// Every field, in the order of their fingerprints.
    pub const ALL: [Self; 11] = [
        Self::Title,
        Self::Body,
        Self::Kind,
        Self::Priority,
        Self::Assignee,
        Self::Due,
        Self::DeferUntil,
        Self::Acceptance,
        Self::Status,
        Self::Labels,
        Self::Held,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Body => "body",
            Self::Kind => "type",
            Self::Priority => "priority",
            Self::Assignee => "assignee",
            Self::Due => "due",
            Self::DeferUntil => "defer_until",
            Self::Acceptance => "acceptance",
            Self::Status => "status",
            Self::Labels => "labels",
            Self::Held => "held_by",
        }
    }
}

/// Hexadecimal digits of one fingerprint.
const DIGITS: usize = 6;

/// One fingerprint for each [`Field`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums([u32; 11]);

/// The values that count, from either side.
struct Values<'a> {
    title: &'a str,
    body: &'a str,
    kind: &'a str,
    priority: Option<u8>,
    assignee: Option<&'a str>,
    due: Option<Timestamp>,
    defer_until: Option<Timestamp>,
    acceptance: &'a [Acceptance],
    closed: Option<(CloseOutcome, &'a str)>,
    labels: Vec<&'a str>,
    held: Option<&'a str>,
}

impl Sums {
    /// Of what an import wants; `hold` is why it holds the task.
    #[must_use]
    pub fn wanted(issue: &Incoming, hold: Option<&str>) -> Self {
        let set: &TaskFields = &issue.set;
        let mut labels: Vec<&str> = issue.labels.iter().map(String::as_str).collect();
        labels.sort_unstable();
        labels.dedup();
        Self::of(&Values {
            title: set.title.as_deref().unwrap_or_default(),
            body: set.body.as_deref().unwrap_or_default(),
            kind: set.kind.as_deref().unwrap_or_default(),
            priority: set.priority,
            assignee: set.assignee.as_ref().and_then(Option::as_deref),
            due: set.due.flatten(),
            defer_until: set.defer_until.flatten(),
            acceptance: set.acceptance.as_deref().unwrap_or_default(),
            closed: issue.closed.as_ref().map(|(how, why)| (*how, &**why)),
            labels,
            held: hold,
        })
    }

    /// Of a task as it is.
    #[must_use]
    pub fn present(task: &Task) -> Self {
        let details = &task.details;
        Self::of(&Values {
            title: &task.title.value,
            body: &task.body.value,
            kind: &task.kind.value,
            priority: task.priority.value,
            assignee: details.assignee.value.as_deref(),
            due: details.due.value,
            defer_until: details.defer_until.value,
            acceptance: &task.points(),
            closed: match &task.status.value {
                Status::Open => None,
                Status::Closed { outcome, reason } => Some((*outcome, reason)),
            },
            labels: task.labels.iter().collect(),
            held: details.held_by.value.as_deref(),
        })
    }

    fn of(v: &Values<'_>) -> Self {
        let text = |text: &str| fnv(FNV_START, text.as_bytes());
        let word = |word: Option<&str>| word.map_or(0, text);
        let time = |at: Option<Timestamp>| at.map_or(0, |at| fnv(FNV_START, &at.0.to_le_bytes()));
        let list = |all: &mut dyn Iterator<Item = &str>| {
            all.fold(FNV_START, |hash, one| fnv(fnv(hash, one.as_bytes()), &[0]))
        };
        let points = v.acceptance.iter().flat_map(|point| {
            let done = if point.done { "x" } else { "" };
            [point.text.as_str(), done]
        });
        let status = v.closed.map_or(0, |(outcome, reason)| {
            fnv(fnv(FNV_START, &[outcome as u8]), reason.as_bytes())
        });
        let all = [
            text(v.title),
            text(v.body),
            text(v.kind),
            v.priority.map_or(0, |p| fnv(FNV_START, &[p])),
            word(v.assignee),
            time(v.due),
            time(v.defer_until),
            list(&mut points.into_iter()),
            status,
            list(&mut v.labels.iter().copied()),
            word(v.held),
        ];
        // The upper bits of this hash are mixed best.
        Self(all.map(|hash| (hash >> 40) as u32))
    }

    /// The same, but held for this reason.
    #[must_use]
    pub fn holding(mut self, hold: Option<&str>) -> Self {
        let hash = hold.map_or(0, |why| fnv(FNV_START, why.as_bytes()));
        self.0[Field::Held as usize] = (hash >> 40) as u32;
        self
    }

    /// The fingerprint of one value.
    #[must_use]
    pub const fn get(&self, field: Field) -> u32 {
        self.0[field as usize]
    }

    /// As text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(self.0.len() * DIGITS);
        for sum in self.0 {
            text.push_str(&format!("{sum:06x}"));
        }
        text
    }

    /// Reads them back; `None` for anything else.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let mut sums = [0; 11];
        if text.len() != sums.len() * DIGITS || !text.is_ascii() {
            return None;
        }
        for (at, sum) in sums.iter_mut().enumerate() {
            let digits = &text[at * DIGITS..(at + 1) * DIGITS];
            *sum = u32::from_str_radix(digits, 16).ok()?;
        }
        Some(Self(sums))
    }
}
