//! What people, checks and attempts did on a review, round by round.

use crate::domain::command::Verb;
use crate::domain::ids::{RecordId, ReviewUid, SessionUid};
use crate::domain::record::{ReviewFeedback, SessionClaimed};
use crate::domain::register::Stamp;
use crate::domain::review::{FeedbackKind, Review, ReviewCommanded};
use crate::domain::session::Session;
use crate::domain::state::State;
use crate::engine::history::{End, end_of};

/// True if the attempt was told to propose parts instead of working.
#[must_use]
pub fn is_split(state: &State, claim: &SessionClaimed) -> bool {
    let commands = state.reviews.values().flat_map(|r| &r.commands);
    let told = commands
        .filter(|(id, (command, _))| claim.addresses.contains(id) && asks(command))
        .map(|(_, (command, at))| (*at, &command.what.command))
        .max_by_key(|(at, _)| *at);
    claim.branch.is_none() && told.is_some_and(|(_, verb)| *verb == Verb::Split)
}

/// A command that asks for an attempt.
pub(super) fn asks(command: &ReviewCommanded) -> bool {
    matches!(command.what.command, Verb::Retry | Verb::Split)
}

/// When a human last asked for an attempt.
pub(super) fn spoken(state: &State, reviews: &[ReviewUid]) -> Option<Stamp> {
    let commands = reviews
        .iter()
        .filter_map(|uid| state.reviews.get(uid))
        .flat_map(|review| review.commands.values());
    let asking = commands.filter(|(command, _)| asks(command));
    asking.map(|(_, at)| *at).max()
}

/// Checks and conflicts of a head that is not under review any more are no news.
pub(super) fn is_current(feedback: &ReviewFeedback, review: &Review) -> bool {
    feedback.kind == FeedbackKind::ChangesRequested
        || review
            .head
            .value
            .as_ref()
            .is_none_or(|head| *head == feedback.head)
}

/// Attempts at mending failing checks since a human last said something about the work. One that
/// failed by its own fault counts.
pub(super) fn repairs(review: &Review, sessions: &[(SessionUid, &Session)], human: Stamp) -> u32 {
    let of = |wanted: FeedbackKind| {
        let all = review.feedback.iter();
        all.filter(move |(_, (feedback, _))| feedback.kind == wanted)
    };
    let requested = of(FeedbackKind::ChangesRequested).map(|(_, (_, at))| *at);
    let since = requested.fold(human, Stamp::max);
    let failed: Vec<RecordId> = of(FeedbackKind::ChecksFailed).map(|(id, _)| *id).collect();
    sessions
        .iter()
        .filter(|(_, s)| s.addresses().iter().any(|id| failed.contains(id)))
        .filter(|(_, s)| match end_of(s) {
            Some((End::Succeeded, at)) => at > since,
            Some((End::Failed(failure), at)) => at > since && failure.counts(),
            Some((End::Escalated, _)) | None => false,
        })
        .count() as u32
}
