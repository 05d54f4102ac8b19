//! What fleet owes the people on a review: a reply to each command, and one when an attempt has
//! ended that took feedback, a command or an answer up. Each has a stable key; what is in the
//! records as said is not due any more, so an idle tick says nothing and asks nothing.

use crate::domain::command::Verb;
use crate::domain::ids::{RecordId, ReviewUid, SessionUid, TaskUid};
use crate::domain::policy::Policy;
use crate::domain::register::Stamp;
use crate::domain::review::{FeedbackKind, Review};
use crate::domain::state::{Index, State};
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::history::History;

/// How long the end of an attempt is news. One that is not told of by then, as by a fleet that did not
/// reply yet, is in the records.
const NEWS: DurationMs = DurationMs::mins(24 * 60);
/// Most replies of one tick.
pub const PER_TICK: usize = 20;

/// A reply that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// About which task.
    pub task: TaskUid,
    /// On which review.
    pub review: ReviewUid,
    /// Its number at the forge.
    pub number: u64,
    /// Stable id of the effect.
    pub key: String,
    /// Key of the feedback or command that it answers.
    pub in_answer_to: Option<String>,
    /// To what.
    pub to: ReplyTo,
    /// Nothing more is said after it: `review.max_comments` is reached.
    pub last: bool,
}

/// What a reply is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyTo {
    /// A command, by its record.
    Command(RecordId),
    /// The end of an attempt.
    Attempt(SessionUid),
}

/// True for keys of replies on reviews.
fn is_reply(key: &str) -> bool {
    key.starts_with("re:") || key.starts_with("done:")
}

/// The replies that are due, oldest first for each task.
#[must_use]
pub fn due(state: &State, index: &Index, policy: &Policy, now: Timestamp) -> Vec<Reply> {
    let mut all = Vec::new();
    for (uid, review) in &state.reviews {
        if review.is_open()
            && let Some((opened, _)) = &review.opened
            && let Some(number) = opened.number
        {
            let review = (*uid, review, number);
            on_review((state, index), (policy, now), review, &mut all);
        }
    }
    all.truncate(PER_TICK);
    all
}

fn on_review(
    (state, index): (&State, &Index),
    (policy, now): (&Policy, Timestamp),
    (uid, review, number): (ReviewUid, &Review, u64),
    all: &mut Vec<Reply>,
) {
    let Some((opened, since)) = &review.opened else {
        return;
    };
    let Some(task) = state.tasks.get(&opened.task) else {
        return;
    };
    let said = &task.details.said;
    let count = said.iter().filter(|key| is_reply(key)).count();
    let mut room = (policy.review.max_comments as usize).saturating_sub(count);
    let mut found: Vec<(Stamp, String, Option<String>, ReplyTo)> = Vec::new();
    for (id, (command, at)) in &review.commands {
        // What asks for an attempt is answered when that has ended.
        if !matches!(command.what.command, Verb::Retry | Verb::Split) {
            let key = Some(command.key.clone());
            found.push((*at, format!("re:{id}"), key, ReplyTo::Command(*id)));
        }
    }
    // The review shows the work first, then it is told of.
    let shown = History::of(state, index, opened.task)
        .unreviewed(state)
        .map(|(session, _)| session);
    for session in index.sessions_of(opened.task) {
        let held = &state.sessions[session];
        if let (Some((claim, claimed)), Some((_, ended))) = (&held.claim, &held.finished)
            && !claim.addresses.is_empty()
            && claimed > since
            && shown != Some(*session)
            && now.since(ended.written_by(now)) <= NEWS
        {
            let key = answers(review, &claim.addresses);
            let to = ReplyTo::Attempt(*session);
            found.push((*ended, format!("done:{session}"), key, to));
        }
    }
    found.retain(|(_, key, ..)| !said.contains(key));
    found.sort_by_key(|(at, ..)| *at);
    for (_, key, in_answer_to, to) in found {
        if room == 0 {
            break;
        }
        room -= 1;
        all.push(Reply {
            task: opened.task,
            review: uid,
            number,
            key,
            in_answer_to,
            to,
            last: room == 0,
        });
    }
}

/// The key that the attempt is told of under: a reviewer's words before a command's, and these
/// before checks and conflicts.
fn answers(review: &Review, addresses: &[RecordId]) -> Option<String> {
    let feedback = addresses.iter().filter_map(|id| review.feedback.get(id));
    let feedback = feedback.max_by_key(|(f, at)| (std::cmp::Reverse(f.kind), *at));
    let command = addresses.iter().filter_map(|id| review.commands.get(id));
    let command = command.map(|(c, _)| &c.key).next_back();
    let reviewer = feedback.filter(|(f, _)| f.kind == FeedbackKind::ChangesRequested);
    reviewer
        .map(|(f, _)| &f.key)
        .or(command)
        .or(feedback.map(|(f, _)| &f.key))
        .cloned()
}
