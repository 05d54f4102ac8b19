//! The branch that a review is to be merged into: chosen by a human at the forge, or the branch of
//! other work that has been merged or given up since.

use crate::domain::escalation::Trigger;
use crate::domain::ids::{ReviewUid, TaskUid};
use crate::domain::record::{EscalationAnswered, Op, ReviewUpdated};
use crate::domain::review::{Review, ReviewState};
use crate::engine::facts::ReviewSeen;
use crate::engine::history::History;
use crate::engine::reconcile::{Reconciler, ReviewPlan};
use crate::engine::stack::{Below, below};

impl Reconciler<'_> {
    /// A base that a human chose at the forge is recorded, and respected from then on.
    pub(super) fn rebased(&mut self, uid: ReviewUid, review: &Review, seen: &ReviewSeen) {
        let Some(base) = &seen.base_branch else {
            return;
        };
        if review.base_branch() != Some(base) {
            self.out.ops.push(Op::ReviewUpdated(ReviewUpdated {
                review: uid,
                head: None,
                base_branch: Some(base.clone()),
                state: None,
            }));
        }
    }

    /// A human opened a review again: that answers what was asked when it was closed.
    pub(super) fn reopen(
        &mut self,
        uid: ReviewUid,
        review: &Review,
        seen: &ReviewSeen,
        task: TaskUid,
    ) {
        self.update_review(uid, review, seen, ReviewState::Open);
        let history = History::of(self.state, self.index, task);
        for (escalation, trigger) in history.open {
            if trigger == Trigger::ReviewRejected {
                self.out
                    .ops
                    .push(Op::EscalationAnswered(EscalationAnswered {
                        escalation,
                        answer: "the review was opened again".to_owned(),
                    }));
            }
        }
    }

    /// What follows when the work that a branch stands on has ended: merged, its review goes on to
    /// the base branch; given up, a human says what is to become of this one.
    pub(super) fn below(&mut self, task: TaskUid, history: &History<'_>) {
        let Some((uid, review)) = history.open_review() else {
            return;
        };
        let (Some((session, _)), Some(head)) = (history.pushed, review.head.value.clone()) else {
            return;
        };
        let Some((opened, _)) = &review.opened else {
            return;
        };
        match below(self.state, review) {
            None => {}
            Some(Below::Merged) => self.out.reviews.push(ReviewPlan {
                task,
                session,
                review: Some(uid),
                branch: opened.branch.clone(),
                head,
                onto: Some(self.policy.base_branch.clone()),
            }),
            Some(Below::Closed(parent)) => {
                let base = review.base_branch().unwrap_or_default().to_owned();
                self.orphaned(task, parent, &base);
            }
        }
    }

    /// Asked once for each branch that was given up below it.
    fn orphaned(&mut self, task: TaskUid, parent: TaskUid, base: &str) {
        let about = format!("(branch {base})");
        let mut asked = self
            .index
            .escalations_of(task)
            .iter()
            .filter_map(|uid| self.state.escalations.get(uid)?.opened.as_ref());
        let known = asked.any(|(opened, _)| {
            opened.trigger == Trigger::ReviewRejected && opened.context.contains(&about)
        });
        if known {
            return;
        }
        let (name, parent) = (self.state.name_of(task), self.state.name_of(parent));
        self.ask(
            task,
            None,
            Trigger::ReviewRejected,
            format!(
                "{name} builds on {parent} {about}, whose review was closed without a merge. \
                 Its own review stays where it is. Say how to go on without {parent}, choose another \
                 base branch for the review, or close the task: `fleet close {name}`."
            ),
            &["take what is needed of it into this branch"],
        );
    }
}
