//! A fault at every effect of a run, as SQLite tries its file system: at the first, the second, the
//! third … until a run passes untouched. Then clean ticks, then the judge.

use std::process::Output;

use crate::checker::{End, Told, check};
use crate::limit::Ends as _;
use crate::sweep::{Effects, Fault, Watched, everything, library, places, sweep};
use crate::world::{Shape, World, words};

/// Runs `args` with a fault.
pub(crate) fn struck(world: &World, args: &[&str], fault: &Fault) -> (Output, Effects) {
    let mut command = world.command("repo", args);
    let watched = Watched::over(world, &mut command, fault);
    let out = command.ends();
    (out, watched.effects())
}

/// How many effects `args` has when nothing goes wrong.
fn count(shape: Shape, args: &[&str]) -> usize {
    let none = Fault { mode: "", at: 0 };
    let (out, effects) = struck(&World::new(shape), args, &none);
    assert!(out.status.success(), "{}", words(&out));
    effects.count
}

/// Clean ticks until one changes nothing, at most five; what they said if they fail.
pub(crate) fn clean_ticks(world: &World) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut tip = world.tip();
    for _ in 0..5 {
        let out = world.fleet(&["tick", "--json"]);
        if !out.status.success() {
            wrong.push(format!("I7: a clean tick fails: {}", words(&out)));
        }
        let before = std::mem::replace(&mut tip, world.tip());
        if before == tip {
            return wrong;
        }
    }
    let (at, branch) = world.truth();
    let last = world.git(at, &["log", "-1", "--format=%s", branch]);
    wrong.push(format!("I8: the fifth clean tick still wrote: {last}"));
    wrong
}

/// A run may end well, with an error of its own, or killed; it never panics.
pub(crate) fn died_badly(out: &Output) -> Vec<String> {
    let said = words(out);
    let code = out.status.code();
    if said.contains("panicked") || code == Some(101) {
        return vec![format!("it panicked: {said}")];
    }
    Vec::new()
}

fn tick_struck(shape: Shape, fault: &Fault, last: bool) -> Vec<String> {
    let world = World::new(shape);
    let (out, effects) = struck(&world, &["tick"], fault);
    let mut wrong = died_badly(&out);
    if last && effects.struck > 0 {
        wrong.push("more effects than were counted: the sweep ended too early".to_owned());
    }
    let before = world.data(&["list", "--all"])["total"].as_u64();
    if before != Some(2) {
        wrong.push(format!(
            "I6: {before:?} tasks are readable behind the fault"
        ));
    }
    wrong.extend(clean_ticks(&world));
    wrong.extend(check(&world, &Told::at_first(), End::Final));
    if !wrong.is_empty() {
        wrong.push(format!("it said: {}", words(&out)));
    }
    wrong
}

pub(crate) fn sweep_ticks(shape: Shape, modes: &[&'static str], few: usize) {
    sweep_faults(shape, |count| {
        let all = places(count, few);
        modes
            .iter()
            .flat_map(|mode| all.iter().map(move |at| Fault { mode, at: *at }))
            .collect()
    });
}

/// Tries those of the faults of a tick that has so many effects.
fn sweep_faults(shape: Shape, faults: impl Fn(usize) -> Vec<Fault>) {
    if library().is_none() {
        return;
    }
    let count = count(shape, &["tick"]);
    // Two tasks at once take turns in another order each time, and so differ a little.
    let beyond = count + count / 2;
    let mut faults = faults(count);
    for fault in faults.iter_mut().filter(|fault| fault.at > count) {
        fault.at = beyond;
    }
    let name = format!("tick-{}", shape.name());
    sweep(&name, &faults, 1, |fault| {
        tick_struck(shape, fault, fault.at == beyond)
    });
}

#[test]
fn i6_i7_a_tick_killed_before_or_behind_any_effect_is_finished_by_the_next() {
    // Behind an effect is before the next one: where every place is tried, one of the two is enough.
    let both = ["before", "after"];
    let modes = if everything() { &both[..1] } else { &both };
    for shape in Shape::ALL {
        sweep_ticks(shape, modes, 2);
    }
}

#[test]
fn i9_a_signal_at_any_effect_of_a_tick_stops_it_and_the_next_goes_on() {
    for shape in Shape::ALL {
        // Both set the same flag: where every place is tried, each meets one of them.
        let signals = |count: usize| -> Vec<Fault> {
            let both = ["int", "term"];
            let one = |at: usize| vec![both[at % 2]];
            let modes = |at| if everything() { one(at) } else { both.to_vec() };
            let all = places(count, 2).into_iter();
            all.flat_map(|at| modes(at).into_iter().map(move |mode| Fault { mode, at }))
                .collect()
        };
        sweep_faults(shape, signals);
    }
}
