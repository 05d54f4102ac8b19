//! The branch of a task: what fleet recorded of it, and what is really there.

use crate::domain::escalation::Trigger;
use crate::domain::ids::{Oid, TaskUid};
use crate::domain::register::Stamp;
use crate::domain::session::Session;
use crate::domain::state::{Index, State};
use crate::engine::facts::Facts;

/// Where the branch of a task is, by the records and in fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchStand {
    /// Its name.
    pub branch: String,
    /// Newest head that fleet recorded, or a human allowed.
    pub recorded: Option<Oid>,
    /// A head that nobody recorded: a human's commit, or a branch that was there before.
    pub foreign: Option<Oid>,
    /// The branch is gone.
    pub gone: bool,
}

impl BranchStand {
    /// The head that a new attempt continues from; none = it starts from base.
    #[must_use]
    pub fn continues(&self) -> Option<Oid> {
        if self.gone {
            None
        } else {
            self.recorded.clone()
        }
    }
}

/// Compares the branch of a task with its records. `None` if it never had a number.
#[must_use]
pub fn branch_stand(
    state: &State,
    index: &Index,
    facts: &Facts,
    task: TaskUid,
) -> Option<BranchStand> {
    let sessions: Vec<&Session> = index
        .sessions_of(task)
        .iter()
        .filter_map(|uid| state.sessions.get(uid))
        .collect();
    let claimed = sessions
        .iter()
        .rev()
        .find_map(|s| s.claim.as_ref()?.0.branch.clone());
    let branch = claimed.or_else(|| state.number_of(task).map(|n| format!("agent/{n}")))?;
    let mut heads: Vec<(Stamp, &Oid)> = sessions
        .iter()
        .filter_map(|s| s.finished.as_ref())
        .filter_map(|(f, at)| Some((*at, f.head.as_ref()?)))
        .collect();
    let newest_work = heads.iter().max_by_key(|(at, _)| *at);
    let newest_work = newest_work.map(|(_, oid)| (*oid).clone());
    for uid in index.reviews_of(task) {
        let head = &state.reviews[uid].head;
        heads.extend(head.value.as_ref().map(|oid| (head.at, oid)));
    }
    let recorded = heads.iter().max_by_key(|(at, _)| *at).map(|(_, oid)| *oid);
    let mut stand = BranchStand {
        branch,
        recorded: recorded.cloned(),
        foreign: None,
        gone: false,
    };
    match facts.branches.get(&stand.branch) {
        None => {}
        Some(None) => stand.gone = true,
        Some(Some(seen)) => {
            // A head that was recorded once is an older look at the branch, not a stranger.
            let known = heads.iter().any(|(_, oid)| *oid == seen);
            if known || facts.base.as_ref() == Some(seen) && recorded.is_some() {
                // What was pushed last is there: a review that was recorded late shows an older head.
                if newest_work.as_ref() == Some(seen) {
                    stand.recorded = newest_work;
                }
                return Some(stand);
            }
            // An update from the base holds nothing that somebody has to look at.
            if facts.updates.contains(seen) || allowed(state, index, task, seen) {
                stand.recorded = Some(seen.clone());
            } else {
                stand.foreign = Some(seen.clone());
            }
        }
    }
    Some(stand)
}

/// True if a human answered the question about exactly this commit.
pub(in crate::engine) fn allowed(state: &State, index: &Index, task: TaskUid, head: &Oid) -> bool {
    index
        .escalations_of(task)
        .iter()
        .filter_map(|uid| state.escalations.get(uid))
        .filter(|e| e.answer.is_some())
        .filter_map(|e| e.opened.as_ref())
        .any(|(opened, _)| {
            opened.trigger == Trigger::HumanCommit && opened.context.contains(head.as_str())
        })
}
