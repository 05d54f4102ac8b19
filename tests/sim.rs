//! Simulation: the real ticks of several machines against a fake clock, remote, forge and agents, all
//! from one seed; others act between any two effects, and every promise is checked after each step.
//!
//! | variable | means |
//! |---|---|
//! | `FLEET_SIM_SEED` | this seed alone, with its story |
//! | `FLEET_SIM_SEEDS` | so many seeds, from `FLEET_SIM_FROM` (0) |

#[path = "sim/code.rs"]
mod code;
#[path = "sim/forge.rs"]
mod forge;
#[path = "sim/process.rs"]
mod process;
#[path = "sim/rng.rs"]
mod rng;
#[path = "sim/world.rs"]
mod world;

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use world::Sim;

/// Steps with faults.
const STEPS: u32 = 40;
/// Seeds of a run that nobody asked more of: so many as a build without optimisation takes along.
const SEEDS: u64 = 40;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A process that is killed takes its threads along; that is no panic to be told.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let text = info.payload().downcast_ref::<&str>();
            if text != Some(&"a scoped thread panicked") {
                before(info);
            }
        }));
    });
}

fn broken(seed: u64, steps: u32, traced: bool) -> (Vec<String>, Vec<String>) {
    let sim = Sim::new(seed, traced);
    let run = std::panic::AssertUnwindSafe(|| sim.run(steps));
    if let Err(panic) = std::panic::catch_unwind(run) {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|t| (*t).to_owned()));
        sim.breaks(format!("a panic: {}", text.unwrap_or_default()));
    }
    (sim.broken(), sim.story())
}

/// The same seed with as few steps as still break a promise.
fn shrunk(seed: u64) -> (u32, Vec<String>, Vec<String>) {
    let steps = (0..=STEPS).find(|steps| !broken(seed, *steps, false).0.is_empty());
    let steps = steps.unwrap_or(STEPS);
    let (broken, story) = broken(seed, steps, true);
    (steps, broken, story)
}

#[test]
fn whatever_happens_between_two_effects_every_promise_holds_and_all_work_ends() {
    hush();
    if let Some(seed) = number("FLEET_SIM_SEED") {
        let (steps, broken, story) = shrunk(seed);
        println!("{}", story.join("\n"));
        assert!(broken.is_empty(), "seed {seed}, {steps} steps: {broken:#?}");
        return;
    }
    let from = number("FLEET_SIM_FROM").unwrap_or(0);
    let seeds = number("FLEET_SIM_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(from);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let bad = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + seeds || bad.lock().unwrap().len() >= 5 {
                        return;
                    }
                    let (broken, _) = broken(seed, STEPS, false);
                    if let Some(first) = broken.first() {
                        bad.lock().unwrap().push(format!("seed {seed}: {first}"));
                    }
                }
            });
        }
    });
    let bad = bad.into_inner().unwrap();
    assert!(
        bad.is_empty(),
        "{}\nreplay one: FLEET_SIM_SEED=N cargo test --test sim -- --nocapture",
        bad.join("\n")
    );
}

#[test]
fn a_seed_tells_the_same_story_every_time() {
    hush();
    for seed in 0..4 {
        let (_, once) = broken(seed, STEPS, true);
        let (_, again) = broken(seed, STEPS, true);
        assert!(once == again, "seed {seed} is not repeatable");
    }
}
