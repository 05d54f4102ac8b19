//! Makes inputs and measures: seeded, so that a failure is replayed by its number.
//!
//! | variable | what it does |
//! |---|---|
//! | `FLEET_FUZZ_SECONDS=N` | each target for so long, from a fresh seed, instead of a fixed number of inputs |
//! | `FLEET_FUZZ_SEED=N` | begin with this seed |
//! | `FLEET_FUZZ_INPUTS=N` | so many inputs for each target |

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use stats_alloc::Region;

use crate::COUNTED;
use crate::seeds::{self, MAX_INPUT, WORDS, files_below};
use crate::targets::{ALL, Target};

/// Inputs for each target in an ordinary run.
const INPUTS: u64 = 200;
/// Long inputs for each target in an ordinary run.
const PUMPED: u64 = 8;
/// Length of the shorter of two repeated inputs whose times are compared; the other has four times
/// as many bytes.
const SHORT: usize = 16 << 10;
/// The same where only so many bytes of a text are ever looked at.
const SHORT_OF_BOUNDED: usize = 96 << 10;
/// How much longer the long one may take: 4 is linear, 16 quadratic.
const MOST_RATIO: f64 = 9.0;
/// How often a slow input is tried again, at the least, within the patience with its target.
const TRIES: u32 = 6;
/// Times below this say nothing.
const NOTICEABLE: Duration = Duration::from_millis(40);

/// One at a time: the allocator is counted for the whole process.
static TURN: Mutex<()> = Mutex::new(());

/// Until this is dropped nobody else asks for memory.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A small generator (SplitMix64); its sequence is its seed's.
pub(crate) struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n.max(1) as u64).unwrap()
    }

    fn word(&mut self) -> &'static [u8] {
        WORDS[self.below(WORDS.len())]
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Asked at run time: a build directory that two checkouts share may hold a binary of the other.
pub(crate) fn package() -> PathBuf {
    let now = std::env::var_os("CARGO_MANIFEST_DIR");
    now.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

/// One input: something of the corpus, changed a few times.
fn make(rng: &mut Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = rng.pick(corpus).clone();
    for _ in 0..=rng.below(6) {
        change(rng, corpus, &mut bytes);
    }
    bytes.truncate(MAX_INPUT);
    bytes
}

fn change(rng: &mut Rng, corpus: &[Vec<u8>], bytes: &mut Vec<u8>) {
    let at = rng.below(bytes.len() + 1);
    let to = at + rng.below((bytes.len() - at).min(200) + 1);
    match rng.below(9) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
        1 if at < bytes.len() => bytes[at] = *rng.pick(b"\0\n\"\\{}[]0\x7f\x80\xff"),
        2 => drop(bytes.drain(at..to)),
        3 => {
            let piece = bytes[at..to].repeat(1 + rng.below(8));
            bytes.splice(at..at, piece);
        }
        4 => {
            let other = rng.pick(corpus);
            let from = rng.below(other.len() + 1);
            let end = from + rng.below((other.len() - from).min(400) + 1);
            bytes.splice(at..to, other[from..end].iter().copied());
        }
        5 => bytes.truncate(at),
        6 => {
            let word = rng.word().repeat(1 + rng.below(40));
            bytes.splice(at..at, word);
        }
        _ => {
            bytes.splice(at..to, rng.word().iter().copied());
        }
    }
}

/// A long input: a piece of the corpus with a word, or two, repeated in its middle.
fn pump(rng: &mut Rng, corpus: &[Vec<u8>]) -> impl Fn(usize) -> Vec<u8> + use<> {
    let base = rng.pick(corpus);
    let base = base[..base.len().min(2_000)].to_vec();
    let at = rng.below(base.len() + 1);
    let mut piece = rng.word().to_vec();
    match rng.below(4) {
        0 => piece.extend_from_slice(rng.word()),
        1 => {
            let to = at + rng.below((base.len() - at).min(80) + 1);
            piece.extend_from_slice(&base[at..to]);
        }
        2 => piece.extend_from_slice(b"a "),
        _ => {}
    }
    let at = if rng.below(2) == 0 { 0 } else { at };
    let open = rng.below(2) == 0;
    move |len| {
        let middle = piece.repeat(len / piece.len() + 1);
        let mut all = if open {
            base[..at].to_vec()
        } else {
            Vec::new()
        };
        all.extend(middle);
        if open {
            all.extend_from_slice(&base[at..]);
        }
        all
    }
}

/// What a target begins with.
pub(crate) fn corpus(target: &Target) -> Vec<Vec<u8>> {
    seeds::of(&package(), target.name)
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs one target as long as was asked for, and fails with the first fault.
#[track_caller]
pub(crate) fn run(name: &str) {
    let target = ALL
        .iter()
        .find(|target| target.name == name)
        .expect("the target is in the list");
    let started = Instant::now();
    let seed = setting("FLEET_FUZZ_SEED").unwrap_or(1);
    let inputs = setting("FLEET_FUZZ_INPUTS").unwrap_or(INPUTS);
    let (mut round, mut done, mut fault) = (0, 0, None);
    loop {
        fault = fault
            .or_else(|| first_fault(target, seed + round, inputs))
            .or_else(|| first_slow(target, seed + round, PUMPED * inputs / INPUTS));
        done += inputs;
        round += 1;
        let more = setting("FLEET_FUZZ_SECONDS").is_some_and(|s| started.elapsed().as_secs() < s);
        if fault.is_some() || !more {
            break;
        }
    }
    println!(
        "{name}: {done} inputs, seeds {seed} to {}, {:.1} s",
        seed + round - 1,
        started.elapsed().as_secs_f64()
    );
    assert!(fault.is_none(), "{name}: {}", fault.unwrap_or_default());
}

/// The first of `inputs` that panics, breaks a promise or asks for too much memory.
pub(crate) fn first_fault(target: &Target, seed: u64, inputs: u64) -> Option<String> {
    let _turn = alone();
    let corpus = corpus(target);
    let mut rng = Rng(seed);
    let made = (0..inputs).map(|_| make(&mut rng, &corpus));
    let first: Vec<Vec<u8>> = if seed == 1 {
        corpus.clone()
    } else {
        Vec::new()
    };
    first.into_iter().chain(made).find_map(|input| {
        fault_of(target, &input).map(|what| {
            let name = target.name;
            format!("{what}\nthe input, {} bytes: {}\nreplay: FLEET_FUZZ_SEED={seed} FLEET_FUZZ_INPUTS={inputs} \
                cargo test --test fuzz ({name})", input.len(), input.escape_ascii())
        })
    })
}

fn fault_of(target: &Target, input: &[u8]) -> Option<String> {
    let asked = Region::new(COUNTED);
    let ended = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let asked = asked.change().bytes_allocated;
    if let Err(panic) = ended {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
        return Some(format!("it panics: {}", words.unwrap_or("without words")));
    }
    let most = target.most(input.len());
    (asked > most).then(|| format!("{asked} bytes were asked for, at most {most} may be"))
}

/// The first of `inputs` repeated words that takes time out of proportion to its length, or memory.
pub(crate) fn first_slow(target: &Target, seed: u64, inputs: u64) -> Option<String> {
    let _turn = alone();
    let corpus = corpus(target);
    let mut rng = Rng(seed ^ 0x5107);
    let mut kept = Vec::new();
    if seed == 1 {
        let folder = package().join("tests/fuzz/corpus/repeated");
        files_below(&folder.join(target.name), &mut kept);
    }
    let kept: Vec<Vec<u8>> = kept.iter().map(|path| fs::read(path).unwrap()).collect();
    let inputs = inputs + kept.len() as u64;
    let mut kept = kept.into_iter();
    (0..inputs).find_map(|_| {
        let long: Box<dyn Fn(usize) -> Vec<u8>> = match kept.next() {
            Some(piece) => Box::new(move |len| piece.repeat(len / piece.len() + 1)),
            None => Box::new(pump(&mut rng, &corpus)),
        };
        let shown = |why: String| {
            let input = long(40);
            format!(
                "{why}\nbegins: {}\nseed {seed}, target {}",
                input.escape_ascii(),
                target.name
            )
        };
        fault_of(target, &long(SHORT))
            .or_else(|| too_slow(target, &long))
            .map(shown)
    })
}

/// How long this thread has been computing, whatever else the machine does meanwhile. Giving up the
/// processor brings the kernel's count up to date.
fn computed() -> Duration {
    std::thread::yield_now();
    let counted = fs::read_to_string("/proc/thread-self/schedstat");
    let counted = counted
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok());
    counted.map_or_else(
        || Duration::from_nanos(u64::try_from(STARTED.elapsed().as_nanos()).unwrap_or(u64::MAX)),
        Duration::from_nanos,
    )
}

/// Where the kernel does not count, a clock has to do.
static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Compares the times of a long and a short input. The shortest of several times is the one that
/// nothing else disturbed; it counts only if it stays out of proportion: what is quadratic is so each
/// time, and a busy machine is not busy for as long as its target is patient.
fn too_slow(target: &Target, long: &dyn Fn(usize) -> Vec<u8>) -> Option<String> {
    let time = |input: &[u8]| {
        let started = computed();
        (target.run)(input);
        computed().saturating_sub(started)
    };
    let len = if target.bounded {
        SHORT_OF_BOUNDED
    } else {
        SHORT
    };
    let (short, long) = (long(len), long(4 * len));
    let (mut least_short, mut least_long) = (time(&short), time(&long));
    let started = Instant::now();
    let mut tries = 0;
    while tries < TRIES || started.elapsed() < target.patience {
        tries += 1;
        let ratio = least_long.as_secs_f64() / least_short.as_secs_f64().max(1e-9);
        let grown = long.len() as f64 / short.len() as f64;
        if least_long < NOTICEABLE || ratio < MOST_RATIO * grown / 4.0 {
            return None;
        }
        least_long = least_long.min(time(&long));
        least_short = least_short.min(time(&short));
    }
    let ratio = least_long.as_secs_f64() / least_short.as_secs_f64();
    Some(format!(
        "{} bytes take {ratio:.1} times as long as {}",
        long.len(),
        short.len()
    ))
}
