//! A task worked by the built-in agent, from the queue to a local review.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fleet::agents::api::ApiSetup;
use fleet::app::tick::report::Ended;
use fleet::domain::policy::{AgentKind, ApiBounds, ProviderKind, ProviderSpec};
use fleet::domain::session::Outcome;
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

/// A clone whose only agent is the built-in one, with a model on loopback.
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
        price: Arc::new(|_: &str, _| None),
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

#[test]
fn a_question_of_the_built_in_agent_waits_for_a_human() {
    let town = Town::new();
    let server = ModelServer::start(
        Api::Anthropic,
        vec![call(
            "c1",
            "escalate",
            json!({"context": "Two or too?", "options": ["two", "too"]}),
        )],
    );
    let clone = clone_with(&town, &server);
    clone.add("Make one two", &[]);
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
