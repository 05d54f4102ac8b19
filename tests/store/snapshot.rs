//! A snapshot stands for the checkpoint to the letter, or it is not used.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex};

use uuid::Uuid;

use fleet::domain::dep::DepKind;
use fleet::domain::ids::{RecordId, TaskNumber, TaskUid};
use fleet::domain::record::{
    CloseOutcome, CommentAdded, DepEdge, Op, Record, TaskAdded, TaskAdmitted, TaskClosed,
    TaskFields, TaskNumbered, TaskUpdated,
};
use fleet::domain::register::Reg;
use fleet::domain::review::ForgeSaid;
use fleet::domain::task::{Acceptance, Complexity, Deliverable, Task};
use fleet::domain::time::{Hlc, Timestamp};
use fleet::domain::tracking::{GateAdded, GateKind, TaskDecayed};
use fleet::ports::memory_tree::MemoryTree;
use fleet::ports::state_repo::{Cache, RemoteState, StateView};
use fleet::store::{Bodies, Checkpoint, Scope, Write, load, load_cached, plan_write};

use crate::support::Watched;

const NOW: u64 = 1_795_248_000_000;

#[derive(Default)]
struct Shelf(Mutex<BTreeMap<String, Vec<u8>>>);

impl Cache for Shelf {
    fn get(&self, name: &str) -> Option<(Box<dyn Read + Send>, u64)> {
        let bytes = self.0.lock().unwrap().get(name)?.clone();
        let length = bytes.len() as u64;
        Some((Box::new(Cursor::new(bytes)), length))
    }

    fn put(&self, name: &str, pieces: Vec<Vec<u8>>) {
        self.0
            .lock()
            .unwrap()
            .insert(name.to_owned(), pieces.concat());
    }
}

fn record(at: u32, op: Op) -> Record {
    let random = u128::from(at).wrapping_mul(0x9e37_79b9_7f4a_7c15) & ((1 << 62) - 1);
    Record {
        v: 1,
        id: RecordId(Uuid::from_u128(
            (u128::from(NOW) + u128::from(at)) << 80 | 7 << 76 | 2 << 62 | random,
        )),
        ts: Hlc((NOW + u64::from(at)) * 1_000_000),
        by: "human:ada".to_owned(),
        run: "k3f9q".to_owned(),
        op,
    }
}

fn fields(n: u32) -> TaskFields {
    let rare = n.is_multiple_of(3);
    TaskFields {
        title: Some(format!("Task {n} – “ü”")),
        body: Some("words ".repeat(n as usize % 40)),
        kind: rare.then(|| "testing".to_owned()),
        priority: n.is_multiple_of(2).then_some(u8::try_from(n % 5).unwrap()),
        complexity: rare.then_some(Complexity::High),
        deliverable: rare.then_some(Deliverable::Plan),
        acceptance: rare.then(|| {
            vec![Acceptance {
                text: "it works".to_owned(),
                done: true,
            }]
        }),
        assignee: rare.then(|| Some("ada".to_owned())),
        due: rare.then_some(Some(Timestamp(NOW))),
        defer_until: rare.then_some(None),
        extra: rare
            .then(|| ("sprint".to_owned(), serde_json::json!({"n": [1, 2.5]})))
            .into_iter()
            .collect(),
        ..TaskFields::default()
    }
}

/// 300 tasks with every kind of field, edges, closes, remarks and later changes.
fn records() -> Vec<Record> {
    let mut all = Vec::new();
    let mut last = None;
    for n in 1..=300 {
        let added = record(
            n * 10,
            Op::TaskAdded(TaskAdded {
                n: (n % 2 == 0).then(|| TaskNumber::new(n).unwrap()),
                key: (n % 7 == 0).then(|| format!("key-{n}")),
                set: fields(n),
                labels: vec!["core".to_owned(), "docs".to_owned()],
                paths: vec![format!("src/{n}/**")],
                admitted: n % 11 != 0,
            }),
        );
        let task = TaskUid::created_by(added.id);
        all.push(added);
        let mut more = Vec::new();
        if n % 2 == 1 {
            let n = TaskNumber::new(n).unwrap();
            more.push(Op::TaskNumbered(TaskNumbered { task, n }));
        }
        if let Some(to) = last.replace(task) {
            let kind = DepKind::ALL[n as usize % DepKind::ALL.len()];
            more.push(Op::DepAdded(DepEdge {
                from: task,
                to,
                kind,
            }));
        }
        if n % 5 == 0 {
            more.push(Op::TaskClosed(TaskClosed {
                task,
                outcome: CloseOutcome::Wontdo,
                reason: "no".to_owned(),
            }));
            more.push(Op::ForgeSaid(ForgeSaid {
                task,
                key: format!("key-{n}"),
                url: None,
            }));
            let text = "a remark".to_owned();
            more.push(Op::CommentAdded(CommentAdded { task, text }));
            more.push(Op::GateAdded(GateAdded {
                task,
                kind: GateKind::Ci,
                until: None,
                subject: Some("nightly".to_owned()),
                note: String::new(),
            }));
            if n % 2 == 0 {
                more.push(Op::TaskDecayed(TaskDecayed {
                    task,
                    summary: "it was done".to_owned(),
                }));
            }
        }
        if n % 6 == 0 {
            more.push(Op::TaskUpdated(TaskUpdated {
                task,
                set: TaskFields {
                    title: Some("renamed".to_owned()),
                    ..TaskFields::default()
                },
                add_labels: vec!["late".to_owned()],
                rm_labels: vec!["core".to_owned()],
                add_paths: Vec::new(),
                rm_paths: Vec::new(),
                check: vec!["it compiles".to_owned()],
                uncheck: Vec::new(),
            }));
        }
        all.extend((1..).zip(more).map(|(at, op)| record(n * 10 + at, op)));
    }
    all
}

fn view(tree: &MemoryTree) -> StateView {
    StateView {
        tip: None,
        tree: Box::new(tree.clone()),
        unpublished: None,
        unpublished_tip: None,
        remote: RemoteState::None,
        cache_key: String::new(),
    }
}

fn write(tree: &mut MemoryTree, records: &[Record], checkpoint: Checkpoint) {
    let view = view(tree);
    let loaded = load(&view, Scope::Live).unwrap();
    let write = Write {
        writer: "abcdefghij",
        now: Timestamp(NOW),
        records,
        settle: true,
        checkpoint,
    };
    for change in plan_write(&view, &loaded, &write).unwrap() {
        tree.set(&change.path, change.bytes);
    }
}

#[test]
fn a_reading_through_a_snapshot_is_the_same_as_one_without() {
    let mut tree = MemoryTree::default();
    write(&mut tree, &records(), Checkpoint::Force);
    let shelf = Shelf::default();
    let plain = load(&view(&tree), Scope::Live).unwrap();
    let first = load_cached(&view(&tree), Scope::Live, Some(&shelf), Bodies::Read).unwrap();
    assert_eq!(shelf.0.lock().unwrap().len(), 1);
    let second = load_cached(&view(&tree), Scope::Live, Some(&shelf), Bodies::Read).unwrap();
    assert_eq!(plain.state, first.state);
    assert_eq!(plain.state, second.state);

    // What is written afterwards comes on top; a new checkpoint is another key.
    let task = *plain.state.tasks.keys().next().unwrap();
    let late = record(
        9_000,
        Op::TaskClosed(TaskClosed {
            task,
            outcome: CloseOutcome::Done,
            reason: String::new(),
        }),
    );
    write(&mut tree, &[late], Checkpoint::Never);
    let plain = load(&view(&tree), Scope::Live).unwrap();
    let cached = load_cached(&view(&tree), Scope::Live, Some(&shelf), Bodies::Read).unwrap();
    assert_eq!(plain.state, cached.state);
    assert_eq!(shelf.0.lock().unwrap().len(), 1);
    write(&mut tree, &[], Checkpoint::Force);
    let plain = load(&view(&tree), Scope::Live).unwrap();
    let cached = load_cached(&view(&tree), Scope::Live, Some(&shelf), Bodies::Read).unwrap();
    assert_eq!(plain.state, cached.state);
    assert_eq!(shelf.0.lock().unwrap().len(), 2);
}

#[test]
fn a_reading_that_shows_no_bodies_leaves_them_but_for_those_that_were_admitted_by_hash() {
    let mut tree = MemoryTree::default();
    let mut all = records();
    let (open, pinned) = (
        TaskUid::created_by(all[0].id),
        TaskUid::created_by(all[2].id),
    );
    let sha256 = "0".repeat(64);
    let task = pinned;
    all.push(record(
        9_000,
        Op::TaskAdmitted(TaskAdmitted { task, sha256 }),
    ));
    write(&mut tree, &all, Checkpoint::Force);
    let shelf = Shelf::default();
    let plain = load(&view(&tree), Scope::Live).unwrap();
    load_cached(&view(&tree), Scope::Live, Some(&shelf), Bodies::Read).unwrap();

    let skimmed = load_cached(
        &view(&tree),
        Scope::Live,
        Some(&shelf),
        Bodies::MayBeMissing,
    )
    .unwrap()
    .state;
    assert!(plain.state.tasks[&open].body.is_written());
    assert_eq!(skimmed.tasks[&open].body, Reg::default());
    assert_eq!(skimmed.tasks[&pinned], plain.state.tasks[&pinned]);
    for (uid, task) in &plain.state.tasks {
        let mut there = skimmed.tasks[uid].clone();
        there.body.clone_from(&task.body);
        assert_eq!(there, *task);
    }
    assert_eq!(skimmed.deps, plain.state.deps);
}

/// What a list shows of a task is all there; of the rest there may be all or nothing.
fn as_a_list_shows_it(task: &Task) -> Task {
    let mut shown = task.clone();
    if !shown.details.admitted_sha256.is_written() {
        shown.body = Reg::default();
    }
    let details = &mut *shown.details;
    details.key = None;
    details.said.clear();
    details.comments.clear();
    details.external_ref = Reg::default();
    details.extra.clear();
    shown
}

#[test]
fn a_reading_for_a_list_leaves_what_lists_do_not_show_and_the_next_whole_one_has_it() {
    let mut tree = MemoryTree::default();
    let mut all = records();
    let pinned = TaskUid::created_by(all[2].id);
    let sha256 = "0".repeat(64);
    let admitted = TaskAdmitted {
        task: pinned,
        sha256,
    };
    all.push(record(9_000, Op::TaskAdmitted(admitted)));
    write(&mut tree, &all, Checkpoint::Force);
    let plain = load(&view(&tree), Scope::Live).unwrap();
    let read = |shelf: &Shelf, scope, bodies| {
        let read = load_cached(&view(&tree), scope, Some(shelf), bodies).unwrap();
        assert_eq!(read.bodies, bodies);
        read.state
    };
    let length = |shelf: &Shelf| {
        shelf
            .0
            .lock()
            .unwrap()
            .values()
            .map(Vec::len)
            .sum::<usize>()
    };

    // From the rows, from what that left, and from a whole snapshot.
    let shelf = Shelf::default();
    let first = read(&shelf, Scope::Live, Bodies::OnlyRows);
    let short = length(&shelf);
    let second = read(&shelf, Scope::All, Bodies::OnlyRows);
    assert_eq!(plain.state, read(&shelf, Scope::Live, Bodies::Read));
    assert!(length(&shelf) > short);
    let third = read(&shelf, Scope::Live, Bodies::OnlyRows);
    assert_eq!(plain.state, read(&shelf, Scope::All, Bodies::Read));
    for state in [first, second, third] {
        assert_eq!(state.deps, plain.state.deps);
        assert_eq!(state.tasks.len(), plain.state.tasks.len());
        for (uid, task) in &plain.state.tasks {
            assert_eq!(
                as_a_list_shows_it(&state.tasks[uid]),
                as_a_list_shows_it(task)
            );
        }
        assert_eq!(state.tasks[&pinned].body, plain.state.tasks[&pinned].body);
    }
}

#[test]
fn a_reading_for_a_list_leaves_the_files_of_texts_where_they_are() {
    let mut tree = MemoryTree::default();
    write(&mut tree, &records(), Checkpoint::Force);
    let read_for = |bodies| {
        let read = Arc::default();
        let mut view = view(&tree);
        view.tree = Box::new(Watched {
            tree: tree.clone(),
            read: Arc::clone(&read),
        });
        let shelf = Shelf::default();
        load_cached(&view, Scope::Live, Some(&shelf), bodies).unwrap();
        let paths = read.lock().unwrap().clone();
        let of = |table: &str| paths.iter().filter(|path| path.contains(table)).count();
        (of("/tasks"), of("/texts"))
    };
    let (tasks, texts) = read_for(Bodies::Read);
    assert!(tasks > 0 && texts > 0);
    assert_eq!(read_for(Bodies::OnlyRows), (tasks, 0));
}

#[test]
fn archived_work_comes_on_top_of_a_snapshot_of_the_live_rows() {
    let mut tree = MemoryTree::default();
    write(&mut tree, &records(), Checkpoint::Force);
    let late = NOW + 30 * 24 * 3_600_000;
    {
        let view = view(&tree);
        let loaded = load(&view, Scope::All).unwrap();
        let write = Write {
            writer: "abcdefghij",
            now: Timestamp(late),
            records: &[],
            settle: true,
            checkpoint: Checkpoint::Force,
        };
        for change in plan_write(&view, &loaded, &write).unwrap() {
            tree.set(&change.path, change.bytes);
        }
    }
    let live = load(&view(&tree), Scope::Live).unwrap();
    let plain = load(&view(&tree), Scope::All).unwrap();
    assert!(live.state.tasks.len() < plain.state.tasks.len());
    let shelf = Shelf::default();
    for _ in 0..2 {
        let cached = load_cached(&view(&tree), Scope::All, Some(&shelf), Bodies::Read).unwrap();
        assert_eq!(plain.state, cached.state);
        let cached = load_cached(&view(&tree), Scope::Live, Some(&shelf), Bodies::Read).unwrap();
        assert_eq!(live.state, cached.state);
    }
}

/// Damages a snapshot of these records in many places.
fn none_damaged_is_used(records: &[Record], places: usize) {
    let mut tree = MemoryTree::default();
    write(&mut tree, records, Checkpoint::Force);
    let shelf = Shelf::default();
    let plain = load(&view(&tree), Scope::Live).unwrap();
    let read = || load_cached(&view(&tree), Scope::Live, Some(&shelf), Bodies::Read).unwrap();
    for _ in 0..2 {
        assert_eq!(plain.state, read().state);
    }
    let (name, good) = shelf.0.lock().unwrap().pop_first().unwrap();
    let tries = (0..good.len()).step_by(good.len() / places);
    for at in tries.chain([20, good.len() - 1]) {
        let mut flipped = good.clone();
        flipped[at] ^= 0x10;
        for bad in [flipped, good[..at].to_vec()] {
            shelf.put(&name, vec![bad]);
            assert_eq!(plain.state, read().state, "byte {at}");
        }
    }
}

#[test]
fn a_damaged_snapshot_is_not_used() {
    none_damaged_is_used(&records(), 25);
}

#[test]
fn a_large_snapshot_is_read_on_two_threads_and_not_used_if_it_is_damaged() {
    let mut all = records();
    for record in &mut all {
        if let Op::TaskAdded(added) = &mut record.op {
            added.set.body = Some("words ".repeat(500));
        }
    }
    none_damaged_is_used(&all, 8);
}
