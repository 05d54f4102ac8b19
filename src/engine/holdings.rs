//! Paths that are taken: live locks, and the real diffs of work in review.

use crate::domain::ids::TaskUid;
use crate::domain::review::Review;
use crate::domain::state::{Index, State};
use crate::domain::time::Timestamp;
use crate::engine::overlap::{Pattern, literal_prefix};

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

/// A glob of a live lock.
#[derive(Debug)]
struct Locked {
    task: TaskUid,
    until: Timestamp,
    pattern: Pattern,
    /// Text with which every path of it begins.
    prefix: String,
}

/// All paths that are held now, arranged so that a question costs little: text that two globs must
/// begin with is compared before either is taken apart.
#[derive(Debug, Default)]
pub struct Holdings {
    locks: Vec<Locked>,
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
                all.locks.push(Locked {
                    task,
                    until: lock.until.value,
                    pattern: Pattern::glob(glob),
                    prefix: literal_prefix(glob).to_owned(),
                });
            }
        }
        let open = |review: &&Review| review.is_open() && !planted!("review-holds-nothing");
        for review in state.reviews.values().filter(open) {
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

    /// True if nothing at all is held.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.locks.is_empty() && self.changed.is_empty()
    }

    /// The first thing in the way of `task` if it works on `globs`; its own holds are not, nor are
    /// the reviews of tasks that it builds on.
    #[must_use]
    pub fn conflict<'g>(
        &self,
        task: TaskUid,
        below: &[TaskUid],
        globs: impl IntoIterator<Item = &'g str>,
    ) -> Option<Conflict> {
        if self.is_empty() {
            return None;
        }
        globs
            .into_iter()
            .find_map(|glob| self.conflict_of(task, below, glob, Pattern::glob))
    }

    /// As [`Self::conflict`], for real paths.
    fn conflict_of_path(&self, task: TaskUid, path: &str) -> Option<Conflict> {
        self.conflict_of(task, &[], path, Pattern::path)
    }

    fn conflict_of(
        &self,
        task: TaskUid,
        below: &[TaskUid],
        text: &str,
        parse: impl Fn(&str) -> Pattern,
    ) -> Option<Conflict> {
        let prefix = literal_prefix(text);
        // Taken apart at most once, and only if something may be in the way.
        let mut parsed = None;
        for lock in self.locks.iter().filter(|lock| lock.task != task) {
            let theirs = lock.prefix.as_str();
            if !prefix.starts_with(theirs) && !theirs.starts_with(prefix) {
                continue;
            }
            let ours = parsed.get_or_insert_with(|| parse(text));
            if ours.overlaps(&lock.pattern) {
                return Some(Conflict {
                    ours: text.to_owned(),
                    theirs: lock.pattern.text.clone(),
                    by: lock.task,
                    hold: Hold::Lock { until: lock.until },
                });
            }
        }
        let from = self
            .changed
            .partition_point(|(path, _)| path.as_str() < prefix);
        self.changed[from..]
            .iter()
            .take_while(|(path, _)| path.starts_with(prefix))
            .filter(|(_, by)| *by != task && !below.contains(by))
            .find(|(path, _)| parsed.get_or_insert_with(|| parse(text)).matches(path))
            .map(|(path, by)| Conflict {
                ours: text.to_owned(),
                theirs: path.clone(),
                by: *by,
                hold: Hold::Review,
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
        .filter_map(|path| holdings.conflict_of_path(task, path))
        .collect()
}
