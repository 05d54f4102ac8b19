//! Role prompts: embedded, overlaid by `.orchestra/roles/<name>.md`.

use std::collections::BTreeMap;

use crate::config::problems::Problem;
use crate::config::{CommitFiles, ROLES_DIR};

/// What every role ends with: the way of speaking back and the rules of the house.
const RULES: &str = include_str!("roles/rules.md");

const EMBEDDED: &[(&str, &str)] = &[
    ("architect", include_str!("roles/architect.md")),
    ("documenter", include_str!("roles/documenter.md")),
    ("planner", include_str!("roles/planner.md")),
    ("reviewer", include_str!("roles/reviewer.md")),
    ("tester", include_str!("roles/tester.md")),
    ("writer", include_str!("roles/writer.md")),
];

/// Longest prompt, in bytes.
const MAX_PROMPT: usize = 64 * 1024;

/// All roles. A file replaces the words of the embedded role of its name, or adds a role; the
/// common rules follow either.
pub(super) fn overlay(
    files: &CommitFiles,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, String> {
    let mut roles: BTreeMap<String, String> = EMBEDDED
        .iter()
        .map(|(name, text)| ((*name).to_owned(), with_rules(text)))
        .collect();
    for (path, bytes) in files {
        let Some(name) = path
            .strip_prefix(ROLES_DIR)
            .and_then(|rest| rest.strip_prefix('/'))
            .and_then(|rest| rest.strip_suffix(".md"))
        else {
            continue;
        };
        let plain =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if name.is_empty() || !name.chars().all(plain) {
            let what = "a role's name is made of lower-case letters, digits, - and _".to_owned();
            problems.push(Problem::of_file(path, what));
            continue;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) if text.trim().is_empty() => {
                problems.push(Problem::of_file(path, "it is empty".to_owned()));
            }
            Ok(text) if text.len() > MAX_PROMPT => {
                let what = format!("it is longer than {MAX_PROMPT} bytes");
                problems.push(Problem::of_file(path, what));
            }
            Ok(text) => {
                roles.insert(name.to_owned(), with_rules(text));
            }
            Err(_) => problems.push(Problem::of_file(path, "it is not UTF-8".to_owned())),
        }
    }
    roles
}

fn with_rules(text: &str) -> String {
    format!("{}\n\n{}", text.trim(), RULES.trim())
}
