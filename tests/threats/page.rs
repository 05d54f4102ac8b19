//! The pages that name tests name tests that are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// Asked at run time: a build directory that two checkouts share may hold a binary of the other.
pub(crate) fn package() -> PathBuf {
    let now = std::env::var_os("CARGO_MANIFEST_DIR");
    now.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

/// Names of all functions in the sources and tests.
fn functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![package().join("src"), package().join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(path).unwrap();
                let rest = text.split("fn ").skip(1);
                names.extend(
                    rest.filter_map(|after| after.split('(').next())
                        .map(str::to_owned),
                );
            }
        }
    }
    names
}

fn page(name: &str) -> String {
    fs::read_to_string(package().join("docs").join(name)).unwrap()
}

/// Words in backticks that look like names of tests.
fn tests_named_in(text: &str) -> Vec<&str> {
    let word = |name: &&str| {
        name.len() >= 15
            && name.contains('_')
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    text.split('`').skip(1).step_by(2).filter(word).collect()
}

/// Rows of the table below a heading, without its header.
fn rows<'t>(text: &'t str, heading: &str) -> Vec<&'t str> {
    let from = text
        .find(heading)
        .unwrap_or_else(|| panic!("the page has no {heading:?}"));
    let section = &text[from + heading.len()..];
    let section = section.split("\n## ").next().unwrap_or_default();
    section
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .collect()
}

#[test]
fn every_row_of_the_threat_table_has_a_test_of_its_name_that_exists() {
    let (text, known) = (page("security.md"), functions());
    let rows = rows(&text, "\n## Threats\n");
    assert!(rows.len() >= 17, "{} rows", rows.len());
    let mut named = BTreeSet::new();
    for row in rows {
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let tests = tests_named_in(cell);
        assert!(
            tests.iter().any(|name| name.starts_with("threat_")),
            "no test of its name: {row}"
        );
        for name in tests {
            assert!(known.contains(name), "there is no test {name}");
            named.insert(name.to_owned());
        }
    }
    let forgotten: Vec<&String> = known
        .iter()
        .filter(|n| n.starts_with("threat_") && !named.contains(*n))
        .collect();
    assert!(
        forgotten.is_empty(),
        "the table does not name {forgotten:?}"
    );
}

#[test]
fn every_promise_of_the_page_on_reliability_has_tests_that_exist() {
    let (text, known) = (page("reliability.md"), functions());
    for name in tests_named_in(&text) {
        assert!(known.contains(name), "there is no test {name}");
    }
    let promises = rows(&text, "\n## Promises\n");
    let invariants = rows(&text, "\n## Invariants\n");
    assert_eq!((promises.len(), invariants.len()), (18, 14));
    for row in promises.iter().chain(&invariants) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        assert!(cells.len() >= 4, "{row}");
        assert!(!tests_named_in(row).is_empty(), "no test shows {row}");
        assert!(cells.last().unwrap().contains('`'), "no command runs {row}");
    }
    for n in 1..=14 {
        assert!(
            invariants
                .iter()
                .any(|row| row.starts_with(&format!("| I{n} |"))),
            "I{n}"
        );
    }
}
