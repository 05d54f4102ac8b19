//! The beginning and the end of a tick: the first look, what a dead tick left, the report's frame.

use crate::app::context::Minter;
use crate::app::end::End;
use crate::app::tick::documents::{self, HANDOVER_VERSION, ResultDoc, SpentDoc};
use crate::app::tick::report::{TickEvent, TickReport};
use crate::app::tick::{
    TickError, TickOptions, World, claims, claims_file, intake, observe, remote,
};
use crate::domain::ids::{SessionUid, TaskUid};
use crate::domain::money::{MicroUsd, Spent};
use crate::domain::session::Session;
use crate::domain::state::State;
use crate::domain::time::DurationMs;
use crate::engine::facts::Facts;
use crate::engine::plan::{Limits, Plan};
use crate::ports::host::Life;
use crate::ports::state_repo::{Freshness, RemoteState, StateView};
use crate::store::Scope;

/// What is known when a tick begins.
pub(super) struct Opening {
    pub(super) state: State,
    pub(super) facts: Facts,
    pub(super) only: Vec<TaskUid>,
}

/// Steps 1 and 2: one fetch, one fold, one look around.
pub(super) fn open(
    world: &World<'_>,
    options: &TickOptions,
    end: End,
    report: &mut TickReport,
    on: &mut dyn FnMut(TickEvent),
) -> Result<Opening, TickError> {
    let view = newest(world, end.left(world.context), on)?;
    let view = intake::step(world, options, end, view, report, on)?;
    let loaded = world.context.load(&view, scope(world))?;
    if !loaded.problems.is_empty() {
        report.notes.push(format!(
            "{} damaged places in the state; `fleet doctor` names them",
            loaded.problems.len()
        ));
    }
    let ahead = loaded.state.clock.wall().since(world.context.clock.now());
    if ahead > world.policy.leases.skew_allowance {
        report.notes.push(format!(
            "the newest record is {} min ahead of this machine's clock: some writer's clock is or was \
             wrong. Nothing is lost and order is kept; rests, budgets of a day and ages go by the \
             times in the ids of such records",
            ahead.0 / 60_000
        ));
    }
    let only = options
        .only
        .iter()
        .map(|selector| {
            loaded
                .state
                .resolve(selector)
                .map_err(|unresolved| TickError::NoSuchTask {
                    selector: selector.clone(),
                    unresolved,
                })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let facts = observe::observe(world, &loaded.state, &mut report.notes);
    Ok(Opening {
        state: loaded.state,
        facts,
        only,
    })
}

/// How long this tick may work.
pub(super) fn budget(world: &World<'_>, options: &TickOptions) -> DurationMs {
    options.time_budget.unwrap_or(world.policy.tick.time_budget)
}

/// The newest state; there must be one, and the remote must have answered.
pub(super) fn newest(
    world: &World<'_>,
    limit: DurationMs,
    on: &mut dyn FnMut(TickEvent),
) -> Result<StateView, TickError> {
    on(TickEvent::Step("fetch the newest state"));
    let view = world.context.repo.view(Freshness::Fetch(limit))?;
    if let RemoteState::Unreachable { cause } = view.remote {
        return Err(TickError::Unreachable { cause });
    }
    if view.tip.is_none() && view.unpublished.is_none() {
        let branch = world.policy.state.branch.clone();
        return Err(TickError::NotInitialised { branch });
    }
    Ok(view)
}

pub(super) fn empty_report(dry_run: bool) -> TickReport {
    TickReport {
        intake: None,
        reconciled: Vec::new(),
        claimed: Vec::new(),
        sessions: Vec::new(),
        waiting: Vec::new(),
        notes: Vec::new(),
        cost: MicroUsd(0),
        open_questions: 0,
        dry_run,
        stopped: false,
        budget_stop: false,
        handed: None,
        duration_ms: 0,
    }
}

pub(super) fn claims_left(world: &World<'_>, options: &TickOptions) -> u32 {
    options
        .max
        .unwrap_or(u32::MAX)
        .min(world.policy.tick.max_claims)
}

pub(super) fn dry_run(
    world: &World<'_>,
    options: &TickOptions,
    opening: &Opening,
    report: &mut TickReport,
) {
    let limits = Limits {
        max: options.max,
        only: opening.only.clone(),
    };
    let mut minter = Minter::new(world.context);
    minter.restart(opening.state.clock);
    let (plan, ops, _) =
        claims::decide(world, &opening.state, &opening.facts, &limits, &mut minter);
    report
        .reconciled
        .extend(claims::reconciled(&opening.state, &ops));
    report.claimed = claims::claim_reports(&opening.state, &plan);
    tell_state(report, &opening.state, &plan);
}

/// Refuses a tick in which work waited for nothing but a base branch that is not there: a wrong
/// name in the configuration would else look like an empty queue.
pub(super) fn ensure_base(world: &World<'_>, report: &TickReport) -> Result<(), TickError> {
    let wanted = report.waiting.iter().any(|w| w.codes.contains(&"no_base"));
    if !wanted || !report.sessions.is_empty() {
        return Ok(());
    }
    world.code.base().map_or_else(
        |error| {
            let cause = error.to_string();
            Err(TickError::NoBase { cause })
        },
        |_| Ok(()),
    )
}

/// What waits and what is asked, in the report.
pub(super) fn tell_state(report: &mut TickReport, state: &State, plan: &Plan) {
    report.waiting = claims::waiting(state, plan);
    report.budget_stop = plan.stopped_by_budget();
    report.open_questions = state.escalations.values().filter(|e| e.is_open()).count();
    for note in &plan.notes {
        if !report.notes.contains(note) {
            report.notes.push(note.clone());
        }
    }
}

/// Results that an earlier tick left in the hand-over directory when it died: they are paid for,
/// so they are carried on. Folders of sessions that ended otherwise are removed.
pub(super) fn adopt(world: &World<'_>, state: &State, notes: &mut Vec<String>) -> Vec<ResultDoc> {
    let folders = world.handover.folders().unwrap_or_default();
    let index = state.index();
    let (mut found, mut ended) = (Vec::new(), Vec::new());
    for folder in folders {
        let Some(session) = documents::session_of(&folder) else {
            continue;
        };
        let known = state.sessions.get(&session);
        if !known.is_some_and(Session::holds_lease) {
            // An unknown session may be one that another process claimed a moment ago.
            if let Some(known) = known {
                ended.push((session, claims_file::cost_of(known)));
            }
            continue;
        }
        let runner = known
            .and_then(|s| s.started.as_ref())
            .map(|(runner, _)| runner);
        let dead = runner.is_none_or(|r| matches!(world.host.life(r), Life::Dead { .. }));
        if dead
            && let Some(result) = read_result(world, session)
            && let Some(claim) =
                claims::as_published(world, state, &index, session, result.claim.deliverable)
        {
            let start = claim.start();
            let result = ResultDoc {
                claim,
                start,
                ..result
            };
            notes.push(format!(
                "{}: its finished work was found and is carried on",
                result.claim.task
            ));
            found.push(result);
        }
    }
    claims_file::forget(world, &ended, notes);
    found
}

/// The result document of a session, if it is whole, its own, and of this version.
pub(super) fn read_result(world: &World<'_>, session: SessionUid) -> Option<ResultDoc> {
    let name = documents::result_name(session);
    let bytes = world.handover.get(&name).ok()??;
    serde_json::from_slice::<ResultDoc>(&bytes)
        .ok()
        .filter(|r| r.version == HANDOVER_VERSION)
        .filter(|r| r.claim.session == session && r.finished.session == session)
}

/// What a session had spent, by its note, if that is whole and its own.
pub(super) fn read_spent(world: &World<'_>, session: SessionUid) -> Option<Spent> {
    let bytes = world.handover.get(&documents::spent_name(session)).ok()??;
    serde_json::from_slice::<SpentDoc>(&bytes)
        .ok()
        .filter(|note| note.version == HANDOVER_VERSION && note.session == session)
        .map(|note| note.spent)
}

/// How much of the state a decision about claims needs: budgets that count for ever need what was
/// archived, too.
pub(super) fn scope(world: &World<'_>) -> Scope {
    if world.policy.budget.counts_all() {
        Scope::All
    } else {
        Scope::Live
    }
}

/// Removes workspaces that nobody needs: all but those in which a service works (I9). They are known
/// from the newest records; if these cannot be read, nothing is removed.
pub(super) fn sweep(world: &World<'_>, report: &mut TickReport) {
    let services = world.policy.agents.values();
    let mut services = services.filter_map(|a| a.kind.service());
    let keep = if services.any(|service| service.kind.is_local()) {
        let view = world.context.repo.view(Freshness::Local);
        let Some(state) = view
            .ok()
            .and_then(|view| world.context.load(&view, Scope::Live).ok())
        else {
            return;
        };
        remote::kept(world, &state.state)
    } else {
        Vec::new()
    };
    if let Err(error) = world.workspaces.sweep(&keep) {
        report
            .notes
            .push(format!("old workspaces remain: failed to {error}"));
    }
}
