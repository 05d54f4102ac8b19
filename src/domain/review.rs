//! Reviews: where humans look at finished work.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::command::Command;
use crate::domain::ids::{Oid, RecordId, ReviewUid, SessionUid, TaskUid};
use crate::domain::register::{Reg, Stamp};

/// State of a review.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ReviewState {
    /// Waits for a human.
    #[default]
    Open,
    /// Its work is in the base branch.
    Merged {
        /// Commit that brought it in, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<Oid>,
    },
    /// Closed without a merge.
    Closed,
}

/// What kind of feedback asks for another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackKind {
    /// A reviewer asked for changes.
    ChangesRequested,
    /// A check failed.
    ChecksFailed,
    /// The branch does not merge with its base.
    Conflict,
}

/// Payload of `review.opened`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewOpened {
    /// Which task.
    pub task: TaskUid,
    /// Which attempt it shows.
    pub session: SessionUid,
    /// `github` or `local`.
    pub forge: String,
    /// Number of the pull request at the forge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Where a human looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Branch under review.
    pub branch: String,
    /// Branch it is to be merged into.
    pub base_branch: String,
    /// Head commit.
    pub head: Oid,
}

/// Payload of `review.updated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewUpdated {
    /// Which review.
    pub review: ReviewUid,
    /// New head, after another attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Oid>,
    /// Another branch that it is to be merged into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_branch: Option<String>,
    /// New state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ReviewState>,
}

/// Payload of `review.feedback`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewFeedback {
    /// Which review.
    pub review: ReviewUid,
    /// What kind.
    pub kind: FeedbackKind,
    /// Head that it speaks of.
    pub head: Oid,
    /// Comments, or the trimmed log of the failing check.
    pub text: String,
    /// Stable name at the forge, so that it is recorded once.
    pub key: String,
}

/// Payload of `review.approved`: a person approved what is under review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewApproved {
    /// Which review.
    pub review: ReviewUid,
    /// The head that was looked at; another one is not approved.
    pub head: Oid,
}

/// Payload of `review.commanded`: a person who may write to the repository told fleet something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewCommanded {
    /// On which review.
    pub review: ReviewUid,
    /// Stable name at the forge, so that it is taken in once.
    pub key: String,
    /// Who, by the forge's name of the person.
    pub who: String,
    /// What.
    #[serde(flatten)]
    pub what: Command,
}

/// Payload of `forge.said`: the forge was told something about a task. What is in the set of these
/// keys is neither said nor looked for again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgeSaid {
    /// Which task.
    pub task: TaskUid,
    /// Stable id of the effect, as the forge was given it.
    pub key: String,
    /// Where it stands; none where the forge has no place for words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A review, folded.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Review {
    /// How it was opened; `None` while only later records are known.
    pub opened: Option<(ReviewOpened, Stamp)>,
    /// Head under review.
    pub head: Reg<Option<Oid>>,
    /// Open, merged or closed.
    pub state: Reg<ReviewState>,
    /// Feedback, by record.
    pub feedback: BTreeMap<RecordId, (ReviewFeedback, Stamp)>,
    /// Branch that it is to be merged into, if that has changed since it was opened.
    pub base: Reg<Option<String>>,
    /// Head that was approved last, and by whom.
    pub approved: Reg<Option<(Oid, String)>>,
    /// Commands, by record.
    pub commands: BTreeMap<RecordId, (ReviewCommanded, Stamp)>,
}

impl Review {
    /// Takes a change in.
    pub(in crate::domain) fn update(&mut self, p: &ReviewUpdated, at: Stamp) {
        if p.head.is_some() {
            self.head.write(p.head.clone(), at);
        }
        if p.base_branch.is_some() {
            self.base.write(p.base_branch.clone(), at);
        }
        if let Some(new) = &p.state {
            self.state.write(new.clone(), at);
        }
    }

    /// Branch that it is to be merged into, as recorded.
    #[must_use]
    pub fn base_branch(&self) -> Option<&str> {
        let opened = self.opened.as_ref().map(|(o, _)| o.base_branch.as_str());
        self.base.value.as_deref().or(opened)
    }

    /// Who approved the head that is under review, if somebody did.
    #[must_use]
    pub fn approved_by(&self) -> Option<&str> {
        let (head, by) = self.approved.value.as_ref()?;
        (self.head.value.as_ref() == Some(head)).then_some(by.as_str())
    }

    /// True while a human's decision is awaited.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.opened.is_some() && matches!(self.state.value, ReviewState::Open)
    }
}
