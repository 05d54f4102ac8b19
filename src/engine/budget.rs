//! Budgets: money per day and per task, sessions per day, with what runs reckoned in.
//!
//! I13: a claim needs room *before* it starts, counted with everything that runs; so spend passes
//! a cap by at most the one unit that crossed it.

use std::collections::BTreeMap;

use crate::domain::ids::TaskUid;
use crate::domain::money::MicroUsd;
use crate::domain::policy::Policy;
use crate::domain::register::Stamp;
use crate::domain::session::Session;
use crate::domain::state::State;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::why::Why;

const DAY: DurationMs = DurationMs(86_400_000);

/// What is spent and reserved, with the claims of this tick added as they are made.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Spent today (UTC) and reserved by what runs.
    pub today: MicroUsd,
    /// Sessions claimed today.
    pub sessions_today: u32,
    per_task: BTreeMap<TaskUid, MicroUsd>,
    /// The dearest session of each agent so far: the unit that a new one is reckoned at.
    dearest: BTreeMap<String, MicroUsd>,
}

impl Ledger {
    /// Reads the state at `now`.
    #[must_use]
    pub fn of(state: &State, policy: &Policy, now: Timestamp) -> Self {
        let mut ledger = Self::default();
        for session in state.sessions.values() {
            let Some((claim, _)) = &session.claim else {
                continue;
            };
            if let Some((finished, _)) = &session.finished {
                let dearest = ledger.dearest.entry(claim.agent.clone()).or_default();
                *dearest = (*dearest).max(finished.cost.unwrap_or_default());
            }
        }
        let day = Timestamp(now.0 - now.0 % DAY.0);
        for session in state.sessions.values() {
            ledger.add(session, policy, (day, now));
        }
        ledger
    }

    fn add(&mut self, session: &Session, policy: &Policy, (day, now): (Timestamp, Timestamp)) {
        let Some((claim, claimed)) = &session.claim else {
            return;
        };
        if session.is_unstarted() {
            return;
        }
        // A time that nobody can believe counts as today: spend is never overlooked.
        let in_day = |at: &Stamp| (day..day.plus(DAY)).contains(&at.written_by(now));
        if in_day(claimed) {
            self.sessions_today += 1;
        }
        // What nobody reported is reckoned at the unit of its agent: an unknown cost is not zero.
        let cost = session
            .finished
            .as_ref()
            .and_then(|(finished, _)| finished.cost)
            .unwrap_or_else(|| self.unit(policy, &claim.agent));
        let ended = session
            .finished
            .as_ref()
            .map(|(_, at)| at)
            .or(session.released.as_ref().map(|(_, at)| at));
        if ended.is_none_or(in_day) {
            self.today = self.today.plus(cost);
        }
        let of_task = self.per_task.entry(claim.task).or_default();
        *of_task = of_task.plus(cost);
    }

    /// What one session of `agent` is reckoned to cost: its configured estimate, or the dearest
    /// one so far if that was more.
    #[must_use]
    pub fn unit(&self, policy: &Policy, agent: &str) -> MicroUsd {
        let configured = policy.agents.get(agent).map(|a| a.cost_estimate);
        configured
            .unwrap_or_default()
            .max(self.dearest.get(agent).copied().unwrap_or_default())
    }

    /// Spent on a task and reserved for it, all attempts.
    #[must_use]
    pub fn of_task(&self, task: TaskUid) -> MicroUsd {
        self.per_task.get(&task).copied().unwrap_or_default()
    }

    /// Why no session may start on `task`, if a budget says so.
    #[must_use]
    pub fn stops(&self, policy: &Policy, task: TaskUid) -> Option<Why> {
        let budget = &policy.budget;
        if let Some(max) = budget.sessions_per_day
            && self.sessions_today >= max
        {
            return Some(Why::SessionsPerDay { max });
        }
        let caps = [
            ("day", budget.per_day, self.today),
            ("task", budget.per_task, self.of_task(task)),
        ];
        caps.into_iter().find_map(|(per, cap, spent)| {
            let cap = cap?;
            (spent >= cap).then_some(Why::Budget { per, spent, cap })
        })
    }

    /// Reserves a claim.
    pub fn reserve(&mut self, policy: &Policy, task: TaskUid, agent: &str) {
        let unit = self.unit(policy, agent);
        self.today = self.today.plus(unit);
        self.sessions_today += 1;
        let of_task = self.per_task.entry(task).or_default();
        *of_task = of_task.plus(unit);
    }
}
