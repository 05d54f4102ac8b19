//! What people do to the branches of agents: heads that fleet did not record, and branches that are
//! gone.

use crate::domain::escalation::Trigger;
use crate::domain::ids::{EscalationUid, Oid, ReviewUid, SessionUid, TaskUid};
use crate::domain::record::{Op, ReviewUpdated};
use crate::engine::branch::{allowed, branch_stand};
use crate::engine::history::History;
use crate::engine::reconcile::Reconciler;

impl Reconciler<'_> {
    /// A head that fleet did not record: asked once, never overwritten; once allowed, the review
    /// shows it. True if a human must answer first.
    pub(super) fn strangers(&mut self, task: TaskUid, history: &History<'_>) -> bool {
        let Some(stand) = branch_stand(self.state, self.index, self.facts, task) else {
            return false;
        };
        if let Some(head) = &stand.foreign {
            let asked = history.open.iter().any(|(uid, trigger)| {
                *trigger == Trigger::HumanCommit
                    && self.state.escalations[uid]
                        .opened
                        .as_ref()
                        .is_some_and(|(o, _)| o.context.contains(head.as_str()))
            });
            if !asked {
                let name = self.state.name_of(task);
                let branch = &stand.branch;
                let was = stand.recorded.as_ref().map_or_else(
                    || "and fleet did not make that branch".to_owned(),
                    |oid| format!("and fleet recorded {oid}"),
                );
                let context = format!(
                    "The branch {branch} of {name} is at {head}, {was}: somebody committed to it. \
                     Nothing is overwritten. Answer to let agents go on from that commit, or take \
                     the task over: `fleet update {name} --assignee <you>`."
                );
                self.ask(
                    task,
                    None,
                    Trigger::HumanCommit,
                    context,
                    &["go on from it"],
                );
            }
            return true;
        }
        if let Some((uid, review)) = history.open_review()
            && let Some(Some(seen)) = self.facts.branches.get(&stand.branch)
            && stand.recorded.as_ref() == Some(seen)
            && review.head.value.as_ref() != Some(seen)
            && (self.facts.updates.contains(seen) || allowed(self.state, self.index, task, seen))
        {
            self.out.ops.push(Op::ReviewUpdated(ReviewUpdated {
                review: uid,
                head: Some(seen.clone()),
                base_branch: None,
                state: None,
            }));
        }
        false
    }

    /// True if the branch of work that no review shows yet was deleted: it cannot be shown, and who
    /// deleted it may have meant that. Asked once; the answer gives that attempt up.
    pub(super) fn gone(
        &mut self,
        task: TaskUid,
        history: &History<'_>,
        (session, review): (SessionUid, Option<ReviewUid>),
        (branch, head): (&str, &Oid),
    ) -> bool {
        if !self.facts.gone.contains(head) {
            return false;
        }
        let of = |uid: &EscalationUid| {
            let opened = self.state.escalations[uid].opened.as_ref();
            opened.is_some_and(|(opened, _)| opened.session == Some(session))
        };
        let asked = history
            .open
            .iter()
            .any(|(uid, trigger)| *trigger == Trigger::ReviewRejected && of(uid));
        // The forge closes a review whose branch is gone, which is asked about there.
        if !asked && review.is_none() {
            let name = self.state.name_of(task);
            let context = format!(
                "The branch {branch} of {name} was deleted before its work was in review; it was at \
                 commit {head}. Say what must be different for another attempt, or close the task: \
                 `fleet close {name}`."
            );
            self.ask(
                task,
                Some(session),
                Trigger::ReviewRejected,
                context,
                &["try again with what I say here"],
            );
        }
        true
    }
}
