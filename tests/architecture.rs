//! The walls between the rooms, as a test. `docs/architecture.md` is the same in words.
//!
//! `tests/architecture/rules.rs` holds the tables: rooms and their imports, foreign crates and their
//! rooms, invariants that still lack a test. `tests/architecture/source.rs` reads the source.

#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/source.rs"]
mod source;

use rules::{FOREIGN, INVARIANTS, PLAIN, ROOMS};
use source::Source;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The package that the test runs in. Asked at run time: a build directory that two checkouts share
/// may hold a binary compiled for the other one.
fn package() -> PathBuf {
    let now = std::env::var_os("CARGO_MANIFEST_DIR");
    now.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

/// Files below `dir`, sorted; build output, git data and installed packages are left out.
fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(dir) = todo.pop() {
        // Cargo tags every build directory, whatever it is called.
        if dir.join("CACHEDIR.TAG").exists() {
            continue;
        }
        let Ok(entries) = fs::read_dir(&dir) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let kind = entry
                .file_type()
                .expect("the kind of a listed entry is known");
            // In a linked worktree `.git` is a file.
            if name == ".git" || name == "node_modules" {
                continue;
            }
            if kind.is_dir() {
                todo.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

fn relative(path: &Path) -> String {
    let inside = path
        .strip_prefix(package())
        .expect("the file is inside the package");
    inside.to_string_lossy().replace('\\', "/")
}

/// Every Rust file of the package, with test-only modules marked as such.
fn sources() -> Vec<Source> {
    let mut sources: Vec<Source> = ["src", "tests", "benches", "examples"]
        .iter()
        .flat_map(|dir| files_below(&package().join(dir)))
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("source is readable UTF-8");
            Source::new(&relative(&path), &text)
        })
        .collect();
    let tests: Vec<Vec<String>> = sources.iter().flat_map(Source::test_modules).collect();
    for source in &mut sources {
        source.test |= tests.iter().any(|test| source.module.starts_with(test));
    }
    assert!(
        sources.iter().any(|source| source.file == "src/lib.rs"),
        "found no source in {}",
        package().display()
    );
    sources
}

#[test]
fn every_file_keeps_to_its_room_and_to_the_habits() {
    let found: Vec<String> = sources()
        .iter()
        .flat_map(rules::check)
        .map(|found| format!("{}:{}: {}", found.file, found.line, found.what))
        .collect();
    assert!(
        found.is_empty(),
        "{} findings:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn the_product_is_linted_for_calls_of_the_outside() {
    let lib = sources()
        .into_iter()
        .find(|source| source.file == "src/lib.rs");
    let lib = lib.expect("src/lib.rs exists");
    let wanted = [
        "clippy::disallowed_methods",
        "clippy::unwrap_used",
        "clippy::print_stdout",
    ];
    let on = lib.attributes().iter().any(|(_, text, _)| {
        text.starts_with("!cfg_attr(not(test),warn(")
            && wanted.iter().all(|lint| text.contains(lint))
    });
    assert!(
        on,
        "src/lib.rs switches on, for the product only: {}",
        wanted.join(", ")
    );
}

/// A second forge is one file: the ports and the use-cases know reviews, tickets and branches, and
/// no forge by its name or its words.
#[test]
fn no_forge_is_named_by_its_ports_nor_by_the_use_cases() {
    let neutral = |file: &str| {
        matches!(file, "src/ports/forge.rs" | "src/ports/tickets.rs")
            || file.starts_with("src/app/")
    };
    let words = ["github", "octocrab", "octokit", "gitlab", "graphql"];
    let mut found = Vec::new();
    let mut looked_at = 0;
    for source in sources()
        .iter()
        .filter(|source| neutral(&source.file) && !source.test)
    {
        looked_at += 1;
        let text = fs::read_to_string(package().join(&source.file)).expect("it was read before");
        for (line, text) in text.lines().enumerate() {
            let text = text.to_ascii_lowercase();
            if words.iter().any(|word| text.contains(word)) {
                found.push(format!("{}:{}: {}", source.file, line + 1, text.trim()));
            }
        }
    }
    assert!(looked_at > 20, "only {looked_at} files were looked at");
    assert!(
        found.is_empty(),
        "words of one forge:\n{}",
        found.join("\n")
    );
}

#[test]
fn every_dependency_has_its_rooms() {
    let manifest =
        fs::read_to_string(package().join("Cargo.toml")).expect("Cargo.toml is readable");
    let homeless: Vec<String> = rules::dependencies(&manifest)
        .into_iter()
        .filter(|name| !PLAIN.contains(&name.as_str()))
        .filter(|name| !FOREIGN.iter().any(|(family, _)| family == name))
        .collect();
    assert!(
        homeless.is_empty(),
        "give each a line in FOREIGN (it reaches the outside) or PLAIN (it only computes) in \
         tests/architecture/rules.rs: {homeless:?}"
    );
}

#[test]
fn every_invariant_has_a_test_that_names_it() {
    let named = rules::named_invariants(&sources());
    let missing: Vec<usize> = INVARIANTS
        .filter(|number| !named.contains(number))
        .collect();
    assert!(
        missing.is_empty(),
        "no test is named i<k>_... for the invariants {missing:?}"
    );
}

#[test]
fn the_map_in_the_docs_names_every_room_and_invariant() {
    let map = fs::read_to_string(package().join("docs/architecture.md"))
        .expect("docs/architecture.md is readable");
    let rooms = ROOMS.iter().map(|room| format!("`{}", room.name));
    let invariants = INVARIANTS.map(|number| format!("| I{number} |"));
    let absent: Vec<String> = rooms
        .chain(invariants)
        .filter(|name| !map.contains(name))
        .collect();
    assert!(
        absent.is_empty(),
        "docs/architecture.md does not mention {absent:?}"
    );
}

/// Defects for the simulation stand where `planted!` says so, exist only behind their feature, and
/// each is one that `tests/sim_planted.rs` finds.
#[test]
fn defects_are_planted_behind_their_feature_only() {
    let read = |file: &str| fs::read_to_string(package().join(file)).expect("it is readable");
    let names_in = |text: &str, before: &str| -> BTreeSet<String> {
        let after = text.split(before).skip(1);
        after
            .filter_map(|rest| rest.split('"').next())
            .map(str::to_owned)
            .collect()
    };
    let mut planted = BTreeSet::new();
    let home = "src/planted.rs";
    for source in sources().iter().filter(|s| s.file.starts_with("src/")) {
        if source.file == home {
            continue;
        }
        let text = read(&source.file);
        let past = ["feature = \"planted\"", "planted::"];
        let past = past.iter().find(|word| text.contains(*word));
        assert!(
            past.is_none(),
            "{}: {past:?} instead of `planted!`",
            source.file
        );
        planted.extend(names_in(&text, "planted!(\""));
    }
    let list = read("tests/sim_planted.rs");
    let list = list.split("];").next().unwrap_or_default();
    let list: String = list.chars().filter(|c| !c.is_whitespace()).collect();
    let found = names_in(&list, "(\"");
    assert_eq!(planted, found, "in src/, and in tests/sim_planted.rs");
    assert!(planted.len() >= 10, "only {planted:?}");
    assert!(
        read("build.rs").contains("CARGO_FEATURE_PLANTED"),
        "a release refuses the feature"
    );
    assert!(
        !read("Cargo.toml").contains("default = ["),
        "no feature is on by itself"
    );
}

#[test]
fn nothing_holds_a_path_of_somebodys_machine() {
    let mut found = Vec::new();
    for path in files_below(&package()) {
        let bytes = fs::read(&path).expect("a listed file is readable");
        for line in rules::machine_paths(&String::from_utf8_lossy(&bytes)) {
            found.push(format!("{}:{line}", relative(&path)));
        }
    }
    assert!(
        found.is_empty(),
        "paths of a machine:\n{}",
        found.join("\n")
    );
}

/// The checker itself: given a snippet, it finds what is wrong, and only that.
mod checker {
    use super::rules::{self, Finding};
    use super::source::{Source, Target};

    /// Findings of one rule as `line: text`.
    fn check(rule: fn(&Source) -> Vec<Finding>, file: &str, text: &str) -> Vec<String> {
        let found = rule(&Source::new(file, text));
        found
            .iter()
            .map(|found| format!("{}: {}", found.line, found.what))
            .collect()
    }

    fn ours(file: &str, text: &str) -> Vec<String> {
        let paths = Source::new(file, text).paths();
        let ours = paths.into_iter().filter_map(|path| match path.target {
            Target::Ours(segments) => Some(segments.join("::")),
            Target::Foreign(_) | Target::SuperSuper => None,
        });
        ours.collect()
    }

    #[test]
    fn grouped_and_nested_imports_are_resolved() {
        let text = "use crate::{a::{b, c as d}, e, f::*};\npub(crate) use crate::g::{self, h};";
        let wanted = ["a::b", "a::c", "e", "f::*", "g", "g::h"];
        assert_eq!(ours("src/domain/mod.rs", text), wanted);
    }

    #[test]
    fn plain_paths_in_code_are_resolved() {
        let text = "fn f(x: &crate::store::Codec) { crate::git::push::<u8>(x.y(), a::b) }";
        assert_eq!(ours("src/app/mod.rs", text), ["store::Codec", "git::push"]);
        assert_eq!(
            ours("src/main.rs", "fn main() { fleet::wire::run() }"),
            ["wire::run"]
        );
        assert_eq!(
            ours("src/app/mod.rs", "fn f() { fleet::wire::run() }"),
            [""; 0]
        );
    }

    #[test]
    fn super_is_resolved_through_files_and_inline_modules() {
        assert_eq!(
            ours("src/engine/mod.rs", "use super::store::X;"),
            ["store::X"]
        );
        assert_eq!(ours("src/engine/ready.rs", "use super::X;"), ["engine::X"]);
        let inline =
            "mod a { fn f() { if x { y() } } }\nmod tests { use super::*; }\nuse super::Z;";
        assert_eq!(ours("src/engine/mod.rs", inline), ["engine::*", "Z"]);
        assert_eq!(
            ours("src/engine/mod.rs", "use self::plan::Plan;"),
            ["engine::plan::Plan"]
        );
    }

    #[test]
    fn comments_strings_and_lifetimes_hide_nothing_and_show_nothing() {
        let text = "// use crate::git;\n/* crate::git::x /* y */ */ fn f<'a>(c: char) -> &'a str {\n\
                    let _ = ('\"', '\\'', b'x', r#\"crate::git::\"x\"#, \"\\\"crate::git::y\");\n\
                    crate::app::z() }";
        assert_eq!(ours("src/cli/mod.rs", text), ["app::z"]);
        let found = check(rules::walls, "src/domain/x.rs", text);
        assert_eq!(
            found,
            ["4: `domain` may not import `app::z`; it may import nothing of ours"]
        );
    }

    #[test]
    fn a_forbidden_import_is_found_where_it_stands() {
        let text = "use crate::domain::TaskId;\nuse crate::{\n    ports::Clock,\n    git::{push, Repo},\n};";
        let found = check(rules::walls, "src/forge/github/mod.rs", text);
        let only = "it may import domain, ports";
        assert_eq!(
            found,
            [
                format!("4: `forge` may not import `git::push`; {only}"),
                format!("4: `forge` may not import `git::Repo`; {only}"),
            ]
        );
    }

    #[test]
    fn the_table_lets_through_what_it_names_and_no_more() {
        assert!(check(rules::walls, "src/wire.rs", "use crate::{git, app, cli};").is_empty());
        assert!(check(rules::walls, "src/cli/mod.rs", "use crate::app::Report;").is_empty());
        let narrow =
            "use crate::ports::state_repo::StateTree;\nuse crate::ports::{FileChange, Clock};";
        let found = check(rules::walls, "src/store/mod.rs", narrow);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("2: `store` may not import `ports::Clock`"),
            "{found:?}"
        );
        assert_eq!(
            check(rules::walls, "src/app/mod.rs", "use crate::*;").len(),
            1
        );
        assert_eq!(
            check(rules::walls, "src/lib.rs", "pub use crate::app::Report;").len(),
            1
        );
        assert_eq!(check(rules::walls, "src/attic/mod.rs", "").len(), 1);
    }

    #[test]
    fn a_wall_holds_in_test_code_too() {
        let text = "#[cfg(test)]\nmod tests { use crate::git::Repo; }";
        assert_eq!(check(rules::walls, "src/app/mod.rs", text).len(), 1);
    }

    #[test]
    fn super_super_is_found_in_every_form() {
        for text in [
            "use super::super::x;",
            "use super::{super::x};",
            "fn f() { super::super::x() }",
        ] {
            assert_eq!(
                check(rules::walls, "src/app/tick/run.rs", text).len(),
                1,
                "{text}"
            );
        }
    }

    #[test]
    fn foreign_families_stay_at_their_edge_but_tests_are_free() {
        let text = "use git2::Repository;\n#[cfg(test)]\nmod tests { use git2::Oid; use std::fs; }";
        assert!(check(rules::foreign, "src/git/mod.rs", text).is_empty());
        let found = check(rules::foreign, "src/app/mod.rs", text);
        assert_eq!(
            found,
            ["1: `git2` belongs to git: `app` reaches it through a port"]
        );
        let found = check(
            rules::foreign,
            "src/store/mod.rs",
            "use std::{collections, fs::File};",
        );
        assert_eq!(
            found,
            ["1: `std::fs::File` is the outside: `store` is given values, or asks a port"]
        );
        assert!(check(rules::foreign, "src/app/x.rs", "use std::thread;").is_empty());
        assert_eq!(
            check(
                rules::foreign,
                "src/app/x.rs",
                "fn f() { std::io::stdout(); }"
            )
            .len(),
            1
        );
    }

    #[test]
    fn the_outside_is_excused_for_an_edge_as_a_whole_and_for_a_face_by_function() {
        let whole = "#![expect(clippy::disallowed_methods, reason = \"edge\")]";
        let single =
            "#[expect(clippy::disallowed_methods, reason = \"reads the file named\")]\nfn f() {}";
        assert!(check(rules::expectations, "src/git/mod.rs", whole).is_empty());
        assert_eq!(check(rules::expectations, "src/cli/mod.rs", whole).len(), 1);
        assert!(check(rules::expectations, "src/cli/mod.rs", single).is_empty());
        assert_eq!(
            check(rules::expectations, "src/app/mod.rs", single).len(),
            1
        );
    }

    #[test]
    fn long_files_need_a_reason_and_tests_are_not_counted() {
        let long = "const A: u8 = 1;\n".repeat(401);
        assert_eq!(check(rules::size, "src/app/x.rs", &long).len(), 1);
        assert!(check(rules::size, "src/app/tests.rs", &long).is_empty());
        let reasoned = format!("// Longer than 400 lines because one table is one table.\n{long}");
        assert!(check(rules::size, "src/app/x.rs", &reasoned).is_empty());
        assert_eq!(
            check(rules::size, "src/app/x.rs", &reasoned.repeat(2)).len(),
            1
        );
        let tested = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert!(check(rules::size, "src/app/x.rs", &tested).is_empty());
    }

    #[test]
    fn a_room_says_what_it_is_for() {
        let good =
            "//! Ids and records.\n//!\n//! Invariants: no IO.\n//! May import: nothing of ours.\n";
        assert!(check(rules::header, "src/domain/mod.rs", good).is_empty());
        assert_eq!(
            check(rules::header, "src/domain/mod.rs", "//! Ids.\n").len(),
            2
        );
        assert_eq!(
            check(rules::header, "src/domain/mod.rs", "use std::fmt;\n").len(),
            3
        );
        assert!(check(rules::header, "src/domain/task.rs", "").is_empty());
        assert_eq!(check(rules::names, "src/app/utils.rs", "").len(), 1);
    }

    #[test]
    fn allowed_lints_ignored_tests_and_sleeping_tests_are_found() {
        let test = "tests/x.rs";
        assert_eq!(
            check(rules::habits, test, "#[allow(dead_code)] fn f() {}").len(),
            1
        );
        assert_eq!(
            check(rules::habits, test, "#![cfg_attr(test, allow(dead_code))]").len(),
            1
        );
        assert_eq!(
            check(rules::habits, test, "#[ignore = \"slow\"] fn f() {}").len(),
            1
        );
        assert_eq!(
            check(rules::habits, test, "fn f() { std::thread::sleep(d) }").len(),
            1
        );
        assert!(
            check(
                rules::habits,
                "src/git/x.rs",
                "fn f() { tokio::time::sleep(d) }"
            )
            .is_empty()
        );
        assert_eq!(
            check(rules::habits, "src/git/x.rs", "fn f() { file.unlock() }").len(),
            1
        );
        let good =
            "#[expect(dead_code, reason = \"allow(x)\")] fn f() { fs2::FileExt::unlock(&file) }";
        assert!(check(rules::habits, test, good).is_empty());
    }

    #[test]
    fn an_invariant_counts_when_a_test_function_carries_its_name() {
        let product = Source::new("src/app/mod.rs", "fn i2_x() {}");
        let unit = Source::new(
            "src/app/a.rs",
            "#[cfg(test)] mod tests { #[test] fn i1_x() {} }",
        );
        let outer = Source::new("tests/x.rs", "#[test]\nfn i14_fold() {}");
        assert_eq!(rules::named_invariants(&[product, unit, outer]), [1, 14]);
    }

    #[test]
    fn machine_paths_are_found_and_look_alikes_are_not() {
        let text = format!(
            "a\ncd {}x\n{}",
            concat!("/wo", "rk/"),
            "src/work/x ./work/y $D/work/z"
        );
        assert_eq!(rules::machine_paths(&text), [2]);
    }

    #[test]
    fn dependencies_are_read_from_the_manifest() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\n# why\na-b = \"1\"\nc = { version = \"1\" }\n\n[dev-dependencies]\nd = \"1\"";
        assert_eq!(rules::dependencies(manifest), ["a_b", "c"]);
    }
}
