//! What becomes of an admission when a text changes (R4).

use crate::app::tracker::desk::Desk;
use crate::domain::record::{Op, TaskAdmitted, TaskUpdated};
use crate::domain::task::Task;
use crate::engine::admission::{admission_hash, is_admitted};

/// A human's change of an admitted text is admitted with it: the human wrote these bytes. An agent's
/// is not: what was admitted until now is pinned, so that the new text waits for a human.
pub(in crate::app::tracker) fn readmission(
    desk: Desk<'_>,
    task: &Task,
    updated: &TaskUpdated,
) -> Option<Op> {
    with_text(!desk.by_program(), task, updated)
}

/// As [`readmission`], of a text that is taken from `source`: one that no human admitted there is not
/// admitted by whoever moves it.
pub(in crate::app::tracker) fn moved(
    desk: Desk<'_>,
    task: &Task,
    source: &Task,
    updated: &TaskUpdated,
) -> Option<Op> {
    with_text(!desk.by_program() && is_admitted(source), task, updated)
}

/// Whether a text that is changed waits for a human after that.
pub(in crate::app::tracker) fn waits_after(
    desk: Desk<'_>,
    task: &Task,
    updated: &TaskUpdated,
) -> bool {
    changes_text(updated) && (desk.by_program() || !is_admitted(task))
}

fn changes_text(TaskUpdated { set, .. }: &TaskUpdated) -> bool {
    set.title.is_some() || set.body.is_some() || set.acceptance.is_some()
}

/// `trusted` = a human wrote or admitted what is new.
fn with_text(trusted: bool, task: &Task, updated: &TaskUpdated) -> Option<Op> {
    let set = &updated.set;
    let pinned = task.details.admitted_sha256.value.is_some();
    if !changes_text(updated) || !task.admitted.value {
        return None;
    }
    let pin = |task: &Task| {
        Op::TaskAdmitted(TaskAdmitted {
            task: updated.task,
            sha256: admission_hash(task),
        })
    };
    if !trusted {
        return (!pinned).then(|| pin(task));
    }
    // The rest of a text that waits for a human is not admitted by a change of a part of it.
    if !pinned || !is_admitted(task) {
        return None;
    }
    let mut after = task.clone();
    if let Some(title) = &set.title {
        after.title.value.clone_from(title);
    }
    if let Some(body) = &set.body {
        after.body.value.clone_from(body);
    }
    if let Some(acceptance) = &set.acceptance {
        after.details.acceptance.value.clone_from(acceptance);
    }
    Some(pin(&after))
}
