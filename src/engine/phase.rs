//! The phase of a task: computed from its reasons, never stored.

use serde::Serialize;

use crate::domain::ids::TaskUid;
use crate::domain::task::Task;
use crate::domain::tracking::GateKind;
use crate::engine::ready::{Board, Depth};
use crate::engine::why::Why;

/// Where a task stands, for lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its text waits to be admitted.
    Draft,
    /// Not before a time.
    Deferred,
    /// Another task must end first.
    Blocked,
    /// It may start.
    Ready,
    /// It waits for something that passes by itself: back-off, locks, parts, a person, limits.
    Waiting,
    /// An agent works on it.
    Running,
    /// A human looks at the work.
    InReview,
    /// A human is asked.
    NeedsHuman,
    /// It ended.
    Closed,
}

impl Phase {
    /// The wire name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Deferred => "deferred",
            Self::Blocked => "blocked",
            Self::Ready => "ready",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::InReview => "in_review",
            Self::NeedsHuman => "needs_human",
            Self::Closed => "closed",
        }
    }

    /// Every phase, in the order of a task's life.
    pub const ALL: [Self; 9] = [
        Self::Draft,
        Self::Deferred,
        Self::Blocked,
        Self::Ready,
        Self::Waiting,
        Self::Running,
        Self::InReview,
        Self::NeedsHuman,
        Self::Closed,
    ];

    /// The phase that these reasons make; the most telling one wins.
    #[must_use]
    pub fn of(whys: &[Why]) -> Self {
        whys.iter()
            .map(Self::of_reason)
            .max_by_key(|phase| phase.rank())
            .unwrap_or(Self::Ready)
    }

    const fn of_reason(why: &Why) -> Self {
        match why {
            Why::Closed { .. } => Self::Closed,
            Why::Running { expired: false, .. } => Self::Running,
            Why::Running { expired: true, .. }
            | Why::NeedsAnswer { .. }
            | Why::OutOfAttempts { .. } => Self::NeedsHuman,
            Why::InReview { .. } | Why::ReviewPending { .. } => Self::InReview,
            Why::NotAdmitted | Why::AdmittedTextChanged => Self::Draft,
            Why::Deferred { .. }
            | Why::Held { .. }
            | Why::Gate {
                kind: GateKind::Timer,
                ..
            } => Self::Deferred,
            Why::Blocked { .. } | Why::WaitsFor { .. } | Why::ParentHeld { .. } | Why::NotAdded => {
                Self::Blocked
            }
            _ => Self::Waiting,
        }
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Ready => 0,
            Self::Waiting => 1,
            Self::Blocked => 2,
            Self::Deferred => 3,
            Self::Draft => 4,
            Self::InReview => 5,
            Self::NeedsHuman => 6,
            Self::Running => 7,
            Self::Closed => 8,
        }
    }
}

impl<'a> Board<'a> {
    /// Tasks that are wanted, open or closed, by identity, each with its phase, in one pass.
    #[must_use]
    pub fn phases(&self, wanted: impl Fn(&Task) -> bool + Sync) -> Vec<(TaskUid, &'a Task, Phase)> {
        let parts = self.in_parts(|part| {
            let mut phases = Vec::new();
            self.walk_all(part, |uid, task, deps| {
                if wanted(task) {
                    let whys = self.reasons(uid, task, deps, Depth::Kinds);
                    phases.push((uid, task, Phase::of(&whys)));
                }
            });
            phases
        });
        parts.concat()
    }

    /// Phase of a task, with the reasons that make it.
    #[must_use]
    pub fn phase(&self, task: TaskUid) -> (Phase, Vec<Why>) {
        let whys = self.whys(task);
        (Phase::of(&whys), whys)
    }
}
