//! A machine in small: a user's home and repository, a neighbour process, a network, and a run.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fleet::agents::{Agents, Manners, Setup, take_charge};
use fleet::domain::ids::{Oid, SessionUid, TaskUid};
use fleet::domain::policy::{
    AgentKind, AgentSpec, SandboxLimits, SandboxMode, SandboxPolicy, VerifyCommand,
};
use fleet::domain::record::SessionClaimed;
use fleet::domain::session::VerifyResult;
use fleet::domain::time::{DurationMs, Timestamp};
use fleet::machine::clock::FixedClock;
use fleet::machine::ids::SeededIds;
use fleet::ports::lease::Lease;
use fleet::ports::runner::{AgentEvent, Cancel, RunOutcome, RunRequest, Runner as _};
use fleet::ports::sandbox::{Sandbox as _, SandboxLevel};
use fleet::sandbox::{HostSandbox, SandboxSetup};

/// Where the system's own programs are. A version manager on the tester's `PATH` is not part of this.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What nobody may get at.
pub(crate) const CANARY: &str = "canary-5d1c0a6e";

/// One run's surroundings.
pub(crate) struct Cage {
    dir: tempfile::TempDir,
    root: PathBuf,
    pub(crate) sandbox: Arc<HostSandbox>,
    pub(crate) request: RunRequest,
    lease: Lease,
    pub(crate) neighbour: Child,
    pub(crate) tcp: TcpListener,
    pub(crate) udp: UdpSocket,
    pub(crate) unix: UnixListener,
}

/// Limits small enough to be reached without harm.
fn limits() -> SandboxLimits {
    SandboxLimits {
        processes: 100,
        memory: 256 << 20,
        file_size: 8 << 20,
        open_files: 256,
    }
}

impl Cage {
    /// Surroundings in which nothing stronger than `ceiling` confines.
    pub(crate) fn new(ceiling: SandboxLevel) -> Self {
        take_charge();
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        let at = |name: &str| root.join(name);
        for name in [
            "home/.ssh",
            "repo/.git/hooks",
            "repo/.git/objects",
            "session/work",
        ] {
            fs::create_dir_all(at(name)).unwrap();
        }
        for name in [
            "home/.ssh/id_ed25519",
            "repo/.git/config",
            "repo/.git/objects/object",
        ] {
            fs::write(at(name), CANARY).unwrap();
        }
        let sandbox = Arc::new(HostSandbox::new(SandboxSetup {
            exe: env!("CARGO_BIN_EXE_fleet").into(),
            path: PATH.into(),
            home: Some(at("home")),
            private: vec![at("repo")],
            policy: SandboxPolicy {
                limits: limits(),
                ..SandboxPolicy::default()
            },
            ceiling,
        }));
        let neighbour = Command::new("/bin/sleep")
            .arg("300")
            .env_clear()
            .env("CANARY", CANARY)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        udp.set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        tcp.set_nonblocking(true).unwrap();
        let unix = UnixListener::bind(at("engine.sock")).unwrap();
        unix.set_nonblocking(true).unwrap();
        Self {
            request: RunRequest {
                task: "T-7".to_owned(),
                agent: agent(),
                model: None,
                prompt: "be bad\n".to_owned(),
                workdir: at("session/work"),
                readable: vec![at("repo/.git/objects")],
                home: at("session/home"),
                tmp: at("session/tmp"),
                outbox: at("session/outbox.jsonl"),
                prompt_file: at("session/prompt.md"),
                journal: at("journal.jsonl"),
                resume: None,
            },
            dir,
            root,
            sandbox,
            lease: lease(),
            neighbour,
            tcp,
            udp,
            unix,
        }
    }

    /// A path of the surroundings.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A file of the workspace; empty if it is not there.
    pub(crate) fn left(&self, name: &str) -> String {
        let bytes = fs::read(self.request.workdir.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn runner(&self) -> Agents {
        Agents::new(Setup {
            api: None,
            env: BTreeMap::from([
                ("PATH".to_owned(), PATH.into()),
                ("GH_TOKEN".to_owned(), CANARY.into()),
                ("SSH_AUTH_SOCK".to_owned(), CANARY.into()),
            ]),
            exe: env!("CARGO_BIN_EXE_fleet").into(),
            clock: Arc::new(FixedClock::new(now())),
            ids: Arc::new(SeededIds::new(7)),
            redact: Arc::new(|text| text.replace(CANARY, "[secret]")),
            manners: Manners {
                grace: Duration::from_millis(500),
                linger: Duration::from_millis(500),
            },
            sandbox: self.sandbox.clone(),
        })
    }

    /// Runs a shell script as the agent. `{name}` is replaced: `root`, `neighbour`, `tcp`, `udp`.
    pub(crate) fn run(&mut self, script: &str) -> RunOutcome {
        self.run_until(script, &Cancel::default(), &mut |_| {})
    }

    /// The same, with a handle to stop it and a look at its events.
    pub(crate) fn run_until(
        &mut self,
        script: &str,
        cancel: &Cancel,
        events: &mut dyn FnMut(AgentEvent),
    ) -> RunOutcome {
        let argv = ["sh", "-c", &self.filled(script)].map(str::to_owned);
        self.request.agent.kind = AgentKind::Command {
            argv: argv.to_vec(),
            prompt_stdin: false,
        };
        self.runner()
            .run(&self.lease, &self.request, events, cancel)
    }

    /// Runs a shell script as a check.
    pub(crate) fn verify(&self, script: &str, network: bool) -> VerifyResult {
        let command = VerifyCommand {
            argv: ["sh", "-c", &self.filled(script)]
                .map(str::to_owned)
                .to_vec(),
            timeout: DurationMs::secs(20),
            network,
        };
        self.runner()
            .verify(&self.lease, &self.request, &command, &Cancel::default())
    }

    fn filled(&self, script: &str) -> String {
        let port = |address: std::io::Result<std::net::SocketAddr>| address.unwrap().port();
        script
            .replace("{root}", self.root.to_str().unwrap())
            .replace("{neighbour}", &self.neighbour.id().to_string())
            .replace("{tcp}", &port(self.tcp.local_addr()).to_string())
            .replace("{udp}", &port(self.udp.local_addr()).to_string())
    }

    /// Whether a process whose command line holds this text is alive.
    pub(crate) fn lives(text: &str) -> bool {
        fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(text)
        })
    }

    /// Whether the folder of all surroundings is there; keeps it until here.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        let _ = self.neighbour.kill();
        let _ = self.neighbour.wait();
    }
}

fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn agent() -> AgentSpec {
    AgentSpec {
        idle_timeout: DurationMs::secs(120),
        total_timeout: DurationMs::secs(120),
        max_output_bytes: 1 << 20,
        sandbox: SandboxMode::Auto,
        network: false,
        ..AgentSpec::usual("animal", AgentKind::Demo)
    }
}

/// Every run has its own session, by which its processes are found.
fn lease() -> Lease {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let n = (u64::from(std::process::id()) << 24) + NEXT.fetch_add(1, Ordering::SeqCst);
    let session: SessionUid = format!("00000000-0000-7000-8000-{n:012x}").parse().unwrap();
    let task: TaskUid = "00000000-0000-7000-8000-000000000007".parse().unwrap();
    Lease::found_live(
        session,
        SessionClaimed::first(
            task,
            "animal",
            Oid::try_from("a".repeat(40)).unwrap(),
            now(),
        ),
    )
}

/// The levels that work here, weakest first.
pub(crate) fn levels() -> Vec<SandboxLevel> {
    [
        SandboxLevel::None,
        SandboxLevel::Landlock,
        SandboxLevel::Bubblewrap,
    ]
    .into_iter()
    .filter(|level| Cage::new(*level).sandbox.facts().level == *level)
    .collect()
}
