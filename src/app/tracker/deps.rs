//! Edges: adding, removing, looking.

use crate::app::publish::Decision;
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::{name, resolve, title};
use crate::app::tracker::report::{CyclesReport, DepReport, TreeReport, TreeRow};
use crate::app::tracker::request::Mode;
use crate::app::tracker::views::status_of;
use crate::domain::dep::DepKind;
use crate::domain::ids::{TaskSelector, TaskUid};
use crate::domain::record::{DepEdge, Op};
use crate::domain::state::State;
use crate::engine::deps::{self, Direction};
use crate::store::{Bodies, Scope};

/// Deepest tree that is shown.
const MAX_DEPTH: usize = 50;

/// Makes `from` depend on `to`.
///
/// # Errors
/// An unknown or ambiguous task, an edge that would close a cycle, or a failed publish.
pub fn add(
    desk: Desk<'_>,
    from: &TaskSelector,
    to: &TaskSelector,
    kind: DepKind,
    mode: Mode,
) -> Result<DepReport, TrackerError> {
    change(desk, "added", (from, to, kind), mode, |state, edge| {
        if edge.from == edge.to {
            return Err(TrackerError::SelfDependency {
                task: name(state, edge.from),
            });
        }
        let cycle = deps::would_cycle(state, &state.index(), edge.from, edge.to, edge.kind);
        match cycle {
            Some(path) => Err(TrackerError::Cycle {
                path: path.iter().map(|uid| name(state, *uid)).collect(),
            }),
            None => Ok(Op::DepAdded(edge)),
        }
    })
}

/// Takes an edge away.
///
/// # Errors
/// An unknown or ambiguous task, or a failed publish.
pub fn remove(
    desk: Desk<'_>,
    from: &TaskSelector,
    to: &TaskSelector,
    kind: DepKind,
    mode: Mode,
) -> Result<DepReport, TrackerError> {
    change(desk, "removed", (from, to, kind), mode, |_, edge| {
        Ok(Op::DepRemoved(edge))
    })
}

fn change(
    desk: Desk<'_>,
    action: &'static str,
    (from, to, kind): (&TaskSelector, &TaskSelector, DepKind),
    mode: Mode,
    op: impl Fn(&State, DepEdge) -> Result<Op, TrackerError>,
) -> Result<DepReport, TrackerError> {
    let attempt = |scope: Scope| {
        desk.change("record the dependency", scope, mode, |loaded, minter| {
            let state = &loaded.state;
            let edge = DepEdge {
                from: resolve(state, from)?,
                to: resolve(state, to)?,
                kind,
            };
            let names = (name(state, edge.from), name(state, edge.to));
            let there = state
                .deps_from(edge.from)
                .any(|key| key.to == edge.to && key.kind == kind);
            if there == (action == "added") {
                return Ok(Decision::Nothing((names, false)));
            }
            minter.add(op(state, edge)?);
            let subject = format!("{action} a dependency of {}", names.0);
            Ok(Decision::write((names, true), subject))
        })
    };
    let done = match attempt(Scope::Live) {
        // Archived work is looked for only if live work does not have it.
        Err(TrackerError::UnknownTask { .. }) => attempt(Scope::All)?,
        other => other?,
    };
    let ((from, to), changed) = done.value;
    Ok(DepReport {
        action,
        from,
        to,
        kind: kind.name(),
        changed,
        delivery: done.delivery,
    })
}

/// What a task depends on, and what that depends on.
///
/// # Errors
/// An unknown or ambiguous task, or unreadable state.
pub fn tree(desk: Desk<'_>, task: &TaskSelector) -> Result<TreeReport, TrackerError> {
    let (reading, root) = desk.read_until(Bodies::OnlyRows, |state| resolve(state, task))?;
    let state = &reading.loaded.state;
    let lines: Vec<_> = deps::tree(state, &state.index(), root, Direction::Down, MAX_DEPTH)
        .into_iter()
        .map(|line| TreeRow {
            depth: line.depth,
            id: name(state, line.task),
            title: title(state, line.task),
            status: status_of(state, line.task),
            kind: line.kind.map(DepKind::name),
            repeated: line.repeated,
        })
        .collect();
    Ok(TreeReport {
        id: name(state, root),
        total: lines.len(),
        lines,
        has_more: false,
    })
}

/// Groups of tasks that wait for each other.
///
/// # Errors
/// Unreadable state.
pub fn cycles(desk: Desk<'_>) -> Result<CyclesReport, TrackerError> {
    let reading = desk.glance(Scope::Live)?;
    let cycles = cycles_of(&reading.loaded.state);
    Ok(CyclesReport {
        total: cycles.len(),
        cycles,
        has_more: false,
    })
}

/// Groups of tasks that wait for each other, by name.
pub(in crate::app::tracker) fn cycles_of(state: &State) -> Vec<Vec<String>> {
    let names = |group: &Vec<TaskUid>| group.iter().map(|uid| name(state, *uid)).collect();
    deps::cycles(state, &state.index())
        .iter()
        .map(names)
        .collect()
}
