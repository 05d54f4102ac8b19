//! Reverse lookups over one state.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::domain::halves::in_halves;
use crate::domain::ids::{EscalationUid, ReviewUid, SessionUid, TaskUid};
use crate::domain::state::{DepKey, State};

impl State {
    /// Builds the reverse lookups, once per reading.
    #[must_use]
    pub fn index(&self) -> Index {
        // Room for all at once: a list that grows is copied again and again.
        let mut edges = Vec::with_capacity(self.deps.len());
        edges.extend(self.live_deps());
        let mut index = Index {
            edges,
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

/// The second half of a target, in front of a place: ids of one millisecond differ there only.
const fn half(to: TaskUid) -> u128 {
    to.bits() << 64
}

/// The place behind the half of a target.
const fn place(one: u128) -> usize {
    (one & u64::MAX as u128) as usize
}

/// Where the edges are, by the half of their target: few bytes are moved about, and compared as one
/// number.
fn by_target(edges: &[DepKey]) -> Vec<u128> {
    let places: Vec<usize> = (0..edges.len()).collect();
    let halves = in_halves(&places, |part| {
        let order = part.iter().map(|at| half(edges[*at].to) | *at as u128);
        let mut order: Vec<u128> = order.collect();
        order.sort_unstable();
        order
    });
    let mut order = halves.concat();
    // Two sorted lists, one behind the other, are only merged.
    order.sort();
    order
}

/// Reverse lookups over one state. Lists are sorted: edges by key, sessions by attempt, others by id.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// Edges, by key as far as they were there from the beginning.
    edges: Vec<DepKey>,
    /// Their places by the half of their target, once somebody asks; of one half, by key.
    by_target: OnceLock<Vec<u128>>,
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
        let live = state.deps.get(&key).is_some_and(|reg| reg.value);
        let _ = self.by_target();
        let (edges, Some(order)) = (&mut self.edges, self.by_target.get_mut()) else {
            return;
        };
        let known = |one: &u128| (half(edges[place(*one)].to), edges[place(*one)]);
        let wanted = (half(key.to), key);
        match order.binary_search_by(|one| known(one).cmp(&wanted)) {
            Err(at) if live => {
                order.insert(at, wanted.0 | edges.len() as u128);
                edges.push(key);
            }
            Ok(at) if !live => {
                order.remove(at);
            }
            _ => {}
        }
    }

    fn by_target(&self) -> &[u128] {
        self.by_target.get_or_init(|| by_target(&self.edges))
    }

    /// Edges to `task`.
    pub fn deps_to(&self, task: TaskUid) -> impl Iterator<Item = &DepKey> {
        let (order, half) = (self.by_target(), half(task));
        let from = order.partition_point(|one| *one < half);
        order[from..]
            .iter()
            .take_while(move |one| *one >> 64 == half >> 64)
            .map(|one| &self.edges[place(*one)])
            .filter(move |key| key.to == task)
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
    fn edges_are_found_by_their_targets_also_where_only_the_first_or_last_bits_differ() {
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
        let index = Index {
            edges: edges.clone(),
            ..Index::default()
        };
        for end in ends {
            let wanted: Vec<_> = edges.iter().filter(|key| key.to == end).collect();
            assert_eq!(index.deps_to(end).collect::<Vec<_>>(), wanted);
        }
    }
}
