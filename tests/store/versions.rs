//! Newer versions: what this build does not know survives byte for byte (I12).

use serde_json::Value;

use fleet::domain::ids::{TaskNumber, TaskSelector};
use fleet::domain::record::Op;
use fleet::domain::time::Timestamp;
use fleet::store::HistoryOf;
use fleet::store::{
    Checkpoint, FORMAT_PATH, ProblemKind, Scope, StoreError, Write, checkpoint_is_due,
    encode_record, history, load, load_log, plan_write, verify,
};

use crate::records::{NOON, added, id, task};
use crate::support::Log;

const HEADER: &str = ".orchestra/checkpoint.json";
const PATH: &str = ".orchestra/log/2026-11/wz-0000.jsonl";

/// Every raw line that the checkpoint keeps.
fn kept(store: &Log) -> Vec<String> {
    let files = store
        .tree
        .files()
        .filter(|(path, _)| path.contains("/unknown"));
    let text: String = files
        .map(|(_, bytes)| String::from_utf8_lossy(bytes))
        .collect();
    text.lines()
        .map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            row["raw"].as_str().unwrap().to_owned()
        })
        .collect()
}

fn lines() -> Vec<String> {
    let base = encode_record(&added(1, NOON, Some(1), "t")).unwrap();
    let of = |n: u16, rest: &str| {
        let head = base
            .split("\"op\"")
            .next()
            .unwrap()
            .replace(&id(1, 1).to_string(), &id(5, n).to_string());
        format!("{head}{rest}")
    };
    vec![
        base.replace(
            "\"set\":{",
            "\"set\":{\"mood\": 12345678901234567890123.50 ,",
        ),
        of(2, r#""op":"task.teleported","to" : "mars","n":1e3}"#),
        of(
            3,
            &format!(
                r#""op":"task.closed","task":"{}","outcome":"done","hat":"\u0074op"}}"#,
                task(1)
            ),
        ),
        of(
            4,
            &format!(
                r#""op":"task.closed","task":"{}","outcome":"vanished"}}"#,
                task(1)
            ),
        ),
        of(
            5,
            &format!(r#""op":"comment.added","task":"{}","text":"x"}}"#, task(1)),
        )
        .replace("\"v\":1", "\"v\":2"),
    ]
}

#[test]
fn i12_unknown_operations_fields_and_values_round_trip_byte_for_byte() {
    let mut store = Log::new("wa");
    let text = lines().join("\n") + "\n";
    store.tree.set(PATH, Some(text.clone().into_bytes()));
    let before = store.load(Scope::Live);
    store.write(&[added(900, NOON, None, "mine")], Checkpoint::Force);
    assert_eq!(store.tree.get(PATH).unwrap(), text.as_bytes());
    let mut expected = lines();
    let mut there = kept(&store);
    expected.sort();
    there.sort();
    assert_eq!(there, expected);
    // Again and again, also when nothing but the checkpoint is read.
    for n in 901..904 {
        store.write(&[added(n, NOON, None, "more")], Checkpoint::Force);
        let mut there = kept(&store);
        there.sort();
        assert_eq!(there, expected);
    }
    let after = store.load(Scope::Live);
    assert_eq!(after.state.tasks[&task(1)], before.state.tasks[&task(1)]);
    assert_eq!(after.state.unknown, before.state.unknown);
    assert_eq!(after.state.unknown[&id(5, 2)], "task.teleported");
    assert_eq!(after.state.tasks[&task(1)].details.extra.len(), 1);
    let told: Vec<_> = after.problems.iter().map(|p| (p.line, p.what)).collect();
    assert_eq!(told, [(4, ProblemKind::NotARecord)]);
    assert_eq!(verify(&store.view()).unwrap(), after.problems);
}

#[test]
fn i12_unknown_lines_of_finished_work_go_to_the_archive_with_it() {
    let mut store = Log::new("wa");
    let old = encode_record(&added(1, NOON - 30 * 86_400_000, Some(1), "t")).unwrap();
    let old = old.replace("\"set\":{", "\"set\":{\"mood\":1,");
    store.tree.set(PATH, Some(format!("{old}\n").into_bytes()));
    let closed = crate::records::closed(1, 1, NOON - 20 * 86_400_000);
    store.write(&[closed], Checkpoint::Force);
    assert_eq!(kept(&store), [old]);
    let live = store.load(Scope::Live);
    assert_eq!(live.scope, Scope::Live);
    assert!(
        live.state.tasks.is_empty(),
        "the kept line does not bring it back"
    );
    assert_eq!(verify(&store.view()).unwrap(), []);
}

/// The header as a newer build would have written it, or damaged besides.
fn from_a_newer_build(store: &mut Log, damage: Option<(&str, &str)>) -> Vec<u8> {
    let header = String::from_utf8(store.tree.get(HEADER).unwrap().to_vec()).unwrap();
    let ours = header.split(',').next().unwrap();
    let mut newer = header.replacen(ours, "{\"fold\":4000", 1);
    if let Some((from, to)) = damage {
        newer = newer.replacen(from, to, 1);
    }
    assert_ne!(newer, header);
    store.tree.set(HEADER, Some(newer.clone().into_bytes()));
    newer.into_bytes()
}

#[test]
fn i12_a_checkpoint_of_a_newer_build_is_read_and_left_as_it_is_while_the_log_grows() {
    for damage in [None, Some(("\"covers\":", "\"covers_differently\":"))] {
        let mut store = Log::new("wa");
        store.write(&[added(1, NOON, Some(1), "t")], Checkpoint::Force);
        let newer = from_a_newer_build(&mut store, damage);
        for n in 2..5 {
            let paths = store.write(&[added(n, NOON, Some(n as u32), "t")], Checkpoint::Force);
            assert!(paths.iter().all(|p| p.contains("/log/")), "{paths:?}");
        }
        let loaded = store.load(Scope::Live);
        assert_eq!(loaded.state.tasks.len(), 4);
        assert!(!checkpoint_is_due(&loaded), "{damage:?}");
        assert_eq!(store.tree.get(HEADER).unwrap(), newer.as_slice());
    }
}

#[test]
fn a_newer_format_is_read_and_not_written() {
    let mut store = Log::new("wa");
    store.write(&[added(1, NOON, Some(1), "t")], Checkpoint::Force);
    store.tree.set(
        FORMAT_PATH,
        Some(br#"{"format":2,"min_reader":1,"new":true}"#.to_vec()),
    );
    let loaded = store.load(Scope::Live);
    assert_eq!(loaded.state.tasks.len(), 1);
    assert_eq!(
        loaded.writable(),
        Err(StoreError::NewerFormat { format: 2 })
    );
    let write = Write {
        writer: "wa",
        now: Timestamp(NOON),
        records: &[],
        settle: false,
        checkpoint: Checkpoint::Never,
    };
    let refused = plan_write(&store.view(), &loaded, &write).unwrap_err();
    assert!(
        refused.to_string().contains("install a newer fleet"),
        "{refused}"
    );
}

#[test]
fn a_format_that_needs_a_newer_reader_is_not_read() {
    let mut store = Log::new("wa");
    for (bytes, words) in [
        (
            &br#"{"format":9,"min_reader":7}"#[..],
            "needs a fleet that reads format 7",
        ),
        (b"{", "repair it by hand"),
        (b"", "repair it by hand"),
    ] {
        store.tree.set(FORMAT_PATH, Some(bytes.to_vec()));
        for scope in [Scope::Header, Scope::Live] {
            let error = load(&store.view(), scope).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}

#[test]
fn the_first_write_states_the_format() {
    let mut store = Log::new("wa");
    store.write(&[added(1, NOON, None, "t")], Checkpoint::Never);
    assert_eq!(
        store.tree.get(FORMAT_PATH).unwrap(),
        b"{\"format\":1,\"min_reader\":1}\n"
    );
}

#[test]
fn the_history_of_a_task_has_all_that_names_it_in_order() {
    let mut store = Log::new("wa");
    let closed = crate::records::closed(3, 1, NOON + 5);
    let other = added(2, NOON + 1, Some(2), "other");
    let first = added(1, NOON, Some(1), "t");
    store.write(&[closed.clone(), other, first.clone()], Checkpoint::Force);
    let records = history(&store.view(), HistoryOf::Task(task(1))).unwrap();
    assert_eq!(records, [first, closed]);
    let all = history(&store.view(), HistoryOf::All).unwrap();
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|r| !matches!(r.op, Op::Unknown(_))));
}

/// The state of a repository in which `fold` 3 was the newest: texts stand with the tasks.
fn from_before_texts_lay_apart() -> Log {
    let mut store = Log::new("wa");
    for (path, text) in [
        (
            "format.json",
            include_str!("../fixtures/state/fold-3/format.json"),
        ),
        (
            "checkpoint.json",
            include_str!("../fixtures/state/fold-3/checkpoint.json"),
        ),
        (
            "tasks.jsonl",
            include_str!("../fixtures/state/fold-3/tasks.jsonl"),
        ),
        (
            "deps.jsonl",
            include_str!("../fixtures/state/fold-3/deps.jsonl"),
        ),
        (
            "keys.jsonl",
            include_str!("../fixtures/state/fold-3/keys.jsonl"),
        ),
        (
            "log/2026-11/g4y2e4gsss-0000.jsonl",
            include_str!("../fixtures/state/fold-3/log.jsonl"),
        ),
    ] {
        store
            .tree
            .set(&format!(".orchestra/{path}"), Some(text.into()));
    }
    store
}

#[test]
fn a_checkpoint_with_texts_among_the_tasks_reads_the_same_and_the_next_one_takes_them_apart() {
    let mut store = from_before_texts_lay_apart();
    let header =
        |store: &Log| -> Value { serde_json::from_slice(store.tree.get(HEADER).unwrap()).unwrap() };
    assert!(header(&store)["tables"]["tasks"].is_array());
    let log = load_log(&store.view()).unwrap().state;
    let loaded = store.load(Scope::Live);
    assert_eq!((loaded.state, loaded.problems), (log.clone(), vec![]));
    let task = TaskSelector::Number(TaskNumber::new(2).unwrap());
    let one = store.load(Scope::Tasks(vec![task.clone()])).state;
    let uid = one.resolve(&task).unwrap();
    assert_eq!(one.tasks[&uid], log.tasks[&uid]);

    store.write(&[], Checkpoint::Force);
    assert!(header(&store)["files"]["texts"].is_array());
    let text = |name: &str| {
        let bytes = store.tree.get(&format!(".orchestra/{name}.jsonl")).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    assert!(!text("tasks").contains("a remark"), "{}", text("tasks"));
    assert!(text("texts").contains("a remark"), "{}", text("texts"));
    let loaded = store.load(Scope::Live);
    assert_eq!((loaded.state, loaded.problems), (log.clone(), vec![]));
    let one = store.load(Scope::Tasks(vec![task])).state;
    assert_eq!(one.tasks[&uid], log.tasks[&uid]);
    assert_eq!(verify(&store.view()).unwrap(), []);
}
