//! Ctrl-C, time that is up, and death at any moment.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::ways::claimed;
use crate::world::{Shape, World, assert_exit, is_alive, signal};

const WRITES: &str = "echo \"$FLEET_TASK\" > \"$FLEET_TASK.txt\"";
/// Tells its own and a child's process id, then would run for long.
const SLOW: &str = "sleep 300 & echo $$ $! > \"$W/up\"; sleep 300";

#[test]
fn i9_ctrl_c_stops_the_agent_with_its_children_and_the_task_is_ready_again() {
    for how in ["INT", "TERM"] {
        let world = World::new(SLOW, Shape::default(), &["one"]);
        world.pipe("up");
        let tick = world.start(&["tick"]);
        let pids = world.hear("up");
        signal(&tick, how);
        let out = tick.wait_with_output().unwrap();
        assert_exit(&out, 0);
        let said = String::from_utf8(out.stdout).unwrap();
        assert!(said.contains("1 stopped"), "{said}");
        assert!(pids.split(' ').all(|pid| !is_alive(pid)), "{pids}");
        world.expect_nothing_left();
        world.expect_phases(&[("T-1", "ready")]);
    }
}

#[test]
fn i9_a_second_ctrl_c_ends_an_agent_that_listens_to_nothing_at_once() {
    let deaf = "trap '' INT TERM; echo $$ > \"$W/up\"; while :; do sleep 300; done";
    let world = World::new(deaf, Shape::default(), &["one"]);
    world.pipe("up");
    let tick = world.start(&["tick"]);
    let pid = world.hear("up");
    let begun = std::time::Instant::now();
    signal(&tick, "INT");
    signal(&tick, "TERM");
    assert_exit(&tick.wait_with_output().unwrap(), 0);
    // Without the second signal it has five seconds to end.
    assert!(begun.elapsed().as_millis() < 4_500);
    assert!(!is_alive(&pid));
    world.expect_nothing_left();
}

#[test]
fn i9_a_tick_ends_when_its_time_is_up_and_says_so() {
    let world = World::new("sleep 300", Shape::default(), &["one"]);
    let out = world.fleet(&["tick", "--time-budget", "500ms", "--exit-code"]);
    assert_exit(&out, 11);
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(said.contains("Its time was up"), "{said}");
    world.expect_nothing_left();
    world.expect_phases(&[("T-1", "ready")]);
}

#[test]
fn i7_an_agent_whose_fleet_was_killed_is_ended_and_its_task_runs_again() {
    let world = World::new(SLOW, Shape::default(), &["one"]);
    world.pipe("up");
    let mut tick = world.start(&["tick"]);
    let pids = world.hear("up");
    tick.kill().unwrap();
    tick.wait().unwrap();
    world.agent(WRITES);
    world.ok(&["tick"]);
    assert!(pids.split(' ').all(|pid| !is_alive(pid)), "{pids}");
    assert_eq!(world.runs("T-1"), 2);
    world.expect_nothing_left();
    world.expect_phases(&[("T-1", "in_review")]);
}

/// Kills a tick after each line that it says in turn, then lets one go through.
fn killed_at_every_line(shape: Shape) {
    let world = World::new(WRITES, shape, &["one", "two", "three", "four"]);
    for line in 1..=8 {
        let mut command = world.command("repo", &["tick"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut tick = command.spawn().unwrap();
        let words = BufReader::new(tick.stderr.take().unwrap());
        let heard = words.lines().take(line).count();
        tick.kill().unwrap();
        tick.wait().unwrap();
        // Readable after any crash, and nothing is lost (I6, I1).
        assert_eq!(world.phases().len(), 4, "after {heard} lines");
    }
    world.ok(&["tick"]);
    let said = world.ok(&["tick"]);
    assert!(said.contains("0 claimed, 0 waiting"), "{said}");
    let done = ["T-1", "T-2", "T-3", "T-4"].map(|task| (task, "in_review"));
    world.expect_phases(&done);
    let at = if shape.remote { "hub" } else { "repo" };
    for (task, _) in done {
        let log = world.git(at, &["log", "--format=%s", &format!("main..agent/{task}")]);
        assert_eq!(log.lines().count(), 1, "{task} is there once: {log}");
        let sessions = world.data(&["show", task])["tasks"][0]["sessions"].take();
        let good = |one: &&serde_json::Value| one["state"] == "succeeded";
        let good = sessions.as_array().unwrap().iter().filter(good).count();
        assert_eq!(good, 1, "{sessions}");
    }
    world.expect_nothing_left();
    world.ok(&["doctor"]);
}

#[test]
fn i6_i7_a_tick_killed_at_any_moment_is_finished_by_the_next_one() {
    killed_at_every_line(Shape::default());
}

#[test]
fn i6_i7_a_tick_killed_at_any_moment_is_finished_by_the_next_one_with_a_remote() {
    let remote = true;
    killed_at_every_line(Shape {
        remote,
        ..Shape::default()
    });
}

#[test]
fn i7_a_claim_phase_that_was_killed_behind_its_push_leaves_a_task_that_runs_once() {
    let handed = ["--handover", "../handover"];
    let phase = |name| [&["tick", "--phase", name][..], &handed].concat();
    for next in [
        vec![vec!["tick"]],
        ["claim", "run", "publish"].map(phase).to_vec(),
    ] {
        let remote = true;
        let shape = Shape {
            remote,
            ..Shape::default()
        };
        let world = World::new(WRITES, shape, &["one"]);
        killed_behind_its_push(&world, &phase("claim"));
        let claimed = world.git("hub", &["log", "-1", "--format=%s", "fleet/state"]);
        assert_eq!(claimed.trim(), "claim T-1");
        for args in &next {
            world.ok(args);
        }
        assert_eq!(world.runs("T-1"), 1);
        world.expect_phases(&[("T-1", "in_review")]);
        let shown = world.data(&["show", "T-1"]);
        let sessions = shown["tasks"][0]["sessions"].as_array().unwrap();
        assert_eq!(sessions.len(), 2, "{shown}");
        world.expect_nothing_left();
        let left = std::fs::read_dir(world.path("repo/.git/fleet/handover"));
        let left: Vec<_> = left.into_iter().flatten().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn i2_a_claim_that_a_dying_publish_phase_gave_up_is_not_begun_behind_its_back() {
    let remote = true;
    let shape = Shape {
        remote,
        ..Shape::default()
    };
    let world = World::new(WRITES, shape, &["one"]);
    let args = |name| ["tick", "--phase", name, "--handover", "../handover"];
    world.ok(&args("claim"));
    let session = claimed(&world, "T-1");
    let folder = world.path("handover").join(&session);
    killed_behind_its_push(&world, &args("publish"));
    let shown = world.data(&["show", "T-1"]);
    let session_shown = &shown["tasks"][0]["sessions"][0];
    assert_eq!(session_shown["state"], "failed", "{shown}");
    world.ok(&args("run"));
    assert_eq!(world.runs("T-1"), 0);
    assert!(folder.exists());
    // The next one names it no more, and takes its folder away.
    world.ok(&args("publish"));
    assert!(!folder.exists());
    let claims = std::fs::read_to_string(world.path("handover/claims.json")).unwrap();
    assert!(!claims.contains(&session), "{claims}");
    world.ok(&args("run"));
    assert_eq!(world.runs("T-1"), 0);
}

/// The push arrives, and fleet hears nothing of it any more.
fn killed_behind_its_push(world: &World, args: &[&str]) {
    world.script(
        "shim",
        "git \"$@\"; code=$?\ncase \" $* \" in *' push '*) kill -9 $PPID ;; esac\nexit $code",
    );
    let mut dying = world.command("repo", args);
    let out = dying.env("FLEET_GIT", world.path("shim")).output().unwrap();
    assert_eq!(out.status.code(), None, "{out:?}");
}

#[test]
fn i7_a_move_of_two_refs_that_was_cut_in_half_is_finished() {
    let world = World::new(WRITES, Shape::default(), &["one"]);
    let before = world.git("repo", &["rev-parse", "fleet/state"]);
    world.ok(&["tick"]);
    let state = world.git("repo", &["rev-parse", "fleet/state"]);
    let work = world.git("repo", &["rev-parse", "agent/T-1"]);
    let (before, state, work) = (before.trim(), state.trim(), work.trim());
    let zero = "0".repeat(40);
    // As a kill between the two renames leaves it: one ref moved, the other's lock still there.
    let cut = |branch_first: bool| {
        let note = format!(
            "process 1: finish T-1\nrefs/heads/fleet/state {before} {state}\n\
             refs/heads/agent/T-1 {zero} {work}\n"
        );
        std::fs::write(world.path("repo/.git/fleet/state.lock"), note).unwrap();
        let locked = if branch_first {
            world.git("repo", &["update-ref", "refs/heads/fleet/state", before]);
            "fleet/state"
        } else {
            world.git("repo", &["update-ref", "-d", "refs/heads/agent/T-1"]);
            "agent/T-1"
        };
        let lock = world.path(&format!("repo/.git/refs/heads/{locked}.lock"));
        std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
        std::fs::write(lock, "").unwrap();
    };
    for branch_first in [false, true] {
        cut(branch_first);
        world.expect_phases(&[("T-1", "in_review")]);
        let now = world.git("repo", &["rev-parse", "fleet/state", "agent/T-1"]);
        assert_eq!(now, format!("{state}\n{work}\n"));
        world.expect_nothing_left();
    }
}

#[test]
fn a_lock_file_that_git_made_is_named_and_left_alone() {
    let world = World::new(WRITES, Shape::default(), &["one"]);
    let lock = world.path("repo/.git/refs/heads/fleet/state.lock");
    std::fs::write(&lock, "").unwrap();
    let out = world.fleet(&["q", "two"]);
    assert_exit(&out, 1);
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(said.contains("state.lock"), "{said}");
    assert!(lock.exists());
}

#[test]
fn i7_a_lock_on_the_index_that_a_killed_fleet_left_is_given_back_and_one_of_git_is_not() {
    let in_tree = true;
    let shape = Shape {
        in_tree,
        ..Shape::default()
    };
    let world = World::new(WRITES, shape, &["one"]);
    let git = world.path("repo/.git").canonicalize().unwrap();
    let lock = git.join("index.lock");
    // As a kill between taking the lock and moving the index leaves it.
    let mark = git.join("fleet/index.mark");
    std::fs::write(&mark, lock.to_str().unwrap()).unwrap();
    std::fs::hard_link(&mark, &lock).unwrap();
    world.ok(&["q", "two"]);
    assert!(!lock.exists() && !mark.exists());
    assert_eq!(world.git("repo", &["status", "--short"]), "");

    std::fs::write(&lock, "").unwrap();
    let out = world.fleet(&["q", "three"]);
    assert_exit(&out, 0);
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(said.contains("index.lock"), "{said}");
    assert!(lock.exists());
    std::fs::remove_file(&lock).unwrap();
    // The record is there; the work tree is brought up to date by git as after any fetch.
    assert_eq!(world.phases().len(), 3);
}
