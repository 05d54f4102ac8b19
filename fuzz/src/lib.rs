//! The targets of `tests/fuzz/`, given to libFuzzer: the same functions, the same seeds, the same bound
//! on memory. What libFuzzer adds is that it sees which branches an input takes, and keeps those that
//! take new ones.
//!
//! Before its first input a target writes what everybody may begin with: its seeds into
//! `corpus/NAME/`, where `cargo fuzz` looks for them and puts what it adds, and the words of
//! `tests/fuzz/seeds.rs` into `words.dict`. Git ignores both; `run.py --keep` copies what is worth it
//! into the committed corpora.

#[expect(
    dead_code,
    reason = "the records belong to tests/store.rs, which uses all of it"
)]
#[path = "../../tests/store/records.rs"]
mod records;
#[path = "../../tests/fuzz/seeds.rs"]
mod seeds;
#[expect(dead_code, reason = "tests/fuzz.rs measures time as well")]
#[path = "../../tests/fuzz/targets.rs"]
mod targets;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::fs;
use std::path::Path;

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// One target of libFuzzer: the one of this name in `tests/fuzz/targets.rs`.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(init: $crate::lay_out($name), |bytes: &[u8]| {
            $crate::run($name, bytes);
        });
    };
}

/// Reads one input; panics if it breaks a promise or asks for too much memory.
pub fn run(name: &str, bytes: &[u8]) {
    let target = targets::ALL
        .iter()
        .find(|target| target.name == name)
        .expect("the target is in the list");
    let asked = Region::new(COUNTED);
    (target.run)(bytes);
    let asked = asked.change().bytes_allocated;
    let most = target.most(bytes.len());
    assert!(
        asked <= most,
        "{asked} bytes were asked for, at most {most} may be"
    );
}

/// Writes the seeds of a target and the dictionary, where they are not there as they should be.
pub fn lay_out(name: &str) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = here.parent().expect("this package lies in that of fleet");
    let corpus = here.join("corpus").join(name);
    fs::create_dir_all(&corpus).expect("the folder of the corpus can be made");
    for (nth, seed) in seeds::of(package, name).into_iter().enumerate() {
        write(&corpus.join(format!("seed-{nth:03}")), &seed);
    }
    let words = seeds::WORDS.iter().map(|word| {
        let bytes = word.iter().map(|byte| format!("\\x{byte:02x}"));
        format!("\"{}\"\n", bytes.collect::<String>())
    });
    write(
        &here.join("words.dict"),
        words.collect::<String>().as_bytes(),
    );
}

fn write(path: &Path, bytes: &[u8]) {
    if fs::read(path).ok().as_deref() != Some(bytes) {
        fs::write(path, bytes).unwrap_or_else(|e| panic!("write {}: {e}", path.display()));
    }
}
