use std::collections::BTreeMap;

use proptest::prelude::*;

use super::world::World;
use crate::domain::dep::DepKind;
use crate::domain::ids::SessionUid;
use crate::domain::money::{CostSource, MicroUsd, Spent, Usage};
use crate::domain::policy::Caps;
use crate::domain::record::{Op, SessionFinished, SessionReleased, SessionRenewed};
use crate::domain::session::Outcome;
use crate::domain::time::{DurationMs, Hlc};
use crate::engine::budget::Ledger;
use crate::engine::spend::{self, By, Fate, Sum};

/// Ends a session at a cost, with a question, so that its task rests.
fn end(w: &mut World, session: SessionUid, cost: Option<MicroUsd>) {
    w.write(Op::SessionFinished(SessionFinished {
        session,
        outcome: Outcome::Escalated,
        summary: String::new(),
        head: None,
        paths: Vec::new(),
        verify: Vec::new(),
        agent_session: None,
        model: None,
        usage: Usage::default(),
        cost,
        cost_source: CostSource::Reported,
        duration_ms: 1,
        sandbox: String::new(),
        journal: None,
    }));
}

fn why(w: &World, at: usize) -> String {
    w.plan().waits[at].1[0].to_string()
}

#[test]
fn a_workflow_is_a_task_without_a_parent_with_all_its_parts() {
    let mut w = World::default();
    w.policy.budget.per_workflow = Some(MicroUsd(100));
    let (top, part, deep, other) = (w.task(&[]), w.task(&[]), w.task(&[]), w.task(&[]));
    w.dep(part, DepKind::ParentChild, top);
    w.dep(deep, DepKind::ParentChild, part);
    let leaf = w.task(&[]);
    w.dep(leaf, DepKind::ParentChild, top);
    let session = w.start(deep);
    end(&mut w, session, Some(MicroUsd(100)));
    let claimed: Vec<_> = w.plan().claims.iter().map(|c| c.task).collect();
    assert_eq!(claimed, [other], "another workflow has its own");
    let held: Vec<_> = w.plan().waits.iter().map(|(uid, _)| *uid).collect();
    let at = held.iter().position(|uid| *uid == leaf).unwrap();
    assert_eq!(
        why(&w, at),
        "the budget per workflow is used up ($0.0001 of $0.0001; raise budget.per_workflow to go on)"
    );
}

#[test]
fn a_provider_without_money_left_gives_way_and_starts_anew_on_the_next_day() {
    let mut w = World::default();
    let ben = super::world::agent("ben");
    w.policy.agents.insert("ben".to_owned(), ben);
    for (name, model) in [("ann", "acme/one"), ("ben", "other/two")] {
        w.policy.agents.get_mut(name).unwrap().model = Some(model.to_owned());
    }
    let caps = Caps {
        per_day: Some(MicroUsd(50)),
        total: None,
    };
    w.policy.budget.providers = BTreeMap::from([("acme".to_owned(), caps)]);
    let first = w.task(&[]);
    let session = w.start(first);
    assert_eq!(
        w.state.sessions[&session]
            .claim
            .as_ref()
            .unwrap()
            .0
            .provider,
        Some("acme".to_owned())
    );
    end(&mut w, session, Some(MicroUsd(50)));
    w.task(&[]);
    let plan = w.plan();
    assert_eq!(plan.claims[0].routed.agent, "ben", "{:?}", plan.waits);
    let skipped = plan.claims[0].routed.skipped[0].why.to_string();
    assert!(
        skipped.starts_with(
            "the budget of provider acme per day is used up ($0.0001 of $0.0001; it starts anew 2"
        ),
        "{skipped}"
    );
    w.pass(24 * 60);
    assert_eq!(w.plan().claims[0].routed.agent, "ann");
}

#[test]
fn a_route_without_money_left_holds_its_tasks_back() {
    let mut w = World::default();
    let name = {
        let route = &mut w.policy.routes[0];
        route.name = "first".to_owned();
        route.name.clone()
    };
    let caps = Caps {
        per_day: None,
        total: Some(MicroUsd(0)),
    };
    w.policy.budget.routes = BTreeMap::from([(name, caps)]);
    w.task(&[]);
    let waits = w.plan().waits;
    assert_eq!(
        waits[0].1[0].to_string(),
        "the budget of route first in total is used up ($0.00 of $0.00; raise budget.routes.first.total to go on)"
    );
}

#[test]
fn i13_a_cap_on_a_session_is_what_one_that_runs_is_counted_at() {
    let mut w = World::default();
    w.policy.budget.per_session = Some(MicroUsd(40));
    w.policy.budget.per_day = Some(MicroUsd(100));
    for _ in 0..8 {
        w.task(&[]);
    }
    assert_eq!(w.plan().claims.len(), 3, "0, 40 and 80 leave room");
}

#[test]
fn i13_a_note_of_what_runs_elsewhere_counts_if_it_is_more_than_was_reserved() {
    let mut w = World::default();
    w.policy.budget.per_day = Some(MicroUsd(100));
    let task = w.task(&[]);
    let session = w.start(task);
    w.task(&[]);
    assert_eq!(w.plan().claims.len(), 1);
    let spent = Spent {
        cost: MicroUsd(100),
        source: CostSource::Reported,
        ..Spent::default()
    };
    let lease_until = w.now;
    w.write(Op::SessionRenewed(SessionRenewed {
        session,
        lease_until,
        spent: Some(spent),
    }));
    assert!(w.plan().claims.is_empty(), "it is all gone");
    // The run dies; what it had spent stays spent, and nothing is counted twice.
    w.write(Op::SessionReleased(SessionReleased {
        session,
        proof: "it is gone".to_owned(),
        unstarted: false,
        spent: Some(spent),
    }));
    let (_, sum) = spend::sums(&w.state, By::Day, None, None, w.now);
    assert_eq!((sum.cost, sum.estimated), (MicroUsd(100), MicroUsd(0)));
    assert!(why(&w, 0).contains("$0.0001 of $0.0001"), "{}", why(&w, 0));
}

#[test]
fn money_is_booked_on_its_own_day_even_if_some_clock_was_far_ahead() {
    let mut w = World::default();
    w.policy.budget.per_day = Some(MicroUsd(100));
    let spent_today = |w: &World| {
        let ledger = Ledger::of(&w.state, &w.policy, w.now);
        ledger.standings().map(|(_, spent)| spent).next()
    };
    let days = |w: &World| -> Vec<String> {
        let (days, _) = spend::sums(&w.state, By::Day, None, None, w.now);
        days.into_keys().collect()
    };
    let year = DurationMs::mins(365 * 24 * 60);
    let today = |w: &World| w.now.to_string()[..10].to_owned();
    let first = today(&w);
    // Some writer's clock was a year ahead; by the logical clock all later records come after it.
    w.state.clock = Hlc::at(w.now.plus(year));
    let task = w.task(&[]);
    let session = w.start(task);
    end(&mut w, session, Some(MicroUsd(100)));
    assert_eq!(spent_today(&w), Some(MicroUsd(100)));
    assert_eq!(days(&w), std::slice::from_ref(&first));
    w.pass(24 * 60);
    assert_eq!(spent_today(&w), Some(MicroUsd(0)), "a new day");
    // A record whose own writer was wrong: spend is never overlooked, so it counts as today's.
    let session = w.start(task);
    let now = w.now;
    w.now = now.plus(year);
    end(&mut w, session, Some(MicroUsd(100)));
    w.now = now;
    assert_eq!(spent_today(&w), Some(MicroUsd(100)));
    assert_eq!(days(&w), [first, today(&w)]);
}

#[test]
fn a_claim_given_back_before_an_agent_was_started_costs_nothing() {
    let mut w = World::default();
    w.policy.budget.per_session = Some(MicroUsd(100));
    w.policy.budget.total = Some(MicroUsd(100));
    let task = w.task(&[]);
    let session = w.start(task);
    w.write(Op::SessionReleased(SessionReleased {
        session,
        proof: "no agent was started: the disk is full".to_owned(),
        unstarted: true,
        spent: None,
    }));
    assert_eq!(w.plan().claims.len(), 1, "all of the budget is left");
    let (_, sum) = spend::sums(&w.state, By::Day, None, None, w.now);
    assert_eq!(sum, Sum::default());
    assert_eq!(spend::fates(&w.state, &w.index(), task), []);
}

#[test]
fn the_fate_of_attempts_is_told_by_the_records() {
    let mut w = World::default();
    let task = w.task(&[]);
    let fates = |w: &World| -> Vec<Fate> {
        let fates = spend::fates(&w.state, &w.index(), task);
        fates.into_iter().map(|(_, fate)| fate).collect()
    };
    w.fail(task, crate::domain::session::FailureClass::Timeout);
    w.pass(60);
    let session = w.start(task);
    assert_eq!(fates(&w), [Fate::Dropped, Fate::Open]);
    w.finish(session, Outcome::Succeeded, Some(super::world::oid(3)), &[]);
    assert_eq!(fates(&w), [Fate::Dropped, Fate::Open]);
    w.close(task, crate::domain::record::CloseOutcome::Done);
    assert_eq!(fates(&w), [Fate::Dropped, Fate::Merged]);
    w.close(task, crate::domain::record::CloseOutcome::Wontdo);
    assert_eq!(fates(&w), [Fate::Dropped, Fate::Dropped]);
}

/// What a run would spend if nobody stopped it, in tenths of a unit.
fn appetites() -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::vec(0..40u64, 12)
}

proptest! {
    #[test]
    fn i13_runs_that_cost_more_than_they_are_reckoned_at_are_stopped_at_the_cap(
        appetites in appetites(),
        order in proptest::collection::vec(0..8usize, 400),
    ) {
        let (cap, unit, step) = (MicroUsd(5_000), MicroUsd(1_000), 100u64);
        let mut w = World::default();
        w.policy.budget.per_day = Some(cap);
        w.policy.agents.values_mut().for_each(|a| a.cost_estimate = unit);
        for _ in &appetites {
            w.task(&[]);
        }
        let claims = w.plan().claims;
        let sessions: Vec<_> = claims.iter().map(|c| w.claim(c)).collect();
        let mut gauge = Ledger::of(&w.state, &w.policy, w.now).gauge(&w.policy, &sessions);
        let mut runs: Vec<(u64, bool)> = vec![(0, true); sessions.len()];
        for at in order {
            let at = at % sessions.len();
            let (spent, alive) = &mut runs[at];
            if !*alive || *spent >= appetites[at] * step {
                continue;
            }
            *spent += step;
            *alive = gauge.note(sessions[at], MicroUsd(*spent)).is_none();
        }
        let spent: u64 = runs.iter().map(|(spent, _)| spent).sum();
        prop_assert!(spent <= cap.0 + unit.0, "{spent} of {cap:?}");
        // Nobody is stopped below what was reserved for it while there is money.
        let total = spent;
        for (at, (spent, alive)) in runs.iter().enumerate() {
            prop_assert!(*alive || *spent > unit.0 || total > cap.0, "run {at} at {spent}");
        }
    }

    #[test]
    fn i13_shares_keep_runs_below_the_cap_that_hear_nothing_of_each_other(appetites in appetites()) {
        let (cap, unit, step) = (MicroUsd(5_000), MicroUsd(300), 100u64);
        let mut w = World::default();
        w.policy.budget.per_day = Some(cap);
        w.policy.agents.values_mut().for_each(|a| a.cost_estimate = unit);
        for _ in &appetites {
            w.task(&[]);
        }
        let claims = w.plan().claims;
        let sessions: Vec<_> = claims.iter().map(|c| w.claim(c)).collect();
        let gauge = Ledger::of(&w.state, &w.policy, w.now).gauge(&w.policy, &sessions);
        let gauge = gauge.shared_out(&sessions);
        for (session, appetite) in sessions.iter().zip(&appetites) {
            let mut own = gauge.clone();
            let mut told = (1..=*appetite).map(|n| n * step);
            let stopped = told.find(|spent| own.note(*session, MicroUsd(*spent)).is_some());
            let spent = stopped.unwrap_or(appetite * step);
            prop_assert!(stopped.is_none() || spent > unit.0, "what is reserved is its own");
            prop_assert!(spent <= cap.0 / sessions.len() as u64 + step, "{spent}");
        }
    }

    #[test]
    fn sums_do_not_depend_on_the_order_and_never_overflow(
        parts in proptest::collection::vec((any::<u64>(), any::<u64>(), any::<u32>()), 1..20),
        turn in any::<prop::sample::Index>(),
    ) {
        let sums: Vec<Sum> = parts
            .iter()
            .map(|(cost, tokens, sessions)| Sum {
                sessions: *sessions,
                unknown: sessions / 2,
                cost: MicroUsd(*cost),
                estimated: MicroUsd(cost / 3),
                usage: Usage {
                    input: *tokens,
                    output: tokens / 2,
                    cache_read: tokens / 3,
                    cache_write: 1,
                    reasoning: tokens / 4,
                },
            })
            .collect();
        let fold = |sums: &[Sum]| sums.iter().fold(Sum::default(), |sum, one| sum.plus(*one));
        let straight = fold(&sums);
        let mut turned = sums.clone();
        turned.rotate_left(turn.index(sums.len()));
        prop_assert_eq!(straight, fold(&turned));
        turned.reverse();
        prop_assert_eq!(straight, fold(&turned));
        let middle = sums.len() / 2;
        prop_assert_eq!(straight, fold(&sums[..middle]).plus(fold(&sums[middle..])));
    }
}
