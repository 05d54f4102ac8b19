//! The world of one seed: machines, the remote, the forge, people, chance and time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use fleet::app::tick::Phase;
use fleet::domain::ids::{SessionUid, TaskUid};
use fleet::domain::money::MicroUsd;
use fleet::domain::policy::Policy;
use fleet::domain::state::State;
use fleet::domain::time::{DurationMs, Timestamp};
use fleet::ports::memory::{Fault, MemoryRemote, MemoryRepo};
use fleet::ports::state_repo::{Proposal, Reach, StateRepo as _};
use fleet::store::{self, Memo};

use crate::sim::code::Code;
use crate::sim::forge::Pulls;
use crate::sim::ledger::Ledger;
use crate::sim::policies::{self, World};
use crate::sim::process::{Machine, Process};
use crate::sim::rng::{Rng, keyed};
use crate::sim::services::AtService;
use crate::sim::tally::Tally;
use crate::sim::tickets::Desk;

/// 2026-11-21T08:00:00Z.
const BEGIN: u64 = 1_795_248_000_000;
pub(crate) const LIMIT: DurationMs = DurationMs::secs(20);
pub(crate) struct Sim {
    pub(crate) seed: u64,
    pub(crate) world: &'static World,
    pub(crate) remote: MemoryRemote,
    pub(crate) code: Mutex<Code>,
    pub(crate) pulls: Mutex<Pulls>,
    pub(crate) desk: Mutex<Desk>,
    pub(crate) service: Mutex<Vec<AtService>>,
    pub(crate) machines: Vec<Machine>,
    pub(crate) human: MemoryRepo,
    /// What was parsed, by whomever: bytes say the same to all. What is checked is read without it.
    pub(crate) memo: Memo,
    rng: Mutex<Rng>,
    clock: AtomicU64,
    made: AtomicU64,
    /// What each session has really cost.
    pub(crate) spent: Mutex<BTreeMap<SessionUid, MicroUsd>>,
    pids: AtomicU32,
    faults: AtomicBool,
    depth: AtomicU32,
    /// Tasks whose adding was acknowledged.
    pub(crate) acknowledged: Mutex<BTreeMap<TaskUid, Option<String>>>,
    /// Tasks that a person added and that are not published yet.
    pub(crate) kept: Mutex<Vec<TaskUid>>,
    pub(crate) adds: AtomicU64,
    /// Tasks that are done, once that was looked at.
    pub(crate) done: Mutex<BTreeSet<TaskUid>>,
    /// Tasks that a person admitted by hand.
    pub(crate) admitted: Mutex<BTreeSet<TaskUid>>,
    /// Agents at work: whose session, on which machine, in which process.
    pub(crate) running: Mutex<BTreeMap<TaskUid, (SessionUid, String, u32)>>,
    pub(crate) branches: Mutex<BTreeSet<String>>,
    ledger: Mutex<Ledger>,
    tally: Mutex<Tally>,
    broken: Mutex<Vec<String>>,
    trace: Option<Mutex<Vec<String>>>,
}

impl Sim {
    pub(crate) fn new(seed: u64, traced: bool) -> Self {
        let remote = MemoryRemote::new();
        let code = Code::new();
        let machines = ["ash", "birch", "cedar"].map(|name| Machine {
            name: name.to_owned(),
            repo: remote.clone_as(name),
            skew: Mutex::new(0),
            handover: Mutex::default(),
            held: Arc::default(),
            workspaces: Mutex::default(),
            fetched: Mutex::new((code.base.clone(), BTreeMap::new())),
            alive: Mutex::default(),
        });
        let sim = Self {
            seed,
            world: policies::of(seed),
            human: remote.clone_as("human"),
            remote,
            code: Mutex::new(code),
            pulls: Mutex::default(),
            desk: Mutex::default(),
            service: Mutex::default(),
            machines: machines.into(),
            memo: Memo::default(),
            rng: Mutex::new(Rng::new(keyed(&[seed]))),
            clock: AtomicU64::new(BEGIN),
            made: AtomicU64::new(0),
            spent: Mutex::default(),
            pids: AtomicU32::new(1),
            faults: AtomicBool::new(false),
            depth: AtomicU32::new(0),
            acknowledged: Mutex::default(),
            kept: Mutex::default(),
            adds: AtomicU64::new(0),
            admitted: Mutex::default(),
            done: Mutex::default(),
            running: Mutex::default(),
            branches: Mutex::default(),
            ledger: Mutex::default(),
            tally: Mutex::default(),
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

    /// Chance of a fault, which is counted under its name.
    pub(crate) fn fault(&self, per_mille: u64, name: &'static str) -> bool {
        let strikes = self.has_faults() && self.roll(per_mille);
        if strikes {
            self.count(name);
        }
        strikes
    }

    pub(crate) fn count(&self, what: &'static str) {
        self.tally.lock().unwrap().count(what);
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally.lock().unwrap().clone()
    }

    /// The newest published state, whole.
    pub(crate) fn state(&self) -> Arc<State> {
        let (state, wrong) = self.ledger.lock().unwrap().catch_up(&self.remote);
        for what in wrong {
            self.breaks(what);
        }
        state
    }

    pub(crate) fn pick<'a, T>(&self, among: &'a [T]) -> &'a T {
        self.rng.lock().unwrap().pick(among).expect("there is one")
    }

    pub(crate) fn below(&self, n: usize) -> usize {
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

    /// The next push of `who` may go wrong.
    pub(crate) fn spoil_push(&self, who: &str, per_mille: u64) {
        let faults = [
            (Fault::Lost, "pushes lost"),
            (Fault::Unreachable, "pushes without answer"),
            (Fault::LostAck, "acknowledgements lost"),
            (Fault::LostAck, "acknowledgements lost"),
        ];
        if self.has_faults() && self.roll(per_mille) {
            let (fault, name) = *self.pick(&faults);
            self.tell(|| format!("  {who} push: {fault:?}"));
            self.count(name);
            self.remote.fail_next(fault);
        }
    }

    /// What its owner configured, as it is now.
    pub(crate) fn policy(&self) -> &'static Policy {
        if self.has_faults() {
            &self.world.policy
        } else {
            &self.world.calm
        }
    }

    /// Money is gone, whoever writes it down.
    pub(crate) fn spend(&self, session: SessionUid, cost: MicroUsd) {
        let mut spent = self.spent.lock().unwrap();
        let so_far = spent.entry(session).or_default();
        *so_far = so_far.plus(cost);
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

    pub(crate) fn is_broken(&self) -> bool {
        !self.broken.lock().unwrap().is_empty()
    }

    /// Runs the seed: `steps` steps with faults, then calm. The first broken promise ends it.
    pub(crate) fn run(&self, steps: u32, left_out: &BTreeSet<u32>) {
        for _ in 0..2 + self.below(3) {
            self.add();
        }
        self.faults.store(true, Ordering::SeqCst);
        for step in (0..steps).filter(|step| !left_out.contains(step)) {
            self.turn_to(step);
            self.act();
            self.check();
            if self.is_broken() {
                return;
            }
        }
        self.faults.store(false, Ordering::SeqCst);
        self.calm();
    }

    /// Each step has its own chance and its own ids, so that the others stay what they are when one
    /// is left out.
    pub(crate) fn turn_to(&self, step: u32) {
        let step = u64::from(step) + 1;
        *self.rng.lock().unwrap() = Rng::new(keyed(&[self.seed, step]));
        self.made.store(step << 20, Ordering::SeqCst);
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
        self.count("steps");
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
            93..94 => self.delete_branch(),
            94..96 => self.remark(),
            96..98 if self.policy().intake.enabled => self.ticket(),
            _ => self.later(),
        }
    }

    fn later(&self) {
        self.count("jumps of time");
        let span = DurationMs::mins([1, 5, 16, 31, 90][self.below(5)]);
        self.tell(|| format!("{} min pass", span.0 / 60_000));
        self.pass(span);
    }

    fn skew(&self) {
        let machine = &self.machines[self.below(3)];
        self.count("clocks set");
        let skew = [0, 90_000, -90_000, 1_200_000, -600_000][self.below(5)];
        self.tell(|| format!("the clock of {} is off by {} s", machine.name, skew / 1000));
        *machine.skew.lock().unwrap() = skew;
    }

    fn tick(&self, phase: Phase) {
        let machine = &self.machines[self.below(3)];
        self.tick_on(machine, phase);
    }

    pub(crate) fn tick_on(
        &self,
        machine: &Machine,
        phase: Phase,
    ) -> Option<fleet::app::tick::report::TickReport> {
        let pid = self.pids.fetch_add(1, Ordering::SeqCst);
        self.count("ticks");
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
}
