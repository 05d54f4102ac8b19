//! Kinds of repositories, lock files that somebody left, and gits that are old or not there.

use std::fs;
use std::process::Output;

use crate::checker::{End, Told, check};
use crate::gits::makes_reftables;
use crate::limit::Ends as _;
use crate::steps::clean_ticks;
use crate::sweep::everything;
use crate::world::{Shape, World, words};

#[track_caller]
fn well(world: &World) {
    let mut wrong = clean_ticks(world);
    wrong.extend(check(world, &Told::at_first(), End::Final));
    assert_eq!(wrong, Vec::<String>::new());
}

/// One error that has all `wanted` words, with a hint, and the exit code.
#[track_caller]
fn refused(out: &Output, code: i32, wanted: &[&str]) {
    let said = words(out);
    assert_eq!(out.status.code(), Some(code), "{said}");
    assert_eq!(said.matches("error:").count(), 1, "{said}");
    assert!(wanted.iter().all(|word| said.contains(word)), "{said}");
}

#[test]
fn a_tick_works_in_every_kind_of_clone() {
    for kind in ["depth-1", "partial", "detached", "linked", "bare", "mirror"] {
        let world = World::new(Shape::Remote);
        world.git("hub", &["config", "uploadpack.allowFilter", "true"]);
        let url = format!("file://{}", world.path("hub").display());
        let how: &[&str] = match kind {
            "depth-1" => &["--depth=1", "--no-single-branch"],
            "partial" => &["--filter=blob:none"],
            "bare" => &["--bare"],
            "mirror" => &["--mirror"],
            _ => &[],
        };
        let mut clone = vec!["clone", "-q"];
        clone.extend(how);
        clone.extend([url.as_str(), "clone"]);
        world.git(".", &clone);
        let mut at = "clone";
        match kind {
            "detached" => drop(world.git("clone", &["checkout", "-q", "--detach"])),
            "linked" => {
                world.git(
                    "clone",
                    &["worktree", "add", "-q", "../linked", "-b", "side"],
                );
                at = "linked";
            }
            _ => {}
        }
        let out = world.command(at, &["tick"]).ends();
        assert!(out.status.success(), "{kind}: {}", words(&out));
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(said.contains("2 in review"), "{kind}: {}", words(&out));
        well(&world);
    }
}

#[test]
fn a_repository_of_a_kind_that_cannot_be_read_is_refused_with_the_reason() {
    let world = World::new(Shape::Local);
    world.git(".", &["init", "-q", "--object-format=sha256", "long"]);
    let tables = makes_reftables();
    if tables {
        world.git(".", &["init", "-q", "--ref-format=reftable", "table"]);
    }
    for args in [&["init"][..], &["list"], &["tick"], &["doctor"]] {
        let long = world.command("long", args).ends();
        refused(&long, 3, &["SHA-256", "use a SHA-1 repository"]);
        if tables {
            let table = world.command("table", args).ends();
            refused(&table, 3, &["reftable", "--ref-format=files"]);
        }
    }
}

#[test]
fn i7_lock_files_that_git_left_are_named_or_do_no_harm() {
    let locks = [
        "repo/.git/index.lock",
        "repo/.git/HEAD.lock",
        "repo/.git/config.lock",
        "repo/.git/shallow.lock",
        "repo/.git/packed-refs.lock",
        "repo/.git/refs/heads/fleet/state.lock",
        "repo/.git/refs/remotes/origin/fleet/state.lock",
        "repo/.git/refs/heads/agent/T-1.lock",
        "hub/packed-refs.lock",
        "hub/refs/heads/fleet/state.lock",
        "hub/refs/heads/agent/T-1.lock",
    ];
    for (s, shape) in [Shape::Remote, Shape::InTree].into_iter().enumerate() {
        for (n, lock) in locks.into_iter().enumerate() {
            if !everything() && n % 2 != s {
                continue;
            }
            let world = World::new(shape);
            let file = world.path(lock);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "").unwrap();
            let out = world.fleet(&["tick"]);
            let said = words(&out);
            let name = lock.rsplit('/').next().unwrap();
            let done = said.contains("2 in review");
            assert!(
                done || said.contains(name) || said.contains("lock"),
                "{lock}: {said}"
            );
            assert!(!said.contains("panicked"), "{lock}: {said}");
            assert!(file.exists(), "{lock} is not fleet's to remove");
            fs::remove_file(&file).unwrap();
            // Failing attempts may have used themselves up: then a human was asked, with the reason.
            well(&world);
        }
    }
}

/// A git of long ago: knows its version, and none of the newer options.
const OLD: &str = "#!/bin/sh\n\
    for word; do case $word in\n\
    --version|version) echo 'git version 2.20.1'; exit 0 ;;\n\
    --no-write-fetch-head|--refmap=|--force-with-lease=*) echo \"error: unknown option \\`${word#--}'\" >&2\n\
    echo 'usage: git fetch [<options>] [<repository> [<refspec>...]]' >&2; exit 129 ;;\n\
    esac; done\n\
    exec git \"$@\"\n";

#[test]
fn an_old_git_and_no_git_are_said_with_what_to_do() {
    let world = World::new(Shape::Remote);
    world.script("old/git", OLD);
    let with = |git: &std::path::Path| {
        let mut tick = world.command("repo", &["tick"]);
        tick.env("FLEET_GIT", git).ends()
    };
    let old = with(&world.path("old/git"));
    refused(&old, 7, &["git 2.20.1 is too old", "2.38", "FLEET_GIT"]);
    let none = with(&world.path("nowhere/git"));
    refused(&none, 7, &["install git 2.38 or later", "FLEET_GIT"]);
    assert!(!world.path("bin/runs").exists());
    let mut doctor = world.command("repo", &["doctor"]);
    let doctor = doctor.env("FLEET_GIT", world.path("old/git")).ends();
    let said = words(&doctor);
    assert!(said.contains("git 2.20.1 lacks options"), "{said}");
    well(&world);
}
