//! A bare remote and clones of it, with everything that a tick touches, in a folder of its own.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fleet::agents::api::ApiSetup;
use fleet::agents::remote::Remotes;
use fleet::agents::{Agents, Manners, Setup};
use fleet::app::context::Context;
use fleet::app::publish::{Decision, How, Terms, change};
use fleet::app::tick::report::{TickEvent, TickReport};
use fleet::app::tick::{TickError, TickOptions, World, tick};
use fleet::domain::ids::TaskUid;
use fleet::domain::policy::{
    AgentKind, AgentSpec, BudgetPolicy, DiffPolicy, ForgeKind, ForgePolicy, LeasePolicy, Policy,
    PushMode, RetryPolicy, Route, SandboxMode, SandboxPolicy, StatePolicy, TickPolicy, UnblockOn,
    VerifyCommand, Weights,
};
use fleet::domain::record::{Op, TaskAdded, TaskFields};
use fleet::domain::session::RunnerIdentity;
use fleet::domain::state::State;
use fleet::domain::time::{DurationMs, Moment, Timestamp};
use fleet::engine::secrets::Scanner;
use fleet::forge::local::LocalForge;
use fleet::git::code_repo::{CodeSettings, GitCodeRepo, Refresh};
use fleet::git::place::Place;
use fleet::git::process::Git;
use fleet::git::remote::{Remote, RemoteChoice};
use fleet::git::state_repo::{GitStateRepo, StateOptions};
use fleet::git::workspaces::{GitWorkspaces, WorkspaceSettings};
use fleet::machine::clock::SystemClock;
use fleet::machine::handover::HandoverDir;
use fleet::machine::host::LocalHost;
use fleet::machine::ids::SystemIds;
use fleet::machine::journals::JournalDir;
use fleet::ports::clock::Clock;
use fleet::ports::forge::Forge;
use fleet::ports::host::{Host, Life};
use fleet::ports::remote_session::RemoteSessions;
use fleet::ports::runner::Cancel;
use fleet::ports::sandbox::Unconfined;
use fleet::ports::state_repo::{Freshness, StateRepo as _};
use fleet::ports::tickets::Tickets;
use fleet::store::{Checkpoint, Memo, Scope, load};

pub(crate) const OPENCODE_PASSWORD: &str = "open-sesame-4d2e";
pub(crate) const LIMIT: DurationMs = DurationMs(20_000);

/// A folder with a bare remote.
pub(crate) struct Town {
    dir: tempfile::TempDir,
}

impl Town {
    /// A remote with one commit on main.
    pub(crate) fn new() -> Self {
        let town = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(town.path("home")).unwrap();
        town.git(
            town.dir.path(),
            &["init", "-q", "--bare", "-b", "main", "remote.git"],
        );
        town.git(town.dir.path(), &["init", "-q", "-b", "main", "seed"]);
        let seed = town.path("seed");
        std::fs::create_dir(seed.join("src")).unwrap();
        std::fs::write(seed.join("src/a.txt"), "one\n").unwrap();
        std::fs::write(seed.join("README"), "a project\n").unwrap();
        town.git(&seed, &["add", "."]);
        town.git(&seed, &["commit", "-qm", "begin"]);
        town.git(&seed, &["push", "-q", "../remote.git", "main"]);
        town
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn env(&self) -> Vec<(OsString, OsString)> {
        let vars: [(&str, OsString); 8] = [
            ("PATH", std::env::var_os("PATH").unwrap()),
            ("HOME", self.path("home").into()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_CONFIG_GLOBAL", "/dev/null".into()),
            ("GIT_AUTHOR_NAME", "Mia".into()),
            ("GIT_AUTHOR_EMAIL", "mia@example.org".into()),
            ("GIT_COMMITTER_NAME", "Mia".into()),
            ("GIT_COMMITTER_EMAIL", "mia@example.org".into()),
        ];
        vars.map(|(name, value)| (name.into(), value)).to_vec()
    }

    /// Runs git as a person would.
    pub(crate) fn git(&self, dir: &Path, args: &[&str]) -> String {
        let out = Command::new("git")
            .args(args)
            .current_dir(dir)
            .env_clear()
            .envs(self.env())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&out.stdout).trim().to_owned();
        assert!(
            out.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        text
    }

    /// A clone with fleet in it.
    pub(crate) fn clone(&self, name: &str, policy: Policy) -> Clone {
        self.git(self.dir.path(), &["clone", "-q", "remote.git", name]);
        Clone::new(self, name, policy)
    }

    pub(crate) fn remote_ref(&self, name: &str) -> Option<String> {
        let out = Command::new("git")
            .args(["rev-parse", "-q", "--verify", name])
            .current_dir(self.path("remote.git"))
            .env_clear()
            .envs(self.env())
            .output()
            .unwrap();
        out.status
            .success()
            .then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
    }
}

/// A clone and everything that a tick on it touches.
pub(crate) struct Clone {
    pub(crate) dir: PathBuf,
    pub(crate) policy: Policy,
    pub(crate) repo: GitStateRepo,
    pub(crate) workspaces_root: PathBuf,
    pub(crate) handover_root: PathBuf,
    pub(crate) forge: Box<dyn Forge>,
    pub(crate) tickets: Option<Arc<dyn Tickets>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) api: Option<ApiSetup>,
    env: Vec<(OsString, OsString)>,
    code: GitCodeRepo,
    workspaces: GitWorkspaces,
    pub(crate) host: Arc<dyn Host>,
    secrets: Arc<Scanner>,
    ids: Arc<SystemIds>,
    /// The clock that it begins with.
    pub(crate) shifted: Arc<Shifted>,
    pub(crate) remotes: Box<dyn RemoteSessions>,
}

/// The time of this machine, and how much later it is said to be.
#[derive(Default)]
pub(crate) struct Shifted(AtomicU64);

impl Shifted {
    pub(crate) fn advance(&self, span: DurationMs) {
        self.0.fetch_add(span.0, Ordering::SeqCst);
    }
}

impl Clock for Shifted {
    fn now(&self) -> Timestamp {
        SystemClock
            .now()
            .plus(DurationMs(self.0.load(Ordering::SeqCst)))
    }

    fn moment(&self) -> Moment {
        SystemClock.moment()
    }

    fn pause(&self, span: DurationMs) {
        SystemClock.pause(span);
    }
}

fn services(clock: Arc<dyn Clock>) -> Remotes {
    let keys = BTreeMap::from([
        ("JULES_API_KEY".to_owned(), crate::jules::KEY.into()),
        ("OPENCODE_PASSWORD".to_owned(), OPENCODE_PASSWORD.into()),
    ]);
    Remotes::new(keys, clock, Arc::new(str::to_owned))
}

impl Clone {
    fn new(town: &Town, name: &str, policy: Policy) -> Self {
        let dir = town.path(name);
        let place = Place::discover(&dir).unwrap();
        let git = Git::with_env("git", town.env());
        let host: Arc<dyn Host> = Arc::new(LocalHost::new(None));
        let options = StateOptions {
            extra_fetch: vec!["main".to_owned(), "agent/*".to_owned()],
            ..StateOptions::default()
        };
        let root = town.path(&format!("{name}.ws"));
        let settings = CodeSettings {
            base_branch: "main".to_owned(),
            refresh: Refresh::ByState,
            scratch: root.clone(),
            max_bundle_bytes: 64 << 20,
        };
        let remote = Remote::choose(&git, &place, &RemoteChoice::Auto).unwrap();
        let shifted = Arc::new(Shifted::default());
        Self {
            remotes: Box::new(services(shifted.clone())),
            clock: shifted.clone(),
            shifted,
            repo: GitStateRepo::at(&place, git.clone(), options).unwrap(),
            code: GitCodeRepo::new(&place, git.clone(), remote, host.clone(), settings),
            workspaces: GitWorkspaces::new(
                &place,
                git,
                host.clone(),
                WorkspaceSettings::new(root.clone()),
            )
            .unwrap(),
            forge: Box::new(LocalForge),
            tickets: None,
            api: None,
            secrets: Arc::new(Scanner::new(&[(
                "CANARY_TOKEN".to_owned(),
                "canary-4f1c9d2e7b6a5038".to_owned(),
            )])),
            ids: Arc::new(SystemIds::default()),
            handover_root: place.owned_dir().join("handover"),
            workspaces_root: root,
            env: town.env(),
            host,
            policy,
            dir,
        }
    }

    /// Services as they are, to be wrapped.
    pub(crate) fn services(&self) -> Remotes {
        services(self.clock.clone())
    }

    /// Runs `work` with everything that a tick needs.
    pub(crate) fn with_world<T>(&self, handover: &Path, work: impl FnOnce(&World<'_>) -> T) -> T {
        let secrets = self.secrets.clone();
        let runner = Agents::new(Setup {
            env: self
                .env
                .iter()
                .map(|(name, value)| (name.to_string_lossy().into_owned(), value.clone()))
                .collect(),
            exe: PathBuf::new(),
            clock: Arc::new(SystemClock),
            ids: self.ids.clone(),
            redact: Arc::new(move |text| secrets.redact(text)),
            manners: Manners {
                grace: Duration::from_millis(300),
                linger: Duration::from_millis(300),
            },
            sandbox: Arc::new(Unconfined::default()),
            api: self.api.clone(),
        });
        let handover = HandoverDir::new(handover.to_owned());
        let own = HandoverDir::new(self.handover_root.clone());
        let journals = JournalDir::new(self.dir.join(".git/fleet/journals"));
        let world = World {
            context: Context {
                repo: &self.repo,
                clock: &*self.clock,
                ids: &*self.ids,
                actor: "fleet",
                run: "test",
                memo: &Memo::default(),
            },
            policy: &self.policy,
            code: &self.code,
            workspaces: &self.workspaces,
            forge: &*self.forge,
            runner: &runner,
            remotes: &*self.remotes,
            host: &*self.host,
            handover: &handover,
            own: &own,
            secrets: &self.secrets,
            journals: &journals,
            tickets: self.tickets.as_deref(),
        };
        work(&world)
    }

    pub(crate) fn try_tick(&self, options: &TickOptions) -> Result<TickReport, TickError> {
        self.tick_watched(options, &Cancel::default(), &mut |_| {})
    }

    pub(crate) fn tick_watched(
        &self,
        options: &TickOptions,
        cancel: &Cancel,
        on: &mut dyn FnMut(TickEvent),
    ) -> Result<TickReport, TickError> {
        self.with_world(&self.handover_root, |world| {
            tick(world, options, cancel, on)
        })
    }

    /// A whole tick.
    pub(crate) fn tick(&self) -> TickReport {
        self.try_tick(&TickOptions::default()).unwrap()
    }

    /// Adds a task; published, so that it has a number.
    pub(crate) fn add(&self, title: &str, paths: &[&str]) -> TaskUid {
        let added = TaskAdded {
            set: TaskFields {
                title: Some(title.to_owned()),
                ..TaskFields::default()
            },
            paths: paths.iter().map(|p| (*p).to_owned()).collect(),
            admitted: true,
            ..TaskAdded::default()
        };
        TaskUid::created_by(self.write(vec![Op::TaskAdded(added)])[0])
    }

    /// Publishes operations as a human.
    pub(crate) fn write(&self, ops: Vec<Op>) -> Vec<fleet::domain::ids::RecordId> {
        let context = Context {
            repo: &self.repo,
            clock: &*self.clock,
            ids: &*self.ids,
            actor: "human:mia",
            run: "test",
            memo: &Memo::default(),
        };
        let terms = Terms {
            scope: Scope::Live,
            freshness: Freshness::Fetch(LIMIT),
            how: How::Must(LIMIT),
            checkpoint: Checkpoint::IfGrown,
        };
        change(context, &terms, |_, minter| {
            let ids = ops.iter().map(|op| minter.add(op.clone())).collect();
            Ok::<_, Infallible>(Decision::write(ids, "as told"))
        })
        .unwrap()
        .value
    }

    /// The newest state.
    pub(crate) fn state(&self) -> State {
        let view = self.repo.view(Freshness::Fetch(LIMIT)).unwrap();
        load(&view, Scope::All).unwrap().state
    }

    /// What is left of workspaces: names of folders that belong to sessions.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(&self.workspaces_root)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.len() == 36)
            .collect();
        names.sort();
        names
    }
}

/// Agents named `name` that run a shell script; the script is its own argument, never built from data.
pub(crate) fn policy(agents: &[(&str, &str)]) -> Policy {
    Policy {
        state: StatePolicy {
            branch: "fleet/state".to_owned(),
            push: PushMode::Auto,
            push_timeout: DurationMs::secs(3),
        },
        base_branch: "main".to_owned(),
        remote: "origin".to_owned(),
        forge: ForgePolicy {
            kind: ForgeKind::Local,
            base_url: String::new(),
            repo: None,
            token_env: "GITHUB_TOKEN".to_owned(),
            draft: true,
            labels: Vec::new(),
            reviewers: Vec::new(),
            app: None,
            max_calls: 100,
        },
        agents: agents
            .iter()
            .map(|(name, script)| ((*name).to_owned(), shell(name, script)))
            .collect(),
        roles: BTreeMap::from([("writer".to_owned(), "You write code.".to_owned())]),
        routes: vec![Route {
            from_attempt: 1,
            agents: agents.iter().map(|(name, _)| (*name).to_owned()).collect(),
            role: Some("writer".to_owned()),
            ..Route::default()
        }],
        weights: Weights::default(),
        tick: TickPolicy {
            max_parallel: 8,
            max_claims: 100,
            time_budget: DurationMs::mins(2),
        },
        leases: LeasePolicy {
            lease: DurationMs::mins(10),
            lock: DurationMs::mins(30),
            skew_allowance: DurationMs::mins(10),
        },
        retry: RetryPolicy {
            max_attempts: 3,
            backoff: vec![DurationMs(0)],
            max_escalations: 3,
            max_review_rounds: 3,
        },
        review: fleet::domain::policy::ReviewPolicy::default(),
        budget: BudgetPolicy::default(),
        prices: Default::default(),
        diff: DiffPolicy {
            protected: Vec::new(),
            max_files: 100,
            max_bytes: 4 << 20,
        },
        verify: Vec::new(),
        sandbox: SandboxPolicy::default(),
        unblock_on: UnblockOn::Merge,
        admit_subtasks: false,
        sparse_workspaces: false,
        intake: fleet::domain::policy::IntakePolicy::default(),
        archive: fleet::domain::policy::ArchivePolicy::default(),
        providers: fleet::domain::policy::ProviderSpec::known(),
        secret_env: Vec::new(),
    }
}

pub(crate) fn shell(name: &str, script: &str) -> AgentSpec {
    let kind = AgentKind::Command {
        argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
        prompt_stdin: false,
    };
    AgentSpec {
        max_parallel: 8,
        idle_timeout: DurationMs::secs(20),
        total_timeout: DurationMs::secs(30),
        sandbox: SandboxMode::Off,
        ..AgentSpec::usual(name, kind)
    }
}

/// This machine as a process sees it that has ended since: its claims bear a pid that is gone.
pub(crate) struct Gone;

impl Host for Gone {
    fn identity(&self) -> RunnerIdentity {
        RunnerIdentity {
            pid: u32::MAX,
            ..LocalHost::new(None).identity()
        }
    }

    fn life(&self, runner: &RunnerIdentity) -> Life {
        LocalHost::new(None).life(runner)
    }
}

pub(crate) fn verify(argv: &[&str]) -> VerifyCommand {
    VerifyCommand {
        argv: argv.iter().map(|a| (*a).to_owned()).collect(),
        timeout: DurationMs::secs(20),
        network: false,
    }
}
