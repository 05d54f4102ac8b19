//! A whole tick in one process: the loop around claims, the pool and results.

mod renewing;
mod showing;

use std::convert::Infallible;

use crate::app::end::{END_SLACK, End};
use crate::app::publish::ChangeError;
use crate::app::tick::claims::{self, Intent, Manner};
use crate::app::tick::documents::ResultDoc;
use crate::app::tick::opening;
use crate::app::tick::pool::{FromPool, Pool};
use crate::app::tick::remote::{self, Done};
use crate::app::tick::report::{Ended, TickEvent, TickReport};
use crate::app::tick::{TickError, TickOptions, World, archive, intake, observe, results, reviews};
use crate::domain::ids::{SessionUid, TaskUid};
use crate::domain::state::State;
use crate::domain::time::{DurationMs, Moment, Timestamp};
use crate::engine::budget::Ledger;
use crate::engine::facts::Facts;
use crate::engine::plan::{Limits, Plan};
use crate::ports::remote_session::RemoteCreated;
use crate::ports::runner::Cancel;

/// How long politely stopped work may take to end before it is killed.
const STOP_GRACE: DurationMs = DurationMs::secs(5);
/// How long a call to the remote may go on after the time is up, while agents still wait for their
/// stop; what it could not publish is published when they have ended.
const LAST_CALL: DurationMs = DurationMs::secs(1);
/// How soon the remote is asked again, when it did not answer and agents are at work meanwhile.
const ASK_AGAIN: DurationMs = DurationMs::secs(15);
/// How soon the records are told again that a session has passed what it was reckoned at.
const TELL_EVERY: DurationMs = DurationMs::mins(1);
/// How often signals and timers are looked at while nothing happens.
const LOOK: DurationMs = DurationMs(100);

/// Everything in one process.
pub(super) fn all(
    world: &World<'_>,
    options: &TickOptions,
    cancel: &Cancel,
    on: &mut dyn FnMut(TickEvent),
) -> Result<TickReport, TickError> {
    let started = world.context.clock.moment();
    let budget = opening::budget(world, options);
    let end = End::of(started, budget);
    let mut report = opening::empty_report(options.dry_run);
    let first = opening::open(world, options, end, &mut report, on)?;
    if options.dry_run {
        opening::dry_run(world, options, &first, &mut report);
    } else {
        let found = opening::adopt(world, &first.state, &mut report.notes);
        std::thread::scope(|scope| {
            let mut drive = Drive {
                world,
                pool: Pool::new(scope, world, false),
                facts: first.facts,
                only: first.only,
                pending: found,
                bound: Vec::new(),
                report: &mut report,
                on,
                claims_left: opening::claims_left(world, options),
                deadline: started.plus(budget),
                heartbeat: world
                    .context
                    .clock
                    .now()
                    .plus(half(world.policy.leases.lease)),
                told: started,
                not_before: started,
                stop: None,
                over_budget: false,
                replan: true,
                storage: None,
                last: None,
            };
            drive.run(cancel)
        })?;
        opening::sweep(world, &mut report);
        intake::tell(world, started.plus(budget), end, &mut report);
    }
    archive::step(world, end, &mut report);
    opening::ensure_base(world, &report)?;
    report.duration_ms = world.context.clock.moment().since(started).0;
    Ok(report)
}

const fn half(span: DurationMs) -> DurationMs {
    DurationMs(span.0 / 2)
}

/// The loop of a tick.
struct Drive<'a, 'scope, 'env> {
    world: &'env World<'env>,
    pool: Pool<'scope, 'env>,
    facts: Facts,
    only: Vec<TaskUid>,
    /// Results that are not published yet.
    pending: Vec<ResultDoc>,
    /// Sessions that exist at services since now, and are not recorded yet.
    bound: Vec<(SessionUid, RemoteCreated)>,
    report: &'a mut TickReport,
    on: &'a mut dyn FnMut(TickEvent),
    claims_left: u32,
    deadline: Moment,
    /// By the wall clock, as the leases are that it renews.
    heartbeat: Timestamp,
    /// When the records were last told what runs spend.
    told: Moment,
    /// The remote is left alone until then, unless nothing is at work any more.
    not_before: Moment,
    /// When stopping began.
    stop: Option<Moment>,
    /// A session was stopped because a budget was used up.
    over_budget: bool,
    /// Something changed since the last decision.
    replan: bool,
    /// What the disk under the workspaces said, if it takes nothing: no claim is made any more.
    storage: Option<String>,
    /// The last decision, for the report.
    last: Option<(State, Plan)>,
}

type Step = Result<(), ChangeError<Infallible>>;

impl Drive<'_, '_, '_> {
    fn run(&mut self, cancel: &Cancel) -> Result<(), TickError> {
        let mut failed = None;
        loop {
            self.mind_the_end(cancel);
            let turn = if failed.is_none() {
                self.turn()
            } else {
                Ok(())
            };
            if let Err(error) = turn {
                // What runs is stopped, its results are kept for the next tick, and the error is
                // told when nothing is running any more.
                failed.get_or_insert(error);
                self.begin_stop();
            }
            if self.pool.running() == 0 && (failed.is_some() || self.is_idle()) {
                break;
            }
            self.listen();
        }
        if let Some((state, plan)) = self.last.take() {
            opening::tell_state(self.report, &state, &plan);
        }
        self.report.stopped = self.stop.is_some() && failed.is_none();
        self.report.budget_stop |= self.over_budget;
        self.report.budget_stop |= self.stop.is_some_and(|at| at >= self.deadline);
        if let Some(error) = failed {
            return Err(error.into());
        }
        self.storage
            .take()
            .map_or(Ok(()), |cause| Err(TickError::Storage { cause }))
    }

    /// Nothing runs, nothing is to be published, nothing new can be decided.
    fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.bound.is_empty() && (!self.replan || !self.may_claim())
    }

    const fn may_claim(&self) -> bool {
        self.stop.is_none() && self.storage.is_none()
    }

    fn turn(&mut self) -> Step {
        if !self.pending.is_empty() && self.may_ask() {
            let published = self.publish();
            self.bear(published)?;
        }
        if !self.bound.is_empty() && self.may_ask() {
            let limit = self.limit();
            let done = remote::bind(self.world, &mut self.bound, limit);
            self.bear(done)?;
        }
        if self.replan && self.may_claim() && self.may_ask() {
            let decided = self.decide();
            self.replan |= decided.is_err();
            self.bear(decided)?;
        }
        let renewed = self.renew();
        self.bear(renewed)
    }

    fn may_ask(&self) -> bool {
        self.pool.running() == 0 || self.world.context.clock.moment() >= self.not_before
    }

    /// A remote that does not answer for a while costs no running agent its work: results wait here
    /// and in the hand-over directory, and it is asked again. With nothing at work it is an error.
    fn bear(&mut self, step: Step) -> Step {
        let cause = match step {
            Err(ChangeError::Unreachable { cause } | ChangeError::Lost { cause, .. })
                if self.pool.running() > 0 =>
            {
                cause
            }
            other => return other,
        };
        self.not_before = self.world.context.clock.moment().plus(ASK_AGAIN);
        self.note(format!(
            "the remote does not take records just now, it is asked again while agents work: {cause}"
        ));
        Ok(())
    }

    /// Takes what the running sessions say.
    fn listen(&mut self) {
        if self.pool.running() > 0 {
            let at = self.world.context.clock.now();
            (self.on)(TickEvent::Pulse { at });
            for message in self.pool.wait(LOOK) {
                self.take(message);
            }
        }
    }

    /// Stops at a signal or at the end of the time budget: politely, then at once.
    fn mind_the_end(&mut self, cancel: &Cancel) {
        let now = self.world.context.clock.moment();
        match self.stop {
            None if cancel.is_asked() || now >= self.deadline => self.begin_stop(),
            Some(since) if cancel.is_urgent() || now.since(since) >= STOP_GRACE => {
                self.pool.stop_all();
            }
            None | Some(_) => {}
        }
    }

    fn begin_stop(&mut self) {
        if self.stop.is_none() {
            self.stop = Some(self.world.context.clock.moment());
            self.pool.stop_all();
        }
    }

    /// How long the remote may take now, so that the tick ends in time.
    fn limit(&self) -> DurationMs {
        self.end().left(self.world.context)
    }

    /// When what is begun now must have ended.
    fn end(&self) -> End {
        End::at(match self.stop {
            None if self.pool.running() > 0 => self.deadline.plus(LAST_CALL),
            None => self.deadline.plus(END_SLACK),
            Some(since) => since.min(self.deadline).plus(END_SLACK),
        })
    }

    fn decide(&mut self) -> Step {
        self.replan = false;
        let manner = Manner {
            limits: Limits {
                max: Some(self.claims_left),
                only: self.only.clone(),
            },
            handed_over: false,
            publish_limit: self.limit(),
        };
        let intent = claims::claim(self.world, &self.facts, &manner)?;
        let Intent {
            plan,
            ops,
            claimed,
            mut steps,
            state,
        } = intent;
        // Looked at once in a tick.
        self.facts.remotes.clear();
        // Recorded now; from here on the tick itself may change it.
        for seen in self.facts.reviews.values_mut() {
            seen.base_branch = None;
        }
        self.report
            .reconciled
            .extend(claims::reconciled(&state, &ops));
        self.claims_left = self
            .claims_left
            .saturating_sub(u32::try_from(claimed.len()).unwrap_or(0));
        self.report
            .claimed
            .extend(claims::claim_reports(&state, &plan));
        let mut sessions: Vec<_> = self.pool.sessions().map(|(uid, _)| *uid).collect();
        sessions.extend(claimed.iter().map(|one| one.lease.session()));
        sessions.extend(steps.iter().map(|(uid, _)| *uid));
        if !sessions.is_empty() {
            let now = self.world.context.clock.now();
            let ledger = Ledger::of(&state, self.world.policy, now);
            let gauge = ledger.gauge(self.world.policy, &sessions);
            self.pool.till().renew(gauge);
        }
        for one in claimed {
            (self.on)(TickEvent::Claimed {
                session: one.lease.session(),
                task: one.doc.task.clone(),
                title: one.doc.title.clone(),
                attempt: one.doc.claim.attempt,
                agent: one.doc.claim.agent.clone(),
            });
            if let Some(here) = remote::unless_remote(self.world, one, &mut steps) {
                self.pool.start(here);
            }
        }
        let jobs = remote::jobs(self.world, &state, &steps);
        jobs.into_iter().for_each(|job| self.pool.start_remote(job));
        let due = reviews::due(&plan);
        self.last = Some((state, plan));
        self.show(&due)?;
        self.reply()
    }

    fn note(&mut self, text: String) {
        (self.on)(TickEvent::Note(text.clone()));
        if !self.report.notes.contains(&text) {
            self.report.notes.push(text);
        }
    }

    fn take(&mut self, message: FromPool) {
        match message {
            FromPool::Event(session, task, event) => {
                let task = task.to_string();
                let at = self.world.context.clock.now();
                let due = self.told.plus(TELL_EVERY);
                if self.world.context.clock.moment() >= due && self.pool.till().has_untold() {
                    // Another machine must not count on money that is gone.
                    self.heartbeat = at;
                }
                (self.on)(TickEvent::Agent {
                    session,
                    task,
                    at,
                    event,
                });
            }
            FromPool::Done(result) => {
                if self.storage.is_none() {
                    self.storage.clone_from(&result.storage);
                }
                self.pending.push(*result);
            }
            FromPool::Remote(session, Done::Bound(created)) => self.bound.push((session, created)),
            FromPool::Remote(_, Done::Note(note)) => self.note(note),
            FromPool::Remote(..) => {}
            FromPool::Died(session) => {
                self.note(format!(
                    "session {session} ended without a result, which is a defect of fleet"
                ));
            }
        }
    }

    /// Publishes what has ended, then looks whether others can start.
    fn publish(&mut self) -> Step {
        observe::branches_again(self.world, &self.pending, &mut self.facts);
        let finished = results::finish(self.world, &self.pending, self.end())?;
        // The next attempt may start in this very tick, from what was pushed just now.
        observe::branches_again(self.world, &self.pending, &mut self.facts);
        self.pending.clear();
        for line in finished.lines {
            self.over_budget |= line.ended == Ended::OverBudget;
            let cost = line.cost.unwrap_or_default();
            self.pool.till().settle(line.session, cost);
            self.report.end(line, self.on);
        }
        for note in finished.notes {
            self.note(note);
        }
        let plan = self.last.take().map(|(_, plan)| plan).unwrap_or_default();
        self.last = Some((finished.state, plan));
        self.replan = true;
        Ok(())
    }
}
