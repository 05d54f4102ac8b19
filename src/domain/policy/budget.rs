//! What may be spent.

use std::collections::BTreeMap;

use crate::domain::money::MicroUsd;

/// Budgets; `None` = unlimited.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BudgetPolicy {
    /// Per calendar day (UTC).
    pub per_day: Option<MicroUsd>,
    /// In all, for ever.
    pub total: Option<MicroUsd>,
    /// Per task, all attempts.
    pub per_task: Option<MicroUsd>,
    /// Per workflow: a task that has no parent, with all its parts and theirs.
    pub per_workflow: Option<MicroUsd>,
    /// One session; one that passes it is stopped, and so this is what a new one is reckoned at.
    pub per_session: Option<MicroUsd>,
    /// Sessions per calendar day (UTC).
    pub sessions_per_day: Option<u32>,
    /// By agent.
    pub agents: BTreeMap<String, Caps>,
    /// By provider, such as `anthropic`.
    pub providers: BTreeMap<String, Caps>,
    /// By name of the route.
    pub routes: BTreeMap<String, Caps>,
}

impl BudgetPolicy {
    /// True if any budget of money is set.
    #[must_use]
    pub fn limits_money(&self) -> bool {
        let caps = [
            self.per_day,
            self.total,
            self.per_task,
            self.per_workflow,
            self.per_session,
        ];
        let named = [&self.agents, &self.providers, &self.routes];
        caps.iter().any(Option::is_some) || named.iter().any(|named| !named.is_empty())
    }

    /// True if a budget counts what was ever spent, finished work that is archived included.
    #[must_use]
    pub fn counts_all(&self) -> bool {
        let named = [&self.agents, &self.providers, &self.routes];
        self.total.is_some()
            || self.per_workflow.is_some()
            || named
                .into_iter()
                .flat_map(BTreeMap::values)
                .any(|caps| caps.total.is_some())
    }
}

/// Caps on one agent, provider or route; `None` = unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Caps {
    /// Per calendar day (UTC).
    pub per_day: Option<MicroUsd>,
    /// In all, for ever.
    pub total: Option<MicroUsd>,
}
