//! The graph of tasks: everything that hangs together, the critical path, and what unblocks most.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::{name, resolve, title};
use crate::app::tracker::report::{EdgeRow, LeverRow, NetworkReport, NodeRow};
use crate::app::tracker::views::status_of;
use crate::domain::dep::DepKind;
use crate::domain::ids::{TaskSelector, TaskUid};
use crate::domain::state::State;
use crate::engine::network::Network;
use crate::engine::ready::Board;
use crate::store::{Bodies, Scope};

/// How many levers are told.
const LEVERS: usize = 10;

/// Tasks with edges: those that hang together with `root`, or all open ones. Tasks without edges are
/// left out unless one of them is the root. `all` adds closed ones.
///
/// # Errors
/// An unknown or ambiguous task, or unreadable state.
pub fn graph(
    desk: Desk<'_>,
    root: Option<&TaskSelector>,
    all: bool,
) -> Result<NetworkReport, TrackerError> {
    let (reading, root) = match root {
        Some(root) => {
            let (reading, uid) = desk.read_until(Bodies::OnlyRows, |state| resolve(state, root))?;
            (reading, Some(uid))
        }
        None => (
            desk.glance(if all { Scope::All } else { Scope::Live })?,
            None,
        ),
    };
    let state = &reading.loaded.state;
    let index = state.index();
    let board = Board::new(state, &index, desk.policy, desk.now());
    let shown = |uid: &TaskUid| {
        let task = state.tasks.get(uid);
        all || Some(*uid) == root || task.is_none_or(|task| task.is_open())
    };
    let edges: Vec<_> = state
        .live_deps()
        .filter(|key| shown(&key.from) && shown(&key.to))
        .collect();
    let mut nodes: BTreeSet<TaskUid> = match root {
        Some(root) => connected(root, edges.iter().map(|key| (key.from, key.to))),
        None => edges.iter().flat_map(|key| [key.from, key.to]).collect(),
    };
    nodes.extend(root);
    let network = Network::of(state);
    let (path, minutes) = network.critical_path(|uid| nodes.contains(&uid));
    let mut levers = network.levers(if root.is_some() { usize::MAX } else { LEVERS });
    levers.retain(|lever| nodes.contains(&lever.task));
    levers.truncate(LEVERS);
    let names: BTreeMap<TaskUid, String> =
        nodes.iter().map(|uid| (*uid, name(state, *uid))).collect();
    let mut rows: Vec<_> = nodes
        .iter()
        .map(|uid| NodeRow {
            id: names[uid].clone(),
            title: title(state, *uid),
            status: status_of(state, *uid),
            phase: board.phase(*uid).0.name(),
            priority: state.tasks.get(uid).map_or(2, |task| task.priority()),
            critical: path.contains(uid),
        })
        .collect();
    rows.sort_by_cached_key(|row| (row.id.len(), row.id.clone()));
    let mut edge_rows: Vec<_> = edges
        .iter()
        .filter(|key| nodes.contains(&key.from) && nodes.contains(&key.to))
        .map(|key| edge(&names, &path, *key))
        .collect();
    edge_rows.sort_by_cached_key(|row| {
        let (from, to) = (row.from.clone(), row.to.clone());
        (from.len(), from, to.len(), to, row.kind)
    });
    Ok(NetworkReport {
        root: root.map(|uid| names[&uid].clone()),
        total: rows.len(),
        nodes: rows,
        edges: edge_rows,
        critical_path: path.iter().map(|uid| names[uid].clone()).collect(),
        critical_minutes: minutes,
        unblocks_most: levers.iter().map(|lever| lever_row(state, lever)).collect(),
        has_more: false,
    })
}

fn lever_row(state: &State, lever: &crate::engine::network::Lever) -> LeverRow {
    LeverRow {
        id: name(state, lever.task),
        title: title(state, lever.task),
        direct: lever.direct,
        all: lever.all,
    }
}

fn edge(
    names: &BTreeMap<TaskUid, String>,
    path: &[TaskUid],
    key: crate::domain::state::DepKey,
) -> EdgeRow {
    let (later, earlier) = match key.kind {
        DepKind::ParentChild => (key.to, key.from),
        _ => (key.from, key.to),
    };
    let critical = key.kind.orders()
        && path
            .windows(2)
            .any(|pair| pair[0] == earlier && pair[1] == later);
    EdgeRow {
        from: names[&key.from].clone(),
        to: names[&key.to].clone(),
        kind: key.kind.name(),
        critical,
    }
}

/// Everything that can be reached from `root` over edges, whichever way they point.
fn connected(root: TaskUid, edges: impl Iterator<Item = (TaskUid, TaskUid)>) -> BTreeSet<TaskUid> {
    let mut near: BTreeMap<TaskUid, Vec<TaskUid>> = BTreeMap::new();
    for (a, b) in edges {
        near.entry(a).or_default().push(b);
        near.entry(b).or_default().push(a);
    }
    let (mut found, mut todo) = (BTreeSet::from([root]), vec![root]);
    while let Some(at) = todo.pop() {
        for next in near.get(&at).into_iter().flatten() {
            if found.insert(*next) {
                todo.push(*next);
            }
        }
    }
    found
}
