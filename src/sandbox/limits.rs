//! Limits that the kernel enforces on everybody (setrlimit(2)).

use std::fs;

use crate::domain::policy::SandboxLimits;
use crate::sandbox::walls::Rlimits;

/// The limits of a run that starts now. Where a control group counts its processes, the user's own
/// count is left alone.
pub(crate) fn of(limits: &SandboxLimits, counted: bool) -> Rlimits {
    Rlimits {
        // The kernel counts all processes of the user, and this run is one among others.
        nproc: (!counted).then(|| own_tasks() + u64::from(limits.processes)),
        fsize: limits.file_size,
        nofile: u64::from(limits.open_files),
    }
}

/// Processes and threads that this user has now.
fn own_tasks() -> u64 {
    let uid = rustix::process::getuid().as_raw();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let name = entry.file_name();
            name.as_encoded_bytes().iter().all(u8::is_ascii_digit)
        })
        .filter_map(|entry| fs::read_to_string(entry.path().join("status")).ok())
        .filter_map(|status| tasks_of(&status, uid))
        .sum()
}

/// proc(5), `/proc/<pid>/status`: the threads of a process of `uid`.
fn tasks_of(status: &str, uid: u32) -> Option<u64> {
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line[name.len()..].split_ascii_whitespace().next()
    };
    let own = field("Uid:")?.parse() == Ok(uid);
    own.then(|| field("Threads:")?.parse().ok()).flatten()
}

/// Sets them, never above what is allowed already.
///
/// # Errors
/// Which one the kernel refused.
#[cfg(target_os = "linux")]
pub(crate) fn apply(limits: &Rlimits) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = [
        ("processes", Resource::Nproc, limits.nproc),
        ("file size", Resource::Fsize, Some(limits.fsize)),
        ("open files", Resource::Nofile, Some(limits.nofile)),
        ("core files", Resource::Core, Some(0)),
    ];
    for (name, resource, value) in wanted {
        let Some(value) = value else { continue };
        let now = getrlimit(resource);
        let most = |limit: Option<u64>| Some(limit.map_or(value, |limit| limit.min(value)));
        let new = Rlimit {
            current: most(now.maximum),
            maximum: most(now.maximum),
        };
        setrlimit(resource, new).map_err(|e| format!("cannot limit {name} to {value}: {e}"))?;
    }
    Ok(())
}

/// The same elsewhere: nothing is promised there.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub(crate) fn apply(_limits: &Rlimits) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_a_user_are_counted_and_those_of_others_are_not() {
        let status = "Name:\tx y\nUid:\t7\t7\t7\t7\nThreads:\t3\n";
        assert_eq!(tasks_of(status, 7), Some(3));
        assert_eq!(tasks_of(status, 8), None);
        assert_eq!(tasks_of("Name:\tUid:", 7), None);
    }

    #[test]
    fn this_process_counts() {
        if fs::metadata("/proc/self/status").is_ok() {
            assert!(own_tasks() >= 1);
        }
        let limits = SandboxLimits::default();
        assert_eq!(of(&limits, true).nproc, None);
        assert!(of(&limits, false).nproc.unwrap() >= u64::from(limits.processes));
    }
}
