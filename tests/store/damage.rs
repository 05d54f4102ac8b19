//! Bad bytes: each gives a named, located problem; nothing is lost; the rest is read (I6).

use fleet::domain::state::State;
use fleet::store::{
    Checkpoint, Problem, ProblemKind, Scope, StoreError, decode_line, encode_record, load_log,
    verify,
};

use crate::records::{NOON, added, id, task};
use crate::support::Log;

const PATH: &str = ".orchestra/log/2026-11/wz-0000.jsonl";

/// Two good lines of another writer around the bad bytes.
fn around(bad: &[u8]) -> Vec<u8> {
    let line = |n| encode_record(&added(n, NOON, None, "good")).unwrap();
    let mut bytes = format!("{}\n", line(1)).into_bytes();
    bytes.extend_from_slice(bad);
    bytes.extend_from_slice(format!("\n{}\n", line(2)).as_bytes());
    bytes
}

/// Reads a file as the one segment of a log; checks that a checkpoint keeps bytes and problems.
fn read(bytes: &[u8]) -> (State, Vec<Problem>) {
    let mut store = Log::new("wa");
    store.tree.set(PATH, Some(bytes.to_vec()));
    let loaded = store.load(Scope::Live);
    store.write(&[added(900, NOON, None, "mine")], Checkpoint::Force);
    assert_eq!(
        store.tree.get(PATH).unwrap(),
        bytes,
        "the file is as it was"
    );
    let again = store.load(Scope::Live);
    assert_eq!(
        again.problems, loaded.problems,
        "a checkpoint forgets no problem"
    );
    let from_log = load_log(&store.view()).unwrap();
    assert_eq!(again.state, from_log.state);
    (loaded.state, loaded.problems)
}

#[track_caller]
fn one_bad_line(bad: &[u8], what: ProblemKind) -> Problem {
    let (state, problems) = read(&around(bad));
    assert!(state.tasks.contains_key(&task(1)) && state.tasks.contains_key(&task(2)));
    let [problem] = &problems[..] else {
        panic!("one problem expected: {problems:?}");
    };
    assert_eq!(
        (problem.path.as_str(), problem.line, problem.what),
        (PATH, 2, what)
    );
    assert!(problem.excerpt.chars().count() <= 121, "{problem}");
    assert!(
        problem.to_string().starts_with(&format!("{PATH}:2: ")),
        "{problem}"
    );
    assert!(
        problem.excerpt.bytes().all(|b| b >= b' '),
        "escaped: {problem:?}"
    );
    problem.clone()
}

fn line(n: u16) -> String {
    encode_record(&added(n, NOON, None, "t")).unwrap()
}

#[test]
fn i6_a_torn_last_line_is_quarantined_and_the_rest_reads() {
    let whole = format!("{}\n{}", line(1), line(2));
    for cut in [line(1).len() + 2, line(1).len() + 40, whole.len() - 1] {
        let (state, problems) = read(&whole.as_bytes()[..cut]);
        assert_eq!(state.tasks.len(), 1);
        assert_eq!(
            (problems[0].line, problems[0].what),
            (2, ProblemKind::TornLine)
        );
    }
}

#[test]
fn i6_a_last_line_without_its_end_is_read_and_reported() {
    let (state, problems) = read(format!("{}\n{}", line(1), line(2)).as_bytes());
    assert_eq!(state.tasks.len(), 2);
    assert_eq!(
        (problems[0].line, problems[0].what),
        (2, ProblemKind::NoFinalNewline)
    );
}

#[test]
fn i6_byte_order_mark_and_carriage_returns_are_read_and_reported_once() {
    let text = format!("\u{feff}{}\r\n{}\r\n{}\r\n", line(1), line(2), line(3));
    let (state, problems) = read(text.as_bytes());
    assert_eq!(state.tasks.len(), 3);
    let kinds: Vec<_> = problems.iter().map(|p| p.what).collect();
    assert_eq!(
        kinds,
        [ProblemKind::ByteOrderMark, ProblemKind::CarriageReturns]
    );
}

#[test]
fn i6_nul_bytes() {
    one_bad_line(b"\0\0\0\0", ProblemKind::NulByte);
    one_bad_line(format!("\0\0{}", line(5)).as_bytes(), ProblemKind::NulByte);
}

#[test]
fn i6_bytes_that_are_not_utf8() {
    let problem = one_bad_line(b"{\"v\":1,\"id\":\"\xff\xfe\"}", ProblemKind::NotUtf8);
    assert!(problem.excerpt.contains("\\xff"), "{problem}");
}

#[test]
fn i6_conflict_markers_leave_both_sides_readable() {
    let text = format!(
        "<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n",
        line(1),
        line(2)
    );
    let (state, problems) = read(text.as_bytes());
    assert_eq!(state.tasks.len(), 2);
    let found: Vec<_> = problems.iter().map(|p| (p.line, p.what)).collect();
    let marker = ProblemKind::ConflictMarker;
    assert_eq!(found, [(1, marker), (3, marker), (5, marker)]);
}

#[test]
fn i6_text_that_is_no_json_or_no_record() {
    one_bad_line(b"hello", ProblemKind::NotJson);
    one_bad_line(b"{\"v\":1", ProblemKind::NotJson);
    one_bad_line(b"[]", ProblemKind::NotARecord);
    one_bad_line(b"{}", ProblemKind::NotARecord);
    one_bad_line(b"null", ProblemKind::NotARecord);
    one_bad_line(b"\x1b[31mred", ProblemKind::NotJson);
    one_bad_line("\u{202e}evil".as_bytes(), ProblemKind::NotJson);
}

#[test]
fn i6_two_objects_on_a_line() {
    one_bad_line(
        format!("{} {}", line(5), line(6)).as_bytes(),
        ProblemKind::TrailingData,
    );
    one_bad_line(
        format!("{}{}", line(5), line(6)).as_bytes(),
        ProblemKind::TrailingData,
    );
}

#[test]
fn i6_wrong_values() {
    let good = line(5);
    let uuid = id(1, 5).to_string();
    let cases = [
        good.replace("\"v\":1", "\"v\":-1"),
        good.replace("\"v\":1", "\"v\":99999999999999999999"),
        good.replace(&uuid, &"a".repeat(300)),
        good.replace(&uuid, "00000000-0000-0000-0000-000000000000"),
        good.replace("2026-11-21T", "2026-13-45T"),
        good.replace("2026-11-21T", "9999-11-21T"),
        good.replace("\"set\":{", "\"set\":{\"complexity\":\"impossible\","),
        good.replace("\"set\":{", "\"set\":{\"priority\":256,"),
        good.replace("\"set\":{", "\"n\":0,\"set\":{"),
        good.replace("\"set\":{", "\"n\":12345678901,\"set\":{"),
        good.replace("\"v\":1", "\"v\":1,\"v\":1"),
        good.replace("\"set\":{", "\"set\":{\"title\":\"again\","),
        good.replace("\"set\":{\"title\":\"t\"}", "\"set\":7"),
    ];
    for case in cases {
        assert_ne!(case, good);
        one_bad_line(case.as_bytes(), ProblemKind::NotARecord);
    }
}

#[test]
fn i6_deep_json_neither_overflows_nor_hides_the_rest() {
    let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
    one_bad_line(deep(100_000).as_bytes(), ProblemKind::NotARecord);
    let in_field = line(5).replace("\"set\":{", &format!("\"set\":{{\"x\":{},", deep(200)));
    one_bad_line(in_field.as_bytes(), ProblemKind::NotJson);
    // Where nothing looks, depth does no harm.
    let beside = line(5).replace("\"set\":{", &format!("\"x\":{},\"set\":{{", deep(200)));
    let (state, problems) = read(&around(beside.as_bytes()));
    assert_eq!((state.tasks.len(), problems.len()), (3, 0));
}

#[test]
fn i6_unusual_but_good_lines_are_read() {
    let separators = line(5).replace("\"t\"", "\"a\u{2028}b\u{2029}c\"");
    let spaced = line(6).replace("\"v\":1,", " \"v\" : 1 , ");
    let text = format!("{separators}\n\n   \n{spaced}\n");
    let (state, problems) = read(text.as_bytes());
    assert_eq!((state.tasks.len(), problems.len()), (2, 0));
    assert_eq!(state.tasks[&task(5)].title.value, "a\u{2028}b\u{2029}c");
}

#[test]
fn i6_one_id_with_two_contents_has_one_winner_in_any_order() {
    let (a, b) = (line(5), line(5).replace("\"t\"", "\"other\""));
    let mut winners = Vec::new();
    for text in [format!("{a}\n{b}\n{a}\n"), format!("{b}\n{a}\n{b}\n")] {
        let (state, problems) = read(text.as_bytes());
        winners.push(state.tasks[&task(5)].title.value.clone());
        assert!(problems.iter().all(|p| p.what == ProblemKind::DuplicateId));
        assert!(!problems.is_empty());
    }
    assert_eq!(winners[0], winners[1]);
}

#[test]
fn i6_a_repeated_line_is_no_damage() {
    let (state, problems) = read(format!("{0}\n{0}\n", line(5)).as_bytes());
    assert_eq!((state.tasks.len(), problems.len()), (1, 0));
}

#[test]
fn i6_a_million_bad_lines_give_a_bounded_list() {
    let mut bytes = "x\n".repeat(1_000_000).into_bytes();
    bytes.extend_from_slice(format!("{}\n", line(5)).as_bytes());
    let (state, problems) = read(&bytes);
    assert_eq!(state.tasks.len(), 1);
    assert_eq!(problems.len(), 101);
    assert!(
        problems
            .iter()
            .any(|p| p.what == ProblemKind::More && p.excerpt == "999900 more")
    );
}

#[test]
fn i6_links_executables_and_strangers_are_never_read() {
    let mut store = Log::new("wa");
    store.write(&[added(1, NOON, None, "a")], Checkpoint::Never);
    let dir = ".orchestra/log/2026-11";
    store
        .tree
        .set_foreign(&format!("{dir}/wl-0000.jsonl"), 0o120_000);
    store
        .tree
        .set_foreign(&format!("{dir}/wx-0000.jsonl"), 0o100_755);
    store.tree.set_foreign(".orchestra/log/2026-10", 0o160_000);
    store
        .tree
        .set(&format!("{dir}/notes.txt"), Some(b"hi".to_vec()));
    store
        .tree
        .set(&format!("{dir}/sub/wa-0000.jsonl"), Some(b"hi".to_vec()));
    store
        .tree
        .set(".orchestra/log/README", Some(b"hi".to_vec()));
    let loaded = store.load(Scope::Live);
    assert_eq!(loaded.state.tasks.len(), 1);
    let count = |what| loaded.problems.iter().filter(|p| p.what == what).count();
    assert_eq!(count(ProblemKind::ForeignEntry), 3);
    assert_eq!(count(ProblemKind::UnexpectedFile), 3);
    // A link in the way of the own next segment stays what it is.
    store
        .tree
        .set_foreign(&format!("{dir}/wa-0001.jsonl"), 0o120_000);
    let paths = store.write(&[added(2, NOON, None, "b")], Checkpoint::Never);
    assert_eq!(paths, [format!("{dir}/wa-0002.jsonl")]);
}

#[test]
fn i6_a_file_over_the_limit_is_reported_and_writing_is_refused() {
    let mut store = Log::new("wa");
    store.write(&[added(1, NOON, None, "a")], Checkpoint::Never);
    store.tree.set(PATH, Some(vec![b'x'; 33 * 1024 * 1024]));
    let loaded = store.load(Scope::Live);
    assert_eq!(loaded.state.tasks.len(), 1, "the rest is read");
    assert_eq!(loaded.problems[0].what, ProblemKind::Unreadable);
    assert!(matches!(
        loaded.writable(),
        Err(StoreError::Unreadable { .. })
    ));
}

#[test]
fn i6_a_missing_log_is_an_empty_state() {
    let store = Log::new("wa");
    for scope in [Scope::Header, Scope::Live, Scope::All] {
        let loaded = store.load(scope);
        assert_eq!(
            (loaded.state, loaded.problems),
            (State::default(), Vec::new())
        );
    }
}

/// A store with a checkpoint over two segments.
fn covered() -> Log {
    let mut store = Log::new("wa");
    let records: Vec<_> = (1..=600)
        .map(|n| added(n, NOON + u64::from(n), Some(n.into()), "t"))
        .collect();
    store.write(&records, Checkpoint::Force);
    store.write(&[], Checkpoint::Force);
    store
}

#[test]
fn i6_any_damage_to_a_checkpoint_file_falls_back_to_the_log() {
    let good = covered();
    let whole = good.load(Scope::All).state;
    let files: Vec<_> = good.tree.files().map(|(p, _)| p.to_owned()).collect();
    for path in files
        .iter()
        .filter(|p| !p.contains("/log/") && !p.contains("format.json"))
    {
        let bytes = good.tree.get(path).unwrap().to_vec();
        let mut flipped = bytes.clone();
        // A header with another number in it is a header, too; one without its brace is none.
        let at = if path.ends_with("checkpoint.json") {
            0
        } else {
            bytes.len() / 2
        };
        flipped[at] ^= 1;
        let marked = [b"<<<<<<< HEAD\n", &bytes[..]].concat();
        let cut = bytes[..bytes.len() - 5].to_vec();
        for damage in [Some(flipped), Some(marked), Some(cut), None] {
            let mut store = Log::new("wa");
            store.tree = good.tree.clone();
            store.tree.set(path, damage.clone());
            let loaded = store.load(Scope::Live);
            assert_eq!(loaded.state, whole, "{path}");
            if damage.is_some() || !path.ends_with("checkpoint.json") {
                assert_eq!(
                    loaded.problems[0].what,
                    ProblemKind::BadCheckpoint,
                    "{path}"
                );
            }
            // The next write that may bring a checkpoint repairs it.
            let due = if damage.is_some() || !path.ends_with("checkpoint.json") {
                Checkpoint::IfGrown
            } else {
                Checkpoint::Force
            };
            store.write(&[], due);
            assert_eq!(store.load(Scope::Live).problems, [], "{path}");
            assert_eq!(verify(&store.view()).unwrap(), [], "{path}");
        }
    }
}

#[test]
fn i6_covered_lines_that_vanish_are_reported() {
    let good = covered();
    let segments = good.segments();
    assert_eq!(segments.len(), 2);
    for path in &segments {
        let bytes = good.tree.get(path).unwrap().to_vec();
        for damage in [
            None,
            Some(bytes[..bytes.len() / 2].to_vec()),
            Some(Vec::new()),
        ] {
            let mut store = Log::new("wa");
            store.tree = good.tree.clone();
            store.tree.set(path, damage);
            let loaded = store.load(Scope::Live);
            assert_eq!(
                loaded.state.tasks.len(),
                600,
                "the checkpoint still has them"
            );
            let told = loaded
                .problems
                .iter()
                .any(|p| p.what == ProblemKind::CoveredChanged);
            assert!(told, "{path}: {:?}", loaded.problems);
            assert!(!verify(&store.view()).unwrap().is_empty());
            // The old checkpoint is the only witness: it is not replaced by the way, and a forced
            // one keeps what it knew and the complaint.
            let many: Vec<_> = (2000..3100).map(|n| added(n, NOON, None, "t")).collect();
            let paths = store.write(&many, Checkpoint::IfGrown);
            assert!(!paths.iter().any(|p| p.contains("checkpoint")), "{paths:?}");
            store.write(&[], Checkpoint::Force);
            let kept = store.load(Scope::Live);
            assert_eq!(kept.state.tasks.len(), 1700);
            let told = kept
                .problems
                .iter()
                .any(|p| p.what == ProblemKind::CoveredChanged);
            assert!(told, "{:?}", kept.problems);
        }
    }
}

#[test]
fn i6_a_checkpoint_that_lies_is_found_by_the_full_check() {
    let mut store = covered();
    // Lines of the log and fingerprints are right, but a covered record was never in the rows.
    let other = {
        let mut other = Log::new("wa");
        let less: Vec<_> = (1..=599)
            .map(|n| added(n, NOON + u64::from(n), Some(n.into()), "t"))
            .collect();
        other.write(&less, Checkpoint::Force);
        other.tree
    };
    let header = |log: &fleet::ports::memory_tree::MemoryTree| {
        let bytes = log.get(".orchestra/checkpoint.json").unwrap();
        serde_json::from_slice::<serde_json::Value>(bytes).unwrap()
    };
    let mut lie = header(&other);
    lie["covers"] = header(&store.tree)["covers"].clone();
    for (path, bytes) in other.files().filter(|(p, _)| p.contains("/tasks")) {
        store.tree.set(path, Some(bytes.to_vec()));
    }
    store.tree.set(
        ".orchestra/checkpoint.json",
        Some(lie.to_string().into_bytes()),
    );
    assert_eq!(store.load(Scope::Live).state.tasks.len(), 599);
    let problems = verify(&store.view()).unwrap();
    assert!(
        problems
            .iter()
            .any(|p| p.what == ProblemKind::CheckpointDiffers),
        "{problems:?}"
    );
}

#[test]
fn decoding_never_panics_on_any_cut_or_flip_of_a_line() {
    let line = line(5);
    for at in 0..line.len() {
        for bit in 0..8 {
            let mut bytes = line.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            if let Ok(text) = std::str::from_utf8(&bytes) {
                let _ = decode_line(text);
            }
        }
        let _ = decode_line(&line[..at]);
    }
}
