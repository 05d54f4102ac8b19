//! Disks that are full, read-only or broken, and too few open files: at every write of a tick and of
//! an addition, and on real small file systems.

use std::process::{Output, Stdio};

use crate::checker::{End, Told, check};
use crate::limit::{Ends as _, ended};
use crate::steps::{clean_ticks, died_badly, struck, sweep_ticks};
use crate::sweep::{Fault, everything, library, places, sweep};
use crate::world::{Shape, World, words};

#[test]
fn i6_i7_a_disk_that_fills_up_at_any_write_of_a_tick_costs_nothing_for_good() {
    for shape in Shape::ALL {
        sweep_ticks(shape, &["full"], 2);
    }
}

#[test]
fn i6_i7_a_disk_that_becomes_read_only_or_errs_in_a_tick_costs_nothing_for_good() {
    for shape in Shape::ALL {
        sweep_ticks(shape, &["read-only", "io"], 2);
    }
}

/// Adds a task under a fault; an id that was printed must be there for ever, one that was not may.
fn add(shape: Shape, fault: &Fault) -> Vec<String> {
    let world = World::new(shape);
    let (out, _) = struck(&world, &["q", "three"], fault);
    let mut wrong = died_badly(&out);
    let mut told = Told::at_first();
    let said = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    if said.starts_with("T-") && !said.starts_with("T-~") {
        told.tasks.push((said.clone(), "three".to_owned()));
    } else if out.status.success() && !said.starts_with("T-~") {
        wrong.push(format!("I5: it says that all is well, and prints `{said}`"));
    }
    let again = world.fleet(&["q", "four"]);
    let four = String::from_utf8_lossy(&again.stdout).trim().to_owned();
    if again.status.success() && !four.starts_with("T-~") {
        told.tasks.push((four, "four".to_owned()));
    } else {
        wrong.push(format!("I7: the next one fails: {}", words(&again)));
    }
    // What was kept here under a handle is published, and keeps its one meaning.
    if shape != Shape::Local {
        world.ok(&["sync"]);
    }
    if said.starts_with("T-~") {
        let shown = world.data(&["show", &said]);
        if shown["tasks"][0]["title"] != "three" {
            wrong.push(format!("I1: {said} is {shown}"));
        }
    }
    let threes = world.ok(&["list", "--all"]).matches("three").count();
    if threes > 1 || (threes == 0 && said.starts_with("T-")) {
        wrong.push(format!("I1: it is there {threes} times"));
    }
    wrong.extend(check(&world, &told, End::Open));
    if !wrong.is_empty() {
        wrong.push(format!("it said: {}", words(&out)));
    }
    wrong
}

#[test]
fn i1_i5_an_id_that_was_printed_is_there_whatever_struck_the_addition() {
    if library().is_none() {
        return;
    }
    for shape in Shape::ALL {
        let none = Fault { mode: "", at: 0 };
        let (_, effects) = struck(&World::new(shape), &["q", "three"], &none);
        // Behind an effect is before the next one, if every place is tried.
        let modes = ["after", "before", "term", "full", "read-only", "io"];
        let modes = if everything() { &modes[1..] } else { &modes };
        let faults: Vec<Fault> = modes
            .iter()
            .flat_map(|mode| {
                let all = places(effects.count, 1).into_iter();
                all.map(|at| Fault { mode, at })
            })
            .collect();
        let name = format!("add-{}", shape.name());
        sweep(&name, &faults, 1, |fault| add(shape, fault));
    }
}

/// Runs the program in a shell that first does `before`, in a namespace of its own where this
/// machine lets a test have one; `None` where not.
fn inside(world: &World, before: &str, args: &[&str]) -> Option<Output> {
    let fleet = world.command("repo", args);
    let script = format!("{before} || exit 99; exec \"$@\"");
    let mut command = world.isolated("unshare", "repo");
    let out = command
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            &script,
            "sh",
        ])
        .arg(fleet.get_program())
        .args(fleet.get_args())
        .env("ROOT", world.root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let out = ended(out);
    let denied = String::from_utf8_lossy(&out.stderr).contains("unshare: ");
    if denied || out.status.code() == Some(99) {
        eprintln!("skipped: this machine lets no test mount: {}", words(&out));
        return None;
    }
    Some(out)
}

/// One error, with its hint, and no panic.
fn one_error(out: &Output) -> String {
    let said = words(out);
    assert!(!out.status.success(), "{said}");
    assert_eq!(said.matches("error:").count(), 1, "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

#[test]
fn a_repository_on_a_read_only_file_system_is_read_and_every_write_says_why_not() {
    let world = World::new(Shape::Local);
    let frozen = "mount --bind \"$ROOT/repo\" \"$ROOT/repo\" && \
                  mount -o remount,bind,ro \"$ROOT/repo\" && cd \"$ROOT/repo\"";
    for args in [&["list"][..], &["ready"], &["show", "T-1"]] {
        let Some(out) = inside(&world, frozen, args) else {
            return;
        };
        assert!(out.status.success(), "{args:?}: {}", words(&out));
        assert!(words(&out).contains("one"), "{}", words(&out));
    }
    for args in [&["q", "three"][..], &["tick"]] {
        let said = one_error(&inside(&world, frozen, args).unwrap());
        assert!(said.contains("Read-only file system"), "{said}");
    }
    assert_eq!(clean_ticks(&world), Vec::<String>::new());
    assert_eq!(
        check(&world, &Told::at_first(), End::Final),
        Vec::<String>::new()
    );
}

#[test]
fn i5_i7_a_repository_on_a_small_disk_that_is_full_loses_nothing() {
    for free in ["4k", "12k", "24k", "48k"] {
        let world = World::new(Shape::Local);
        // A copy of the repository on a file system of its own, full but for a little; what is
        // left of it afterwards is what there is.
        let small = format!(
            "mkdir \"$ROOT/small\" && mount -t tmpfs -o size=3m small \"$ROOT/small\" && \
             cp -a \"$ROOT/repo\" \"$ROOT/small/\" && cd \"$ROOT/small/repo\" && \
             head -c {free} /dev/zero > ../room && {{ cat /dev/zero > ../fill 2>/dev/null; rm ../room; \
             \"$1\" q three >../../said 2>../../words; echo $? >> ../../words; \"$1\" tick >>../../words 2>&1; \
             rm ../fill; rm -rf \"$ROOT/repo/.git\" && cp -a .git \"$ROOT/repo/\" && cd \"$ROOT/repo\"; }}"
        );
        let Some(out) = inside(&world, &small, &["list"]) else {
            return;
        };
        let said = std::fs::read_to_string(world.path("said")).unwrap();
        let told_words = std::fs::read_to_string(world.path("words")).unwrap();
        assert!(out.status.success(), "{free}: {}", words(&out));
        assert!(!told_words.contains("panicked"), "{free}: {told_words}");
        let mut told = Told::at_first();
        if said.starts_with("T-") {
            told.tasks
                .push((said.trim().to_owned(), "three".to_owned()));
        }
        std::fs::remove_dir(world.path("small")).unwrap();
        let mut wrong = clean_ticks(&world);
        wrong.extend(check(&world, &told, End::Final));
        assert_eq!(wrong, Vec::<String>::new(), "{free}: {told_words}");
    }
}

#[test]
fn i7_too_few_open_files_are_an_error_and_nothing_is_lost() {
    // From hardly enough to start up to enough for everything.
    let limits: Vec<Fault> = [4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 64]
        .map(|at| Fault { mode: "files", at })
        .to_vec();
    sweep("open-files", &limits, 1, |limit| {
        let world = World::new(Shape::Remote);
        let tick = world.command("repo", &["tick"]);
        let out = world
            .isolated("sh", "repo")
            .args(["-c", "ulimit -n $0 && exec \"$@\"", &limit.at.to_string()])
            .arg(tick.get_program())
            .args(tick.get_args())
            .ends();
        let mut wrong = died_badly(&out);
        wrong.extend(clean_ticks(&world));
        wrong.extend(check(&world, &Told::at_first(), End::Final));
        if !wrong.is_empty() {
            wrong.push(format!("it said: {}", words(&out)));
        }
        wrong
    });
}
