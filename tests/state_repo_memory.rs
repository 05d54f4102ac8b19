//! The in-memory state repository keeps the contract.

#[path = "support/state_repo_contract.rs"]
mod contract;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use contract::World;
use fleet::domain::ids::Oid;
use fleet::ports::memory::{Fault, MemoryRemote, MemoryRepo};
use fleet::ports::state_repo::{
    Freshness, Proposal, PublishOutcome, StateRepo, StateRepoError, StateView,
};

struct Memory {
    remote: Option<MemoryRemote>,
    clones: Mutex<Vec<Arc<MemoryRepo>>>,
    answers: Arc<AtomicBool>,
    refuses: Arc<AtomicBool>,
}

/// A handle; asks the remote for its fault before each call, as the world said.
struct Handle {
    repo: Arc<MemoryRepo>,
    answers: Arc<AtomicBool>,
    refuses: Arc<AtomicBool>,
}

impl StateRepo for Handle {
    fn view(&self, freshness: Freshness) -> Result<StateView, StateRepoError> {
        if !self.answers.load(Ordering::SeqCst) && freshness != Freshness::Local {
            self.repo.remote().fail_next(Fault::FetchUnreachable);
        }
        self.repo.view(freshness)
    }

    fn publish(&self, proposal: &Proposal) -> Result<PublishOutcome, StateRepoError> {
        if !self.answers.load(Ordering::SeqCst) {
            self.repo.remote().fail_next(Fault::Unreachable);
        }
        if self.refuses.load(Ordering::SeqCst) {
            self.repo.remote().fail_next(Fault::Denied);
        }
        self.repo.publish(proposal)
    }

    fn writer(&self) -> Result<String, StateRepoError> {
        self.repo.writer()
    }
}

impl Memory {
    fn world(with_remote: bool) -> Box<dyn World> {
        Box::new(Self {
            remote: with_remote.then(MemoryRemote::new),
            clones: Mutex::new(Vec::new()),
            answers: Arc::new(AtomicBool::new(true)),
            refuses: Arc::new(AtomicBool::new(false)),
        })
    }

    fn handle(&self, repo: Arc<MemoryRepo>) -> Box<dyn StateRepo> {
        Box::new(Handle {
            repo,
            answers: Arc::clone(&self.answers),
            refuses: Arc::clone(&self.refuses),
        })
    }

    fn shared(&self) -> MemoryRemote {
        let clones = self.clones.lock().unwrap();
        clones[0].remote().clone()
    }
}

impl World for Memory {
    fn repo(&self) -> Box<dyn StateRepo> {
        let mut clones = self.clones.lock().unwrap();
        let repo = match (&self.remote, clones.first()) {
            (Some(remote), _) => remote.clone_as(&format!("clone{}", clones.len())),
            (None, Some(first)) => first.beside(),
            (None, None) => MemoryRepo::alone("alone"),
        };
        let repo = Arc::new(repo);
        clones.push(Arc::clone(&repo));
        self.handle(repo)
    }

    fn again(&self, nth: usize) -> Box<dyn StateRepo> {
        let repo = Arc::clone(&self.clones.lock().unwrap()[nth]);
        self.handle(repo)
    }

    fn has_remote(&self) -> bool {
        self.remote.is_some()
    }

    fn commit(&self, _nth: usize, salt: u32) -> Oid {
        format!("{salt:040x}").parse().unwrap()
    }

    fn ref_at(&self, name: &str) -> Option<Oid> {
        self.shared().ref_at(name)
    }

    fn answer(&self, on: bool) -> bool {
        self.answers.store(on, Ordering::SeqCst);
        true
    }

    fn refuse(&self, on: bool) -> bool {
        self.refuses.store(on, Ordering::SeqCst);
        true
    }

    fn rewind(&self) -> bool {
        let shared = self.shared();
        let history = shared.history();
        shared.rewind(history[history.len() - 2].oid.clone().into());
        true
    }
}

#[test]
fn the_memory_repository_keeps_the_contract_with_a_remote() {
    contract::keep(&|| Memory::world(true));
}

#[test]
fn the_memory_repository_keeps_the_contract_without_a_remote() {
    contract::keep(&|| Memory::world(false));
}
