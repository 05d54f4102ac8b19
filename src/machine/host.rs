//! Who this process is, and whether another one is still alive (Linux `/proc`; elsewhere by pid).

use std::fs;

use crate::domain::session::RunnerIdentity;
use crate::ports::host::{Host, Life};

/// This machine.
#[derive(Debug, Clone)]
pub struct LocalHost {
    identity: RunnerIdentity,
}

impl LocalHost {
    /// Reads host name, boot id, pid and its start time; `ci` names the CI run, if there is one.
    #[must_use]
    pub fn new(ci: Option<String>) -> Self {
        let pid = std::process::id();
        Self {
            identity: RunnerIdentity {
                host: host_name(),
                boot: boot_id(),
                pid,
                pid_start: start_ticks(pid).unwrap_or(0),
                ci,
            },
        }
    }
}

impl Host for LocalHost {
    fn identity(&self) -> RunnerIdentity {
        self.identity.clone()
    }

    fn life(&self, runner: &RunnerIdentity) -> Life {
        let me = &self.identity;
        if runner == me {
            return Life::Alive;
        }
        if runner.host != me.host {
            return Life::Unknown {
                why: format!("it ran on host {}", runner.host),
            };
        }
        if runner.boot.is_empty() || me.boot.is_empty() {
            return Life::Unknown {
                why: "this system tells no boot id".to_owned(),
            };
        }
        if runner.boot != me.boot {
            return Life::Dead {
                proof: format!("host {} was booted since", me.host),
            };
        }
        match start_ticks(runner.pid) {
            None => Life::Dead {
                proof: format!("pid {} of this boot is gone", runner.pid),
            },
            Some(start) if start != runner.pid_start => Life::Dead {
                proof: format!("pid {} is another process now", runner.pid),
            },
            Some(_) => Life::Alive,
        }
    }
}

/// Host name as the kernel says.
fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

/// Random id of the running kernel; empty if there is none. In a container of its own pid
/// namespace pids mean something else, so the namespace is part of it.
fn boot_id() -> String {
    let Ok(boot) = fs::read_to_string("/proc/sys/kernel/random/boot_id") else {
        return String::new();
    };
    let namespace = fs::read_link("/proc/self/ns/pid")
        .map(|link| {
            link.to_string_lossy()
                .chars()
                .filter(char::is_ascii_digit)
                .collect::<String>()
        })
        .unwrap_or_default();
    format!("{}/{namespace}", boot.trim())
}

/// Start time of a living process in clock ticks since boot (proc(5), field 22 of stat); `None`
/// if it does not exist or is a zombie.
fn start_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name in brackets may hold anything, so count from the last bracket.
    let after = stat.rsplit_once(')')?.1;
    let mut fields = after.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Host as _, Life, LocalHost, start_ticks};

    #[test]
    fn this_process_is_alive_and_a_reused_pid_is_not_mistaken_for_it() {
        let host = LocalHost::new(None);
        let me = host.identity();
        assert_eq!(host.life(&me), Life::Alive);
        assert!(start_ticks(me.pid).is_some());

        let mut reused = me.clone();
        reused.pid_start += 1;
        assert!(matches!(host.life(&reused), Life::Dead { .. }));
    }

    #[test]
    fn a_run_of_an_earlier_boot_is_dead_and_one_of_another_host_is_unknown() {
        let host = LocalHost::new(None);
        let mut other = host.identity();
        other.boot = "00000000-0000-0000-0000-000000000000/1".to_owned();
        assert!(matches!(host.life(&other), Life::Dead { .. }));
        other.host = "elsewhere".to_owned();
        assert!(matches!(host.life(&other), Life::Unknown { .. }));
    }
}
