//! One process of fleet on one machine, with chance before and after each of its effects.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use fleet::app::context::Context;
use fleet::app::tick::report::{TickEvent, TickReport};
use fleet::app::tick::{Phase, TickOptions, World, tick};
use fleet::domain::ids::{Oid, SessionUid};
use fleet::domain::time::{Moment, Timestamp};
use fleet::ports::memory::MemoryRepo;
use fleet::ports::runner::Cancel;

use crate::sim::code::Files;
use crate::sim::secrecy::SECRETS;
use crate::sim::turn::Turn;
use crate::sim::world::Sim;

/// The process was killed here. Not a panic: nothing is printed, nothing is a defect.
pub(crate) struct Killed;

/// What lies on the disk of a machine, whatever becomes of its processes.
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) repo: MemoryRepo,
    /// How far its clock is off, in milliseconds.
    pub(crate) skew: Mutex<i64>,
    pub(crate) handover: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Which process has the run of a session, or the right to change the claims.
    pub(crate) held: Arc<Mutex<BTreeMap<String, u32>>>,
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
    pub(crate) turn: Turn,
    pub(crate) phase: Phase,
    killed: AtomicBool,
}

thread_local! {
    /// The process that this thread is the first one of.
    static FIRST: Cell<u32> = const { Cell::new(0) };
}

impl<'a> Process<'a> {
    pub(crate) fn new(sim: &'a Sim, machine: &'a Machine, pid: u32, phase: Phase) -> Self {
        Self {
            sim,
            machine,
            pid,
            turn: Turn::default(),
            phase,
            killed: AtomicBool::new(false),
        }
    }

    /// A whole tick, or one phase of it. `None` if the process was killed.
    pub(crate) fn tick(&self) -> Option<Result<TickReport, String>> {
        let run = format!("run{}", self.pid);
        let world = World {
            tickets: Some(self),
            context: Context {
                repo: self,
                clock: self,
                ids: self,
                actor: "fleet",
                run: &run,
                memo: &self.sim.memo,
            },
            policy: self.sim.policy(),
            code: self,
            workspaces: self,
            forge: self,
            runner: self,
            remotes: self,
            host: self,
            handover: self,
            own: self,
            secrets: &SECRETS,
            journals: self,
        };
        let options = TickOptions {
            phase: self.phase,
            ..TickOptions::default()
        };
        let outer = FIRST.replace(self.pid);
        self.machine.alive.lock().unwrap().push(self.pid);
        let mut on = |event: TickEvent| self.turn.sees(&event);
        let work = || tick(&world, &options, &Cancel::default(), &mut on);
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
            Err(panic) => resume_unwind(panic),
        }
    }

    fn is_first(&self) -> bool {
        FIRST.get() == self.pid
    }

    /// Every call of the product begins here: the dead do nothing, and an agent's thread waits for
    /// its turn.
    pub(crate) fn enter(&self) {
        if !self.is_first() {
            self.turn.wait();
        }
        if self.killed.load(Ordering::SeqCst) {
            resume_unwind(Box::new(Killed));
        }
    }

    fn die(&self, point: &str) -> ! {
        self.sim.count("kills");
        self.sim
            .tell(|| format!("  {} {} killed at {point}", self.machine.name, self.pid));
        self.killed.store(true, Ordering::SeqCst);
        self.turn.end();
        resume_unwind(Box::new(Killed))
    }

    /// Chance before and after an effect: the process dies, or others act meanwhile.
    pub(crate) fn around<T>(&self, point: &str, effect: impl FnOnce() -> T) -> T {
        self.enter();
        if self.is_first() {
            self.turn.acts();
        }
        self.chance(point, "before");
        let out = effect();
        self.chance(point, "after");
        out
    }

    fn chance(&self, point: &str, when: &str) {
        if !self.sim.has_faults() {
            return;
        }
        if self.sim.roll(12) {
            self.die(&format!("{point}, {when}"));
        }
        self.sim.meanwhile(point);
    }

    /// What the clock of the machine shows this thread; it stands still for one that rests.
    pub(crate) fn wall(&self) -> Timestamp {
        let rests = self.is_first().then(|| self.turn.time_at_rest()).flatten();
        rests.unwrap_or_else(|| {
            let skew = *self.machine.skew.lock().unwrap();
            Timestamp(self.sim.now().0.saturating_add_signed(skew))
        })
    }

    /// Time that only goes on. Nothing is due for a thread that rests, whenever it wakes.
    pub(crate) fn steady(&self) -> Moment {
        let rests = self.is_first() && self.turn.time_at_rest().is_some();
        Moment(if rests { 0 } else { self.sim.now().0 })
    }

    pub(crate) fn fetch_refs(&self) {
        let base = self.sim.code.lock().unwrap().base.clone();
        *self.machine.fetched.lock().unwrap() = (base, self.sim.agent_branches());
    }
}
