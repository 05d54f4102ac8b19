//! What can start now, and what cannot and why.

use std::collections::BTreeSet;

use crate::app::tracker::deps::cycles_of;
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::report::{ReadyReport, Reason, TaskList, TaskRow};
use crate::app::tracker::request::ReadyRequest;
use crate::app::tracker::views::reasons;
use crate::domain::ids::TaskUid;
use crate::engine::budget::Ledger;
use crate::engine::facts::Facts;
use crate::engine::phase::Phase;
use crate::engine::ready::Board;
use crate::engine::routing::{Load, Router};
use crate::engine::why::Why;
use crate::store::{Bodies, Scope};

/// Tasks that can start now, best first.
///
/// # Errors
/// Unreadable state.
pub fn ready(desk: Desk<'_>, request: &ReadyRequest) -> Result<ReadyReport, TrackerError> {
    // Budgets that count for ever need what was archived, too.
    let all = request.explain && desk.policy.budget.counts_all();
    let bodies = if request.full {
        Bodies::Read
    } else {
        Bodies::OnlyRows
    };
    let reading = desk.look(if all { Scope::All } else { Scope::Live }, bodies)?;
    let state = &reading.loaded.state;
    let index = state.index();
    let board = Board::new(state, &index, desk.policy, desk.now());
    let ready = board.ready();
    let router = Router::new(&board, &ready);
    let order = router.order(&ready);
    let shown = request.limit.unwrap_or(usize::MAX).min(order.len());
    let ledger = request
        .explain
        .then(|| Ledger::of(state, desk.policy, board.now));
    let load = ledger.as_ref().map(|ledger| {
        let mut load = Load::of(&board, &Facts::default());
        load.look_at_budgets(&board, ledger);
        load
    });
    let first: Vec<_> = order[..shown]
        .iter()
        .map(|uid| (*uid, &state.tasks[uid], Phase::Ready))
        .collect();
    let mut tasks = desk.rows(state, &first, request.full);
    for (uid, one) in order.iter().zip(&mut tasks) {
        if let Some(load) = &load {
            one.reasons = score_reasons(&router, *uid, load);
        }
        if let Some(why) = ledger.as_ref().and_then(|l| l.stops(desk.policy, *uid)) {
            one.reasons.insert(0, held_by_budget(&why));
        }
    }
    let mut report = ReadyReport {
        list: TaskList {
            tasks,
            total: order.len(),
            has_more: shown < order.len(),
        },
        ..ReadyReport::default()
    };
    if request.explain {
        let ready: BTreeSet<TaskUid> = ready.iter().copied().collect();
        report.waiting = Some(waiting(desk, &board, |uid| !ready.contains(&uid), |_| true));
        report.cycles = Some(cycles_of(state));
    }
    Ok(report)
}

/// A task that is ready, and that a budget holds back.
fn held_by_budget(why: &Why) -> Reason {
    Reason {
        code: why.code(),
        text: format!("held back: {why}"),
    }
}

/// The order of a ready task, in words.
fn score_reasons(router: &Router<'_>, uid: TaskUid, load: &Load) -> Vec<Reason> {
    match router.route(uid, 1, load) {
        Ok(routed) => {
            let taken = Reason {
                code: "taken_by",
                text: format!("{} takes it as {}", routed.agent, routed.role),
            };
            let parts = routed.explained.iter().map(|factor| Reason {
                code: factor.name,
                text: format!(
                    "{} {}% × {}: {}",
                    factor.name.replace('_', " "),
                    factor.value,
                    factor.weight,
                    factor.note
                ),
            });
            std::iter::once(taken).chain(parts).collect()
        }
        Err(whys) => reasons(&whys),
    }
}

/// Open tasks that pass `wanted` and do not start now for reasons that pass `telling`, in order of
/// priority.
fn waiting(
    desk: Desk<'_>,
    board: &Board<'_>,
    wanted: impl Fn(TaskUid) -> bool,
    telling: impl Fn(&[Why]) -> bool,
) -> Vec<TaskRow> {
    let mut rows = Vec::new();
    for (uid, task) in &board.state.tasks {
        if !task.is_open() || !wanted(*uid) {
            continue;
        }
        let (phase, whys) = board.phase(*uid);
        if whys.is_empty() || !telling(&whys) {
            continue;
        }
        let mut one = desk.row(board.state, *uid, task, phase, false);
        one.reasons = reasons(&whys);
        rows.push((task.priority(), task.number.value, *uid, one));
    }
    rows.sort_by_key(|(priority, number, uid, _)| (*priority, number.is_none(), *number, *uid));
    rows.into_iter().map(|(.., row)| row).collect()
}

/// Open tasks that cannot start, with every reason. Work in progress and in review is not blocked.
///
/// # Errors
/// Unreadable state.
pub fn blocked(desk: Desk<'_>, limit: Option<usize>) -> Result<TaskList, TrackerError> {
    let reading = desk.glance(Scope::Live)?;
    let state = &reading.loaded.state;
    let index = state.index();
    let board = Board::new(state, &index, desk.policy, desk.now());
    let under_way = |whys: &[Why]| matches!(Phase::of(whys), Phase::Running | Phase::InReview);
    let mut tasks = waiting(desk, &board, |_| true, |whys| !under_way(whys));
    let total = tasks.len();
    tasks.truncate(limit.unwrap_or(usize::MAX));
    Ok(TaskList {
        has_more: tasks.len() < total,
        tasks,
        total,
    })
}
