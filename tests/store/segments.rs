//! Where appended lines go.

use std::sync::Arc;

use fleet::domain::time::Timestamp;
use fleet::ports::memory_tree::MemoryTree;
use fleet::store::{
    Checkpoint, SEGMENT_MAX_BYTES, SEGMENT_MAX_LINES, Scope, StoreError, Write, encode_record,
    plan_write,
};

use crate::records::{NOON, added};
use crate::support::{Log, Watched, view};

#[test]
fn a_segment_ends_at_its_limits_and_a_large_record_gets_its_own() {
    let mut store = Log::new("wa");
    let small: Vec<_> = (0..1100).map(|n| added(n, NOON, None, "t")).collect();
    store.write(&small, Checkpoint::Never);
    let large = added(2000, NOON, None, &"z".repeat(100_000));
    store.write(
        &[large.clone(), added(2001, NOON, None, "t")],
        Checkpoint::Never,
    );
    let segments = store.segments();
    for path in &segments {
        let bytes = store.tree.get(path).unwrap();
        let lines = bytes.iter().filter(|b| **b == b'\n').count();
        assert!(lines <= SEGMENT_MAX_LINES, "{path}: {lines}");
        assert!(
            bytes.len() <= SEGMENT_MAX_BYTES || lines == 1,
            "{path}: {}",
            bytes.len()
        );
    }
    assert!(
        segments[0].ends_with("/log/2026-11/wa-0000.jsonl"),
        "{segments:?}"
    );
    assert_eq!(store.load(Scope::Live).tail_records(), 1102);
}

#[test]
fn a_write_touches_one_small_file() {
    let mut store = Log::new("wa");
    store.write(&[added(1, NOON, None, "a")], Checkpoint::Never);
    let paths = store.write(&[added(2, NOON, None, "b")], Checkpoint::IfGrown);
    assert_eq!(paths, [".orchestra/log/2026-11/wa-0000.jsonl"]);
    assert_eq!(
        store.write(&[], Checkpoint::IfGrown),
        [""; 0],
        "nothing to do, nothing changes"
    );
}

#[test]
fn a_torn_segment_is_left_alone_and_the_next_one_begins() {
    let mut store = Log::new("wa");
    store.write(&[added(1, NOON, None, "a")], Checkpoint::Never);
    let path = store.segments().remove(0);
    let mut torn = store.tree.get(&path).unwrap().to_vec();
    torn.extend_from_slice(b"{\"v\":1,\"id\":\"0");
    store.tree.set(&path, Some(torn.clone()));
    let paths = store.write(&[added(2, NOON, None, "b")], Checkpoint::Never);
    assert!(paths.contains(&path.replace("0000", "0001")), "{paths:?}");
    assert_eq!(store.tree.get(&path).unwrap(), torn);
    assert_eq!(store.load(Scope::Live).state.tasks.len(), 2);
}

#[test]
fn a_record_that_fits_no_line_is_refused_before_anything_is_written() {
    let store = Log::new("wa");
    let record = added(1, NOON, None, &"z".repeat(300_000));
    assert!(matches!(
        encode_record(&record),
        Err(StoreError::LineTooLong { .. })
    ));
    // A time that no reader could read.
    let mut late = added(1, NOON, None, "t");
    if let fleet::domain::record::Op::TaskAdded(p) = &mut late.op {
        p.set.due = Some(Some(Timestamp(u64::MAX)));
    }
    assert!(matches!(
        encode_record(&late),
        Err(StoreError::BadRecord { .. })
    ));
    let write = Write {
        writer: "wa",
        now: Timestamp(NOON),
        records: &[record],
        settle: false,
        checkpoint: Checkpoint::Never,
    };
    let loaded = store.load(Scope::Live);
    let error = plan_write(&store.view(), &loaded, &write).unwrap_err();
    assert!(error.to_string().contains("the limit is"), "{error}");
    let bad = Write {
        writer: "../x",
        records: &[],
        ..write
    };
    let error = plan_write(&store.view(), &loaded, &bad).unwrap_err();
    assert!(matches!(error, StoreError::BadWriter { .. }));
}

#[test]
fn a_checkpoint_needs_a_whole_reading() {
    let mut store = Log::new("wa");
    store.write(&[added(1, NOON, Some(1), "a")], Checkpoint::Force);
    let loaded = store.load(Scope::Header);
    let write = Write {
        writer: "wa",
        now: Timestamp(NOON),
        records: &[],
        settle: false,
        checkpoint: Checkpoint::Force,
    };
    let error = plan_write(&store.view(), &loaded, &write).unwrap_err();
    assert_eq!(error, StoreError::PartialCheckpoint);
}

#[test]
fn a_grown_tail_brings_a_checkpoint_and_only_then() {
    let mut store = Log::new("wa");
    let many: Vec<_> = (0..1001).map(|n| added(n, NOON, None, "t")).collect();
    let paths = store.write(&many[..1000], Checkpoint::IfGrown);
    assert!(!paths.iter().any(|p| p.contains("checkpoint")), "{paths:?}");
    let paths = store.write(&many[1000..], Checkpoint::IfGrown);
    assert!(paths.iter().any(|p| p.contains("checkpoint")), "{paths:?}");
    assert_eq!(store.load(Scope::Live).tail_records(), 0);
}

#[test]
fn a_month_that_is_over_is_skipped_by_its_id() {
    let mut store = Log::new("wa");
    store.write(&[added(1, NOON, Some(1), "a")], Checkpoint::Force);
    store.now += 20 * 24 * 3_600_000;
    store.write(&[added(2, NOON, Some(2), "b")], Checkpoint::Force);
    store.write(&[added(3, NOON, Some(3), "c")], Checkpoint::Force);
    let header = store.tree.get(".orchestra/checkpoint.json").unwrap();
    let header = String::from_utf8_lossy(header);
    assert!(header.contains("\"2026-11\":{\"tree\":"), "{header}");
    assert_eq!(store.load(Scope::Live).tail_records(), 0);
    // A clone that was offline brings November records in December.
    store.now = NOON;
    store.writer = "wb";
    store.write(&[added(4, NOON, Some(4), "d")], Checkpoint::Never);
    let loaded = store.load(Scope::Live);
    assert_eq!(loaded.state.tasks.len(), 4);
    assert_eq!(loaded.problems, []);
}

#[test]
fn after_one_large_publish_the_log_is_not_read_again() {
    let mut store = Log::new("wa");
    // As an import does it: many segments and their checkpoint at once.
    let many: Vec<_> = (0..3_000).map(|n| added(n, NOON, None, "t")).collect();
    store.write(&many, Checkpoint::IfGrown);
    assert!(store.segments().len() > 2, "{:?}", store.segments());
    let read_by = |tree: &MemoryTree| {
        let read = Arc::default();
        let mut view = view(tree.clone());
        view.tree = Box::new(Watched {
            tree: tree.clone(),
            read: Arc::clone(&read),
        });
        let loaded = fleet::store::load(&view, Scope::Live).unwrap();
        assert_eq!(loaded.problems, []);
        let mut paths = read.lock().unwrap().clone();
        paths.retain(|path: &String| path.starts_with(".orchestra/log/"));
        (loaded.state.tasks.len(), paths)
    };
    assert_eq!(read_by(&store.tree), (3_000, vec![]));
    // What is added then is read, and nothing before it.
    let last = store.segments().pop().unwrap();
    store.write(&[added(3_000, NOON, None, "t")], Checkpoint::Never);
    assert_eq!(read_by(&store.tree), (3_001, vec![last]));
}
