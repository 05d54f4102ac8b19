//! The probe, for whom it may be run: root, an ordinary user, and in a process namespace.

use std::fs;
use std::path::Path;
use std::process::Command;

use fleet::ports::sandbox::{Sandbox as _, SandboxLevel};
use serde_json::Value;

use crate::cage::Cage;

/// `fleet doctor` in a fresh repository, started through `prefix`; what it says of the sandbox. `None`
/// if the prefix cannot be used here.
fn doctor(prefix: &[&str], config: &str) -> Option<(String, i32, Value)> {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let exe = root.join("fleet");
    // The program may lie where another user may not look.
    fs::copy(env!("CARGO_BIN_EXE_fleet"), &exe).unwrap();
    let repo = root.join("repo");
    fs::create_dir_all(repo.join(".orchestra")).unwrap();
    fs::write(repo.join(".orchestra/config.toml"), config).unwrap();
    let user: &[&str] = if prefix.first() == Some(&"setpriv") {
        let owned = Command::new("chown")
            .arg("-R")
            .arg("65534:65534")
            .arg(root)
            .status();
        if !owned.is_ok_and(|status| status.success()) {
            return None;
        }
        prefix
    } else {
        &[]
    };
    let run = |prefix: &[&str], program: &Path, args: &[&str]| {
        let mut words: Vec<&std::ffi::OsStr> = prefix.iter().map(std::ffi::OsStr::new).collect();
        words.push(program.as_os_str());
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .args(args)
            .env_clear()
            .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
            .env("HOME", root)
            .env("TMPDIR", root)
            .current_dir(&repo);
        command.output().ok()
    };
    run(user, Path::new("git"), &["init", "-q", "-b", "main"])?;
    let output = run(prefix, &exe, &["doctor", "--json"])?;
    let said: Value = serde_json::from_slice(&output.stdout).ok()?;
    let facts = said
        .pointer("/data/facts")
        .or(said.pointer("/error/details/facts"))?;
    let sandbox = facts
        .as_array()?
        .iter()
        .find(|fact| fact[0] == "sandbox")
        .and_then(|fact| fact[1].as_str())?
        .to_owned();
    Some((sandbox, output.status.code()?, said))
}

/// What this process itself can do.
fn here() -> SandboxLevel {
    Cage::new(SandboxLevel::Bubblewrap).sandbox.facts().level
}

#[test]
fn doctor_says_what_confines_here() {
    let (sandbox, _, _) = doctor(&["env"], "").expect("doctor answers");
    assert!(sandbox.starts_with(here().name()), "{sandbox}");
}

#[test]
fn the_probe_works_for_an_ordinary_user() {
    let user = [
        "setpriv",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
    ];
    let Some((sandbox, _, _)) = doctor(&user, "") else {
        assert!(!is_root(), "root can become another user");
        return;
    };
    assert!(sandbox.starts_with(here().name()), "{sandbox}");
    assert!(sandbox.contains("processes are counted"), "{sandbox}");
}

#[test]
fn the_probe_works_inside_a_process_namespace() {
    let inside = ["unshare", "--pid", "--fork", "--mount-proc"];
    let Some((sandbox, _, _)) = doctor(&inside, "") else {
        return;
    };
    assert!(sandbox.starts_with(here().name()), "{sandbox}");
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}
