//! Whether edges close a cycle, in time that grows with their number.

use std::collections::HashMap;

use crate::domain::dep::DepKind;
use crate::domain::ids::TaskUid;
use crate::domain::record::Op;
use crate::domain::state::State;
use crate::engine::deps;

use crate::app::context::Minter;

/// A task may begin, or is done: two nodes, as in `engine::deps`.
struct Sides {
    numbers: HashMap<TaskUid, usize>,
    edges: Vec<(usize, usize)>,
}

impl Sides {
    fn of(&mut self, uid: TaskUid) -> usize {
        let next = self.numbers.len();
        let at = *self.numbers.entry(uid).or_insert(next);
        if at == next {
            // What is done has begun.
            self.edges.push((2 * at + 1, 2 * at));
        }
        at
    }

    fn add(&mut self, from: TaskUid, to: TaskUid, kind: DepKind) {
        if !kind.orders() {
            return;
        }
        let (from, to) = (self.of(from), self.of(to));
        if kind == DepKind::ParentChild {
            self.edges.push((2 * from, 2 * to));
            self.edges.push((2 * to + 1, 2 * from + 1));
        } else {
            self.edges.push((2 * from, 2 * to + 1));
        }
    }

    /// Takes away what waits for nothing, until nothing changes; true if something is left.
    fn tangled(&self) -> bool {
        let count = 2 * self.numbers.len();
        let mut waits = vec![0usize; count];
        let mut starts = vec![0usize; count + 1];
        for (from, to) in &self.edges {
            waits[*from] += 1;
            starts[*to + 1] += 1;
        }
        for at in 0..count {
            starts[at + 1] += starts[at];
        }
        let mut waiting = vec![0usize; self.edges.len()];
        let mut next = starts.clone();
        for (from, to) in &self.edges {
            waiting[next[*to]] = *from;
            next[*to] += 1;
        }
        let mut free: Vec<usize> = (0..count).filter(|at| waits[*at] == 0).collect();
        let mut gone = 0;
        while let Some(at) = free.pop() {
            gone += 1;
            for from in &waiting[starts[at]..starts[at + 1]] {
                waits[*from] -= 1;
                if waits[*from] == 0 {
                    free.push(*from);
                }
            }
        }
        gone < count
    }
}

/// Groups of tasks that wait for each other once the minted records are applied.
pub(super) fn cycles(state: &State, minter: &Minter<'_>) -> Vec<Vec<TaskUid>> {
    let mut sides = Sides {
        numbers: HashMap::new(),
        edges: Vec::new(),
    };
    let mut minted = false;
    for record in minter.records() {
        if let Op::DepAdded(edge) = &record.op {
            sides.add(edge.from, edge.to, edge.kind);
            minted = true;
        }
    }
    if !minted {
        return Vec::new();
    }
    for key in state.live_deps() {
        sides.add(key.from, key.to, key.kind);
    }
    if !sides.tangled() {
        return Vec::new();
    }
    let mut after = state.clone();
    for record in minter.records() {
        after.apply(record);
    }
    deps::cycles(&after, &after.index())
}
