//! Everything about tasks.

use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::resolve_all;
use crate::app::tracker::report::ShowReport;
use crate::app::tracker::views::detail;
use crate::domain::ids::TaskSelector;
use crate::engine::ready::Board;
use crate::store::Bodies;

/// Everything about these tasks. Live work is read, so that their phases take locks and blockers
/// of others into account; archived work only if one of them is not among it.
///
/// # Errors
/// An unknown or ambiguous task, or unreadable state.
pub fn show(desk: Desk<'_>, tasks: &[TaskSelector]) -> Result<ShowReport, TrackerError> {
    let (reading, uids) = desk.read_until(Bodies::Read, |state| resolve_all(state, tasks))?;
    let state = &reading.loaded.state;
    let index = state.index();
    let board = Board::new(state, &index, desk.policy, desk.now());
    let tasks: Vec<_> = uids
        .iter()
        .map(|uid| detail(&board, *uid, &state.tasks[uid]))
        .collect();
    Ok(ShowReport {
        total: tasks.len(),
        tasks,
        has_more: false,
    })
}
