//! `[budget]`: how much may be spent, on what.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::PRICES_PATH;
use crate::config::reader::{Section, nearest};
use crate::domain::money::{MicroUsd, Usage};
use crate::domain::policy::{AgentKind, AgentSpec, BudgetPolicy, Caps, ProviderSpec, Route};
use crate::domain::prices::Prices;

/// What a run of a program is reckoned at that has no `cost_estimate`, once a budget is set: a run
/// whose price nobody knows is not free.
pub(super) const UNKNOWN_RUN: MicroUsd = MicroUsd(1_000_000);

pub(super) fn read(
    section: &Section<'_, '_>,
    agents: &BTreeMap<String, AgentSpec>,
    providers: &BTreeMap<String, ProviderSpec>,
    routes: &[Route],
) -> BudgetPolicy {
    let named = |key: &'static str, known: &[&str]| {
        let mut all = BTreeMap::new();
        for (name, caps) in section.named(key, "budget.*") {
            if !known.contains(&name.as_str()) {
                let hint = match nearest(&name, known.iter().copied()) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None if known.is_empty() => format!("there are no {key}"),
                    None => format!("known are {}", known.join(", ")),
                };
                section.bad(key, &format!("there is no `{name}`; {hint}"));
            }
            let caps = Caps {
                per_day: caps.money("per_day"),
                total: caps.money("total"),
            };
            all.insert(name, caps);
        }
        all
    };
    let charged = charged(agents, providers, routes);
    let charged: Vec<&str> = charged.iter().map(String::as_str).collect();
    let agents: Vec<&str> = agents.keys().map(String::as_str).collect();
    let mut routes: Vec<&str> = routes.iter().map(|route| route.name.as_str()).collect();
    routes.dedup();
    BudgetPolicy {
        per_day: section.money("per_day"),
        total: section.money("total"),
        per_task: section.money("per_task"),
        per_workflow: section.money("per_workflow"),
        per_session: section.money("per_session"),
        sessions_per_day: section.number("sessions_per_day", 0..1_000_001),
        agents: named("agents", &agents),
        providers: named("providers", &charged),
        routes: named("routes", &routes),
    }
}

/// Every provider that a session may be booked on: those that are known or configured, and those that
/// agents name themselves or by their models.
fn charged(
    agents: &BTreeMap<String, AgentSpec>,
    providers: &BTreeMap<String, ProviderSpec>,
    routes: &[Route],
) -> BTreeSet<String> {
    let mut all: BTreeSet<String> = providers.keys().cloned().collect();
    for agent in agents.values() {
        all.extend(agent.provider(None));
        let asked = routes.iter().filter_map(|route| route.model.as_deref());
        all.extend(asked.filter_map(|model| agent.provider(Some(model))));
    }
    all
}

/// Says of agents that are to end at `max_cost`, but whose cost nobody can know: they would be
/// reckoned at a whole run after their first turn.
pub(super) fn unpriced(
    agents: &BTreeMap<String, AgentSpec>,
    prices: &Prices,
    notes: &mut Vec<String>,
) {
    for (name, spec) in agents {
        let AgentKind::Api { provider, bounds } = &spec.kind else {
            continue;
        };
        let (Some(most), Some(model)) = (bounds.max_cost, &spec.model) else {
            continue;
        };
        let some = Usage {
            input: 1,
            ..Usage::default()
        };
        let known = prices.estimate(&format!("{provider}/{model}"), some);
        if known.is_none() && spec.cost_estimate >= most {
            notes.push(format!(
                "agent {name} would end after its first turn unless the provider tells its cost: model \
                 {model} has no price, so its run is reckoned at its cost_estimate of {}, which is not \
                 below its max_cost of {most}; set a price in {PRICES_PATH}, or use `max_tokens`",
                spec.cost_estimate
            ));
        }
    }
}

/// Reckons the runs of programs that have no estimate, once money is limited; says of which.
pub(super) fn reckon_unknown(
    budget: &BudgetPolicy,
    agents: &mut BTreeMap<String, AgentSpec>,
    notes: &mut Vec<String>,
) {
    if !budget.limits_money() {
        return;
    }
    for (name, spec) in agents {
        if spec.estimated || !matches!(spec.kind, AgentKind::Command { .. }) {
            continue;
        }
        spec.cost_estimate = UNKNOWN_RUN;
        notes.push(format!(
            "agent {name} has no cost_estimate: while a budget is set, each of its runs that does \
             not report its cost is reckoned at {UNKNOWN_RUN}; set `cost_estimate` under \
             [agents.{name}] (\"0\" if it is free)"
        ));
    }
}
