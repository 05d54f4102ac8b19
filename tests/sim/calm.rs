//! Faults stop: all work ends, and nothing is left over.

use fleet::app::tick::Phase;
use fleet::domain::time::DurationMs;
use fleet::engine::admission::is_admitted;
use fleet::ports::state_repo::{Freshness, StateRepo as _};
use fleet::store::{self, Scope};

use crate::sim::STEPS;
use crate::sim::world::{LIMIT, Sim};

/// Rounds of calm after which everything must have ended.
const CALM: u32 = 60;

impl Sim {
    pub(crate) fn calm(&self) {
        self.tell(|| "calm".to_owned());
        // A write that goes through takes along what was kept.
        self.add();
        for machine in &self.machines {
            *machine.skew.lock().unwrap() = 0;
        }
        self.running.lock().unwrap().clear();
        let mut waits = Vec::new();
        for round in 0..CALM {
            self.turn_to(STEPS + round);
            self.pass(DurationMs::mins(25));
            self.say_what_is_asked();
            for (number, _, head) in self.open_pulls() {
                self.merge_one(number, &head);
            }
            let machine = &self.machines[round as usize % 3];
            let report = self.tick_on(machine, Phase::All);
            self.check();
            if self.is_broken() {
                return;
            }
            waits = report.map(|r| r.waiting).unwrap_or_default();
            let state = self.state();
            // A run that nobody can see ends when a human says so, whatever became of its task.
            let asked = state.escalations.values().any(|asked| asked.is_open());
            if !asked && state.tasks.values().all(|task| !task.is_open()) {
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

    /// People do what is waited for.
    fn say_what_is_asked(&self) {
        let state = self.state();
        if state.escalations.values().any(|asked| asked.is_open()) {
            self.answer(true);
        }
        let mut open = state.tasks.values().filter(|task| task.is_open());
        if open.clone().any(|task| !is_admitted(task)) {
            self.admit();
        }
        if open.any(|task| task.details.held_by.value.is_some()) {
            self.lift_holds();
        }
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
        let mut tip = self.remote.tip();
        for round in 0..2 {
            // Once each may have something to say, what died on it being known to it alone.
            if round == 1 && self.remote.tip() == tip {
                break;
            }
            tip = self.remote.tip();
            for machine in &self.machines {
                self.tick_on(machine, Phase::All);
            }
        }
        for machine in &self.machines {
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
        let works = self.service.lock().unwrap();
        if works.iter().any(|one| one.works(self.now())) {
            self.breaks("i9: a session is left at the service".to_owned());
        }
        drop(works);
        let view = self
            .remote
            .clone_as("checker")
            .view(Freshness::Fetch(LIMIT))
            .unwrap();
        let state = self.state();
        for (session, lock) in &state.locks {
            if lock.task.is_some() && lock.released.is_none() {
                self.breaks(format!(
                    "i7: all is done, and the lock of {session} is not released"
                ));
            }
        }
        // The ledger took the records in as they came; the log has them by writer.
        let log = store::load_log(&view).unwrap();
        if log.state != *state {
            self.breaks("i14: another order of the records gives another state".to_owned());
        }
        let read = store::load(&view, Scope::All).unwrap();
        if read.state != *state {
            self.breaks("i14: the checkpoint is not the fold".to_owned());
        }
        for problem in log.problems.iter().chain(&read.problems) {
            self.breaks(format!("i6: the state has a problem: {problem:?}"));
        }
        // What `fleet doctor --verify` does, which costs as much as three ticks.
        if self.seed.is_multiple_of(16) {
            let problems = store::verify(&view).unwrap();
            if !problems.is_empty() {
                self.breaks(format!("i14: the checkpoint is not the fold: {problems:?}"));
            }
        }
        for (number, branch, _) in self.open_pulls() {
            self.breaks(format!(
                "i4: #{number} of {branch} is open and its task is done"
            ));
        }
    }
}
