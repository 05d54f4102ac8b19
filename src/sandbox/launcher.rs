//! `fleet __confine WALLS -- PROGRAM…`: puts up walls around itself and becomes the program.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use crate::sandbox::walls::Walls;
use crate::sandbox::{limits, probe};

/// Name of the hidden subcommand that confines itself.
pub const CONFINE: &str = "__confine";
/// Name of the hidden subcommand that tries what a confined program must not be able to do.
pub const PROBE: &str = "__confine-probe";

/// Exit codes as shells have them, and one for walls that could not be put up.
const NO_WALLS: u8 = 125;
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Does what the arguments of this process ask for, if it is one of the two. Comes back with a code, or
/// not at all.
#[must_use]
pub fn launch(args: &[OsString]) -> Option<ExitCode> {
    let (verb, rest) = args.get(1..)?.split_first()?;
    if verb == PROBE {
        return Some(probe::inside(rest));
    }
    if verb != CONFINE {
        return None;
    }
    let (code, what) = confine(rest);
    // The reader is whoever looks at the agent's standard error.
    let _ = writeln!(std::io::stderr(), "fleet: {what}");
    Some(ExitCode::from(code))
}

/// Comes back only if something is wrong.
fn confine(args: &[OsString]) -> (u8, String) {
    let [walls, dashes, program, rest @ ..] = args else {
        return (NO_WALLS, format!("usage: {CONFINE} WALLS -- PROGRAM…"));
    };
    if dashes != "--" {
        return (NO_WALLS, format!("usage: {CONFINE} WALLS -- PROGRAM…"));
    }
    let read = |text: &str| serde_json::from_str::<Walls>(text).map_err(|e| e.to_string());
    let built = walls
        .to_str()
        .ok_or_else(|| "the walls are not UTF-8".to_owned())
        .and_then(read)
        .and_then(|walls| put_up(&walls));
    if let Err(what) = built {
        return (NO_WALLS, format!("the sandbox cannot be put up: {what}"));
    }
    let error = Command::new(program).args(rest).exec();
    let code = match error.kind() {
        std::io::ErrorKind::NotFound => NOT_FOUND,
        _ => NOT_EXECUTABLE,
    };
    let program = program.display();
    (code, format!("cannot start {program}: {error}"))
}

/// Root would look past Landlock at the memory of others, and could load code into the kernel. What is
/// given up here no program gets back: Landlock asked for `no_new_privs` before.
#[cfg(target_os = "linux")]
fn drop_privileges() -> Result<(), String> {
    use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
    let none = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    set_capabilities(None, sets).map_err(|e| format!("cannot give up privileges: {e}"))
}

fn put_up(walls: &Walls) -> Result<(), String> {
    for door in &walls.groups {
        std::fs::write(door, "0").map_err(|e| format!("cannot enter {}: {e}", door.display()))?;
    }
    limits::apply(&walls.limits)?;
    let Some(landlocked) = &walls.landlock else {
        return Ok(());
    };
    #[cfg(target_os = "linux")]
    {
        use crate::sandbox::{landlock, sockets};
        let enforced = landlock::restrict(landlocked)?;
        let unix = landlocked.unix_sockets || enforced.checks_unix_sockets();
        sockets::refuse(landlocked.network, unix)?;
        drop_privileges()?;
        if walls.report {
            // The probe reads it; a program's output never begins so.
            let _ = writeln!(std::io::stdout(), "landlock {}", enforced.abi as u32);
        }
        Ok(())
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = landlocked;
        Err("there is no Landlock on this system".to_owned())
    }
}
