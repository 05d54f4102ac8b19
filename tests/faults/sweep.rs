//! Many faults, one after the other or side by side: which ones, how many, and what broke.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::{fs, thread};

use crate::world::World;

/// Where a fault strikes: at the `at`-th call or effect, from 1, in the way of `mode`.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) mode: &'static str,
    pub(crate) at: usize,
}

/// `FLEET_FAULTS=all`: every place instead of some of them, and crowds of 24.
pub(crate) fn everything() -> bool {
    wish() == Some(usize::MAX)
}

/// How many places of each sweep are wished: `all`, or a number.
fn wish() -> Option<usize> {
    let wish = std::env::var("FLEET_FAULTS").ok()?;
    let number = if wish == "all" {
        Ok(usize::MAX)
    } else {
        wish.parse()
    };
    Some(number.expect("FLEET_FAULTS is `all` or a number"))
}

/// Which of the places 1 to `count` are tried: as many as are wished, else `few`, spread evenly, and
/// one place behind the last, where a run passes untouched.
pub(crate) fn places(count: usize, few: usize) -> Vec<usize> {
    let few = wish().unwrap_or(few);
    if count <= few {
        return (1..=count + 1).collect();
    }
    // Not from the first on in even steps: tasks of one kind would meet the same effect again.
    let mut all: Vec<usize> = (0..few)
        .map(|n| 1 + (n * count + count / 3) / few)
        .collect();
    all.dedup();
    all.push(count + 1);
    all
}

/// All of `faults`, or as many of them as are wished, else `few`, spread evenly.
pub(crate) fn some(faults: Vec<Fault>, few: usize) -> Vec<Fault> {
    let few = wish().unwrap_or(few);
    if faults.len() <= few {
        return faults;
    }
    let count = faults.len();
    (0..few).map(|n| faults[n * count / few].clone()).collect()
}

/// Tries all of `faults`, as many at once as there are processors (`wide` times as many where they
/// mostly wait), and fails naming each that broke a promise.
///
/// `FLEET_FAULT="NAME MODE AT"` tries this one alone.
pub(crate) fn sweep(
    name: &str,
    faults: &[Fault],
    wide: usize,
    one: impl Fn(&Fault) -> Vec<String> + Sync,
) {
    let only = std::env::var("FLEET_FAULT")
        .ok()
        .filter(|only| !only.is_empty());
    let label = |fault: &Fault| format!("{name} {} {}", fault.mode, fault.at);
    let chosen: Vec<&Fault> = faults
        .iter()
        .filter(|fault| only.as_ref().is_none_or(|only| *only == label(fault)))
        .collect();
    let next = AtomicUsize::new(0);
    let broken = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(2, usize::from) * wide;
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(fault) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let tried = catch_unwind(AssertUnwindSafe(|| one(fault)));
                    let wrong = tried.unwrap_or_else(|_| vec!["it panicked, see above".into()]);
                    if !wrong.is_empty() {
                        let text = format!("{}:\n    {}", label(fault), wrong.join("\n    "));
                        broken.lock().unwrap().push(text);
                    }
                }
            });
        }
    });
    let broken = broken.into_inner().unwrap();
    eprintln!(
        "{name}: {} faults, {} broke a promise",
        chosen.len(),
        broken.len()
    );
    assert!(
        broken.is_empty(),
        "{} of {} faults broke a promise; FLEET_FAULT=\"{}\" tries one again.\n{}",
        broken.len(),
        chosen.len(),
        broken[0].split(':').next().unwrap(),
        broken.join("\n")
    );
}

/// The library that strikes at effects, built once; `None` where that is not possible.
pub(crate) fn library() -> Option<&'static PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        if !cfg!(all(target_os = "linux", target_env = "gnu")) {
            return None;
        }
        // One for all test processes: the name says which source it was made of.
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/steps.c");
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let made = tempfile::Builder::new()
            .suffix(".so")
            .tempfile_in(&dir)
            .ok()?;
        let cc = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let out = std::process::Command::new(cc)
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(made.path())
            .args([source, "-ldl"])
            .output()
            .ok()?;
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        let at = dir.join("steps.so");
        made.persist(&at).ok()?;
        Some(at)
    });
    if built.is_none() {
        eprintln!("skipped: faults at effects need Linux with glibc and a C compiler");
    }
    built.as_ref()
}

/// What a run under the library came to.
pub(crate) struct Effects {
    /// How many there were.
    pub(crate) count: usize,
    /// At how many of them the fault showed.
    pub(crate) struck: usize,
    /// Largest memory of the process in KiB, if it ended by itself.
    pub(crate) memory: usize,
}

/// Puts `fault` into the environment of a run; [`Watched::effects`] tells what came of it.
pub(crate) struct Watched(PathBuf);

impl Watched {
    pub(crate) fn over(world: &World, command: &mut std::process::Command, fault: &Fault) -> Self {
        let file = world.path(&format!("effects.{}", fault.at));
        fs::write(&file, [0; 24]).unwrap();
        command
            .env("LD_PRELOAD", library().expect("the caller looked"))
            .env("FAULT_FILE", &file)
            .env("FAULT_AT", fault.at.to_string())
            .env("FAULT_MODE", fault.mode);
        Self(file)
    }

    pub(crate) fn effects(self) -> Effects {
        let bytes = fs::read(&self.0).unwrap();
        fs::remove_file(self.0).unwrap();
        let number = |from: usize| {
            let eight = bytes[from..from + 8].try_into().unwrap();
            usize::try_from(u64::from_ne_bytes(eight)).unwrap()
        };
        Effects {
            count: number(0),
            struck: number(8),
            memory: number(16),
        }
    }
}
