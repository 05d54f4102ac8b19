//! Lists of tasks.

use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::report::TaskList;
use crate::app::tracker::request::Filter;
use crate::app::tracker::views::row;
use crate::domain::task::Task;
use crate::engine::phase::Phase;
use crate::engine::ready::Board;
use crate::store::Scope;

/// Names of the phases, for filters.
pub const PHASES: [&str; Phase::ALL.len()] = {
    let mut names = [""; Phase::ALL.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = Phase::ALL[at].name();
        at += 1;
    }
    names
};

/// Tasks that pass the filter, most urgent first.
///
/// # Errors
/// Unreadable state.
pub fn list(desk: Desk<'_>, filter: &Filter) -> Result<TaskList, TrackerError> {
    let named = |status: &str| filter.status.iter().any(|s| s == status);
    let closed_phase = filter.phases.iter().any(|p| p == Phase::Closed.name());
    let closed = filter.all || named("closed") || (closed_phase && filter.status.is_empty());
    let open = filter.status.is_empty() || named("open");
    let scope = if closed { Scope::All } else { Scope::Live };
    let reading = desk.read(scope)?;
    let state = &reading.loaded.state;
    let index = state.index();
    let board = Board::new(state, &index, desk.policy, desk.now());
    let search: Vec<String> = filter.search.iter().map(|s| s.to_lowercase()).collect();
    let mut found: Vec<_> = state
        .tasks
        .iter()
        .filter(|(_, task)| task.added.is_some())
        .filter(|(_, task)| if task.is_open() { open } else { closed })
        .filter(|(_, task)| passes(task, filter, &search))
        .collect();
    found.sort_by_key(|(uid, task)| {
        let number = task.number.value;
        (
            !task.is_open(),
            task.priority(),
            number.is_none(),
            number,
            **uid,
        )
    });
    let with_phase: Vec<_> = found
        .into_iter()
        .map(|(uid, task)| (uid, task, board.phase(*uid).0))
        .filter(|(_, _, phase)| {
            filter.phases.is_empty() || filter.phases.iter().any(|p| p == phase.name())
        })
        .collect();
    let total = with_phase.len();
    let tasks: Vec<_> = with_phase
        .into_iter()
        .take(filter.limit.unwrap_or(usize::MAX))
        .map(|(uid, task, phase)| row(state, *uid, task, phase, filter.full))
        .collect();
    Ok(TaskList {
        has_more: tasks.len() < total,
        tasks,
        total,
    })
}

fn passes(task: &Task, filter: &Filter, search: &[String]) -> bool {
    let any = |list: &[String], value: &str| list.is_empty() || list.iter().any(|v| v == value);
    any(&filter.kinds, task.type_name())
        && (filter.priorities.is_empty() || filter.priorities.contains(&task.priority()))
        && filter
            .labels
            .iter()
            .all(|label| task.labels.contains(label))
        && any(
            &filter.assignees,
            task.assignee.value.as_deref().unwrap_or(""),
        )
        && (search.is_empty() || {
            let text = format!("{}\n{}", task.title.value, task.body.value).to_lowercase();
            search.iter().all(|wanted| text.contains(wanted))
        })
}
