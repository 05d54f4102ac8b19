//! Places and people that refuse: no state, a remote that says no, a reader that is gone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

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
    let file = world.path("hub/hooks/pre-receive");
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
    let world = World::new(WRITES, REMOTE, &["one"]);
    hook(
        &world,
        "while read -r a b ref; do case $ref in refs/heads/agent/*) echo 'not here' >&2; exit 1;; esac; done",
    );
    refused(&world, &["tick"], 9, &["not here", "kept"]);
    refused(&world, &["tick"], 9, &["not here"]);
    fs::remove_file(world.path("hub/hooks/pre-receive")).unwrap();
    world.ok(&["tick"]);
    assert_eq!(world.runs("T-1"), 1);
    world.expect_phases(&[("T-1", "in_review")]);
    world.expect_nothing_left();
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
