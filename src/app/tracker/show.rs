//! Everything about tasks.

use crate::app::tracker::desk::{Desk, Reading};
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::resolve_all;
use crate::app::tracker::report::ShowReport;
use crate::domain::dep::DepKind;
use crate::domain::ids::{TaskSelector, TaskUid};
use crate::domain::state::DepKey;
use crate::engine::ready::Board;
use crate::store::{Bodies, Scope};

/// Everything about these tasks. Live work is read, so that their phases take locks and blockers
/// of others into account; archived work only if one of them is not among it.
///
/// # Errors
/// An unknown or ambiguous task, or unreadable state.
pub fn show(desk: Desk<'_>, tasks: &[TaskSelector]) -> Result<ShowReport, TrackerError> {
    // Of all others no more is shown than a list shows.
    let (reading, uids) = desk.read_until(Bodies::OnlyRows, |state| resolve_all(state, tasks))?;
    let mut reading = with_parts(desk, reading, &uids)?;
    desk.complete(&mut reading, &uids)?;
    let state = &reading.loaded.state;
    let index = state.index();
    let board = Board::new(state, &index, desk.policy, desk.now());
    let tasks: Vec<_> = uids
        .iter()
        .map(|uid| desk.detail(&board, *uid, &state.tasks[uid]))
        .collect();
    Ok(ShowReport {
        total: tasks.len(),
        tasks,
        has_more: false,
    })
}

/// The same reading, or one with archived work too if one of the tasks has parts: closed parts leave
/// the live rows before their whole does.
fn with_parts(desk: Desk<'_>, reading: Reading, uids: &[TaskUid]) -> Result<Reading, TrackerError> {
    let state = &reading.loaded.state;
    let part_of_them = |key: DepKey| key.kind == DepKind::ParentChild && uids.contains(&key.to);
    let is_epic = |uid: &TaskUid| state.tasks[uid].type_name() == "epic";
    if uids.iter().any(is_epic) || state.live_deps().any(part_of_them) {
        desk.glance(Scope::All)
    } else {
        Ok(reading)
    }
}
