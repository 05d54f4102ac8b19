//! Finished work leaves the live rows and is still found.

use fleet::domain::dep::DepKind;
use fleet::domain::ids::{TaskNumber, TaskSelector};
use fleet::domain::record::{DepEdge, Op, TaskReopened, TaskUpdated};
use fleet::domain::state::State;
use fleet::store::{Checkpoint, Scope, verify};

use crate::records::{NOON, added, closed, record, task};
use crate::support::Log;

const DAY: u64 = 24 * 3_600_000;

fn number(n: u32) -> TaskSelector {
    TaskSelector::Number(TaskNumber::new(n).unwrap())
}

/// Tasks 1 to 40; the first 30 were closed ten days ago, and task 40 waits for task 2.
fn store() -> Log {
    let mut store = Log::new("wa");
    let mut records = Vec::new();
    for n in 1..=40 {
        let at = NOON - 20 * DAY + u64::from(n);
        records.push(added(
            n,
            at,
            Some(n.into()),
            &format!("task {n} {}", "x".repeat(3000)),
        ));
    }
    let edge = DepEdge {
        from: task(40),
        to: task(2),
        kind: DepKind::Blocks,
    };
    records.push(record(crate::records::id(5, 500), NOON, Op::DepAdded(edge)));
    records.extend((1..=30).map(|n| closed(n, n, NOON - 10 * DAY)));
    store.write(&records, Checkpoint::Force);
    store
}

#[test]
fn finished_work_leaves_the_live_rows_and_is_still_found() {
    let store = store();
    let live = store.load(Scope::Live);
    assert_eq!(live.scope, Scope::Live);
    assert_eq!(live.tail_records(), 0);
    let held: Vec<_> = (1..=40)
        .filter(|n| live.state.tasks.contains_key(&task(*n)))
        .collect();
    let expected: Vec<_> = [2].into_iter().chain(31..=40).collect();
    assert_eq!(held, expected, "task 2 is still waited for");
    assert_eq!(live.state.max_number, 40);
    // By number and by handle.
    let by_number = store.load(Scope::Tasks(vec![number(5)]));
    assert_eq!(by_number.state.resolve(&number(5)), Ok(task(5)));
    assert!(!by_number.state.tasks[&task(5)].is_open());
    let handle = TaskSelector::Handle(task(5).handle());
    let by_handle = store.load(Scope::Tasks(vec![handle.clone()]));
    assert_eq!(by_handle.state.resolve(&handle), Ok(task(5)));
    assert_eq!(verify(&store.view()).unwrap(), []);
}

#[test]
fn i14_reopening_archived_work_brings_it_back() {
    let mut store = store();
    let reopened = TaskReopened {
        task: task(5),
        reason: String::new(),
    };
    let record = record(crate::records::id(5, 900), NOON, Op::TaskReopened(reopened));
    store.write(std::slice::from_ref(&record), Checkpoint::Never);
    let loaded = store.load(Scope::Live);
    assert_eq!(loaded.scope, Scope::All, "the tail speaks of archived work");
    assert!(loaded.state.tasks[&task(5)].is_open());
    assert!(
        loaded.state.tasks[&task(5)]
            .title
            .value
            .starts_with("task 5")
    );
    store.write(&[], Checkpoint::Force);
    let live = store.load(Scope::Live);
    assert_eq!(live.scope, Scope::Live);
    assert!(live.state.tasks[&task(5)].is_open());
    assert_eq!(verify(&store.view()).unwrap(), []);
}

#[test]
fn i14_a_late_record_about_archived_work_is_applied_once_and_in_its_place() {
    let mut store = store();
    let late = |rec: u16, at: u64, title: &str| {
        let mut update = TaskUpdated::of(task(7), Default::default());
        update.set.title = Some(title.to_owned());
        record(crate::records::id(5, rec), at, Op::TaskUpdated(update))
    };
    let too_old = late(901, NOON - 30 * DAY, "loses");
    let newer = late(902, NOON - 11 * DAY, "wins");
    store.write(&[newer, too_old], Checkpoint::Never);
    store.write(&[], Checkpoint::Force);
    let live = store.load(Scope::Live);
    assert!(
        !live.state.tasks.contains_key(&task(7)),
        "it is archived again"
    );
    let found = store.load(Scope::Tasks(vec![number(7)]));
    assert_eq!(found.state.tasks[&task(7)].title.value, "wins");
    assert_eq!(verify(&store.view()).unwrap(), []);
}

#[test]
fn a_number_is_never_used_again_even_when_its_task_is_archived() {
    let mut store = Log::new("wa");
    let records = [
        added(1, NOON - 20 * DAY, Some(41), "a"),
        closed(1, 1, NOON - 10 * DAY),
    ];
    store.write(&records, Checkpoint::Force);
    for scope in [
        Scope::Header,
        Scope::Live,
        Scope::All,
        Scope::Tasks(vec![number(3)]),
    ] {
        assert_eq!(store.load(scope).state.max_number, 41);
    }
    assert!(store.load(Scope::Live).state.tasks.is_empty());
}

#[test]
fn only_files_that_changed_are_written() {
    let mut store = store();
    let more = [added(41, NOON, Some(41), "new")];
    let paths = store.write(&more, Checkpoint::Force);
    let rows: Vec<_> = paths.iter().filter(|p| p.contains("/tasks")).collect();
    assert_eq!(rows.len(), 1, "{paths:?}");
    assert!(!paths.iter().any(|p| p.contains("archive")), "{paths:?}");
    // More work ends: the archive's full files stay as they are.
    let ended: Vec<_> = (31..=39)
        .map(|n| closed(100 + n, n, NOON - 8 * DAY))
        .collect();
    let paths = store.write(&ended, Checkpoint::Force);
    let archived: Vec<_> = paths
        .iter()
        .filter(|p| p.contains("archive/tasks"))
        .collect();
    assert!(archived.len() <= 2, "{paths:?}");
    assert_eq!(verify(&store.view()).unwrap(), []);
    let all = store.load(Scope::All);
    assert_eq!(all.state.tasks.len(), 41);
}

#[test]
fn a_partial_reading_is_enough_to_close_one_task_of_many() {
    let mut store = Log::new("wa");
    let records: Vec<_> = (1..=900)
        .map(|n| added(n, NOON + u64::from(n), Some(n.into()), &"y".repeat(400)))
        .collect();
    store.write(&records, Checkpoint::Force);
    let part = store.load(Scope::Tasks(vec![number(500)]));
    assert!(part.state.tasks.contains_key(&task(500)));
    assert!(part.state.tasks.len() < 300, "only its file is read");
    let whole = State::fold(&records);
    assert_eq!(part.state.tasks[&task(500)], whole.tasks[&task(500)]);
    assert_eq!(store.load(Scope::Live).state, whole);
}

#[test]
fn a_reading_without_edges_has_its_tasks_whole_also_archived_ones() {
    let mut store = Log::new("wa");
    let mut records: Vec<_> = (1..=30)
        .map(|n| added(n, NOON - 20 * DAY + u64::from(n), Some(n.into()), "t"))
        .collect();
    for n in 2..=30 {
        let edge = DepEdge {
            from: task(n),
            to: task(n - 1),
            kind: DepKind::Related,
        };
        let id = crate::records::id(5, n);
        records.push(record(id, NOON - 20 * DAY + 100, Op::DepAdded(edge)));
    }
    records.extend((1..=5).map(|n| closed(n, n, NOON - 10 * DAY)));
    store.write(&records, Checkpoint::Force);
    let whole = State::fold(&records);
    for n in [3, 20] {
        let with = store.load(Scope::Tasks(vec![number(n)])).state;
        let without = store.load(Scope::WithoutEdges(vec![number(n)])).state;
        let uid = task(n.try_into().unwrap());
        assert_eq!(without.tasks[&uid], whole.tasks[&uid], "T-{n}");
        assert!(with.deps_from(uid).count() == 1, "T-{n}");
    }
    let live = store.load(Scope::WithoutEdges(vec![number(20)])).state;
    assert_eq!(live.deps.len(), 0, "{:?}", live.deps);
}

#[test]
fn reopened_work_finds_its_archived_blockers() {
    let mut store = Log::new("wa");
    let mut records: Vec<_> = (1..=3)
        .map(|n| added(n, NOON - 20 * DAY, Some(n.into()), "t"))
        .collect();
    for (rec, from, to) in [(50, 2, 1), (51, 3, 2)] {
        let edge = DepEdge {
            from: task(from),
            to: task(to),
            kind: DepKind::Blocks,
        };
        records.push(record(
            crate::records::id(5, rec),
            NOON - 20 * DAY,
            Op::DepAdded(edge),
        ));
    }
    // 3 waits for 2, which waited for 1; so 2 stays and 1 goes.
    records.extend((1..=2).map(|n| closed(n, n, NOON - 10 * DAY)));
    store.write(&records, Checkpoint::Force);
    let live = store.load(Scope::Live).state;
    assert!(live.tasks.contains_key(&task(2)) && !live.tasks.contains_key(&task(1)));
    let reopened = TaskReopened {
        task: task(2),
        reason: String::new(),
    };
    let reopen = [record(
        crate::records::id(5, 60),
        NOON,
        Op::TaskReopened(reopened),
    )];
    for checkpoint in [Checkpoint::Never, Checkpoint::Force] {
        let mut store = Log {
            tree: store.tree.clone(),
            ..Log::new("wa")
        };
        store.write(&reopen, checkpoint);
        let live = store.load(Scope::Live).state;
        assert!(
            live.tasks.contains_key(&task(1)),
            "a blocker of open work is there"
        );
        assert_eq!(verify(&store.view()).unwrap(), []);
    }
}

#[test]
fn a_late_claim_of_an_archived_number_is_seen_as_a_collision() {
    let mut store = store();
    let late = [added(90, NOON, Some(5), "made offline by an older fleet")];
    store.write(&late, Checkpoint::Never);
    let state = store.load(Scope::Live).state;
    assert_eq!(state.collisions().count(), 1);
    store.write(&[], Checkpoint::Force);
    assert_eq!(store.load(Scope::Live).state.collisions().count(), 1);
}
