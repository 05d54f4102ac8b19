//! A git in front of git: counts its calls, and at one of them kills fleet before or behind git's
//! work, fails, loses the answer, hangs, prints garbage, or sends a signal. Every call of a whole
//! tick and of each phase, until a run passes untouched.

use std::fs;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::checker::{End, Told, check};
use crate::limit::Ends as _;
use crate::steps::{clean_ticks, died_badly};
use crate::sweep::{Fault, some, sweep};
use crate::world::{Shape, World, words};

/// `%real` is the git that is meant. Folders are made by one of many at once, so they count.
const SHIM: &str = r#"#!/bin/sh
n=1
while ! mkdir "$FAULT_CALLS/$n" 2>/dev/null; do n=$((n + 1)); done
[ "$n" = "$FAULT_AT" ] || exec "%real" "$@"
: > "$FAULT_CALLS/struck"
case $FAULT_MODE in
kill-before) kill -9 $PPID ;;
kill-behind) "%real" "$@"; kill -9 $PPID ;;
fail) echo "fatal: the test wants this to fail" >&2; exit 128 ;;
lost-answer) "%real" "$@" >/dev/null 2>&1; echo "fatal: the remote end hung up unexpectedly" >&2; exit 128 ;;
hang*) exec sleep 600 ;;
garbage) cat >/dev/null; head -c 70000 /dev/urandom ;;
int) kill -INT $PPID; exec "%real" "$@" ;;
term) "%real" "$@"; code=$?; kill -TERM $PPID; exit $code ;;
esac
"#;

const MODES: [&str; 7] = [
    "kill-before",
    "kill-behind",
    "fail",
    "lost-answer",
    "garbage",
    "int",
    "term",
];

fn real_git() -> String {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).map(|dir| dir.join("git"));
    let found = found.into_iter().find(|git| git.exists()).unwrap();
    found.to_str().unwrap().to_owned()
}

/// The program with a git that strikes; [`calls`] tells how often git was called.
pub(crate) fn with_shim(world: &World, args: &[&str], fault: &Fault) -> Command {
    world.script("shim/git", &SHIM.replace("%real", &real_git()));
    let calls = world.path("calls");
    let _ = fs::remove_dir_all(&calls);
    fs::create_dir(&calls).unwrap();
    let mut command = world.command("repo", args);
    command
        .env("FLEET_GIT", world.path("shim/git"))
        .env("FAULT_CALLS", calls)
        .env("FAULT_AT", fault.at.to_string())
        .env("FAULT_MODE", fault.mode);
    command
}

fn struck(world: &World) -> bool {
    world.path("calls/struck").exists()
}

fn report(mut wrong: Vec<String>, out: &Output) -> Vec<String> {
    if !wrong.is_empty() {
        wrong.push(format!("it said: {}", words(out)));
    }
    wrong
}

fn faults(count: usize, modes: &[&'static str]) -> Vec<Fault> {
    let each = |mode: &&'static str| {
        let mode = *mode;
        (1..=count).map(move |at| Fault { mode, at })
    };
    modes.iter().flat_map(each).collect()
}

fn tick(shape: Shape, fault: &Fault) -> Vec<String> {
    let world = World::new(shape);
    let out = with_shim(&world, &["tick"], fault).ends();
    let mut wrong = died_badly(&out);
    wrong.extend(clean_ticks(&world));
    wrong.extend(check(&world, &Told::at_first(), End::Final));
    report(wrong, &out)
}

/// How many calls of git `args` makes.
fn count(world: &World, args: &[&str]) -> usize {
    let none = Fault { mode: "", at: 0 };
    let out = with_shim(world, args, &none).ends();
    assert!(out.status.success(), "{}", words(&out));
    fs::read_dir(world.path("calls")).unwrap().count()
}

#[test]
fn i7_a_tick_whose_git_is_struck_at_any_call_is_finished_by_the_next() {
    for shape in Shape::ALL {
        let count = count(&World::new(shape), &["tick"]);
        let name = format!("git-{}", shape.name());
        let faults = some(faults(count, &MODES), 4);
        sweep(&name, &faults, 1, |fault| tick(shape, fault));
    }
}

/// The three phases of a tick, each in its own process.
const PHASES: [&str; 3] = ["claim", "run", "publish"];

fn phase<'a>(name: &'a str, hand: &'a str) -> [&'a str; 5] {
    ["tick", "--phase", name, "--handover", hand]
}

/// Goes through the phases; the one called `bad` is struck, and started again as CI does it.
fn phases(bad: &str, fault: &Fault) -> Vec<String> {
    let world = World::new(Shape::Remote);
    let hand = world.path("hand");
    let hand = hand.to_str().unwrap();
    let mut wrong = Vec::new();
    let mut said = String::new();
    for name in PHASES {
        let args = phase(name, hand);
        if name == bad {
            let out = with_shim(&world, &args, fault).ends();
            wrong.extend(died_badly(&out));
            said = words(&out);
            if out.status.success() {
                continue;
            }
        }
        let out = world.fleet(&args);
        if !out.status.success() {
            // A claim that was published without its documents: nothing is there to be run.
            said = format!("{said}\n{name}: {}", words(&out));
        }
    }
    let _ = fs::remove_dir_all(hand);
    // What nobody took up is free again when its lease is over.
    let later = "2100-01-01T00:00:00Z";
    for _ in 0..3 {
        let mut tick = world.command("repo", &["tick"]);
        let out = tick.env("FLEET_TEST_NOW", later).ends();
        if !out.status.success() {
            wrong.push(format!("I7: a clean tick fails: {}", words(&out)));
        }
    }
    wrong.extend(check(&world, &Told::at_first(), End::Final));
    if !wrong.is_empty() {
        wrong.push(format!("it said: {said}"));
    }
    wrong
}

#[test]
fn i7_a_phase_whose_git_is_struck_at_any_call_is_finished_by_later_ones() {
    for (n, bad) in PHASES.iter().enumerate() {
        let world = World::new(Shape::Remote);
        let hand = world.path("hand");
        let hand = hand.to_str().unwrap();
        for earlier in &PHASES[..n] {
            world.ok(&phase(earlier, hand));
        }
        let count = count(&world, &phase(bad, hand));
        let name = format!("git-phase-{bad}");
        let faults = some(faults(count, &MODES), 3);
        sweep(&name, &faults, 1, |fault| phases(bad, fault));
    }
}

#[test]
fn i9_a_git_that_hangs_costs_no_more_than_the_budget_and_ten_seconds() {
    let count = count(&World::new(Shape::Remote), &["tick"]);
    // They wait and do not work: all at once. A phase has a budget, too.
    let mut faults = faults(count, &["hang"]);
    faults.push(Fault {
        mode: "hang-phase",
        at: 1,
    });
    sweep("git-hang", &faults, count, |fault| {
        let world = World::new(Shape::Remote);
        let begun = Instant::now();
        let mut args = vec!["tick", "--time-budget", "1s"];
        let hand = world.path("hand");
        if fault.mode == "hang-phase" {
            args.extend(["--phase", "publish", "--handover", hand.to_str().unwrap()]);
        }
        let out = with_shim(&world, &args, fault).ends();
        let mut wrong = died_badly(&out);
        // Git would hang for ten minutes. Eleven seconds by the promise on a machine that does nothing
        // else; an exact bound would test how busy this one is.
        if begun.elapsed() > Duration::from_secs(60) {
            wrong.push(format!("I9: it took {:?}", begun.elapsed()));
        }
        assert!(struck(&world));
        wrong.extend(clean_ticks(&world));
        wrong.extend(check(&world, &Told::at_first(), End::Final));
        report(wrong, &out)
    });
}
