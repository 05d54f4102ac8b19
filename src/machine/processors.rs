//! Two things at the same time, on two processors.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Calls both, the second on a thread of its own if the system gives one.
pub fn both(first: &mut dyn FnMut(), second: &mut (dyn FnMut() + Send)) {
    let here = this_processor();
    let is_apart = AtomicBool::new(false);
    let second = Mutex::new(second);
    let do_second = || (second.lock().unwrap_or_else(PoisonError::into_inner))();
    thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, || {
            leave(here);
            is_apart.store(true, Ordering::Release);
            do_second();
        });
        let Ok(thread) = thread else {
            // There are as many threads as are allowed.
            first();
            return do_second();
        };
        // Not asleep: whoever is woken may be put beside the one that wakes it.
        while !is_apart.load(Ordering::Acquire) && !thread.is_finished() {
            thread::yield_now();
        }
        first();
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

#[cfg(not(target_os = "linux"))]
const fn this_processor() -> Option<usize> {
    None
}

#[cfg(not(target_os = "linux"))]
const fn leave(_here: Option<usize>) {}

/// Where the calling thread runs, as proc_pid_stat(5) says it in field 39. The system's call for it
/// would need unsafe code here, or reads memory that debuggers do not show (rustix).
#[cfg(target_os = "linux")]
fn this_processor() -> Option<usize> {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").ok()?;
    // The name of the program is the second field and may be anything; the third is behind it.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(39 - 3)?.parse().ok()
}

/// Moves the calling thread to another processor than `here`; from then on the system may move it as it
/// likes. Nothing happens where there is no other.
///
/// Where a machine has few processors, Linux starts half of all threads on that of their maker and
/// leaves both there for milliseconds while another idles: longer than fleet's commands run.
#[cfg(target_os = "linux")]
fn leave(here: Option<usize>) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let Some(here) = here.filter(|here| *here < CpuSet::MAX_CPU) else {
        return;
    };
    let Ok(all) = sched_getaffinity(None) else {
        return;
    };
    let mut others = all;
    others.unset(here);
    // Of no processors at all the system wants to know nothing.
    if sched_setaffinity(None, &others).is_ok() {
        let _ = sched_setaffinity(None, &all);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::thread::sched_getaffinity;

    use super::*;

    #[test]
    fn both_are_done_each_once_and_a_panic_of_either_comes_through() {
        let (mut one, mut other) = (0, 0);
        both(&mut || one += 1, &mut || other += 1);
        assert_eq!((one, other), (1, 1));
        let panics = |first: bool, second: bool| {
            let call = move || both(&mut || assert!(!first), &mut || assert!(!second));
            std::panic::catch_unwind(call).is_err()
        };
        assert!(panics(true, false) && panics(false, true) && panics(true, true));
        assert!(!panics(false, false));
    }

    #[test]
    fn a_thread_leaves_the_processor_of_its_maker_and_may_go_everywhere_again() {
        let all = sched_getaffinity(None).unwrap();
        std::thread::spawn(move || {
            let here = this_processor();
            assert!(here.is_some_and(|here| all.is_set(here)));
            for processor in [here, None, Some(usize::MAX)] {
                leave(processor);
                assert_eq!(sched_getaffinity(None).unwrap(), all);
            }
        })
        .join()
        .unwrap();
    }
}
