//! Reverse lookups over one state.

use std::collections::BTreeMap;

use crate::domain::ids::{EscalationUid, ReviewUid, SessionUid, TaskUid};
use crate::domain::state::{DepKey, State};

impl State {
    /// Builds the reverse lookups, once per reading.
    #[must_use]
    pub fn index(&self) -> Index {
        let mut index = Index {
            deps_to: by_target(self.live_deps().collect()),
            ..Index::default()
        };
        for (uid, session) in &self.sessions {
            if let Some(task) = session.task() {
                index.sessions.entry(task).or_default().push(*uid);
            }
        }
        for (uid, review) in &self.reviews {
            if let Some((opened, _)) = &review.opened {
                index.reviews.entry(opened.task).or_default().push(*uid);
            }
        }
        for (uid, escalation) in &self.escalations {
            if let Some((opened, _)) = &escalation.opened {
                index.escalations.entry(opened.task).or_default().push(*uid);
            }
        }
        for list in index.sessions.values_mut() {
            list.sort_by_key(|uid| (self.sessions[uid].attempt(), *uid));
        }
        index
    }
}

/// Edges that are sorted by key, sorted by their target and then by key.
fn by_target(mut edges: Vec<DepKey>) -> Vec<DepKey> {
    // Few bytes are moved about, and compared as one number: the first half of the target, which nearly
    // always tells them apart, and the place in the list.
    let half = |edge: &DepKey| edge.to.bits() >> 64 << 64;
    let mut order: Vec<u128> = (0..)
        .zip(&edges)
        .map(|(at, edge)| half(edge) | at)
        .collect();
    order.sort_unstable();
    let place = |one: &u128| (one & u128::from(u64::MAX)) as usize;
    let sorted: Vec<DepKey> = order.iter().map(|one| edges[place(one)]).collect();
    if sorted.is_sorted_by_key(|edge| edge.to) {
        return sorted;
    }
    edges.sort_by_key(|key| key.to);
    edges
}

/// Reverse lookups over one state. Lists are sorted: edges by key, sessions by attempt, others by id.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// Edges, by the task that they point to: one list, as most tasks have one or two.
    deps_to: Vec<DepKey>,
    /// Sessions of a task.
    pub sessions: BTreeMap<TaskUid, Vec<SessionUid>>,
    /// Reviews of a task.
    pub reviews: BTreeMap<TaskUid, Vec<ReviewUid>>,
    /// Escalations of a task.
    pub escalations: BTreeMap<TaskUid, Vec<EscalationUid>>,
}

impl Index {
    /// Sessions of `task`, by attempt.
    #[must_use]
    pub fn sessions_of(&self, task: TaskUid) -> &[SessionUid] {
        self.sessions.get(&task).map_or(&[], Vec::as_slice)
    }

    /// Reviews of `task`.
    #[must_use]
    pub fn reviews_of(&self, task: TaskUid) -> &[ReviewUid] {
        self.reviews.get(&task).map_or(&[], Vec::as_slice)
    }

    /// Escalations of `task`.
    #[must_use]
    pub fn escalations_of(&self, task: TaskUid) -> &[EscalationUid] {
        self.escalations.get(&task).map_or(&[], Vec::as_slice)
    }

    /// Keeps up with an edge that `state` gained or lost since this was built.
    pub fn note_edge(&mut self, state: &State, key: DepKey) {
        let order = |key: &DepKey| (key.to, *key);
        let found = self.deps_to.binary_search_by_key(&order(&key), order);
        let live = state.deps.get(&key).is_some_and(|reg| reg.value);
        match found {
            Err(place) if live => self.deps_to.insert(place, key),
            Ok(place) if !live => {
                self.deps_to.remove(place);
            }
            _ => {}
        }
    }

    /// Edges to `task`.
    #[must_use]
    pub fn deps_to(&self, task: TaskUid) -> &[DepKey] {
        let from = self.deps_to.partition_point(|key| key.to < task);
        let rest = &self.deps_to[from..];
        let count = rest.iter().take_while(|key| key.to == task).count();
        &rest[..count]
    }

    /// The session that holds the lease of `task`: of those that hold one, the highest attempt;
    /// after a forced merge of two claims of one attempt, the one claimed first (I2).
    #[must_use]
    pub fn lease_holder(&self, state: &State, task: TaskUid) -> Option<SessionUid> {
        self.sessions_of(task)
            .iter()
            .filter_map(|uid| state.sessions.get(uid).map(|s| (uid, s)))
            .filter(|(_, s)| s.holds_lease())
            .max_by_key(|(_, s)| {
                (
                    s.attempt(),
                    std::cmp::Reverse(s.claim.as_ref().map(|(_, at)| *at)),
                )
            })
            .map(|(uid, _)| *uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dep::DepKind;
    use crate::domain::ids::TaskUid;
    use uuid::Uuid;

    #[test]
    fn edges_are_in_order_of_their_targets_also_where_only_the_last_bits_differ() {
        let uid = |high: u128, low: u128| TaskUid(Uuid::from_u128(high << 64 | low));
        let ends: Vec<TaskUid> = (0..60).map(|n| uid(n * 7 % 5, n * 11 % 13)).collect();
        let mut edges: Vec<DepKey> = ends
            .iter()
            .zip(ends.iter().skip(7))
            .flat_map(|(from, to)| {
                let kinds = [DepKind::Blocks, DepKind::Related];
                kinds.map(|kind| DepKey {
                    from: *from,
                    to: *to,
                    kind,
                })
            })
            .collect();
        edges.sort();
        let mut wanted = edges.clone();
        wanted.sort_by_key(|key| (key.to, *key));
        assert_eq!(by_target(edges), wanted);
    }
}
