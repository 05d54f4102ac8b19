//! Ticks without end under random faults, and people who add and merge between them. Nothing grows
//! but the work that was done.
//!
//! `FLEET_SOAK=1000` says how many ticks, `FLEET_SOAK_SEED` which faults; the seed is printed.

use std::fmt;
use std::fs;
use std::path::Path;

use crate::calls::with_shim;
use crate::checker::{End, Told, check, processes};
use crate::limit::Ends as _;
use crate::steps::{clean_ticks, died_badly, struck};
use crate::sweep::{Fault, library};
use crate::world::{Shape, World, words};

/// Numbers from a seed (xorshift64*): the same ones every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % end
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// What is there when nothing is to be done.
#[derive(Clone, Copy, Default)]
struct Sizes {
    processes: usize,
    refs: usize,
    /// Files and folders in fleet's folders: of the git dir, journals aside, and of the cache, but
    /// for the files of the project in a checkout that waits for reuse.
    files: usize,
    /// Files in the folder for temporary ones.
    temporary: usize,
    journals: usize,
    /// Loose objects, and unfinished ones, of the clone.
    objects: usize,
    unfinished: usize,
    /// Largest memory of a tick with nothing to do, in KiB.
    memory: usize,
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} processes, {} refs, {} files of fleet, {} temporary files, {} journals, {} loose \
             objects, {} unfinished objects, {} KiB of memory",
            self.processes,
            self.refs,
            self.files,
            self.temporary,
            self.journals,
            self.objects,
            self.unfinished,
            self.memory
        )
    }
}

fn below(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
            all.push(entry.path());
        }
    }
    all
}

fn measure(world: &World) -> Sizes {
    let journals = world.path("repo/.git/fleet/journals");
    let owned = below(&world.path("repo/.git/fleet"));
    let objects = below(&world.path("repo/.git/objects"));
    let objects: Vec<_> = objects.iter().filter(|path| path.is_file()).collect();
    let unfinished = |path: &&&std::path::PathBuf| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("tmp_")
    };
    let refs = ["repo", "hub"].map(|at| world.git(at, &["for-each-ref"]).lines().count());
    let mine = |path: &&std::path::PathBuf| !path.iter().any(|part| part == "work");
    let none = Fault { mode: "", at: 0 };
    let (out, effects) = struck(world, &["tick"], &none);
    assert!(out.status.success(), "{}", words(&out));
    Sizes {
        processes: processes(world.root()).len(),
        refs: refs.iter().sum(),
        files: owned
            .iter()
            .filter(|path| !path.starts_with(&journals))
            .count()
            + below(&world.path("home/.cache"))
                .iter()
                .filter(mine)
                .count(),
        temporary: below(&world.path("tmp")).len(),
        journals: below(&journals).len(),
        objects: objects.len(),
        unfinished: objects.iter().filter(unfinished).count(),
        memory: effects.memory,
    }
}

/// People merge all work that is in review, and remove its branches, as they do.
fn merge_all(world: &World) {
    let refs = [
        "for-each-ref",
        "--format=%(refname:short)",
        "refs/heads/agent",
    ];
    let branches = world.git("hub", &refs);
    let branches: Vec<&str> = branches.lines().collect();
    if branches.is_empty() {
        return;
    }
    let person = world.path("person");
    if !person.exists() {
        world.git(".", &["clone", "-q", "--template=", "hub", "person"]);
    }
    world.git("person", &["pull", "-q", "origin", "main"]);
    world.git("person", &["fetch", "-q", "--prune", "origin"]);
    for branch in &branches {
        let from = format!("origin/{branch}");
        world.git("person", &["merge", "-q", "--no-edit", "--no-ff", &from]);
    }
    world.git("person", &["push", "-q", "origin", "main"]);
    world.ok(&["tick"]);
    let mut delete = vec!["push", "-q", "origin", "--delete"];
    delete.extend(&branches);
    world.git("person", &delete);
}

/// One tick with a fault somewhere; what was wrong with how it ended.
fn one_tick(world: &World, chance: &mut Chance) -> (String, Vec<String>) {
    if chance.below(4) == 0 {
        let modes = [
            "kill-before",
            "kill-behind",
            "fail",
            "lost-answer",
            "garbage",
            "int",
            "term",
        ];
        let fault = Fault {
            mode: chance.of(&modes),
            at: 1 + chance.below(5),
        };
        let out = with_shim(world, &["tick"], &fault).ends();
        let label = format!("git {} {}", fault.mode, fault.at);
        return (label, died_badly(&out));
    }
    let modes = ["before", "after", "int", "term", "full", "read-only", "io"];
    let fault = Fault {
        mode: chance.of(&modes),
        at: 1 + chance.below(500),
    };
    let (out, _) = struck(world, &["tick"], &fault);
    let label = format!("effect {} {}", fault.mode, fault.at);
    (label, died_badly(&out))
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(default)
}

#[test]
fn i7_i9_ticks_without_end_under_random_faults_leave_nothing_that_grows() {
    if library().is_none() {
        return;
    }
    let ticks = number("FLEET_SOAK", 8);
    let seed = number("FLEET_SOAK_SEED", 1);
    let mut chance = Chance(u64::try_from(seed).unwrap() | 1 << 60);
    let world = World::new(Shape::Remote);
    let mut told = Told::at_first();
    let mut measured: Vec<Sizes> = Vec::new();
    let every = (ticks / 10).max(4);
    for n in 1..=ticks {
        if n % 2 == 1 {
            told.tasks.extend(world.add_many(&[format!("task {n}")]));
        }
        let (label, wrong) = one_tick(&world, &mut chance);
        assert_eq!(
            wrong,
            Vec::<String>::new(),
            "seed {seed}, tick {n}: {label}"
        );
        if n % every == 0 {
            let mut wrong = clean_ticks(&world);
            wrong.extend(check(&world, &told, End::Final));
            assert_eq!(wrong, Vec::<String>::new(), "seed {seed}, up to tick {n}");
            merge_all(&world);
            let wrong = clean_ticks(&world);
            assert_eq!(wrong, Vec::<String>::new(), "seed {seed}, up to tick {n}");
            measured.push(measure(&world));
            eprintln!("soak, seed {seed}, {n} ticks: {}", measured.last().unwrap());
        }
    }
    let (first, last) = (measured[0], *measured.last().unwrap());
    let same = |one: &Sizes| (one.processes, one.temporary, one.refs);
    assert_eq!(same(&last), same(&first), "{first}; {last}");
    // One checkout more or less waits for reuse.
    assert!(last.files <= first.files * 2 + 32, "{first}; {last}");
    assert!(last.journals <= 1_000, "{last}");
    // The records of what was done are read; a megabyte for every fifty tasks would be a leak.
    assert!(
        last.memory <= first.memory + 8_192 + ticks * 20,
        "{first}; {last}"
    );
}
