//! What sessions at services cost: on the same ledger, under the same budgets as any other session.

use fleet::app::tick::report::Ended;
use fleet::domain::money::{CostSource, MicroUsd};
use fleet::domain::policy::{AgentKind, PlanApproval};
use fleet::domain::prices::{Dated, Price, PriceTable};
use fleet::domain::session::{FailureClass, Outcome};
use fleet::domain::time::{DurationMs, Timestamp};

use crate::opencode::service;
use crate::remote::{COURSE, Story, story};
use crate::town::verify;

/// A model that writes half of the work, tells 200 tokens, and then thinks for long.
const HALF: &str = r#"{"turns":[
    {"shell":"echo half > src/b.txt","usage":{"in":150,"out":50}},
    {"delay_s":60,"text":"never"}]}"#;

#[test]
fn i13_a_session_at_a_service_is_reckoned_with_before_another_is_claimed() {
    let mut story = story(&["QUEUED", "IN_PROGRESS"], PlanApproval::Auto);
    let agent = story.clone.policy.agents.get_mut("jules").unwrap();
    agent.cost_estimate = MicroUsd(400_000);
    agent.max_parallel = 8;
    story.clone.policy.budget.per_day = Some(MicroUsd(700_000));
    for n in 0..4 {
        story.clone.add(&format!("Task {n}"), &[]);
    }
    story.tick();
    let report = story.clone.tick();
    assert_eq!(story.jules.model().sessions.len(), 2);
    let mut waits = report.waiting.iter().flat_map(|waiting| &waiting.why);
    let told = "the budget per day is used up ($0.80 of $0.70";
    assert!(waits.any(|why| why.starts_with(told)), "{report:#?}");
}

#[test]
fn what_a_service_does_not_tell_is_reckoned_at_the_estimate_and_flagged() {
    let mut story = story(COURSE, PlanApproval::Auto);
    let agent = story.clone.policy.agents.get_mut("jules").unwrap();
    agent.cost_estimate = MicroUsd(400_000);
    story.until_review();
    let state = story.clone.state();
    let session = state.sessions.values().next().unwrap();
    assert_eq!(session.known_cost(), Some(MicroUsd(400_000)));
    assert_eq!(session.cost_source(), CostSource::Estimated);
    let (claim, _) = session.claim.as_ref().unwrap();
    assert_eq!(claim.provider.as_deref(), Some("jules"));
}

#[test]
fn an_attempt_that_never_came_to_be_at_the_service_cost_nothing() {
    let mut story = story(COURSE, PlanApproval::Auto);
    let agent = story.clone.policy.agents.get_mut("jules").unwrap();
    agent.cost_estimate = MicroUsd(400_000);
    let limited = crate::jules::Fault::Limited(3_600);
    story.jules.model().faults.push(limited);
    story.tick();
    let state = story.clone.state();
    let session = state.sessions.values().next().unwrap();
    assert_eq!(session.known_cost(), Some(MicroUsd(0)));
}

#[test]
fn a_session_that_runs_too_long_is_stopped_and_what_it_had_done_is_kept_on_its_branch() {
    let story = Story::that_takes_too_long();
    for _ in 0..4 {
        story.tick();
    }
    assert!(story.jules.model().sessions[0].deleted);
    let (state, finished) = story.out_of_time_and_kept();
    let summary = &finished.summary;
    assert!(summary.contains("longer than 12 min"), "{summary}");
    assert!(summary.contains("kept on its branch"), "{summary}");
    let head = finished.head;
    // The next attempt goes on from there.
    let next = state.sessions.values().find_map(|s| {
        let (claim, _) = s.claim.as_ref()?;
        (claim.attempt == 2).then(|| claim.continues.clone())
    });
    assert_eq!(next, Some(head));
}

#[test]
fn i13_a_session_over_its_cap_is_stopped_at_opencode_and_its_work_is_kept() {
    let Some(mut service) = service(HALF) else {
        return;
    };
    let price = Price {
        input: 1_000_000_000,
        output: 10_000_000_000,
        ..Price::default()
    };
    let from = Timestamp(0);
    let rules = &mut service.clone.policy;
    let mut table = PriceTable::default();
    table.add(None, "m", Dated { from, price });
    rules.prices = table.into();
    rules.budget.per_session = Some(MicroUsd(500_000));
    rules.retry.max_attempts = 1;
    rules.verify = vec![verify(&["grep", "-q", "half", "src/b.txt"])];
    let task = service.clone.add("A large task", &[]);
    let mut ended = None;
    service.until(|service| {
        ended = service.last_report().sessions.first().cloned();
        ended.is_some()
    });
    let ended = ended.unwrap();
    assert_eq!(ended.ended, Ended::OverBudget, "{ended:#?}");
    let state = service.clone.state();
    let session = state.sessions.values().next().unwrap();
    let (finished, _) = session.finished.clone().unwrap();
    let class = FailureClass::Budget;
    assert_eq!(finished.outcome, Outcome::Failed { class });
    assert!(finished.cost >= Some(MicroUsd(650_000)), "{finished:?}");
    assert_eq!(finished.cost_source, CostSource::Estimated);
    let summary = &finished.summary;
    assert!(summary.contains("budget.per_session"), "{summary}");
    assert!(finished.verify[0].passed(), "checked as any work");
    let head = finished.head.clone().expect("its work is kept");
    let branch = service.town.remote_ref("refs/heads/agent/T-1");
    assert_eq!(branch.as_deref(), Some(head.as_str()));
    assert!(state.index().reviews_of(task).is_empty(), "not for review");
    assert_eq!(service.clone.leftovers(), Vec::<String>::new());
}

#[test]
fn what_a_session_has_spent_is_in_the_records_while_it_runs() {
    let Some(mut service) = service(HALF) else {
        return;
    };
    let agent = service.clone.policy.agents.get_mut("opencode").unwrap();
    agent.cost_estimate = MicroUsd(250_000);
    assert!(matches!(agent.kind, AgentKind::Session { .. }));
    service.clone.add("A large task", &[]);
    let spent = |service: &crate::opencode::Service| {
        let state = service.clone.state();
        let session = state.sessions.values().next().cloned();
        session
            .filter(fleet::domain::session::Session::holds_lease)
            .and_then(|session| session.spent.value)
    };
    service.until(|service| spent(service).is_some());
    let noted = spent(&service).unwrap();
    assert!(noted.usage.total() >= 200, "{noted:?}");
    assert_eq!(noted.cost, MicroUsd(250_000), "no price: as it is reckoned");
    assert_eq!(noted.source, CostSource::Estimated);
}

#[test]
fn i7_a_tick_that_dies_after_it_stopped_a_session_leaves_its_work_to_the_next() {
    let Some(mut service) = service(HALF) else {
        return;
    };
    let rules = &mut service.clone.policy;
    rules.retry.max_attempts = 1;
    rules.leases.skew_allowance = DurationMs(0);
    let agent = rules.agents.get_mut("opencode").unwrap();
    agent.total_timeout = DurationMs::mins(30);
    service.clone.add("A large task", &[]);
    let half = |service: &crate::opencode::Service| {
        let state = service.clone.state();
        let session = state.sessions.values().next();
        session.is_some_and(|session| session.spent.value.is_some())
    };
    service.until(half);
    let remote = service.town.path("remote.git");
    let stop = ("stop", crate::remote::When::After);
    let inner = service.clone.services();
    service.clone.remotes = Box::new(crate::remote::dying(inner, stop, &remote));
    service.clone.shifted.advance(DurationMs::mins(31));
    assert!(service.clone.try_tick(&Default::default()).is_err());
    // Its result was in the hand-over directory only if it was stored: as a kill leaves it, it is not.
    std::fs::remove_dir_all(&service.clone.handover_root).unwrap();
    std::fs::rename(service.town.path("away.git"), &remote).unwrap();
    service.until(|service| !service.last_report().sessions.is_empty());
    let state = service.clone.state();
    let session = state.sessions.values().next().unwrap();
    let (finished, _) = session.finished.clone().unwrap();
    let class = FailureClass::Timeout;
    assert_eq!(finished.outcome, Outcome::Failed { class }, "{finished:#?}");
    assert!(finished.head.is_some(), "{finished:#?}");
}
