//! Nothing is left behind.

use std::fs;
use std::os::unix::fs::symlink;

use fleet::ports::workspaces::Workspaces as _;

use crate::yard::{Yard, mode, uid, write};

#[test]
fn i9_a_discarded_workspace_is_gone_even_if_it_was_made_read_only() {
    let yard = Yard::small();
    let all = yard.workspaces();
    let workspace = all.prepare(&yard.lease(1), &yard.want()).unwrap();
    write(&yard.path("outside"), "precious", "x");
    symlink(yard.path("outside"), workspace.dir.join("link")).unwrap();
    write(&workspace.dir, "deep/er/file", "x");
    for dir in ["deep/er", "deep", "src"] {
        mode(&workspace.dir.join(dir), 0o000);
    }
    all.discard(&workspace);
    assert_eq!(yard.left(), [""; 0]);
    assert!(yard.path("outside/precious").exists());
}

#[test]
fn i9_a_sweep_removes_what_dead_processes_left_and_nothing_else() {
    let yard = Yard::small();
    let (dead, alive) = (yard.workspaces_as(3, 4), yard.workspaces_as(4, 4));
    dead.prepare(&yard.lease(1), &yard.want()).unwrap();
    dead.prepare(&yard.lease(2), &yard.want()).unwrap();
    alive.prepare(&yard.lease(3), &yard.want()).unwrap();
    // Killed between making the folder and signing it.
    fs::create_dir(yard.root().join(uid(4).to_string())).unwrap();
    // Not ours.
    write(&yard.root(), "notes.txt", "a person's");
    let swept = yard.workspaces().sweep(&[uid(2)]).unwrap();
    assert_eq!(swept.workspaces, 2);
    assert!(swept.bytes > 0);
    let mut left = yard.left();
    left.sort();
    assert_eq!(
        left,
        [
            format!("/{}", uid(2)),
            format!("/{}", uid(3)),
            "/notes.txt".to_owned()
        ]
    );
}

#[test]
fn i9_a_checkout_that_fails_leaves_nothing() {
    let yard = Yard::small();
    // A blob is missing: the checkout begins and cannot end.
    let blob = yard.git(&yard.repo, &["rev-parse", "HEAD:docs/guide.md"]);
    let object = yard
        .repo
        .join(".git/objects")
        .join(&blob[..2])
        .join(&blob[2..]);
    fs::remove_file(object).unwrap();
    let error = yard
        .workspaces()
        .prepare(&yard.lease(1), &yard.want())
        .unwrap_err();
    assert!(error.to_string().contains(&blob), "{error}");
    assert_eq!(yard.left(), [""; 0]);
}

#[test]
fn i9_loose_objects_are_packed_once_there_are_many_and_none_is_lost() {
    let yard = Yard::small();
    let repo = git2::Repository::open(yard.path("repo")).unwrap();
    let store = repo.path().join("objects");
    let files = |folder: &str| fs::read_dir(store.join(folder)).map_or(0, Iterator::count);
    // They are counted by one folder of 256: enough of them are put into that one.
    let texts = (0..).map(|n| format!("text {n}"));
    let mut wanted = texts.filter(|text| {
        let id = git2::Oid::hash_object(git2::ObjectType::Blob, text.as_bytes());
        id.unwrap().to_string().starts_with("17")
    });
    let mut write = |count: usize| -> Vec<git2::Oid> {
        let texts = wanted.by_ref().take(count);
        texts
            .map(|text| repo.blob(text.as_bytes()).unwrap())
            .collect()
    };
    let mut ids = write(20);
    yard.workspaces().sweep(&[]).unwrap();
    assert_eq!((files("17"), files("pack")), (20, 0));
    ids.extend(write(7));
    yard.workspaces().sweep(&[]).unwrap();
    assert_eq!(files("17"), 0);
    let packs = files("pack");
    assert!(packs > 0);
    let repo = git2::Repository::open(yard.path("repo")).unwrap();
    assert!(ids.iter().all(|id| repo.find_blob(*id).is_ok()));
    yard.workspaces().sweep(&[]).unwrap();
    assert_eq!(files("pack"), packs);
}
