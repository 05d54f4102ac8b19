//! The simulation: the real ticks of several machines against a fake clock, remote, forge, services,
//! agents and people, all from one seed.

mod agent;
mod calm;
mod code;
mod forge;
mod ledger;
mod machine;
mod people;
mod policies;
mod process;
mod promises;
mod reviews;
mod rng;
mod secrecy;
mod services;
mod tally;
mod tickets;
mod tree;
mod turn;
mod world;

use std::collections::BTreeSet;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once};

pub(crate) use tally::Tally;
use world::Sim;

/// Steps with faults, at most.
pub(crate) const STEPS: u32 = 40;

/// Steps of a seed: most are short, because a short one costs a tenth and finds nearly as much.
pub(crate) const fn steps_of(seed: u64) -> u32 {
    if seed.is_multiple_of(16) { STEPS } else { 12 }
}

/// What came of a seed.
pub(crate) struct Played {
    /// Promises that did not hold.
    pub(crate) broken: Vec<String>,
    /// What happened, if it was to be told.
    pub(crate) story: Vec<String>,
    pub(crate) tally: Tally,
}

/// Plays `steps` steps of a seed, without those that are left out, and the calm after them.
pub(crate) fn play(seed: u64, steps: u32, left_out: &BTreeSet<u32>, traced: bool) -> Played {
    hush();
    let sim = Sim::new(seed, traced);
    let run = AssertUnwindSafe(|| sim.run(steps, left_out));
    if let Err(panic) = std::panic::catch_unwind(run) {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|t| (*t).to_owned()));
        sim.breaks(format!("a panic: {}", text.unwrap_or_default()));
    }
    Played {
        broken: sim.broken(),
        story: sim.story(),
        tally: sim.tally(),
    }
}

/// Plays many seeds on all processors, until `enough` broke a promise. Gives those, in order.
pub(crate) fn hunt(seeds: Range<u64>, enough: usize) -> (Vec<(u64, String)>, Tally) {
    let next = AtomicU64::new(seeds.start);
    let found = Mutex::new((Vec::new(), Tally::default()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end || found.lock().unwrap().0.len() >= enough {
                return;
            }
            let played = play(seed, steps_of(seed), &BTreeSet::new(), false);
            let mut found = found.lock().unwrap();
            found.1.add(&played.tally);
            if let Some(first) = played.broken.into_iter().next() {
                found.0.push((seed, first));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let (mut broken, tally) = found.into_inner().unwrap();
    broken.sort();
    (broken, tally)
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
