//! Many machines and one remote, which refuses, dies while it moves refs, or dies before it says
//! that it did.

use std::fs;
use std::process::{Child, Output, Stdio};

use crate::checker::{End, Told, check};
use crate::limit::{Ends as _, ended};
use crate::steps::{clean_ticks, died_badly};
use crate::sweep::everything;
use crate::world::{Shape, World, words};

/// A hook of the remote that does `bad` in `percent` of all cases, and nothing else otherwise.
fn hook(world: &World, name: &str, percent: u32, bad: &str) {
    let text = format!(
        "#!/bin/sh\nn=$(od -An -N2 -tu2 /dev/urandom)\n[ $((n % 100)) -ge {percent} ] || {{ {bad}; }}\n"
    );
    world.script(&format!("hub/hooks/{name}"), &text);
}

/// All of them at once, each in its clone; what they said.
fn at_once(world: &World, clones: &[String], args: &[&str]) -> Vec<Output> {
    let start = |clone: &String| -> Child {
        let mut command = world.command(clone, args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let all: Vec<Child> = clones.iter().map(start).collect();
    all.into_iter().map(ended).collect()
}

fn clones(world: &World, count: usize) -> Vec<String> {
    (0..count)
        .map(|n| {
            let name = format!("clone-{n}");
            world.git(".", &["clone", "-q", "--template=", "hub", &name]);
            name
        })
        .collect()
}

/// Ticks on `count` clones at once, again and again, until nothing of `2 * count` tasks is left or
/// `rounds` are over; then the remote is well again, and the judge comes.
fn crowd(count: usize, rounds: usize, bad: impl Fn(&World)) {
    let world = World::new(Shape::Remote);
    let mut told = Told::at_first();
    let titles: Vec<String> = (2..count * 2).map(|n| format!("task {n}")).collect();
    told.tasks.extend(world.add_many(&titles));
    let clones = clones(&world, count);
    bad(&world);
    let mut said = Vec::new();
    for _ in 0..rounds {
        for out in at_once(&world, &clones, &["tick", "--max", "2", "--json"]) {
            assert_eq!(died_badly(&out), Vec::<String>::new());
            // Well, lost every race, refused, or not reached: each with its own exit code.
            let code = out.status.code();
            let known = [0, 4, 9, 10].map(Some).contains(&code);
            assert!(known, "{}", words(&out));
            told.hear(&out);
            said.push(words(&out));
        }
        if told.published.len() == told.tasks.len() {
            break;
        }
    }
    let _ = fs::remove_dir_all(world.path("hub/hooks"));
    // What a killed server leaves is taken away by whoever runs it.
    let locks = ["hub", "-name", "*.lock", "-delete"];
    assert!(
        world
            .isolated("find", ".")
            .args(locks)
            .ends()
            .status
            .success()
    );
    let mut wrong = Vec::new();
    for clone in &clones {
        let out = world.command(clone, &["tick", "--json"]).ends();
        told.hear(&out);
        if !out.status.success() {
            wrong.push(format!("I7: a clean tick fails: {}", words(&out)));
        }
    }
    wrong.extend(clean_ticks(&world));
    wrong.extend(check(&world, &told, End::Final));
    assert_eq!(wrong, Vec::<String>::new(), "{}", said.join("\n"));
}

#[test]
fn i3_i4_ticks_on_two_and_eight_clones_at_once_lose_nothing_and_do_nothing_twice() {
    crowd(2, 3, |_| {});
    crowd(8, 3, |_| {});
    if everything() {
        crowd(24, 3, |_| {});
    }
}

#[test]
fn i3_i4_a_remote_that_refuses_some_pushes_costs_rounds_and_no_work() {
    let refuses =
        |percent| move |world: &World| hook(world, "pre-receive", percent, "echo no >&2; exit 1");
    crowd(4, 8, refuses(20));
    if everything() {
        crowd(8, 12, refuses(60));
        crowd(24, 12, refuses(20));
    }
}

#[test]
fn i4_i7_a_remote_that_dies_before_it_answers_has_what_it_took() {
    let dies = |percent| move |world: &World| hook(world, "post-receive", percent, "kill -9 $PPID");
    crowd(3, 4, dies(50));
    if everything() {
        crowd(8, 8, dies(30));
    }
}

#[test]
fn i6_i7_a_remote_that_dies_while_it_moves_refs_has_all_or_nothing() {
    // It leaves lock files behind, which end all pushes to those refs until they are removed.
    let bad = "[ \"$1\" != prepared ] || kill -9 $PPID";
    let dies = |percent| move |world: &World| hook(world, "reference-transaction", percent, bad);
    crowd(2, 2, dies(20));
    if everything() {
        for _ in 0..10 {
            crowd(3, 3, dies(15));
        }
    }
}
