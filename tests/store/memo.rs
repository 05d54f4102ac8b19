//! What readings of one process have in common changes nothing of what they read.

use fleet::ports::memory_tree::MemoryTree;
use fleet::store::{Checkpoint, Loaded, Memo, Scope, load, load_again};

use crate::records::{NOON, added, closed};
use crate::support::{Log, scramble, view};

/// Reads with and without the memo, every scope; both say the same.
fn both_read_the_same(tree: &MemoryTree, memo: &Memo, step: &str) {
    for scope in [Scope::All, Scope::Live, Scope::Header] {
        let alone = load(&view(tree.clone()), scope.clone()).unwrap();
        let again = load_again(&view(tree.clone()), scope.clone(), memo).unwrap();
        let parts = |loaded: &Loaded| (loaded.scope.clone(), loaded.tail_records());
        assert_eq!(parts(&alone), parts(&again), "{step}");
        assert_eq!(alone.problems, again.problems, "{step}");
        assert!(alone.state == again.state, "{step}, {scope:?}");
    }
}

#[test]
fn a_reading_that_knows_the_one_before_is_the_reading_that_does_not() {
    let memo = Memo::default();
    let mut clones = [Log::new("wa"), Log::new("wb")];
    let mut older: Vec<MemoryTree> = Vec::new();
    for step in 0..120u16 {
        let chance = scramble(u64::from(step));
        let one = &mut clones[usize::from(step % 2)];
        let at = NOON + u64::from(step) * 1000;
        let records = [
            added(step, at, Some(u32::from(step) + 1), "a task"),
            closed(1000 + step, step / 2, at),
        ];
        let checkpoint = match chance % 7 {
            0 => Checkpoint::Force,
            _ => Checkpoint::Never,
        };
        one.write(
            &records[..1 + usize::from(chance.is_multiple_of(3))],
            checkpoint,
        );
        both_read_the_same(&one.tree, &memo, &format!("step {step}"));
        older.push(one.tree.clone());
        // Another process shows an older state, with the same names of files.
        let before = &older[(chance / 100) as usize % older.len()];
        both_read_the_same(before, &memo, &format!("step {step}, before"));
    }
}

#[test]
fn damage_shows_whatever_was_read_before_it() {
    let memo = Memo::default();
    let mut log = Log::new("wa");
    let lines: Vec<_> = (1..30).map(|n| added(n, NOON, None, "a task")).collect();
    log.write(&lines[..20], Checkpoint::Force);
    log.write(&lines[20..], Checkpoint::Never);
    both_read_the_same(&log.tree, &memo, "sound");
    let path = log.segments().remove(0);
    let sound = log.tree.get(&path).unwrap().to_vec();
    let mut changed = sound.clone();
    changed[40] ^= 1;
    let crlf = sound.iter().flat_map(|byte| match byte {
        b'\n' => b"\r\n".to_vec(),
        byte => vec![*byte],
    });
    let hurt = [
        ("torn", [&sound[..], b"{\"v\":1,\"id\":\"0"].concat()),
        (
            "torn, and more behind it",
            [&sound[..], b"{\"v\":1\n", &sound[..90]].concat(),
        ),
        ("a marker", [&sound[..], b"=======\n"].concat()),
        ("not UTF-8", [&sound[..], b"\xff\xfe\n"].concat()),
        ("cut", sound[..sound.len() / 2].to_vec()),
        ("changed", changed),
        ("with returns", crlf.collect()),
        ("empty", Vec::new()),
        ("sound again", sound.clone()),
    ];
    for (what, bytes) in hurt {
        let mut tree = log.tree.clone();
        tree.set(&path, Some(bytes.clone()));
        both_read_the_same(&tree, &memo, what);
        // It grows behind the damage.
        let more = fleet::store::encode_record(&added(99, NOON, None, "more")).unwrap();
        tree.set(&path, Some([&bytes[..], more.as_bytes(), b"\n"].concat()));
        both_read_the_same(&tree, &memo, &format!("{what}, and more"));
    }
}
