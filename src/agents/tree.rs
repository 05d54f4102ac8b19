//! The processes of one run: found by group, by descent and by a mark in their environment, ended
//! to the last one (I9).
//!
//! Tools of agents run in sessions of their own, so killing the process group is not enough
//! (seen with Claude Code, Gemini CLI and OpenCode). As a subreaper fleet becomes the parent of
//! every orphan; those of another run, and the children that other rooms started, are left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, waitpid};

/// Name of the environment variable that marks every process of a run.
pub(crate) const MARK: &str = "FLEET_RUN";

/// How long the end of a tree is waited for after KILL; longer means that the kernel holds it.
const KILL_WAIT: Duration = Duration::from_secs(3);

/// Runs in this process now: an orphan without a mark belongs to the only one there is.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Counts a run as long as it lives.
pub(crate) struct Running;

impl Running {
    pub(crate) fn begin() -> Self {
        RUNNING.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Makes this process the parent of orphaned descendants, and its memory and environment
/// unreadable for other processes of the same user. Called once, before the first agent starts.
///
/// Answers false where the system cannot do it (not Linux): then only groups are killed.
pub fn take_charge() -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_child_subreaper, set_dumpable_behavior};
        // Without this an agent reads the tokens in /proc/<fleet>/environ (security.md §3).
        let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok();
        set_child_subreaper(Some(rustix::process::getpid())).is_ok() && hidden
    }
    #[cfg(not(target_os = "linux"))]
    {
        false
    }
}

/// Ends every process on this machine that carries the mark of the session `run`, for a run whose
/// fleet is proven dead. Answers how many were found.
pub fn sweep_run(run: &str) -> usize {
    let mark = mark_of(run);
    end_all(&|| {
        all_processes()
            .into_values()
            .filter(|p| has_mark(p.pid, &mark))
            .collect()
    })
}

/// Asks the group of `main`, and what descends from it, to end. If it is `wrapped`, `main` only
/// confines the others and would kill them on its way out: then it is passed over.
pub(crate) fn ask_to_end(main: Pid, wrapped: bool) {
    if !wrapped {
        // ESRCH only says that it is gone already.
        let _ = kill_process_group(main, Signal::TERM);
    }
    let table = descendants_of(main.as_raw_nonzero().get());
    for process in table.values() {
        if process.group != main.as_raw_nonzero().get() {
            process.signal(Signal::TERM);
        }
    }
}

/// Kills the tree of a run: the group and the descendants of `main`, the orphans with its mark,
/// and whatever these started. `main` itself is not reaped, so that its number stays taken.
/// Answers how many processes other than `main` had to be killed.
pub(crate) fn kill_tree(main: Pid, run: &str) -> usize {
    let main_raw = main.as_raw_nonzero().get();
    let before = descendants_of(main_raw);
    let _ = kill_process_group(main, Signal::KILL);
    for process in before.values() {
        process.signal(Signal::KILL);
    }
    let mark = mark_of(run);
    let stragglers = before.values().filter(|p| p.state != b'Z').count();
    end_all(&|| members(main_raw, &mark)).max(stragglers)
}

/// What is left of a run, `main` excluded.
fn members(main: i32, mark: &[u8]) -> Vec<Process> {
    let own = std::process::id().cast_signed();
    let reaper = is_subreaper();
    let table = if reaper {
        descendants_of(own)
    } else {
        all_processes()
    };
    // Read from the table like those it is compared with: in a container whose session leader is
    // outside, both are 0, which is no process number to `getsid`.
    let own_session = read_process(own).map_or(0, |p| p.session);
    let alone = RUNNING.load(Ordering::SeqCst) <= 1;
    let stray = |p: &Process| {
        // fleet starts every child in its own session; a child of fleet in another one can only
        // be an adopted orphan. Without a mark it is ours if nobody else runs.
        reaper && p.parent == own && p.session != own_session && {
            p.state == b'Z' || (alone && !has_any_mark(p.pid))
        }
    };
    let mut found: BTreeMap<i32, Process> = table
        .values()
        .filter(|p| p.pid != own && p.pid != main)
        .filter(|p| p.group == main || stray(p) || has_mark(p.pid, mark))
        .map(|p| (p.pid, *p))
        .collect();
    // Children of what was found, whatever their environment says.
    loop {
        let more: Vec<Process> = table
            .values()
            .filter(|p| p.pid != main && !found.contains_key(&p.pid))
            .filter(|p| p.parent == main || found.contains_key(&p.parent))
            .copied()
            .collect();
        if more.is_empty() {
            return found.into_values().collect();
        }
        found.extend(more.into_iter().map(|p| (p.pid, p)));
    }
}

/// Kills and reaps until `find` finds nothing alive. Answers how many it saw.
fn end_all(find: &dyn Fn() -> Vec<Process>) -> usize {
    let deadline = Instant::now() + KILL_WAIT;
    let own = std::process::id().cast_signed();
    let mut seen = BTreeSet::new();
    let mut pause = Duration::from_micros(200);
    loop {
        let found = find();
        let mut alive = false;
        for process in &found {
            if process.state != b'Z' {
                seen.insert((process.pid, process.started));
                process.signal(Signal::KILL);
                alive = true;
            }
            if process.parent == own {
                // Adopted: nobody else waits for it.
                let _ = waitpid(Pid::from_raw(process.pid), WaitOptions::NOHANG);
            }
        }
        if !alive || Instant::now() > deadline {
            return seen.len();
        }
        // A killed process needs a moment of the kernel's; there is nothing to wait on for a
        // process that is not a child.
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// One line of the process table.
#[derive(Debug, Clone, Copy)]
struct Process {
    pid: i32,
    state: u8,
    parent: i32,
    group: i32,
    session: i32,
    started: u64,
}

impl Process {
    /// Sends a signal, unless the number belongs to another process by now.
    fn signal(&self, signal: Signal) {
        let same = read_process(self.pid).is_some_and(|p| p.started == self.started);
        if let (true, Some(pid)) = (same, Pid::from_raw(self.pid)) {
            let _ = kill_process(pid, signal);
        }
    }
}

fn is_subreaper() -> bool {
    #[cfg(target_os = "linux")]
    {
        matches!(rustix::process::child_subreaper(), Ok(Some(_)))
    }
    #[cfg(not(target_os = "linux"))]
    {
        false
    }
}

fn read_process(pid: i32) -> Option<Process> {
    parse_stat(pid, &std::fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// proc(5), `/proc/<pid>/stat`: the name in parentheses may contain anything, so read after the
/// last one: state, ppid, pgrp, session, …, starttime as the 20th field from there.
fn parse_stat(pid: i32, stat: &[u8]) -> Option<Process> {
    let after = stat.iter().rposition(|b| *b == b')')? + 1;
    let rest = std::str::from_utf8(stat.get(after..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    Some(Process {
        pid,
        state: *fields.first()?.as_bytes().first()?,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

fn all_processes() -> BTreeMap<i32, Process> {
    let Ok(dir) = std::fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    dir.flatten()
        .filter_map(|e| e.file_name().to_str()?.parse().ok())
        .filter_map(|pid| read_process(pid).map(|p| (pid, p)))
        .collect()
}

/// Everything below `root`, by the kernel's own lists of children where it keeps them (one file
/// per thread instead of one per process of the machine).
fn descendants_of(root: i32) -> BTreeMap<i32, Process> {
    let mut found = BTreeMap::new();
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        let Some(children) = children_of(pid) else {
            if pid == root {
                return descend(root, &all_processes());
            }
            continue;
        };
        for child in children {
            if let Some(process) = read_process(child)
                && found.insert(child, process).is_none()
            {
                open.push(child);
            }
        }
    }
    found
}

/// The same from a table, for kernels without `CONFIG_PROC_CHILDREN`.
fn descend(root: i32, table: &BTreeMap<i32, Process>) -> BTreeMap<i32, Process> {
    let mut found = BTreeMap::new();
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        for process in table.values().filter(|p| p.parent == pid) {
            if found.insert(process.pid, *process).is_none() {
                open.push(process.pid);
            }
        }
    }
    found
}

/// `None` if the process is gone or the kernel keeps no such list.
fn children_of(pid: i32) -> Option<Vec<i32>> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let mut children = Vec::new();
    let mut readable = false;
    for thread in threads.flatten() {
        if let Ok(list) = std::fs::read_to_string(thread.path().join("children")) {
            readable = true;
            children.extend(
                list.split_ascii_whitespace()
                    .filter_map(|n| n.parse::<i32>().ok()),
            );
        }
    }
    readable.then_some(children)
}

fn mark_of(run: &str) -> Vec<u8> {
    format!("{MARK}={run}").into_bytes()
}

fn has_mark(pid: i32, mark: &[u8]) -> bool {
    environment_has(pid, &|entry| entry == mark)
}

fn has_any_mark(pid: i32) -> bool {
    let prefix = mark_of("");
    environment_has(pid, &|entry| entry.starts_with(&prefix))
}

fn environment_has(pid: i32, wanted: &dyn Fn(&[u8]) -> bool) -> bool {
    std::fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|bytes| bytes.split(|b| *b == 0).any(wanted))
}

/// `None` before Linux 5.3 and elsewhere: then the end is asked for in short intervals.
pub(crate) fn open_pidfd(pid: Pid) -> Option<OwnedFd> {
    #[cfg(target_os = "linux")]
    {
        rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = pid;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_parentheses_and_blanks_is_read_past() {
        let mut line = b"42 (a) b) S 7 8 9".to_vec();
        line.extend_from_slice(b" 0".repeat(15).as_slice());
        line.extend_from_slice(b" 777 0");
        let p = parse_stat(42, &line).expect("a whole line");
        assert_eq!(
            (p.state, p.parent, p.group, p.session, p.started),
            (b'S', 7, 8, 9, 777)
        );
        assert!(parse_stat(42, b"42 (x) S").is_none());
    }

    #[test]
    fn this_process_is_found_in_the_table() {
        let own = std::process::id().cast_signed();
        assert!(all_processes().contains_key(&own));
        assert!(children_of(own).is_some() || !all_processes().is_empty());
    }
}
