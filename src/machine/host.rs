//! Who this process is, and whether another one is still alive (Linux `/proc`; elsewhere by pid).

use std::fmt::Write as _;
use std::fs;

use sha2::{Digest as _, Sha256};

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
        let (there, here) = (Ground::of(&runner.boot), Ground::of(&me.boot));
        if there.machine != here.machine {
            return Life::Unknown {
                why: format!("it ran on another machine that is called {} too", me.host),
            };
        }
        if there.kernel != here.kernel {
            return Life::Dead {
                proof: format!("host {} was booted since", me.host),
            };
        }
        if there.namespace != here.namespace {
            return Life::Unknown {
                why: format!(
                    "it ran in another container of host {}, whose processes are not seen from here",
                    me.host
                ),
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

/// The parts of what is recorded as the boot: `kernel/namespace/machine`.
///
/// Only the same machine, told by more than its name, can prove that it was booted since; and in
/// another pid namespace a pid means another process, so that nothing is proved there at all.
#[derive(Debug, PartialEq, Eq)]
struct Ground<'a> {
    kernel: &'a str,
    namespace: &'a str,
    machine: &'a str,
}

impl<'a> Ground<'a> {
    fn of(boot: &'a str) -> Self {
        let mut parts = boot.split('/');
        let mut next = || parts.next().unwrap_or("");
        Self {
            kernel: next(),
            namespace: next(),
            machine: next(),
        }
    }
}

/// Eight letters that differ between machines of one name; machine-id(5) wants the id itself kept
/// to the machine, so it is hashed. Empty if the machine has none.
fn machine() -> String {
    let Ok(id) = fs::read_to_string("/etc/machine-id") else {
        return String::new();
    };
    let id = id.trim();
    if id.is_empty() {
        return String::new();
    }
    let digest = Sha256::digest(format!("fleet:{id}"));
    digest.iter().take(4).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Random id of the running kernel, the pid namespace and the machine; empty if there is none.
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
    format!("{}/{namespace}/{}", boot.trim(), machine())
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
        let (kernel, rest) = other.boot.split_once('/').unwrap();
        assert_ne!(kernel, "00000000-0000-0000-0000-000000000000");
        other.boot = format!("00000000-0000-0000-0000-000000000000/{rest}");
        assert!(matches!(host.life(&other), Life::Dead { .. }));
        other.host = "elsewhere".to_owned();
        assert!(matches!(host.life(&other), Life::Unknown { .. }));
    }

    #[test]
    fn i2_a_run_in_another_container_or_on_a_namesake_machine_is_not_called_dead() {
        let host = LocalHost::new(None);
        let me = host.identity();
        let parts: Vec<&str> = me.boot.split('/').collect();
        let mut container = me.clone();
        container.boot = format!("{}/1/{}", parts[0], parts[2]);
        container.pid = 1;
        assert!(matches!(host.life(&container), Life::Unknown { .. }));
        let mut namesake = me.clone();
        namesake.boot = format!("{}/{}/not-this", "00000000", parts[1]);
        assert!(matches!(host.life(&namesake), Life::Unknown { .. }));
    }
}
