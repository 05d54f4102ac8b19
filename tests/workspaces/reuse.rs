//! A reused checkout is as good as a fresh one, or is not reused.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use fleet::ports::workspaces::Workspaces as _;

use crate::yard::{MAX, Yard, changed, mode, write};

/// Every file below with its mode and text, without `.git`.
fn contents(dir: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut seen = BTreeMap::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(at) = todo.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with(".git") {
                continue;
            }
            let mode = fs::symlink_metadata(&path).unwrap().permissions().mode();
            let text = if path.is_dir() {
                todo.push(path.clone());
                Vec::new()
            } else {
                fs::read(&path).unwrap()
            };
            seen.insert(path.strip_prefix(dir).unwrap().to_owned(), (mode, text));
        }
    }
    seen
}

#[test]
fn a_reused_checkout_equals_a_fresh_one() {
    let yard = Yard::small();
    let all = yard.workspaces();
    let first = all.prepare(&yard.lease(1), &yard.want()).unwrap();
    write(&first.dir, "README.md", "edited\n");
    write(&first.dir, "new/x", "new\n");
    write(&first.dir, "target/debug/app", "binary");
    fs::create_dir(first.dir.join("empty")).unwrap();
    fs::remove_file(first.dir.join("docs/guide.md")).unwrap();
    mode(&first.dir.join("src/lib.rs"), 0o755);
    write(&first.home, ".secret", "of the first agent");
    all.import(&first, MAX).unwrap();
    all.discard(&first);
    assert_eq!(yard.left().len(), 1, "it is parked: {:?}", yard.left());

    // Meanwhile the base moves on.
    fs::remove_file(yard.repo.join("src/lib.rs")).unwrap();
    yard.commit(&[("src/main.rs", "fn main() {}\n"), ("README.md", "newer\n")]);
    let reused = all.prepare(&yard.lease(2), &yard.want()).unwrap();
    let pool_is_empty = fs::read_dir(yard.root().join("pool"))
        .unwrap()
        .next()
        .is_none();
    assert!(pool_is_empty, "it was taken");
    let other = yard.workspaces_as(2, 0);
    let fresh = other.prepare(&yard.lease(3), &yard.want()).unwrap();
    assert_eq!(contents(&reused.dir), contents(&fresh.dir));
    assert_eq!(
        yard.git(&reused.dir, &["status", "--porcelain", "--ignored"]),
        ""
    );
    assert_eq!(
        yard.git(&reused.dir, &["rev-parse", "HEAD"]),
        yard.head().to_string()
    );
    assert_eq!(fs::read_dir(&reused.home).unwrap().count(), 0);
    write(&reused.dir, "src/main.rs", "changed\n");
    assert_eq!(
        changed(&all.import(&reused, MAX).unwrap()),
        ["src/main.rs 100644>100644"]
    );
}

#[test]
fn what_was_tampered_with_while_parked_is_not_used() {
    let yard = Yard::small();
    let all = yard.workspaces();
    let first = all.prepare(&yard.lease(1), &yard.want()).unwrap();
    all.import(&first, MAX).unwrap();
    all.discard(&first);
    let parked = fs::read_dir(yard.root().join("pool"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    write(&parked, "work/README.md", "changed by a survivor\n");
    write(&parked, "work/planted", "x");
    let second = all.prepare(&yard.lease(2), &yard.want()).unwrap();
    assert_eq!(
        fs::read_to_string(second.dir.join("README.md")).unwrap(),
        "hello\n"
    );
    assert!(!second.dir.join("planted").exists());
}

#[test]
fn a_suspicious_workspace_is_removed_and_not_parked() {
    let yard = Yard::small();
    let all = yard.workspaces();
    let outside = yard.path("outside");
    let tricks: [&dyn Fn(&Path); 4] = [
        &|dir| fs::hard_link(dir.join("README.md"), &outside).unwrap(),
        &|dir| mode(&dir.join("src"), 0o777),
        &|dir| write(dir, "src/.git", "gitdir: /x"),
        &|dir| {
            for n in 0..2_100 {
                write(dir, &format!("target{n}"), "");
            }
        },
    ];
    for (n, trick) in tricks.iter().enumerate() {
        let workspace = all.prepare(&yard.lease(n as u128), &yard.want()).unwrap();
        // After the import, as a verify command could.
        all.import(&workspace, MAX).unwrap();
        trick(&workspace.dir);
        all.discard(&workspace);
        assert_eq!(yard.left(), [""; 0], "trick {n}");
    }
}

#[test]
fn the_pool_is_bounded_and_what_was_not_imported_is_not_parked() {
    let yard = Yard::small();
    let all = yard.workspaces_as(2, 2);
    let made: Vec<_> = (1..=4)
        .map(|n| all.prepare(&yard.lease(n), &yard.want()).unwrap())
        .collect();
    for workspace in &made[..3] {
        all.import(workspace, MAX).unwrap();
    }
    for workspace in made.iter().rev() {
        all.discard(workspace);
    }
    assert_eq!(yard.left().len(), 2);
    // A smaller pool from now on.
    yard.workspaces_as(2, 1).sweep(&[]).unwrap();
    assert_eq!(yard.left().len(), 1);
}
