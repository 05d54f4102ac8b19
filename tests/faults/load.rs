//! Many at once, and long: additions from everywhere, many ready tasks in one tick, and ticks without
//! end under random faults. What it costs is measured in benches/figures.py; here it has to be right.

use std::process::{Child, Stdio};
use std::time::Duration;

use crate::checker::{End, Told, check};
use crate::limit::{Ends as _, ended, ended_within};
use crate::steps::clean_ticks;
use crate::sweep::everything;
use crate::world::{Shape, World, words};

#[test]
fn i1_i5_many_additions_at_once_from_many_clones_show_no_error_and_lose_nothing() {
    let (clones, each) = if everything() { (8, 13) } else { (4, 4) };
    let world = World::new(Shape::Remote);
    let names: Vec<String> = (0..clones).map(|n| format!("clone-{n}")).collect();
    for name in &names {
        world.git(".", &["clone", "-q", "--template=", "hub", name]);
    }
    let start = |clone: &String, n: usize| -> (String, Child) {
        let title = format!("{clone} wants {n}");
        let mut command = world.command(clone, &["q", &title]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        (title, command.spawn().unwrap())
    };
    let all: Vec<(String, Child)> = (0..each)
        .flat_map(|n| names.iter().map(move |clone| start(clone, n)))
        .collect();
    let mut told = Told::at_first();
    let mut handles = Vec::new();
    for (title, child) in all {
        let out = ended(child);
        let said = words(&out);
        assert!(
            out.status.success() && !said.contains("error"),
            "{title}: {said}"
        );
        let id = String::from_utf8_lossy(&out.stdout).trim().to_owned();
        if id.starts_with("T-~") {
            handles.push((id, title));
        } else {
            told.tasks.push((id, title));
        }
    }
    // What did not get through in time is published by the next command, under its handle for ever.
    for name in names.iter().chain([&"repo".to_owned()]) {
        let out = world.command(name, &["sync"]).ends();
        assert!(out.status.success(), "{}", words(&out));
    }
    for (handle, title) in handles {
        let shown = world.data(&["show", &handle]);
        let task = &shown["tasks"][0];
        assert_eq!(task["title"], title.as_str(), "{shown}");
        told.tasks
            .push((task["id"].as_str().unwrap().to_owned(), title));
    }
    assert_eq!(told.tasks.len(), 2 + clones * each);
    let total = world.data(&["list", "--all"])["total"].as_u64();
    assert_eq!(total, u64::try_from(told.tasks.len()).ok());
    assert_eq!(check(&world, &told, End::Open), Vec::<String>::new());
}

#[test]
fn i3_i4_a_tick_with_far_more_ready_tasks_than_places_does_each_of_them_once() {
    let (tasks, places) = if everything() { (500, 50) } else { (24, 12) };
    let world = World::new(Shape::Remote);
    let mut told = Told::at_first();
    let titles: Vec<String> = (2..tasks).map(|n| format!("task {n}")).collect();
    told.tasks.extend(world.add_many(&titles));
    let mut tick = world.command("repo", &["tick", "--json"]);
    tick.env("FLEET_MAX_PARALLEL", places.to_string());
    tick.stdout(Stdio::piped()).stderr(Stdio::piped());
    let out = ended_within(tick.spawn().unwrap(), Duration::from_secs(900));
    assert!(out.status.success(), "{}", words(&out));
    told.hear(&out);
    assert_eq!(told.published.len(), tasks);
    let mut wrong = clean_ticks(&world);
    wrong.extend(check(&world, &told, End::Final));
    assert_eq!(wrong, Vec::<String>::new());
}
