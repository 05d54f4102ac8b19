//! An eye on what a running agent spends: noted where a crash does not reach it, and measured
//! against the budgets.

use crate::app::tick::documents::{HANDOVER_VERSION, SpentDoc, spent_name};
use crate::app::tick::till::Till;
use crate::app::tick::work::Session;
use crate::app::tick::work::failure::Failure;
use crate::app::tick::{World, opening};
use crate::domain::ids::SessionUid;
use crate::domain::money::{CostSource, MicroUsd, Spent, Usage};
use crate::domain::policy::AgentKind;
use crate::domain::prices;
use crate::domain::session::FailureClass;
use crate::domain::time::{DurationMs, Moment};
use crate::engine::budget::Overdrawn;
use crate::ports::runner::{AgentEvent, Cancel, RunEnd, RunOutcome, RunRequest};

/// A note is written again after this time, or at once for so much money.
const NOTE_EVERY: DurationMs = DurationMs(200);
const NOTE_AT_ONCE: MicroUsd = MicroUsd(10_000);

/// The eye on one run of an agent.
pub(super) struct Watch<'a> {
    world: &'a World<'a>,
    till: &'a Till,
    session: SessionUid,
    /// What earlier runs of the session cost.
    before: Spent,
    model: Option<String>,
    /// Whose price is meant, where several providers sell a model.
    provider: Option<String>,
    /// What a run is reckoned at whose tokens have no price.
    estimate: MicroUsd,
    /// Every call of its model is counted: without tokens there was none.
    counted: bool,
    noted: Option<(Moment, MicroUsd)>,
    /// Why it was stopped, if it was.
    pub(super) over: Option<Overdrawn>,
}

impl Session<'_> {
    /// What a process that was killed had spent on this very session is part of what it costs, and
    /// counts towards the budgets before the agent is started again.
    pub(super) fn go_on_from_notes(&mut self) -> Result<(), Failure> {
        let session = self.lease.session();
        let Some(spent) = opening::read_spent(self.world, session) else {
            return Ok(());
        };
        self.finished.usage = spent.usage;
        self.finished.cost = Some(spent.cost);
        self.finished.cost_source = spent.source;
        let Some(over) = self.till.note(session, spent) else {
            return Ok(());
        };
        // What that process worked in goes with this attempt.
        self.workspace = Some(self.world.workspaces.at(session, &self.start()));
        Err(Failure {
            class: FailureClass::Budget,
            reason: format!("not started again: {over}"),
        })
    }
}

impl<'a> Watch<'a> {
    pub(super) fn new(session: &Session<'a>, request: &RunRequest) -> Self {
        let finished = &session.finished;
        Self {
            world: session.world,
            till: session.till,
            session: session.lease.session(),
            before: Spent {
                usage: finished.usage,
                cost: finished.cost.unwrap_or_default(),
                source: finished.cost_source,
            },
            model: request.model.clone(),
            provider: session.lease.claim().provider.clone(),
            estimate: request.agent.cost_estimate,
            counted: matches!(request.agent.kind, AgentKind::Api { .. }),
            noted: None,
            over: None,
        }
    }

    /// Takes what the agent says; asks it to stop when it has spent too much.
    pub(super) fn see(&mut self, event: &AgentEvent, stop: &Cancel) {
        if let AgentEvent::SessionStarted {
            model: Some(model), ..
        } = event
        {
            self.model = Some(model.clone());
        }
        let AgentEvent::Usage { usage, cost } = event else {
            return;
        };
        let priced = cost.or_else(|| self.by_table(*usage));
        let source = match cost {
            Some(_) => CostSource::Reported,
            None => CostSource::Estimated,
        };
        // A run whose tokens have no price is noted at its estimate, and not measured by it.
        let note = self.sum(*usage, priced.unwrap_or(self.estimate), source);
        self.write(note);
        let known = self.sum(*usage, priced.unwrap_or_default(), source);
        if let Some(over) = self.till.note(self.session, known)
            && self.over.is_none()
        {
            self.over = Some(over);
            stop.ask();
        }
    }

    fn by_table(&self, usage: Usage) -> Option<MicroUsd> {
        let now = self.world.context.clock.now();
        let prices = &self.world.policy.prices;
        prices.estimate_at(&self.sold(self.model.as_deref()?), usage, now)
    }

    /// The model as its provider sells it, which the table may have a price of its own for.
    fn sold(&self, model: &str) -> String {
        prices::sold_by(self.provider.as_deref(), model)
    }

    fn sum(&self, usage: Usage, cost: MicroUsd, source: CostSource) -> Spent {
        let first = self.before == Spent::default();
        Spent {
            usage: self.before.usage.plus(usage),
            cost: self.before.cost.plus(cost),
            source: if first {
                source
            } else {
                self.before.source.and(source)
            },
        }
    }

    /// Notes it on disk. A note that cannot be written costs nothing but the memory of a crash.
    fn write(&mut self, spent: Spent) {
        let now = self.world.context.clock.moment();
        let due = self.noted.is_none_or(|(at, cost)| {
            now.since(at) >= NOTE_EVERY || spent.cost >= cost.plus(NOTE_AT_ONCE)
        });
        if !due {
            return;
        }
        let note = SpentDoc {
            version: HANDOVER_VERSION,
            session: self.session,
            spent,
        };
        if let Ok(bytes) = serde_json::to_vec(&note) {
            let name = spent_name(self.session);
            let _ = self.world.handover.put(&name, &bytes);
            self.noted = Some((now, spent.cost));
        }
    }

    /// What the run cost: as it says; else by its tokens and the table; else nothing, if it never
    /// came to use a token; else as it is reckoned.
    pub(super) fn price(&self, outcome: &RunOutcome) -> (Option<MicroUsd>, CostSource) {
        let model = outcome.model.as_ref().or(self.model.as_ref());
        let now = self.world.context.clock.now();
        let prices = &self.world.policy.prices;
        let model = model.map(|model| self.sold(model));
        let told = prices.cost_of(outcome.cost, model.as_deref(), outcome.usage, now);
        if let Some((cost, source)) = told {
            return (Some(cost), source);
        }
        let never_began = matches!(
            outcome.end,
            RunEnd::Failed {
                class: FailureClass::Infrastructure,
                ..
            }
        );
        if outcome.usage.total() == 0 && (self.counted || never_began) {
            return (Some(MicroUsd(0)), CostSource::Estimated);
        }
        if never_began || self.estimate == MicroUsd(0) {
            return (None, CostSource::Unknown);
        }
        (Some(self.estimate), CostSource::Estimated)
    }
}
