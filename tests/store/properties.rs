//! The state is a pure fold: whatever the order, the repeats, the checkpoints and the merges.

use fleet::domain::state::State;
use fleet::domain::time::Timestamp;
use fleet::store::{
    Checkpoint, Scope, Write, decode_line, encode_record, load, plan_write, verify,
};
use proptest::prelude::*;

use crate::records::{NOON, log};
use crate::support::{self, Log, apply, view};

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn i14_the_fold_is_free_of_order_and_repeats(log in log(), seed in any::<u64>()) {
        let expected = State::fold(&log);
        let mut mixed: Vec<_> = log.iter().chain(log.iter().step_by(2)).collect();
        mixed.sort_by_key(|r| support::scramble(r.id.0.as_u128() as u64 ^ seed));
        prop_assert_eq!(State::fold(mixed), expected);
    }

    #[test]
    fn a_record_reads_back_as_it_was_written(log in log()) {
        for record in log {
            let line = encode_record(&record).unwrap();
            let ends = line.contains(['\n', '\u{2028}', '\u{2029}']);
            prop_assert!(!ends);
            prop_assert_eq!(decode_line(&line).unwrap(), record);
        }
    }

    #[test]
    fn i14_a_checkpoint_equals_the_fold_whatever_comes_later(
        log in log(), cuts in proptest::collection::vec(0..40usize, 0..4),
    ) {
        // The log comes in pieces, in no order of time, with a checkpoint after each piece.
        let mut store = Log::new("wa");
        let mut cuts: Vec<_> = cuts.into_iter().map(|c| c.min(log.len())).collect();
        cuts.extend([0, log.len()]);
        cuts.sort_unstable();
        for (nth, pair) in cuts.windows(2).enumerate() {
            let checkpoint = if nth % 2 == 0 { Checkpoint::Force } else { Checkpoint::Never };
            store.write(&log[pair[0]..pair[1]], checkpoint);
            let all = load(&store.view(), Scope::All).unwrap();
            prop_assert_eq!(&all.problems, &vec![]);
            prop_assert_eq!(&all.state, &State::fold(&log[..pair[1]]));
            prop_assert_eq!(verify(&store.view()).unwrap(), vec![]);
        }
    }

    #[test]
    fn every_prefix_of_a_log_folds(log in log(), cut in any::<proptest::sample::Index>()) {
        let mut store = Log::new("wa");
        store.write(&log, Checkpoint::Never);
        let path = store.segments().pop();
        if let Some(path) = path {
            let bytes = store.tree.get(&path).unwrap().to_vec();
            let cut = cut.index(bytes.len() + 1);
            store.tree.set(&path, Some(bytes[..cut].to_vec()));
            let whole = bytes[..cut].iter().filter(|b| **b == b'\n').count();
            let loaded = load(&store.view(), Scope::Live).unwrap();
            // A cut right before a newline loses nothing.
            let read = loaded.tail_records();
            prop_assert!(read == whole || read == whole + 1);
            prop_assert_eq!(loaded.state, State::fold(&log[..read]));
        }
    }

    #[test]
    fn i1_two_logs_merge_to_one_state_whoever_is_first(
        a in log(), b in log(), checkpoints in any::<(bool, bool)>(),
    ) {
        let force = |on| if on { Checkpoint::Force } else { Checkpoint::Never };
        let mut one = Log::new("wa");
        one.write(&a, force(checkpoints.0));
        let mut two = Log::new("wb");
        // One id is one record everywhere: drop what only looks like a duplicate.
        let b: Vec<_> = b.into_iter().filter(|r| !a.iter().any(|o| o.id == r.id)).collect();
        two.write(&b, force(checkpoints.1));
        let expected = State::fold(a.iter().chain(&b));
        for (base, local) in [(&one, &two), (&two, &one)] {
            let mut view = view(base.tree.clone());
            view.unpublished = Some(Box::new(local.tree.clone()));
            for checkpoint in [Checkpoint::Never, Checkpoint::Force] {
                let loaded = load(&view, Scope::All).unwrap();
                prop_assert_eq!(&loaded.state, &expected);
                let write = Write {
                    writer: "wc", now: Timestamp(NOON), records: &[], settle: true, checkpoint,
                };
                let mut merged = base.tree.clone();
                apply(&mut merged, plan_write(&view, &loaded, &write).unwrap());
                let again = load(&support::view(merged.clone()), Scope::All).unwrap();
                prop_assert_eq!(&again.problems, &vec![]);
                prop_assert_eq!(&again.state, &expected);
                prop_assert_eq!(verify(&support::view(merged)).unwrap(), vec![]);
            }
        }
    }
}
