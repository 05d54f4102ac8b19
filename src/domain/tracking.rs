//! What a tracker keeps beside fields and work: gates, milestones, saved queries, edits of remarks,
//! and the summaries that old work decays to.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{RecordId, TaskUid};
use crate::domain::register::{Reg, Stamp};
use crate::domain::time::Timestamp;

/// Payload of `comment.edited`. The older texts stay in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentEdited {
    /// Task of the remark.
    pub task: TaskUid,
    /// The `comment.added` record.
    pub comment: RecordId,
    /// New text.
    pub text: String,
}

/// What a gate waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// Somebody says so.
    Human,
    /// A time.
    Timer,
    /// A pull request is merged.
    Pr,
    /// A run of CI succeeds.
    Ci,
}

impl GateKind {
    /// Every kind, in the order of the help text.
    pub const ALL: [Self; 4] = [Self::Human, Self::Timer, Self::Pr, Self::Ci];

    /// The wire name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Timer => "timer",
            Self::Pr => "pr",
            Self::Ci => "ci",
        }
    }
}

/// Payload of `gate.added`; the gate's identity is this record's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateAdded {
    /// The task that waits.
    pub task: TaskUid,
    /// For what.
    pub kind: GateKind,
    /// For `timer`: until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// For `pr` and `ci`: which, such as `12`, `#12` or a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Why, in a line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Where a gate stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum GateState {
    /// It holds its task back.
    #[default]
    Waiting,
    /// What it waited for is there.
    Passed,
    /// It was a mistake, and holds nothing back.
    Removed,
}

impl GateState {
    /// The wire name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Passed => "passed",
            Self::Removed => "removed",
        }
    }
}

/// Payload of `gate.set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateSet {
    /// The task that waits.
    pub task: TaskUid,
    /// Which of its gates.
    pub gate: RecordId,
    /// What it is from now on.
    pub state: GateState,
    /// Why, in a line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What was last said of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct GateWord {
    pub state: GateState,
    pub by: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A gate, folded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Gate {
    /// What it waits for, who said so, and when; none while only later records are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<(GateAdded, String, Stamp)>,
    /// What was last said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<(GateWord, Stamp)>,
}

impl Gate {
    /// Where it stands by what was said; a timer may have run out besides.
    #[must_use]
    pub fn state(&self) -> GateState {
        self.word.as_ref().map(|(w, _)| w.state).unwrap_or_default()
    }

    /// Takes a word in; the latest counts.
    pub fn hear(&mut self, set: &GateSet, by: &str, at: Stamp) {
        if self.word.as_ref().is_none_or(|(_, old)| at >= *old) {
            let word = GateWord {
                state: set.state,
                by: by.to_owned(),
                note: set.note.clone(),
            };
            self.word = Some((word, at));
        }
    }
}

/// Payload of `task.decayed`: the text of old work is replaced by a summary in what readers load.
/// The full text stays in the log. Remarks from before this record keep author and time only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the wire names say it")]
pub struct TaskDecayed {
    pub task: TaskUid,
    pub summary: String,
}

/// Payload of `query.saved`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuerySaved {
    /// What it is called, without `@`.
    pub name: String,
    /// The query; none takes it away.
    pub query: Option<String>,
}

/// Payload of `milestone.set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MilestoneSet {
    /// As tasks name it.
    pub name: String,
    /// Wanted by; `null` clears.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "crate::domain::record::clearable"
    )]
    pub due: Option<Option<Timestamp>>,
    /// Whether it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<bool>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A milestone, folded. Tasks name milestones; one that nobody described has no entry.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Milestone {
    /// Wanted by.
    pub due: Reg<Option<Timestamp>>,
    /// Over.
    pub closed: Reg<bool>,
    /// What it is about.
    pub note: Reg<String>,
}

impl Milestone {
    /// Takes a record in.
    pub fn hear(&mut self, set: &MilestoneSet, at: Stamp) {
        if let Some(due) = set.due {
            self.due.write(due, at);
        }
        if let Some(closed) = set.closed {
            self.closed.write(closed, at);
        }
        if let Some(note) = &set.note {
            self.note.write(note.clone(), at);
        }
    }
}
