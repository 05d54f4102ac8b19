//! The world of one seed: machines, the remote, the forge, people, time; and what must hold in it.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use fleet::app::context::Context;
use fleet::app::publish::{Decision, How, Terms, change};
use fleet::app::tick::Phase;
use fleet::config::{CONFIG_PATH, CommitFiles, Env};
use fleet::domain::dep::DepKind;
use fleet::domain::ids::{Oid, RecordId, SessionUid, TaskUid};
use fleet::domain::policy::Policy;
use fleet::domain::record::{
    CloseOutcome, DepEdge, EscalationAnswered, Op, TaskAdded, TaskAdmitted, TaskClosed, TaskFields,
};
use fleet::domain::review::FeedbackKind;
use fleet::domain::state::State;
use fleet::domain::time::{DurationMs, Moment, Timestamp};
use fleet::engine::admission::admission_hash;
use fleet::ports::clock::{Clock, Ids};
use fleet::ports::forge::{ForgeFeedback, ForgeState};
use fleet::ports::lease::Lease;
use fleet::ports::memory::{MemoryRemote, MemoryRepo};
use fleet::ports::state_repo::{Freshness, Proposal, Reach, RefChange, StateRepo as _};
use fleet::store::{self, Checkpoint, Scope};

use crate::code::Code;
use crate::forge::Pulls;
use crate::process::{Machine, Process};
use crate::rng::{Rng, keyed};

/// 2026-11-21T08:00:00Z.
const BEGIN: u64 = 1_795_248_000_000;
const LIMIT: DurationMs = DurationMs::secs(20);
/// Rounds of calm after which everything must have ended.
const CALM: u32 = 60;

const CONFIG: &str = r#"
base_branch = "main"
unblock_on = "merge"
[forge]
kind = "local"
[tick]
max_parallel = 1
time_budget = "23h"
[[verify]]
argv = ["check"]
[agents.one]
kind = "command"
argv = ["one"]
max_parallel = 3
[[routes]]
agents = ["one"]
"#;

pub(crate) struct Sim {
    pub(crate) seed: u64,
    pub(crate) policy: Policy,
    pub(crate) remote: MemoryRemote,
    pub(crate) code: Mutex<Code>,
    pub(crate) pulls: Mutex<Pulls>,
    machines: Vec<Machine>,
    human: MemoryRepo,
    rng: Mutex<Rng>,
    clock: AtomicU64,
    made: AtomicU64,
    pids: AtomicU32,
    faults: AtomicBool,
    depth: AtomicU32,
    steps: AtomicU32,
    /// Tasks whose adding was acknowledged.
    acknowledged: Mutex<BTreeMap<TaskUid, Option<String>>>,
    /// Agents at work: whose session, on which machine, in which process.
    running: Mutex<BTreeMap<TaskUid, (SessionUid, String, u32)>>,
    branches: Mutex<BTreeSet<String>>,
    broken: Mutex<Vec<String>>,
    trace: Option<Mutex<Vec<String>>>,
}

impl Sim {
    pub(crate) fn new(seed: u64, traced: bool) -> Self {
        let remote = MemoryRemote::new();
        let config = CommitFiles::from([(CONFIG_PATH.to_owned(), CONFIG.as_bytes().to_vec())]);
        let code = Code::new();
        let machines = ["ash", "birch", "cedar"].map(|name| Machine {
            name: name.to_owned(),
            repo: remote.clone_as(name),
            skew: Mutex::new(0),
            handover: Mutex::default(),
            workspaces: Mutex::default(),
            fetched: Mutex::new((code.base.clone(), BTreeMap::new())),
            alive: Mutex::default(),
        });
        let sim = Self {
            seed,
            policy: fleet::config::load(None, &config, &Env::default())
                .expect("the configuration is valid")
                .policy,
            human: remote.clone_as("human"),
            remote,
            code: Mutex::new(code),
            pulls: Mutex::default(),
            machines: machines.into(),
            rng: Mutex::new(Rng::new(keyed(&[seed]))),
            clock: AtomicU64::new(BEGIN),
            made: AtomicU64::new(0),
            pids: AtomicU32::new(1),
            faults: AtomicBool::new(false),
            depth: AtomicU32::new(0),
            steps: AtomicU32::new(0),
            acknowledged: Mutex::default(),
            running: Mutex::default(),
            branches: Mutex::default(),
            broken: Mutex::default(),
            trace: traced.then(Mutex::default),
        };
        sim.initialise();
        sim
    }

    fn initialise(&self) {
        let proposal = Proposal {
            based_on: None,
            unpublished: None,
            files: vec![store::first_file()],
            refs: Vec::new(),
            subject: "begin".to_owned(),
            nonce: "0".to_owned(),
            reach: Reach::Remote(LIMIT),
            settles_unpublished: false,
        };
        self.human.publish(&proposal).unwrap();
    }

    // ── chance ──────────────────────────────────────────────────────────────────────────────

    pub(crate) fn has_faults(&self) -> bool {
        self.faults.load(Ordering::SeqCst)
    }

    pub(crate) fn roll(&self, per_mille: u64) -> bool {
        self.rng.lock().unwrap().chance(per_mille)
    }

    pub(crate) fn fault(&self, per_mille: u64) -> bool {
        self.has_faults() && self.roll(per_mille)
    }

    pub(crate) fn pick<'a, T>(&self, among: &'a [T]) -> &'a T {
        self.rng.lock().unwrap().pick(among).expect("there is one")
    }

    fn below(&self, n: usize) -> usize {
        self.rng.lock().unwrap().below(n)
    }

    /// A number that depends on the seed and a session alone.
    pub(crate) fn keyed_by(&self, session: SessionUid, salt: u64) -> u64 {
        let bits = session.0.as_u128();
        keyed(&[self.seed, bits as u64, (bits >> 64) as u64, salt])
    }

    pub(crate) fn uuid(&self, now: Timestamp) -> uuid::Uuid {
        let n = self.made.fetch_add(1, Ordering::SeqCst);
        let random = u128::from(keyed(&[self.seed, n]) >> 2);
        let head = u128::from(now.0 & 0xffff_ffff_ffff) << 80;
        uuid::Uuid::from_u128(head | 0x7 << 76 | u128::from(n & 0xfff) << 64 | 0b10 << 62 | random)
    }

    // ── time ────────────────────────────────────────────────────────────────────────────────

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.clock.load(Ordering::SeqCst))
    }

    pub(crate) fn pass(&self, span: DurationMs) {
        self.clock.fetch_add(span.0, Ordering::SeqCst);
    }

    // ── the story ───────────────────────────────────────────────────────────────────────────

    pub(crate) fn tell(&self, line: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            let depth = self.depth.load(Ordering::SeqCst) as usize;
            trace
                .lock()
                .unwrap()
                .push(format!("{}{}", "  ".repeat(depth), line()));
        }
    }

    pub(crate) fn story(&self) -> Vec<String> {
        self.trace
            .as_ref()
            .map(|t| t.lock().unwrap().clone())
            .unwrap_or_default()
    }

    pub(crate) fn breaks(&self, what: String) {
        self.tell(|| format!("BROKEN: {what}"));
        self.broken.lock().unwrap().push(what);
    }

    pub(crate) fn broken(&self) -> Vec<String> {
        self.broken.lock().unwrap().clone()
    }

    /// Runs the seed: `steps` steps with faults, then calm. The first broken promise ends it.
    pub(crate) fn run(&self, steps: u32) {
        for _ in 0..2 + self.below(3) {
            self.add();
        }
        self.faults.store(true, Ordering::SeqCst);
        for _ in 0..steps {
            self.act();
            self.check();
            if !self.broken.lock().unwrap().is_empty() {
                return;
            }
        }
        self.faults.store(false, Ordering::SeqCst);
        self.calm();
    }

    /// Others act while a process is at work.
    pub(crate) fn meanwhile(&self, point: &str) {
        if self.depth.load(Ordering::SeqCst) < 2 && self.roll(60) {
            self.tell(|| format!("  meanwhile, at {point}:"));
            self.depth.fetch_add(1, Ordering::SeqCst);
            for _ in 0..=self.below(2) {
                self.act();
            }
            self.depth.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn act(&self) {
        self.steps.fetch_add(1, Ordering::SeqCst);
        match self.below(100) {
            0..34 => self.tick(Phase::All),
            34..40 => self.tick(Phase::Claim),
            40..48 => self.tick(Phase::Run),
            48..56 => self.tick(Phase::Publish),
            56..63 => self.add(),
            63..66 => self.close(),
            66..72 => self.answer(false),
            72..80 => self.merge(),
            80..82 => self.reject(),
            82..87 => self.ask_for_changes(),
            87..89 => self.commit_on_branch(),
            89..91 => self.admit(),
            91..93 => self.skew(),
            _ => self.later(),
        }
    }

    fn later(&self) {
        let span = DurationMs::mins([1, 5, 16, 31, 90][self.below(5)]);
        self.tell(|| format!("{} min pass", span.0 / 60_000));
        self.pass(span);
    }

    fn skew(&self) {
        let machine = &self.machines[self.below(3)];
        let skew = [0, 90_000, -90_000, 1_200_000, -600_000][self.below(5)];
        self.tell(|| format!("the clock of {} is off by {} s", machine.name, skew / 1000));
        *machine.skew.lock().unwrap() = skew;
    }

    fn tick(&self, phase: Phase) {
        let machine = &self.machines[self.below(3)];
        self.tick_on(machine, phase);
    }

    fn tick_on(
        &self,
        machine: &Machine,
        phase: Phase,
    ) -> Option<fleet::app::tick::report::TickReport> {
        let pid = self.pids.fetch_add(1, Ordering::SeqCst);
        self.tell(|| format!("{} ticks ({phase:?}, pid {pid})", machine.name));
        let process = Process::new(self, machine, pid, phase);
        match process.tick() {
            None => None,
            Some(Ok(report)) => {
                self.tell(|| {
                    let ended: Vec<_> = report
                        .sessions
                        .iter()
                        .map(|s| format!("{} {:?}", s.task, s.ended))
                        .collect();
                    format!(
                        "  {} {pid}: {} {ended:?} {:?}",
                        machine.name,
                        report.reconciled.join("; "),
                        report.notes
                    )
                });
                Some(report)
            }
            Some(Err(error)) => {
                self.tell(|| format!("  {} {pid}: {error}", machine.name));
                if !self.has_faults() {
                    self.breaks(format!("a tick fails in calm: {error}"));
                }
                None
            }
        }
    }

    // ── what people do ──────────────────────────────────────────────────────────────────────

    /// Publishes what a person decides on the newest state; true if it was acknowledged.
    fn write(&self, subject: &str, decide: impl Fn(&State) -> Vec<Op>) -> Option<Vec<RecordId>> {
        let people = People(self);
        let context = Context {
            repo: &self.human,
            clock: &people,
            ids: &people,
            actor: "human:mia",
            run: "mia",
        };
        let terms = Terms {
            scope: Scope::All,
            freshness: Freshness::Fetch(LIMIT),
            how: How::Must(LIMIT),
            checkpoint: Checkpoint::IfGrown,
        };
        let changed = change(context, &terms, |loaded, minter| {
            let ids: Vec<_> = decide(&loaded.state)
                .into_iter()
                .map(|op| minter.add(op))
                .collect();
            Ok::<_, Infallible>(if ids.is_empty() {
                Decision::Nothing(ids)
            } else {
                Decision::write(ids, subject)
            })
        });
        match changed {
            Ok(changed) => {
                self.tell(|| format!("mia: {subject}"));
                let mut known = self.acknowledged.lock().unwrap();
                for (task, number) in &changed.granted {
                    known.insert(*task, Some(number.to_string()));
                }
                Some(changed.value)
            }
            Err(error) => {
                self.breaks(format!("a person cannot {subject}: {error}"));
                None
            }
        }
    }

    fn add(&self) {
        let globs = [vec![], vec!["src/a"], vec!["src/b"], vec!["src/**"]];
        let paths = &globs[self.below(4)];
        let after = self.below(3) == 0;
        let (pick, way) = (self.below(50), self.below(6));
        let added = self.write("add a task", |_| {
            vec![Op::TaskAdded(TaskAdded {
                set: TaskFields {
                    title: Some("Do it".to_owned()),
                    ..TaskFields::default()
                },
                paths: paths.iter().map(|p| (*p).to_owned()).collect(),
                admitted: true,
                ..TaskAdded::default()
            })]
        });
        let Some(id) = added.and_then(|ids| ids.first().copied()) else {
            return;
        };
        let task = TaskUid::created_by(id);
        self.acknowledged
            .lock()
            .unwrap()
            .entry(task)
            .or_insert(None);
        if after {
            let kind = if way == 0 {
                DepKind::WaitsFor
            } else {
                DepKind::Blocks
            };
            self.write("add an edge", |state| {
                let older: Vec<_> = state.tasks.keys().filter(|uid| **uid < task).collect();
                let to = (!older.is_empty()).then(|| *older[pick % older.len()]);
                to.map(|to| {
                    Op::DepAdded(DepEdge {
                        from: task,
                        to,
                        kind,
                    })
                })
                .into_iter()
                .collect()
            });
        }
    }

    fn close(&self) {
        let pick = self.below(50);
        self.write("close a task", |state| {
            let open: Vec<_> = state.tasks.iter().filter(|(_, t)| t.is_open()).collect();
            if open.is_empty() {
                return Vec::new();
            }
            vec![Op::TaskClosed(TaskClosed {
                task: *open[pick % open.len()].0,
                outcome: CloseOutcome::Wontdo,
                reason: String::new(),
            })]
        });
    }

    fn answer(&self, all: bool) {
        let pick = self.below(50);
        self.write("answer", |state| {
            let open: Vec<_> = state
                .escalations
                .iter()
                .filter(|(_, e)| e.is_open())
                .collect();
            let few: Vec<_> = if all || open.is_empty() {
                open
            } else {
                vec![open[pick % open.len()]]
            };
            few.into_iter()
                .map(|(uid, e)| {
                    let options = &e.opened.as_ref().expect("it is open").0.options;
                    let answer = options.first().cloned();
                    Op::EscalationAnswered(EscalationAnswered {
                        escalation: *uid,
                        answer: answer.unwrap_or_else(|| "go on".to_owned()),
                    })
                })
                .collect()
        });
    }

    fn admit(&self) {
        self.write("admit all", |state| {
            let waits = state
                .tasks
                .iter()
                .filter(|(_, t)| t.is_open() && !t.admitted.value);
            waits
                .map(|(uid, task)| {
                    Op::TaskAdmitted(TaskAdmitted {
                        task: *uid,
                        sha256: admission_hash(task),
                    })
                })
                .collect()
        });
    }

    fn open_pulls(&self) -> Vec<(u64, String, Oid)> {
        let pulls = self.pulls.lock().unwrap();
        let open = pulls.open();
        open.map(|pull| (pull.number, pull.branch.clone(), pull.head.clone()))
            .collect()
    }

    fn merge(&self) {
        let open = self.open_pulls();
        if !open.is_empty() {
            let (number, _, head) = open[self.below(open.len())].clone();
            self.merge_one(number, &head);
        }
    }

    fn merge_one(&self, number: u64, head: &Oid) {
        let by_hand = !self.has_faults();
        let merged = self.code.lock().unwrap().squash(head, by_hand);
        let mut pulls = self.pulls.lock().unwrap();
        let Some(pull) = pulls.get(number) else {
            return;
        };
        match merged {
            Some(commit) => {
                self.tell(|| format!("mia merges #{number} ({})", pull.branch));
                pull.state = ForgeState::Merged {
                    commit: Some(commit),
                };
            }
            None => self.tell(|| format!("mia cannot merge #{number}: conflict")),
        }
    }

    fn reject(&self) {
        let open = self.open_pulls();
        if !open.is_empty() {
            let (number, ..) = open[self.below(open.len())];
            self.tell(|| format!("mia closes #{number}"));
            if let Some(pull) = self.pulls.lock().unwrap().get(number) {
                pull.state = ForgeState::Closed;
            }
        }
    }

    fn ask_for_changes(&self) {
        let open = self.open_pulls();
        if open.is_empty() {
            return;
        }
        let (number, _, head) = open[self.below(open.len())].clone();
        let kinds = [FeedbackKind::ChangesRequested, FeedbackKind::ChecksFailed];
        let kind = kinds[self.below(2)];
        self.tell(|| format!("#{number}: {kind:?}"));
        if let Some(pull) = self.pulls.lock().unwrap().get(number) {
            let key = format!("{kind:?}:{}", pull.feedback.len());
            pull.feedback.push(ForgeFeedback {
                kind,
                head,
                text: "Mend it.".to_owned(),
                key,
            });
        }
    }

    /// A person commits to an agent's branch and pushes.
    fn commit_on_branch(&self) {
        let branches: Vec<_> = self.agent_branches().into_iter().collect();
        if branches.is_empty() {
            return;
        }
        let (name, head) = branches[self.below(branches.len())].clone();
        let mut code = self.code.lock().unwrap();
        let mut files = code.files(&head);
        files.insert("src/by-mia".to_owned(), self.now().0);
        let new = code.commit(vec![head.clone()], files, "by hand");
        drop(code);
        let view = self.human.view(Freshness::Fetch(LIMIT)).unwrap();
        let moved = RefChange {
            name: format!("refs/heads/{name}"),
            expected: Some(head),
            new,
        };
        let proposal = Proposal {
            based_on: view.tip,
            unpublished: None,
            files: Vec::new(),
            refs: vec![moved.clone()],
            subject: "by hand".to_owned(),
            nonce: self.uuid(Timestamp(0)).to_string(),
            reach: Reach::Remote(LIMIT),
            settles_unpublished: false,
        };
        self.human.publish(&proposal).unwrap();
        self.tell(|| format!("mia commits to {name}"));
        self.pulls.lock().unwrap().follow(&name, &moved.new);
    }

    // ── what is noticed at once ─────────────────────────────────────────────────────────────

    pub(crate) fn agent_branches(&self) -> BTreeMap<String, Oid> {
        let names = self.branches.lock().unwrap();
        let at = |name: &String| {
            let oid = self.remote.ref_at(&format!("refs/heads/{name}"))?;
            Some((name.clone(), oid))
        };
        names.iter().filter_map(at).collect()
    }

    /// The newest published state, whole.
    pub(crate) fn state(&self) -> State {
        let view = self
            .remote
            .clone_as("checker")
            .view(Freshness::Fetch(LIMIT));
        let loaded = store::load(&view.unwrap(), Scope::All).unwrap();
        if !loaded.problems.is_empty() {
            self.breaks(format!("i6: damaged state: {:?}", loaded.problems));
        }
        loaded.state
    }

    /// A branch of an agent moved, together with the state.
    pub(crate) fn branch_moved(&self, proposal: &Proposal, moved: &RefChange) {
        let name = moved.name.trim_start_matches("refs/heads/").to_owned();
        if self.remote.ref_at(&moved.name).as_ref() != Some(&moved.new) {
            return;
        }
        self.branches.lock().unwrap().insert(name.clone());
        self.pulls.lock().unwrap().follow(&name, &moved.new);
        let code = self.code.lock().unwrap();
        if let Some(old) = &moved.expected
            && !code.contains(&moved.new, old)
        {
            self.breaks(format!(
                "r10: {name} was rewritten: {} is lost",
                old.short()
            ));
        }
        drop(code);
        // The push named the tip that it was decided on, so the state before it is that one's.
        let before = self.remote.history();
        let before = before
            .iter()
            .find(|c| Some(&c.oid) == proposal.based_on.as_ref());
        let Some(before) = before else {
            return;
        };
        let held = fold_of(&before.tree);
        let state = self.state();
        let pushed = state
            .sessions
            .iter()
            .find(|(_, s)| s.head() == Some(&moved.new));
        if let Some((session, known)) = pushed
            && let Some((claim, _)) = &known.claim
            && held.index().lease_holder(&held, claim.task) != Some(*session)
        {
            self.breaks(format!(
                "i2: {name} was pushed by an attempt that was superseded"
            ));
        }
    }

    pub(crate) fn run_begins(&self, process: &Process<'_>, lease: &Lease) {
        let state = self.state();
        let (task, session) = (lease.task(), lease.session());
        let holder = state.index().lease_holder(&state, task);
        let open = state.tasks.get(&task).is_some_and(|t| t.is_open());
        if holder != Some(session) && open && holder.is_some() {
            self.breaks(format!(
                "i3: {} runs while another attempt holds the lease",
                state.name_of(task)
            ));
        }
        let mut running = self.running.lock().unwrap();
        if let Some((other, machine, pid)) = running.get(&task)
            && *other != session
            && self.lives(machine, *pid)
        {
            self.breaks(format!(
                "i2: two agents work on {} at once",
                state.name_of(task)
            ));
        }
        running.insert(task, (session, process.machine.name.clone(), process.pid));
    }

    pub(crate) fn run_ends(&self, lease: &Lease) {
        self.running.lock().unwrap().remove(&lease.task());
    }

    fn lives(&self, machine: &str, pid: u32) -> bool {
        let machine = self.machines.iter().find(|m| m.name == machine);
        machine.is_some_and(|m| m.alive.lock().unwrap().contains(&pid))
    }

    // ── what must hold after each step ──────────────────────────────────────────────────────

    fn check(&self) {
        let state = self.state();
        for (task, number) in self.acknowledged.lock().unwrap().iter() {
            if !state.tasks.contains_key(task) {
                self.breaks(format!("i1: the acknowledged task {task} is lost"));
            }
            let now = state.number_of(*task).map(|n| n.to_string());
            if number.is_some() && now != *number {
                self.breaks(format!(
                    "i5: {number:?} was printed, the state says {now:?}"
                ));
            }
        }
        let mut held = BTreeMap::new();
        for (uid, session) in &state.sessions {
            if session.holds_lease()
                && let Some((claim, _)) = &session.claim
                && let Some(other) = held.insert(claim.task, uid)
            {
                self.breaks(format!("i2: {other} and {uid} hold the lease of one task"));
            }
        }
        let pulls = self.pulls.lock().unwrap();
        for name in self.branches.lock().unwrap().iter() {
            if pulls.open_of(name).len() > 1 {
                self.breaks(format!("i4: {name} has two open reviews"));
            }
        }
    }

    // ── when faults stop ────────────────────────────────────────────────────────────────────

    fn calm(&self) {
        self.tell(|| "calm".to_owned());
        for machine in &self.machines {
            *machine.skew.lock().unwrap() = 0;
        }
        self.running.lock().unwrap().clear();
        let mut waits = Vec::new();
        for round in 0..CALM {
            self.pass(DurationMs::mins(25));
            self.answer(true);
            self.admit();
            for (number, _, head) in self.open_pulls() {
                self.merge_one(number, &head);
            }
            let machine = &self.machines[round as usize % 3];
            let report = self.tick_on(machine, Phase::All);
            self.check();
            if !self.broken.lock().unwrap().is_empty() {
                return;
            }
            waits = report.map(|r| r.waiting).unwrap_or_default();
            if self.state().tasks.values().all(|task| !task.is_open()) {
                self.quiet();
                return;
            }
        }
        let waits: Vec<_> = waits
            .iter()
            .map(|w| format!("{}: {}", w.task, w.why.join(", ")))
            .collect();
        self.tell(|| self.open_work());
        self.breaks(format!(
            "i7: after {CALM} calm rounds there is open work: {waits:?}"
        ));
    }

    /// What the records say of open tasks, for whoever reads the story.
    fn open_work(&self) -> String {
        let state = self.state();
        let index = state.index();
        let mut out = String::new();
        for (uid, _) in state.tasks.iter().filter(|(_, task)| task.is_open()) {
            out.push_str(&format!("{}\n", state.name_of(*uid)));
            for session in index.sessions_of(*uid) {
                out.push_str(&format!("  {session}: {:?}\n", state.sessions[session]));
            }
            for review in index.reviews_of(*uid) {
                out.push_str(&format!("  {review}: {:?}\n", state.reviews[review]));
            }
            for asked in index.escalations_of(*uid) {
                out.push_str(&format!("  {asked}: {:?}\n", state.escalations[asked]));
            }
        }
        out
    }

    /// Nothing is open: ticking again changes nothing, nothing is left, and the records are sound.
    fn quiet(&self) {
        for machine in &self.machines {
            self.tick_on(machine, Phase::All);
        }
        let tip = self.remote.tip();
        for machine in &self.machines {
            self.tick_on(machine, Phase::All);
            let left = machine.workspaces.lock().unwrap().len();
            let handed = machine.handover.lock().unwrap();
            let folders: Vec<_> = handed.keys().filter(|name| name.contains('/')).collect();
            if left > 0 || !folders.is_empty() {
                self.breaks(format!(
                    "i9: {} keeps {left} workspaces and {folders:?}",
                    machine.name
                ));
            }
        }
        if self.remote.tip() != tip {
            self.breaks("i8: a tick with nothing to do writes".to_owned());
        }
        let view = self
            .remote
            .clone_as("checker")
            .view(Freshness::Fetch(LIMIT))
            .unwrap();
        let problems = store::verify(&view).unwrap();
        if !problems.is_empty() {
            self.breaks(format!("i14: the checkpoint is not the fold: {problems:?}"));
        }
        for (number, branch, _) in self.open_pulls() {
            self.breaks(format!(
                "i4: #{number} of {branch} is open and its task is done"
            ));
        }
    }
}

fn fold_of(tree: &fleet::ports::memory_tree::MemoryTree) -> State {
    let view = fleet::ports::state_repo::StateView {
        tip: None,
        tree: Box::new(tree.clone()),
        unpublished: None,
        unpublished_tip: None,
        remote: fleet::ports::state_repo::RemoteState::None,
        cache_key: String::new(),
    };
    store::load(&view, Scope::All).unwrap().state
}

/// The clock and the ids of people.
struct People<'a>(&'a Sim);

impl Clock for People<'_> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
    fn moment(&self) -> Moment {
        Moment(self.0.now().0)
    }
    fn pause(&self, span: DurationMs) {
        self.0.pass(span);
    }
}

impl Ids for People<'_> {
    fn record(&self, now: Timestamp) -> RecordId {
        RecordId(self.0.uuid(now))
    }
    fn nonce(&self) -> String {
        self.0.uuid(Timestamp(0)).simple().to_string()
    }
}
