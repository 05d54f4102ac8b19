//! Simulation: the real ticks of several machines against a fake clock, remote, forge and agents, all
//! from one seed; others act between any two effects, and every promise is checked after each step.
//!
//! | variable | means |
//! |---|---|
//! | `FLEET_SIM_SEED` | this seed alone, shortened, with its story |
//! | `FLEET_SIM_SEEDS` | so many seeds, from `FLEET_SIM_FROM` (0) |

#[path = "sim/mod.rs"]
mod sim;

use std::collections::BTreeSet;
use std::time::Instant;

use sim::{Played, hunt, play, steps_of};

/// Seeds of a run that nobody asked more of: so many as a build without optimisation takes along.
const SEEDS: u64 = 40;
/// Seeds that break a promise, after which a run ends.
const ENOUGH: usize = 5;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The same seed with as few steps as still break a promise: first the last ones go, then single
/// ones. Gives the steps that are left, and their story.
fn shrunk(seed: u64) -> (Vec<u32>, Played) {
    let mut left_out = BTreeSet::new();
    let breaks = |steps: u32, left_out: &BTreeSet<u32>| {
        let played = play(seed, steps, left_out, false);
        !played.broken.is_empty()
    };
    let all = steps_of(seed);
    let steps = (0..=all).find(|steps| breaks(*steps, &left_out));
    let last = steps.unwrap_or(all);
    for step in (0..last).filter(|_| steps.is_some()) {
        left_out.insert(step);
        if !breaks(last, &left_out) {
            left_out.remove(&step);
        }
    }
    let played = play(seed, last, &left_out, true);
    let left = (0..last).filter(|step| !left_out.contains(step));
    (left.collect(), played)
}

#[test]
fn whatever_happens_between_two_effects_every_promise_holds_and_all_work_ends() {
    if let Some(seed) = number("FLEET_SIM_SEED") {
        let (steps, played) = shrunk(seed);
        println!("{}", played.story.join("\n"));
        let broken = played.broken;
        assert!(
            broken.is_empty(),
            "seed {seed}, steps {steps:?}: {broken:#?}"
        );
        return;
    }
    let from = number("FLEET_SIM_FROM").unwrap_or(0);
    let seeds = number("FLEET_SIM_SEEDS").unwrap_or(SEEDS);
    let begin = Instant::now();
    let (bad, tally) = hunt(from..from + seeds, ENOUGH);
    println!("{seeds} seeds in {} s: {tally}", begin.elapsed().as_secs());
    let bad: Vec<_> = bad
        .iter()
        .map(|(seed, what)| format!("seed {seed}: {what}"))
        .collect();
    assert!(
        bad.is_empty(),
        "{}\nreplay one: FLEET_SIM_SEED=N cargo sim whatever -- --nocapture",
        bad.join("\n")
    );
}

#[test]
fn a_seed_tells_the_same_story_every_time() {
    for seed in 0..4 {
        let once = play(seed, steps_of(seed), &BTreeSet::new(), true).story;
        let again = play(seed, steps_of(seed), &BTreeSet::new(), true).story;
        assert!(once == again, "seed {seed} is not repeatable");
    }
}
