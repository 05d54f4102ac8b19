//! What every test here needs: directories, a lease, a request, a fixed clock.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::{Mutex, RwLock};
use std::time::Duration;

use crate::agents::{Agents, Manners, Setup};
use crate::domain::ids::{Oid, RecordId, SessionUid, TaskUid};
use crate::domain::policy::{AgentKind, AgentSpec, CliKind, SandboxMode, VerifyCommand};
use crate::domain::record::SessionClaimed;
use crate::domain::session::{FailureClass, VerifyResult};
use crate::domain::time::{DurationMs, Timestamp};
use crate::ports::clock::{Clock, Ids};
use crate::ports::lease::Lease;
use crate::ports::runner::{AgentEvent, Cancel, RunEnd, RunOutcome, RunRequest, Runner as _};
use crate::ports::sandbox::Unconfined;

/// 2026-11-21T14:00:00Z.
pub(super) const NOW: Timestamp = Timestamp(1_795_269_600_000);

pub(super) struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        NOW
    }
    fn pause(&self, _: DurationMs) {}
}

impl Ids for Fixed {
    fn record(&self, _: Timestamp) -> RecordId {
        "00000000-0000-7000-8000-00000000abcd"
            .parse()
            .expect("a uuid")
    }
    fn nonce(&self) -> String {
        "0".repeat(32)
    }
}

/// One workspace with everything around it.
pub(super) struct Bench {
    pub(super) dir: tempfile::TempDir,
    pub(super) setup: Setup,
    pub(super) lease: Lease,
    pub(super) request: RunRequest,
    /// No other run of this process may go on at the same time.
    pub(super) alone: bool,
}

/// Held for reading by every run, for writing by one that must be alone.
static RUNS: RwLock<()> = RwLock::new(());

/// A run: its outcome and its events.
pub(super) struct Seen {
    pub(super) outcome: RunOutcome,
    pub(super) events: Vec<AgentEvent>,
}

impl Seen {
    pub(super) fn failure(&self) -> (FailureClass, &str) {
        match &self.outcome.end {
            RunEnd::Completed => panic!("it completed: {:?}", self.outcome),
            RunEnd::Failed { class, reason, .. } => (*class, reason),
        }
    }

    pub(super) fn completed(&self) {
        assert_eq!(self.outcome.end, RunEnd::Completed, "{:?}", self.outcome);
    }
}

impl Bench {
    pub(super) fn new() -> Self {
        crate::agents::take_charge();
        let dir = tempfile::tempdir().expect("a temporary directory");
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("work")).expect("a fresh directory");
        let path = std::env::var_os("PATH").expect("PATH is set where tests run");
        let setup = Setup {
            env: BTreeMap::from([
                ("PATH".to_owned(), path),
                ("CANARY_TOKEN".to_owned(), "ghp_canary".into()),
                ("NAMED_KEY".to_owned(), "named".into()),
            ]),
            exe: PathBuf::from("/bin/false"),
            clock: Arc::new(Fixed),
            ids: Arc::new(Fixed),
            redact: Arc::new(|t: &str| t.replace("hunter2", "[redacted]")),
            manners: Manners {
                grace: Duration::from_millis(150),
                linger: Duration::from_millis(150),
            },
            sandbox: Arc::new(Unconfined::default()),
            api: None,
        };
        let request = RunRequest {
            task: "T-7".to_owned(),
            agent: spec(AgentKind::Demo),
            model: Some("m-1".to_owned()),
            prompt: "do it\n".to_owned(),
            workdir: at("work"),
            readable: Vec::new(),
            home: at("home"),
            tmp: at("tmp"),
            outbox: at("out/outbox.jsonl"),
            prompt_file: at("out/prompt.md"),
            journal: at("out/journal.jsonl"),
            resume: None,
        };
        Self {
            dir,
            setup,
            lease: lease(),
            request,
            alone: false,
        }
    }

    /// A bench whose agent is `sh -c script`.
    pub(super) fn shell(script: &str) -> Self {
        Self::command(&["sh", "-c", script])
    }

    pub(super) fn command(argv: &[&str]) -> Self {
        let mut bench = Self::new();
        bench.request.agent.kind = AgentKind::Command {
            argv: argv.iter().map(|a| (*a).to_owned()).collect(),
            prompt_stdin: false,
        };
        bench
    }

    /// A bench whose CLI agent is a fake that prints `stdout` and exits with `code`.
    pub(super) fn fake_cli(cli: CliKind, script: &str) -> Self {
        let mut bench = Self::new();
        let program = bench.write_program("fake-cli", script);
        bench.request.agent.kind = AgentKind::Cli {
            cli,
            program: Some(program.display().to_string()),
        };
        bench
    }

    pub(super) fn write_program(&self, name: &str, script: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.dir.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a fresh file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ours");
        path
    }

    pub(super) fn work(&self) -> &Path {
        &self.request.workdir
    }

    pub(super) fn run(&self) -> Seen {
        self.run_until(&Cancel::default(), |_, _| {})
    }

    /// Runs, and shows every event to `watch` together with the cancel handle.
    pub(super) fn run_until(&self, cancel: &Cancel, watch: impl Fn(&AgentEvent, &Cancel)) -> Seen {
        let alone = self.alone.then(|| RUNS.write());
        let shared = (!self.alone).then(|| RUNS.read());
        let events = Mutex::new(Vec::new());
        let outcome = Agents::new(self.setup.clone()).run(
            &self.lease,
            &self.request,
            &mut |e| {
                watch(&e, cancel);
                events.lock().expect("one thread").push(e);
            },
            cancel,
        );
        drop((alone, shared));
        self.nothing_is_left();
        Seen {
            outcome,
            events: events.into_inner().expect("one thread"),
        }
    }

    pub(super) fn verify(&self, argv: &[&str], timeout_ms: u64) -> VerifyResult {
        let command = VerifyCommand {
            argv: argv.iter().map(|a| (*a).to_owned()).collect(),
            timeout: DurationMs(timeout_ms),
            network: false,
        };
        let agents = Agents::new(self.setup.clone());
        let _shared = RUNS.read();
        let result = agents.verify(&self.lease, &self.request, &command, &Cancel::default());
        self.nothing_is_left();
        result
    }

    /// I9: no process of this machine works in, or was started with, anything of this run.
    pub(super) fn nothing_is_left(&self) {
        let here = self.dir.path();
        for entry in std::fs::read_dir("/proc")
            .expect("a Linux machine")
            .flatten()
        {
            let proc = entry.path();
            let cwd = std::fs::read_link(proc.join("cwd")).unwrap_or_default();
            let environ = std::fs::read(proc.join("environ")).unwrap_or_default();
            let needle = here.as_os_str().as_encoded_bytes();
            let mentions = environ.windows(needle.len()).any(|w| w == needle);
            assert!(
                !cwd.starts_with(here) && !mentions,
                "process {} is left: {:?}",
                proc.display(),
                std::fs::read_to_string(proc.join("cmdline"))
            );
        }
    }
}

pub(super) fn spec(kind: AgentKind) -> AgentSpec {
    AgentSpec {
        idle_timeout: DurationMs::secs(20),
        total_timeout: DurationMs::secs(20),
        max_output_bytes: 1 << 20,
        env: vec!["NAMED_KEY".to_owned()],
        set_env: BTreeMap::from([("SET".to_owned(), "set".to_owned())]),
        sandbox: SandboxMode::Off,
        ..AgentSpec::usual("worker", kind)
    }
}

/// Every bench has its own session: tests of one process run at the same time.
fn lease() -> Lease {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let n = (u64::from(std::process::id()) << 24) + NEXT.fetch_add(1, Ordering::SeqCst);
    let session: SessionUid = format!("00000000-0000-7000-8000-{n:012x}")
        .parse()
        .expect("a uuid");
    let task: TaskUid = "00000000-0000-7000-8000-000000000007"
        .parse()
        .expect("a uuid");
    let base = Oid::try_from("a".repeat(40)).expect("hexadecimal");
    let claim = SessionClaimed {
        attempt: 2,
        ..SessionClaimed::first(task, "worker", base, NOW)
    };
    Lease::found_live(session, claim)
}
