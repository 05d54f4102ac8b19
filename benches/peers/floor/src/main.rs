//! What a tracker costs that has no index and does nothing else: every call reads all lines.
//!
//! - `floor ready FILE` prints each open task whose deps are all closed, by priority and id.
//! - `floor list FILE` prints all tasks.
//! - `floor show FILE ID` prints one.
//!
//! FILE has one JSON object a line, as `gen.py` writes them. What is printed are the lines as they are.

use std::collections::HashSet;
use std::io::{self, Write};
use std::process::ExitCode;

use serde::Deserialize;

/// What a list needs to know of a task.
#[derive(Deserialize)]
struct Task<'a> {
    id: &'a str,
    status: &'a str,
    priority: u8,
    #[serde(borrow)]
    deps: Vec<&'a str>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let [what, file, rest @ ..] = words.as_slice() else {
        eprintln!("usage: floor ready|list|show FILE [ID]");
        return ExitCode::from(2);
    };
    match print(what, file, rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor {what} {file}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(what: &str, file: &str, rest: &[&str]) -> io::Result<()> {
    let bytes = std::fs::read(file)?;
    let lines = Lines(&bytes);
    match (what, rest) {
        ("ready", []) => write(ready(lines)?),
        ("list", []) => write(lines),
        ("show", [id]) => write(
            lines
                .filter(|line| parsed(line).is_ok_and(|task| task.id == *id))
                .take(1),
        ),
        _ => Err(io::Error::other("ready, list, or show with an id")),
    }
}

/// The lines of a file, without their ends.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.0).unwrap_or(self.0.len());
        let line = &self.0[..end];
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        Some(line)
    }
}

fn parsed(line: &[u8]) -> serde_json::Result<Task<'_>> {
    serde_json::from_slice(line)
}

fn ready(lines: Lines<'_>) -> io::Result<impl Iterator<Item = &[u8]>> {
    let mut tasks = Vec::new();
    for line in lines {
        tasks.push((parsed(line)?, line));
    }
    let closed = tasks.iter().filter(|(task, _)| task.status == "closed");
    let closed: HashSet<&str> = closed.map(|(task, _)| task.id).collect();
    tasks.retain(|(task, _)| {
        task.status == "open" && task.deps.iter().all(|dep| closed.contains(dep))
    });
    tasks.sort_by_key(|(task, _)| (task.priority, task.id));
    Ok(tasks.into_iter().map(|(_, line)| line))
}

fn write<'a>(lines: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
    let mut out = io::BufWriter::with_capacity(1 << 20, io::stdout().lock());
    for line in lines {
        out.write_all(line)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
