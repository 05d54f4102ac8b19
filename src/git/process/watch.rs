//! Seeing a started git to its end: pipes, time limit, and the end of its process group.

use std::io::{Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::Output;
use crate::git::redact::redact;

/// How long a group may take to end after SIGTERM, and pipes may stay open after the exit.
const GRACE: Duration = Duration::from_millis(250);

/// Bound of the standard error, in bytes.
const STDERR_MAX: usize = 64 << 10;

enum Event {
    Exited,
    Closed,
}

/// Bytes read so far from one pipe, and whether there were more than wanted.
type Collected = Arc<Mutex<(Vec<u8>, bool)>>;

fn take(collected: &Collected) -> (Vec<u8>, bool) {
    let mut held = collected.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut *held)
}

/// Reads `pipe` to its end on a thread; what is above `max` bytes is dropped.
fn collect(mut pipe: impl Read + Send + 'static, max: usize, done: Sender<Event>) -> Collected {
    let collected = Collected::default();
    let into = Arc::clone(&collected);
    thread::spawn(move || {
        let mut chunk = vec![0; 16 << 10];
        loop {
            match pipe.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => {
                    let mut held = into.lock().unwrap_or_else(PoisonError::into_inner);
                    let room = max.saturating_sub(held.0.len()).min(read);
                    held.0.extend_from_slice(&chunk[..room]);
                    held.1 |= room < read;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        // Nobody listens any more if the call was given up.
        let _ = done.send(Event::Closed);
    });
    collected
}

/// Tells when the process has ended, without reaping it: its id, and so its group, stays its own.
fn announce_exit(pid: Pid, done: Sender<Event>) {
    thread::spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(pid), options), Err(Errno::INTR)) {}
        let _ = done.send(Event::Exited);
    });
}

/// Waits for the exit, at most until `deadline`; counts closed pipes on the way.
fn await_exit(events: &Receiver<Event>, closed: &mut u8, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match events.recv_timeout(left) {
            Ok(Event::Exited) | Err(RecvTimeoutError::Disconnected) => return true,
            Ok(Event::Closed) => *closed += 1,
            Err(RecvTimeoutError::Timeout) => return false,
        }
    }
}

/// Runs a started child to its end, feeding and reading its pipes.
///
/// # Errors
/// The child cannot be waited for.
pub(super) fn watch(
    mut child: Child,
    stdin: Option<Vec<u8>>,
    limit: Duration,
    stdout_max: usize,
) -> std::io::Result<Output> {
    let deadline = Instant::now() + limit;
    let pid = Pid::from_child(&child);
    let (done, events) = channel();
    if let (Some(mut pipe), Some(bytes)) = (child.stdin.take(), stdin) {
        // A git that reads no input closes the pipe: that is its right.
        thread::spawn(move || drop(pipe.write_all(&bytes)));
    }
    let out = child.stdout.take().expect("stdout is piped");
    let err = child.stderr.take().expect("stderr is piped");
    let out = collect(out, stdout_max, done.clone());
    let err = collect(err, STDERR_MAX, done.clone());
    announce_exit(pid, done);

    let mut closed = 0;
    let timed_out = !await_exit(&events, &mut closed, deadline);
    if timed_out {
        let _ = kill_process_group(pid, Signal::TERM);
        await_exit(&events, &mut closed, Instant::now() + GRACE);
        // Also when the leader is gone: its children are what hangs then.
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let status = child.wait()?;
    // A daemon of the user's (a credential cache) may keep the pipes; its output is not git's.
    let patience = Instant::now() + GRACE;
    while closed < 2 {
        let left = patience.saturating_duration_since(Instant::now());
        match events.recv_timeout(left) {
            Ok(Event::Closed) => closed += 1,
            Ok(Event::Exited) => {}
            Err(_) => break,
        }
    }
    let (stdout, truncated) = take(&out);
    Ok(Output {
        code: status.code(),
        signal: status.signal(),
        stdout,
        stderr: redact(&String::from_utf8_lossy(&take(&err).0)),
        timed_out,
        truncated,
    })
}
