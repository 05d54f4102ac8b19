//! What comes back.

use std::fs;

use fleet::ports::workspaces::{CommitRequest, Workspaces as _};

use crate::yard::{MAX, Yard, changed, mode, refused, script, write};

#[test]
fn an_agent_that_changed_nothing_brings_the_start_tree() {
    let yard = Yard::small();
    let before = yard.objects();
    let imported = yard.round(|dir| {
        // Touched, and built: neither is a change.
        let text = fs::read(dir.join("README.md")).unwrap();
        fs::write(dir.join("README.md"), text).unwrap();
        write(dir, "target/debug/app", "binary");
        write(dir, "src/x.log", "noise");
    });
    assert_eq!(changed(&imported), [""; 0]);
    assert_eq!(
        imported.tree.as_str(),
        yard.git(&yard.repo, &["rev-parse", "HEAD^{tree}"])
    );
    assert_eq!(yard.objects(), before);
}

#[test]
fn edits_additions_removals_and_modes_come_in() {
    let yard = Yard::small();
    let imported = yard.round(|dir| {
        write(dir, "README.md", "edited\n");
        write(dir, "src/new/deep/x.rs", "new\n");
        fs::remove_file(dir.join("docs/guide.md")).unwrap();
        mode(&dir.join("src/lib.rs"), 0o755);
        script(&dir.join("run.sh"), "echo hi");
    });
    assert_eq!(refused(&imported), [""; 0]);
    assert_eq!(
        changed(&imported),
        [
            "README.md 100644>100644",
            "docs/guide.md 100644>0",
            "run.sh 0>100755",
            "src/lib.rs 100644>100755",
            "src/new/deep/x.rs 0>100644",
        ]
    );
    assert_eq!(imported.changes[0].bytes, 7);
    assert_eq!(yard.show(&imported.tree, "src/new/deep/x.rs"), "new");
    yard.git(&yard.repo, &["fsck", "--strict"]);
    let root = yard.git(
        &yard.repo,
        &["ls-tree", "--name-only", imported.tree.as_str()],
    );
    assert!(!root.contains("docs"), "an empty folder goes: {root}");
}

#[test]
fn a_file_may_become_a_folder_and_a_folder_a_file() {
    let yard = Yard::small();
    let imported = yard.round(|dir| {
        fs::remove_file(dir.join("README.md")).unwrap();
        write(dir, "README.md/part", "1\n");
        fs::remove_dir_all(dir.join("src")).unwrap();
        write(dir, "src", "one file now\n");
    });
    assert_eq!(refused(&imported), [""; 0]);
    assert_eq!(yard.show(&imported.tree, "README.md/part"), "1");
    assert_eq!(yard.show(&imported.tree, "src"), "one file now");
}

#[test]
fn removing_everything_brings_the_empty_tree() {
    let yard = Yard::small();
    let imported = yard.round(|dir| {
        for name in ["src", "docs"] {
            fs::remove_dir_all(dir.join(name)).unwrap();
        }
        for name in ["README.md", ".gitignore"] {
            fs::remove_file(dir.join(name)).unwrap();
        }
    });
    assert_eq!(
        imported.tree.as_str(),
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    );
    assert_eq!(
        yard.git(&yard.repo, &["cat-file", "-t", imported.tree.as_str()]),
        "tree"
    );
}

#[test]
fn the_tree_counts_and_not_the_agents_commits() {
    let yard = Yard::small();
    let imported = yard.round(|dir| {
        write(dir, "a", "1\n");
        yard.git(dir, &["add", "-A"]);
        yard.git(dir, &["commit", "-qm", "mine"]);
        yard.git(dir, &["checkout", "-q", "--orphan", "other"]);
        yard.git(dir, &["rm", "-rfq", "--cached", "."]);
        write(dir, "b", "2\n");
    });
    assert_eq!(changed(&imported), ["a 0>100644", "b 0>100644"]);
}

#[test]
fn line_ends_that_nobody_touched_are_no_change() {
    let yard = Yard::new(&[
        ("crlf.txt", "a\r\nb\r\n"),
        ("lf.txt", "a\nb\n"),
        ("win.bat", "x\n"),
    ]);
    // Rules that came later than the file: `git add --renormalize` would rewrite crlf.txt.
    yard.git(&yard.repo, &["config", "core.autocrlf", "false"]);
    write(
        &yard.repo,
        ".gitattributes",
        "*.txt text\n*.bat text eol=crlf\n",
    );
    yard.git(&yard.repo, &["add", ".gitattributes"]);
    yard.git(&yard.repo, &["commit", "-qm", "rules"]);
    let imported = yard.round(|dir| {
        assert_eq!(fs::read(dir.join("win.bat")).unwrap(), b"x\r\n");
        for name in ["crlf.txt", "lf.txt", "win.bat"] {
            let text = fs::read(dir.join(name)).unwrap();
            fs::remove_file(dir.join(name)).unwrap();
            fs::write(dir.join(name), text).unwrap();
        }
        write(dir, "new.txt", "new\r\n");
    });
    assert_eq!(changed(&imported), ["new.txt 0>100644"]);
    let raw = yard.git(
        &yard.repo,
        &["cat-file", "-s", &format!("{}:new.txt", imported.tree)],
    );
    assert_eq!(raw, "4", "the project's rule makes it LF");
}

#[test]
fn a_file_in_another_encoding_is_stored_as_git_stores_it() {
    let yard = Yard::new(&[(
        ".gitattributes",
        "*.rc text working-tree-encoding=UTF-16LE\n",
    )]);
    let imported = yard.round(|dir| {
        let text: Vec<u8> = "hi\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        fs::write(dir.join("a.rc"), text).unwrap();
    });
    assert_eq!(yard.show(&imported.tree, "a.rc"), "hi");
}

#[test]
fn a_commit_moves_no_ref_and_says_who_when_and_why() {
    let yard = Yard::small();
    let all = yard.workspaces();
    let workspace = all.prepare(&yard.lease(1), &yard.want()).unwrap();
    write(&workspace.dir, "a", "1\n");
    let imported = all.import(&workspace, MAX).unwrap();
    let refs = yard.git(&yard.repo, &["for-each-ref"]);
    let request = CommitRequest {
        tree: imported.tree,
        parent: yard.head(),
        merged: None,
        message: "do it\n\nTask: T-7\n".to_owned(),
        author_name: "fleet".to_owned(),
        author_email: "fleet@localhost".to_owned(),
        time_secs: 1_700_000_000,
    };
    let id = all.commit(&request).unwrap();
    assert_eq!(
        all.commit(&request).unwrap(),
        id,
        "the same again is the same commit"
    );
    let format = "--format=%P%n%an <%ae> %at%n%cn %ct%n%B";
    let said = yard.git(&yard.repo, &["log", "-1", format, id.as_str()]);
    let wanted = format!(
        "{}\nfleet <fleet@localhost> 1700000000\nfleet 1700000000\ndo it\n\nTask: T-7",
        yard.head()
    );
    assert_eq!(said, wanted);
    assert_eq!(yard.git(&yard.repo, &["for-each-ref"]), refs);
}

#[test]
fn more_bytes_than_allowed_are_refused_before_they_are_read() {
    let yard = Yard::small();
    let all = yard.workspaces();
    let workspace = all.prepare(&yard.lease(1), &yard.want()).unwrap();
    let huge = fs::File::create(workspace.dir.join("core.dump")).unwrap();
    huge.set_len(3 << 30).unwrap();
    let started = std::time::Instant::now();
    let error = all.import(&workspace, MAX).unwrap_err();
    assert!(started.elapsed().as_secs() < 2, "3 GB were read");
    assert!(
        error.cause.contains("core.dump") && error.cause.contains("3221225472"),
        "{error}"
    );
    all.discard(&workspace);
    assert_eq!(yard.left(), [""; 0]);
}

#[test]
fn a_removed_directory_is_a_clear_error() {
    let yard = Yard::small();
    let all = yard.workspaces();
    let workspace = all.prepare(&yard.lease(1), &yard.want()).unwrap();
    fs::remove_dir_all(&workspace.dir).unwrap();
    let error = all.import(&workspace, MAX).unwrap_err();
    assert!(error.cause.contains("the agent removed it"), "{error}");
    all.discard(&workspace);
    assert_eq!(yard.left(), [""; 0]);
}

#[test]
fn a_submodule_stays_what_it_was() {
    let yard = Yard::small();
    let head = yard.head().to_string();
    let info = format!("160000,{head},sub");
    yard.git(&yard.repo, &["update-index", "--add", "--cacheinfo", &info]);
    yard.git(&yard.repo, &["commit", "-qm", "with a submodule"]);
    let imported = yard.round(|dir| {
        let _ = fs::remove_dir(dir.join("sub"));
        write(dir, "a", "1\n");
    });
    assert_eq!(changed(&imported), ["a 0>100644"]);
    assert!(
        yard.git(&yard.repo, &["ls-tree", imported.tree.as_str()])
            .contains("160000 commit")
    );
}
