//! The real `opencode serve` on loopback, with a scripted model behind it.
//!
//! Runs where `FLEET_REAL_CLIS` names a folder with `node_modules/.bin/opencode` and
//! `FLEET_MODEL_SERVER` the scripted model server; says so and passes elsewhere.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fleet::app::tick::report::TickReport;
use fleet::domain::policy::{AgentKind, PlanApproval, Policy, RemoteKind, RemoteService};
use fleet::domain::record::{EscalationAnswered, Op};
use fleet::domain::session::{FailureClass, Outcome};
use fleet::domain::time::DurationMs;

use fleet::ports::remote_session::{Fate, RemoteSessions as _};

use crate::town::{Clone, OPENCODE_PASSWORD, Town, policy, verify};

/// A program of the test, ended with it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) struct Service {
    pub(crate) town: Town,
    pub(crate) clone: Clone,
    report: RefCell<Option<TickReport>>,
    _model: Running,
    server: Running,
}

/// The first line that a program prints with this word in it.
fn said(child: &mut Child, word: &str) -> String {
    let out = BufReader::new(child.stdout.take().expect("piped"));
    let mut lines = out.lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains(word)).expect(word);
    // Whatever else it prints must not stop it.
    std::thread::spawn(move || lines.for_each(drop));
    line
}

pub(crate) fn service(script: &str) -> Option<Service> {
    let places = std::env::var_os("FLEET_REAL_CLIS").zip(std::env::var_os("FLEET_MODEL_SERVER"));
    let Some((clis, model)) = places else {
        eprintln!("skipped: FLEET_REAL_CLIS and FLEET_MODEL_SERVER are not set");
        return None;
    };
    let town = Town::new();
    let file = town.path("script.json");
    std::fs::write(&file, script).unwrap();
    let mut model = Command::new("python3")
        .arg(model)
        .arg("--script")
        .arg(&file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let line = said(&mut model, "listening");
    let api = line.trim().trim_start_matches("listening ").to_owned();
    let config = format!(
        r#"{{"autoupdate":false,"share":"disabled","model":"scripted/m","provider":{{"scripted":{{"npm":"@ai-sdk/openai-compatible","options":{{"baseURL":"{api}/v1","apiKey":"dummy"}},"models":{{"m":{{"limit":{{"context":100000,"output":8000}}}}}}}}}}}}"#
    );
    let home = town.path("opencode-home");
    std::fs::create_dir(&home).unwrap();
    let mut server = Command::new(Path::new(&clis).join("node_modules/.bin/opencode"))
        .args(["serve", "--hostname", "127.0.0.1", "--port", "0"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", &home)
        .env("OPENCODE_CONFIG_CONTENT", config)
        .env("OPENCODE_SERVER_PASSWORD", OPENCODE_PASSWORD)
        .env("OPENCODE_DISABLE_AUTOUPDATE", "1")
        .env("OPENCODE_DISABLE_MODELS_FETCH", "1")
        .current_dir(&home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("opencode");
    let line = said(&mut server, "http://");
    let url = line[line.find("http://").unwrap()..].trim().to_owned();
    let clone = town.clone("one", rules(&url));
    Some(Service {
        town,
        clone,
        report: RefCell::default(),
        _model: Running(model),
        server: Running(server),
    })
}

fn rules(url: &str) -> Policy {
    let mut rules = policy(&[("opencode", "")]);
    let agent = rules.agents.get_mut("opencode").unwrap();
    agent.total_timeout = DurationMs::mins(60);
    agent.kind = AgentKind::Session {
        service: RemoteService {
            kind: RemoteKind::OpenCode,
            base_url: url.to_owned(),
            key_env: Some("OPENCODE_PASSWORD".to_owned()),
            user: "opencode".to_owned(),
            source: None,
            plans: PlanApproval::Auto,
            pull_request: false,
            poll: DurationMs(0),
            settle: DurationMs::mins(2),
        },
    };
    rules
}

impl Service {
    /// Ticks until `done` says so.
    pub(crate) fn until(&self, mut done: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(90) {
            *self.report.borrow_mut() = Some(self.clone.tick());
            if done(self) {
                return;
            }
        }
        panic!("too long: {:#?}", self.clone.state().sessions);
    }

    pub(crate) fn last_report(&self) -> TickReport {
        self.report.borrow().clone().expect("a tick was made")
    }

    fn in_review(&self) -> bool {
        self.town.remote_ref("refs/heads/agent/T-1").is_some()
    }
}

#[test]
fn opencode_works_over_ticks_in_a_workspace_that_stays_until_its_work_is_taken_over() {
    let script = r#"{"turns":[{"delay_s":1,"shell":"echo two >> src/a.txt"},
        {"text":"Added a line.","usage":{"in":120,"out":15}}]}"#;
    let Some(mut service) = service(script) else {
        return;
    };
    service.clone.policy.verify = vec![verify(&["grep", "-q", "two", "src/a.txt"])];
    service.clone.add("Add a line", &["src/**"]);
    service.clone.tick();
    // The sweep at the end of that tick left the live session its place.
    assert_eq!(service.clone.leftovers().len(), 1);
    assert!(!service.in_review());
    service.until(Service::in_review);
    let remote = service.town.path("remote.git");
    let shown = service.town.git(&remote, &["show", "agent/T-1:src/a.txt"]);
    assert_eq!(shown, "one\ntwo");
    let state = service.clone.state();
    assert_eq!(state.sessions.len(), 1);
    let (finished, _) = state
        .sessions
        .values()
        .next()
        .unwrap()
        .finished
        .clone()
        .unwrap();
    assert_eq!(finished.summary, "Added a line.");
    assert_eq!(finished.model.as_deref(), Some("m"));
    assert!(finished.usage.output >= 15, "{:?}", finished.usage);
    // What it said and did is in its journal, each thing once.
    let journal = finished.journal.expect("it has a journal");
    let journal = service.clone.dir.join(".git/fleet").join(journal);
    let journal = std::fs::read_to_string(journal).unwrap();
    let told = |what: &str| journal.lines().filter(|line| line.contains(what)).count();
    for what in [
        r#""event":"session_started""#,
        r#""name":"bash","summary":"echo two >> src/a.txt""#,
        r#""event":"tool_result","id":"","ok":true"#,
        r#""event":"message","text":"Added a line.""#,
        r#""event":"session_finished""#,
    ] {
        assert_eq!(told(what), 1, "{what}: {journal}");
    }
    assert!(told(r#""event":"usage""#) >= 1, "{journal}");
    assert_eq!(service.clone.leftovers(), Vec::<String>::new());
}

#[test]
fn opencode_asks_a_human_and_goes_on_with_the_answer_in_the_same_session() {
    let script = r#"{"turns":[{"text":"I must know.\n{\"kind\":\"escalate\",\"context\":\"Which colour?\"}"},
        {"shell":"echo blue >> src/a.txt"},{"text":"Blue it is."}]}"#;
    let Some(service) = service(script) else {
        return;
    };
    service.clone.add("Add a colour", &["src/**"]);
    let asked = |s: &Service| s.clone.state().escalations.values().any(|e| e.is_open());
    service.until(asked);
    let state = service.clone.state();
    let (escalation, question) = state.escalations.iter().next().unwrap();
    let (opened, _) = question.opened.as_ref().unwrap();
    assert!(opened.context.contains("Which colour?"), "{opened:?}");
    service
        .clone
        .write(vec![Op::EscalationAnswered(EscalationAnswered {
            escalation: *escalation,
            answer: "blue".to_owned(),
        })]);
    service.until(Service::in_review);
    let state = service.clone.state();
    assert_eq!(state.sessions.len(), 1, "the same session");
    assert_eq!(state.escalations.len(), 1, "asked once");
}

#[test]
fn a_session_that_a_dead_tick_left_without_its_prompt_is_found_and_begun() {
    let script = r#"{"turns":[{"shell":"echo two >> src/a.txt"},{"text":"Done."}]}"#;
    let Some(mut service) = service(script) else {
        return;
    };
    service.clone.policy.leases.skew_allowance = DurationMs(0);
    let agent = service.clone.policy.agents.get_mut("opencode").unwrap();
    if let AgentKind::Session { service } = &mut agent.kind {
        service.settle = DurationMs(2_000);
    }
    service.clone.add("Add a line", &["src/**"]);
    let inner = service.clone.services();
    service.clone.remotes = Box::new(crate::remote::dying(
        inner,
        ("begin", crate::remote::When::Before),
        &service.town.path("remote.git"),
    ));
    assert!(service.clone.try_tick(&Default::default()).is_err());
    let (remote, away) = (
        service.town.path("remote.git"),
        service.town.path("away.git"),
    );
    std::fs::rename(away, remote).unwrap();
    service.until(Service::in_review);
    let state = service.clone.state();
    assert_eq!(state.sessions.len(), 1);
    let remote = &state.sessions.values().next().unwrap().remote;
    assert!(remote.told.contains_key("begin"), "{remote:?}");
}

#[test]
fn a_server_that_was_stopped_costs_an_attempt_only_when_it_is_back_and_has_forgotten() {
    let script = r#"{"turns":[{"delay_s":60,"text":"never"}]}"#;
    let Some(mut service) = service(script) else {
        return;
    };
    service.clone.add("Add a line", &["src/**"]);
    service.clone.tick();
    service.server.0.kill().unwrap();
    service.server.0.wait().unwrap();
    let report = service.clone.tick();
    let state = service.clone.state();
    let session = state.sessions.values().next().unwrap();
    assert!(session.holds_lease(), "{report:#?}");
    assert_eq!(service.clone.leftovers().len(), 1);
}

#[test]
fn a_closed_task_stops_the_session_at_opencode() {
    let script = r#"{"turns":[{"delay_s":60,"text":"never"}]}"#;
    let Some(service) = service(script) else {
        return;
    };
    let task = service.clone.add("Add a line", &["src/**"]);
    service.clone.tick();
    service
        .clone
        .write(vec![Op::TaskClosed(fleet::domain::record::TaskClosed {
            task,
            outcome: fleet::domain::record::CloseOutcome::Wontdo,
            reason: String::new(),
        })]);
    service.clone.tick();
    let state = service.clone.state();
    let (finished, _) = state
        .sessions
        .values()
        .next()
        .unwrap()
        .finished
        .clone()
        .unwrap();
    let class = FailureClass::Cancelled;
    assert_eq!(finished.outcome, Outcome::Failed { class });
    assert_eq!(service.clone.leftovers(), Vec::<String>::new());
}

#[test]
fn opencode_says_whether_it_works_and_knows_the_model() {
    let Some(mut service) = service(r#"{"turns":[]}"#) else {
        return;
    };
    let services = service.clone.services();
    let mut agent = service.clone.policy.agents["opencode"].clone();
    let limit = DurationMs::secs(20);
    let said = services.health(&agent, limit).unwrap();
    assert!(said.starts_with("OpenCode 1."), "{said}");
    agent.model = Some("scripted/m".to_owned());
    let said = services.health(&agent, limit).unwrap();
    assert!(said.ends_with("knows scripted/m"), "{said}");
    for (model, what) in [("scripted/x", "model"), ("nobody/m", "provider")] {
        agent.model = Some(model.to_owned());
        let error = services.health(&agent, limit).unwrap_err();
        let told = format!("knows no such {what}: {model}");
        assert!(error.cause.contains(&told), "{error}");
    }
    service.server.0.kill().unwrap();
    service.server.0.wait().unwrap();
    let error = services.health(&agent, limit).unwrap_err();
    assert_eq!(error.fate, Fate::Unknown, "{error}");
}
