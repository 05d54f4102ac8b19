//! In which order open reviews are best merged, from what their branches really change: a task
//! before those that depend on it, then the one that makes the fewest others conflict.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::{Oid, TaskUid};
use crate::domain::register::Stamp;
use crate::domain::state::{Index, State};

/// Most pairs of reviews that are compared.
pub const MAX_PAIRS: usize = 200;
/// Most paths that are named of one pair.
const MAX_NAMED: usize = 5;

/// Two open reviews whose branches change the same files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// One task and the head under review.
    pub a: (TaskUid, Oid),
    /// The other.
    pub b: (TaskUid, Oid),
    /// Paths that both change.
    pub paths: Vec<String>,
}

/// What is best merged first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// This one,
    pub first: TaskUid,
    /// then this one.
    pub then: TaskUid,
    /// Some of the paths that both change.
    pub paths: Vec<String>,
    /// Whoever comes second does not merge by itself; else both merge in either order.
    pub clash: bool,
}

struct Open<'a> {
    task: TaskUid,
    head: &'a Oid,
    paths: BTreeSet<&'a str>,
    since: Stamp,
}

fn open<'a>(state: &'a State, index: &Index) -> Vec<Open<'a>> {
    let mut all = Vec::new();
    for review in state.reviews.values().filter(|review| review.is_open()) {
        let (Some((opened, since)), Some(head)) = (&review.opened, &review.head.value) else {
            continue;
        };
        // The attempt that made the head says what the branch changes.
        let made = index
            .sessions_of(opened.task)
            .iter()
            .filter_map(|uid| state.sessions.get(uid)?.finished.as_ref())
            .filter(|(finished, _)| finished.head.is_some())
            .map(|(finished, _)| finished)
            .next_back();
        let paths = made.map(|f| f.paths.iter().map(String::as_str).collect());
        all.push(Open {
            task: opened.task,
            head,
            paths: paths.unwrap_or_default(),
            since: *since,
        });
    }
    all.sort_by_key(|one| one.since);
    all
}

/// Pairs of open reviews that change the same files, bounded; with `only`, those of that task.
#[must_use]
pub fn pairs(state: &State, index: &Index, only: Option<TaskUid>) -> Vec<Pair> {
    let all = open(state, index);
    let mut found = Vec::new();
    for (at, a) in all.iter().enumerate() {
        for b in &all[at + 1..] {
            let wanted = only.is_none_or(|task| a.task == task || b.task == task);
            if !wanted || a.task == b.task {
                continue;
            }
            let paths: Vec<String> = a
                .paths
                .intersection(&b.paths)
                .map(|p| (*p).to_owned())
                .collect();
            if !paths.is_empty() {
                found.push(Pair {
                    a: (a.task, a.head.clone()),
                    b: (b.task, b.head.clone()),
                    paths,
                });
            }
            if found.len() == MAX_PAIRS {
                return found;
            }
        }
    }
    found
}

/// Advice for these pairs; `clashes` says of each whether the two heads merge by themselves.
#[must_use]
pub fn advise(state: &State, index: &Index, pairs: &[Pair], clashes: &[bool]) -> Vec<Advice> {
    let all = open(state, index);
    let mut hurts: BTreeMap<TaskUid, usize> = BTreeMap::new();
    for (pair, clash) in pairs.iter().zip(clashes) {
        for task in [pair.a.0, pair.b.0] {
            *hurts.entry(task).or_default() += usize::from(*clash);
        }
    }
    let rank = |task: TaskUid| {
        let one = all.iter().find(|one| one.task == task);
        let size = one.map_or(0, |one| one.paths.len());
        let since = one.map_or(Stamp::NOBODY, |one| one.since);
        (hurts.get(&task).copied().unwrap_or_default(), size, since)
    };
    let mut advice: Vec<Advice> = pairs
        .iter()
        .zip(clashes)
        .map(|(pair, clash)| {
            let (a, b) = (pair.a.0, pair.b.0);
            let swap = if depends(state, a, b) {
                true
            } else {
                !depends(state, b, a) && rank(b) < rank(a)
            };
            let (first, then) = if swap { (b, a) } else { (a, b) };
            Advice {
                first,
                then,
                paths: pair.paths.iter().take(MAX_NAMED).cloned().collect(),
                clash: *clash,
            }
        })
        .collect();
    advice.sort_by_key(|one| (rank(one.first), rank(one.then)));
    advice
}

/// Whether `task` waits for `on`, directly or through others.
fn depends(state: &State, task: TaskUid, on: TaskUid) -> bool {
    let mut seen = BTreeSet::new();
    let mut todo = vec![task];
    while let Some(next) = todo.pop() {
        for key in state.deps_from(next) {
            if key.kind.orders() && seen.insert(key.to) {
                if key.to == on {
                    return true;
                }
                todo.push(key.to);
            }
        }
    }
    false
}

impl Advice {
    /// A sentence for people.
    #[must_use]
    pub fn sentence(&self, state: &State) -> String {
        let (first, then) = (state.name_of(self.first), state.name_of(self.then));
        let paths = self.paths.join(", ");
        if self.clash {
            format!(
                "merge {first} before {then}: both change {paths}, and the second one will not merge \
                 by itself"
            )
        } else {
            format!("{first} before {then}: both change {paths}, and they merge in either order")
        }
    }
}
