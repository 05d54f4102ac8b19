use super::world::World;
use crate::domain::dep::DepKind;
use crate::engine::plan::{Limits, plan};
use crate::engine::ready::Board;

/// 10,000 open tasks: paths, chains, families, live locks. The figure of the release build is
/// printed (`--no-capture`); the assertion only keeps the growth from becoming quadratic.
#[test]
fn readiness_of_ten_thousand_tasks_takes_milliseconds() {
    let mut w = World::default();
    let tasks: Vec<_> = (0..10_000)
        .map(|n| w.task(&[&format!("src/part{}/file{n}.rs", n % 300)]))
        .collect();
    for (n, pair) in tasks.windows(2).enumerate() {
        match n % 10 {
            0..3 => w.dep(pair[1], DepKind::Blocks, pair[0]),
            3 => w.dep(pair[1], DepKind::ParentChild, tasks[n / 10 * 10]),
            _ => {}
        }
    }
    w.policy.tick.max_parallel = 16;
    for claim in w.plan().claims {
        w.claim(&claim);
    }
    let index = w.index();
    let mut best = (std::time::Duration::MAX, std::time::Duration::MAX);
    for _ in 0..9 {
        let start = std::time::Instant::now();
        let ready = Board::new(&w.state, &index, &w.policy, w.now).ready();
        best.0 = best.0.min(start.elapsed());
        assert!(ready.len() > 5_000, "{}", ready.len());
        let start = std::time::Instant::now();
        let plan = plan(
            &w.state,
            &index,
            &w.facts,
            &w.policy,
            &Limits::default(),
            w.now,
        );
        best.1 = best.1.min(start.elapsed());
        assert_eq!(plan.waits.len(), 10_000 - plan.claims.len());
    }
    println!("10,000 tasks: ready {:?}, whole plan {:?}", best.0, best.1);
    // No figure to hold, only a guard against quadratic work: that would take minutes.
    assert!(best.1.as_secs() < 30, "{best:?}");
}
