//! What runs cost, what stops them, and that nothing of it is forgotten.

use fleet::app::tick::report::Ended;
use fleet::domain::ids::TaskUid;
use fleet::domain::money::{CostSource, MicroUsd, Usage};
use fleet::domain::policy::{BudgetPolicy, Caps, Policy, Route};
use fleet::domain::prices::{Dated, Price, PriceTable};
use fleet::domain::record::SessionFinished;
use fleet::domain::session::{FailureClass, Outcome, Session};
use fleet::domain::state::State;
use fleet::domain::time::Timestamp;

use crate::town::{Clone, Town, policy, shell, verify};

/// A line with which a program tells what it has spent so far.
fn spends(micros: u64) -> String {
    format!(
        r#"echo '{{"event":"usage","usage":{{"input":1000,"output":200,"cache_read":50,"cache_write":7,"reasoning":20}},"cost":{micros}}}'"#
    )
}

fn sessions(state: &State, task: TaskUid) -> Vec<&Session> {
    let index = state.index();
    let ids = index.sessions_of(task).to_vec();
    ids.iter().map(|uid| &state.sessions[uid]).collect()
}

fn spent(clone: &Clone) -> MicroUsd {
    let state = clone.state();
    state
        .sessions
        .values()
        .fold(MicroUsd(0), |sum, session| sum.plus(session.cost()))
}

#[test]
fn an_agent_over_its_cap_is_stopped_and_the_next_attempt_goes_on_from_its_work() {
    let town = Town::new();
    let script = format!("echo half > src/b.txt; {}; exec sleep 20", spends(600_000));
    let mut rules = policy(&[("writer", &script)]);
    rules.budget.per_session = Some(MicroUsd(500_000));
    rules.verify = vec![verify(&["test", "-f", "src/b.txt"])];
    let mut clone = town.clone("one", rules);
    let task = clone.add("A large task", &[]);
    let report = clone.try_tick(&fleet::app::tick::TickOptions {
        max: Some(1),
        ..Default::default()
    });
    let report = report.unwrap();
    assert_eq!(report.sessions[0].ended, Ended::OverBudget, "{report:#?}");
    assert!(report.budget_stop, "{report:#?}");

    let state = clone.state();
    let first = sessions(&state, task)[0];
    let finished = &first.finished.as_ref().unwrap().0;
    let class = FailureClass::Budget;
    assert_eq!(finished.outcome, Outcome::Failed { class });
    assert_eq!(finished.cost, Some(MicroUsd(600_000)));
    assert_eq!(finished.cost_source, CostSource::Reported);
    let summary = &finished.summary;
    assert!(summary.contains("$0.60 of $0.50"), "{summary}");
    assert!(summary.contains("budget.per_session"), "{summary}");
    assert!(finished.verify[0].passed(), "checked as any work");
    let head = finished.head.clone().expect("its work is kept");
    let branch = town.remote_ref("refs/heads/agent/T-1");
    assert_eq!(branch.as_deref(), Some(head.as_str()));
    assert!(state.index().reviews_of(task).is_empty(), "not for review");

    let rest = shell("writer", "echo whole >> src/b.txt");
    clone.policy.agents.insert("writer".to_owned(), rest);
    let report = clone.tick();
    assert_eq!(report.sessions[0].ended, Ended::InReview, "{report:#?}");
    let text = town.git(&town.path("remote.git"), &["show", "agent/T-1:src/b.txt"]);
    assert_eq!(text, "half\nwhole");
    let state = clone.state();
    let second = &sessions(&state, task)[1].claim.as_ref().unwrap().0;
    assert_eq!(second.continues, Some(head));
}

#[test]
fn an_agent_stopped_before_it_changed_anything_leaves_no_branch() {
    let town = Town::new();
    let script = format!("{}; exec sleep 20", spends(600_000));
    let mut rules = policy(&[("writer", &script)]);
    rules.budget.per_task = Some(MicroUsd(500_000));
    let clone = town.clone("one", rules);
    clone.add("A task", &[]);
    let report = clone.tick();
    assert_eq!(report.sessions.len(), 1, "{report:#?}");
    assert_eq!(report.sessions[0].ended, Ended::OverBudget, "{report:#?}");
    let why = &report.waiting[0].why[0];
    assert_eq!(
        why,
        "the budget per task is used up ($0.60 of $0.50; raise budget.per_task to go on)"
    );
    assert_eq!(town.remote_ref("refs/heads/agent/T-1"), None);
}

#[test]
fn i13_parallel_claims_of_two_clones_share_the_budget_of_a_day() {
    let town = Town::new();
    let (cap, unit) = (MicroUsd(1_000_000), MicroUsd(400_000));
    let script = format!("{}; echo $FLEET_TASK > src/$FLEET_TASK.txt", spends(unit.0));
    let mut rules = policy(&[("writer", &script)]);
    rules.agents.get_mut("writer").unwrap().cost_estimate = unit;
    rules.budget.per_day = Some(cap);
    let clones: Vec<_> = ["a", "b"]
        .map(|name| town.clone(name, rules.clone()))
        .into();
    for n in 0..8 {
        clones[0].add(&format!("Task {n}"), &[]);
    }
    let reports: Vec<_> = std::thread::scope(|scope| {
        let ticks: Vec<_> = clones.iter().map(|c| scope.spawn(|| c.tick())).collect();
        ticks.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let spent = spent(&clones[0]);
    assert!(spent >= cap, "it is used: {spent}");
    assert!(spent <= cap.plus(unit), "{spent} of {cap}");
    assert_eq!(clones[0].state().sessions.len(), 3);
    assert!(reports.iter().any(|report| report.budget_stop));
    let why = reports
        .iter()
        .flat_map(|report| &report.waiting)
        .find_map(|waiting| waiting.why.iter().find(|why| why.contains("budget")))
        .expect("a reason");
    assert!(why.contains("the budget per day is used up"), "{why}");
    assert!(why.contains("it starts anew 2"), "{why}");
}

#[test]
fn an_agent_without_money_left_gives_way_to_the_next_candidate() {
    let town = Town::new();
    let work = |micros| format!("{}; echo $FLEET_TASK > src/$FLEET_TASK.txt", spends(micros));
    let mut rules = policy(&[("dear", &work(900_000)), ("plain", &work(10_000))]);
    rules.routes[0].agents = vec!["dear".to_owned(), "plain".to_owned()];
    rules.tick.max_parallel = 1;
    rules.budget = BudgetPolicy {
        agents: std::iter::once((
            "dear".to_owned(),
            Caps {
                per_day: Some(MicroUsd(500_000)),
                total: None,
            },
        ))
        .collect(),
        ..BudgetPolicy::default()
    };
    // What it costs is known when it has ended: an agent that is not stopped in time.
    rules.agents.get_mut("dear").unwrap().cost_estimate = MicroUsd(1_000_000);
    let clone = town.clone("one", rules);
    for n in 0..3 {
        clone.add(&format!("Task {n}"), &[]);
    }
    let report = clone.tick();
    let by = |name: &str| report.sessions.iter().filter(|s| s.agent == name).count();
    assert_eq!(by("dear"), 1, "{report:#?}");
    assert!(by("plain") >= 2, "{report:#?}");
}

#[test]
fn a_route_steps_up_after_a_failure_and_the_records_say_which_was_used() {
    let town = Town::new();
    let cheap = format!("{}; exit 3", spends(10_000));
    let strong = format!("{}; echo two >> src/a.txt", spends(200_000));
    let mut rules = policy(&[("cheap", &cheap), ("strong", &strong)]);
    let route = |name: &str, from_attempt| Route {
        name: format!("{name} first"),
        from_attempt,
        agents: vec![name.to_owned()],
        ..rules.routes[0].clone()
    };
    rules.routes = vec![route("cheap", 1), route("strong", 2)];
    let clone = town.clone("one", rules);
    let task = clone.add("A task", &[]);
    clone.tick();
    let state = clone.state();
    let used: Vec<_> = sessions(&state, task)
        .iter()
        .map(|s| s.claim.as_ref().unwrap().0.route.clone().unwrap())
        .collect();
    assert_eq!(used, ["cheap first", "strong first"]);
    let rows = fleet::engine::spend::by_route(&state, &state.index());
    let cheap = rows[&("cheap first".to_owned(), 1)];
    assert_eq!((cheap.dropped, cheap.sum.cost), (1, MicroUsd(10_000)));
    let strong = rows[&("strong first".to_owned(), 2)];
    assert_eq!((strong.open, strong.sum.cost), (1, MicroUsd(200_000)));
    let first = sessions(&state, task)[0].usage();
    let wanted = Usage {
        input: 1000,
        output: 200,
        cache_read: 50,
        cache_write: 7,
        reasoning: 20,
    };
    assert_eq!(first, wanted);
}

/// How the first attempt at a task ends under these rules.
fn end_of_one_task(town: &Town, rules: Policy) -> SessionFinished {
    let clone = town.clone("one", rules);
    let task = clone.add("A task", &[]);
    clone.tick();
    let state = clone.state();
    let (finished, _) = sessions(&state, task)[0].finished.clone().unwrap();
    finished
}

#[test]
fn tokens_without_money_are_priced_by_the_table_and_flagged() {
    let town = Town::new();
    let script = r#"echo '{"event":"session_started","agent_session":null,"model":"acme/quill-2-20260101"}'
        echo '{"event":"usage","usage":{"input":1000000,"output":100000}}'
        echo two >> src/a.txt"#;
    let mut rules = policy(&[("writer", script)]);
    let price = Price {
        input: 2_000_000,
        output: 10_000_000,
        ..Price::default()
    };
    let from = Timestamp(0);
    let mut table = PriceTable::default();
    table.add(None, "quill-2", Dated { from, price });
    rules.prices = table.into();
    let finished = end_of_one_task(&town, rules);
    assert_eq!(finished.cost, Some(MicroUsd(3_000_000)));
    assert_eq!(finished.cost_source, CostSource::Estimated);
}

#[test]
fn a_price_that_only_its_provider_has_is_found() {
    let town = Town::new();
    let script = r#"echo '{"event":"session_started","agent_session":null,"model":"llama-9"}'
        echo '{"event":"usage","usage":{"input":1000000,"output":0}}'
        echo two >> src/a.txt"#;
    let mut rules = policy(&[("writer", script)]);
    let agent = rules.agents.get_mut("writer").unwrap();
    agent.shares = Some("groq".to_owned());
    agent.cost_estimate = MicroUsd(1_000_000);
    let mut table = PriceTable::default();
    for (provider, input) in [("groq", 70_000), ("elsewhere", 900_000)] {
        let price = Price {
            input,
            ..Price::default()
        };
        let from = Timestamp(0);
        table.add(Some(provider), "llama-9", Dated { from, price });
    }
    rules.prices = table.into();
    let finished = end_of_one_task(&town, rules);
    assert_eq!(finished.cost, Some(MicroUsd(70_000)));
}

#[test]
fn a_model_without_a_price_costs_what_the_agent_is_reckoned_at() {
    let town = Town::new();
    let script =
        r#"echo '{"event":"usage","usage":{"input":5,"output":5}}'; echo two >> src/a.txt"#;
    let mut rules = policy(&[("writer", script)]);
    rules.agents.get_mut("writer").unwrap().cost_estimate = MicroUsd(250_000);
    let finished = end_of_one_task(&town, rules);
    assert_eq!(finished.cost, Some(MicroUsd(250_000)));
    assert_eq!(finished.cost_source, CostSource::Estimated);
}
