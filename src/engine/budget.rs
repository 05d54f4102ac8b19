//! Budgets: what is spent and reserved on each account, what may start, and what must stop.
//!
//! I13: a claim needs room *before* it starts, counted with everything that runs; so spend passes
//! a cap by at most the one unit that crossed it. What runs is counted at what it may still cost:
//! the cap on a session if there is one (it is stopped there), else what its agent is reckoned at,
//! or what it is known to have spent if that is more.

mod account;
mod gauge;

pub use account::{Account, Bearer, Span, Standing, Unit};
pub use gauge::{Gauge, Overdrawn, Share};

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::domain::dep::DepKind;
use crate::domain::ids::{RecordId, SessionUid, TaskUid};
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
    /// Sessions claimed today.
    pub sessions_today: u32,
    /// Accounts that have a cap.
    accounts: BTreeMap<Account, Standing>,
    live: BTreeMap<SessionUid, Unit>,
    /// The dearest session of each agent so far: the unit that a new one is reckoned at.
    dearest: BTreeMap<String, MicroUsd>,
    /// The task without parent above a task that has one.
    roots: BTreeMap<TaskUid, TaskUid>,
    /// What was said for a task alone.
    own: BTreeMap<TaskUid, MicroUsd>,
    tomorrow: Timestamp,
    /// Claims of this tick that have no session yet.
    planned: u128,
}

impl Ledger {
    /// Reads the state at `now`.
    #[must_use]
    pub fn of(state: &State, policy: &Policy, now: Timestamp) -> Self {
        let day = Timestamp(now.0 - now.0 % DAY.0);
        let mut ledger = Self {
            tomorrow: day.plus(DAY),
            own: state
                .tasks
                .iter()
                .filter_map(|(uid, task)| Some((*uid, task.details.budget.value?)))
                .collect(),
            ..Self::default()
        };
        if policy.budget.per_workflow.is_some() {
            ledger.roots = roots(state);
        }
        for session in state.sessions.values() {
            if let Some((claim, _)) = &session.claim
                && session.finished.is_some()
            {
                let dearest = ledger.dearest.entry(claim.agent.clone()).or_default();
                *dearest = (*dearest).max(session.cost());
            }
        }
        for (uid, session) in &state.sessions {
            ledger.add((*uid, session), policy, (day, now));
        }
        ledger.open_day(policy);
        ledger
    }

    /// Accounts that are shown even while nothing was spent on them.
    fn open_day(&mut self, policy: &Policy) {
        let budget = &policy.budget;
        for (account, cap) in [
            (Account::Day, budget.per_day),
            (Account::Total, budget.total),
        ] {
            if let Some(cap) = cap {
                self.standing(account, cap);
            }
        }
        for (caps, of) in account::tables(budget) {
            for (name, caps) in caps {
                for (account, cap) in account::capped(of, name, caps) {
                    self.standing(account, cap);
                }
            }
        }
    }

    fn standing(&mut self, account: Account, cap: MicroUsd) -> &mut Standing {
        let fresh = Standing {
            account: account.clone(),
            cap,
            settled: MicroUsd(0),
            live: BTreeSet::new(),
        };
        self.accounts.entry(account).or_insert(fresh)
    }

    fn add(
        &mut self,
        (uid, session): (SessionUid, &Session),
        policy: &Policy,
        (day, now): (Timestamp, Timestamp),
    ) {
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
        let live = session.holds_lease();
        // What nobody reported is reckoned at the unit of its agent: an unknown cost is not zero.
        let unit = self.unit(policy, &claim.agent);
        let cost = session.known_cost().unwrap_or(unit);
        let today = live || session.booked().as_ref().is_none_or(in_day);
        if live {
            let noted = session.cost();
            let reserved = unit;
            self.live.insert(uid, Unit { reserved, noted });
        }
        for (account, cap) in self.accounts_of(policy, claim.into()) {
            if account.is_daily() && !today {
                continue;
            }
            let standing = self.standing(account, cap);
            if live {
                standing.live.insert(uid);
            } else {
                standing.settled = standing.settled.plus(cost);
            }
        }
    }

    /// The capped accounts that a session counts on.
    fn accounts_of(&self, policy: &Policy, bearer: Bearer<'_>) -> Vec<(Account, MicroUsd)> {
        let mut accounts = self.accounts_of_task(policy, bearer.task);
        accounts.extend(account::named(&policy.budget, bearer));
        accounts
    }

    fn accounts_of_task(&self, policy: &Policy, task: TaskUid) -> Vec<(Account, MicroUsd)> {
        let budget = &policy.budget;
        let root = self.roots.get(&task).copied().unwrap_or(task);
        [
            (Account::Day, budget.per_day),
            (Account::Total, budget.total),
            (
                Account::Task(task),
                self.own.get(&task).copied().or(budget.per_task),
            ),
            (Account::Workflow(root), budget.per_workflow),
        ]
        .into_iter()
        .filter_map(|(account, cap)| Some((account, cap?)))
        .collect()
    }

    /// What one session of `agent` is reckoned to cost: the cap on a session, where it is stopped;
    /// else its configured estimate, or the dearest one so far if that was more.
    #[must_use]
    pub fn unit(&self, policy: &Policy, agent: &str) -> MicroUsd {
        if let Some(cap) = policy.budget.per_session {
            return cap;
        }
        let configured = policy.agents.get(agent).map(|a| a.cost_estimate);
        configured
            .unwrap_or_default()
            .max(self.dearest.get(agent).copied().unwrap_or_default())
    }

    /// Spent and reserved on an account.
    #[must_use]
    pub fn taken(&self, standing: &Standing) -> MicroUsd {
        gauge::taken(standing, &self.live)
    }

    /// Every account that has a cap, with what is spent and reserved on it.
    pub fn standings(&self) -> impl Iterator<Item = (&Standing, MicroUsd)> {
        self.accounts
            .values()
            .map(|standing| (standing, self.taken(standing)))
    }

    /// When accounts of a day start anew.
    #[must_use]
    pub const fn tomorrow(&self) -> Timestamp {
        self.tomorrow
    }

    /// Why no session may start on `task`, whoever works, if a budget says so.
    #[must_use]
    pub fn stops(&self, policy: &Policy, task: TaskUid) -> Option<Why> {
        if let Some(max) = policy.budget.sessions_per_day
            && self.sessions_today >= max
        {
            let resets = self.tomorrow;
            return Some(Why::SessionsPerDay { max, resets });
        }
        self.first_full(self.accounts_of_task(policy, task))
    }

    /// Why no session may start with this agent, provider and route, if a budget says so.
    #[must_use]
    pub fn stops_with(&self, policy: &Policy, bearer: Bearer<'_>) -> Option<Why> {
        self.first_full(account::named(&policy.budget, bearer))
    }

    fn first_full(&self, accounts: Vec<(Account, MicroUsd)>) -> Option<Why> {
        accounts.into_iter().find_map(|(account, cap)| {
            let spent = match self.accounts.get(&account) {
                Some(standing) => self.taken(standing),
                None => MicroUsd(0),
            };
            (spent >= cap && !planted!("cap-ignored")).then(|| Why::Budget {
                resets: account.is_daily().then_some(self.tomorrow),
                account,
                spent,
                cap,
            })
        })
    }

    /// Reserves a claim that is about to be made.
    pub fn reserve(&mut self, policy: &Policy, bearer: Bearer<'_>) {
        let reserved = self.unit(policy, bearer.agent);
        // No session has this identity: it counts down from the end of all ids.
        let uid = SessionUid::created_by(RecordId(Uuid::from_u128(u128::MAX - self.planned)));
        self.planned += 1;
        self.sessions_today += 1;
        let noted = MicroUsd(0);
        self.live.insert(uid, Unit { reserved, noted });
        for (account, cap) in self.accounts_of(policy, bearer) {
            self.standing(account, cap).live.insert(uid);
        }
    }

    /// What watches over these sessions while they run.
    #[must_use]
    pub fn gauge(&self, policy: &Policy, sessions: &[SessionUid]) -> Gauge {
        let ours = |standing: &&Standing| sessions.iter().any(|s| standing.live.contains(s));
        let standings: Vec<Standing> = self.accounts.values().filter(ours).cloned().collect();
        let known = |uid: &SessionUid| standings.iter().any(|s| s.live.contains(uid));
        Gauge {
            per_session: policy.budget.per_session,
            live: self
                .live
                .iter()
                .filter(|(uid, _)| sessions.contains(uid) || known(uid))
                .map(|(uid, unit)| (*uid, *unit))
                .collect(),
            standings,
            shares: BTreeMap::new(),
        }
    }
}

/// The topmost parent of every task that has one. Of several parents the first counts, and of a
/// ring the task where it closes.
fn roots(state: &State) -> BTreeMap<TaskUid, TaskUid> {
    let mut parents: BTreeMap<TaskUid, TaskUid> = BTreeMap::new();
    for key in state.live_deps() {
        if key.kind == DepKind::ParentChild {
            parents.entry(key.from).or_insert(key.to);
        }
    }
    parents
        .keys()
        .map(|task| {
            let (mut at, mut seen) = (*task, BTreeSet::from([*task]));
            while let Some(parent) = parents.get(&at).filter(|parent| seen.insert(**parent)) {
                at = *parent;
            }
            (*task, at)
        })
        .collect()
}
