//! The rules of the house: which room may use what, and the habits every file keeps.

use crate::source::{Source, Target};

/// One broken rule, ready to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ring {
    /// Pure and synchronous: no clock, no files, no processes.
    Core,
    /// Use-cases: reaches the outside through ports only.
    App,
    /// Exactly one foreign family.
    Edge,
    /// Parses and renders.
    Face,
    /// `wire.rs` and `main.rs`, which put the rest together, and `lib.rs`, which lists it.
    Root,
}

pub(crate) struct Room {
    pub(crate) name: &'static str,
    pub(crate) ring: Ring,
    /// Rooms, or paths inside rooms, that may be named here besides the room itself; `*` is all.
    may: &'static [&'static str],
}

const EDGE: &[&str] = &["domain", "ports"];
const FACE: &[&str] = &["domain", "app"];

/// The walls. A new room is a new line here and in `docs/architecture.md`.
pub(crate) const ROOMS: &[Room] = &[
    Room {
        name: "domain",
        ring: Ring::Core,
        may: &[],
    },
    Room {
        name: "store",
        ring: Ring::Core,
        // The shape of a state tree is the one thing that the codec and the port have in common.
        may: &[
            "domain",
            "ports::state_repo",
            "ports::StateTree",
            "ports::FileChange",
        ],
    },
    Room {
        name: "engine",
        ring: Ring::Core,
        may: &["domain"],
    },
    Room {
        name: "exchange",
        ring: Ring::Core,
        may: &["domain"],
    },
    Room {
        name: "ports",
        ring: Ring::Core,
        may: &["domain"],
    },
    Room {
        name: "app",
        ring: Ring::App,
        may: &["domain", "store", "engine", "exchange", "ports"],
    },
    // Test-only: see the test of planted defects in `tests/architecture.rs`.
    Room {
        name: "planted",
        ring: Ring::Core,
        may: &[],
    },
    Room {
        name: "config",
        ring: Ring::Edge,
        may: EDGE,
    },
    Room {
        name: "git",
        ring: Ring::Edge,
        may: EDGE,
    },
    Room {
        name: "demo",
        ring: Ring::Edge,
        may: EDGE,
    },
    Room {
        name: "machine",
        ring: Ring::Edge,
        may: EDGE,
    },
    Room {
        name: "forge",
        ring: Ring::Edge,
        may: EDGE,
    },
    Room {
        name: "agents",
        ring: Ring::Edge,
        may: EDGE,
    },
    Room {
        name: "providers",
        ring: Ring::Edge,
        may: EDGE,
    },
    Room {
        name: "sandbox",
        ring: Ring::Edge,
        may: EDGE,
    },
    Room {
        name: "vault",
        ring: Ring::Edge,
        may: EDGE,
    },
    Room {
        name: "cli",
        ring: Ring::Face,
        may: FACE,
    },
    Room {
        name: "server",
        ring: Ring::Face,
        may: FACE,
    },
    Room {
        name: "tui",
        ring: Ring::Face,
        may: FACE,
    },
    Room {
        name: "mcp",
        ring: Ring::Face,
        may: FACE,
    },
    Room {
        name: "wire",
        ring: Ring::Root,
        may: &["*"],
    },
    Room {
        name: "main",
        ring: Ring::Root,
        may: &["*"],
    },
    Room {
        name: "lib",
        ring: Ring::Root,
        may: &[],
    },
];

/// Dependencies that reach the outside world or belong to one foreign family, and who may name them.
/// Test code is free. `wire` and `main` may name all.
pub(crate) const FOREIGN: &[(&str, &[&str])] = &[
    ("age", &["vault"]),
    ("anstream", &["cli"]),
    ("anstyle", &["cli"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("signal_hook", &["machine"]),
    ("fs2", &["git", "config", "forge", "sandbox", "agents"]),
    ("git2", &["git"]),
    ("landlock", &["sandbox"]),
    // The allocator of a large reading, in `git::native`; the launcher, in `sandbox`.
    ("libc", &["git", "sandbox"]),
    ("ignore", &["agents"]),
    ("libdeflater", &["git", "providers"]),
    ("libgit2_sys", &["git"]),
    ("octocrab", &["forge"]),
    ("reqwest", &["forge", "providers", "agents"]),
    ("ring", &["git"]),
    ("rmcp", &["mcp"]),
    ("rpassword", &["cli"]),
    ("rustix", &["git", "agents", "sandbox", "machine"]),
    ("rustls", &["forge", "providers", "agents"]),
    ("seccompiler", &["sandbox"]),
    (
        "tempfile",
        &[
            "config",
            "git",
            "forge",
            "agents",
            "demo",
            "machine",
            "providers",
            "sandbox",
            "vault",
        ],
    ),
    (
        "tokio",
        &[
            "app",
            "git",
            "forge",
            "agents",
            "providers",
            "sandbox",
            "mcp",
        ],
    ),
    ("terminal_size", &["cli"]),
    ("tiktoken_rs", &["providers"]),
    ("toml", &["config"]),
    ("toml_edit", &["config"]),
];

/// Dependencies that only compute: every room may name them.
pub(crate) const PLAIN: &[&str] = &[
    "aho_corasick",
    "chrono",
    "csv",
    "globset",
    "humantime",
    "icu_normalizer",
    "memchr",
    "regex",
    "secrecy",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
    "uuid",
];

/// Parts of std that the core and the use-cases may not name outside tests.
const OUTSIDE_STD: &[&str] = &["env", "fs", "net", "os", "process"];

/// Invariants of fleet (docs/architecture.md): each is named by a test.
pub(crate) const INVARIANTS: std::ops::RangeInclusive<usize> = 1..=14;

const LINES_MAX: usize = 400;
const LINES_MAX_WITH_REASON: usize = 600;
const REASON: &str = "Longer than 400 lines because";

pub(crate) fn room(name: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.name == name)
}

fn finding(source: &Source, line: usize, what: impl Into<String>) -> Finding {
    Finding {
        file: source.file.clone(),
        line,
        what: what.into(),
    }
}

/// All rules that look at one product or test file.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let mut found = habits(source);
    if source.file.starts_with("src/") {
        found.extend(walls(source));
        found.extend(foreign(source));
        found.extend(expectations(source));
        found.extend(size(source));
        found.extend(names(source));
        found.extend(header(source));
    }
    found
}

/// Imports between rooms: the table, and no `super::super`. Holds for test code as well.
pub(crate) fn walls(source: &Source) -> Vec<Finding> {
    let name = source.room();
    let Some(here) = room(name) else {
        let what = format!("`{name}` is no known room: give it a line in ROOMS");
        return vec![finding(source, 1, what)];
    };
    let mut found = Vec::new();
    for path in source.paths() {
        let target = match path.target {
            Target::Foreign(_) => continue,
            Target::SuperSuper => {
                let what = "`super::super` hides where it goes: write `crate::...`";
                found.push(finding(source, path.line, what));
                continue;
            }
            Target::Ours(target) => target,
        };
        let Some(first) = target.first().filter(|first| *first != name) else {
            continue;
        };
        let written = target.join("::");
        if name == "lib" {
            let what =
                format!("lib.rs lists the rooms and re-exports nothing, but names `{written}`");
            found.push(finding(source, path.line, what));
        } else if room(first).is_none() {
            let what = format!("`crate::{written}` is in no room: name the room it lives in");
            found.push(finding(source, path.line, what));
        } else if !here
            .may
            .iter()
            .any(|may| *may == "*" || under(&written, may))
        {
            let what = format!(
                "`{name}` may not import `{written}`; it may import {}",
                list(here)
            );
            found.push(finding(source, path.line, what));
        }
    }
    found
}

fn under(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn list(room: &Room) -> String {
    if room.may.is_empty() {
        "nothing of ours".into()
    } else {
        room.may.join(", ")
    }
}

/// Foreign families stay in their rooms; the core and the use-cases see no outside in std.
pub(crate) fn foreign(source: &Source) -> Vec<Finding> {
    let Some(here) = room(source.room()) else {
        return Vec::new();
    };
    if here.ring == Ring::Root {
        return Vec::new();
    }
    let mut found = Vec::new();
    for path in source.paths().into_iter().filter(|path| !path.test) {
        let Target::Foreign(segments) = path.target else {
            continue;
        };
        let first = segments.first().map_or("", String::as_str);
        let second = segments.get(1).map_or("", String::as_str);
        if let Some((_, rooms)) = FOREIGN.iter().find(|(family, _)| *family == first)
            && !rooms.contains(&here.name)
        {
            let what = format!(
                "`{first}` belongs to {}: `{}` reaches it through a port",
                rooms.join(", "),
                here.name
            );
            found.push(finding(source, path.line, what));
        }
        let outside = OUTSIDE_STD.contains(&second)
            || (second == "thread" && here.ring == Ring::Core)
            || (second == "io"
                && segments
                    .iter()
                    .any(|part| part.starts_with("std") && part.len() > 3));
        if first == "std" && outside && matches!(here.ring, Ring::Core | Ring::App) {
            let what = format!(
                "`{}` is the outside: `{}` is given values, or asks a port",
                segments.join("::"),
                here.name
            );
            found.push(finding(source, path.line, what));
        }
    }
    found
}

/// Where the forbidden calls of `.clippy.toml` may be excused: whole rooms only at an edge.
pub(crate) fn expectations(source: &Source) -> Vec<Finding> {
    let Some(here) = room(source.room()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (line, text, test) in source.attributes() {
        if test || !text.contains("expect(") || !text.contains("clippy::disallowed_methods") {
            continue;
        }
        match here.ring {
            Ring::Core | Ring::App => {
                let what = "the core and the use-cases call nothing of the outside: add a port";
                found.push(finding(source, line, what));
            }
            Ring::Face if text.starts_with('!') => {
                let what = "a face excuses single functions, with the reason, not whole files";
                found.push(finding(source, line, what));
            }
            Ring::Face | Ring::Edge | Ring::Root => {}
        }
    }
    found
}

/// Files stay short. Test modules are free, inline ones are not counted.
pub(crate) fn size(source: &Source) -> Vec<Finding> {
    let lines = source.product_lines();
    let head: Vec<&str> = source.text.lines().take(40).collect();
    let reasoned = head
        .iter()
        .any(|line| line.starts_with("//") && line.contains(REASON));
    let most = if reasoned {
        LINES_MAX_WITH_REASON
    } else {
        LINES_MAX
    };
    if source.test || lines <= most {
        return Vec::new();
    }
    let what = format!(
        "{lines} lines without tests, the most is {most}: split it, or (up to \
         {LINES_MAX_WITH_REASON}) say `{REASON} ...` in a comment at its head"
    );
    vec![finding(source, lines, what)]
}

/// No drawer for odds and ends.
pub(crate) fn names(source: &Source) -> Vec<Finding> {
    let drawers = ["util", "utils", "helper", "helpers", "misc"];
    match source
        .module
        .iter()
        .find(|part| drawers.contains(&part.as_str()))
    {
        Some(part) => {
            let what = format!("no module is called `{part}`: name it after what it knows");
            vec![finding(source, 1, what)]
        }
        None => Vec::new(),
    }
}

/// A room's first file says what it is for, what is absent in it, and what it may import.
pub(crate) fn header(source: &Source) -> Vec<Finding> {
    let room_file = format!("src/{}.rs", source.room());
    let is_front =
        source.file == room_file || source.file == format!("src/{}/mod.rs", source.room());
    if !is_front {
        return Vec::new();
    }
    let header: Vec<&str> = source
        .text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(str::trim)
        .collect();
    let mut found = Vec::new();
    let purpose = header.first().copied().unwrap_or_default();
    if purpose.is_empty()
        || purpose.starts_with("Invariants:")
        || purpose.starts_with("May import:")
    {
        found.push(finding(
            source,
            1,
            "begins with a `//!` line that says what the room is for",
        ));
    }
    if matches!(room(source.room()), Some(room) if room.ring != Ring::Root || room.name == "wire") {
        for wanted in ["Invariants:", "May import:"] {
            if !header.iter().any(|line| line.starts_with(wanted)) {
                let what = format!("the `//!` header of a room has a line that begins `{wanted}`");
                found.push(finding(source, 1, what));
            }
        }
    }
    found
}

/// Habits of every Rust file, tests included.
pub(crate) fn habits(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    for (line, text, _) in source.attributes() {
        let text = text.trim_start_matches('!');
        let nested = text.starts_with("cfg_attr(");
        if text.starts_with("allow(") || (nested && text.contains(",allow(")) {
            let what = "write `#[expect(lint, reason = \"...\")]`: it tells when it is stale";
            found.push(finding(source, line, what));
        }
        let ignored = text == "ignore" || text.starts_with("ignore=");
        if ignored || (nested && text.contains(",ignore")) {
            let what = "a test runs, or says at run time why it cannot: nothing is ignored";
            found.push(finding(source, line, what));
        }
    }
    for (sequence, test_only, what) in BANNED {
        for (line, in_test) in source.lines_with(sequence) {
            if in_test || !test_only {
                found.push(finding(source, line, *what));
            }
        }
    }
    found
}

const UFCS: &str = "std::fs::File has methods of the same names: call `fs2::FileExt::...(&file)`";
const NO_SLEEP: &str = "a test waits for an event, never for a time";

/// Token sequences that stand nowhere; with `true`, only in tests.
const BANNED: &[(&[&str], bool, &str)] = &[
    (&[".", "lock_exclusive", "("], false, UFCS),
    (&[".", "try_lock_exclusive", "("], false, UFCS),
    (&[".", "lock_shared", "("], false, UFCS),
    (&[".", "try_lock_shared", "("], false, UFCS),
    (&[".", "unlock", "("], false, UFCS),
    (
        &["serde_json", "::", "from_reader"],
        false,
        "read the bytes, then `serde_json::from_slice`",
    ),
    (
        &["process", "::", "exit"],
        false,
        "return an exit code from main: exit() skips destructors",
    ),
    (&["thread", "::", "sleep"], true, NO_SLEEP),
    (&["time", "::", "sleep"], true, NO_SLEEP),
];

/// Invariants that a test function names (`fn i3_...`), in test code of the given files.
pub(crate) fn named_invariants(sources: &[Source]) -> Vec<usize> {
    INVARIANTS
        .filter(|number| {
            let prefix = format!("i{number}_");
            sources.iter().any(|source| {
                source.tokens.windows(2).any(|pair| {
                    (source.test || pair[1].test)
                        && pair[0].text == "fn"
                        && pair[1].text.starts_with(&prefix)
                })
            })
        })
        .collect()
}

/// Names under `[dependencies]` in a manifest, as they are written in code.
pub(crate) fn dependencies(manifest: &str) -> Vec<String> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim().trim_end_matches(".workspace").replace('-', "_"))
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .collect()
}

/// Paths of somebody's machine in a text file, as line numbers.
pub(crate) fn machine_paths(text: &str) -> Vec<usize> {
    // In two halves, so that this file does not hold what it looks for.
    let needles = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/."),
        concat!("/tmp/bash", "_jobs"),
        concat!("/tmp/h", "ub.git"),
    ];
    text.lines()
        .enumerate()
        .filter(|(_, line)| {
            needles.iter().any(|needle| {
                line.match_indices(needle).any(|(at, _)| {
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_-.}".contains(c))
                })
            })
        })
        .map(|(at, _)| at + 1)
        .collect()
}
