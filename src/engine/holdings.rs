//! Paths that are taken: live locks, and the real diffs of work in review.

use std::collections::HashMap;

use crate::domain::ids::TaskUid;
use crate::domain::state::{Index, State};
use crate::domain::time::Timestamp;
use crate::engine::overlap::Pattern;

/// Why paths are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// A live lock.
    Lock {
        /// Its end.
        until: Timestamp,
    },
    /// The real diff of work in review.
    Review,
}

/// A task's glob meets paths that another task holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The task's own glob, or changed path.
    pub ours: String,
    /// The other's glob or changed path.
    pub theirs: String,
    /// The other task.
    pub by: TaskUid,
    /// How it holds them.
    pub hold: Hold,
}

/// All paths that are held now, arranged so that a question costs little.
#[derive(Debug, Default)]
pub struct Holdings {
    locks: Vec<(TaskUid, Timestamp, Pattern)>,
    /// Locks by first component.
    by_first: HashMap<String, Vec<usize>>,
    /// Locks that begin with a wildcard.
    anywhere: Vec<usize>,
    /// Changed paths of work in review, sorted.
    changed: Vec<(String, TaskUid)>,
}

impl Holdings {
    /// What live locks and open reviews hold at `now`.
    #[must_use]
    pub fn at(state: &State, index: &Index, now: Timestamp) -> Self {
        let mut all = Self::default();
        for lock in state.locks.values().filter(|lock| lock.is_live(now)) {
            let Some(task) = lock.task else { continue };
            for glob in &lock.globs {
                all.add_lock(task, lock.until.value, Pattern::glob(glob));
            }
        }
        for review in state.reviews.values().filter(|review| review.is_open()) {
            let Some((opened, _)) = &review.opened else {
                continue;
            };
            // The newest attempt shows the whole diff of the branch against base.
            let newest = index
                .sessions_of(opened.task)
                .iter()
                .rev()
                .filter_map(|uid| state.sessions.get(uid)?.finished.as_ref())
                .find(|(finished, _)| finished.head.is_some());
            if let Some((finished, _)) = newest {
                let paths = finished.paths.iter();
                all.changed
                    .extend(paths.map(|path| (path.clone(), opened.task)));
            }
        }
        all.changed.sort();
        all
    }

    fn add_lock(&mut self, task: TaskUid, until: Timestamp, pattern: Pattern) {
        let at = self.locks.len();
        match pattern.first_components() {
            Some(firsts) => {
                for first in firsts {
                    self.by_first.entry(first.to_owned()).or_default().push(at);
                }
            }
            None => self.anywhere.push(at),
        }
        self.locks.push((task, until, pattern));
    }

    /// True if nothing at all is held.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.locks.is_empty() && self.changed.is_empty()
    }

    /// The first thing in the way of `task` if it works on `patterns`; its own holds are not.
    #[must_use]
    pub fn conflict(&self, task: TaskUid, patterns: &[Pattern]) -> Option<Conflict> {
        if self.is_empty() {
            return None;
        }
        patterns.iter().find_map(|ours| {
            self.lock_conflict(task, ours)
                .or_else(|| self.review_conflict(task, ours))
        })
    }

    fn lock_conflict(&self, task: TaskUid, ours: &Pattern) -> Option<Conflict> {
        let candidates: Vec<usize> = match ours.first_components() {
            Some(firsts) => firsts
                .iter()
                .filter_map(|first| self.by_first.get(*first))
                .flatten()
                .chain(&self.anywhere)
                .copied()
                .collect(),
            None => (0..self.locks.len()).collect(),
        };
        candidates.into_iter().find_map(|at| {
            let (by, until, theirs) = &self.locks[at];
            (*by != task && ours.overlaps(theirs)).then(|| Conflict {
                ours: ours.text.clone(),
                theirs: theirs.text.clone(),
                by: *by,
                hold: Hold::Lock { until: *until },
            })
        })
    }

    fn review_conflict(&self, task: TaskUid, ours: &Pattern) -> Option<Conflict> {
        ours.literal_prefixes().find_map(|prefix| {
            let from = self.changed.partition_point(|(path, _)| *path < prefix);
            self.changed[from..]
                .iter()
                .take_while(|(path, _)| path.starts_with(&prefix))
                .find(|(path, by)| *by != task && ours.matches(path))
                .map(|(path, by)| Conflict {
                    ours: ours.text.clone(),
                    theirs: path.clone(),
                    by: *by,
                    hold: Hold::Review,
                })
        })
    }
}

/// The check at publish: real changed `paths` of `task` against what others hold then. The caller
/// decides: a lock of a running task means that the two will conflict in review.
#[must_use]
pub fn conflicts_of_diff(
    state: &State,
    index: &Index,
    task: TaskUid,
    paths: &[String],
    now: Timestamp,
) -> Vec<Conflict> {
    let holdings = Holdings::at(state, index, now);
    paths
        .iter()
        .filter_map(|path| holdings.conflict(task, &[Pattern::path(path)]))
        .collect()
}
