//! Edges between tasks: cycles refused at write, cycles found after merges, and the tree to show.
//!
//! A task has two sides: it may *open* (nothing holds it back) and it is *done*. An edge
//! `blocks`/`waits-for` makes open(from) wait for done(to); `parent-child` makes open(child) wait
//! for open(parent), and done(parent) wait for done(child), since a parent is run last. So a child
//! that is blocked by its own parent is a cycle, and a plain family is none.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::domain::dep::DepKind;
use crate::domain::ids::TaskUid;
use crate::domain::record::CloseOutcome;
use crate::domain::state::{DepKey, Index, State};
use crate::domain::task::Task;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Open(TaskUid),
    Done(TaskUid),
}

impl Side {
    const fn task(self) -> TaskUid {
        match self {
            Self::Open(uid) | Self::Done(uid) => uid,
        }
    }
}

/// What each side of an edge's tasks waits for.
fn waits(key: DepKey) -> Vec<(Side, Side)> {
    match key.kind {
        DepKind::Blocks | DepKind::WaitsFor | DepKind::OnFailure | DepKind::OnClose => {
            vec![(Side::Open(key.from), Side::Done(key.to))]
        }
        DepKind::ParentChild => vec![
            (Side::Open(key.from), Side::Open(key.to)),
            (Side::Done(key.to), Side::Done(key.from)),
        ],
        DepKind::DiscoveredFrom | DepKind::Related | DepKind::Duplicates | DepKind::Supersedes => {
            Vec::new()
        }
    }
}

fn next_sides(state: &State, index: &Index, side: Side) -> Vec<Side> {
    let mut next: Vec<Side> = match side {
        Side::Done(uid) => vec![Side::Open(uid)],
        Side::Open(_) => Vec::new(),
    };
    let from = state.deps_from(side.task());
    let to = index.deps_to(side.task()).copied();
    for (waiting, on) in from.chain(to).flat_map(waits) {
        if waiting == side {
            next.push(on);
        }
    }
    next
}

/// The cycle that the edge would close, as the tasks on it from `from` back to `from`; `None` if it
/// closes none. An edge from a task to itself is always refused.
#[must_use]
pub fn would_cycle(
    state: &State,
    index: &Index,
    from: TaskUid,
    to: TaskUid,
    kind: DepKind,
) -> Option<Vec<TaskUid>> {
    if from == to {
        return Some(vec![from, from]);
    }
    let key = DepKey { from, to, kind };
    waits(key).into_iter().find_map(|(waiting, on)| {
        let path = path_between(state, index, on, waiting)?;
        let mut tasks: Vec<TaskUid> = std::iter::once(waiting.task())
            .chain(path.iter().map(|side| side.task()))
            .collect();
        tasks.dedup();
        Some(tasks)
    })
}

/// Shortest way between two sides.
fn path_between(state: &State, index: &Index, start: Side, goal: Side) -> Option<Vec<Side>> {
    let mut came: BTreeMap<Side, Side> = BTreeMap::new();
    let mut todo = VecDeque::from([start]);
    while let Some(side) = todo.pop_front() {
        if side == goal {
            let mut path = vec![side];
            let mut at = side;
            while at != start {
                at = came[&at];
                path.push(at);
            }
            path.reverse();
            return Some(path);
        }
        for next in next_sides(state, index, side) {
            if next != start && !came.contains_key(&next) {
                came.insert(next, side);
                todo.push_back(next);
            }
        }
    }
    None
}

/// All groups of tasks that wait for each other in a circle (after forced merges), each sorted.
/// Tarjan's algorithm without recursion.
#[must_use]
pub fn cycles(state: &State, index: &Index) -> Vec<Vec<TaskUid>> {
    let mut sides: BTreeSet<Side> = BTreeSet::new();
    for key in state.live_deps().filter(|key| key.kind.orders()) {
        for uid in [key.from, key.to] {
            sides.extend([Side::Open(uid), Side::Done(uid)]);
        }
    }
    let mut tarjan = Tarjan::default();
    for side in sides {
        if !tarjan.seen.contains_key(&side) {
            tarjan.walk(state, index, side);
        }
    }
    tarjan
        .found
        .into_iter()
        .map(|group| {
            let tasks: BTreeSet<TaskUid> = group.iter().map(|side| side.task()).collect();
            tasks.into_iter().collect()
        })
        .collect()
}

#[derive(Default)]
struct Tarjan {
    /// Order of visit and lowest reachable.
    seen: BTreeMap<Side, (usize, usize)>,
    stack: Vec<Side>,
    on_stack: BTreeSet<Side>,
    found: Vec<Vec<Side>>,
}

impl Tarjan {
    fn enter(&mut self, side: Side) {
        let order = self.seen.len();
        self.seen.insert(side, (order, order));
        self.stack.push(side);
        self.on_stack.insert(side);
    }

    fn lower(&mut self, side: Side, to: usize) {
        if let Some((_, low)) = self.seen.get_mut(&side) {
            *low = to.min(*low);
        }
    }

    fn walk(&mut self, state: &State, index: &Index, root: Side) {
        let mut frames = vec![(root, next_sides(state, index, root))];
        self.enter(root);
        while let Some((side, next)) = frames.last_mut() {
            let side = *side;
            match next.pop() {
                Some(to) => match self.seen.get(&to) {
                    None => {
                        self.enter(to);
                        frames.push((to, next_sides(state, index, to)));
                    }
                    Some((order, _)) if self.on_stack.contains(&to) => {
                        let order = *order;
                        self.lower(side, order);
                    }
                    Some(_) => {}
                },
                None => {
                    frames.pop();
                    let (order, low) = self.seen[&side];
                    if let Some((parent, _)) = frames.last() {
                        let parent = *parent;
                        self.lower(parent, low);
                    }
                    if order == low {
                        self.leave(side);
                    }
                }
            }
        }
    }

    /// Takes one strongly connected group off the stack; a single side is no cycle.
    fn leave(&mut self, root: Side) {
        let mut group = Vec::new();
        while let Some(side) = self.stack.pop() {
            self.on_stack.remove(&side);
            group.push(side);
            if side == root {
                break;
            }
        }
        if group.len() > 1 {
            self.found.push(group);
        }
    }
}

/// Which way a tree grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// What the task depends on.
    #[default]
    Down,
    /// What depends on the task.
    Up,
}

/// One line of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeLine {
    /// Distance from the root.
    pub depth: usize,
    /// The task.
    pub task: TaskUid,
    /// The edge that leads here; `None` for the root.
    pub kind: Option<DepKind>,
    /// It was shown above already; its own edges are not repeated.
    pub repeated: bool,
}

/// The tree below (or above) `root`, depth first, every task's edges shown once.
#[must_use]
pub fn tree(
    state: &State,
    index: &Index,
    root: TaskUid,
    direction: Direction,
    max_depth: usize,
) -> Vec<TreeLine> {
    let mut lines = Vec::new();
    let mut shown = BTreeSet::new();
    let mut todo = vec![(0, root, None)];
    while let Some((depth, task, kind)) = todo.pop() {
        let repeated = !shown.insert(task);
        lines.push(TreeLine {
            depth,
            task,
            kind,
            repeated,
        });
        if repeated || depth >= max_depth {
            continue;
        }
        let mut next: Vec<(usize, TaskUid, Option<DepKind>)> = match direction {
            Direction::Down => state
                .deps_from(task)
                .map(|key| (depth + 1, key.to, Some(key.kind)))
                .collect(),
            Direction::Up => index
                .deps_to(task)
                .map(|key| (depth + 1, key.from, Some(key.kind)))
                .collect(),
        };
        next.reverse();
        todo.extend(next);
    }
    lines
}

/// Number of open tasks that are directly blocked by `task`.
#[must_use]
pub fn dependents(state: &State, index: &Index, task: TaskUid) -> usize {
    index
        .deps_to(task)
        .filter(|key| key.kind == DepKind::Blocks)
        .filter(|key| state.tasks.get(&key.from).is_some_and(|t| t.is_open()))
        .count()
}

/// The task in which a merged one lives on: where the edges lead that made duplicates.
#[must_use]
pub fn living(state: &State, uid: TaskUid) -> TaskUid {
    let mut at = uid;
    let mut seen = BTreeSet::from([uid]);
    loop {
        let gone = state.tasks.get(&at).and_then(Task::outcome) == Some(CloseOutcome::Duplicate);
        let mut edges = state.deps_from(at);
        let kept = edges.find(|key| key.kind == DepKind::Duplicates);
        match kept.filter(|_| gone) {
            Some(key) if seen.insert(key.to) => at = key.to,
            _ => return at,
        }
    }
}
