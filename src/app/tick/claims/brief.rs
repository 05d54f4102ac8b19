//! The document that a claimed session is run by.

use crate::app::tick::documents::ClaimDoc;
use crate::app::tick::{World, prompt};
use crate::domain::escalation::Trigger;
use crate::domain::ids::{RecordId, SessionUid, TaskUid};
use crate::domain::record::SessionClaimed;
use crate::domain::review::FeedbackKind;
use crate::domain::state::{Index, State};
use crate::domain::task::Deliverable;
use crate::engine::history::is_split;

/// The document that the run of a claim needs.
pub(in crate::app::tick) fn document(
    world: &World<'_>,
    state: &State,
    index: &Index,
    session: SessionUid,
    claim: &SessionClaimed,
) -> ClaimDoc {
    let task = state.tasks.get(&claim.task);
    let conflicts = conflicts(world, claim);
    ClaimDoc {
        session,
        task: state.name_of(claim.task).to_string(),
        title: task.map(|t| t.title.value.clone()).unwrap_or_default(),
        deliverable: deliverable(state, claim),
        paths: task
            .map(|t| t.paths.iter().map(str::to_owned).collect())
            .unwrap_or_default(),
        prompt: prompt::build(state, index, world.policy, claim, &conflicts),
        only_merge: only_merge(state, claim),
        conflicts,
        allowed: allowed(state, index, claim.task, &claim.addresses),
        claim: claim.clone(),
    }
}

/// What did not merge by itself, if the attempt merges its base. What cannot be merged here ends the
/// run with the reason.
fn conflicts(world: &World<'_>, claim: &SessionClaimed) -> Vec<String> {
    let pair = claim.continues.as_ref().zip(claim.merges.as_ref());
    let merged = pair.and_then(|(ours, theirs)| world.code.merge(ours, theirs).ok());
    merged.map(|merged| merged.conflicts).unwrap_or_default()
}

/// Whether bringing the branch up to date is all that an attempt is for.
fn only_merge(state: &State, claim: &SessionClaimed) -> bool {
    let is_conflict = |id: &RecordId| {
        let mut feedback = state.reviews.values().filter_map(|r| r.feedback.get(id));
        feedback.any(|(f, _)| f.kind == FeedbackKind::Conflict)
    };
    claim.merges.is_some() && claim.addresses.iter().all(is_conflict)
}

/// What an attempt hands over: what its task does, or parts if it was told to split it.
fn deliverable(state: &State, claim: &SessionClaimed) -> Deliverable {
    if is_split(state, claim) {
        return Deliverable::Plan;
    }
    let task = state.tasks.get(&claim.task);
    task.map(|t| t.details.deliverable.value)
        .unwrap_or_default()
}

/// The claim as it was published. What a directory says of a session is not believed: the run phase
/// could write there too. `None` if the session does not hold its lease any more.
pub(in crate::app::tick) fn as_published(
    world: &World<'_>,
    state: &State,
    index: &Index,
    session: SessionUid,
    told: Deliverable,
) -> Option<ClaimDoc> {
    let held = state.sessions.get(&session).filter(|s| s.holds_lease())?;
    let (claim, _) = held.claim.as_ref()?;
    let mut doc = document(world, state, index, session, claim);
    // It hands over what it was claimed for, even if the task has been changed since.
    doc.deliverable = match (claim.branch.is_some(), told) {
        (true, _) => Deliverable::Pr,
        (false, Deliverable::Plan) => Deliverable::Plan,
        (false, Deliverable::Pr | Deliverable::Report) => Deliverable::Report,
    };
    Some(doc)
}

/// What a human allowed of the protected paths that this task asked about: exactly the lines that
/// the question showed, and nothing else that is protected (R3).
fn allowed(state: &State, index: &Index, task: TaskUid, addresses: &[RecordId]) -> Vec<String> {
    index
        .escalations_of(task)
        .iter()
        .filter_map(|uid| state.escalations.get(uid))
        .filter_map(|e| e.opened.as_ref().zip(e.answer.as_ref()))
        .filter(|((opened, _), (_, _, at))| {
            opened.trigger == Trigger::ProtectedPaths && addresses.contains(&at.id)
        })
        .filter(|(_, (answer, _, _))| {
            answer
                .trim_start()
                .to_ascii_lowercase()
                .starts_with("allow")
        })
        .flat_map(|((opened, _), _)| opened.context.lines().map(str::to_owned))
        .collect()
}
