//! The ways a tick may go: state in-tree, reports and plans, two at once, the demonstration.

use fleet::machine::handover::HandoverDir;
use fleet::ports::handover::Handover as _;

use crate::world::{Shape, World, assert_exit};

const WRITES: &str = "echo \"$FLEET_TASK\" > \"$FLEET_TASK.txt\"";

#[test]
fn a_tick_in_tree_leaves_the_work_tree_clean_and_sees_the_merge() {
    for remote in [false, true] {
        let shape = Shape {
            remote,
            in_tree: true,
        };
        let world = World::new(WRITES, shape, &["one"]);
        world.ok(&["tick"]);
        world.expect_phases(&[("T-1", "in_review")]);
        assert_eq!(world.git("repo", &["status", "--porcelain"]), "");
        if remote {
            world.git("repo", &["merge", "-q", "--no-edit", "origin/agent/T-1"]);
            world.git("repo", &["push", "-q", "origin", "main"]);
        } else {
            world.git("repo", &["merge", "-q", "--no-edit", "agent/T-1"]);
        }
        world.ok(&["tick"]);
        world.expect_phases(&[("T-1", "closed")]);
        assert_eq!(world.git("repo", &["status", "--porcelain"]), "");
        world.expect_nothing_left();
    }
}

#[test]
fn a_report_is_handed_over_as_a_comment_and_no_branch_is_made() {
    let world = World::new("echo 'All is well.'; touch x", Shape::default(), &[]);
    world.ok(&["add", "Look around", "--deliverable", "report"]);
    world.ok(&["tick"]);
    world.expect_phases(&[("T-1", "closed")]);
    let task = world.data(&["show", "T-1"]).to_string();
    assert!(task.contains("All is well."), "{task}");
    assert_eq!(world.git("repo", &["branch", "--list", "agent/*"]), "");
    world.expect_nothing_left();
}

#[test]
fn a_plan_becomes_tasks_and_what_was_left_out_of_it_is_told() {
    let script = "echo '{\"kind\":\"subtask\",\"title\":\"first step\"}' >> \"$FLEET_OUTBOX\"\n\
                  echo 'no such thing' >> \"$FLEET_OUTBOX\"";
    let world = World::new(script, Shape::default(), &[]);
    world.ok(&["add", "Plan it", "--deliverable", "plan"]);
    world.ok(&["tick"]);
    world.expect_phases(&[("T-1", "closed"), ("T-2", "draft")]);
    let said = world.ok(&["show", "T-1"]);
    assert!(said.contains("Left out of what was said"), "{said}");
    assert_eq!(said.matches("Comment 1 of").count(), 1, "{said}");
}

#[test]
fn i3_two_ticks_at_once_run_every_task_once() {
    for remote in [false, true] {
        let shape = Shape {
            remote,
            in_tree: false,
        };
        let world = World::new(WRITES, shape, &["one", "two", "three"]);
        let both = [world.start(&["tick"]), world.start(&["tick"])];
        for tick in both {
            assert_exit(&tick.wait_with_output().unwrap(), 0);
        }
        world.ok(&["tick"]);
        for task in ["T-1", "T-2", "T-3"] {
            assert_eq!(world.runs(task), 1, "{task}");
        }
        world.expect_phases(&["T-1", "T-2", "T-3"].map(|task| (task, "in_review")));
        world.expect_nothing_left();
    }
}

#[test]
fn i2_what_was_handed_to_another_phase_is_not_run_by_a_tick_in_between() {
    let world = World::new(WRITES, Shape::default(), &["one"]);
    let phase = |name| world.ok(&["tick", "--phase", name, "--handover", "../handover"]);
    phase("claim");
    world.ok(&["tick"]);
    assert_eq!(world.runs("T-1"), 0);
    world.expect_phases(&[("T-1", "running")]);
    phase("run");
    phase("publish");
    assert_eq!(world.runs("T-1"), 1);
    world.expect_phases(&[("T-1", "in_review")]);
    world.expect_nothing_left();
}

#[test]
fn i2_a_session_that_another_run_phase_is_at_is_not_run_again() {
    let world = World::new(WRITES, Shape::default(), &["one", "two"]);
    let phase = |name| world.ok(&["tick", "--phase", name, "--handover", "../handover"]);
    phase("claim");
    // This process is the other run phase.
    let other = HandoverDir::new(world.path("handover"));
    let held = other.hold(&claimed(&world, "T-1")).unwrap();
    assert!(held.is_some());
    let out = world.fleet(&["tick", "--phase", "run", "--handover", "../handover"]);
    assert_exit(&out, 0);
    let told = String::from_utf8(out.stdout).unwrap();
    assert!(
        told.contains("T-1: another run phase on this machine is at it"),
        "{told}"
    );
    assert_eq!((world.runs("T-1"), world.runs("T-2")), (0, 1));
    // It died: its run is anybody's.
    drop(held);
    phase("run");
    assert_eq!((world.runs("T-1"), world.runs("T-2")), (1, 1));
    phase("publish");
    world.expect_phases(&[("T-1", "in_review"), ("T-2", "in_review")]);
    world.expect_nothing_left();
}

#[test]
fn i2_what_a_run_phase_is_at_work_on_is_left_to_it_by_a_publish_phase() {
    let world = World::new(WRITES, Shape::default(), &["one"]);
    let phase = |name| world.ok(&["tick", "--phase", name, "--handover", "../handover"]);
    phase("claim");
    // This process is the run phase.
    let run = HandoverDir::new(world.path("handover"));
    let session = claimed(&world, "T-1");
    let held = run.hold(&session).unwrap();
    assert!(held.is_some());
    let told = phase("publish");
    assert!(told.contains("T-1: a run phase is at work on it"), "{told}");
    world.expect_phases(&[("T-1", "running")]);
    drop(held);
    phase("run");
    phase("publish");
    assert_eq!(world.runs("T-1"), 1);
    world.expect_phases(&[("T-1", "in_review")]);
    world.expect_nothing_left();
}

/// The session of a task in the claims that wait to be run.
pub(crate) fn claimed(world: &World, task: &str) -> String {
    let claims = std::fs::read(world.path("handover/claims.json")).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    let claims = claims["claims"].as_array().unwrap();
    let claim = claims.iter().find(|c| c["task"] == task).unwrap();
    claim["session"].as_str().unwrap().to_owned()
}

#[test]
fn nothing_is_claimed_for_a_handover_that_cannot_be_written() {
    let world = World::new(WRITES, Shape::default(), &["one"]);
    let out = world.fleet(&["tick", "--phase", "claim", "--handover", "README/in-a-file"]);
    assert_exit(&out, 2);
    world.expect_phases(&[("T-1", "ready")]);
}

#[test]
fn the_demonstration_ends_with_all_six_tasks_reviewed_or_done() {
    let world = World::raw(WRITES, Shape::default());
    // Its ticks run elsewhere: a place that is named from here must stay the same one.
    assert_exit(&world.fleet(&["demo", "--dir", "../demo"]), 0);
    let out = world
        .command("demo/greeter", &["list", "--all", "--json"])
        .output()
        .unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let tasks = answer["data"]["tasks"].as_array().unwrap();
    assert_eq!(tasks.len(), 6);
    let good = |task: &serde_json::Value| task["phase"] == "in_review" || task["phase"] == "closed";
    assert!(tasks.iter().all(good), "{answer}");
    world.expect_nothing_left();
}
