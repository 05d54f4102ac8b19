//! One process of fleet on one machine: every port, with chance at each of its calls.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex};

use fleet::app::context::Context;
use fleet::app::tick::{Phase, TickOptions, World, tick};
use fleet::domain::ids::{Oid, RecordId, SessionUid};
use fleet::domain::money::{MicroUsd, Usage};
use fleet::domain::policy::{AgentSpec, SandboxMode, VerifyCommand};
use fleet::domain::remote::RemoteSight;
use fleet::domain::session::{FailureClass, RunnerIdentity, VerifyResult};
use fleet::domain::time::{DurationMs, Moment, Timestamp};
use fleet::engine::secrets::Scanner;
use fleet::ports::clock::{Clock, Ids};
use fleet::ports::code_repo::{
    BranchFacts, CodeError, CodeRepo, CommitFacts, CommitWords, MergeFacts, Merged, Shown,
};
use fleet::ports::forge::{
    Forge, ForgeError, ForgeSaying, ReviewDraft, ReviewFacts, ReviewHandle, ReviewWatch,
};
use fleet::ports::handover::{Handover, HandoverError};
use fleet::ports::host::{Host, Life};
use fleet::ports::journal::{Chunk, JournalError, Journals};
use fleet::ports::lease::Lease;
use fleet::ports::memory::{Fault, MemoryRepo};
use fleet::ports::remote_session::{
    Collected, RemoteAt, RemoteCreated, RemoteError, RemoteRequest, RemoteSessions,
};
use fleet::ports::runner::{AgentEvent, Cancel, RunEnd, RunOutcome, RunRequest, Runner};
use fleet::ports::sandbox::SandboxError;
use fleet::ports::state_repo::{
    Freshness, Proposal, PublishOutcome, StateRepo, StateRepoError, StateView,
};
use fleet::ports::workspaces::{
    CommitRequest, Imported, Swept, Workspace, WorkspaceError, WorkspaceRequest, Workspaces,
};

use crate::code::{Code, Files, MARKS};
use crate::rng::keyed;
use crate::world::Sim;

/// The process was killed here. Not a panic: nothing is printed, nothing is a defect.
pub(crate) struct Killed;

/// What lies on the disk of a machine, whatever becomes of its processes.
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) repo: MemoryRepo,
    /// How far its clock is off, in milliseconds.
    pub(crate) skew: Mutex<i64>,
    pub(crate) handover: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Where each starts, what lies in it, and the process that made it.
    pub(crate) workspaces: Mutex<BTreeMap<SessionUid, (Oid, Files, u32)>>,
    pub(crate) fetched: Mutex<(Oid, BTreeMap<String, Oid>)>,
    /// Its living processes.
    pub(crate) alive: Mutex<Vec<u32>>,
}

/// A process.
pub(crate) struct Process<'a> {
    pub(crate) sim: &'a Sim,
    pub(crate) machine: &'a Machine,
    pub(crate) pid: u32,
    phase: Phase,
    killed: AtomicBool,
    /// The thread that it began with, as the kernel calls it.
    first: u32,
}

/// This thread, as the kernel calls it.
fn thread() -> u32 {
    let link = std::fs::read_link("/proc/thread-self").expect("the kernel names threads");
    let name = link.file_name().and_then(|name| name.to_str());
    name.and_then(|name| name.parse().ok())
        .expect("it is a number")
}

thread_local! {
    /// Whether this thread is the one that the process began with.
    static FIRST: Cell<u32> = const { Cell::new(0) };
}

impl<'a> Process<'a> {
    pub(crate) fn new(sim: &'a Sim, machine: &'a Machine, pid: u32, phase: Phase) -> Self {
        Self {
            sim,
            machine,
            pid,
            phase,
            killed: AtomicBool::new(false),
            first: thread(),
        }
    }

    /// A whole tick, or one phase of it. `None` if the process was killed.
    pub(crate) fn tick(&self) -> Option<Result<fleet::app::tick::report::TickReport, String>> {
        // The same for all, and dear to build.
        static SECRETS: LazyLock<Scanner> = LazyLock::new(|| Scanner::new(&[]));
        let run = format!("run{}", self.pid);
        let world = World {
            tickets: None,
            context: Context {
                repo: self,
                clock: self,
                ids: self,
                actor: "fleet",
                run: &run,
            },
            policy: &self.sim.policy,
            code: self,
            workspaces: self,
            forge: self,
            runner: self,
            remotes: self,
            host: self,
            handover: self,
            secrets: &SECRETS,
            journals: self,
        };
        let options = TickOptions {
            phase: self.phase,
            ..TickOptions::default()
        };
        let outer = FIRST.replace(self.pid);
        self.machine.alive.lock().unwrap().push(self.pid);
        let work = || tick(&world, &options, &Cancel::default(), &mut |_| {});
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        FIRST.set(outer);
        self.machine
            .alive
            .lock()
            .unwrap()
            .retain(|pid| *pid != self.pid);
        match done {
            _ if self.killed.load(Ordering::SeqCst) => None,
            Ok(result) => Some(result.map_err(|error| error.to_string())),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    fn is_alive(&self) {
        if self.killed.load(Ordering::SeqCst) {
            resume_unwind(Box::new(Killed));
        }
    }

    /// Lets the first thread come to rest before another one acts, so that there is one order.
    fn after_the_first(&self) {
        if FIRST.get() == self.pid {
            return;
        }
        let place = format!("/proc/self/task/{}/stat", self.first);
        loop {
            let stat = std::fs::read_to_string(&place).unwrap_or_default();
            let state = stat.rsplit(") ").next().unwrap_or_default();
            if state.starts_with('S') {
                return;
            }
            std::thread::yield_now();
        }
    }

    fn die(&self, point: &str) -> ! {
        self.sim
            .tell(|| format!("  {} {} killed at {point}", self.machine.name, self.pid));
        self.killed.store(true, Ordering::SeqCst);
        resume_unwind(Box::new(Killed))
    }

    /// Chance before and after an effect: the process dies, or others act meanwhile.
    fn around<T>(&self, point: &str, effect: impl FnOnce() -> T) -> T {
        self.chance(point, "before");
        let out = effect();
        self.chance(point, "after");
        out
    }

    fn chance(&self, point: &str, when: &str) {
        self.is_alive();
        if !self.sim.has_faults() {
            return;
        }
        if self.sim.roll(12) {
            self.die(&format!("{point}, {when}"));
        }
        // Others may act while the first thread waits for its agents only where that thread does
        // nothing meanwhile: else the order of both would be the machine's.
        let here = FIRST.get() == self.pid || self.phase == Phase::Run;
        if here {
            self.sim.meanwhile(point);
            self.is_alive();
        }
    }

    fn wall(&self) -> Timestamp {
        let skew = *self.machine.skew.lock().unwrap();
        Timestamp(self.sim.now().0.saturating_add_signed(skew))
    }

    fn code_error(what: &str) -> CodeError {
        CodeError {
            what: what.to_owned(),
            on: "a commit".to_owned(),
            cause: "it is missing".to_owned(),
            retryable: false,
        }
    }

    fn known(&self, code: &Code, ids: &[&Oid]) -> Result<(), CodeError> {
        if ids.iter().all(|id| code.commits.contains_key(*id)) {
            Ok(())
        } else {
            Err(Self::code_error("read"))
        }
    }

    fn fetch_refs(&self) {
        let base = self.sim.code.lock().unwrap().base.clone();
        *self.machine.fetched.lock().unwrap() = (base, self.sim.agent_branches());
    }
}

impl StateRepo for Process<'_> {
    fn view(&self, freshness: Freshness) -> Result<StateView, StateRepoError> {
        self.around("view", || {
            let asks = matches!(freshness, Freshness::Fetch(_));
            if asks && self.sim.fault(25) {
                self.sim.remote.fail_next(Fault::FetchUnreachable);
            } else if asks {
                self.fetch_refs();
            }
            self.machine.repo.view(freshness)
        })
    }

    fn publish(&self, proposal: &Proposal) -> Result<PublishOutcome, StateRepoError> {
        self.around("publish", || {
            if self.sim.fault(60) {
                let faults = [
                    Fault::Lost,
                    Fault::Unreachable,
                    Fault::LostAck,
                    Fault::LostAck,
                ];
                let fault = *self.sim.pick(&faults);
                self.sim
                    .tell(|| format!("  {} push: {fault:?}", self.machine.name));
                self.sim.remote.fail_next(fault);
            }
            let outcome = self.machine.repo.publish(proposal);
            let arrived = self.sim.remote.tip() != proposal.based_on;
            if arrived {
                for moved in &proposal.refs {
                    self.sim.branch_moved(proposal, moved);
                }
                if matches!(outcome, Ok(PublishOutcome::Published(_))) {
                    self.fetch_refs();
                }
            }
            outcome
        })
    }

    fn writer(&self) -> Result<String, StateRepoError> {
        self.machine.repo.writer()
    }
}

impl Clock for Process<'_> {
    fn now(&self) -> Timestamp {
        self.is_alive();
        self.wall()
    }

    fn moment(&self) -> Moment {
        self.is_alive();
        Moment(self.sim.now().0)
    }

    fn pause(&self, span: DurationMs) {
        self.is_alive();
        self.sim.pass(span);
    }
}

impl Ids for Process<'_> {
    fn record(&self, now: Timestamp) -> RecordId {
        RecordId(self.sim.uuid(now))
    }

    fn nonce(&self) -> String {
        let n = self.sim.uuid(Timestamp(0)).as_u128();
        format!("{n:032x}")
    }
}

impl Host for Process<'_> {
    fn identity(&self) -> RunnerIdentity {
        RunnerIdentity {
            host: self.machine.name.clone(),
            boot: "boot".to_owned(),
            pid: self.pid,
            pid_start: u64::from(self.pid),
            ci: None,
        }
    }

    fn life(&self, runner: &RunnerIdentity) -> Life {
        self.is_alive();
        if runner.host != self.machine.name {
            return Life::Unknown {
                why: format!("it ran on host {}", runner.host),
            };
        }
        if self.machine.alive.lock().unwrap().contains(&runner.pid) {
            return Life::Alive;
        }
        Life::Dead {
            proof: format!("pid {} of this boot is gone", runner.pid),
        }
    }
}

impl CodeRepo for Process<'_> {
    fn refresh(&self) -> Result<(), CodeError> {
        self.fetch_refs();
        Ok(())
    }

    fn bring(&self, _names: &[String]) -> Result<(), CodeError> {
        self.fetch_refs();
        Ok(())
    }

    fn base(&self) -> Result<Oid, CodeError> {
        self.is_alive();
        Ok(self.machine.fetched.lock().unwrap().0.clone())
    }

    fn branches(&self, names: &[String]) -> Result<Vec<BranchFacts>, CodeError> {
        self.is_alive();
        let fetched = self.machine.fetched.lock().unwrap();
        let fact = |name: &String| BranchFacts {
            name: name.clone(),
            head: fetched.1.get(name).cloned(),
        };
        Ok(names.iter().map(fact).collect())
    }

    fn messages(&self, _limit: usize) -> Result<Vec<CommitWords>, CodeError> {
        // No tick reads messages.
        self.base().map(|_| Vec::new())
    }

    fn merge_facts(&self, base: &Oid, head: &Oid) -> Result<MergeFacts, CodeError> {
        let code = self.sim.code.lock().unwrap();
        self.known(&code, &[base, head])?;
        Ok(code.merge_facts(base, head))
    }

    fn diff(
        &self,
        base: &Oid,
        head: &Oid,
    ) -> Result<Vec<fleet::ports::workspaces::PathChange>, CodeError> {
        let code = self.sim.code.lock().unwrap();
        self.known(&code, &[base, head])?;
        Ok(Code::changes(&code.files(base), &code.files(head)))
    }

    fn shown(&self, _: &Oid, _: &Oid, _: u64) -> Result<Shown, CodeError> {
        Ok(Shown::default())
    }

    fn merge(&self, ours: &Oid, theirs: &Oid) -> Result<Merged, CodeError> {
        let mut code = self.sim.code.lock().unwrap();
        self.known(&code, &[ours, theirs])?;
        Ok(code.merge(ours, theirs))
    }

    fn unresolved(&self, tree: &Oid, paths: &[String]) -> Result<Vec<String>, CodeError> {
        let files = self.sim.code.lock().unwrap().files_of(tree);
        let marked = |path: &&String| files.get(*path) == Some(&MARKS);
        Ok(paths.iter().filter(marked).cloned().collect())
    }

    fn added_text(&self, _: &Oid, _: &Oid, _: u64) -> Result<Vec<u8>, CodeError> {
        Ok(Vec::new())
    }

    fn pull_patch(&self, _: u64, _: &Oid, _: u64) -> Result<String, CodeError> {
        Err(Self::code_error("fetch"))
    }

    fn commit(&self, id: &Oid) -> Result<CommitFacts, CodeError> {
        let code = self.sim.code.lock().unwrap();
        self.known(&code, &[id])?;
        let commit = &code.commits[id];
        Ok(CommitFacts {
            parents: commit.parents.clone(),
            message: commit.message.clone(),
        })
    }

    fn paths(&self, commit: &Oid, limit: usize) -> Result<Vec<String>, CodeError> {
        let code = self.sim.code.lock().unwrap();
        self.known(&code, &[commit])?;
        Ok(code.files(commit).into_keys().take(limit).collect())
    }

    fn export_bundle(&self, _: &Oid, _: &Oid, _: &Path) -> Result<(), CodeError> {
        // All machines read the same objects here.
        self.around("export", || Ok(()))
    }

    fn import_bundle(&self, _: &Path, head: &Oid) -> Result<(), CodeError> {
        let code = self.sim.code.lock().unwrap();
        self.known(&code, &[head])
    }
}

impl Workspaces for Process<'_> {
    fn prepare(&self, lease: &Lease, want: &WorkspaceRequest) -> Result<Workspace, WorkspaceError> {
        self.after_the_first();
        self.around("prepare", || {
            let files = self.sim.code.lock().unwrap().files(&want.start);
            let mut all = self.machine.workspaces.lock().unwrap();
            all.insert(lease.session(), (want.start.clone(), files, self.pid));
            Ok(self.at(lease.session(), &want.start))
        })
    }

    fn at(&self, session: SessionUid, start: &Oid) -> Workspace {
        let dir = PathBuf::from(format!("/sim/{session}"));
        Workspace {
            session,
            home: dir.join("home"),
            tmp: dir.join("tmp"),
            borrowed: Vec::new(),
            outbox: dir.join("outbox"),
            prompt_file: dir.join("prompt"),
            start: start.clone(),
            dir,
        }
    }

    fn apply(&self, _: &Workspace, _: &str) -> Result<(), WorkspaceError> {
        unreachable!("no service is configured")
    }

    fn import(&self, workspace: &Workspace, _: u64) -> Result<Imported, WorkspaceError> {
        self.around("import", || {
            let all = self.machine.workspaces.lock().unwrap();
            let (start, files, _) = &all[&workspace.session];
            let mut code = self.sim.code.lock().unwrap();
            let changes = Code::changes(&code.files(start), files);
            Ok(Imported {
                tree: code.tree(files.clone()),
                changes,
                refused: Vec::new(),
            })
        })
    }

    fn commit(&self, request: &CommitRequest) -> Result<Oid, WorkspaceError> {
        self.around("commit", || {
            let mut code = self.sim.code.lock().unwrap();
            let files = code.trees[&request.tree].clone();
            let parents = std::iter::once(&request.parent).chain(&request.merged);
            Ok(code.commit(parents.cloned().collect(), files, &request.message))
        })
    }

    fn discard(&self, workspace: &Workspace) {
        self.is_alive();
        self.machine
            .workspaces
            .lock()
            .unwrap()
            .remove(&workspace.session);
    }

    fn sweep(&self, keep: &[SessionUid]) -> Result<Swept, WorkspaceError> {
        self.is_alive();
        let alive = self.machine.alive.lock().unwrap();
        let mut all = self.machine.workspaces.lock().unwrap();
        all.retain(|session, (.., pid)| keep.contains(session) || alive.contains(pid));
        Ok(Swept::default())
    }
}

impl Forge for Process<'_> {
    fn kind(&self) -> &'static str {
        "sim"
    }

    fn observe(&self, watch: &[ReviewWatch]) -> Result<Vec<ReviewFacts>, ForgeError> {
        self.around("forge observe", || {
            if self.sim.fault(60) {
                return Err(unreachable_forge());
            }
            let mut pulls = self.sim.pulls.lock().unwrap();
            if !self.sim.fault(300) {
                pulls.catch_up();
            }
            Ok(pulls.observe(watch))
        })
    }

    fn open_or_adopt(&self, draft: &ReviewDraft) -> Result<ReviewHandle, ForgeError> {
        self.around("forge open", || {
            if self.sim.fault(60) {
                return Err(unreachable_forge());
            }
            let branch = self.sim.agent_branches().remove(&draft.branch);
            let handle = self
                .sim
                .pulls
                .lock()
                .unwrap()
                .open_or_adopt(draft, branch.as_ref());
            if self.sim.fault(60) {
                return Err(unreachable_forge());
            }
            handle
        })
    }

    fn say(&self, saying: &ForgeSaying) -> Result<Option<String>, ForgeError> {
        self.around("forge say", || {
            if self.sim.fault(60) {
                return Err(unreachable_forge());
            }
            let mut pulls = self.sim.pulls.lock().unwrap();
            let word = (saying.number, saying.key.clone());
            if !pulls.said.contains(&word) {
                pulls.said.push(word);
            }
            drop(pulls);
            if self.sim.fault(60) {
                return Err(unreachable_forge());
            }
            Ok(Some("https://forge.example/said".to_owned()))
        })
    }
}

fn unreachable_forge() -> ForgeError {
    ForgeError::Unreachable {
        what: "cannot ask the forge".to_owned(),
        cause: "no answer".to_owned(),
    }
}

impl Runner for Process<'_> {
    fn run(
        &self,
        lease: &Lease,
        request: &RunRequest,
        _: &mut dyn FnMut(AgentEvent),
        _: &Cancel,
    ) -> RunOutcome {
        self.sim.run_begins(self, lease);
        let out = self.around("agent", || self.act(lease, request));
        self.sim.run_ends(lease);
        out
    }

    fn verify(
        &self,
        lease: &Lease,
        _: &RunRequest,
        command: &VerifyCommand,
        _: &Cancel,
    ) -> VerifyResult {
        self.around("verify", || {
            let bad =
                self.sim.has_faults() && self.sim.keyed_by(lease.session(), 2).is_multiple_of(8);
            VerifyResult {
                command: command.argv.join(" "),
                exit: Some(i32::from(bad)),
                duration_ms: 1,
                tail: String::new(),
            }
        })
    }

    fn end_leftovers(&self, _: SessionUid) -> usize {
        0
    }

    fn admits(&self, _: SandboxMode) -> Result<(), SandboxError> {
        Ok(())
    }

    fn available(&self, _: &AgentSpec) -> Result<(), String> {
        self.is_alive();
        Ok(())
    }
}

impl Process<'_> {
    /// What the agent does; it depends on the seed and the session alone.
    fn act(&self, lease: &Lease, request: &RunRequest) -> RunOutcome {
        let session = lease.session();
        let roll = self.sim.keyed_by(session, 1);
        let mut end = RunEnd::Completed;
        let mut outbox = Vec::new();
        let fails = |class| RunEnd::Failed {
            class,
            reason: "it failed".to_owned(),
            retry_at: None,
        };
        let odd = if self.sim.has_faults() { roll % 100 } else { 0 };
        let mut path = match roll / 128 % 4 {
            0 => "src/a".to_owned(),
            1 => "src/b".to_owned(),
            2 => "src/c".to_owned(),
            _ => format!("src/new-{}", request.task),
        };
        match odd {
            0..60 => {}
            60..67 => path.clear(),
            67..75 => end = fails(FailureClass::AgentError),
            75..80 => end = fails(FailureClass::Timeout),
            80..86 => {
                outbox = br#"{"kind":"escalate","context":"Which?","options":["this"]}"#.to_vec();
            }
            86..89 => {
                end = RunEnd::Failed {
                    class: FailureClass::RateLimited,
                    reason: "limited".to_owned(),
                    retry_at: Some(self.wall().plus(DurationMs::mins(7))),
                }
            }
            89..93 => path = ".orchestra/config.toml".to_owned(),
            93..96 => outbox = br#"{"kind":"subtask","title":"And this"}"#.to_vec(),
            _ => outbox = br#"{"kind":"finding","text":"odd"}"#.to_vec(),
        }
        if !path.is_empty() && end == RunEnd::Completed {
            let mut all = self.machine.workspaces.lock().unwrap();
            let (_, files, _) = all.get_mut(&session).expect("it was prepared");
            let own = keyed(&[roll, 9]) >> 1;
            for marked in files.values_mut().filter(|content| **content == MARKS) {
                *marked = own;
            }
            files.insert(path, own);
        }
        RunOutcome {
            end,
            agent_session: None,
            model: None,
            usage: Usage::default(),
            cost: Some(MicroUsd(10_000)),
            final_message: "Done.".to_owned(),
            duration_ms: 1,
            output_bytes: 5,
            sandbox: "none".to_owned(),
            outbox,
        }
    }
}

impl RemoteSessions for Process<'_> {
    fn available(&self, _: &AgentSpec) -> Result<(), String> {
        Ok(())
    }
    fn health(&self, _: &AgentSpec, _: DurationMs) -> Result<String, RemoteError> {
        unreachable!("no service is configured")
    }
    fn look(&self, _: &RemoteAt) -> RemoteSight {
        unreachable!("no service is configured")
    }
    fn create(
        &self,
        _: &Lease,
        _: &RemoteAt,
        _: &RemoteRequest,
    ) -> Result<RemoteCreated, RemoteError> {
        unreachable!("no service is configured")
    }
    fn begin(&self, _: &Lease, _: &RemoteAt, _: &RemoteRequest) -> Result<(), RemoteError> {
        unreachable!("no service is configured")
    }
    fn approve(&self, _: &Lease, _: &RemoteAt, _: &str) -> Result<(), RemoteError> {
        unreachable!("no service is configured")
    }
    fn tell(&self, _: &Lease, _: &RemoteAt, _: &str, _: &str) -> Result<(), RemoteError> {
        unreachable!("no service is configured")
    }
    fn stop(&self, _: &Lease, _: &RemoteAt) -> Result<(), RemoteError> {
        unreachable!("no service is configured")
    }
    fn collect(&self, _: &RemoteAt) -> Result<Collected, RemoteError> {
        unreachable!("no service is configured")
    }
}

impl Handover for Process<'_> {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), HandoverError> {
        self.around("hand over", || {
            let mut all = self.machine.handover.lock().unwrap();
            all.insert(name.to_owned(), bytes.to_vec());
            Ok(())
        })
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, HandoverError> {
        self.is_alive();
        Ok(self.machine.handover.lock().unwrap().get(name).cloned())
    }

    fn path(&self, name: &str) -> Result<PathBuf, HandoverError> {
        Ok(PathBuf::from("/sim/handover").join(name))
    }

    fn folders(&self) -> Result<Vec<String>, HandoverError> {
        self.is_alive();
        let all = self.machine.handover.lock().unwrap();
        let folders = all.keys().filter_map(|name| name.split_once('/'));
        let mut folders: Vec<String> = folders.map(|(folder, _)| folder.to_owned()).collect();
        folders.dedup();
        Ok(folders)
    }

    fn remove(&self, folder: &str) {
        self.is_alive();
        let mut all = self.machine.handover.lock().unwrap();
        all.retain(|name, _| name.split('/').next() != Some(folder));
    }
}

impl Journals for Process<'_> {
    fn path(&self, session: SessionUid) -> PathBuf {
        PathBuf::from(format!("/sim/journals/{session}"))
    }
    fn append(&self, _: SessionUid, _: &str, _: Timestamp, _: &AgentEvent) {}
    fn read(&self, _: SessionUid, _: u64) -> Result<Option<Chunk>, JournalError> {
        Ok(None)
    }
    fn wait(&self, _: SessionUid, _: u64, _: DurationMs) {}
}
