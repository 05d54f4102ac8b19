//! What has been tried on a task: attempts, failures, pushed work, review, open feedback, answers.

mod rounds;

pub use rounds::is_split;

use crate::domain::command::Verb;
use crate::domain::escalation::Trigger;
use crate::domain::ids::{EscalationUid, Oid, RecordId, ReviewUid, SessionUid, TaskUid};
use crate::domain::record::ReviewFeedback;
use crate::domain::register::Stamp;
use crate::domain::review::{Review, ReviewCommanded, ReviewState};
use crate::domain::session::{FailureClass, Outcome, Session};
use crate::domain::state::{Index, State};
use crate::engine::history::rounds::{asks, is_current, repairs, spoken};

/// One failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which attempt.
    pub attempt: u32,
    /// Which agent.
    pub agent: String,
    /// How; `None` when the run died without a word and its lease was taken back.
    pub class: Option<FailureClass>,
    /// What was said about it.
    pub summary: String,
    /// Ends of the output of checks that failed.
    pub checks: Vec<String>,
    /// When it ended.
    pub at: Stamp,
}

impl Failure {
    /// True if it counts against the attempts of the agent.
    #[must_use]
    pub const fn counts(&self) -> bool {
        match self.class {
            None
            | Some(
                FailureClass::Cancelled | FailureClass::RateLimited | FailureClass::Infrastructure,
            ) => false,
            Some(
                FailureClass::Timeout
                | FailureClass::InvalidOutput
                | FailureClass::VerifyFailed
                | FailureClass::AgentError
                | FailureClass::PolicyRefused
                | FailureClass::Budget,
            ) => true,
        }
    }
}

/// An answer that no successful attempt has taken up yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The question.
    pub escalation: EscalationUid,
    /// The record of the answer, for `session.claimed.addresses`.
    pub record: RecordId,
    /// What was asked.
    pub question: String,
    /// What was answered.
    pub answer: String,
    /// Who answered.
    pub by: String,
}

/// Everything that was tried on one task.
#[derive(Debug, Clone, Default)]
pub struct History<'a> {
    /// The attempt that holds the lease.
    pub holder: Option<SessionUid>,
    /// Number of the next attempt.
    pub next_attempt: u32,
    /// The newest attempt that handed over a commit.
    pub pushed: Option<(SessionUid, &'a Oid)>,
    /// The newest attempt that succeeded, with its end.
    pub succeeded: Option<(SessionUid, Stamp)>,
    /// Failures since the last success or decision of a human, oldest first.
    pub failures: Vec<Failure>,
    /// The newest review.
    pub review: Option<(ReviewUid, &'a Review)>,
    /// Feedback on the open review that nobody has worked in yet.
    pub feedback: Vec<(RecordId, &'a ReviewFeedback)>,
    /// Commands on the open review that ask for an attempt which nobody has made yet.
    pub asked: Vec<(RecordId, &'a ReviewCommanded)>,
    /// Answers that nobody has worked in yet.
    pub answers: Vec<Answer>,
    /// Open questions.
    pub open: Vec<(EscalationUid, Trigger)>,
    /// Attempts whose work somebody rejected, and that were asked about and answered.
    pub given_up: Vec<SessionUid>,
    /// Attempts that worked feedback in, since the last decision of a human.
    pub rounds: u32,
    /// Attempts at mending failing checks, since a human last said something about the work.
    pub repairs: u32,
    /// Attempts that ended with a question, since the last decision of a human about that.
    pub questions: u32,
}

impl<'a> History<'a> {
    /// The history of `task`.
    #[must_use]
    pub fn of(state: &'a State, index: &Index, task: TaskUid) -> Self {
        let mut history = Self {
            next_attempt: 1,
            ..Self::default()
        };
        let sessions: Vec<(SessionUid, &Session)> = index
            .sessions_of(task)
            .iter()
            .filter_map(|uid| state.sessions.get(uid).map(|s| (*uid, s)))
            .collect();
        let reviews = index.reviews_of(task);
        let escalations = index.escalations_of(task);
        if sessions.is_empty() && reviews.is_empty() && escalations.is_empty() {
            return history;
        }
        history.holder = index.lease_holder(state, task);
        history.next_attempt = sessions.last().map_or(1, |(_, s)| s.attempt() + 1);
        let reopened = state.tasks.get(&task).map_or_else(Stamp::default, |t| {
            if t.is_open() {
                t.status.at
            } else {
                Stamp::default()
            }
        });
        let spoken = spoken(state, reviews).unwrap_or_default();
        let decided = decided(state, escalations, reopened).max(spoken);
        history.read_sessions(&sessions, decided);
        history.read_escalations(state, escalations, &sessions, reopened);
        history.read_reviews(state, reviews, &sessions);
        history
    }

    fn read_sessions(&mut self, sessions: &[(SessionUid, &'a Session)], decided: Stamp) {
        for (uid, session) in sessions {
            if let Some(head) = session.head()
                && succeeded(session)
            {
                self.pushed = Some((*uid, head));
            }
            let Some((failure, at)) = end_of(session) else {
                continue;
            };
            match failure {
                End::Succeeded => {
                    self.succeeded = Some((*uid, at));
                    self.failures.clear();
                }
                End::Escalated => {}
                End::Failed(failure) if at > decided => self.failures.push(failure),
                End::Failed(_) => {}
            }
        }
    }

    fn read_escalations(
        &mut self,
        state: &State,
        escalations: &[EscalationUid],
        sessions: &[(SessionUid, &'a Session)],
        reopened: Stamp,
    ) {
        let mut settled = reopened;
        for uid in escalations {
            let Some(escalation) = state.escalations.get(uid) else {
                continue;
            };
            let Some((opened, _)) = &escalation.opened else {
                continue;
            };
            let Some((answer, by, at)) = &escalation.answer else {
                self.open.push((*uid, opened.trigger));
                continue;
            };
            if opened.trigger == Trigger::ReviewRejected {
                self.given_up.extend(opened.session);
            }
            if opened.trigger == Trigger::EscalatesTooOften {
                settled = settled.max(*at);
            }
            // A plan that was approved is no news for a later attempt.
            if opened.trigger != Trigger::PlanApproval && !addressed(sessions, at.id) {
                self.answers.push(Answer {
                    escalation: *uid,
                    record: at.id,
                    question: opened.context.clone(),
                    answer: answer.clone(),
                    by: by.clone(),
                });
            }
        }
        self.questions = sessions
            .iter()
            .filter_map(|(_, s)| s.finished.as_ref())
            .filter(|(f, at)| f.outcome == Outcome::Escalated && *at > settled)
            .count() as u32;
    }

    fn read_reviews(
        &mut self,
        state: &'a State,
        reviews: &[ReviewUid],
        sessions: &[(SessionUid, &'a Session)],
    ) {
        self.review = reviews
            .iter()
            .filter_map(|uid| state.reviews.get(uid).map(|r| (*uid, r)))
            .max_by_key(|(uid, r)| (r.opened.as_ref().map(|(_, at)| *at), *uid));
        let Some((_, review)) = self.review.filter(|(_, r)| r.is_open()) else {
            return;
        };
        self.feedback = review
            .feedback
            .iter()
            .filter(|(id, _)| !addressed(sessions, **id))
            .map(|(id, (feedback, _))| (*id, feedback))
            .filter(|(_, feedback)| is_current(feedback, review))
            .collect();
        self.asked = review
            .commands
            .iter()
            .filter(|(id, (command, _))| asks(command) && !addressed(sessions, **id))
            .map(|(id, (command, _))| (*id, command))
            .collect();
        let human = state
            .escalations
            .values()
            .filter_map(|e| Some((e.opened.as_ref()?, e.answer.as_ref()?)))
            .filter(|((opened, _), _)| opened.trigger == Trigger::AgentFailed)
            .filter(|((opened, _), _)| {
                review.opened.as_ref().map(|(r, _)| r.task) == Some(opened.task)
            })
            .map(|(_, (_, _, at))| *at)
            .max()
            .max(spoken(state, reviews))
            .unwrap_or_default();
        self.repairs = repairs(review, sessions, human);
        self.rounds = sessions
            .iter()
            .filter(|(_, s)| s.finished.as_ref().is_some_and(|(_, at)| *at > human))
            .filter(|(_, s)| {
                succeeded(s)
                    && s.addresses()
                        .iter()
                        .any(|id| review.feedback.contains_key(id))
            })
            .count() as u32;
    }

    /// True if somebody wants another attempt at what is in review.
    #[must_use]
    pub const fn wants_work(&self) -> bool {
        !self.feedback.is_empty() || !self.asked.is_empty()
    }

    /// True if the newest command wants parts proposed instead of work.
    #[must_use]
    pub fn wants_parts(&self) -> bool {
        let newest = self.asked.last();
        newest.is_some_and(|(_, command)| command.what.command == Verb::Split)
    }

    /// The open review.
    #[must_use]
    pub fn open_review(&self) -> Option<(ReviewUid, &'a Review)> {
        self.review.filter(|(_, review)| review.is_open())
    }

    /// The pushed attempt that no review shows yet, and the open review to bring up to date.
    #[must_use]
    pub fn unreviewed(&self, state: &State) -> Option<(SessionUid, Option<ReviewUid>)> {
        let (session, head) = self.pushed?;
        state
            .sessions
            .get(&session)?
            .claim
            .as_ref()?
            .0
            .branch
            .as_ref()?;
        let shown = self.review.is_some_and(|(_, review)| {
            review.head.value.as_ref() == Some(head)
                || review
                    .opened
                    .as_ref()
                    .is_some_and(|(opened, _)| opened.session == session)
        });
        // A newer head that a human added and that was taken over replaces the attempt's own.
        let newer = self.review.is_some_and(|(_, review)| {
            state.sessions[&session]
                .finished
                .as_ref()
                .is_some_and(|(_, at)| review.head.at > *at)
        });
        // Who closed the review while that attempt ran, or after it, closed it with its work: a later
        // attempt is shown.
        let closed = self.review.is_some_and(|(_, review)| {
            review.state.value == ReviewState::Closed
                && state.sessions[&session]
                    .claim
                    .as_ref()
                    .is_some_and(|(_, at)| review.state.at > *at)
        });
        let given_up = self.given_up.contains(&session);
        (!shown && !newer && !closed && !given_up)
            .then(|| (session, self.open_review().map(|(uid, _)| uid)))
    }
}

/// The last time a human decided how to go on, or reopened the task.
fn decided(state: &State, escalations: &[EscalationUid], reopened: Stamp) -> Stamp {
    escalations
        .iter()
        .filter_map(|uid| state.escalations.get(uid))
        .filter_map(|e| e.answer.as_ref())
        .map(|(_, _, at)| *at)
        .fold(reopened, Stamp::max)
}

enum End {
    Succeeded,
    Escalated,
    Failed(Failure),
}

fn succeeded(session: &Session) -> bool {
    session
        .finished
        .as_ref()
        .is_some_and(|(f, _)| f.outcome == Outcome::Succeeded)
}

fn end_of(session: &Session) -> Option<(End, Stamp)> {
    let (claim, _) = session.claim.as_ref()?;
    if let Some((finished, at)) = &session.finished {
        let end = match &finished.outcome {
            Outcome::Succeeded => End::Succeeded,
            Outcome::Escalated => End::Escalated,
            Outcome::Failed { class } => End::Failed(Failure {
                attempt: claim.attempt,
                agent: claim.agent.clone(),
                class: Some(*class),
                summary: finished.summary.clone(),
                checks: finished
                    .verify
                    .iter()
                    .filter(|check| !check.passed())
                    .map(|check| format!("{}\n{}", check.command, check.tail))
                    .collect(),
                at: *at,
            }),
        };
        return Some((end, *at));
    }
    if session.is_unstarted() {
        return None;
    }
    session.released.as_ref().map(|(release, at)| {
        let failure = Failure {
            attempt: claim.attempt,
            agent: claim.agent.clone(),
            class: None,
            summary: release.proof.clone(),
            checks: Vec::new(),
            at: *at,
        };
        (End::Failed(failure), *at)
    })
}

/// True if an attempt that succeeded, or still runs, takes up the record. One that failed does not
/// count: its successor must take it up again.
fn addressed(sessions: &[(SessionUid, &Session)], record: RecordId) -> bool {
    sessions.iter().any(|(_, s)| {
        (succeeded(s) || s.holds_lease())
            && (s.addresses().contains(&record) || s.remote.told.contains_key(&record.to_string()))
    })
}
