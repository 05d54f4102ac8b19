//! A task worked by the built-in agent, from the queue to a local review.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fleet::agents::api::ApiSetup;
use fleet::app::tick::TickOptions;
use fleet::app::tick::report::Ended;
use fleet::domain::money::{MicroUsd, Usage};
use fleet::domain::policy::{AgentKind, AgentSpec, ApiBounds, ProviderKind, ProviderSpec};
use fleet::domain::record::{EscalationAnswered, Op};
use fleet::domain::session::{FailureClass, Outcome};
use fleet::domain::time::DurationMs;
use fleet::machine::clock::SystemClock;
use fleet::machine::ids::SystemIds;
use fleet::ports::clock::{Clock, Ids};
use fleet::providers::{Key, Providers};
use serde_json::{Value, json};

use crate::models::{Answer, Api, ModelServer, Say};
use crate::town::{Clone, Town, policy, verify};

const KEY: &str = "sk-test-0123456789abcdef";

fn call(id: &'static str, tool: &'static str, input: Value) -> Answer {
    Answer::Reply(vec![Say::Call(id, tool, input.to_string())])
}

/// A clone whose only agent is the built-in one, with a model on loopback of which every call costs
/// a dollar.
fn clone_with(town: &Town, server: &ModelServer) -> Clone {
    let mut rules = policy(&[("writer", "exit 9")]);
    let agent = rules.agents.get_mut("writer").unwrap();
    agent.kind = AgentKind::Api {
        provider: "house".to_owned(),
        bounds: ApiBounds::default(),
    };
    agent.model = Some("claude-sonnet-4-5".to_owned());
    rules.verify = vec![verify(&["grep", "-q", "^two$", "src/a.txt"])];
    let mut clone = town.clone("one", rules);
    let mut spec = ProviderSpec::of_kind("house", ProviderKind::Anthropic);
    spec.base_url = server.url().to_owned();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn Ids> = Arc::new(SystemIds::default());
    let key = Key {
        source: "HOUSE_KEY".to_owned(),
        value: KEY.into(),
    };
    let specs = BTreeMap::from([("house".to_owned(), spec)]);
    clone.api = Some(ApiSetup {
        models: Arc::new(Providers::new(
            &specs,
            &move |_| vec![key.clone()],
            &clock,
            &ids,
        )),
        price: Arc::new(|_: &str, usage| {
            (usage != Usage::default()).then_some(MicroUsd(1_000_000))
        }),
        tokens: Arc::new(fleet::providers::tokens::Tiktoken),
        key_names: BTreeSet::from(["HOUSE_KEY".to_owned()]),
    });
    clone
}

#[test]
fn the_built_in_agent_changes_mends_and_hands_over_a_checked_change() {
    let town = Town::new();
    let server = ModelServer::start(
        Api::Anthropic,
        vec![
            call("c1", "read", json!({"path": "src/a.txt"})),
            call(
                "c2",
                "edit",
                json!({"path": "src/a.txt", "old": "one", "new": "tow"}),
            ),
            call("c3", "done", json!({"summary": "One is two now."})),
            // The check fails, and comes back into the same conversation.
            call(
                "c4",
                "edit",
                json!({"path": "src/a.txt", "old": "tow", "new": "two"}),
            ),
            Answer::Reply(vec![
                Say::Call(
                    "c5",
                    "finding",
                    json!({"text": "README is short"}).to_string(),
                ),
                Say::Call(
                    "c6",
                    "done",
                    json!({"summary": "Mended the spelling."}).to_string(),
                ),
            ]),
        ],
    );
    let clone = clone_with(&town, &server);
    clone.add("Make one two", &["src/**"]);
    let report = clone.tick();
    assert_eq!(report.sessions.len(), 1);
    assert_eq!(
        report.sessions[0].ended,
        Ended::InReview,
        "{:?}",
        report.sessions[0]
    );
    assert_eq!(
        town.git(&town.path("remote.git"), &["show", "agent/T-1:src/a.txt"]),
        "two"
    );
    let state = clone.state();
    let session = state.sessions.values().next().unwrap();
    let finished = &session.finished.as_ref().unwrap().0;
    assert_eq!(finished.outcome, Outcome::Succeeded);
    assert_eq!(finished.usage.total(), 5 * 130);
    assert!(
        finished.summary.contains("Mended the spelling."),
        "{}",
        finished.summary
    );
    assert_eq!(
        finished.model.as_deref(),
        report.sessions[0].model.as_deref()
    );
    assert!(finished.verify.iter().all(|check| check.passed()));
    let mended = server.seen()[3].body.to_string();
    assert!(
        mended.contains("Make one two") && mended.contains("One is two now."),
        "{mended}"
    );
    assert!(
        mended.contains("The check `grep -q ^two$ src/a.txt` failed"),
        "{mended}"
    );
    assert_eq!(clone.leftovers(), Vec::<String>::new());
    server.finish();
}

/// A model whose first word is a question, and a clone with one task for it.
fn one_that_asks(town: &Town) -> (ModelServer, Clone) {
    let asks = call(
        "c1",
        "escalate",
        json!({"context": "Two or too?", "options": ["two", "too"]}),
    );
    let server = ModelServer::start(Api::Anthropic, vec![asks]);
    let clone = clone_with(town, &server);
    clone.add("Make one two", &[]);
    (server, clone)
}

#[test]
fn a_question_of_the_built_in_agent_waits_for_a_human() {
    let town = Town::new();
    let (server, clone) = one_that_asks(&town);
    let report = clone.tick();
    assert_eq!(report.sessions[0].ended, Ended::AskedHuman);
    let state = clone.state();
    let asked = state.escalations.values().next().unwrap();
    assert!(
        asked
            .opened
            .as_ref()
            .unwrap()
            .0
            .context
            .contains("Two or too?")
    );
    server.finish();
}

/// What limits a run, and the reason that is recorded.
type Limit = (fn(&mut AgentSpec), FailureClass, &'static str);

fn bounds(agent: &mut AgentSpec) -> &mut ApiBounds {
    match &mut agent.kind {
        AgentKind::Api { bounds, .. } => bounds,
        _ => panic!("it is the built-in agent"),
    }
}

/// Every way in which a run comes to a limit after it wrote half of its work.
const LIMITS: [Limit; 5] = [
    (
        |agent| bounds(agent).max_turns = 2,
        FailureClass::Budget,
        "it reached `max_turns` = 2",
    ),
    (
        |agent| bounds(agent).max_tokens = Some(200),
        FailureClass::Budget,
        "it reached `max_tokens` = 200 (used 260)",
    ),
    (
        |agent| bounds(agent).max_cost = Some(MicroUsd(2_000_000)),
        FailureClass::Budget,
        "it reached `max_cost` = $2.00 (spent $2.00)",
    ),
    (
        |agent| agent.total_timeout = DurationMs(1_200),
        FailureClass::Timeout,
        "ran longer than 2 s",
    ),
    (
        |agent| agent.idle_timeout = DurationMs(600),
        FailureClass::Timeout,
        "the model said nothing for 1 s",
    ),
];

/// Writes half, and meets the limit.
fn half(class: FailureClass) -> ModelServer {
    let mut script = vec![
        call(
            "c1",
            "write",
            json!({"path": "src/half.txt", "content": "half\n"}),
        ),
        call("c2", "read", json!({"path": "README"})),
    ];
    if class == FailureClass::Timeout {
        script.push(Answer::Mute);
    }
    ModelServer::start(Api::Anthropic, script)
}

fn kept(town: &Town, clone: &Clone, class: FailureClass, why: &str) {
    let state = clone.state();
    let session = state.sessions.values().next().unwrap();
    let finished = &session.finished.as_ref().unwrap().0;
    assert_eq!(finished.outcome, Outcome::Failed { class });
    let said = &finished.summary;
    for part in [
        &format!("stopped: {why}"),
        "What it had done is kept on its branch",
        "the check `grep -q ^two$ src/a.txt` fails as yet",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert_eq!(finished.paths, ["src/half.txt"]);
    assert!(finished.verify[0].passed(), "{:?}", finished.verify);
    let head = finished.head.clone().expect("its work is kept");
    let branch = town.remote_ref("refs/heads/agent/T-1");
    assert_eq!(branch.as_deref(), Some(head.as_str()));
    assert!(state.reviews.is_empty(), "not for review");
    assert_eq!(clone.leftovers(), Vec::<String>::new());
}

#[test]
fn work_that_comes_to_a_limit_is_checked_and_kept_and_the_next_attempt_goes_on_from_it() {
    for (limit, class, why) in LIMITS {
        let town = Town::new();
        let server = half(class);
        let mut clone = clone_with(&town, &server);
        let checks = &mut clone.policy.verify;
        checks.insert(0, verify(&["test", "-f", "src/half.txt"]));
        let usual = clone.policy.agents.clone();
        limit(clone.policy.agents.get_mut("writer").unwrap());
        clone.add("Make one two", &[]);
        let report = clone.try_tick(&one()).unwrap();
        let ended = match class {
            FailureClass::Budget => Ended::OverBudget,
            _ => Ended::Failed,
        };
        assert_eq!(report.sessions[0].ended, ended, "{why}: {report:#?}");
        kept(&town, &clone, class, why);

        // The next attempt finds it, and is told.
        clone.policy.agents = usual;
        server.then(vec![
            call("d1", "read", json!({"path": "src/half.txt"})),
            call(
                "d2",
                "edit",
                json!({"path": "src/a.txt", "old": "one", "new": "two"}),
            ),
            call("d3", "done", json!({"summary": "Whole."})),
        ]);
        let report = clone.tick();
        assert_eq!(report.sessions[0].ended, Ended::InReview, "{report:#?}");
        let seen = server.seen();
        let asked = seen[seen.len() - 3].body.to_string();
        assert!(asked.contains(why), "{asked}");
        let found = seen[seen.len() - 2].body.to_string();
        assert!(found.contains("half"), "{found}");
        let text = town.git(
            &town.path("remote.git"),
            &["show", "agent/T-1:src/half.txt"],
        );
        assert_eq!(text, "half");
        server.finish();
    }
}

fn one() -> TickOptions {
    TickOptions {
        max: Some(1),
        ..TickOptions::default()
    }
}

#[test]
fn an_answer_of_a_human_is_in_the_prompt_of_the_next_attempt() {
    let town = Town::new();
    let (server, clone) = one_that_asks(&town);
    assert_eq!(clone.tick().sessions[0].ended, Ended::AskedHuman);
    let state = clone.state();
    let asked = *state.escalations.keys().next().unwrap();
    clone.write(vec![Op::EscalationAnswered(EscalationAnswered {
        escalation: asked,
        answer: "The number, two.".to_owned(),
    })]);
    server.then(vec![
        call(
            "d1",
            "edit",
            json!({"path": "src/a.txt", "old": "one", "new": "two"}),
        ),
        call("d2", "done", json!({"summary": "Two, as answered."})),
    ]);
    assert_eq!(clone.tick().sessions[0].ended, Ended::InReview);
    let prompt = server.seen()[1].body["messages"][0].to_string();
    for part in [
        "A question was answered",
        "> Two or too?",
        "human:mia answered",
        "> The number, two.",
    ] {
        assert!(prompt.contains(part), "{part} is not in {prompt}");
    }
    server.finish();
}

#[test]
fn a_model_that_refuses_is_an_error_of_the_agent_in_its_own_words() {
    let town = Town::new();
    let server = ModelServer::start(
        Api::Anthropic,
        vec![
            call(
                "c1",
                "write",
                json!({"path": "src/b.txt", "content": "b\n"}),
            ),
            Answer::Refused(vec![Say::Text("I cannot help with that.")]),
        ],
    );
    let clone = clone_with(&town, &server);
    clone.add("Make one two", &[]);
    let report = clone.try_tick(&one()).unwrap();
    assert_eq!(report.sessions[0].ended, Ended::Failed, "{report:#?}");
    let state = clone.state();
    let finished = &state.sessions.values().next().unwrap().finished;
    let finished = &finished.as_ref().unwrap().0;
    let class = FailureClass::AgentError;
    assert_eq!(finished.outcome, Outcome::Failed { class });
    let said = &finished.summary;
    assert!(
        said.contains("the model refuses to go on: I cannot help with that."),
        "{said}"
    );
    assert_eq!(finished.usage.total(), 2 * 130, "the refusal was paid for");
    assert_eq!(
        finished.head, None,
        "what it began against its will is not kept"
    );
    server.finish();
}

#[test]
fn a_refused_key_costs_neither_an_attempt_nor_money_and_rests_the_provider() {
    let town = Town::new();
    let server = ModelServer::start(Api::Anthropic, Vec::new());
    server.take_keys(&["another"]);
    let clone = clone_with(&town, &server);
    let task = clone.add("Make one two", &[]);
    let report = clone.try_tick(&one()).unwrap();
    assert_eq!(report.sessions[0].ended, Ended::Failed, "{report:#?}");
    let state = clone.state();
    let session = state.sessions.values().next().unwrap();
    let finished = &session.finished.as_ref().unwrap().0;
    let class = FailureClass::RateLimited;
    assert_eq!(finished.outcome, Outcome::Failed { class });
    assert_eq!(finished.cost, Some(MicroUsd(0)), "no token was used");
    assert_eq!(state.pauses.len(), 1, "{:?}", state.pauses);
    let index = state.index();
    let history = fleet::engine::history::History::of(&state, &index, task);
    assert!(history.failures.iter().all(|failure| !failure.counts()));
    server.finish();
}
