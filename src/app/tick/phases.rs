//! The three phases as separate processes, with documents between them (security.md §0.1: the
//! write token is never where the agent is).

mod handed;
mod jobs;

use crate::app::end::End;
use crate::app::tick::claims::{self, Claimed, Manner, handing};
use crate::app::tick::claims_file;
use crate::app::tick::documents::ClaimsDoc;
use crate::app::tick::intake::{self, SAYING_LIMIT};
use crate::app::tick::opening::{self, empty_report, tell_state};
use crate::app::tick::phases::handed::settle_remote;
use crate::app::tick::phases::jobs::{hand_out, most_claims, to_run, wanted};
use crate::app::tick::pool::{FromPool, Pool};
use crate::app::tick::remote::{self, Done};
use crate::app::tick::report::{Ended, TickEvent, TickReport};
use crate::app::tick::{TickError, TickOptions, World, archive, replies, results, reviews};
use crate::domain::session::Session;
use crate::domain::state::State;
use crate::domain::time::{DurationMs, Moment};
use crate::engine::budget::Ledger;
use crate::engine::plan::Limits;
use crate::ports::lease::Lease;
use crate::ports::runner::Cancel;
use crate::store::Scope;

/// How often signals are looked at while nothing happens.
const LOOK: DurationMs = DurationMs(100);
/// How long politely stopped work may take to end before it is killed.
const STOP_GRACE: DurationMs = DurationMs::secs(5);

/// Phase `claim`.
pub(super) fn claim(
    world: &World<'_>,
    options: &TickOptions,
    on: &mut dyn FnMut(TickEvent),
) -> Result<TickReport, TickError> {
    let (started, began) = (world.context.clock.now(), world.context.clock.moment());
    let end = End::of(began, opening::budget(world, options));
    let mut report = empty_report(false);
    let mut first = opening::open(world, options, end, &mut report, on)?;
    // The agents will run on another machine, and what is missing here says nothing; but for those at
    // services, which this phase speaks to.
    let agents = &mut first.facts.agents;
    agents.retain(|name, _| remote::is_remote(world, name));
    // Before anything is claimed: what cannot be handed over would be held until its lease ends.
    claims_file::ensure(world, started)?;
    let manner = Manner {
        limits: Limits {
            max: Some(most_claims(world, options)),
            only: first.only,
        },
        handed_over: true,
        publish_limit: end.left(world.context),
    };
    let intent = claims::claim(world, &first.facts, &manner)?;
    let due = reviews::due(&intent.plan);
    let noted: Vec<_> = intent.claimed.iter().map(|c| c.lease.session()).collect();
    let mut steps = intent.steps;
    let here = intent.claimed.into_iter();
    let here = here.filter_map(|c| Some(remote::unless_remote(world, c, &mut steps)?.doc));
    let mut new: Vec<_> = here.collect();
    let jobs = remote::jobs(world, &intent.state, &steps);
    let (collected, done) = remote::in_claim_phase(world, jobs);
    new.extend(collected);
    let changing = claims_file::change(world)?;
    // Claims that an earlier phase left there and nobody finished stay in it.
    let mut docs = claims_file::read(world, None).map_or_else(|_| Vec::new(), |doc| doc.claims);
    docs.retain(|doc| {
        let in_time = doc.claim.lease_until > started;
        let session = intent.state.sessions.get(&doc.session);
        // One that is not known here may be another phase's, of a moment ago.
        session.map_or(in_time, Session::holds_lease)
            && new.iter().all(|new| new.session != doc.session)
    });
    docs.extend(new);
    let sessions: Vec<_> = docs.iter().map(|doc| doc.session).collect();
    let ledger = Ledger::of(&intent.state, world.policy, started);
    let budgets = ledger.gauge(world.policy, &sessions).shared_out(&sessions);
    hand_out(&mut report, &docs);
    // A claim that is noted is one of which no run phase knows: until here, and not behind this line.
    handing::forget(world, noted);
    let claims_sha256 = claims_file::put(world, &changing, started, docs, budgets)?;
    drop(changing);
    if let Some(handed) = &mut report.handed {
        handed.claims_sha256 = claims_sha256;
    }
    // From here on the claims are others' to run: whatever fails is told, and the next tick does it.
    settle_remote(world, done, end, &mut report, on).or_else(|error| later(&mut report, error))?;
    report
        .reconciled
        .extend(claims::reconciled(&intent.state, &intent.ops));
    report.claimed = claims::claim_reports(&intent.state, &intent.plan);
    tell_state(&mut report, &intent.state, &intent.plan);
    speak(world, &intent.state, &due, end, &mut report)
        .or_else(|error| later(&mut report, error))?;
    last_words(world, options, began, &mut report);
    archive::step(world, end, &mut report);
    opening::ensure_base(world, &report).or_else(|error| later(&mut report, error))?;
    report.duration_ms = world.context.clock.now().since(started).0;
    Ok(report)
}

/// Opens what reviews are due and gives the replies that are.
fn speak(
    world: &World<'_>,
    state: &State,
    due: &[reviews::Due],
    end: End,
    report: &mut TickReport,
) -> Result<(), TickError> {
    let (shown, newer) = reviews::open(world, state, due, end)?;
    results::tell_reviews(shown, &mut [], &mut report.notes);
    let (_, notes) = replies::say(world, newer.as_ref().unwrap_or(state), end)?;
    report.notes.extend(notes);
    Ok(())
}

/// What is said on issues, when all else is done.
fn last_words(world: &World<'_>, options: &TickOptions, began: Moment, report: &mut TickReport) {
    let budget = opening::budget(world, options);
    let until = world.context.clock.moment().plus(SAYING_LIMIT);
    let until = until.min(began.plus(budget));
    intake::tell(world, until, End::of(began, budget), report);
}

/// Trouble after the claims are published is a note if jobs wait for them: an error would end the
/// phase before it tells of them, and they would be held until their leases end.
fn later(report: &mut TickReport, error: TickError) -> Result<(), TickError> {
    if report.handed.as_ref().is_none_or(|h| h.jobs.is_empty()) {
        return Err(error);
    }
    let note = format!("left for the next tick: {error}");
    report.notes.push(note);
    Ok(())
}

/// Phase `run`: no state, no token, no ref. Sessions whose result exists already are not run again.
pub(super) fn run(
    world: &World<'_>,
    options: &TickOptions,
    cancel: &Cancel,
    on: &mut dyn FnMut(TickEvent),
) -> Result<TickReport, TickError> {
    let started = world.context.clock.moment();
    let today = world.context.clock.now();
    let mut report = empty_report(false);
    let deadline = started.plus(opening::budget(world, options));
    let ClaimsDoc {
        claims, budgets, ..
    } = claims_file::read(world, options.claims_sha256.as_deref())?;
    let todo = wanted(claims, options);
    let (mut todo, _held) = to_run(world, todo, today, &mut report.notes)?;
    todo.reverse();
    let parallel = world.policy.tick.max_parallel.max(1) as usize;
    let mut storage = None;
    std::thread::scope(|scope| {
        let mut pool = Pool::new(scope, world, true);
        pool.till().renew(budgets);
        let mut stop = None;
        loop {
            let now = world.context.clock.moment();
            match stop {
                None if cancel.is_asked() || now >= deadline => {
                    stop = Some(now);
                    todo.clear();
                    pool.stop_all();
                }
                Some(since) if cancel.is_urgent() || now.since(since) >= STOP_GRACE => {
                    pool.stop_all();
                }
                None | Some(_) => {}
            }
            while pool.running() < parallel
                && let Some(doc) = todo.pop()
            {
                let lease = Lease::found_live(doc.session, doc.claim.clone());
                pool.start(Claimed { lease, doc });
            }
            if pool.running() == 0 {
                break;
            }
            let at = world.context.clock.now();
            on(TickEvent::Pulse { at });
            for message in pool.wait(LOOK) {
                if let FromPool::Done(result) = &message {
                    let cost = result.finished.cost.unwrap_or_default();
                    pool.till().settle(result.finished.session, cost);
                    if let Some(cause) = &result.storage {
                        todo.clear();
                        storage.get_or_insert_with(|| cause.clone());
                    }
                }
                tell(world, &mut report, on, message);
            }
        }
        report.stopped = stop.is_some();
        report.budget_stop = stop.is_some_and(|at| at >= deadline);
    });
    if let Some(cause) = storage {
        return Err(TickError::Storage { cause });
    }
    report.duration_ms = world.context.clock.moment().since(started).0;
    Ok(report)
}

fn tell(
    world: &World<'_>,
    report: &mut TickReport,
    on: &mut dyn FnMut(TickEvent),
    message: FromPool,
) {
    match message {
        FromPool::Event(session, task, event) => {
            let at = world.context.clock.now();
            on(TickEvent::Agent {
                session,
                task: task.to_string(),
                at,
                event,
            });
        }
        FromPool::Done(result) => {
            let verdict = results::Verdicted {
                session: result.finished.session,
                ended: Ended::HandedOver,
                head: result.finished.head.clone(),
                summary: result.finished.summary.clone(),
            };
            report.end(results::session_report(&result, &verdict), on);
        }
        FromPool::Remote(_, Done::Note(note)) => report.notes.push(note),
        FromPool::Remote(..) => {}
        FromPool::Died(session) => {
            report.notes.push(format!(
                "session {session} ended without a result, which is a defect of fleet"
            ));
        }
    }
}

/// Phase `publish`: agent output only as data, checked again.
pub(super) fn publish(
    world: &World<'_>,
    options: &TickOptions,
    on: &mut dyn FnMut(TickEvent),
) -> Result<TickReport, TickError> {
    let (started, began) = (world.context.clock.now(), world.context.clock.moment());
    let end = End::of(began, opening::budget(world, options));
    let mut report = empty_report(false);
    let view = opening::newest(world, end.left(world.context), on)?;
    let state = world.context.load(&view, Scope::Live)?.state;
    let taken = handed::take(world, options, &state, &mut report.notes)?;
    if !taken.found.is_empty() {
        let finished = results::finish(world, &taken.found, end)?;
        for line in finished.lines {
            report.end(line, on);
        }
        report.notes.extend(finished.notes);
        let (_, notes) = replies::say(world, &finished.state, end)?;
        report.notes.extend(notes);
        report.open_questions = finished
            .state
            .escalations
            .values()
            .filter(|e| e.is_open())
            .count();
    }
    claims_file::forget(world, &taken.ended, &mut report.notes);
    last_words(world, options, began, &mut report);
    report.duration_ms = world.context.clock.now().since(started).0;
    Ok(report)
}
