//! Places and people that refuse: no state, a remote that says no, a reader that is gone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use crate::world::{Shape, World, assert_exit};

const WRITES: &str = "echo \"$FLEET_TASK\" > \"$FLEET_TASK.txt\"";
const REMOTE: Shape = Shape {
    remote: true,
    in_tree: false,
};

#[track_caller]
fn refused(world: &World, args: &[&str], exit: i32, words: &[&str]) {
    let out = world.fleet(args);
    assert_exit(&out, exit);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(said.matches("error:").count(), 1, "{said}");
    assert!(words.iter().all(|word| said.contains(word)), "{said}");
}

fn hook(world: &World, script: &str) {
    hook_named(world, "pre-receive", script);
}

fn hook_named(world: &World, name: &str, script: &str) {
    let file = world.path(&format!("hub/hooks/{name}"));
    fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_tick_before_init_says_what_to_do_first() {
    let world = World::raw(WRITES, Shape::default());
    for args in [&["tick"][..], &["tick", "--dry-run"]] {
        refused(&world, args, 7, &["no fleet state", "fleet init"]);
    }
    world.expect_nothing_left();
}

#[test]
fn nothing_runs_when_the_remote_refuses_the_claim() {
    let world = World::new(WRITES, REMOTE, &["one"]);
    hook(&world, "echo 'no pushes today' >&2; exit 1");
    refused(&world, &["tick"], 9, &["no pushes today", "hint:"]);
    assert_eq!(world.runs("T-1"), 0);
    world.expect_nothing_left();
}

#[test]
fn i7_work_whose_push_was_refused_is_kept_and_published_later_without_a_second_run() {
    let world = World::new(&format!("{WRITES}; touch \"$W/closed\""), REMOTE, &["one"]);
    let closed = world.path("closed");
    hook(
        &world,
        &format!(
            "[ ! -e '{}' ] || {{ echo 'not now' >&2; exit 1; }}",
            closed.display()
        ),
    );
    refused(&world, &["tick"], 9, &["not now", "kept"]);
    refused(&world, &["tick"], 9, &["not now"]);
    fs::remove_file(closed).unwrap();
    world.ok(&["tick"]);
    assert_eq!(world.runs("T-1"), 1);
    world.expect_phases(&[("T-1", "in_review")]);
    world.expect_nothing_left();
}

#[test]
fn a_branch_that_the_remote_refuses_holds_back_no_other_and_asks_a_human() {
    for name in ["update", "pre-receive"] {
        let world = World::new(WRITES, REMOTE, &["one", "two"]);
        let refuses =
            "case $ref in refs/heads/agent/T-1) echo 'T-1 is not welcome' >&2; exit 1;; esac";
        let script = match name {
            "update" => format!("ref=$1; {refuses}"),
            _ => format!("while read -r a b ref; do {refuses}; done"),
        };
        hook_named(&world, name, &script);
        world.ok(&["tick"]);
        world.expect_phases(&[("T-1", "needs_human"), ("T-2", "in_review")]);
        let asked = world.ok(&["inbox"]);
        assert!(asked.contains("T-1 is not welcome"), "{asked}");
        assert!(asked.contains("agent/T-1"), "{asked}");
        fs::remove_file(world.path(&format!("hub/hooks/{name}"))).unwrap();
        world.ok(&["answer", "T-1", "retry"]);
        world.ok(&["tick"]);
        world.expect_phases(&[("T-1", "in_review"), ("T-2", "in_review")]);
        world.expect_nothing_left();
    }
}

#[test]
fn a_base_branch_that_is_not_there_is_an_error_of_the_configuration() {
    let world = World::new(WRITES, REMOTE, &[]);
    let config = world.path("repo/.orchestra/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let text = text.replace("base_branch = \"main\"", "base_branch = \"trunk\"");
    fs::write(&config, text).unwrap();
    // Nothing is there that would start from it.
    world.ok(&["tick"]);
    world.ok(&["q", "one"]);
    for args in [&["tick"][..], &["tick", "--dry-run"]] {
        refused(&world, args, 7, &["trunk", "base_branch"]);
    }
    assert_eq!(world.runs("T-1"), 0);
    world.expect_phases(&[("T-1", "ready")]);
}

/// Runs the program where `folder` is a file system of `size`, if this machine lets a test do so.
fn fleet_on_small_disk(world: &World, folder: &str, size: &str, args: &[&str]) -> Option<Output> {
    let folder = world.path(folder);
    fs::create_dir_all(&folder).unwrap();
    let mounted = "mount -t tmpfs -o \"size=$1\" small \"$2\" || exit 99; shift 2; exec \"$@\"";
    let fleet = world.command("repo", args);
    let mut command = Command::new("unshare");
    command
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            mounted,
            "sh",
            size,
        ])
        .arg(&folder)
        .arg(fleet.get_program())
        .args(fleet.get_args())
        .current_dir(fleet.get_current_dir().unwrap())
        .env_clear()
        .envs(
            fleet
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::null());
    let out = command.output().ok()?;
    let denied = String::from_utf8_lossy(&out.stderr).contains("unshare: ");
    (!denied && out.status.code() != Some(99)).then_some(out)
}

#[test]
fn a_full_disk_under_the_workspaces_costs_no_attempt_and_is_said_once() {
    let world = World::new(WRITES, REMOTE, &["one", "two", "three"]);
    fs::write(world.path("repo/large"), "x".repeat(300_000)).unwrap();
    world.git("repo", &["add", "large"]);
    world.git("repo", &["commit", "-qm", "large"]);
    world.git("repo", &["push", "-q", "origin", "main"]);
    // Often: failures that are nobody's fault are not free for ever, but these are none.
    for _ in 0..6 {
        let tick = fleet_on_small_disk(&world, "home/.cache", "200k", &["tick"]);
        let Some(out) = tick else {
            eprintln!("skipped: this machine lets no test mount a small disk");
            return;
        };
        assert_exit(&out, 1);
        let said = String::from_utf8(out.stderr).unwrap();
        let errors = said.lines().filter(|line| line.starts_with("error:"));
        assert_eq!(errors.count(), 1, "{said}");
        assert!(
            (said.contains("KiB are free there") || said.contains("No space left"))
                && said.contains("FLEET_WORKSPACES"),
            "{said}"
        );
        world.expect_phases(&[("T-1", "ready"), ("T-2", "ready"), ("T-3", "ready")]);
    }
    assert_eq!(world.runs("T-1"), 0);
    let said = world.ok(&["tick"]);
    assert!(said.contains("3 in review"), "{said}");
    assert!(!world.ok(&["inbox"]).contains("T-1"));
    world.ok(&["doctor", "--verify"]);
}

#[test]
fn nothing_is_claimed_while_the_remote_is_away() {
    let world = World::new(WRITES, REMOTE, &["one"]);
    fs::rename(world.path("hub"), world.path("away")).unwrap();
    refused(&world, &["tick"], 10, &["fetch the newest state", "hint:"]);
    assert_eq!(world.runs("T-1"), 0);
}

#[test]
fn a_rewound_state_branch_is_not_trusted_and_the_hint_fits() {
    let world = World::new(WRITES, REMOTE, &["one", "two"]);
    let back = ["update-ref", "refs/heads/fleet/state", "fleet/state~1"];
    world.git("hub", &back);
    refused(&world, &["tick"], 8, &["rewound", "`fleet doctor` shows"]);
    assert_eq!(world.runs("T-1"), 0);
}

#[test]
fn a_closed_stdout_is_no_error_and_the_work_is_done() {
    let world = World::new(WRITES, Shape::default(), &["one"]);
    let mut command = world.command("repo", &["tick"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tick = command.spawn().unwrap();
    drop(tick.stdout.take());
    let out = tick.wait_with_output().unwrap();
    assert_exit(&out, 0);
    assert!(!String::from_utf8_lossy(&out.stderr).contains("error"));
    world.expect_phases(&[("T-1", "in_review")]);
}

#[test]
fn an_agent_that_removes_its_directory_gets_the_attempts_of_bad_work() {
    let world = World::new("rm -rf \"$PWD\"", Shape::default(), &["one"]);
    let said = world.ok(&["tick"]);
    assert!(said.contains("the agent removed it"), "{said}");
    assert_eq!(world.runs("T-1"), 3);
    world.expect_phases(&[("T-1", "needs_human")]);
    world.expect_nothing_left();
}
