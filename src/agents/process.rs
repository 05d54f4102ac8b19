//! One child process from start to the end of its whole tree.
//!
//! The caller's thread waits in `poll` on the pipes and the process itself; nothing else is
//! started. What the program does decides neither how long we wait nor how much we keep.

mod spec;

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::agents::lines::{Line, LineBuffer};
pub(crate) use crate::agents::process::spec::{Limits, Spec};
use crate::agents::tree::{self, Running};
use crate::ports::runner::Cancel;

/// Longest wait between two looks at [`Cancel`], which cannot wake a `poll`.
const CANCEL_CHECK: Duration = Duration::from_millis(50);
/// The same on a system without process descriptors, where the end must be asked for as well.
const EXIT_CHECK: Duration = Duration::from_millis(10);
/// How long the pipes are drained after the tree is gone. They end by themselves unless a process
/// that we may not kill holds them.
const DRAIN: Duration = Duration::from_millis(500);
/// Bytes read at once, and the number of reads before the clocks are looked at again.
const CHUNK: usize = 16 * 1024;
const READS_PER_ROUND: usize = 16;

/// Which stream a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Takes the lines, and says when the program has said its last word.
pub(crate) trait Sink {
    /// One line.
    fn line(&mut self, stream: Stream, line: Line<'_>);
    /// Asked after every look, several times a second: true once its positive or negative final event
    /// was seen, and it should end by itself now.
    fn is_over(&mut self) -> bool;
}

/// Why we ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Silent for too long.
    Idle,
    /// Ran for too long.
    Total,
    /// Printed too much.
    Output,
    /// It was asked for.
    Cancelled,
}

/// How it ended. Its tree is gone and its pipes are closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Exit code, unless killed by a signal.
    pub(crate) code: Option<i32>,
    /// The signal.
    pub(crate) signal: Option<i32>,
    /// Why we ended it before its final event.
    pub(crate) stopped: Option<Stop>,
    /// We ended it because it hung after its final event.
    pub(crate) lingered: bool,
    /// Bytes read.
    pub(crate) output_bytes: u64,
    /// Wall time until the tree was gone.
    pub(crate) duration: Duration,
    /// Processes that outlived it and were killed.
    pub(crate) stragglers: usize,
}

/// Runs it to its end.
///
/// # Errors
/// Only what happens before it runs: no such program, no such directory, no memory.
pub(crate) fn run(spec: &Spec, cancel: &Cancel, sink: &mut dyn Sink) -> io::Result<Ended> {
    let _running = Running::begin();
    let started = Instant::now();
    let (mut child, out, err) = spawn(spec)?;
    let mut wait = Wait::new(&child, out, err, started, spec.wrapped);
    wait.until_exit(&spec.limits, cancel, sink);
    // It is dead but not reaped, so its group's number is still its own.
    let killed = tree::kill_tree(wait.pid, &spec.run);
    // Below a program that confines it, that one's own helper is among them, and what the agent left
    // behind dies with its namespace, unseen: then nothing can be said.
    let stragglers = if spec.wrapped { 0 } else { killed };
    wait.drain(&spec.limits, sink);
    let (stopped, lingered, output_bytes) = (wait.stopped, wait.lingered, wait.bytes);
    let status = child.wait()?;
    let (code, signal) = match status.code() {
        // As shells and bwrap(1) have it.
        Some(code @ 129..=192) if spec.wrapped => (None, Some(code - 128)),
        code => (code, status.signal()),
    };
    Ok(Ended {
        code,
        signal,
        stopped,
        lingered,
        output_bytes,
        duration: started.elapsed(),
        stragglers,
    })
}

/// Starts it. Answers our ends of its output: one for both streams if they are merged.
fn spawn(spec: &Spec) -> io::Result<(Child, OwnedFd, Option<OwnedFd>)> {
    let (out, out_end) = io::pipe()?;
    let out = OwnedFd::from(out);
    let (err, err_end) = if spec.merged {
        (None, out_end.try_clone()?)
    } else {
        let (err, end) = io::pipe()?;
        (Some(OwnedFd::from(err)), end)
    };
    // Our ends only: the program's own descriptors stay as it expects them.
    for fd in std::iter::once(&out).chain(&err) {
        fcntl_setfl(fd, OFlags::NONBLOCK)?;
    }
    let mut command = Command::new(&spec.program);
    command
        .args(&spec.args)
        .env_clear()
        .envs(&spec.env)
        .current_dir(&spec.cwd)
        .stdin(match &spec.stdin {
            Some(path) => Stdio::from(File::open(path)?),
            None => Stdio::null(),
        })
        .stdout(out_end)
        .stderr(err_end)
        .process_group(0);
    let mut tries = 0;
    loop {
        match command.spawn() {
            // Another thread forked while this program was still open for writing there; it is
            // closed as soon as that child has started.
            Err(e) if e.kind() == io::ErrorKind::ExecutableFileBusy && tries < 20 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return Ok((done?, out, err)),
        }
    }
}

/// The state of waiting for one child.
struct Wait {
    pid: Pid,
    pidfd: Option<OwnedFd>,
    out: Option<File>,
    err: Option<File>,
    out_lines: LineBuffer,
    err_lines: LineBuffer,
    chunk: Vec<u8>,
    started: Instant,
    last_output: Instant,
    over_since: Option<Instant>,
    bytes: u64,
    stopped: Option<Stop>,
    lingered: bool,
    asked_at: Option<Instant>,
    killed: bool,
    wrapped: bool,
}

impl Wait {
    fn new(
        child: &Child,
        out: OwnedFd,
        err: Option<OwnedFd>,
        started: Instant,
        wrapped: bool,
    ) -> Self {
        let pid = Pid::from_child(child);
        Self {
            pid,
            pidfd: tree::open_pidfd(pid),
            out: Some(out.into()),
            err: err.map(File::from),
            out_lines: LineBuffer::default(),
            err_lines: LineBuffer::default(),
            chunk: vec![0; CHUNK],
            started,
            last_output: started,
            over_since: None,
            bytes: 0,
            stopped: None,
            lingered: false,
            asked_at: None,
            killed: false,
            wrapped,
        }
    }

    /// Reads, watches the clocks and the cancellation, and returns when the main process has
    /// ended (by itself or by us). A pipe that is still open elsewhere does not keep us.
    fn until_exit(&mut self, limits: &Limits, cancel: &Cancel, sink: &mut dyn Sink) {
        loop {
            self.read_some(limits, sink);
            if self.has_exited() {
                return;
            }
            let now = Instant::now();
            // Agents that go on after a final event (a background task, say) take it back by
            // talking: only silence after it counts.
            self.over_since = sink
                .is_over()
                .then(|| self.over_since.map_or(now, |t| t.max(self.last_output)));
            if self.stopped.is_none() && !self.lingered {
                self.decide(limits, cancel, now);
            }
            self.press(limits, cancel, now);
            self.sleep(self.next_look(limits, now));
        }
    }

    /// Whether there is a reason to end it.
    fn decide(&mut self, limits: &Limits, cancel: &Cancel, now: Instant) {
        if let Some(since) = self.over_since {
            // It is done; what follows is only about getting rid of it.
            self.lingered = now - since >= limits.linger || cancel.is_asked();
            return;
        }
        self.stopped = if self.bytes > limits.max_output {
            Some(Stop::Output)
        } else if cancel.is_asked() {
            Some(Stop::Cancelled)
        } else if now - self.started >= limits.total {
            Some(Stop::Total)
        } else if now - self.last_output >= limits.idle {
            Some(Stop::Idle)
        } else {
            None
        };
    }

    /// Asks it to end, and kills it when it does not or when there is no time for manners.
    fn press(&mut self, limits: &Limits, cancel: &Cancel, now: Instant) {
        if self.stopped.is_none() && !self.lingered {
            return;
        }
        let asked_at = *self.asked_at.get_or_insert_with(|| {
            tree::ask_to_end(self.pid, self.wrapped);
            now
        });
        let at_once = self.stopped == Some(Stop::Output) || cancel.is_urgent();
        if !self.killed && (at_once || now - asked_at >= limits.grace) {
            let _ = rustix::process::kill_process_group(self.pid, rustix::process::Signal::KILL);
            self.killed = true;
        }
    }

    /// How long nothing can become due.
    fn next_look(&self, limits: &Limits, now: Instant) -> Duration {
        let until = |from: Instant, span: Duration| (from + span).saturating_duration_since(now);
        let due = match (self.asked_at, self.over_since) {
            _ if self.killed => CANCEL_CHECK,
            (Some(asked), _) => until(asked, limits.grace),
            (None, Some(over)) => until(over, limits.linger),
            (None, None) => {
                until(self.started, limits.total).min(until(self.last_output, limits.idle))
            }
        };
        let most = if self.pidfd.is_some() {
            CANCEL_CHECK
        } else {
            EXIT_CHECK
        };
        // One millisecond at least, so that rounding never turns this into a busy loop.
        due.min(most).max(Duration::from_millis(1))
    }

    fn sleep(&self, span: Duration) {
        let readable = PollFlags::IN;
        let mut fds = Vec::with_capacity(3);
        if let Some(out) = &self.out {
            fds.push(PollFd::new(out, readable));
        }
        if let Some(err) = &self.err {
            fds.push(PollFd::new(err, readable));
        }
        if let Some(pidfd) = &self.pidfd {
            fds.push(PollFd::from_borrowed_fd(pidfd.as_fd(), readable));
        }
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(span.subsec_nanos()),
        };
        // EINTR and friends only mean an earlier look.
        let _ = poll(&mut fds, Some(&timeout));
    }

    /// True if it has ended; it stays a zombie.
    fn has_exited(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        match waitid(WaitId::Pid(self.pid), options) {
            Ok(status) => status.is_some(),
            // Not our child any more: nothing to wait for.
            Err(e) => e == rustix::io::Errno::CHILD,
        }
    }

    /// Reads what is there, at most a round of it. Answers whether a stream is still open.
    fn read_some(&mut self, limits: &Limits, sink: &mut dyn Sink) -> bool {
        for _ in 0..READS_PER_ROUND {
            let mut progress = false;
            for stream in [Stream::Out, Stream::Err] {
                progress |= self.read_once(stream, sink);
            }
            if !progress || self.bytes > limits.max_output {
                break;
            }
        }
        self.out.is_some() || self.err.is_some()
    }

    /// One read of one stream. Answers whether there was something.
    fn read_once(&mut self, stream: Stream, sink: &mut dyn Sink) -> bool {
        let result = match (stream, &mut self.out, &mut self.err) {
            (Stream::Out, Some(out), _) => out.read(&mut self.chunk),
            (Stream::Err, _, Some(err)) => err.read(&mut self.chunk),
            _ => return false,
        };
        let lines = match stream {
            Stream::Out => &mut self.out_lines,
            Stream::Err => &mut self.err_lines,
        };
        match result {
            Ok(0) => {}
            Ok(n) => {
                self.bytes += n as u64;
                self.last_output = Instant::now();
                lines.push(&self.chunk[..n], &mut |l| sink.line(stream, l));
                return true;
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return false,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return true,
            Err(_) => {}
        }
        lines.flush(&mut |l| sink.line(stream, l));
        match stream {
            Stream::Out => self.out = None,
            Stream::Err => self.err = None,
        }
        false
    }

    /// Reads what is left in the pipes, for a bounded time, and closes them.
    fn drain(&mut self, limits: &Limits, sink: &mut dyn Sink) {
        // Nothing that a flood left behind is wanted.
        if self.stopped != Some(Stop::Output) {
            let end = Instant::now() + DRAIN;
            self.pidfd = None;
            while self.read_some(limits, sink)
                && Instant::now() < end
                && self.bytes <= limits.max_output
            {
                self.sleep(Duration::from_millis(20));
            }
            self.out_lines.flush(&mut |l| sink.line(Stream::Out, l));
            self.err_lines.flush(&mut |l| sink.line(Stream::Err, l));
        }
        self.out = None;
        self.err = None;
    }
}

#[cfg(test)]
mod tests;
