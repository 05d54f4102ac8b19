//! What a branch is to be merged into: the base branch; the branch of a task that it depends on and
//! that is still in review; or what a human chose at the forge.

use crate::domain::dep::DepKind;
use crate::domain::ids::{Oid, TaskUid};
use crate::domain::policy::{Policy, UnblockOn};
use crate::domain::review::{Review, ReviewState};
use crate::domain::state::{Index, State};
use crate::engine::facts::Facts;
use crate::engine::history::History;
use crate::engine::why::{BlockerState, Why};

/// What a branch is to be merged into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name, if it is not the configured base branch.
    pub onto: Option<String>,
    /// Its head, as far as that is known here.
    pub head: Option<Oid>,
}

/// Tasks in review on which `task` is stacked: it depends on them, and may start before they are
/// merged.
#[must_use]
pub fn stacked_on(state: &State, index: &Index, policy: &Policy, task: TaskUid) -> Vec<TaskUid> {
    if policy.unblock_on != UnblockOn::Review {
        return Vec::new();
    }
    let in_review = |uid: &TaskUid| {
        let open = state.tasks.get(uid).is_some_and(|t| t.is_open());
        open && History::of(state, index, *uid).open_review().is_some()
    };
    state
        .deps_from(task)
        .filter(|key| key.kind == DepKind::Blocks)
        .map(|key| key.to)
        .filter(in_review)
        .collect()
}

/// What the branch of `task` is to be merged into.
///
/// # Errors
/// It depends on several tasks that are still in review: a branch has one base.
pub fn target(
    state: &State,
    index: &Index,
    facts: &Facts,
    policy: &Policy,
    task: TaskUid,
) -> Result<Target, Why> {
    let base = Target {
        onto: None,
        head: facts.base.clone(),
    };
    if let Some((_, review)) = History::of(state, index, task).open_review() {
        let chosen = review.base_branch().filter(|b| *b != policy.base_branch);
        return Ok(chosen.map_or(base, |branch| Target {
            onto: Some(branch.to_owned()),
            head: facts.branches.get(branch).cloned().flatten(),
        }));
    }
    match stacked_on(state, index, policy, task).as_slice() {
        [] => Ok(base),
        [parent] => {
            let history = History::of(state, index, *parent);
            let review = history.open_review().map(|(_, review)| review);
            let opened = review.and_then(|r| Some((&r.opened.as_ref()?.0, r.head.value.clone()?)));
            Ok(opened.map_or(base, |(opened, head)| Target {
                onto: Some(opened.branch.clone()),
                head: Some(head),
            }))
        }
        [_, other, ..] => Err(Why::Blocked {
            by: state.name_of(*other),
            state: BlockerState::InReview,
        }),
    }
}

/// What became of the work that a branch stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// It is in its base: this branch goes there, too.
    Merged,
    /// It was given up.
    Closed(TaskUid),
}

/// What became of the review whose branch `review` is to be merged into, if it has ended.
#[must_use]
pub fn below(state: &State, review: &Review) -> Option<Below> {
    let base = review.base_branch()?;
    let of_base = state.reviews.values().filter_map(|other| {
        let (opened, at) = other.opened.as_ref()?;
        (opened.branch == base).then_some((*at, opened.task, other))
    });
    let (_, task, newest) = of_base.max_by_key(|(at, ..)| *at)?;
    match newest.state.value {
        ReviewState::Open => None,
        ReviewState::Merged { .. } => Some(Below::Merged),
        ReviewState::Closed => Some(Below::Closed(task)),
    }
}
