//! `[budget]`: how much may be spent, on what.

use std::collections::BTreeMap;

use crate::config::reader::{Section, nearest};
use crate::domain::money::MicroUsd;
use crate::domain::policy::{AgentKind, AgentSpec, BudgetPolicy, Caps, Route};

/// What a run of a program is reckoned at that has no `cost_estimate`, once a budget is set: a run
/// whose price nobody knows is not free.
pub(super) const UNKNOWN_RUN: MicroUsd = MicroUsd(1_000_000);

pub(super) fn read(
    section: &Section<'_, '_>,
    agents: &BTreeMap<String, AgentSpec>,
    routes: &[Route],
) -> BudgetPolicy {
    let named = |key: &'static str, known: Option<Vec<&str>>| {
        let mut all = BTreeMap::new();
        for (name, caps) in section.named(key, "budget.*") {
            if let Some(known) = &known
                && !known.contains(&name.as_str())
            {
                let hint = match nearest(&name, known.iter().copied()) {
                    Some(near) => format!("did you mean \"{near}\"?"),
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
    let agents = agents.keys().map(String::as_str).collect();
    let mut routes: Vec<&str> = routes.iter().map(|route| route.name.as_str()).collect();
    routes.dedup();
    BudgetPolicy {
        per_day: section.money("per_day"),
        total: section.money("total"),
        per_task: section.money("per_task"),
        per_workflow: section.money("per_workflow"),
        per_session: section.money("per_session"),
        sessions_per_day: section.number("sessions_per_day", 0..1_000_001),
        agents: named("agents", Some(agents)),
        providers: named("providers", None),
        routes: named("routes", Some(routes)),
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
