//! Commits handed over as a file.

use std::fs;
use std::path::PathBuf;

use fleet::domain::ids::Oid;
use fleet::ports::code_repo::CodeRepo as _;

use crate::yard::Yard;

/// A repository with work on top of `base`, the bundle of it, and a clone that has only the base.
fn hand_over() -> (Yard, Oid, Oid, PathBuf, Yard) {
    let yard = Yard::small();
    let base = yard.head();
    yard.git(&yard.path(""), &["clone", "-q", "repo", "other"]);
    let head = yard.commit(&[("README.md", "hello world\n"), ("new", "x\n")]);
    let file = yard.path("work.bundle");
    yard.code().export_bundle(&head, &base, &file).unwrap();
    let other = Yard::new(&[]);
    let other = Yard {
        repo: yard.path("other"),
        ..other
    };
    (yard, base, head, file, other)
}

#[test]
fn commits_arrive_checked_and_no_ref_moves() {
    let (_yard, _, head, file, other) = hand_over();
    let refs = other.git(&other.repo, &["for-each-ref"]);
    other.code().import_bundle(&file, &head).unwrap();
    assert_eq!(
        other.git(&other.repo, &["show", &format!("{head}:new")]),
        "x"
    );
    assert_eq!(other.git(&other.repo, &["for-each-ref"]), refs);
    other.git(&other.repo, &["fsck", "--strict"]);
    other.code().import_bundle(&file, &head).unwrap();
    assert_eq!(other.left(), [""; 0], "no scratch repository stays");
}

#[test]
fn a_bundle_without_the_head_or_the_base_is_refused() {
    let (yard, base, head, file, other) = hand_over();
    let before = other.objects();
    let error = other.code().import_bundle(&file, &base).unwrap_err();
    assert!(error.cause.contains("does not bring"), "{error}");
    let later = yard.commit(&[("more", "1\n")]);
    yard.code().export_bundle(&later, &head, &file).unwrap();
    let error = other.code().import_bundle(&file, &later).unwrap_err();
    assert!(error.cause.contains(head.as_str()), "{error}");
    assert_eq!(other.objects(), before);
    let error = yard.code().export_bundle(&head, &head, &file).unwrap_err();
    assert!(error.cause.contains("no commit"), "{error}");
}

#[test]
fn a_damaged_cut_or_oversized_bundle_leaves_nothing() {
    let (yard, _, head, file, other) = hand_over();
    let whole = fs::read(&file).unwrap();
    let before = other.objects();
    let refused = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        other.code().import_bundle(&file, &head).unwrap_err();
        assert_eq!(other.objects(), before);
    };
    for cut in [0, 10, 60, whole.len() / 2, whole.len() - 1] {
        refused(&whole[..cut]);
    }
    for at in [whole.len() - 60, whole.len() - 30] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        refused(&damaged);
    }
    let mut huge = whole;
    huge.resize(5 << 20, 0);
    refused(&huge);
    fs::remove_file(&file).unwrap();
    other.code().import_bundle(&file, &head).unwrap_err();
    assert_eq!(other.left(), [""; 0]);
    drop(yard);
}

#[test]
fn a_hostile_tree_in_a_bundle_is_refused() {
    let (yard, base, _, file, other) = hand_over();
    // A tree with an entry `.git`, which no honest git writes.
    let blob = yard.git(&yard.repo, &["rev-parse", "HEAD:README.md"]);
    let mut tree = b"100644 .git\0".to_vec();
    let digits: Vec<u8> = (0..20)
        .map(|at| u8::from_str_radix(&blob[at * 2..at * 2 + 2], 16).unwrap())
        .collect();
    tree.extend(digits);
    fs::write(yard.path("tree"), tree).unwrap();
    let path = yard.path("tree");
    let args = [
        "hash-object",
        "-w",
        "--literally",
        "-t",
        "tree",
        path.to_str().unwrap(),
    ];
    let tree = yard.git(&yard.repo, &args);
    let args = ["commit-tree", "-m", "evil", "-p", base.as_str(), &tree];
    let evil: Oid = yard.git(&yard.repo, &args).parse().unwrap();
    let before = other.objects();
    yard.code().export_bundle(&evil, &base, &file).unwrap();
    let error = other.code().import_bundle(&file, &evil).unwrap_err();
    assert!(error.cause.contains("hasDotgit"), "{error}");
    assert_eq!(other.objects(), before);
}
