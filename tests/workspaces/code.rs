//! Branches, diffs and merges.

use std::fs;

use fleet::domain::ids::Oid;
use fleet::ports::code_repo::{CodeRepo as _, MergeFacts};

use crate::yard::{Yard, write};

/// A commit on a branch of its own, from `from`.
fn on_branch(yard: &Yard, from: &Oid, files: &[(&str, &str)]) -> Oid {
    yard.git(&yard.repo, &["checkout", "-q", "--detach", from.as_str()]);
    let made = yard.commit(files);
    yard.git(&yard.repo, &["checkout", "-q", "main"]);
    made
}

#[test]
fn merges_are_told_apart() {
    let yard = Yard::new(&[
        ("a", "1\n2\n3\n4\n5\n6\n7\n8\n9\n"),
        ("b", "1\n"),
        ("d/x", "1\n"),
    ]);
    let code = yard.code();
    let facts = |base: &Oid, head: &Oid| code.merge_facts(base, head).unwrap();
    let fork = yard.head();
    let edit = on_branch(&yard, &fork, &[("a", "ONE\n2\n3\n4\n5\n6\n7\n8\n9\n")]);
    let folder = on_branch(&yard, &fork, &[("new", "file\n")]);
    let empty = on_branch(&yard, &fork, &[]);
    assert_eq!(facts(&fork, &fork), MergeFacts::Merged);
    assert_eq!(facts(&fork, &edit), MergeFacts::Clean);

    let far = yard.commit(&[("b", "2\n")]);
    assert_eq!(facts(&far, &edit), MergeFacts::Clean);
    assert_eq!(
        facts(&far, &empty),
        MergeFacts::Clean,
        "an empty commit is not merged by itself"
    );
    assert_eq!(facts(&far, &fork), MergeFacts::Merged, "an ancestor");
    let before = yard.objects();
    let same_file = yard.commit(&[("a", "1\n2\n3\n4\n5\n6\n7\n8\nNINE\n")]);
    let objects = yard.objects();
    assert_ne!(before, objects);
    assert_eq!(facts(&same_file, &edit), MergeFacts::Clean, "by content");
    assert_eq!(yard.objects(), objects, "a merge is looked at in memory");
    let squashed = yard.commit(&[("a", "ONE\n2\n3\n4\n5\n6\n7\n8\nNINE\n")]);
    assert_eq!(
        facts(&squashed, &edit),
        MergeFacts::Merged,
        "the squash has all of it"
    );
    let conflict = yard.commit(&[("a", "uno\n2\n3\n4\n5\n6\n7\n8\nNINE\n")]);
    assert_eq!(facts(&conflict, &edit), MergeFacts::Conflict);
    let in_the_way = yard.commit(&[("new/x", "a folder where the branch has a file\n")]);
    assert_eq!(facts(&in_the_way, &folder), MergeFacts::Conflict);

    yard.git(&yard.repo, &["checkout", "-q", "--orphan", "other"]);
    let unrelated = yard.commit(&[("z", "1")]);
    assert_eq!(facts(&in_the_way, &unrelated), MergeFacts::Conflict);
}

#[test]
fn a_squash_of_several_commits_counts_as_merged() {
    let yard = Yard::small();
    let fork = yard.head();
    yard.git(&yard.repo, &["checkout", "-q", "--detach"]);
    yard.commit(&[("x", "1\n")]);
    let head = yard.commit(&[("x", "2\n"), ("y", "1\n")]);
    yard.git(&yard.repo, &["checkout", "-q", "main"]);
    yard.commit(&[("docs/other.md", "1\n")]);
    yard.git(&yard.repo, &["merge", "-q", "--squash", head.as_str()]);
    yard.git(&yard.repo, &["commit", "-qm", "squashed"]);
    assert_ne!(fork, yard.head());
    assert_eq!(
        yard.code().merge_facts(&yard.head(), &head).unwrap(),
        MergeFacts::Merged
    );
}

#[test]
fn a_diff_lists_paths_modes_and_sizes() {
    let yard = Yard::small();
    let base = yard.head();
    fs::remove_file(yard.repo.join("docs/guide.md")).unwrap();
    let head = yard.commit(&[("README.md", "hello you\n"), ("new.rs", "x\n")]);
    let diff = yard.code().diff(&base, &head).unwrap();
    let told: Vec<_> = diff
        .iter()
        .map(|change| {
            (
                change.path.as_str(),
                change.old_mode,
                change.new_mode,
                change.bytes,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("README.md", 0o100_644, 0o100_644, 10),
            ("docs/guide.md", 0o100_644, 0, 0),
            ("new.rs", 0, 0o100_644, 2),
        ]
    );
}

#[test]
fn added_text_is_the_added_lines_the_new_names_and_whole_binaries() {
    let yard = Yard::new(&[("a", "keep\nold\n")]);
    let base = yard.head();
    fs::write(yard.repo.join("bin"), b"\0\x01key=sk-live\0").unwrap();
    let head = yard.commit(&[("a", "keep\nnew\n"), ("token-abc.txt", "t")]);
    let code = yard.code();
    let text = code.added_text(&base, &head, 1 << 20).unwrap();
    let text = String::from_utf8_lossy(&text);
    for wanted in ["new\n", "token-abc.txt\n", "key=sk-live", "t\n"] {
        assert!(text.contains(wanted), "{wanted:?} in {text:?}");
    }
    assert!(!text.contains("old") && !text.contains("keep"), "{text:?}");
    assert_eq!(code.added_text(&base, &head, 5).unwrap().len(), 5);
}

#[test]
fn paths_are_listed_up_to_a_limit() {
    let yard = Yard::small();
    let code = yard.code();
    let all = code.paths(&yard.head(), 100).unwrap();
    assert_eq!(all.len(), 5);
    assert!(all.contains(&"src/api/a.rs".to_owned()));
    assert_eq!(code.paths(&yard.head(), 2).unwrap().len(), 2);
}

#[test]
fn without_a_remote_local_branches_count() {
    let yard = Yard::small();
    yard.git(&yard.repo, &["branch", "agent/T-7"]);
    let code = yard.code();
    code.refresh().unwrap();
    assert_eq!(code.base().unwrap(), yard.head());
    let facts = code
        .branches(&["agent/T-7".to_owned(), "agent/T-8".to_owned()])
        .unwrap();
    assert_eq!(facts[0].head, Some(yard.head()));
    assert_eq!(facts[1].head, None);
}

#[test]
fn with_a_remote_its_branches_count_as_fetched() {
    let yard = Yard::small();
    yard.git(&yard.path(""), &["init", "-q", "--bare", "hub"]);
    yard.git(
        &yard.repo,
        &[
            "remote",
            "add",
            "origin",
            yard.path("hub").to_str().unwrap(),
        ],
    );
    let code = yard.code();
    code.refresh().unwrap();
    let error = code.base().unwrap_err();
    assert!(error.cause.contains("git push origin main"), "{error}");

    yard.git(
        &yard.repo,
        &["push", "-q", "origin", "main", "main:agent/T-7"],
    );
    yard.commit(&[("local", "only\n")]);
    code.refresh().unwrap();
    let pushed = code.base().unwrap();
    assert_ne!(pushed, yard.head());
    let names = ["agent/T-7".to_owned()];
    assert_eq!(code.branches(&names).unwrap()[0].head, Some(pushed));
    // Deleted there, gone here.
    yard.git(&yard.path("hub"), &["branch", "-D", "agent/T-7"]);
    code.refresh().unwrap();
    assert_eq!(code.branches(&names).unwrap()[0].head, None);
}

#[test]
fn a_base_that_is_not_there_says_what_to_do() {
    let yard = Yard::small();
    yard.git(&yard.repo, &["branch", "-m", "main", "trunk"]);
    let error = yard.code().base().unwrap_err();
    assert!(error.cause.contains("git branch main"), "{error}");
    yard.git(&yard.path(""), &["init", "-q", "unborn"]);
    let yard = Yard {
        repo: yard.path("unborn"),
        ..yard
    };
    let error = yard.code().base().unwrap_err();
    assert!(error.cause.contains("no commit yet"), "{error}");
}

#[test]
fn a_shallow_clone_is_named_when_an_object_is_missing() {
    let yard = Yard::small();
    let first = yard.head();
    let second = yard.commit(&[("b", "2")]);
    let url = format!("file://{}", yard.repo.display());
    yard.git(
        &yard.path(""),
        &["clone", "-q", "--depth=1", &url, "shallow"],
    );
    let yard = Yard {
        repo: yard.path("shallow"),
        ..yard
    };
    for error in [
        yard.code().diff(&first, &second).unwrap_err(),
        yard.code().merge_facts(&second, &first).unwrap_err(),
    ] {
        assert!(error.cause.contains("git fetch --unshallow"), "{error}");
    }
}

#[test]
fn i10_reading_the_code_side_runs_nothing_of_the_repository() {
    let yard = Yard::small();
    let ran = yard.path("ran");
    let program = yard.path("evil.sh");
    crate::yard::script(&program, &format!("touch {}", ran.display()));
    let base = yard.head();
    write(
        &yard.repo,
        ".gitattributes",
        "* diff=evil filter=evil merge=evil\n",
    );
    let head = yard.commit(&[("README.md", "new\n")]);
    for key in [
        "diff.external",
        "diff.evil.textconv",
        "diff.evil.command",
        "merge.evil.driver",
        "filter.evil.smudge",
        "core.fsmonitor",
    ] {
        yard.git(&yard.repo, &["config", key, program.to_str().unwrap()]);
    }
    let code = yard.code();
    code.diff(&base, &head).unwrap();
    code.added_text(&base, &head, 1 << 20).unwrap();
    code.merge_facts(&base, &head).unwrap();
    code.export_bundle(&head, &base, &yard.path("x.bundle"))
        .unwrap();
    assert!(!ran.exists());
}
