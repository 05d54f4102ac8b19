//! Numbers, handles and keys.

use fleet::domain::handles::unambiguous_handle;
use fleet::domain::ids::{TaskNumber, TaskSelector};
use fleet::domain::record::{Op, Record, TaskNumbered};
use fleet::domain::state::{State, Unresolved};
use fleet::store::{Checkpoint, Scope};

use crate::records::{NOON, added, id, record, task};
use crate::support::Log;

fn number(n: u32) -> TaskNumber {
    TaskNumber::new(n).unwrap()
}

fn keyed(n: u16, at: u64, key: &str) -> Record {
    let mut record = added(n, at, None, "t");
    if let Op::TaskAdded(p) = &mut record.op {
        p.key = Some(key.to_owned());
    }
    record
}

#[test]
fn of_two_tasks_with_one_number_the_earlier_keeps_it_and_writes_fail_closed() {
    let records = [
        added(1, NOON + 5, Some(7), "late"),
        added(2, NOON, Some(7), "early"),
    ];
    let state = State::fold(&records);
    assert_eq!(state.holder_of(number(7)), Some(task(2)));
    assert_eq!(state.number_of(task(1)), None);
    assert_eq!(state.name_of(task(2)).to_string(), "T-7");
    let both = vec![task(2), task(1)];
    let resolved = state.resolve(&TaskSelector::Number(number(7)));
    assert_eq!(
        resolved,
        Err(Unresolved::Ambiguous {
            candidates: both.clone()
        })
    );
    assert_eq!(state.collisions().collect::<Vec<_>>(), [(number(7), both)]);
    // Doctor's one record ends it, in every clone alike.
    let op = Op::TaskNumbered(TaskNumbered {
        task: task(1),
        n: number(8),
    });
    let mended = record(id(5, 1), NOON + 9, op);
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let all = [&records[0], &records[1], &mended];
        let state = State::fold(order.map(|i| all[i]));
        assert_eq!(state.collisions().count(), 0);
        assert_eq!(state.number_of(task(1)), Some(number(8)));
        assert_eq!(state.number_of(task(2)), Some(number(7)));
    }
}

#[test]
fn equal_times_are_decided_by_the_lower_id() {
    let records = [added(2, NOON, Some(7), "b"), added(1, NOON, Some(7), "a")];
    assert_eq!(State::fold(&records).holder_of(number(7)), Some(task(1)));
}

#[test]
fn a_handle_keeps_its_meaning_after_the_task_has_a_number() {
    let mut store = Log::new("wa");
    store.write(&[added(1, NOON, None, "a")], Checkpoint::Never);
    let state = store.load(Scope::Live).state;
    let name = state.name_of(task(1)).to_string();
    assert!(name.starts_with("T-~"), "{name}");
    let selector: TaskSelector = name.parse().unwrap();
    let op = Op::TaskNumbered(TaskNumbered {
        task: task(1),
        n: number(1),
    });
    store.write(&[record(id(5, 1), NOON + 1, op)], Checkpoint::Force);
    let state = store.load(Scope::Tasks(vec![selector.clone()])).state;
    assert_eq!(state.resolve(&selector), Ok(task(1)));
    assert_eq!(state.name_of(task(1)).to_string(), "T-1");
    let handle: TaskSelector = unambiguous_handle(&state, task(1)).parse().unwrap();
    assert_eq!(state.resolve(&handle), Ok(task(1)));
}

#[test]
fn the_tail_may_number_or_renumber_tasks_of_the_checkpoint() {
    let mut store = Log::new("wa");
    store.write(
        &[added(1, NOON, None, "a"), added(2, NOON, Some(2), "b")],
        Checkpoint::Force,
    );
    let numbered = |rec, n: u16, to| {
        let op = Op::TaskNumbered(TaskNumbered {
            task: task(n),
            n: number(to),
        });
        record(id(5, rec), NOON + 1, op)
    };
    store.write(&[numbered(1, 1, 3), numbered(2, 2, 4)], Checkpoint::Never);
    for (n, owner) in [(3, 1), (4, 2)] {
        let selector = TaskSelector::Number(number(n));
        let state = store.load(Scope::Tasks(vec![selector.clone()])).state;
        assert_eq!(state.resolve(&selector), Ok(task(owner)));
        assert!(
            state.tasks[&task(owner)].added.is_some(),
            "the whole task is there"
        );
    }
    let gone = TaskSelector::Number(number(2));
    let state = store.load(Scope::Tasks(vec![gone.clone()])).state;
    assert!(matches!(
        state.resolve(&gone),
        Err(Unresolved::NotFound { .. })
    ));
}

#[test]
fn the_earliest_task_keeps_a_contested_key_in_any_order() {
    let records = [
        keyed(3, NOON + 1, "k"),
        keyed(2, NOON, "k"),
        keyed(1, NOON + 2, "k"),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1]] {
        let state = State::fold(order.map(|i| &records[i]));
        assert_eq!(state.by_key("k"), Some(task(2)));
        assert_eq!(state.by_key("other"), None);
    }
    let mut store = Log::new("wa");
    store.write(&records[..2], Checkpoint::Force);
    store.write(&records[2..], Checkpoint::Never);
    assert_eq!(store.load(Scope::Live).state.by_key("k"), Some(task(2)));
}

#[test]
fn a_key_is_found_from_one_small_file_also_when_its_task_is_archived() {
    const DAY: u64 = 24 * 3_600_000;
    let mut store = Log::new("wa");
    let mut records = Vec::new();
    for n in 1..=300 {
        let mut made = keyed(n, NOON - 20 * DAY + u64::from(n), &format!("key {n}"));
        if let Op::TaskAdded(p) = &mut made.op {
            p.n = TaskNumber::new(n.into());
            p.set.body = Some("x".repeat(400));
        }
        records.push(made);
    }
    records.extend((1..=200).map(|n| crate::records::closed(n, n, NOON - 10 * DAY)));
    store.write(&records, Checkpoint::Force);
    // Later checkpoints know the archived keys only from the table.
    store.write(&[keyed(500, NOON, "new")], Checkpoint::Force);
    store.write(&[keyed(501, NOON, "newest")], Checkpoint::Never);
    let find = |key: &str| {
        let loaded = store.load(Scope::Key(key.to_owned(), Vec::new()));
        (loaded.state.by_key(key), loaded.state.tasks.len())
    };
    for n in [1, 100, 200, 201, 300] {
        let (found, read) = find(&format!("key {n}"));
        assert_eq!(found, Some(task(n)));
        assert!(read < 250, "{read}");
    }
    assert_eq!(find("new").0, Some(task(500)));
    assert_eq!(find("newest"), (Some(task(501)), 1));
    assert_eq!(find("none").0, None);
    let named = vec![TaskSelector::Number(number(250))];
    let loaded = store.load(Scope::Key("key 7".to_owned(), named.clone()));
    assert_eq!(loaded.state.by_key("key 7"), Some(task(7)));
    assert_eq!(loaded.state.resolve(&named[0]), Ok(task(250)));
    assert_eq!(fleet::store::verify(&store.view()).unwrap(), []);
}
