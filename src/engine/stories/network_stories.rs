use super::world::World;
use crate::domain::dep::DepKind;
use crate::domain::record::{CloseOutcome, Op, TaskFields, TaskUpdated};
use crate::engine::network::Network;

fn estimate(w: &mut World, task: crate::domain::ids::TaskUid, minutes: u64) {
    w.write(Op::TaskUpdated(TaskUpdated::of(
        task,
        TaskFields {
            estimate_minutes: Some(Some(minutes)),
            ..TaskFields::default()
        },
    )));
}

#[test]
fn the_critical_path_is_the_longest_by_estimates_of_what_is_open() {
    let mut w = World::default();
    let (a, b, c, d) = (w.task(&[]), w.task(&[]), w.task(&[]), w.task(&[]));
    w.dep(b, DepKind::Blocks, a);
    w.dep(d, DepKind::Blocks, b);
    w.dep(d, DepKind::Blocks, c);
    let all = |_| true;
    assert_eq!(
        Network::of(&w.state).critical_path(all),
        (vec![a, b, d], 180)
    );
    estimate(&mut w, c, 600);
    assert_eq!(Network::of(&w.state).critical_path(all), (vec![c, d], 660));
    w.close(c, CloseOutcome::Done);
    assert_eq!(
        Network::of(&w.state).critical_path(all),
        (vec![a, b, d], 180)
    );
    assert_eq!(
        Network::of(&w.state).critical_path(|t| t == c),
        (Vec::new(), 0)
    );
}

#[test]
fn what_most_wait_for_comes_first_and_a_circle_is_no_path() {
    let mut w = World::default();
    let tasks: Vec<_> = (0..6).map(|_| w.task(&[])).collect();
    for later in &tasks[1..4] {
        w.dep(*later, DepKind::Blocks, tasks[0]);
    }
    w.dep(tasks[4], DepKind::OnClose, tasks[3]);
    let network = Network::of(&w.state);
    let levers = network.levers(10);
    assert_eq!(
        (levers[0].task, levers[0].direct, levers[0].all),
        (tasks[0], 3, 4)
    );
    assert_eq!((levers[1].task, levers[1].all), (tasks[3], 1));
    w.dep(tasks[3], DepKind::Blocks, tasks[4]);
    let (path, _) = Network::of(&w.state).critical_path(|_| true);
    assert!(!path.contains(&tasks[4]), "{path:?}");
}
