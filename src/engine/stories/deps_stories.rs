use super::world::World;
use crate::domain::dep::DepKind::{Blocks, ParentChild, Related, WaitsFor};
use crate::engine::deps::{Direction, cycles, dependents, tree, would_cycle};

#[test]
fn an_edge_that_closes_a_circle_is_refused_with_the_way_round() {
    let mut w = World::default();
    let (a, b, c) = (w.task(&[]), w.task(&[]), w.task(&[]));
    w.dep(a, Blocks, b);
    w.dep(b, WaitsFor, c);
    let index = w.index();
    let cycle = |from, to, kind| would_cycle(&w.state, &index, from, to, kind);
    assert_eq!(cycle(c, a, Blocks), Some(vec![c, a, b, c]));
    assert_eq!(cycle(c, a, Related), None);
    assert_eq!(cycle(a, a, Related), Some(vec![a, a]));
    assert_eq!(cycle(a, c, Blocks), None);
}

#[test]
fn a_family_is_no_circle_but_a_part_that_waits_for_its_own_whole_is() {
    let mut w = World::default();
    let (top, mid, leaf, other) = (w.task(&[]), w.task(&[]), w.task(&[]), w.task(&[]));
    w.dep(mid, ParentChild, top);
    w.dep(leaf, ParentChild, mid);
    w.dep(other, ParentChild, top);
    let index = w.index();
    assert_eq!(cycles(&w.state, &index), Vec::<Vec<_>>::new());
    let refused = |from, to, kind| would_cycle(&w.state, &index, from, to, kind).is_some();
    assert!(refused(leaf, top, Blocks), "the part waits for the whole");
    assert!(refused(top, leaf, Blocks), "the whole holds its part back");
    assert!(refused(top, leaf, ParentChild));
    assert!(
        !refused(leaf, other, Blocks),
        "siblings may wait for each other"
    );
}

#[test]
fn circles_after_a_merge_are_found() {
    let mut w = World::default();
    let tasks: Vec<_> = (0..6).map(|_| w.task(&[])).collect();
    for (from, to) in [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5)] {
        w.dep(tasks[from], Blocks, tasks[to]);
    }
    w.dep(tasks[5], ParentChild, tasks[4]);
    let found = cycles(&w.state, &w.index());
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.contains(&tasks[0..3].to_vec()));
    assert!(found.contains(&tasks[4..6].to_vec()));
}

#[test]
fn a_long_chain_needs_no_stack() {
    let mut w = World::default();
    let tasks: Vec<_> = (0..3000).map(|_| w.task(&[])).collect();
    for pair in tasks.windows(2) {
        w.dep(pair[0], Blocks, pair[1]);
    }
    let index = w.index();
    assert_eq!(cycles(&w.state, &index).len(), 0);
    let round = would_cycle(&w.state, &index, tasks[2999], tasks[0], Blocks).unwrap();
    assert_eq!(round.len(), 3001);
    assert_eq!(w.ready(), [tasks[2999]]);
}

#[test]
fn the_tree_shows_each_tasks_edges_once_and_ends_in_a_circle_too() {
    let mut w = World::default();
    let (a, b, c) = (w.task(&[]), w.task(&[]), w.task(&[]));
    w.dep(a, Blocks, b);
    w.dep(a, Related, c);
    w.dep(b, Blocks, c);
    w.dep(c, Blocks, a);
    let lines = tree(&w.state, &w.index(), a, Direction::Down, 9);
    let shown: Vec<_> = lines
        .iter()
        .map(|l| (l.depth, l.task, l.repeated))
        .collect();
    assert_eq!(
        shown,
        [
            (0, a, false),
            (1, b, false),
            (2, c, false),
            (3, a, true),
            (1, c, true)
        ]
    );
    let up = tree(&w.state, &w.index(), c, Direction::Up, 1);
    assert_eq!(up.len(), 3);
    assert_eq!(dependents(&w.state, &w.index(), c), 1);
}
