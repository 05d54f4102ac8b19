//! Money and the queue: what costs has an end, and nothing that lies in the way stops the rest.

use std::fs;

use crate::traces::{SEGMENT, commit_segment, configure};
use crate::world::{Shape, World};

#[test]
fn threat_money_a_hundred_tasks_cost_no_more_than_the_cap() {
    let world = World::new("exit 3", Shape::default(), &[]);
    configure(&world, |text| text + "[budget]\nsessions_per_day = 4\n");
    let plan: Vec<serde_json::Value> = (0..100)
        .map(|n| serde_json::json!({"id": format!("i{n}"), "title": format!("Issue {n}")}))
        .collect();
    let file = world.path("plan.json");
    fs::write(&file, serde_json::json!({ "tasks": plan }).to_string()).unwrap();
    world.ok(&["add", "--graph", file.to_str().unwrap()]);
    assert_eq!(world.phases().len(), 100);
    for minute in 0..6 {
        // One day of its own: the cap is of a day, and midnight may be near.
        let now = format!("2100-01-01T08:0{minute}:00Z");
        let mut tick = world.command("repo", &["tick"]);
        let out = tick.env("FLEET_TEST_NOW", now).output().unwrap();
        // The cap ends it with 11, or there is nothing to do.
        assert!(matches!(out.status.code(), Some(0 | 11)), "{out:?}");
    }
    let runs: usize = (1..=100).map(|n| world.runs(&format!("T-{n}"))).sum();
    assert_eq!(runs, 4);
}

#[test]
fn threat_money_a_task_that_always_fails_is_tried_three_times() {
    let world = World::new("exit 3", Shape::default(), &["never"]);
    for _ in 0..8 {
        world.fleet(&["tick"]);
    }
    assert_eq!(world.runs("T-1"), 3);
    world.expect_phases(&[("T-1", "needs_human")]);
}

#[test]
fn threat_queue_a_poisoned_line_a_stale_lock_and_a_dead_workspace_stop_no_other_task() {
    let world = World::new(
        "echo x > out.txt",
        Shape {
            remote: true,
            in_tree: false,
        },
        &["one"],
    );
    let poison = world.path("poison");
    fs::write(
        &poison,
        format!("{{\"v\":1,\n\0\n{}\n<<<<<<< x\n", "[".repeat(100_000)),
    )
    .unwrap();
    let blob = commit_segment(&world, &poison, "hub");
    // What dead programs left: git's own lock, and half a worktree of somebody else's.
    fs::write(world.path("repo/.git/index.lock"), "").unwrap();
    fs::create_dir_all(world.path("repo/.git/worktrees/half")).unwrap();
    fs::write(
        world.path("repo/.git/worktrees/half/locked"),
        "initializing",
    )
    .unwrap();
    world.ok(&["tick"]);
    world.expect_phases(&[("T-1", "in_review")]);
    let doctor = String::from_utf8_lossy(&world.fleet(&["doctor"]).stdout).into_owned();
    assert!(doctor.contains("wz-0000.jsonl:1"), "{doctor}");
    // The bytes are where they were.
    let kept = world.git("hub", &["rev-parse", &format!("fleet/state:{SEGMENT}")]);
    assert_eq!(kept, blob);
}
