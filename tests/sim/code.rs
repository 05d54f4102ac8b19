//! The code side of the repository as values: commits, trees, the base branch.

use std::collections::{BTreeMap, BTreeSet};

use fleet::domain::ids::Oid;
use fleet::ports::code_repo::{MergeFacts, Merged};
use fleet::ports::workspaces::PathChange;

use crate::sim::rng::mix;

/// Content of a file in which the marks of a conflict stand.
pub(crate) const MARKS: u64 = u64::MAX;

/// Content of a file that is larger than any diff may be.
pub(crate) const HUGE: u64 = u64::MAX - 1;

/// Content of a file in which a secret stands.
pub(crate) const LEAK: u64 = u64::MAX - 2;

/// Contents by path.
pub(crate) type Files = BTreeMap<String, u64>;

#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub(crate) parents: Vec<Oid>,
    pub(crate) files: Files,
    pub(crate) message: String,
}

#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) commits: BTreeMap<Oid, Commit>,
    pub(crate) trees: BTreeMap<Oid, Files>,
    /// Head of `main` at the remote.
    pub(crate) base: Oid,
    /// Merges that were made, by their parents.
    merges: BTreeMap<(Oid, Oid), Merged>,
    made: u64,
}

pub(crate) fn oid(n: u64) -> Oid {
    let name = format!("{:016x}{:016x}{:08x}", mix(n), mix(n ^ 7), n as u32);
    Oid::try_from(name).unwrap()
}

impl Code {
    pub(crate) fn new() -> Self {
        let files: Files = ["src/a", "src/b", "src/c", "docs/d"]
            .iter()
            .map(|path| ((*path).to_owned(), 0))
            .collect();
        let mut code = Self {
            commits: BTreeMap::new(),
            trees: BTreeMap::new(),
            base: oid(0),
            merges: BTreeMap::new(),
            made: 0,
        };
        code.base = code.commit(Vec::new(), files, "begin");
        code
    }

    fn fresh(&mut self) -> Oid {
        self.made += 1;
        oid(self.made)
    }

    pub(crate) fn commit(&mut self, parents: Vec<Oid>, files: Files, message: &str) -> Oid {
        let id = self.fresh();
        let commit = Commit {
            parents,
            files,
            message: message.to_owned(),
        };
        self.commits.insert(id.clone(), commit);
        id
    }

    pub(crate) fn tree(&mut self, files: Files) -> Oid {
        let id = self.fresh();
        self.trees.insert(id.clone(), files);
        id
    }

    pub(crate) fn files(&self, id: &Oid) -> Files {
        self.commits[id].files.clone()
    }

    fn ancestors(&self, id: &Oid) -> BTreeSet<Oid> {
        let mut seen = BTreeSet::new();
        let mut todo = vec![id.clone()];
        while let Some(next) = todo.pop() {
            if seen.insert(next.clone())
                && let Some(commit) = self.commits.get(&next)
            {
                todo.extend(commit.parents.iter().cloned());
            }
        }
        seen
    }

    /// True if `old` is `new` or one of its ancestors.
    pub(crate) fn contains(&self, new: &Oid, old: &Oid) -> bool {
        self.ancestors(new).contains(old)
    }

    /// Files of the newest commit that both have.
    fn fork(&self, a: &Oid, b: &Oid) -> Files {
        let known = self.ancestors(a);
        let mut todo = std::collections::VecDeque::from([b.clone()]);
        while let Some(next) = todo.pop_front() {
            if known.contains(&next) {
                return self.files(&next);
            }
            todo.extend(self.commits[&next].parents.iter().cloned());
        }
        Files::new()
    }

    fn touched(from: &Files, to: &Files) -> BTreeSet<String> {
        let paths = from.keys().chain(to.keys());
        paths
            .filter(|path| from.get(*path) != to.get(*path))
            .cloned()
            .collect()
    }

    pub(crate) fn merge_facts(&self, base: &Oid, head: &Oid) -> MergeFacts {
        if self.contains(base, head) {
            return MergeFacts::Merged;
        }
        let (fork, ours, theirs) = (self.fork(base, head), self.files(base), self.files(head));
        let theirs_touched = Self::touched(&fork, &theirs);
        let differ = |path: &&String| ours.get(*path) != theirs.get(*path);
        if !theirs_touched.iter().any(|path| differ(&path)) {
            return MergeFacts::Merged;
        }
        let ours_touched = Self::touched(&fork, &ours);
        let mut both = theirs_touched.intersection(&ours_touched);
        if both.any(|path| differ(&path)) {
            return MergeFacts::Conflict;
        }
        MergeFacts::Clean
    }

    /// Merges as far as that goes by itself; the same two give the same commit.
    pub(crate) fn merge(&mut self, ours: &Oid, theirs: &Oid) -> Merged {
        let key = (ours.clone(), theirs.clone());
        if let Some(known) = self.merges.get(&key) {
            return known.clone();
        }
        let fork = self.fork(ours, theirs);
        let (mut files, other) = (self.files(ours), self.files(theirs));
        let own = Self::touched(&fork, &files);
        let mut conflicts = Vec::new();
        for path in Self::touched(&fork, &other) {
            if own.contains(&path) && files.get(&path) != other.get(&path) {
                files.insert(path.clone(), MARKS);
                conflicts.push(path);
            } else if let Some(content) = other.get(&path) {
                files.insert(path, *content);
            } else {
                files.remove(&path);
            }
        }
        let commit = self.commit(vec![ours.clone(), theirs.clone()], files, "merge");
        let merged = Merged { commit, conflicts };
        self.merges.insert(key, merged.clone());
        merged
    }

    /// Files of a commit or tree.
    pub(crate) fn files_of(&self, id: &Oid) -> Files {
        let tree = self.trees.get(id).cloned();
        tree.unwrap_or_else(|| self.files(id))
    }

    /// Brings `head` into the base branch as one commit, as a person does; `None` if they conflict and
    /// nobody resolves that by hand.
    pub(crate) fn squash(&mut self, head: &Oid, by_hand: bool) -> Option<Oid> {
        if !by_hand && self.merge_facts(&self.base, head) == MergeFacts::Conflict {
            return None;
        }
        let (fork, theirs) = (self.fork(&self.base, head), self.files(head));
        let mut files = self.files(&self.base);
        for path in Self::touched(&fork, &theirs) {
            match theirs.get(&path) {
                Some(content) => files.insert(path, *content),
                None => files.remove(&path),
            };
        }
        let id = self.commit(vec![self.base.clone()], files, "merge");
        self.base = id.clone();
        Some(id)
    }

    pub(crate) fn changes(from: &Files, to: &Files) -> Vec<PathChange> {
        let mode = |files: &Files, path: &str| {
            if files.contains_key(path) {
                0o100_644
            } else {
                0
            }
        };
        Self::touched(from, to)
            .into_iter()
            .map(|path| PathChange {
                old_mode: mode(from, &path),
                new_mode: mode(to, &path),
                bytes: match to.get(&path) {
                    Some(&HUGE) => 1 << 40,
                    _ => 8,
                },
                path,
            })
            .collect()
    }
}
