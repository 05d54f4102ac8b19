//! What a provider's limit does to those that use it, and to those that do not; and a missing key.

use std::io::Write as _;
use std::process::Stdio;

use fleet::domain::time::{DurationMs, Timestamp};
use serde_json::{Value, json};

use crate::models::{Answer, Api, ModelServer, Say};
use crate::world::{Shape, World, assert_exit};

/// Two agents with a model of `house`, one with a model of `other`.
fn configure(world: &World, house: &ModelServer, other: &ModelServer) {
    let path = world.path("repo/.orchestra/config.toml");
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (name, server) in [("house", house), ("other", other)] {
        text.push_str(&format!(
            "[providers.{name}]\nkind = \"openai-compatible\"\nbase_url = \"{}\"\n\
             key_env = [\"HOUSE_KEY\"]\nmax_retries = 0\n",
            server.url()
        ));
    }
    for (agent, provider) in [("ann", "house"), ("ben", "house"), ("eve", "other")] {
        text.push_str(&format!(
            "[agents.{agent}]\nkind = \"api\"\nprovider = \"{provider}\"\nmodel = \"house-1\"\n"
        ));
    }
    text.push_str("[[routes]]\nagents = [\"ann\", \"ben\", \"eve\"]\n");
    std::fs::write(&path, text).unwrap();
    world.git("repo", &["commit", "-qam", "agents"]);
    world.git("repo", &["push", "-q", "origin", "main"]);
}

#[track_caller]
fn fleet(world: &World, dir: &str, args: &[&str]) -> String {
    let out = world
        .command(dir, args)
        .env("HOUSE_KEY", "sk-house-0123456789abcdef")
        .output()
        .unwrap();
    assert_exit(&out, 0);
    String::from_utf8(out.stdout).unwrap()
}

fn limited() -> Answer {
    let body = json!({"error": {"message": "Rate limit reached for house-1",
                                "type": "requests", "code": "rate_limit_exceeded"}});
    Answer::Status(429, vec![("retry-after", "3600".into())], body.to_string())
}

fn work() -> Vec<Answer> {
    let write = json!({"path": "made.txt", "content": "made\n"});
    vec![
        Answer::Reply(vec![Say::Call("c1", "write", write.to_string())]),
        Answer::call("c2", "done", &json!({"summary": "Made."})),
    ]
}

#[test]
fn a_limit_rests_all_agents_of_the_provider_on_every_machine_and_others_take_over() {
    let shape = Shape {
        remote: true,
        ..Shape::default()
    };
    let house = ModelServer::start(Api::Chat, vec![limited()]);
    let other = ModelServer::start(Api::Chat, work());
    let world = World::new("exit 9", shape, &["one"]);
    configure(&world, &house, &other);

    fleet(&world, "repo", &["tick", "--max", "1"]);
    assert_eq!(house.seen().len(), 1);
    assert_eq!(other.seen().len(), 0);

    world.git(".", &["clone", "-q", "hub", "elsewhere"]);
    let cost = fleet(&world, "elsewhere", &["cost", "--json"]);
    let cost: Value = serde_json::from_str(&cost).unwrap();
    assert_eq!(
        cost["data"]["sum"]["cost_usd_micros"], 0,
        "a call that was refused costs nothing"
    );
    let agents = fleet(&world, "elsewhere", &["agents", "list", "--json"]);
    let agents: Value = serde_json::from_str(&agents).unwrap();
    let rests: Vec<(&str, Option<&str>)> = agents["data"]["agents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| (a["name"].as_str().unwrap(), a["paused_with"].as_str()))
        .collect();
    assert_eq!(
        rests,
        [
            ("ann", Some("house")),
            ("ben", Some("house")),
            ("eve", None),
            ("x", None)
        ]
    );
    let shown = fleet(&world, "elsewhere", &["agents", "show", "ben"]);
    assert!(
        shown.contains("rests with all agents of house until 2"),
        "{shown}"
    );
    let route = fleet(&world, "elsewhere", &["route", "T-1", "--explain"]);
    for agent in ["ann", "ben"] {
        let pauses = format!("agent {agent} pauses with its provider house until 2");
        assert!(route.contains(&pauses), "{route}");
    }
    assert!(route.contains("Rate limit reached"), "{route}");

    fleet(&world, "elsewhere", &["tick"]);
    assert_eq!(house.seen().len(), 1, "nobody asks it before its time");
    assert_eq!(other.seen().len(), 2);
    world.ok(&["sync"]);
    world.expect_phases(&[("T-1", "in_review")]);
    house.finish();
    other.finish();
}

#[test]
fn a_used_up_quota_that_names_no_time_rests_its_provider_for_a_quarter_of_an_hour() {
    let quota = json!({"error": {"message": "You exceeded your current quota",
                                 "type": "insufficient_quota", "code": "insufficient_quota"}});
    let house = ModelServer::start(
        Api::Chat,
        vec![Answer::Status(429, Vec::new(), quota.to_string())],
    );
    let other = ModelServer::start(Api::Chat, work());
    let shape = Shape {
        remote: true,
        ..Shape::default()
    };
    let world = World::new("exit 9", shape, &["one"]);
    configure(&world, &house, &other);
    let before = Timestamp(now_ms());
    // The same tick gives the task to an agent of the other provider.
    fleet(&world, "repo", &["tick"]);
    world.expect_phases(&[("T-1", "in_review")]);
    let agents = world.data(&["agents", "list"]);
    for (at, name) in [(0, "ann"), (1, "ben")] {
        let agent = &agents["agents"][at];
        assert_eq!(agent["name"], name);
        let until: Timestamp = agent["paused_until"].as_str().unwrap().parse().unwrap();
        let rest = until.since(before);
        assert!(rest >= DurationMs::mins(15), "{rest:?}");
        assert!(rest <= DurationMs::mins(17), "{rest:?}");
    }
    house.finish();
    other.finish();
}

fn now_ms() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

#[test]
fn with_no_agent_of_another_provider_the_task_waits_and_says_until_when() {
    let house = ModelServer::start(Api::Chat, vec![limited()]);
    let other = ModelServer::start(Api::Chat, Vec::new());
    let shape = Shape {
        remote: true,
        ..Shape::default()
    };
    let world = World::new("exit 9", shape, &["one", "two"]);
    configure(&world, &house, &other);
    let path = world.path("repo/.orchestra/config.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace(", \"eve\"]", "]")).unwrap();
    world.git("repo", &["commit", "-qam", "no eve"]);

    fleet(&world, "repo", &["tick", "--max", "1"]);
    fleet(&world, "repo", &["tick"]);
    assert_eq!(house.seen().len(), 1);
    for args in [&["ready", "--explain"][..], &["route", "T-2"]] {
        let said = fleet(&world, "repo", args);
        for agent in ["ann", "ben"] {
            let pauses = format!("agent {agent} pauses with its provider house until 2");
            assert!(said.contains(&pauses), "{args:?}: {said}");
        }
    }
    let phases = world.phases();
    assert!(
        phases.iter().all(|(_, phase)| phase == "ready"),
        "{phases:?}"
    );
    house.finish();
    other.finish();
}

#[test]
fn without_its_key_an_agent_is_not_claimed_for_and_everything_says_which_key() {
    let house = ModelServer::start(Api::Chat, Vec::new());
    let other = ModelServer::start(Api::Chat, Vec::new());
    let shape = Shape {
        remote: true,
        ..Shape::default()
    };
    let world = World::new("exit 9", shape, &["one"]);
    configure(&world, &house, &other);
    let says = "house cannot answer (auth): it has no key; put one into HOUSE_KEY or store it with \
                `fleet secret set HOUSE_KEY`";

    let tick = world.ok(&["tick"]);
    assert!(tick.contains(says), "{tick}");
    assert_eq!(
        world.data(&["show", "T-1"])["tasks"][0]["sessions"],
        json!([])
    );
    world.expect_phases(&[("T-1", "ready")]);
    let list = world.ok(&["agents", "list"]);
    assert!(list.contains(&format!("cannot start: {says}")), "{list}");
    let out = world.fleet(&["agents", "test", "ann"]);
    let tried = String::from_utf8(out.stdout).unwrap();
    assert!(!out.status.success(), "{tried}");
    assert!(tried.contains(says), "{tried}");
    let doctor = world.fleet(&["doctor"]);
    let doctor = String::from_utf8(doctor.stdout).unwrap();
    assert!(doctor.contains(says), "{doctor}");

    // Stored, it is found by all of them.
    world.ok(&["secret", "init"]);
    let mut set = world.command("repo", &["secret", "set", "HOUSE_KEY"]);
    let set = set.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut set = set.spawn().unwrap();
    let key = b"sk-house-0123456789abcdef";
    set.stdin.take().unwrap().write_all(key).unwrap();
    assert!(set.wait().unwrap().success());
    let list = world.ok(&["agents", "list"]);
    assert!(!list.contains("cannot start"), "{list}");
    house.then(work());
    world.ok(&["tick"]);
    world.expect_phases(&[("T-1", "in_review")]);
    house.finish();
    other.finish();
}

#[test]
fn what_the_claiming_machine_lacks_does_not_keep_it_from_claiming() {
    let house = ModelServer::start(Api::Chat, work());
    let other = ModelServer::start(Api::Chat, Vec::new());
    let shape = Shape {
        remote: true,
        ..Shape::default()
    };
    let world = World::new("exit 9", shape, &["one"]);
    configure(&world, &house, &other);
    let phase = |name: &'static str| ["tick", "--phase", name, "--handover", "../passed"];
    world.ok(&phase("claim"));
    fleet(&world, "repo", &phase("run"));
    world.ok(&phase("publish"));
    world.expect_phases(&[("T-1", "in_review")]);
    house.finish();
    other.finish();
}
