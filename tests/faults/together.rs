//! Humans and agents on eight clones, each with its own stream of commands, all at once: whatever
//! they did, all clones see the same afterwards, and all that was told to somebody is there.

use std::sync::Mutex;
use std::thread;

use crate::checker::{End, Told, check};
use crate::limit::Ends as _;
use crate::sweep::everything;
use crate::world::{Shape, World, words};

/// Numbers that look like chance and are the same each time (Knuth's MMIX generator).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % most
    }
}

/// What all of them were told.
struct Heard {
    told: Told,
    /// Remarks, each of its own words.
    remarks: Vec<String>,
    done: usize,
    refused: Vec<String>,
}

/// Commands of one clone, one after the other.
fn worker(world: &World, clone: &str, n: usize, each: usize, heard: &Mutex<Heard>) {
    let mut dice = Dice(n as u64 * 7919 + 1);
    // Every other one is a program.
    let actor = format!("{}:{clone}", ["human", "agent"][n % 2]);
    for step in 0..each {
        let text = format!("{clone} says {step}");
        let (one, other) = {
            let heard = heard.lock().unwrap();
            let ids = &heard.told.tasks;
            let mut any = || ids[dice.below(ids.len())].0.clone();
            (any(), any())
        };
        let args: Vec<&str> = match dice.below(12) {
            0..=2 => vec!["q", &text],
            3 => vec!["close", &one],
            4 => vec!["reopen", &one],
            5 => vec!["dep", "add", &one, &other],
            6 | 7 => vec!["comment", &one, &text],
            8 => vec!["update", &one, "--priority", "1", "-l", clone],
            9 => vec!["claim", &one],
            10 => vec!["defer", &one, "in 3 days"],
            _ => vec!["undo"],
        };
        let mut command = world.command(clone, &args);
        let out = command.env("FLEET_ACTOR", &actor).ends();
        let mut heard = heard.lock().unwrap();
        if out.status.success() {
            heard.done += 1;
            match args[0] {
                "q" => {
                    let id = String::from_utf8_lossy(&out.stdout).trim().to_owned();
                    heard.told.tasks.push((id, text));
                }
                "comment" => heard.remarks.push(text),
                _ => {}
            }
            continue;
        }
        // Of wrong order, not here yet, taken by somebody else, a cycle: never a fault of the program.
        let known = [2, 3, 4, 5].map(Some).contains(&out.status.code());
        let said = format!("{clone} {args:?}: {}", words(&out));
        assert!(known && !said.contains("panicked"), "{said}");
        heard.refused.push(said);
    }
}

#[test]
fn i1_i5_i6_a_thousand_commands_on_eight_clones_end_in_one_state_that_has_all_of_them() {
    let each = if everything() { 125 } else { 5 };
    let world = World::new(Shape::Remote);
    let clones: Vec<String> = (0..8).map(|n| format!("clone-{n}")).collect();
    for name in &clones {
        world.git(".", &["clone", "-q", "--template=", "hub", name]);
    }
    let heard = Mutex::new(Heard {
        told: Told::at_first(),
        remarks: Vec::new(),
        done: 0,
        refused: Vec::new(),
    });
    thread::scope(|scope| {
        for (n, clone) in clones.iter().enumerate() {
            let (world, heard) = (&world, &heard);
            scope.spawn(move || worker(world, clone, n, each, heard));
        }
    });
    let Heard {
        mut told,
        remarks,
        done,
        refused,
    } = heard.into_inner().unwrap();
    // Whoever could not publish in time does it now; then each sees what the others did.
    for clone in clones.iter().chain(&clones) {
        let out = world.command(clone, &["sync"]).ends();
        assert!(out.status.success(), "{}", words(&out));
    }
    let all = |clone: &String| {
        let out = world.command(clone, &["export", "--to", "beads"]).ends();
        assert!(out.status.success(), "{}", words(&out));
        String::from_utf8(out.stdout).unwrap()
    };
    let first = all(&clones[0]);
    for clone in &clones[1..] {
        assert_eq!(all(clone), first, "{clone} sees something else");
    }
    for remark in &remarks {
        assert!(first.contains(remark), "{remark} is lost");
    }
    // One that had no number yet is known under its handle for ever.
    for (id, title) in &mut told.tasks {
        let out = world.command(&clones[0], &["show", id, "--json"]).ends();
        let said: serde_json::Value = serde_json::from_slice(&out.stdout).expect(id);
        let task = &said["data"]["tasks"][0];
        assert_eq!(task["title"], title.as_str(), "{said}");
        *id = task["id"].as_str().unwrap().to_owned();
    }
    assert_eq!(check(&world, &told, End::Open), Vec::<String>::new());
    assert!(done * 2 > clones.len() * each, "{}", refused.join("\n"));
}
