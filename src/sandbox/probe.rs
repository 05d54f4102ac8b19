//! The probe: something confined tries what it must not be able to do, and its answer decides.
//!
//! A program that is installed, or a kernel that names a feature, proves nothing: AppArmor, seccomp and
//! container engines take either away (security.md of bubblewrap, `kernel.apparmor_restrict_unprivileged_userns`).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::domain::policy::SandboxMode;
use crate::ports::sandbox::{Confined, Launchable, SandboxFacts, SandboxLevel};
use crate::sandbox::bubblewrap::Bubblewrap;
use crate::sandbox::walls::Walls;
use crate::sandbox::{Found, HostSandbox, PROBE};

/// A probe that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest wait for a connection; on loopback there is an answer at once.
const CONNECT: Duration = Duration::from_millis(500);
/// What a neighbour's environment holds.
const CANARY: &str = "FLEET_PROBE_CANARY";

/// What the probe is to try.
#[derive(Debug, Serialize, Deserialize)]
struct Task {
    inside: PathBuf,
    outside: PathBuf,
    neighbour: u32,
    port: u16,
}

/// What it could do.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    writes_inside: bool,
    renames_inside: bool,
    reads_outside: bool,
    writes_outside: bool,
    reads_neighbour: bool,
    signals_neighbour: bool,
    connects: bool,
    #[serde(default)]
    landlock: Option<u32>,
}

/// Finds the strongest level that works.
pub(super) fn run(sandbox: &HostSandbox) -> Found {
    let mut shortfalls = Vec::new();
    let ceiling = sandbox.setup.ceiling;
    if ceiling >= SandboxLevel::Bubblewrap {
        match bubblewrap(sandbox) {
            Ok((bubblewrap, _)) => {
                return found(
                    sandbox,
                    SandboxLevel::Bubblewrap,
                    Some(bubblewrap),
                    shortfalls,
                );
            }
            Err(why) => shortfalls.push(format!("bubblewrap: {why}")),
        }
    }
    if ceiling >= SandboxLevel::Landlock {
        match trial(sandbox, SandboxLevel::Landlock, None) {
            Ok(seen) => {
                let mut found = found(sandbox, SandboxLevel::Landlock, None, shortfalls);
                found.cuts_network = !seen.connects;
                describe_landlock(&mut found.facts, &seen);
                return found;
            }
            Err(why) => shortfalls.push(format!("Landlock: {why}")),
        }
    }
    found(sandbox, SandboxLevel::None, None, shortfalls)
}

fn found(
    sandbox: &HostSandbox,
    level: SandboxLevel,
    bubblewrap: Option<Bubblewrap>,
    shortfalls: Vec<String>,
) -> Found {
    let mut details = Vec::new();
    if bubblewrap.as_ref().is_some_and(|b| !b.seals) {
        details.push("this bwrap cannot forbid further namespaces inside".to_owned());
    }
    let (processes, memory) = sandbox.groups().limited();
    let root = rustix::process::getuid().is_root();
    details.push(match (processes, root) {
        (true, _) => "processes of a run are counted by a control group".to_owned(),
        (false, false) => "processes are counted with all others of this user".to_owned(),
        (false, true) => {
            "no limit of processes: root is bound by control groups alone, and none can be made here"
                .to_owned()
        }
    });
    if !memory {
        details.push("no limit of memory: no control group for it can be made here".to_owned());
    }
    Found {
        facts: SandboxFacts {
            level,
            details,
            shortfalls,
        },
        bubblewrap,
        cuts_network: level == SandboxLevel::Bubblewrap,
    }
}

fn describe_landlock(facts: &mut SandboxFacts, seen: &Seen) {
    let version = seen.landlock.unwrap_or_default();
    facts
        .details
        .insert(0, format!("Landlock version {version}"));
    if seen.connects {
        let what = "the network cannot be switched off: this kernel lets no filter in";
        facts.details.push(what.to_owned());
    }
    if seen.signals_neighbour {
        let what = "other processes of this user can be signalled (Landlock 6 refuses that)";
        facts.details.push(what.to_owned());
    }
}

/// The variant of bubblewrap that works here.
fn bubblewrap(sandbox: &HostSandbox) -> Result<(Bubblewrap, Seen), String> {
    let program = std::env::split_paths(&sandbox.setup.path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join("bwrap"))
        .find(|file| file.is_file())
        .ok_or("`bwrap` is not on PATH; the package is called bubblewrap")?;
    let mut bubblewrap = Bubblewrap {
        program,
        seals: true,
    };
    let level = SandboxLevel::Bubblewrap;
    let seen = trial(sandbox, level, Some(&bubblewrap)).or_else(|why| {
        // Versions before 0.8 do not know the word.
        bubblewrap.seals = false;
        trial(sandbox, level, Some(&bubblewrap)).map_err(|_| why)
    });
    seen.map(|seen| (bubblewrap, seen)).map_err(explained)
}

/// Adds what is known to stand behind a refusal.
fn explained(why: String) -> String {
    let gate = |name: &str| fs::read_to_string(Path::new("/proc/sys").join(name));
    let apparmor = "kernel/apparmor_restrict_unprivileged_userns";
    if gate(apparmor).is_ok_and(|value| value.trim() == "1") {
        return format!(
            "{why}; AppArmor forbids user namespaces here unless a profile for bwrap has `userns,`"
        );
    }
    if gate("user/max_user_namespaces").is_ok_and(|value| value.trim() == "0") {
        return format!("{why}; user namespaces are switched off here (user.max_user_namespaces)");
    }
    why
}

/// One run of the probe at one level. Its answer if the level's walls hold.
fn trial(
    sandbox: &HostSandbox,
    level: SandboxLevel,
    bubblewrap: Option<&Bubblewrap>,
) -> Result<Seen, String> {
    let stage =
        Stage::build(&sandbox.setup.exe).map_err(|e| format!("no probe could be run: {e}"))?;
    let what = stage.confined(&sandbox.setup.exe)?;
    let launch = sandbox
        .launch_at(level, bubblewrap, what)
        .and_then(|launch| {
            reporting(launch).map_err(|what| crate::ports::sandbox::SandboxError::Setup { what })
        })
        .map_err(|e| e.to_string())?;
    let said = stage.play(&launch)?;
    drop(launch.guard);
    judge(level, said)
}

/// The launch, told to say what holds.
fn reporting(mut launch: Launchable) -> Result<Launchable, String> {
    if let Some(text) = launch.args.get(1).and_then(|arg| arg.to_str()) {
        let mut walls: Walls = serde_json::from_str(text).map_err(|e| e.to_string())?;
        walls.report = true;
        launch.args[1] = walls.encode()?.into();
    }
    Ok(launch)
}

fn judge(level: SandboxLevel, seen: Seen) -> Result<Seen, String> {
    let tried = [
        (!seen.writes_inside, "could not write its own workspace"),
        (
            !seen.renames_inside,
            "could not move a file in its own workspace",
        ),
        (seen.reads_outside, "read a file that was hidden"),
        (seen.writes_outside, "wrote a file outside"),
        (seen.reads_neighbour, "read another process's environment"),
        (
            level == SandboxLevel::Bubblewrap && seen.connects,
            "reached the network",
        ),
    ];
    match tried.iter().find(|(wrong, _)| *wrong) {
        Some((_, what)) => Err(format!("what ran in it {what}")),
        None => Ok(seen),
    }
}

/// Files, a neighbour and a listener, for one trial.
struct Stage {
    dir: tempfile::TempDir,
    neighbour: Child,
    listener: TcpListener,
}

impl Stage {
    fn build(exe: &Path) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("fleet-probe-").tempdir()?;
        for name in ["in/a", "in/b", "out"] {
            fs::create_dir_all(dir.path().join(name))?;
        }
        fs::write(dir.path().join("out/secret"), CANARY)?;
        let neighbour = Command::new(exe)
            .args([PROBE, "--wait"])
            .env_clear()
            .env(CANARY, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            dir,
            neighbour,
            listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
        })
    }

    fn confined(&self, exe: &Path) -> Result<Confined, String> {
        let inside = self.dir.path().join("in");
        let port = self
            .listener
            .local_addr()
            .map_err(|e| e.to_string())?
            .port();
        let task = Task {
            inside: inside.clone(),
            outside: self.dir.path().join("out"),
            neighbour: self.neighbour.id(),
            port,
        };
        let task = serde_json::to_string(&task).map_err(|e| e.to_string())?;
        Ok(Confined {
            mode: SandboxMode::Require,
            network: false,
            program: exe.to_owned(),
            args: vec![PROBE.into(), task.into()],
            env: BTreeMap::new(),
            cwd: inside.clone(),
            writable: vec![inside],
            readable: Vec::new(),
            run: "probe".to_owned(),
        })
    }

    fn play(&self, launch: &Launchable) -> Result<Seen, String> {
        let (out, errors) = (
            self.dir.path().join("stdout"),
            self.dir.path().join("stderr"),
        );
        let file = |path: &Path| fs::File::create(path).map_err(|e| e.to_string());
        let mut child = Command::new(&launch.program)
            .args(&launch.args)
            .env_clear()
            .envs(&launch.env)
            .current_dir(&launch.cwd)
            .stdin(Stdio::null())
            .stdout(file(&out)?)
            .stderr(file(&errors)?)
            .spawn()
            .map_err(|e| format!("it cannot be started: {e}"))?;
        let ended = wait(&mut child).map_err(|e| format!("it did not end: {e}"))?;
        let said = fs::read_to_string(&out).unwrap_or_default();
        let answer = said
            .lines()
            .last()
            .and_then(|line| serde_json::from_str(line).ok());
        let version = said.lines().find_map(|line| line.strip_prefix("landlock "));
        let Some(seen) = answer else {
            let complaint = fs::read_to_string(&errors).unwrap_or_default();
            let first = complaint.lines().next().unwrap_or("it said nothing");
            let first = first.strip_prefix("fleet: ").unwrap_or(first);
            return Err(format!("{first} ({ended})"));
        };
        Ok(Seen {
            landlock: version.and_then(|text| text.parse().ok()),
            ..seen
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // It is our own child and not reaped, so its number is its own.
        let _ = self.neighbour.kill();
        let _ = self.neighbour.wait();
    }
}

/// Waits for the end of a child, and ends it if that does not come.
fn wait(child: &mut Child) -> io::Result<std::process::ExitStatus> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            return Err(io::ErrorKind::TimedOut.into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The confined side: tries everything and says what came of it.
pub(super) fn inside(args: &[OsString]) -> ExitCode {
    let Some(argument) = args.first().and_then(|arg| arg.to_str()) else {
        return ExitCode::from(2);
    };
    if argument == "--wait" {
        // Until the one that started us is gone or ends us.
        let _ = io::stdin().read(&mut [0]);
        return ExitCode::SUCCESS;
    }
    let Ok(task) = serde_json::from_str::<Task>(argument) else {
        return ExitCode::from(2);
    };
    let seen = attempt(&task);
    match serde_json::to_string(&seen) {
        Ok(line) if writeln!(io::stdout(), "{line}").is_ok() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn attempt(task: &Task) -> Seen {
    let (from, to) = (task.inside.join("a/file"), task.inside.join("b/file"));
    let environ = fs::read(format!("/proc/{}/environ", task.neighbour)).unwrap_or_default();
    let canary = CANARY.as_bytes();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, task.port));
    Seen {
        writes_inside: fs::write(&from, "x").is_ok(),
        renames_inside: fs::rename(&from, &to).is_ok(),
        reads_outside: fs::read(task.outside.join("secret")).is_ok(),
        writes_outside: fs::write(task.outside.join("mark"), "x").is_ok(),
        reads_neighbour: environ.windows(canary.len()).any(|part| part == canary),
        signals_neighbour: reaches(task.neighbour),
        connects: TcpStream::connect_timeout(&address, CONNECT).is_ok(),
        landlock: None,
    }
}

/// Whether a signal could be sent to the process outside that has this number.
fn reaches(pid: u32) -> bool {
    i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walls_that_leak_are_no_walls() {
        let good = || Seen {
            writes_inside: true,
            renames_inside: true,
            ..Seen::default()
        };
        assert!(judge(SandboxLevel::Landlock, good()).is_ok());
        assert!(judge(SandboxLevel::Landlock, Seen::default()).is_err());
        for leak in [
            Seen {
                reads_outside: true,
                ..good()
            },
            Seen {
                writes_outside: true,
                ..good()
            },
            Seen {
                reads_neighbour: true,
                ..good()
            },
        ] {
            assert!(judge(SandboxLevel::Landlock, leak).is_err());
        }
        let connects = || Seen {
            connects: true,
            ..good()
        };
        assert!(judge(SandboxLevel::Landlock, connects()).is_ok());
        let why = judge(SandboxLevel::Bubblewrap, connects()).unwrap_err();
        assert_eq!(why, "what ran in it reached the network");
    }
}
