use super::world::World;
use crate::domain::dep::DepKind;
use crate::domain::halves::WORTH;
use crate::domain::record::CloseOutcome;
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

/// Many tasks are looked through in two halves; what is said of each is what is said of it alone.
#[test]
fn what_is_said_of_many_tasks_at_once_is_what_is_said_of_each() {
    let mut w = World::default();
    let tasks: Vec<_> = (0..=WORTH).map(|_| w.task(&[])).collect();
    for (n, pair) in tasks.windows(2).enumerate() {
        // Edges to later tasks, too, and over the middle.
        let (from, to) = (pair[n % 2], pair[1 - n % 2]);
        match n % 5 {
            0 => w.dep(from, DepKind::Blocks, to),
            1 => w.dep(from, DepKind::Blocks, tasks[WORTH - n]),
            2 => w.dep(from, DepKind::ParentChild, tasks[n / 7]),
            _ => {}
        }
        if n % 11 == 0 {
            w.close(pair[0], CloseOutcome::Done);
        }
    }
    let index = w.index();
    let board = Board::new(&w.state, &index, &w.policy, w.now);
    let all = || w.state.tasks.keys().copied();
    let ready: Vec<_> = all().filter(|uid| board.whys(*uid).is_empty()).collect();
    assert!((100..WORTH - 100).contains(&ready.len()), "{}", ready.len());
    assert_eq!(board.ready(), ready);
    let phases = board.phases(|_| true);
    let phases: Vec<_> = phases
        .iter()
        .map(|(uid, _, phase)| (*uid, *phase))
        .collect();
    assert_eq!(
        phases,
        all()
            .map(|uid| (uid, board.phase(uid).0))
            .collect::<Vec<_>>()
    );
}
