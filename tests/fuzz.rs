//! Bad bytes in great numbers, at every place where fleet reads what others wrote.
//!
//! `tests/fuzz/targets.rs` says what is read and what must hold; `tests/fuzz/engine.rs` makes inputs
//! from the corpora in `tests/fuzz/corpus/`, and measures. Checked for every input: no panic, the
//! target's own promises, and memory in proportion to the input; and for inputs that are made long
//! by repetition: time in proportion to their length. `docs/testing.md` says how to run it for long.

#[path = "fuzz/engine.rs"]
mod engine;
#[expect(
    dead_code,
    reason = "the records belong to tests/store.rs, which uses all of it"
)]
#[path = "store/records.rs"]
mod records;
#[path = "fuzz/seeds.rs"]
mod seeds;
#[path = "fuzz/targets.rs"]
mod targets;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;

/// Counts what is asked of the allocator, so that a bound on memory is a number and not a feeling.
#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn the_record_reader_keeps_every_record_whatever_the_bytes() {
    engine::run("records");
}

#[test]
fn the_store_reads_any_bytes_and_a_checkpoint_of_them_equals_the_fold() {
    engine::run("store");
}

#[test]
fn the_fold_of_any_records_is_free_of_order_and_repeats() {
    engine::run("fold");
}

#[test]
fn the_push_report_is_a_win_only_where_the_state_moved() {
    engine::run("porcelain");
}

#[test]
fn the_streams_of_agents_become_whole_lines_whatever_they_print() {
    for stream in ["claude", "codex", "gemini", "opencode", "jsonl"] {
        engine::run(stream);
    }
}

#[test]
fn the_diff_policy_judges_every_spelling_of_a_path_alike() {
    engine::run("diff");
}

#[test]
fn the_sanitisers_leave_nothing_that_acts() {
    engine::run("text");
}

#[test]
fn hidden_parts_of_any_markdown_are_left_out_within_bounds() {
    engine::run("markdown");
}

#[test]
fn the_secret_scanner_leaves_no_secret_in_any_surroundings() {
    engine::run("secrets");
}

#[test]
fn the_configuration_is_good_or_its_faults_are_located() {
    engine::run("config");
}

#[test]
fn issues_of_other_trackers_are_read_in_one_pass_and_what_is_kept_reads_back() {
    engine::run("exchange");
}

#[test]
fn templates_are_filled_in_one_pass() {
    engine::run("templates");
}

#[test]
fn comments_that_speak_to_fleet_are_read_within_bounds() {
    engine::run("commands");
}

#[test]
fn the_outbox_is_read_within_bounds() {
    engine::run("outbox");
}

#[test]
fn every_target_is_run_by_a_test_and_has_a_corpus() {
    let here = include_str!("fuzz.rs");
    let _turn = engine::alone();
    for target in targets::ALL {
        assert!(
            here.contains(&format!("\"{}\"", target.name)),
            "{}",
            target.name
        );
        assert!(engine::corpus(target).len() >= 5, "{}", target.name);
    }
}

#[test]
fn every_target_is_given_to_libfuzzer_too() {
    let read = |path: &str| std::fs::read_to_string(engine::package().join(path)).unwrap();
    let manifest = read("fuzz/Cargo.toml");
    for target in targets::ALL {
        let file = format!("fuzz_targets/{}.rs", target.name);
        let entry = format!("name = \"{}\"\npath = \"{file}\"\n", target.name);
        assert!(manifest.contains(&entry), "{}", target.name);
        let given = format!("fleet_fuzz::target!(\"{}\");", target.name);
        assert!(read(&format!("fuzz/{file}")).contains(&given), "{file}");
    }
    assert_eq!(manifest.matches("[[bin]]").count(), targets::ALL.len());
}

/// The engine itself: what it is there to find, it finds.
mod finds {
    use crate::engine;
    use crate::targets::Target;

    fn broken(run: fn(&[u8])) -> Target {
        Target {
            name: "commands",
            run,
            spare: 1 << 16,
            per_byte: 64,
            bounded: false,
            patience: std::time::Duration::ZERO,
        }
    }

    #[test]
    fn a_panic_is_found_with_the_input_that_caused_it() {
        let target = broken(|bytes| assert!(!bytes.contains(&b'!'), "a mark"));
        let found = engine::first_fault(&target, 1, 5_000).unwrap();
        assert!(
            found.contains("a mark") && found.contains("FLEET_FUZZ_SEED=1"),
            "{found}"
        );
    }

    #[test]
    fn memory_out_of_proportion_is_found() {
        let target = broken(|bytes| drop(vec![0_u8; bytes.len() * bytes.len() * 16]));
        let found = engine::first_fault(&target, 1, 5_000).unwrap();
        assert!(found.contains("bytes were asked for"), "{found}");
    }

    #[test]
    fn quadratic_time_is_found() {
        let target = broken(|bytes| {
            let same = |b: &&u8| **b == bytes[0];
            let sum: usize = bytes
                .iter()
                .step_by(128)
                .map(|_| bytes.iter().filter(same).count())
                .sum();
            assert!(std::hint::black_box(sum) < usize::MAX);
        });
        let found = engine::first_slow(&target, 1, 3).unwrap();
        assert!(found.contains("as long"), "{found}");
    }
}
