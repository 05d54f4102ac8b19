//! An import that is struck: all of it is there, or nothing. It writes so many objects that they are
//! one pack.

use std::fmt::Write as _;

use crate::checker::{End, Told, check};
use crate::steps::{died_badly, struck};
use crate::sweep::{Fault, library, places, sweep};
use crate::world::{Shape, World, words};

/// Enough issues that the state they make is stored as a pack.
const ISSUES: u64 = 1_000;

fn world() -> World {
    let world = World::new(Shape::Local);
    let mut lines = String::new();
    for n in 0..ISSUES {
        let body = "what is to be done ".repeat(180);
        let line =
            r#"{"id":"bd-N","title":"issue N","description":"BODY","status":"open","priority":2}"#;
        let line = line.replace('N', &n.to_string()).replace("BODY", &body);
        writeln!(lines, "{line}").unwrap();
    }
    std::fs::write(world.path("issues.jsonl"), lines).unwrap();
    world
}

const IMPORT: &[&str] = &["import", "--from", "beads", "../issues.jsonl"];

fn import(fault: &Fault) -> Vec<String> {
    let world = world();
    let (out, _) = struck(&world, IMPORT, fault);
    let mut wrong = died_badly(&out);
    let there = || world.data(&["list", "--all"])["total"].as_u64();
    let all = Some(2 + ISSUES);
    let before = there();
    if before != all && (before != Some(2) || out.status.success()) {
        wrong.push(format!("I1: {before:?} tasks are there behind it"));
    }
    world.ok(IMPORT);
    if there() != all {
        wrong.push(format!("I7: once more makes {:?} tasks", there()));
    }
    wrong.extend(check(&world, &Told::at_first(), End::Open));
    if !wrong.is_empty() {
        wrong.push(format!("it said: {}", words(&out)));
    }
    wrong
}

#[test]
fn i6_i7_an_import_that_is_struck_anywhere_is_there_as_a_whole_or_not_at_all() {
    if library().is_none() {
        return;
    }
    let first = world();
    let (out, effects) = struck(&first, IMPORT, &Fault { mode: "", at: 0 });
    assert!(out.status.success(), "{}", words(&out));
    let packs = std::fs::read_dir(first.path("repo/.git/objects/pack")).unwrap();
    let names = packs.map(|entry| entry.unwrap().file_name());
    let ours = names.filter(|name| name.as_encoded_bytes().starts_with(b"pack-"));
    assert_eq!(ours.count(), 2, "it is stored as one pack");
    let modes = ["before", "after", "full", "io"];
    let faults: Vec<Fault> = modes
        .iter()
        .flat_map(|mode| {
            places(effects.count, 1)
                .into_iter()
                .map(|at| Fault { mode, at })
        })
        .filter(|fault| fault.at <= effects.count)
        .collect();
    sweep("import", &faults, 1, import);
}
