//! Entries of a plan that wait for each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::tracker::error::TrackerError;
use crate::app::tracker::graph::{Edge, Entry, Target};
use crate::domain::dep::DepKind;

/// Refuses entries that wait for each other, with the places of all of them.
pub(super) fn refuse_circles(plan: &[Entry], edges: &[Edge]) -> Result<(), TrackerError> {
    let mut next: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for edge in edges {
        if let Target::Planned(to) = edge.to
            && edge.kind.orders()
            && edge.kind != DepKind::ParentChild
        {
            next.entry(edge.from).or_default().push(to);
        }
    }
    // What waits for nothing that is left is taken away, until nothing more can be.
    loop {
        let waiting: BTreeSet<usize> = next.keys().copied().collect();
        let before = next.len();
        for after in next.values_mut() {
            after.retain(|to| waiting.contains(to));
        }
        next.retain(|_, after| !after.is_empty());
        if next.len() == before {
            break;
        }
    }
    let Some(mut at) = next.keys().next().copied() else {
        return Ok(());
    };
    let mut path = Vec::new();
    while !path.contains(&at) {
        path.push(at);
        at = next[&at][0];
    }
    let start = path.iter().position(|one| *one == at).unwrap_or(0);
    let around = path[start..].iter().chain(std::iter::once(&at));
    Err(TrackerError::Cycle {
        path: around.map(|one| plan[*one].place.clone()).collect(),
    })
}
