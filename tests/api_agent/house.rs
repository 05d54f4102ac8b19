//! One workspace, one scripted model behind a real provider, one run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fleet::agents::api::ApiSetup;
use fleet::agents::{Agents, Manners, Setup};
use fleet::domain::ids::{Oid, SessionUid};
use fleet::domain::money::{MicroUsd, Usage};
use fleet::domain::policy::{
    AgentKind, AgentSpec, ApiBounds, ProviderKind, ProviderSpec, SandboxMode,
};
use fleet::domain::record::SessionClaimed;
use fleet::domain::session::FailureClass;
use fleet::domain::time::{DurationMs, Timestamp};
use fleet::machine::clock::SystemClock;
use fleet::machine::ids::SystemIds;
use fleet::ports::clock::{Clock, Ids};
use fleet::ports::lease::Lease;
use fleet::ports::model::{ModelRequest, Turn};
use fleet::ports::runner::{AgentEvent, Cancel, RunEnd, RunOutcome, RunRequest, Runner as _};
use fleet::providers::{Key, Providers};
use serde_json::Value;

use crate::models::{Answer, Api, ModelServer, Say};

pub(crate) const KEY: &str = "sk-test-0123456789abcdef";

/// A workspace, and the model that works in it.
pub(crate) struct House {
    dir: tempfile::TempDir,
    pub(crate) server: ModelServer,
    pub(crate) request: RunRequest,
    pub(crate) price: MicroUsd,
    pub(crate) retries: u32,
    lease: Lease,
}

/// What came of a run.
pub(crate) struct Seen {
    pub(crate) outcome: RunOutcome,
    pub(crate) events: Vec<AgentEvent>,
}

impl Seen {
    pub(crate) fn completed(&self) {
        assert_eq!(self.outcome.end, RunEnd::Completed, "{:?}", self.outcome);
    }

    pub(crate) fn failure(&self) -> (FailureClass, &str) {
        match &self.outcome.end {
            RunEnd::Completed => panic!("it completed: {:?}", self.outcome),
            RunEnd::Failed { class, reason, .. } => (*class, reason),
        }
    }

    pub(crate) fn said(&self, part: &str) -> bool {
        self.events.iter().any(|e| format!("{e:?}").contains(part))
    }

    pub(crate) fn outbox(&self) -> Vec<Value> {
        String::from_utf8(self.outcome.outbox.clone())
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl House {
    pub(crate) fn new(api: Api, script: Vec<Answer>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("work/src")).unwrap();
        std::fs::write(at("work/src/a.txt"), "one\ntwo\nthree\n").unwrap();
        std::fs::write(at("work/.gitignore"), "built/\n").unwrap();
        std::fs::create_dir(at("work/built")).unwrap();
        std::fs::write(at("work/built/b.txt"), "two\n").unwrap();
        let request = RunRequest {
            task: "T-7".to_owned(),
            agent: agent(),
            model: Some(name(api).to_owned()),
            prompt: "Change two to 2 in src/a.txt.".to_owned(),
            workdir: at("work"),
            home: at("home"),
            tmp: at("tmp"),
            outbox: at("out/outbox.jsonl"),
            prompt_file: at("out/prompt.md"),
            readable: Vec::new(),
            journal: at("out/journal.jsonl"),
            resume: None,
        };
        Self {
            server: ModelServer::start(api, script),
            lease: lease(),
            price: MicroUsd(0),
            retries: 0,
            request,
            dir,
        }
    }

    pub(crate) fn bounds(&mut self) -> &mut ApiBounds {
        match &mut self.request.agent.kind {
            AgentKind::Api { bounds, .. } => bounds,
            _ => panic!("it is the built-in agent"),
        }
    }

    pub(crate) fn file(&self, path: &str) -> String {
        std::fs::read_to_string(self.request.workdir.join(path)).unwrap()
    }

    pub(crate) fn run(&self) -> Seen {
        self.run_until(|_, _| {})
    }

    /// Runs, and shows every event together with the handle that stops the run.
    pub(crate) fn run_until(&self, watch: impl Fn(&AgentEvent, &Cancel)) -> Seen {
        let kind = match self.server.problems().len() {
            0 => kind_of(self.request.model.as_deref().unwrap()),
            _ => panic!("{:?}", self.server.problems()),
        };
        let setup = setup(Some(api_setup(
            kind,
            self.server.url(),
            self.price,
            self.retries,
        )));
        let cancel = Cancel::default();
        let mut events = Vec::new();
        let outcome = Agents::new(setup).run(
            &self.lease,
            &self.request,
            &mut |event| {
                watch(&event, &cancel);
                events.push(event);
            },
            &cancel,
        );
        self.conversation_is_whole();
        Seen { outcome, events }
    }

    /// Text of the nth request, from 0.
    pub(crate) fn asked(&self, n: usize) -> String {
        let seen = self.server.seen();
        assert!(seen.len() > n, "there were only {} requests", seen.len());
        seen[n].body.to_string()
    }

    pub(crate) fn transcript(&self) -> PathBuf {
        self.dir.path().join("out/journal.transcript.json")
    }

    /// However a run ends: each call in what is kept of it has exactly one answer.
    fn conversation_is_whole(&self) {
        let Ok(bytes) = std::fs::read(self.transcript()) else {
            return;
        };
        let kept: Value = serde_json::from_slice(&bytes).unwrap();
        let mut request = ModelRequest::new("m", "x", 1);
        request.turns = serde_json::from_value(kept["turns"].clone()).unwrap();
        request.turns.push(Turn::User("and now?".to_owned()));
        request.check().unwrap();
    }

    pub(crate) fn session(&self) -> String {
        self.lease.session().to_string()
    }

    pub(crate) fn out(&self) -> &Path {
        self.dir.path()
    }
}

/// Each wire's house has a model of its own name.
const NAMES: [(Api, &str); 4] = [
    (Api::Anthropic, "claude-sonnet-4-5"),
    (Api::Responses, "gpt-house"),
    (Api::Chat, "house-1"),
    (Api::Gemini, "gemini-house"),
];

fn kind_of(model: &str) -> ProviderKind {
    let (api, _) = NAMES.iter().find(|(_, name)| *name == model).unwrap();
    let word = api.kind();
    let found = ProviderKind::ALL.iter().find(|(name, _)| *name == word);
    found.unwrap().1
}

pub(crate) fn name(api: Api) -> &'static str {
    NAMES.iter().find(|(known, _)| *known == api).unwrap().1
}

fn api_setup(kind: ProviderKind, url: &str, price: MicroUsd, retries: u32) -> ApiSetup {
    let mut spec = ProviderSpec::of_kind("house", kind);
    spec.base_url = url.to_owned();
    spec.key_env = vec!["HOUSE_KEY".into()];
    spec.limits.max_retries = retries;
    spec.limits.max_wait = DurationMs(if retries == 0 { 50 } else { 5_000 });
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn Ids> = Arc::new(SystemIds::default());
    let key = Key {
        source: "HOUSE_KEY".to_owned(),
        value: KEY.into(),
    };
    let specs = BTreeMap::from([("house".to_owned(), spec)]);
    ApiSetup {
        models: Arc::new(Providers::new(
            &specs,
            &move |_| vec![key.clone()],
            &clock,
            &ids,
        )),
        price: Arc::new(move |_: &str, usage: Usage| {
            (price.0 > 0 && usage.total() > 0).then_some(price)
        }),
        tokens: Arc::new(fleet::providers::tokens::Tiktoken),
        key_names: BTreeSet::from(["HOUSE_KEY".to_owned()]),
    }
}

pub(crate) fn setup(api: Option<ApiSetup>) -> Setup {
    let path = std::env::var_os("PATH").unwrap();
    Setup {
        sandbox: Arc::new(fleet::ports::sandbox::Unconfined::default()),
        env: BTreeMap::from([
            ("PATH".to_owned(), path),
            ("HOUSE_KEY".to_owned(), KEY.into()),
            ("NAMED".to_owned(), "named".into()),
        ]),
        exe: PathBuf::from("/bin/false"),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds::default()),
        redact: Arc::new(|text: &str| text.replace("hunter2", "[redacted]")),
        manners: Manners {
            grace: Duration::from_millis(150),
            linger: Duration::from_millis(150),
        },
        api,
    }
}

fn agent() -> AgentSpec {
    let kind = AgentKind::Api {
        provider: "house".to_owned(),
        bounds: ApiBounds::default(),
    };
    AgentSpec {
        idle_timeout: DurationMs::secs(20),
        total_timeout: DurationMs::secs(60),
        // The owner names the key by mistake: no tool gets it.
        env: vec!["NAMED".to_owned(), "HOUSE_KEY".to_owned()],
        sandbox: SandboxMode::Off,
        ..AgentSpec::usual("worker", kind)
    }
}

fn lease() -> Lease {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let n = (u64::from(std::process::id()) << 24) + NEXT.fetch_add(1, Ordering::SeqCst);
    let session: SessionUid = format!("00000000-0000-7000-8000-{n:012x}").parse().unwrap();
    let base = Oid::try_from("a".repeat(40)).unwrap();
    let task = "00000000-0000-7000-8000-000000000007".parse().unwrap();
    let claim = SessionClaimed::first(task, "worker", base, Timestamp(0));
    Lease::found_live(session, claim)
}

/// A reply with one call.
pub(crate) fn call(id: &'static str, tool: &'static str, input: Value) -> Answer {
    Answer::Reply(vec![part(id, tool, input)])
}

/// A call of a reply.
pub(crate) fn part(id: &'static str, tool: &'static str, input: Value) -> Say {
    Say::Call(id, tool, input.to_string())
}

/// The reply that ends the work.
pub(crate) fn done(summary: &str) -> Answer {
    call("last", "done", serde_json::json!({ "summary": summary }))
}
