//! Numbers about tasks: sums, counts by a field, and what nobody touched for long.

use std::collections::BTreeMap;

use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::find;
use crate::app::tracker::report::{CountReport, CountRow, StaleReport, StaleRow, StatsReport};
use crate::app::tracker::request::CountRequest;
use crate::domain::ids::TaskUid;
use crate::domain::task::Task;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::phase::Phase;
use crate::engine::ready::Board;
use crate::store::Scope;

/// What tasks can be counted by.
pub const BY: [&str; 12] = [
    "status",
    "phase",
    "type",
    "priority",
    "label",
    "assignee",
    "milestone",
    "agent",
    "complexity",
    "outcome",
    "author",
    "month",
];

/// How many tasks have each value of a field; a task with several labels counts under each.
///
/// # Errors
/// A query that cannot be read, or unreadable state.
pub fn count(desk: Desk<'_>, request: &CountRequest) -> Result<CountReport, TrackerError> {
    let about_closed = matches!(request.by, "status" | "outcome");
    let all = request.all || about_closed;
    let text = request.query.as_deref().unwrap_or("");
    let (reading, query) = find::read_for(desk, text, all)?;
    let state = &reading.loaded.state;
    let index = state.index();
    let board = Board::new(state, &index, desk.policy, desk.now());
    let found = find::select(desk, &board, &query, all);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (uid, task) in &found {
        for value in values(&board, *uid, task, request.by) {
            *counts.entry(value).or_default() += 1;
        }
    }
    let mut rows: Vec<_> = counts
        .into_iter()
        .map(|(value, count)| CountRow { value, count })
        .collect();
    if !matches!(request.by, "priority" | "month") {
        rows.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    }
    Ok(CountReport {
        by: request.by,
        tasks: found.len(),
        total: rows.len(),
        rows,
        has_more: false,
    })
}

fn values(board: &Board<'_>, uid: TaskUid, task: &Task, by: &str) -> Vec<String> {
    let or_none = |value: Option<&str>| vec![value.unwrap_or("none").to_owned()];
    let details = &task.details;
    match by {
        "status" => or_none(Some(if task.is_open() { "open" } else { "closed" })),
        "phase" => or_none(Some(board.phase(uid).0.name())),
        "type" => or_none(Some(task.type_name())),
        "priority" => vec![format!("P{}", task.priority())],
        "label" => {
            let labels: Vec<_> = task.labels.iter().map(str::to_owned).collect();
            if labels.is_empty() {
                or_none(None)
            } else {
                labels
            }
        }
        "assignee" => or_none(details.assignee.value.as_deref()),
        "milestone" => or_none(details.milestone.value.as_deref()),
        "agent" => or_none(details.agent.value.as_deref()),
        "complexity" => or_none(Some(crate::app::tracker::views::complexity_name(
            details.complexity.value,
        ))),
        "outcome" => or_none(Some(
            task.outcome()
                .map_or("open", crate::domain::record::CloseOutcome::name),
        )),
        "author" => or_none(task.added.as_ref().map(|(by, _)| by.as_str())),
        _ => vec![added(task).map_or_else(|| "none".to_owned(), Timestamp::month)],
    }
}

fn added(task: &Task) -> Option<Timestamp> {
    task.added.as_ref().map(|(_, at)| at.ts.wall())
}

/// Sums over all tasks, archived ones included.
///
/// # Errors
/// Unreadable state.
pub fn stats(desk: Desk<'_>) -> Result<StatsReport, TrackerError> {
    let reading = desk.glance(Scope::All)?;
    let state = &reading.loaded.state;
    let index = state.index();
    let now = desk.now();
    let board = Board::new(state, &index, desk.policy, now);
    let mut report = StatsReport {
        phases: Phase::ALL.iter().map(|phase| (phase.name(), 0)).collect(),
        ..StatsReport::default()
    };
    let week_ago = now.minus(DurationMs::secs(7 * 86_400));
    let mut lead: Vec<u64> = Vec::new();
    for (_, task, phase) in board.phases(|task| task.added.is_some()) {
        report.total += 1;
        *report.phases.entry(phase.name()).or_default() += 1;
        *report
            .priorities
            .entry(format!("P{}", task.priority()))
            .or_default() += usize::from(task.is_open());
        let born = added(task).unwrap_or(now);
        report.added_last_7_days += usize::from(born >= week_ago);
        if task.is_open() {
            report.open += 1;
            *report.types.entry(task.type_name().to_owned()).or_default() += 1;
            report.overdue += usize::from(task.details.due.value.is_some_and(|due| due < now));
            report.unassigned += usize::from(task.details.assignee.value.is_none());
            let minutes = task.details.estimate_minutes.value;
            report.estimate_open_minutes += minutes.unwrap_or(0);
        } else {
            let end = task.status.at.ts.wall();
            report.closed += 1;
            report.closed_last_7_days += usize::from(end >= week_ago);
            lead.push(end.since(born).0);
        }
    }
    lead.sort_unstable();
    report.lead_time_median_ms = lead.get(lead.len() / 2).copied();
    Ok(report)
}

/// Open tasks that no record was about for so long, longest first.
///
/// # Errors
/// Unreadable state.
pub fn stale(
    desk: Desk<'_>,
    after: DurationMs,
    limit: Option<usize>,
) -> Result<StaleReport, TrackerError> {
    let reading = desk.glance(Scope::Live)?;
    let state = &reading.loaded.state;
    let index = state.index();
    let now = desk.now();
    let board = Board::new(state, &index, desk.policy, now);
    let before = now.minus(after);
    let mut found: Vec<_> = state
        .tasks
        .iter()
        .filter(|(_, task)| task.is_open() && task.added.is_some())
        .map(|(uid, task)| {
            let sessions = index.sessions_of(*uid).iter();
            let worked = sessions
                .filter_map(|id| state.sessions.get(id))
                .filter_map(|s| s.finished.as_ref().map(|(_, at)| at.ts.wall()))
                .max();
            let touched = task.updated.ts.wall().max(worked.unwrap_or_default());
            (touched, *uid, task)
        })
        .filter(|(touched, uid, _)| *touched < before && index.lease_holder(state, *uid).is_none())
        .collect();
    found.sort_by_key(|(touched, uid, _)| (*touched, *uid));
    let total = found.len();
    let tasks: Vec<_> = found
        .into_iter()
        .take(limit.unwrap_or(usize::MAX))
        .map(|(touched, uid, task)| StaleRow {
            task: desk.row(state, uid, task, board.phase(uid).0, false),
            touched_at: touched,
            idle_days: now.since(touched).0 / 86_400_000,
        })
        .collect();
    Ok(StaleReport {
        has_more: tasks.len() < total,
        tasks,
        total,
    })
}
