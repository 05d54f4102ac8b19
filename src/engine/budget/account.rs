//! What caps are on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::ids::{SessionUid, TaskUid};
use crate::domain::money::MicroUsd;
use crate::domain::policy::{BudgetPolicy, Caps};
use crate::domain::record::SessionClaimed;

/// What a cap is on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// Everything of a day.
    Day,
    /// Everything.
    Total,
    /// All attempts at a task.
    Task(TaskUid),
    /// A task without a parent, with all its parts; by that task.
    Workflow(TaskUid),
    /// One session.
    Session,
    /// An agent, on a day or in all.
    Agent(String, Span),
    /// A provider, on a day or in all.
    Provider(String, Span),
    /// A route, on a day or in all.
    Route(String, Span),
}

/// Over which time a cap counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// A calendar day (UTC).
    Day,
    /// For ever.
    Total,
}

impl fmt::Display for Account {
    /// Fits after "the budget ": `per day`, `of agent claude per day`, `in total`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, name, span) = match self {
            Self::Day => return f.write_str("per day"),
            Self::Total => return f.write_str("in total"),
            Self::Task(_) => return f.write_str("per task"),
            Self::Workflow(_) => return f.write_str("per workflow"),
            Self::Session => return f.write_str("per session"),
            Self::Agent(name, span) => ("agent", name, span),
            Self::Provider(name, span) => ("provider", name, span),
            Self::Route(name, span) => ("route", name, span),
        };
        let span = match span {
            Span::Day => "per day",
            Span::Total => "in total",
        };
        write!(f, "of {what} {name} {span}")
    }
}

impl Account {
    /// The key in the configuration that caps it.
    #[must_use]
    pub fn setting(&self) -> String {
        let (what, name, span) = match self {
            Self::Day => return "budget.per_day".to_owned(),
            Self::Total => return "budget.total".to_owned(),
            Self::Task(_) => return "budget.per_task".to_owned(),
            Self::Workflow(_) => return "budget.per_workflow".to_owned(),
            Self::Session => return "budget.per_session".to_owned(),
            Self::Agent(name, span) => ("agents", name, span),
            Self::Provider(name, span) => ("providers", name, span),
            Self::Route(name, span) => ("routes", name, span),
        };
        let span = match span {
            Span::Day => "per_day",
            Span::Total => "total",
        };
        format!("budget.{what}.{name}.{span}")
    }

    /// True if it starts anew with every day.
    #[must_use]
    pub const fn is_daily(&self) -> bool {
        match self {
            Self::Day => true,
            Self::Agent(_, span) | Self::Provider(_, span) | Self::Route(_, span) => {
                matches!(span, Span::Day)
            }
            Self::Total | Self::Task(_) | Self::Workflow(_) | Self::Session => false,
        }
    }
}

/// One account with its cap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What it is on.
    pub account: Account,
    /// The most that may be spent.
    pub cap: MicroUsd,
    /// Spent by sessions that ended.
    pub settled: MicroUsd,
    /// Sessions that run on it.
    #[serde(default)]
    pub live: BTreeSet<SessionUid>,
}

/// A session that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unit {
    /// What it is reckoned to cost.
    pub reserved: MicroUsd,
    /// What it is known to have spent.
    pub noted: MicroUsd,
}

impl Unit {
    pub(super) fn most(self) -> MicroUsd {
        self.reserved.max(self.noted)
    }
}

/// On whose accounts a session counts.
#[derive(Debug, Clone, Copy)]
pub struct Bearer<'a> {
    /// Its task.
    pub task: TaskUid,
    /// Who works.
    pub agent: &'a str,
    /// Whose model it is.
    pub provider: Option<&'a str>,
    /// The route that chose the agent.
    pub route: Option<&'a str>,
}

impl<'a> From<&'a SessionClaimed> for Bearer<'a> {
    fn from(claim: &'a SessionClaimed) -> Self {
        Self {
            task: claim.task,
            agent: &claim.agent,
            provider: claim.provider.as_deref(),
            route: claim.route.as_deref(),
        }
    }
}

type Of = fn(String, Span) -> Account;

/// Every account of a name that has a cap.
pub(super) fn capped(of: Of, name: &str, caps: &Caps) -> Vec<(Account, MicroUsd)> {
    [(Span::Day, caps.per_day), (Span::Total, caps.total)]
        .into_iter()
        .filter_map(|(span, cap)| Some((of(name.to_owned(), span), cap?)))
        .collect()
}

/// The tables of named caps.
pub(super) fn tables(budget: &BudgetPolicy) -> [(&BTreeMap<String, Caps>, Of); 3] {
    [
        (&budget.agents, Account::Agent),
        (&budget.providers, Account::Provider),
        (&budget.routes, Account::Route),
    ]
}

/// The capped accounts of an agent, its provider and its route.
pub(super) fn named(budget: &BudgetPolicy, bearer: Bearer<'_>) -> Vec<(Account, MicroUsd)> {
    let names = [Some(bearer.agent), bearer.provider, bearer.route];
    let pairs = tables(budget).into_iter().zip(names);
    pairs
        .filter_map(|((caps, of), name)| Some(capped(of, name?, caps.get(name?)?)))
        .flatten()
        .collect()
}
