//! What a process has of its machine: the state repository, clock, ids, itself, the hand-over folder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use fleet::domain::ids::{RecordId, SessionUid};
use fleet::domain::session::RunnerIdentity;
use fleet::domain::time::{DurationMs, Moment, Timestamp};
use fleet::ports::clock::{Clock, Ids};
use fleet::ports::handover::{Handover, HandoverError, Hold};
use fleet::ports::host::{Host, Life};
use fleet::ports::journal::{Chunk, JournalError, Journals};
use fleet::ports::memory::Fault;
use fleet::ports::runner::AgentEvent;
use fleet::ports::state_repo::{
    Freshness, Proposal, PublishOutcome, StateRepo, StateRepoError, StateView,
};

use crate::sim::process::Process;

impl StateRepo for Process<'_> {
    fn view(&self, freshness: Freshness) -> Result<StateView, StateRepoError> {
        self.around("view", || {
            let asks = matches!(freshness, Freshness::Fetch(_));
            if asks {
                self.uses_a_right("a fetch");
            }
            if asks && self.sim.fault(25, "fetches without answer") {
                self.sim.remote.fail_next(Fault::FetchUnreachable);
            } else if asks {
                self.fetch_refs();
            }
            self.machine.repo.view(freshness)
        })
    }

    fn publish(&self, proposal: &Proposal) -> Result<PublishOutcome, StateRepoError> {
        self.around("publish", || {
            self.uses_a_right("a push");
            self.sim
                .goes_out("a commit of the state", &proposal.subject);
            self.sim.spoil_push(&self.machine.name, 60);
            let before = self.sim.state();
            // A push that comes too late moves nothing, even if another one brought the same commit.
            let fits = self.sim.remote.tip() == proposal.based_on;
            let outcome = self.machine.repo.publish(proposal);
            if fits && self.sim.remote.tip() != proposal.based_on {
                for moved in &proposal.refs {
                    self.sim.may_move(&moved.name);
                    self.sim.branch_moved(&before, moved);
                }
                self.sim.claims_made(&before);
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
        self.enter();
        self.wall()
    }

    fn moment(&self) -> Moment {
        self.enter();
        self.steady()
    }

    fn pause(&self, span: DurationMs) {
        self.enter();
        self.sim.pass(span);
    }
}

impl Ids for Process<'_> {
    fn record(&self, now: Timestamp) -> RecordId {
        self.enter();
        RecordId(self.sim.uuid(now))
    }

    fn nonce(&self) -> String {
        self.enter();
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
        self.enter();
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

impl Handover for Process<'_> {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), HandoverError> {
        self.stays_inside(name);
        self.around("hand over", || {
            let mut all = self.machine.handover.lock().unwrap();
            all.insert(name.to_owned(), bytes.to_vec());
            Ok(())
        })
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, HandoverError> {
        self.enter();
        Ok(self.machine.handover.lock().unwrap().get(name).cloned())
    }

    fn path(&self, name: &str) -> Result<PathBuf, HandoverError> {
        Ok(PathBuf::from("/sim/handover").join(name))
    }

    fn folders(&self) -> Result<Vec<String>, HandoverError> {
        self.enter();
        let all = self.machine.handover.lock().unwrap();
        let folders = all.keys().filter_map(|name| name.split_once('/'));
        let mut folders: Vec<String> = folders.map(|(folder, _)| folder.to_owned()).collect();
        folders.dedup();
        Ok(folders)
    }

    fn remove(&self, folder: &str) {
        self.enter();
        let mut all = self.machine.handover.lock().unwrap();
        all.retain(|name, _| name.split('/').next() != Some(folder));
    }

    fn hold(&self, folder: &str) -> Result<Option<Hold>, HandoverError> {
        self.enter();
        let mut all = self.machine.held.lock().unwrap();
        let alive = self.machine.alive.lock().unwrap();
        if all.get(folder).is_some_and(|pid| alive.contains(pid)) {
            return Ok(None);
        }
        all.insert(folder.to_owned(), self.pid);
        Ok(Some(Hold::new(Held {
            all: Arc::clone(&self.machine.held),
            folder: folder.to_owned(),
        })))
    }
}

/// A lock of a file: given back when it is closed.
struct Held {
    all: Arc<Mutex<BTreeMap<String, u32>>>,
    folder: String,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.lock().unwrap().remove(&self.folder);
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
