//! Sparse checkouts: the folders that a task's path globs allow, as git's cone patterns.

use std::collections::BTreeSet;

/// Characters that make a glob more than a path.
const GLOB: &[char] = &['*', '?', '[', ']', '{', '}', '\\', '!'];

/// Folders that hold everything the globs can match; `None` if that is the whole repository.
/// Files at the root and beside the parents of each folder are always part of a cone.
pub(super) fn folders(globs: &[String]) -> Option<BTreeSet<String>> {
    let mut folders = BTreeSet::new();
    for glob in globs {
        let glob = glob.trim_start_matches("./").trim_start_matches('/');
        let literal: Vec<&str> = glob
            .split('/')
            .take_while(|part| !part.contains(GLOB))
            .filter(|part| !part.is_empty())
            .collect();
        let whole = !glob.contains(GLOB);
        // A plain path may name a file, which is in its parent's cone, or a folder: both fit if the
        // folder of that name is taken along.
        if literal.is_empty() || literal.iter().any(|part| matches!(*part, "." | "..")) {
            return None;
        }
        if glob.chars().any(char::is_control) {
            return None;
        }
        folders.insert(literal.join("/"));
        if whole && literal.len() > 1 {
            folders.insert(literal[..literal.len() - 1].join("/"));
        }
    }
    (!folders.is_empty()).then_some(folders)
}

/// The contents of `info/sparse-checkout` for these folders (git-sparse-checkout(1), cone mode).
pub(super) fn patterns(folders: &BTreeSet<String>) -> String {
    let mut parents = BTreeSet::new();
    for folder in folders {
        for (at, _) in folder.match_indices('/') {
            parents.insert(&folder[..at]);
        }
    }
    let mut text = String::from("/*\n!/*/\n");
    let inside = |path: &str| {
        path.match_indices('/')
            .any(|(at, _)| folders.contains(&path[..at]))
    };
    let all: BTreeSet<&str> = parents
        .iter()
        .copied()
        .chain(folders.iter().map(String::as_str))
        .collect();
    for path in all {
        if inside(path) {
            continue;
        }
        text.push_str(&format!("/{path}/\n"));
        if !folders.contains(path) {
            text.push_str(&format!("!/{path}/*/\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{folders, patterns};

    fn of(globs: &[&str]) -> Option<Vec<String>> {
        let globs: Vec<String> = globs.iter().map(ToString::to_string).collect();
        folders(&globs).map(|set| set.into_iter().collect())
    }

    #[test]
    fn a_glob_becomes_the_folder_before_its_first_star() {
        assert_eq!(of(&["src/api/**"]), Some(vec!["src/api".into()]));
        assert_eq!(
            of(&["src/*.rs", "docs/a.md"]),
            Some(vec!["docs".into(), "docs/a.md".into(), "src".into()])
        );
        assert_eq!(of(&["src/{a,b}/x"]), Some(vec!["src".into()]));
    }

    #[test]
    fn a_glob_that_can_match_anywhere_asks_for_everything() {
        for globs in [
            &["**/*.rs"][..],
            &["*.md"],
            &["src/**", "*"],
            &[],
            &["../x/**"],
            &["a\nb/**"],
        ] {
            assert_eq!(of(globs), None, "{globs:?}");
        }
    }

    #[test]
    fn cone_patterns_are_those_of_git() {
        let set = folders(&[
            "a/b/**".to_owned(),
            "c/**".to_owned(),
            "a/b/d/**".to_owned(),
        ]);
        let text = patterns(&set.expect("these globs have folders"));
        assert_eq!(text, "/*\n!/*/\n/a/\n!/a/*/\n/a/b/\n/c/\n");
    }
}
