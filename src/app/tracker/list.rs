//! Lists of tasks.

use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::report::{TaskList, TaskRow};
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

/// A list whose rows were taken in as they were made.
#[derive(Debug)]
pub struct Taken<R> {
    /// What was made of the rows, in one part or two that follow each other.
    pub parts: Vec<R>,
    /// How many rows.
    pub shown: usize,
    /// How many tasks there are; a limit may have left some out.
    pub total: usize,
}

/// Tasks that pass the filter, most urgent first.
///
/// # Errors
/// Unreadable state.
pub fn list(desk: Desk<'_>, filter: &Filter) -> Result<TaskList, TrackerError> {
    let taken = list_as(desk, filter, |rows| rows.collect::<Vec<_>>())?;
    Ok(TaskList {
        tasks: taken.parts.into_iter().flatten().collect(),
        total: taken.total,
        has_more: taken.shown < taken.total,
    })
}

/// The same for who does not need all rows at once: a hundred thousand of them are as much memory as
/// the state.
///
/// # Errors
/// As [`list`].
pub fn list_as<R: Send>(
    desk: Desk<'_>,
    filter: &Filter,
    take: impl Fn(&mut dyn Iterator<Item = TaskRow>) -> R + Sync,
) -> Result<Taken<R>, TrackerError> {
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
    let mut found = most_urgent_first(&found, |(_, task, _)| task);
    let total = found.len();
    found.truncate(filter.limit.unwrap_or(usize::MAX));
    Ok(Taken {
        shown: found.len(),
        parts: desk.rows_as(state, &found, filter.full, take),
        total,
    })
}

/// Open ones first, then by priority and number; what has none comes last, in the order in which it
/// came here.
pub(in crate::app::tracker) fn most_urgent_first<'a, T: Copy>(
    found: &[T],
    task: impl Fn(&T) -> &'a Task,
) -> Vec<T> {
    let key = |(at, one): (usize, &T)| {
        let task = task(one);
        let number = task.number.value.map_or(1 << 32, |n| u64::from(n.get()));
        let class = u64::from(!task.is_open()) << 8 | u64::from(task.priority());
        // One number is compared far faster than three values.
        (class << 40 | number, at)
    };
    let mut keys: Vec<(u64, usize)> = found.iter().enumerate().map(key).collect();
    keys.sort_by_key(|(key, _)| *key);
    keys.iter().map(|(_, at)| found[*at]).collect()
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
