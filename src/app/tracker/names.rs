//! Names on screen and what they mean: exact on writes, suggested, never guessed.

use std::cell::LazyCell;

use crate::app::tracker::error::TrackerError;
use crate::domain::handles::{Handles, unambiguous_handle};
use crate::domain::ids::{EscalationUid, HANDLE_MIN_LEN, TaskSelector, TaskUid};
use crate::domain::state::{State, Unresolved};
use crate::domain::task::{Task, TaskName};

/// What a task is called on screen.
pub(in crate::app::tracker) fn name(state: &State, task: TaskUid) -> String {
    match state.name_of(task) {
        TaskName::Number(n) => n.to_string(),
        TaskName::Provisional(uid) => unambiguous_handle(state, uid),
    }
}

/// As [`name`], for who has the task at hand.
pub(in crate::app::tracker) fn name_with(state: &State, uid: TaskUid, task: &Task) -> String {
    match state.name_with(uid, task) {
        TaskName::Number(n) => n.name(),
        TaskName::Provisional(uid) => unambiguous_handle(state, uid),
    }
}

/// As [`name`], for who names many tasks.
pub(in crate::app::tracker) fn name_among(
    state: &State,
    handles: &LazyCell<Handles, impl FnOnce() -> Handles>,
    task: TaskUid,
) -> String {
    match state.name_of(task) {
        TaskName::Number(n) => n.to_string(),
        TaskName::Provisional(uid) => handles.name(uid),
    }
}

/// Title of a task; empty if it is not known.
pub(in crate::app::tracker) fn title(state: &State, task: TaskUid) -> String {
    state
        .tasks
        .get(&task)
        .map_or_else(String::new, |t| t.title.value.clone())
}

/// The task with that name.
pub(in crate::app::tracker) fn resolve(
    state: &State,
    selector: &TaskSelector,
) -> Result<TaskUid, TrackerError> {
    state.resolve(selector).map_err(|why| match why {
        Unresolved::NotFound { near } => TrackerError::UnknownTask {
            selector: selector.clone(),
            near: near.iter().map(ToString::to_string).collect(),
        },
        Unresolved::Ambiguous { candidates } => TrackerError::AmbiguousTask {
            selector: selector.clone(),
            candidates: candidates
                .iter()
                .map(|uid| {
                    let handle = unambiguous_handle(state, *uid);
                    format!("{handle} ({})", title(state, *uid))
                })
                .collect(),
        },
    })
}

/// Resolves all, in order; a task named twice counts once.
pub(in crate::app::tracker) fn resolve_all(
    state: &State,
    selectors: &[TaskSelector],
) -> Result<Vec<TaskUid>, TrackerError> {
    let mut uids = Vec::new();
    for selector in selectors {
        let uid = resolve(state, selector)?;
        if !uids.contains(&uid) {
            uids.push(uid);
        }
    }
    Ok(uids)
}

/// Names that look like one that is not there.
pub(in crate::app::tracker) fn near(state: &State, selector: &TaskSelector) -> Vec<String> {
    match state.resolve(selector) {
        Err(Unresolved::NotFound { near }) => near.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

/// Short id of an escalation, `E-k3f9q`: as many letters, made as those of a task's handle, as tell
/// it from all others.
pub(in crate::app::tracker) fn escalation(state: &State, uid: EscalationUid) -> String {
    let own = letters(uid);
    let others = || state.escalations.keys().filter(|other| **other != uid);
    let len = (HANDLE_MIN_LEN..own.len())
        .find(|len| !others().any(|other| letters(*other).starts_with(&own[..*len])))
        .unwrap_or(own.len());
    format!("E-{}", &own[..len])
}

/// All letters of an escalation's short id.
pub(in crate::app::tracker) fn letters(uid: EscalationUid) -> String {
    TaskUid(uid.0).handle()
}
