//! A GitHub that fails, says nothing, or loses fleet at any request of a tick. The judge reads what it
//! was asked, and which pull requests it has, beside the repository.

use std::collections::BTreeMap;
use std::process::Stdio;

use crate::checker::{End, Told, check};
use crate::fake_github::{FakeGitHub, Fault as Trouble};
use crate::limit::ended;
use crate::steps::{clean_ticks, died_badly};
use crate::sweep::{Fault, some, sweep};
use crate::truth::records;
use crate::world::{Shape, World, words};

const MODES: [&str; 6] = [
    "kill-before",
    "kill-behind",
    "fail",
    "fail-behind",
    "lost-answer",
    "torn-answer",
];

fn trouble(mode: &str) -> Trouble {
    match mode {
        "kill-before" => Trouble::Kill,
        "kill-behind" => Trouble::KillAfterEffect,
        "fail" => Trouble::Status(502),
        "fail-behind" => Trouble::StatusAfterEffect(502),
        "lost-answer" => Trouble::DropAfterEffect,
        "torn-answer" => Trouble::TruncatedJson,
        other => unreachable!("{other} is no mode"),
    }
}

fn of(world: &World) -> &FakeGitHub {
    world.forge.as_ref().unwrap()
}

/// What the forge's own log and pull requests say against what the records say.
fn against_the_log(world: &World) -> Vec<String> {
    let forge = of(world);
    let mut wrong = Vec::new();
    let mut made: BTreeMap<String, u32> = BTreeMap::new();
    for asked in forge.requests() {
        let opens = asked.method == "POST" && asked.path.ends_with("/pulls");
        if opens && asked.status == 201 {
            let branch = asked.body["head"].as_str().unwrap().to_owned();
            *made.entry(branch).or_default() += 1;
        }
        if asked.forbidden {
            let what = format!("{} {} is never asked", asked.method, asked.path);
            wrong.push(what);
        }
    }
    for (branch, times) in made.into_iter().filter(|(_, times)| *times != 1) {
        wrong.push(format!(
            "I4: {times} pull requests were opened for {branch}"
        ));
    }
    let records = records(world);
    let reviews = records.iter().filter(|r| r["op"] == "review.opened");
    let recorded: BTreeMap<u64, &str> = reviews
        .map(|r| {
            (
                r["number"].as_u64().unwrap_or(0),
                r["branch"].as_str().unwrap(),
            )
        })
        .collect();
    let pulls = forge.prs();
    let there: BTreeMap<u64, &str> = pulls
        .iter()
        .map(|pull| (pull.number, pull.branch.as_str()))
        .collect();
    if recorded != there {
        let what = format!("I4: recorded are {recorded:?}, there are {there:?}");
        wrong.push(what);
    }
    for pull in &pulls {
        let tip = ["rev-parse", &format!("refs/heads/{}", pull.branch)];
        if pull.head != world.git("hub", &tip).trim() {
            wrong.push(format!("I4: #{} does not show its branch", pull.number));
        }
        if !pull.draft || pull.state != "open" || pull.labels != ["fleet"] {
            wrong.push(format!(
                "I4: #{} is not as it was to be: {pull:?}",
                pull.number
            ));
        }
    }
    wrong
}

fn struck(fault: &Fault) -> Vec<String> {
    let world = World::new(Shape::GitHub);
    of(&world).fault_at(fault.at - 1, trouble(fault.mode));
    let mut tick = world.command("repo", &["tick"]);
    tick.stdout(Stdio::piped()).stderr(Stdio::piped());
    let out = ended(of(&world).client(|| tick.spawn().unwrap()));
    let mut wrong = died_badly(&out);
    of(&world).heal();
    wrong.extend(clean_ticks(&world));
    wrong.extend(check(&world, &Told::at_first(), End::Final));
    wrong.extend(against_the_log(&world));
    if !wrong.is_empty() {
        wrong.push(format!("it said: {}", words(&out)));
    }
    wrong
}

#[test]
fn i4_i7_a_tick_whose_github_is_struck_at_any_request_shows_every_work_once() {
    let world = World::new(Shape::GitHub);
    world.ok(&["tick"]);
    let count = of(&world).requests().len();
    assert!(count > 3, "{count}");
    assert_eq!(against_the_log(&world), Vec::<String>::new());
    let each = |mode| (1..=count + 1).map(move |at| Fault { mode, at });
    let faults = some(MODES.into_iter().flat_map(each).collect(), 4);
    // They wait for most of the time: GitHub wants a second between two writes.
    sweep("github", &faults, 4, struck);
}
