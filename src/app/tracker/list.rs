//! Lists of tasks.

use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::report::TaskList;
use crate::app::tracker::request::Filter;
use crate::domain::task::Task;
use crate::engine::phase::Phase;
use crate::engine::query::glob;
use crate::engine::ready::Board;
use crate::store::{Bodies, Scope};

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
    let bodies = if filter.full || !filter.search.is_empty() {
        Bodies::Read
    } else {
        Bodies::OnlyRows
    };
    let reading = desk.look(scope, bodies)?;
    let state = &reading.loaded.state;
    let index = state.index();
    let board = Board::new(state, &index, desk.policy, desk.now());
    let search: Vec<String> = filter.search.iter().map(|s| s.to_lowercase()).collect();
    let mut found = board.phases(|task| {
        task.added.is_some()
            && (if task.is_open() { open } else { closed })
            && passes(task, filter, &search)
    });
    found.retain(|(_, _, phase)| {
        filter.phases.is_empty() || filter.phases.iter().any(|p| p == phase.name())
    });
    found.sort_by_cached_key(|(uid, task, _)| {
        let number = task.number.value;
        let urgency = (!task.is_open(), task.priority());
        (urgency, number.is_none(), number, *uid)
    });
    let total = found.len();
    found.truncate(filter.limit.unwrap_or(usize::MAX));
    let tasks = desk.rows(state, &found, filter.full);
    Ok(TaskList {
        has_more: tasks.len() < total,
        tasks,
        total,
    })
}

/// Whether a task carries a label that fits one of the patterns of `a|b*`.
fn carries(task: &Task, wanted: &str) -> bool {
    task.labels.contains(wanted)
        || (wanted.contains(['|', '*', '?'])
            && wanted
                .split('|')
                .any(|one| task.labels.iter().any(|label| glob(one, label))))
}

fn passes(task: &Task, filter: &Filter, search: &[String]) -> bool {
    let any = |list: &[String], value: &str| list.is_empty() || list.iter().any(|v| v == value);
    any(&filter.kinds, task.type_name())
        && (filter.priorities.is_empty() || filter.priorities.contains(&task.priority()))
        && filter.labels.iter().all(|label| carries(task, label))
        && !filter
            .without_labels
            .iter()
            .any(|label| carries(task, label))
        && (filter.milestones.is_empty()
            || task
                .details
                .milestone
                .value
                .as_ref()
                .is_some_and(|name| filter.milestones.contains(name)))
        && any(
            &filter.assignees,
            task.details.assignee.value.as_deref().unwrap_or(""),
        )
        && (search.is_empty() || {
            let text = format!("{}\n{}", task.title.value, task.body.value).to_lowercase();
            search.iter().all(|wanted| text.contains(wanted))
        })
}
