use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Instant;

use super::{Git, Output};
use crate::domain::time::DurationMs;

/// A program that stands in for git.
fn script(dir: &Path, body: &str) -> Git {
    let path = dir.join("git");
    std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let env = [
        ("PATH", std::env::var_os("PATH").unwrap()),
        ("HOME", dir.into()),
        ("GIT_CONFIG_COUNT", "1".into()),
        ("GIT_DIR", "elsewhere".into()),
        ("GIT_SSH_COMMAND", "ssh -i key".into()),
        ("SSH_AUTH_SOCK", "sock".into()),
        ("GH_TOKEN", "t0ken".into()),
    ];
    Git::with_env(path, env.map(|(name, value)| (OsString::from(name), value)))
}

fn env_of(output: &Output) -> Vec<String> {
    let text = output.text();
    let mut names: Vec<String> = text
        .lines()
        .filter_map(|line| line.split_once('=').map(|(name, _)| name.to_owned()))
        .filter(|name| !matches!(name.as_str(), "PWD" | "SHLVL" | "_" | "OLDPWD"))
        .collect();
    names.sort();
    names
}

#[test]
fn the_users_credentials_stay_and_foreign_git_variables_go() {
    let dir = tempfile::tempdir().unwrap();
    let git = script(dir.path(), "env");
    let user = env_of(&git.user().arg("push").run().unwrap());
    assert_eq!(
        user.join(" "),
        "GCM_INTERACTIVE GH_TOKEN GIT_LFS_SKIP_SMUDGE GIT_OPTIONAL_LOCKS GIT_SSH_COMMAND \
         GIT_TERMINAL_PROMPT HOME LC_ALL PATH SSH_ASKPASS SSH_ASKPASS_REQUIRE SSH_AUTH_SOCK"
    );
    let isolated = env_of(&git.isolated().arg("add").run().unwrap());
    assert_eq!(
        isolated.join(" "),
        "GIT_ATTR_NOSYSTEM GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM GIT_LFS_SKIP_SMUDGE \
         GIT_OPTIONAL_LOCKS GIT_TERMINAL_PROMPT HOME LC_ALL PATH"
    );
}

#[test]
fn bytes_go_in_and_out_and_failures_are_values() {
    let dir = tempfile::tempdir().unwrap();
    let git = script(
        dir.path(),
        "cat; echo 'fatal: https://u:pw@host/x: no' >&2; exit 3",
    );
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let output = git.user().arg("hash").stdin(bytes.clone()).run().unwrap();
    assert_eq!(output.stdout, bytes);
    assert_eq!((output.code, output.ok()), (Some(3), false));
    assert_eq!(output.cause(), "fatal: https://***@host/x: no");

    let cut = git.user().stdin(bytes).stdout_max(10).run().unwrap();
    assert_eq!((cut.stdout.len(), cut.truncated), (10, true));
}

#[test]
fn i9_a_hanging_git_ends_at_the_limit_with_its_children() {
    let dir = tempfile::tempdir().unwrap();
    // Ignores SIGTERM and has a child that holds the pipes.
    let body = "trap '' TERM; sleep 60 & echo $! $$; wait; wait; sleep 60";
    let git = script(dir.path(), body);
    let begun = Instant::now();
    let output = git
        .user()
        .arg("fetch")
        .limit(DurationMs(200))
        .run()
        .unwrap();
    assert!(output.timed_out && !output.ok());
    assert!(begun.elapsed().as_secs() < 30, "took {:?}", begun.elapsed());
    for pid in output.text().split_whitespace() {
        let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
        // Killed is killed; a busy machine may take a while to bury it. A zombie that its new parent
        // has not reaped yet runs nothing.
        let runs = || {
            std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()))
                .is_ok_and(|stat| !stat.contains(") Z ") && !stat.contains(") X "))
        };
        while runs() && begun.elapsed().as_secs() < 30 {
            std::thread::yield_now();
        }
        assert!(!runs(), "{pid:?} is left running");
    }
}

#[test]
fn a_child_that_keeps_the_pipes_does_not_hold_the_call() {
    let dir = tempfile::tempdir().unwrap();
    let git = script(dir.path(), "sleep 60 & echo done");
    let begun = Instant::now();
    let output = git.user().run().unwrap();
    assert!(output.ok());
    assert_eq!(output.text(), "done");
    assert!(begun.elapsed().as_secs() < 30);
}

#[test]
fn a_missing_program_says_what_to_do() {
    let error = Git::new("/no/such/git")
        .user()
        .arg("fetch")
        .run()
        .unwrap_err();
    assert!(error.missing);
    assert!(
        error
            .to_string()
            .starts_with("run /no/such/git fetch: No such file"),
        "{error}"
    );
    assert!(error.to_string().contains("FLEET_GIT"));
}
