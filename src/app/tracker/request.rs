//! What a person or program asks the tracker for. Faces build these values; nothing here is checked
//! against the state yet.

use crate::domain::dates::Spoken;
use crate::domain::dep::DepKind;
use crate::domain::ids::TaskSelector;
use crate::domain::record::CloseOutcome;
use crate::domain::task::{Complexity, Deliverable};
use crate::domain::time::{DurationMs, Timestamp};
use crate::ports::clock::Clock;
pub use crate::ports::forge_setup::{JobProgram, JobRelease};

/// A moment, absolute or from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// That instant.
    At(Timestamp),
    /// This long from now.
    In(DurationMs),
    /// As it was said, by the user's calendar.
    Said(Spoken),
}

impl When {
    /// The instant.
    #[must_use]
    pub fn resolve(self, now: Timestamp, offset: &dyn Fn(Timestamp) -> i32) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::In(span) => now.plus(span),
            Self::Said(said) => said.resolve(now, offset),
        }
    }
}

impl When {
    /// The instant, where a span means so long ago.
    #[must_use]
    pub fn back(self, clock: &dyn Clock) -> Timestamp {
        let now = clock.now();
        match self {
            Self::In(span) => now.minus(span),
            Self::Said(said) => said.back(now, &|at| clock.offset_secs(at)),
            other @ Self::At(_) => other.resolve(now, &|at| clock.offset_secs(at)),
        }
    }
}

/// An edge to an existing task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepSpec {
    /// What kind.
    pub kind: DepKind,
    /// On which task.
    pub on: TaskSelector,
}

/// Differences of a list of acceptance points, by their texts: what somebody else does to other
/// points at the same time stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PointEdits {
    /// The list before and after, if it differs.
    pub lists: Option<(Vec<String>, Vec<String>)>,
    /// Points that became met (or not).
    pub marks: Vec<(String, bool)>,
}

/// From whom a task may be taken when somebody is assigned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TakeOver {
    /// From nobody: who holds it keeps it.
    #[default]
    Nobody,
    /// From the one who was seen to hold it.
    From(String),
    /// From whoever it is.
    Anybody,
}

impl TakeOver {
    /// Whether it may be taken from `holder`.
    #[must_use]
    pub fn from(&self, holder: &str) -> bool {
        match self {
            Self::Nobody => false,
            Self::From(seen) => seen == holder,
            Self::Anybody => true,
        }
    }
}

/// New values of fields. `None` = untouched; inner `None` = cleared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(
    missing_docs,
    reason = "the names are those of `domain::record::TaskFields`"
)]
pub struct Edits {
    pub title: Option<String>,
    pub body: Option<String>,
    pub kind: Option<String>,
    pub priority: Option<u8>,
    pub complexity: Option<Complexity>,
    pub deliverable: Option<Deliverable>,
    pub acceptance: Option<Vec<String>>,
    pub assignee: Option<Option<String>>,
    pub take_over: TakeOver,
    pub due: Option<Option<When>>,
    pub defer_until: Option<Option<When>>,
    pub external_ref: Option<Option<String>>,
    pub agent: Option<Option<String>>,
    pub add_labels: Vec<String>,
    pub rm_labels: Vec<String>,
    pub add_paths: Vec<String>,
    pub rm_paths: Vec<String>,
    /// Acceptance points to mark as met, counted from 1.
    pub meet: Vec<usize>,
    /// Acceptance points to mark as not met, counted from 1.
    pub unmeet: Vec<usize>,
    /// What an edited sheet does to acceptance points.
    pub points: PointEdits,
    pub milestone: Option<Option<String>>,
    /// In minutes.
    pub estimate: Option<Option<u64>>,
}

/// A task to add.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewTask {
    /// Its values; the title is there.
    pub edits: Edits,
    /// Edges to existing tasks.
    pub deps: Vec<DepSpec>,
    /// The task that it is part of.
    pub parent: Option<TaskSelector>,
    /// Idempotency key: adding again with the same key answers with the first task.
    pub key: Option<String>,
}

/// Whether to record, or only to say what would be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Do it.
    #[default]
    Do,
    /// Say it.
    DryRun,
}

/// Which tasks to list. All conditions must hold; inside one list, any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// `open` or `closed`.
    pub status: Vec<String>,
    /// Task types.
    pub kinds: Vec<String>,
    /// Labels; a task must carry all of them. `a|b` is either, `*` and `?` stand for letters.
    pub labels: Vec<String>,
    /// Labels of which a task must carry none; patterns too.
    pub without_labels: Vec<String>,
    /// Milestones.
    pub milestones: Vec<String>,
    /// Priorities.
    pub priorities: Vec<u8>,
    /// Human holders.
    pub assignees: Vec<String>,
    /// Computed phases, such as `ready`.
    pub phases: Vec<String>,
    /// Words that title or body contain, without regard to case; all of them.
    pub search: Vec<String>,
    /// Closed ones too.
    pub all: bool,
    /// At most so many.
    pub limit: Option<usize>,
    /// With bodies and everything.
    pub full: bool,
}

/// What `ready` is to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadyRequest {
    /// With reasons, and with what waits.
    pub explain: bool,
    /// At most so many.
    pub limit: Option<usize>,
    /// With bodies and everything.
    pub full: bool,
}

/// A query to ask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueryRequest {
    /// In the language of `engine::query`.
    pub text: String,
    /// Closed tasks too, whatever the query names.
    pub all: bool,
    /// At most so many.
    pub limit: Option<usize>,
    /// With bodies and everything.
    pub full: bool,
}

/// A search for words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchRequest {
    /// The words.
    pub words: String,
    /// Closed tasks too.
    pub all: bool,
    /// At most so many.
    pub limit: usize,
}

/// What is to be counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CountRequest {
    /// One of `figures::BY`.
    pub by: &'static str,
    /// Only tasks that this query means.
    pub query: Option<String>,
    /// Closed tasks too.
    pub all: bool,
}

/// A close.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseRequest {
    /// Which tasks.
    pub tasks: Vec<TaskSelector>,
    /// How they ended.
    pub outcome: CloseOutcome,
    /// Why.
    pub reason: String,
}

/// What `init` is to set up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InitRequest {
    /// Keep the state on the current branch instead of one of its own.
    pub in_tree: bool,
    /// Write the role prompts out, to be edited.
    pub roles: bool,
    /// Write the files by which the forge's CI runs ticks, with this program in them.
    pub jobs: Option<JobProgram>,
}
