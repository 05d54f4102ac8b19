//! What fleet is made of: pinned, from one registry, without unsafe code but in one reviewed file.

use std::fs;
use std::path::PathBuf;

use crate::page::package;

fn below(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![package().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found
}

/// `owner/name@` and a whole commit, then nothing but a remark. The placeholder with which fleet itself
/// is named has that form too.
fn is_pinned(used: &str) -> bool {
    let (used, remark) = used.split_once(' ').unwrap_or((used, "# none"));
    let commit = used.split_once('@').map(|(_, commit)| commit);
    remark.starts_with('#')
        && commit.is_some_and(|c| c.len() == 40 && c.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[test]
fn threat_supply_chain_every_action_is_pinned_by_its_commit() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    assert!(is_pinned(&format!("someone/fleet@{commit} # 0.1.0")));
    for loose in [
        "a/b@main",
        "a/b",
        "a/b@v4",
        "a/b@<commit>",
        "a/b@",
        &format!("a/b {commit}"),
    ] {
        assert!(!is_pinned(loose), "{loose}");
    }
    let mut pages = below(".github", ".yml");
    pages.extend([
        package().join("action.yml"),
        package().join("docs/github.md"),
    ]);
    let mut seen = 0;
    for path in pages {
        for line in fs::read_to_string(&path).unwrap().lines() {
            let words = line.trim_start().trim_start_matches("- ");
            let Some(used) = words.strip_prefix("uses: ") else {
                continue;
            };
            if used.starts_with("./") {
                continue;
            }
            assert!(is_pinned(used), "{}: {line}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 5, "{seen}");
}

#[test]
fn threat_supply_chain_every_package_is_locked_and_from_one_registry() {
    let lock = fs::read_to_string(package().join("Cargo.lock")).unwrap();
    let sources: Vec<&str> = lock
        .lines()
        .filter(|line| line.starts_with("source = "))
        .collect();
    assert!(sources.len() > 200);
    for source in &sources {
        assert_eq!(
            *source,
            "source = \"registry+https://github.com/rust-lang/crates.io-index\""
        );
    }
    assert_eq!(lock.matches("checksum = ").count(), sources.len());
    let manifest = fs::read_to_string(package().join("Cargo.toml")).unwrap();
    assert!(!manifest.contains("git = \"") && !manifest.contains("[patch"));
    let deny = fs::read_to_string(package().join(".deny.toml")).unwrap();
    assert!(
        deny.contains("unknown-git = \"deny\"") && deny.contains("unknown-registry = \"deny\"")
    );
}

/// The one file that may hold unsafe code: three calls that libgit2 and the allocator need.
const REVIEWED: &str = "src/git/native.rs";

#[test]
fn threat_supply_chain_unsafe_code_is_in_one_reviewed_file() {
    let manifest = fs::read_to_string(package().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("\nunsafe_code = \"deny\"\n"));
    let word = concat!("uns", "afe");
    let mut blocks = 0;
    for folder in ["src", "tests", "benches"] {
        for path in below(folder, ".rs") {
            let text = fs::read_to_string(&path).unwrap();
            let name = path.strip_prefix(package()).unwrap().display().to_string();
            for line in text.lines() {
                let code = line.split("//").next().unwrap_or_default();
                let used = [" {", " fn", " impl", " extern"]
                    .iter()
                    .any(|next| code.contains(&format!("{word}{next}")));
                let excused = code.contains(concat!("(uns", "afe_code"))
                    || code.trim() == concat!("uns", "afe_code,");
                assert!(name == REVIEWED || !(used || excused), "{name}: {line}");
                blocks += usize::from(used);
            }
        }
    }
    assert!(
        (1..=6).contains(&blocks),
        "{blocks} in {REVIEWED}: review each new one"
    );
}

#[test]
fn threat_cache_the_workflow_that_is_written_uses_none_and_names_artifacts_by_id() {
    let world = crate::world::World::new("exit 9", crate::world::Shape::default(), &[]);
    let step = "someone/fleet@0123456789abcdef0123456789abcdef01234567";
    world.ok(&["init", "--github", "--action", step]);
    let text = fs::read_to_string(world.path("repo/.github/workflows/fleet.yml")).unwrap();
    for word in [
        "actions/cache",
        "restore-keys",
        "pull_request_target",
        "workflow_run",
        "pull_request:",
        "issue_comment",
    ] {
        let used = text
            .lines()
            .any(|line| !line.trim_start().starts_with('#') && line.contains(word));
        assert!(!used, "{word}: {text}");
    }
    assert!(
        text.contains("artifact-ids: ") && text.contains("persist-credentials: false"),
        "{text}"
    );
    for line in text.lines().filter(|line| {
        line.trim_start()
            .trim_start_matches("- ")
            .starts_with("uses: ")
            && !line.trim_start().starts_with('#')
    }) {
        let commit = line.split('@').nth(1).unwrap_or_default();
        assert!(
            commit.len() >= 40 && commit.as_bytes()[..40].iter().all(u8::is_ascii_hexdigit),
            "{line}"
        );
    }
    // The job that runs an agent has no right to write.
    let run = text.split("\n  run:\n    needs:").nth(1);
    let run = run.expect("there is a job for agents");
    let run = run.split("\n  publish:").next().unwrap();
    assert!(!run.contains(": write"), "{run}");
}
