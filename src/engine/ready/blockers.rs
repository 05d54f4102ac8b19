//! What edges and gates keep back.
//!
//! | edge, `from` depends on `to` | `from` may start when |
//! |---|---|
//! | `blocks` | `to` is closed as done, wontdo or duplicate (in review is enough if the policy says so) |
//! | `on-failure` | `to` is closed as failed |
//! | `on-close` | `to` is closed |
//! | `waits-for` | every part of `to` is closed; `to` itself is, while it has no parts |
//!
//! A held task of type `gate` counts as done as soon as all of its gates are open.
//!
//! An end that is not known here holds in every case.

use crate::domain::dep::DepKind;
use crate::domain::ids::TaskUid;
use crate::domain::policy::UnblockOn;
use crate::domain::record::CloseOutcome;
use crate::domain::review::ReviewState;
use crate::domain::state::{DepKey, State};
use crate::domain::task::Task;
use crate::domain::time::Timestamp;
use crate::domain::tracking::{Gate, GateKind, GateState};
use crate::engine::ready::Board;
use crate::engine::why::{BlockerState, Why};

/// Type of a task that stands for a gate of another tracker.
const GATE: &str = "gate";

impl Board<'_> {
    pub(super) fn add_blockers(&self, deps: &[DepKey], first: bool, whys: &mut Vec<Why>) {
        for key in deps {
            let Some((on, state)) = self.blocks(key) else {
                continue;
            };
            let by = self.state.name_of(on);
            whys.push(match key.kind {
                DepKind::Blocks => Why::Blocked { by, state },
                _ => Why::WaitsFor { on: by, state },
            });
            if first {
                return;
            }
        }
    }

    /// Whether an edge keeps its task back: which task does, and by what.
    pub(super) fn blocks(&self, key: &DepKey) -> Option<(TaskUid, BlockerState)> {
        match key.kind {
            DepKind::Blocks if planted!("blocked-runs") => None,
            DepKind::Blocks | DepKind::OnFailure | DepKind::OnClose => {
                Some((key.to, self.in_the_way(key.to, key.kind)?))
            }
            DepKind::WaitsFor => self.awaited(key.to),
            DepKind::ParentChild
            | DepKind::DiscoveredFrom
            | DepKind::Related
            | DepKind::Duplicates
            | DepKind::Supersedes => None,
        }
    }

    /// The first part of a task that is not closed; the task itself if it has no parts.
    fn awaited(&self, whole: TaskUid) -> Option<(TaskUid, BlockerState)> {
        let edges = self.index.deps_to(whole);
        let mut parts = edges
            .filter(|key| key.kind == DepKind::ParentChild)
            .map(|key| key.from)
            .peekable();
        if parts.peek().is_none() {
            let state = self.in_the_way(whole, DepKind::WaitsFor)?;
            return Some((whole, state));
        }
        parts.find_map(|part| Some((part, self.in_the_way(part, DepKind::WaitsFor)?)))
    }

    /// What a blocker does that keeps its dependents back; `None` if it lets them go.
    fn in_the_way(&self, blocker: TaskUid, kind: DepKind) -> Option<BlockerState> {
        let task = self.state.tasks.get(&blocker);
        let Some(task) = task.filter(|t| t.added.is_some() || !t.is_open()) else {
            return Some(BlockerState::Unknown);
        };
        match (task.outcome(), kind) {
            (Some(CloseOutcome::Failed), DepKind::Blocks) => Some(BlockerState::Failed),
            (Some(CloseOutcome::Failed), DepKind::OnFailure) => None,
            (Some(_), DepKind::OnFailure) => Some(BlockerState::DidNotFail),
            (Some(_), _) => None,
            (None, _) if self.is_in_review(blocker) => {
                let enough = kind == DepKind::Blocks && self.policy.unblock_on == UnblockOn::Review;
                (!enough).then_some(BlockerState::InReview)
            }
            (None, DepKind::OnFailure) => Some(BlockerState::Open),
            (None, _) if self.is_open_gate(task) => None,
            (None, _) => Some(BlockerState::Open),
        }
    }

    /// Whether a task is nothing but a gate (of type `gate`, and held, as imports leave it), and what it
    /// stands for is there: none is closed for that.
    fn is_open_gate(&self, task: &Task) -> bool {
        let held = task.details.held_by.value.is_some();
        if !held || task.type_name() != GATE {
            return false;
        }
        let gates = task.details.gates.values();
        let mut states = gates
            .map(|gate| gate_state(self.state, gate, self.now))
            .filter(|state| *state != GateState::Removed)
            .peekable();
        states.peek().is_some() && states.all(|state| state == GateState::Passed)
    }

    fn is_in_review(&self, uid: TaskUid) -> bool {
        !self.state.reviews.is_empty()
            && self
                .index
                .reviews_of(uid)
                .iter()
                .any(|review| self.state.reviews[review].is_open())
    }

    /// Gates that hold.
    pub(super) fn add_gates(&self, task: &Task, whys: &mut Vec<Why>) {
        for gate in task.details.gates.values() {
            if let Some((added, ..)) = &gate.added
                && gate_state(self.state, gate, self.now) == GateState::Waiting
            {
                let subject = match added.kind {
                    GateKind::Timer => added.until.map(|at| at.to_string()),
                    _ => added.subject.clone(),
                };
                whys.push(Why::Gate {
                    kind: added.kind,
                    subject,
                    note: added.note.clone(),
                });
            }
        }
    }
}

/// Where a gate stands now. What was said of it counts first; a timer runs out by itself, and a pull
/// request that fleet opened is known to be merged from its own records.
#[must_use]
pub fn gate_state(state: &State, gate: &Gate, now: Timestamp) -> GateState {
    let Some((added, ..)) = &gate.added else {
        return GateState::Removed;
    };
    if gate.word.is_some() {
        return gate.state();
    }
    let there = match added.kind {
        GateKind::Timer => added.until.is_some_and(|until| until <= now),
        GateKind::Pr => added
            .subject
            .as_deref()
            .is_some_and(|subject| is_merged(state, subject)),
        GateKind::Human | GateKind::Ci => false,
    };
    if there {
        GateState::Passed
    } else {
        GateState::Waiting
    }
}

/// Whether records say that this pull request (`12`, `#12` or its address) is merged.
fn is_merged(state: &State, subject: &str) -> bool {
    let number = subject.trim_start_matches('#').parse::<u64>().ok();
    state.reviews.values().any(|review| {
        matches!(review.state.value, ReviewState::Merged { .. })
            && review.opened.as_ref().is_some_and(|(opened, _)| {
                (number.is_some() && opened.number == number)
                    || opened.url.as_deref() == Some(subject)
            })
    })
}
