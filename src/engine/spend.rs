//! What was spent: sums over sessions, by day, agent, model, type, task, route or provider; and what
//! became of the work that routes chose agents for.
//!
//! Sums do not depend on the order of sessions, and saturate.

use std::collections::BTreeMap;

use crate::domain::ids::{SessionUid, TaskUid};
use crate::domain::money::{CostSource, MicroUsd, Usage};
use crate::domain::record::CloseOutcome;
use crate::domain::session::{Outcome, Session};
use crate::domain::state::{Index, State};
use crate::domain::time::Timestamp;

/// What sums are made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum By {
    Day,
    Agent,
    Model,
    Type,
    Task,
    Route,
    Provider,
}

/// What stands where a session names nothing.
pub const NONE: &str = "-";

/// A sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// Sessions.
    pub sessions: u32,
    /// Of these, how many nobody knows the cost of.
    pub unknown: u32,
    /// Money.
    pub cost: MicroUsd,
    /// Of that, what was not reported but reckoned.
    pub estimated: MicroUsd,
    /// Tokens.
    pub usage: Usage,
}

impl Sum {
    /// The sum of one session.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        let cost = session.known_cost();
        let reported = session.cost_source() == CostSource::Reported;
        Self {
            sessions: 1,
            unknown: u32::from(cost.is_none()),
            cost: cost.unwrap_or_default(),
            estimated: cost.filter(|_| !reported).unwrap_or_default(),
            usage: session.usage(),
        }
    }

    /// Sum of two, saturating.
    #[must_use]
    pub const fn plus(self, o: Self) -> Self {
        Self {
            sessions: self.sessions.saturating_add(o.sessions),
            unknown: self.unknown.saturating_add(o.unknown),
            cost: self.cost.plus(o.cost),
            estimated: self.estimated.plus(o.estimated),
            usage: self.usage.plus(o.usage),
        }
    }
}

/// Sums of the sessions that were booked in `[since, until)`, by key in order of the key; and the
/// sum of them all. What runs is counted as it was last noted; what was given back before an agent
/// was started is not. A time that nobody can believe is read as [`crate::domain::register::Stamp::written_by`] says.
#[must_use]
pub fn sums(
    state: &State,
    by: By,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    now: Timestamp,
) -> (BTreeMap<String, Sum>, Sum) {
    let mut rows: BTreeMap<String, Sum> = BTreeMap::new();
    let mut total = Sum::default();
    for session in state.sessions.values() {
        if session.claim.is_none() || session.is_unstarted() {
            continue;
        }
        let Some(at) = session.booked().map(|at| at.written_by(now)) else {
            continue;
        };
        if since.is_some_and(|since| at < since) || until.is_some_and(|until| at >= until) {
            continue;
        }
        let one = Sum::of(session);
        let row = rows.entry(key(state, session, by, at)).or_default();
        *row = row.plus(one);
        total = total.plus(one);
    }
    (rows, total)
}

fn key(state: &State, session: &Session, by: By, at: Timestamp) -> String {
    let Some((claim, _)) = &session.claim else {
        return NONE.to_owned();
    };
    let told = || session.finished.as_ref().and_then(|(f, _)| f.model.clone());
    let named = |name: Option<String>| name.unwrap_or_else(|| NONE.to_owned());
    match by {
        By::Day => at.to_string().chars().take(10).collect(),
        By::Agent => claim.agent.clone(),
        By::Model => named(told().or_else(|| claim.model.clone())),
        By::Type => named(
            state
                .tasks
                .get(&claim.task)
                .map(|task| task.type_name().to_owned()),
        ),
        By::Task => state.name_of(claim.task).to_string(),
        By::Route => named(claim.route.clone()),
        By::Provider => named(claim.provider.clone()),
    }
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Its work is in: merged, or handed over as a report or plan.
    Merged,
    /// It was handed over, and another attempt had to work on it.
    Reworked,
    /// It failed, or its work was not taken.
    Dropped,
    /// Not decided: it runs, asks, or is in review.
    Open,
}

/// What became of the attempts that one route chose the agent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouteSum {
    /// Attempts, tokens and money.
    pub sum: Sum,
    /// Attempts whose work is in.
    pub merged: u32,
    /// Attempts that another one had to work on.
    pub reworked: u32,
    /// Attempts that came to nothing.
    pub dropped: u32,
    /// Attempts that are not decided.
    pub open: u32,
}

impl RouteSum {
    /// Money per task whose work is in; `None` while there is none.
    #[must_use]
    pub fn cost_per_merged(&self) -> Option<MicroUsd> {
        let tasks = u64::from(self.merged);
        (tasks > 0).then(|| MicroUsd(self.sum.cost.0.div_ceil(tasks)))
    }

    /// Sum of two, saturating.
    #[must_use]
    pub const fn plus(self, o: Self) -> Self {
        Self {
            sum: self.sum.plus(o.sum),
            merged: self.merged.saturating_add(o.merged),
            reworked: self.reworked.saturating_add(o.reworked),
            dropped: self.dropped.saturating_add(o.dropped),
            open: self.open.saturating_add(o.open),
        }
    }

    fn add(&mut self, one: Sum, fate: Fate) {
        self.sum = self.sum.plus(one);
        let count = match fate {
            Fate::Merged => &mut self.merged,
            Fate::Reworked => &mut self.reworked,
            Fate::Dropped => &mut self.dropped,
            Fate::Open => &mut self.open,
        };
        *count = count.saturating_add(1);
    }
}

/// By route and number of the attempt; attempts of before routes were recorded are under [`NONE`].
#[must_use]
pub fn by_route(state: &State, index: &Index) -> BTreeMap<(String, u32), RouteSum> {
    let mut rows: BTreeMap<(String, u32), RouteSum> = BTreeMap::new();
    for task in index.sessions.keys() {
        for (uid, fate) in fates(state, index, *task) {
            let session = &state.sessions[&uid];
            let route = session.claim.as_ref().and_then(|(c, _)| c.route.clone());
            let key = (route.unwrap_or_else(|| NONE.to_owned()), session.attempt());
            rows.entry(key).or_default().add(Sum::of(session), fate);
        }
    }
    rows
}

/// What became of every attempt at a task, from the records alone.
#[must_use]
pub fn fates(state: &State, index: &Index, task: TaskUid) -> Vec<(SessionUid, Fate)> {
    let sessions: Vec<(SessionUid, &Session)> = index
        .sessions_of(task)
        .iter()
        .filter_map(|uid| Some((*uid, state.sessions.get(uid)?)))
        .filter(|(_, session)| !session.is_unstarted())
        .collect();
    let outcome = state.tasks.get(&task).and_then(|task| task.outcome());
    let good = |session: &Session| {
        let ended = session.finished.as_ref().map(|(f, _)| &f.outcome);
        ended == Some(&Outcome::Succeeded)
    };
    let last_good = sessions.iter().rposition(|(_, session)| good(session));
    let fate = |at: usize, session: &Session| -> Fate {
        if session.holds_lease() {
            return Fate::Open;
        }
        if !good(session) {
            let asked = session
                .finished
                .as_ref()
                .is_some_and(|(f, _)| f.outcome == Outcome::Escalated);
            // A question is no failure; once another attempt came, it was worked on.
            return match (asked, at + 1 == sessions.len(), outcome) {
                (true, true, None) => Fate::Open,
                (true, false, _) => Fate::Reworked,
                (true, true, Some(_)) | (false, ..) => Fate::Dropped,
            };
        }
        match outcome {
            _ if Some(at) != last_good => Fate::Reworked,
            Some(CloseOutcome::Done) => Fate::Merged,
            Some(CloseOutcome::Wontdo | CloseOutcome::Duplicate | CloseOutcome::Failed) => {
                Fate::Dropped
            }
            None => Fate::Open,
        }
    };
    sessions
        .iter()
        .enumerate()
        .map(|(at, (uid, session))| (*uid, fate(at, session)))
        .collect()
}
