//! The table of `docs/security.md`, from what really happened.

use std::fmt::Write as _;
use std::path::Path;
use std::thread;

use fleet::ports::sandbox::{Sandbox as _, SandboxLevel};

use crate::animals::ANIMALS;
use crate::cage::{Cage, levels};

const BEGIN: &str = "<!-- zoo: begin, written by tests/zoo/table.rs -->\n";
const END: &str = "<!-- zoo: end -->";
/// Set to write the page anew.
const UPDATE: &str = "FLEET_UPDATE_ZOO";

const COLUMNS: [SandboxLevel; 3] = [
    SandboxLevel::None,
    SandboxLevel::Landlock,
    SandboxLevel::Bubblewrap,
];

const fn word(stopped: bool) -> &'static str {
    if stopped {
        "stopped"
    } else {
        "**not stopped**"
    }
}

/// Cells of one row of the page, or none if the row is not there.
fn cells<'p>(page: &'p str, does: &str) -> Option<Vec<&'p str>> {
    let start = format!("| {does} |");
    let row = page.lines().find(|line| line.starts_with(&start))?;
    Some(
        row[start.len()..]
            .trim_end_matches('|')
            .split('|')
            .map(str::trim)
            .collect(),
    )
}

#[test]
fn what_each_level_stops_is_what_the_page_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let here = levels();
    let counted = !Cage::new(SandboxLevel::None)
        .sandbox
        .facts()
        .details
        .iter()
        .any(|detail| detail.starts_with("no limit"));
    let mut table =
        String::from("| an agent that … | none | Landlock | bubblewrap |\n|---|---|---|---|\n");
    let mut wrong = Vec::new();
    for animal in ANIMALS {
        let written = cells(&page, animal.does);
        let _ = write!(table, "| {} |", animal.does);
        // Most of a row is waiting for limits.
        let row = thread::scope(|scope| {
            let tried = COLUMNS.map(|level| {
                // What cannot be tried here stays as it was written where it could.
                let known = here.contains(&level) && (counted || !animal.varies);
                known.then(|| scope.spawn(move || animal.is_stopped(level)))
            });
            tried.map(|one| one.map(|one| word(one.join().unwrap())))
        });
        for ((column, level), first) in COLUMNS.iter().enumerate().zip(row) {
            let before = written
                .as_ref()
                .and_then(|cells| cells.get(column).copied());
            // On a machine with too much to do a limit of time may end an animal early, or a
            // probe: what is seen twice is so.
            let now = match first {
                Some(first) if before != Some(first) => word(animal.is_stopped(*level)),
                Some(first) => first,
                None => before.unwrap_or("not tried"),
            };
            if before != Some(now) {
                wrong.push(format!("{} at {level}: {before:?} is {now}", animal.does));
            }
            let _ = write!(table, " {now} |");
        }
        table.push('\n');
    }
    if wrong.is_empty() {
        return;
    }
    if std::env::var_os(UPDATE).is_some() {
        let (head, rest) = page.split_once(BEGIN).unwrap();
        let (_, tail) = rest.split_once(END).unwrap();
        std::fs::write(&file, format!("{head}{BEGIN}{table}{END}{tail}")).unwrap();
        return;
    }
    panic!(
        "docs/security.md is not what happens:\n{}\nIf that is meant: {UPDATE}=1 cargo test --test zoo",
        wrong.join("\n")
    );
}
