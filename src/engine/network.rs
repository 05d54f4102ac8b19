//! The network of open tasks: what is on the critical path, and what unblocks most.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::dep::DepKind;
use crate::domain::ids::TaskUid;
use crate::domain::state::State;
use crate::domain::task::Task;

/// Minutes that a task without an estimate counts for on a path.
pub const USUAL_MINUTES: u64 = 60;

/// Open tasks and the edges between them that order work.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// Tasks that must end before a task can start (or, for a whole, be closed).
    before: BTreeMap<TaskUid, BTreeSet<TaskUid>>,
    /// The other way round.
    after: BTreeMap<TaskUid, BTreeSet<TaskUid>>,
    /// How long each takes.
    minutes: BTreeMap<TaskUid, u64>,
    /// Groups of tasks that wait for each other are left out of paths.
    order: Vec<TaskUid>,
}

/// What many wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lever {
    /// The task.
    pub task: TaskUid,
    /// Open tasks that wait for it directly.
    pub direct: usize,
    /// Open tasks that wait for it, directly or not.
    pub all: usize,
}

impl Network {
    /// The network of the open tasks of a state.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let mut network = Self::default();
        let open = |uid: &TaskUid| {
            let task: Option<&Task> = state.tasks.get(uid);
            task.is_some_and(|task| task.is_open() && task.added.is_some())
        };
        for (uid, task) in state.tasks.iter().filter(|(uid, _)| open(uid)) {
            let minutes = task.details.estimate_minutes.value;
            network
                .minutes
                .insert(*uid, minutes.unwrap_or(USUAL_MINUTES));
        }
        for key in state.live_deps() {
            let (later, earlier) = match key.kind {
                // A whole is closed after its parts.
                DepKind::ParentChild => (key.to, key.from),
                _ if key.kind.orders() => (key.from, key.to),
                _ => continue,
            };
            if network.minutes.contains_key(&later) && network.minutes.contains_key(&earlier) {
                network.before.entry(later).or_default().insert(earlier);
                network.after.entry(earlier).or_default().insert(later);
            }
        }
        network.order = network.topological();
        network
    }

    fn next<'a>(
        map: &'a BTreeMap<TaskUid, BTreeSet<TaskUid>>,
        at: &TaskUid,
    ) -> impl Iterator<Item = &'a TaskUid> {
        map.get(at).into_iter().flatten()
    }

    /// Tasks in an order in which they can be done; those in a circle, and what waits for them, are
    /// left out.
    fn topological(&self) -> Vec<TaskUid> {
        let mut waits: BTreeMap<TaskUid, usize> = self
            .before
            .iter()
            .map(|(uid, before)| (*uid, before.len()))
            .collect();
        let mut free: Vec<TaskUid> = self
            .minutes
            .keys()
            .filter(|uid| !waits.contains_key(uid))
            .copied()
            .collect();
        let mut order = Vec::new();
        while let Some(uid) = free.pop() {
            order.push(uid);
            for later in Self::next(&self.after, &uid) {
                if let Some(count) = waits.get_mut(later) {
                    *count -= 1;
                    if *count == 0 {
                        free.push(*later);
                    }
                }
            }
        }
        order
    }

    /// The longest way through the network, first task first, and how many minutes it takes. Only
    /// tasks for which `wanted` holds count.
    #[must_use]
    pub fn critical_path(&self, wanted: impl Fn(TaskUid) -> bool) -> (Vec<TaskUid>, u64) {
        let mut best: BTreeMap<TaskUid, (u64, Option<TaskUid>)> = BTreeMap::new();
        for uid in self.order.iter().filter(|uid| wanted(**uid)) {
            let longest = Self::next(&self.before, uid)
                .filter_map(|earlier| best.get(earlier).map(|(sum, _)| (*sum, *earlier)))
                .max();
            let (sum, from) = longest.map_or((0, None), |(sum, from)| (sum, Some(from)));
            best.insert(*uid, (sum + self.minutes[uid], from));
        }
        let end = best
            .iter()
            .max_by_key(|(uid, (sum, _))| (*sum, std::cmp::Reverse(**uid)));
        let Some((end, (sum, _))) = end else {
            return (Vec::new(), 0);
        };
        let (sum, mut path, mut at) = (*sum, vec![*end], *end);
        while let Some((_, Some(from))) = best.get(&at) {
            path.push(*from);
            at = *from;
        }
        path.reverse();
        (path, sum)
    }

    /// What most others wait for, most first; tasks that nobody waits for are left out.
    #[must_use]
    pub fn levers(&self, limit: usize) -> Vec<Lever> {
        // To count everything behind every task is too much for a large network: those with most
        // direct followers, and those that begin long chains, are counted in full.
        let mut direct: Vec<_> = self
            .after
            .iter()
            .map(|(uid, after)| (after.len(), self.depth_hint(*uid), *uid))
            .collect();
        direct.sort_by_key(|(count, depth, uid)| (std::cmp::Reverse(count + depth), *uid));
        let mut levers: Vec<_> = direct
            .into_iter()
            .take(limit.saturating_mul(8).max(64))
            .map(|(count, _, uid)| Lever {
                task: uid,
                direct: count,
                all: self.followers(uid).len(),
            })
            .collect();
        levers.sort_by_key(|lever| (std::cmp::Reverse((lever.all, lever.direct)), lever.task));
        levers.truncate(limit);
        levers
    }

    /// How far one gets from a task by always going to the first follower, at most 64 steps.
    fn depth_hint(&self, uid: TaskUid) -> usize {
        let mut at = uid;
        for steps in 0..64 {
            let next = Self::next(&self.after, &at).next().copied();
            match next {
                Some(next) => at = next,
                None => return steps,
            }
        }
        64
    }

    /// All that wait for a task, directly or not.
    #[must_use]
    pub fn followers(&self, uid: TaskUid) -> BTreeSet<TaskUid> {
        let (mut found, mut todo) = (BTreeSet::new(), vec![uid]);
        while let Some(at) = todo.pop() {
            for later in Self::next(&self.after, &at) {
                if *later != uid && found.insert(*later) {
                    todo.push(*later);
                }
            }
        }
        found
    }
}
