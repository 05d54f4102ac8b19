//! What can start now, what cannot and why, and taking the best one.

use std::collections::BTreeSet;

use crate::app::publish::{Decision, How, Terms};
use crate::app::tracker::deps::cycles_of;
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::report::{ClaimReport, ReadyReport, Reason, TaskList, TaskRow};
use crate::app::tracker::request::{Mode, ReadyRequest};
use crate::app::tracker::views::{reasons, row};
use crate::domain::ids::TaskUid;
use crate::domain::record::{Op, TaskFields, TaskUpdated};
use crate::engine::budget::Ledger;
use crate::engine::phase::Phase;
use crate::engine::ready::Board;
use crate::engine::routing::{Load, Router};
use crate::engine::why::Why;
use crate::ports::state_repo::Freshness;
use crate::store::{Bodies, Checkpoint, Scope};

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
        Bodies::MayBeMissing
    };
    let reading = desk.look(if all { Scope::All } else { Scope::Live }, bodies)?;
    let state = &reading.loaded.state;
    let index = state.index();
    let board = Board::new(state, &index, desk.policy, desk.now());
    let ready = board.ready();
    let router = Router::new(&board, &ready);
    let order = router.order(&ready);
    let shown = request.limit.unwrap_or(usize::MAX).min(order.len());
    let mut tasks = Vec::with_capacity(shown);
    let ledger = request
        .explain
        .then(|| Ledger::of(state, desk.policy, board.now));
    let load = ledger.as_ref().map(|ledger| {
        let mut load = Load::of(&board, &std::collections::BTreeMap::new());
        load.look_at_budgets(&board, ledger);
        load
    });
    for uid in order.iter().take(shown) {
        let mut one = row(state, *uid, &state.tasks[uid], Phase::Ready, request.full);
        if let Some(load) = &load {
            one.reasons = score_reasons(&router, *uid, load);
        }
        if let Some(why) = ledger.as_ref().and_then(|l| l.stops(desk.policy, *uid)) {
            one.reasons.insert(0, held_by_budget(&why));
        }
        tasks.push(one);
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
        report.waiting = Some(waiting(&board, |uid| !ready.contains(&uid), |_| true));
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
        let mut one = row(board.state, *uid, task, phase, false);
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
    let reading = desk.skim(Scope::Live)?;
    let state = &reading.loaded.state;
    let index = state.index();
    let board = Board::new(state, &index, desk.policy, desk.now());
    let under_way = |whys: &[Why]| matches!(Phase::of(whys), Phase::Running | Phase::InReview);
    let mut tasks = waiting(&board, |_| true, |whys| !under_way(whys));
    let total = tasks.len();
    tasks.truncate(limit.unwrap_or(usize::MAX));
    Ok(TaskList {
        has_more: tasks.len() < total,
        tasks,
        total,
    })
}

/// Takes the best ready task for a person (or a program that acts for one): it becomes the
/// assignee, so that no agent starts it. With a remote the claim must reach it: a claim that only
/// this clone knows would have two winners (I3).
///
/// # Errors
/// Lost again and again, a remote that refuses or does not answer, or unreadable state.
pub fn claim(
    desk: Desk<'_>,
    claimant: Option<&str>,
    mode: Mode,
) -> Result<ClaimReport, TrackerError> {
    let actor = desk.context.actor;
    let who = claimant.unwrap_or_else(|| actor.split_once(':').map_or(actor, |(_, name)| name));
    let who = crate::app::tracker::values::person(who)?;
    let terms = Terms {
        scope: Scope::Live,
        freshness: Freshness::Local,
        how: How::Must(desk.policy.state.push_timeout),
        checkpoint: Checkpoint::Never,
    };
    let done = desk.change_on("claim a task", &terms, mode, |loaded, minter| {
        let state = &loaded.state;
        let index = state.index();
        let board = Board::new(state, &index, desk.policy, minter.now());
        let ready = board.ready();
        let order = Router::new(&board, &ready).order(&ready);
        let Some(uid) = order.first().copied() else {
            return Ok(Decision::Nothing((None, 0)));
        };
        let mut taken = row(state, uid, &state.tasks[&uid], Phase::Waiting, true);
        taken.assignee = Some(who.clone());
        minter.add(Op::TaskUpdated(TaskUpdated {
            task: uid,
            set: TaskFields {
                assignee: Some(Some(who.clone())),
                ..TaskFields::default()
            },
            add_labels: Vec::new(),
            rm_labels: Vec::new(),
            add_paths: Vec::new(),
            rm_paths: Vec::new(),
            check: Vec::new(),
            uncheck: Vec::new(),
        }));
        let subject = format!("claim {} for {who}", taken.id);
        Ok(Decision::write((Some(taken), order.len() - 1), subject))
    })?;
    let (task, remaining) = done.value;
    Ok(ClaimReport {
        task,
        remaining,
        delivery: done.delivery,
    })
}
