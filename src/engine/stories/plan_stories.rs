use super::world::{World, agent};
use crate::domain::money::MicroUsd;
use crate::domain::record::{Op, TaskAdded};
use crate::domain::session::Outcome;
use crate::engine::why::Why;

fn wait(w: &World, n: usize) -> String {
    let plan = w.plan();
    let whys = &plan.waits[n].1;
    whys.iter()
        .map(Why::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn claims_come_in_order_of_score_and_carry_all_that_a_run_needs() {
    let mut w = World::default();
    let low = w.add(TaskAdded {
        set: crate::domain::record::TaskFields {
            priority: Some(4),
            ..Default::default()
        },
        ..TaskAdded::default()
    });
    let high = w.add(TaskAdded {
        set: crate::domain::record::TaskFields {
            priority: Some(0),
            ..Default::default()
        },
        paths: vec!["src/**".into()],
        ..TaskAdded::default()
    });
    let plan = w.plan();
    let order: Vec<_> = plan.claims.iter().map(|c| c.task).collect();
    assert_eq!(order, [high, low]);
    let claim = &plan.claims[0];
    assert_eq!(claim.branch.as_deref(), Some("agent/T-2"));
    assert_eq!(claim.continues, None);
    assert_eq!(claim.start(), &claim.base);
    assert_eq!(claim.globs, ["src/**"]);
    assert_eq!(claim.routed.agent, "ann");
    assert_eq!(claim.routed.model.as_deref(), Some("ann-model"));
}

#[test]
fn two_tasks_that_touch_the_same_paths_do_not_start_together() {
    let mut w = World::default();
    w.task(&["src/engine/**"]);
    w.task(&["src/**/*.rs"]);
    w.task(&["docs/*.md"]);
    let plan = w.plan();
    assert_eq!(plan.claims.len(), 2);
    assert!(
        matches!(plan.waits[0].1[..], [Why::OverlapsClaim { .. }]),
        "{:?}",
        plan.waits
    );
}

#[test]
fn limits_of_the_tick_are_kept_and_said() {
    let mut w = World::default();
    let first = w.task(&[]);
    w.task(&[]);
    w.limits.max = Some(1);
    assert_eq!(w.plan().claims.len(), 1);
    assert_eq!(wait(&w, 0), "this tick starts at most 1");
    w.limits.max = None;
    w.policy.tick.max_parallel = 1;
    assert_eq!(wait(&w, 0), "1 sessions run already (tick.max_parallel)");
    w.policy.tick.max_parallel = 8;
    w.policy.agents.get_mut("ann").unwrap().max_parallel = 1;
    assert_eq!(wait(&w, 0), "agent ann already runs 1 (its max_parallel)");
    w.policy.agents.insert("bob".into(), agent("bob"));
    assert_eq!(w.plan().claims.len(), 2, "the other agent takes it");
    w.limits.only = vec![first];
    let plan = w.plan();
    assert_eq!((plan.claims.len(), plan.claims[0].task), (1, first));
    w.facts.base = None;
    assert!(w.plan().claims.is_empty());
}

#[test]
fn a_task_without_a_number_waits_for_one() {
    let mut w = World::default();
    w.write(Op::TaskAdded(TaskAdded {
        admitted: true,
        ..TaskAdded::default()
    }));
    assert_eq!(wait(&w, 0), "it has no number yet; run `fleet sync`");
}

#[test]
fn i13_spend_passes_the_cap_by_at_most_one_running_unit() {
    let (cap, unit) = (MicroUsd(5_000_000), MicroUsd(700_000));
    let mut w = World::default();
    w.policy.budget.per_day = Some(cap);
    w.policy.agents.get_mut("ann").unwrap().cost_estimate = unit;
    for _ in 0..50 {
        w.task(&[]);
    }
    let mut spent = MicroUsd(0);
    for round in 0..50 {
        let claims = w.plan().claims;
        let sessions: Vec<_> = claims.iter().map(|c| w.claim(c)).collect();
        for (n, session) in sessions.into_iter().enumerate() {
            // Some report their cost, some do not and are reckoned at the estimate.
            let cost = ((round + n) % 2 == 0).then_some(unit);
            spent = spent.plus(unit);
            w.write(Op::SessionFinished(
                crate::domain::record::SessionFinished {
                    session,
                    outcome: Outcome::Escalated,
                    summary: String::new(),
                    head: None,
                    paths: Vec::new(),
                    verify: Vec::new(),
                    agent_session: None,
                    model: None,
                    usage: crate::domain::money::Usage::default(),
                    cost,
                    cost_source: crate::domain::money::CostSource::Unknown,
                    duration_ms: 1,
                    sandbox: String::new(),
                    journal: None,
                },
            ));
        }
        w.pass(1);
    }
    assert!(spent >= cap, "the budget is used: {spent}");
    assert!(spent <= cap.plus(unit), "{spent} of {cap}");
    assert!(w.plan().stopped_by_budget());
    w.pass(24 * 60);
    assert!(!w.plan().claims.is_empty(), "a new day, a new budget");
}

#[test]
fn budgets_per_task_and_sessions_per_day_stop_claims() {
    let mut w = World::default();
    let t = w.task(&[]);
    w.policy.budget.per_task = Some(MicroUsd(100));
    w.policy.agents.get_mut("ann").unwrap().cost_estimate = MicroUsd(100);
    let session = w.start(t);
    w.finish(
        session,
        Outcome::Failed {
            class: crate::domain::session::FailureClass::Timeout,
        },
        None,
        &[],
    );
    w.pass(60);
    assert_eq!(
        wait(&w, 0),
        "the budget per task is used up ($0.0001 of $0.0001; raise budget.per_task to go on)"
    );
    w.policy.budget.per_task = None;
    w.policy.budget.sessions_per_day = Some(1);
    assert_eq!(
        wait(&w, 0),
        "1 sessions started today (budget.sessions_per_day; it starts anew 2026-11-22T00:00:00.000Z)"
    );
}
