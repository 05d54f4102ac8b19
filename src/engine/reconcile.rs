//! Reconcile: what the outside already decided, as records to write. Idempotent: on a state that
//! holds these records it yields nothing (I8).

mod bases;
mod exhausted;
mod gates;
mod remarks;
mod strangers;

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::command::Command;
use crate::domain::escalation::Trigger;
use crate::domain::ids::{Oid, ReviewUid, SessionUid, TaskUid};
use crate::domain::policy::Policy;
use crate::domain::record::{
    CloseOutcome, EscalationOpened, Op, ReviewFeedback, ReviewOpened, ReviewUpdated, TaskClosed,
};
use crate::domain::review::{FeedbackKind, Review, ReviewState};
use crate::domain::state::{Index, State};
use crate::domain::task::Deliverable;
use crate::domain::time::Timestamp;
use crate::engine::branch::{allowed, branch_stand};
use crate::engine::facts::{Facts, FeedbackSeen, ReviewSeen, SeenState};
use crate::engine::history::History;

/// A review that is to be opened, or brought up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewPlan {
    /// Which task.
    pub task: TaskUid,
    /// The attempt whose head it shows.
    pub session: SessionUid,
    /// The open review to update; none = open one.
    pub review: Option<ReviewUid>,
    /// Branch under review.
    pub branch: String,
    /// Its head, as recorded.
    pub head: Oid,
    /// Another branch that it is to be merged into from now on.
    pub onto: Option<String>,
}

/// What the outside already decided.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reconciled {
    /// Records to write.
    pub ops: Vec<Op>,
    /// Who said it, for those that write down what a person said, by their place in `ops`.
    pub authors: BTreeMap<usize, String>,
    /// Reviews to open or update.
    pub reviews: Vec<ReviewPlan>,
    /// Sentences for the report.
    pub notes: Vec<String>,
}

pub(in crate::engine) struct Reconciler<'a> {
    pub(super) state: &'a State,
    pub(super) index: &'a Index,
    pub(super) facts: &'a Facts,
    pub(super) policy: &'a Policy,
    pub(super) now: Timestamp,
    pub(super) out: Reconciled,
    /// Tasks that end with this reconcile.
    closing: BTreeSet<TaskUid>,
    /// Sessions whose lease ends with it.
    pub(super) freed: BTreeSet<SessionUid>,
    /// Tasks about which it asks a human.
    asked: BTreeSet<TaskUid>,
}

impl<'a> Reconciler<'a> {
    fn new(
        state: &'a State,
        index: &'a Index,
        facts: &'a Facts,
        policy: &'a Policy,
        now: Timestamp,
    ) -> Self {
        Self {
            state,
            index,
            facts,
            policy,
            now,
            out: Reconciled::default(),
            closing: BTreeSet::new(),
            freed: BTreeSet::new(),
            asked: BTreeSet::new(),
        }
    }
}

/// What follows from a command about a task, wherever and whenever it was said, by somebody who may
/// say it.
///
/// # Errors
/// A sentence that says why nothing follows.
pub fn obey(
    state: &State,
    index: &Index,
    policy: &Policy,
    task: TaskUid,
    (said, at): (&Command, Timestamp),
    who: &str,
) -> Result<Vec<Op>, String> {
    let facts = Facts::default();
    let work = Reconciler::new(state, index, &facts, policy, Timestamp(0));
    work.effects(task, (said, at), who, &mut BTreeSet::new())
}

/// Keys of everything that people said on any review of a task. What checks and merges say is of one
/// head, and of one review.
#[must_use]
pub fn said_before<'a>(state: &'a State, index: &Index, task: TaskUid) -> BTreeSet<&'a str> {
    let reviews = index.reviews_of(task).iter();
    let reviews = reviews.filter_map(|uid| state.reviews.get(uid));
    let of = |review: &'a Review| {
        let feedback = review.feedback.values().map(|(one, _)| one);
        let people = feedback.filter(|one| one.kind == FeedbackKind::ChangesRequested);
        let commands = review.commands.values().map(|(one, _)| one.key.as_str());
        people.map(|one| one.key.as_str()).chain(commands)
    };
    reviews.flat_map(of).collect()
}

/// True for a review that was closed and about which a human is asked still: it may be opened again.
#[must_use]
pub fn may_reopen(state: &State, index: &Index, uid: ReviewUid) -> bool {
    let review = state.reviews.get(&uid);
    let closed = review.filter(|review| review.state.value == ReviewState::Closed);
    let Some((opened, _)) = closed.and_then(|review| review.opened.as_ref()) else {
        return false;
    };
    let history = History::of(state, index, opened.task);
    let open = state.tasks.get(&opened.task).is_some_and(|t| t.is_open());
    let newest = history.review.is_some_and(|(newest, _)| newest == uid);
    let rejected = |(_, trigger): &(_, Trigger)| *trigger == Trigger::ReviewRejected;
    open && newest && history.open.iter().any(rejected)
}

/// What the outside already decided, as records to write.
#[must_use]
pub fn reconcile(
    state: &State,
    index: &Index,
    facts: &Facts,
    policy: &Policy,
    now: Timestamp,
) -> Reconciled {
    let mut work = Reconciler::new(state, index, facts, policy, now);
    if let Some(trouble) = &facts.forge_trouble {
        work.out
            .notes
            .push(format!("the forge could not be read: {trouble}"));
    }
    work.reviews();
    work.leases();
    let tasks: BTreeSet<TaskUid> = index
        .sessions
        .keys()
        .chain(index.reviews.keys())
        .copied()
        .collect();
    for task in tasks {
        let open = state.tasks.get(&task).is_some_and(|t| t.is_open());
        if open && !work.closing.contains(&task) {
            work.task(task);
        }
    }
    work.gates();
    work.locks();
    work.pauses();
    work.out
}

impl Reconciler<'_> {
    fn is_open(&self, task: TaskUid) -> bool {
        self.state.tasks.get(&task).is_some_and(|t| t.is_open())
    }

    fn close(&mut self, task: TaskUid, reason: String) {
        if self.is_open(task) && self.closing.insert(task) {
            self.out.ops.push(Op::TaskClosed(TaskClosed {
                task,
                outcome: CloseOutcome::Done,
                reason,
            }));
        }
    }

    pub(super) fn ask(
        &mut self,
        task: TaskUid,
        session: Option<SessionUid>,
        trigger: Trigger,
        context: String,
        options: &[&str],
    ) {
        self.asked.insert(task);
        let agent = session
            .and_then(|uid| self.state.sessions.get(&uid))
            .and_then(|s| s.claim.as_ref())
            .map(|(claim, _)| claim.agent.clone());
        self.out.ops.push(Op::EscalationOpened(EscalationOpened {
            task,
            session,
            agent,
            trigger,
            context,
            options: options.iter().map(|&o| o.to_owned()).collect(),
        }));
    }

    fn reviews(&mut self) {
        for (uid, seen) in &self.facts.reviews {
            let again = may_reopen(self.state, self.index, *uid);
            let review = self.state.reviews.get(uid);
            let Some(review) = review.filter(|r| r.is_open() || again) else {
                continue;
            };
            let Some((opened, _)) = &review.opened else {
                continue;
            };
            match &seen.state {
                SeenState::Merged { commit } => {
                    let state = ReviewState::Merged {
                        commit: commit.clone(),
                    };
                    self.update_review(*uid, review, seen, state);
                    let by = commit
                        .as_ref()
                        .map_or_else(String::new, |c| format!(" in {}", c.short()));
                    self.close(opened.task, format!("merged{by}"));
                }
                SeenState::Reopened if again => self.reopen(*uid, review, seen, opened.task),
                // An older look than the record of its closing.
                SeenState::Closed | SeenState::Open if again => {}
                SeenState::Closed => {
                    self.update_review(*uid, review, seen, ReviewState::Closed);
                    if self.is_open(opened.task) {
                        let name = self.state.name_of(opened.task);
                        self.ask(
                            opened.task,
                            Some(opened.session),
                            Trigger::ReviewRejected,
                            format!(
                                "{} Say what must be different for another attempt, or close the \
                                 task: `fleet close {name}`.",
                                self.how_closed(opened)
                            ),
                            &["try again with what I say here"],
                        );
                    }
                }
                SeenState::Open | SeenState::Reopened => {
                    self.feedback(*uid, review, seen);
                    self.rebased(*uid, review, seen);
                    self.remarks(*uid, seen, opened.task);
                }
            }
        }
    }

    fn how_closed(&self, opened: &ReviewOpened) -> String {
        let name = self.state.name_of(opened.task);
        let (branch, base) = (&opened.branch, &opened.base_branch);
        if self.facts.branches.get(branch) == Some(&None) && opened.number.is_none() {
            return format!(
                "The branch {branch}, on which {name} was in review, is gone, and its work is not \
                 in {base} as far as this clone can tell."
            );
        }
        format!("The review of {name} was closed without a merge.")
    }

    fn update_review(
        &mut self,
        uid: ReviewUid,
        review: &Review,
        seen: &ReviewSeen,
        state: ReviewState,
    ) {
        // A head that was recorded before is an older look: it must not hide a newer one.
        let task = review.opened.as_ref().map(|(opened, _)| opened.task);
        let sessions = task.map_or(&[][..], |task| self.index.sessions_of(task));
        let known = |head: &Oid| {
            let of = |uid: &SessionUid| self.state.sessions.get(uid)?.head();
            review.head.value.as_ref() == Some(head)
                || sessions.iter().any(|uid| of(uid) == Some(head))
        };
        let head = seen.head.clone().filter(|head| !known(head));
        self.out.ops.push(Op::ReviewUpdated(ReviewUpdated {
            review: uid,
            head,
            base_branch: None,
            state: Some(state),
        }));
    }

    /// Records feedback once per key. Checks and conflicts of an older head are no news.
    fn feedback(&mut self, uid: ReviewUid, review: &Review, seen: &ReviewSeen) {
        let mut all: Vec<FeedbackSeen> = seen.feedback.clone();
        let head = seen.head.clone().or_else(|| review.head.value.clone());
        if let Some(head) = head.clone().filter(|_| seen.conflict) {
            let base = review.opened.as_ref().map_or("base", |(o, _)| {
                review.base_branch().unwrap_or(&o.base_branch)
            });
            all.push(FeedbackSeen {
                kind: FeedbackKind::Conflict,
                text: format!(
                    "the branch does not merge with {base} any more: bring the changes of {base} \
                     in and resolve the conflicts"
                ),
                key: format!("conflict:{head}"),
                head,
            });
        }
        let own = review.feedback.values().map(|(f, _)| f.key.as_str());
        let task = review.opened.as_ref().map(|(opened, _)| opened.task);
        let before = task.map(|task| said_before(self.state, self.index, task));
        let mut keys: BTreeSet<&str> = own.chain(before.into_iter().flatten()).collect();
        for found in &all {
            let stale =
                found.kind != FeedbackKind::ChangesRequested && Some(&found.head) != head.as_ref();
            if stale || !keys.insert(&found.key) {
                continue;
            }
            self.out.ops.push(Op::ReviewFeedback(ReviewFeedback {
                review: uid,
                kind: found.kind,
                head: found.head.clone(),
                text: found.text.clone(),
                key: found.key.clone(),
            }));
        }
    }

    /// What follows from the history of one open task.
    fn task(&mut self, task: TaskUid) {
        let history = History::of(self.state, self.index, task);
        let history = &history;
        if self.delivered(task, history) || self.strangers(task, history) {
            return;
        }
        if let Some((session, review)) = history.unreviewed(self.state)
            && let Some((_, head)) = history.pushed
            && let Some((claim, _)) = &self.state.sessions[&session].claim
            && let Some(branch) = &claim.branch
            && !self.gone(task, history, (session, review), (branch.as_str(), head))
        {
            // Somebody may have added a commit before the review was opened: with a human's leave it
            // is that head which the review shows.
            let newer = branch_stand(self.state, self.index, self.facts, task)
                .and_then(|stand| stand.recorded)
                .filter(|seen| allowed(self.state, self.index, task, seen));
            self.out.reviews.push(ReviewPlan {
                task,
                session,
                review,
                branch: branch.clone(),
                onto: None,
                head: newer.unwrap_or_else(|| head.clone()),
            });
        } else {
            self.below(task, history);
        }
        self.exhausted(task, history);
    }

    /// Reports and plans are done when their attempt succeeded.
    fn delivered(&mut self, task: TaskUid, history: &History<'_>) -> bool {
        let Some(what) = self.state.tasks.get(&task) else {
            return false;
        };
        let Some((session, at)) = history.succeeded else {
            return false;
        };
        let word = match what.details.deliverable.value {
            Deliverable::Pr => return false,
            Deliverable::Report => "reported",
            Deliverable::Plan => "planned",
        };
        let fresh = at > what.status.at && history.holder.is_none() && history.open.is_empty();
        if fresh {
            let attempt = self.state.sessions[&session].attempt();
            self.close(task, format!("{word} by attempt {attempt}"));
        }
        fresh
    }
}
