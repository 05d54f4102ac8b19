//! A state repository in memory: for tests and simulation. It obeys the same contract as git's
//! (`tests/support/state_repo_contract.rs`) and touches nothing outside the process.
//!
//! [`MemoryRemote`] stands for the shared bare repository; each [`MemoryRepo`] is one clone of it.
//!
//! Longer than 400 lines because a remote, its clones and their faults are one small machine.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::ids::Oid;
use crate::ports::memory_tree::{MemoryTree, hash_of};
use crate::ports::state_repo::{
    Freshness, Proposal, PublishOutcome, Published, Reach, RefChange, RemoteState, StateRepo,
    StateRepoError, StateTree, StateView,
};

/// What the remote shall answer next, instead of the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Somebody else is said to have been first; nothing changes.
    Lost,
    /// Refused; nothing changes.
    Denied,
    /// No answer to the push nor to the question afterwards; nothing changed.
    Unreachable,
    /// The change arrives, but the answer and the question afterwards are lost.
    LostAck,
    /// The fetch before deciding gets no answer.
    FetchUnreachable,
}

/// One commit.
#[derive(Debug, Clone)]
pub struct MemoryCommit {
    /// Its name.
    pub oid: Oid,
    /// The commit it was made on.
    pub parent: Option<Oid>,
    /// Its files.
    pub tree: MemoryTree,
    /// Its message's first line.
    pub subject: String,
}

#[derive(Debug, Default)]
struct Shared {
    commits: BTreeMap<String, MemoryCommit>,
    tip: Option<Oid>,
    refs: BTreeMap<String, Oid>,
    faults: VecDeque<Fault>,
    pushes: u64,
    fetches: u64,
}

impl Shared {
    fn tree(&self, tip: Option<&Oid>) -> MemoryTree {
        tip.and_then(|oid| self.commits.get(oid.as_str()))
            .map(|c| c.tree.clone())
            .unwrap_or_default()
    }

    fn commit(&mut self, on: Option<&Oid>, proposal: &Proposal) -> MemoryCommit {
        let mut tree = self.tree(on);
        for file in &proposal.files {
            tree.set(&file.path, file.bytes.clone());
        }
        let seed = hash_of((on, &proposal.nonce, &proposal.subject, tree.content()));
        let name = format!("{seed:016x}{:016x}{:08x}", hash_of(seed), seed as u32);
        let oid = Oid::try_from(name).expect("40 hexadecimal digits are an object id");
        let commit = MemoryCommit {
            oid: oid.clone(),
            parent: on.cloned(),
            tree,
            subject: proposal.subject.clone(),
        };
        self.commits.insert(oid.as_str().to_owned(), commit.clone());
        commit
    }

    /// Compare-and-swap of the tip and of all `refs`, or of none.
    fn swap(
        &mut self,
        expected: Option<&Oid>,
        new: &Oid,
        refs: &[RefChange],
    ) -> Result<(), String> {
        if self.tip.as_ref() != expected {
            return Err("the state branch moved".to_owned());
        }
        let stale = |r: &&RefChange| self.refs.get(&r.name) != r.expected.as_ref();
        if let Some(moved) = refs.iter().find(stale) {
            return Err(format!("{} moved", moved.name));
        }
        for change in refs {
            self.refs.insert(change.name.clone(), change.new.clone());
        }
        self.tip = Some(new.clone());
        Ok(())
    }

    /// True if `old` is `new` or one of its ancestors.
    fn contains(&self, new: Option<&Oid>, old: &Oid) -> bool {
        let mut at = new;
        while let Some(oid) = at {
            if oid == old {
                return true;
            }
            at = self
                .commits
                .get(oid.as_str())
                .and_then(|c| c.parent.as_ref());
        }
        false
    }
}

/// The shared remote.
#[derive(Debug, Clone, Default)]
pub struct MemoryRemote(Arc<Mutex<Shared>>);

impl MemoryRemote {
    /// An empty remote: no state branch yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new clone with its own writer name (1 to 32 lower-case letters and digits).
    #[must_use]
    pub fn clone_as(&self, writer: &str) -> MemoryRepo {
        MemoryRepo::make(self.clone(), writer, true)
    }

    /// Makes the remote answer the next push (or fetch, for `FetchUnreachable`) with a fault.
    /// Several are answered in order.
    pub fn fail_next(&self, fault: Fault) {
        self.lock().faults.push_back(fault);
    }

    /// The tip of the state branch.
    #[must_use]
    pub fn tip(&self) -> Option<Oid> {
        self.lock().tip.clone()
    }

    /// Files at the tip.
    #[must_use]
    pub fn tree(&self) -> MemoryTree {
        let shared = self.lock();
        shared.tree(shared.tip.as_ref())
    }

    /// The published commits, oldest first.
    #[must_use]
    pub fn history(&self) -> Vec<MemoryCommit> {
        let shared = self.lock();
        let mut commits = Vec::new();
        let mut at = shared.tip.clone();
        while let Some(commit) = at.and_then(|oid| shared.commits.get(oid.as_str())) {
            commits.push(commit.clone());
            at = commit.parent.clone();
        }
        commits.reverse();
        commits
    }

    /// Where another ref points.
    #[must_use]
    pub fn ref_at(&self, name: &str) -> Option<Oid> {
        self.lock().refs.get(name).cloned()
    }

    /// Deletes another ref, as somebody may who has the right.
    pub fn delete_ref(&self, name: &str) {
        self.lock().refs.remove(name);
    }

    /// Pushes and fetches so far, for tests of cost.
    #[must_use]
    pub fn traffic(&self) -> (u64, u64) {
        let shared = self.lock();
        (shared.pushes, shared.fetches)
    }

    /// Replaces the tip's tree behind everybody's back, as a commit on top: damage for tests.
    pub fn tamper(&self, change: impl FnOnce(&mut MemoryTree)) {
        let mut shared = self.lock();
        let tip = shared.tip.clone();
        let mut tree = shared.tree(tip.as_ref());
        change(&mut tree);
        let proposal = Proposal {
            based_on: tip.clone(),
            files: Vec::new(),
            unpublished: None,
            refs: Vec::new(),
            subject: "tamper".to_owned(),
            nonce: format!("{:x}", shared.commits.len()),
            reach: Reach::LocalOnly,
            settles_unpublished: false,
        };
        let commit = shared.commit(tip.as_ref(), &proposal);
        if let Some(entry) = shared.commits.get_mut(commit.oid.as_str()) {
            entry.tree = tree;
        }
        shared.tip = Some(commit.oid);
    }

    /// Sets the tip back to an older commit, or to none: somebody rewrote the branch.
    pub fn rewind(&self, to: Option<Oid>) {
        self.lock().tip = to;
    }
}

#[derive(Debug, Default)]
struct Local {
    /// What was last seen at the remote.
    seen: Option<Oid>,
    /// Tip of local commits that the remote lacks.
    unpublished: Option<Oid>,
}

/// One clone.
#[derive(Debug)]
pub struct MemoryRepo {
    remote: MemoryRemote,
    has_remote: bool,
    local: Mutex<Local>,
    writer: String,
}

impl MemoryRepo {
    fn make(remote: MemoryRemote, writer: &str, has_remote: bool) -> Self {
        Self {
            remote,
            has_remote,
            local: Mutex::new(Local::default()),
            writer: writer.to_owned(),
        }
    }

    /// A repository without a remote: its own ref decides.
    #[must_use]
    pub fn alone(writer: &str) -> Self {
        Self::make(MemoryRemote::new(), writer, false)
    }

    /// A second process on the same repository without a remote.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self::make(self.remote.clone(), &self.writer, self.has_remote)
    }

    /// The store behind: the remote, or the own ref when there is none.
    #[must_use]
    pub const fn remote(&self) -> &MemoryRemote {
        &self.remote
    }

    fn local(&self) -> MutexGuard<'_, Local> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in the remote's tip; an error if it was rewound.
    fn fetch(&self, shared: &mut Shared, local: &mut Local) -> Result<(), StateRepoError> {
        shared.fetches += 1;
        if let Some(seen) = &local.seen
            && !shared.contains(shared.tip.as_ref(), seen)
        {
            let now = shared.tip.as_ref().map_or("nothing", |tip| tip.short());
            return Err(StateRepoError::Rewound {
                branch: "fleet/state".to_owned(),
                seen: seen.short().to_owned(),
                now: now.to_owned(),
            });
        }
        local.seen.clone_from(&shared.tip);
        Ok(())
    }

    fn push(
        &self,
        shared: &mut Shared,
        local: &mut Local,
        proposal: &Proposal,
    ) -> Result<PublishOutcome, StateRepoError> {
        shared.pushes += 1;
        let fault = match shared.faults.front() {
            Some(Fault::FetchUnreachable) | None => None,
            Some(_) => shared.faults.pop_front(),
        };
        match fault {
            Some(Fault::Lost) => {
                let cause = "the remote said: stale info".to_owned();
                return Ok(PublishOutcome::Lost { cause });
            }
            Some(Fault::Denied) => {
                let cause = "the remote said: protected branch".to_owned();
                return Ok(PublishOutcome::Denied {
                    cause,
                    by_rule: true,
                });
            }
            Some(Fault::Unreachable | Fault::FetchUnreachable) => {
                let cause = "could not resolve host".to_owned();
                return Ok(PublishOutcome::Unreachable { cause });
            }
            Some(Fault::LostAck) | None => {}
        }
        let commit = shared.commit(proposal.based_on.as_ref(), proposal);
        let swapped = shared.swap(proposal.based_on.as_ref(), &commit.oid, &proposal.refs);
        if fault == Some(Fault::LostAck) {
            let cause = "the connection was closed".to_owned();
            return Ok(PublishOutcome::Unreachable { cause });
        }
        if let Err(cause) = swapped {
            self.fetch(shared, local)?;
            return Ok(PublishOutcome::Lost { cause });
        }
        local.seen = Some(commit.oid.clone());
        // Somebody may have committed locally since the view was made: that stays.
        if proposal.settles_unpublished && local.unpublished == proposal.unpublished {
            local.unpublished = None;
        }
        Ok(PublishOutcome::Published(Published {
            tip: commit.oid,
            settled: true,
        }))
    }
}

impl StateRepo for MemoryRepo {
    fn view(&self, freshness: Freshness) -> Result<StateView, StateRepoError> {
        let mut shared = self.remote.lock();
        let mut local = self.local();
        let mut remote = if self.has_remote {
            RemoteState::NotAsked
        } else {
            local.seen.clone_from(&shared.tip);
            RemoteState::None
        };
        if self.has_remote && matches!(freshness, Freshness::Fetch(_)) {
            if shared.faults.front() == Some(&Fault::FetchUnreachable) {
                shared.faults.pop_front();
                remote = RemoteState::Unreachable {
                    cause: "could not resolve host".to_owned(),
                };
            } else {
                self.fetch(&mut shared, &mut local)?;
                remote = RemoteState::Fresh;
            }
        }
        let unpublished = local
            .unpublished
            .as_ref()
            .map(|oid| Box::new(shared.tree(Some(oid))) as Box<dyn StateTree>);
        Ok(StateView {
            tip: local.seen.clone(),
            tree: Box::new(shared.tree(local.seen.as_ref())),
            unpublished_tip: local.unpublished.clone(),
            unpublished,
            remote,
            cache_key: format!(
                "{}+{}",
                local.seen.as_ref().map_or("none", Oid::as_str),
                local.unpublished.as_ref().map_or("none", Oid::as_str)
            ),
        })
    }

    fn publish(&self, proposal: &Proposal) -> Result<PublishOutcome, StateRepoError> {
        let mut shared = self.remote.lock();
        let mut local = self.local();
        if !self.has_remote {
            let commit = shared.commit(proposal.based_on.as_ref(), proposal);
            let base = proposal.based_on.as_ref();
            return Ok(match shared.swap(base, &commit.oid, &proposal.refs) {
                Ok(()) => PublishOutcome::Published(Published {
                    tip: commit.oid,
                    settled: true,
                }),
                Err(cause) => PublishOutcome::Lost { cause },
            });
        }
        match proposal.reach {
            Reach::Remote(_) => self.push(&mut shared, &mut local, proposal),
            Reach::LocalOnly => {
                if proposal.based_on != local.seen || proposal.unpublished != local.unpublished {
                    let cause = "the local branch moved".to_owned();
                    return Ok(PublishOutcome::Lost { cause });
                }
                let on = local.unpublished.clone().or_else(|| local.seen.clone());
                let commit = shared.commit(on.as_ref(), proposal);
                local.unpublished = Some(commit.oid.clone());
                Ok(PublishOutcome::Published(Published {
                    tip: commit.oid,
                    settled: false,
                }))
            }
        }
    }

    fn writer(&self) -> Result<String, StateRepoError> {
        Ok(self.writer.clone())
    }
}
