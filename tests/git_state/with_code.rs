//! State and code on one branch.

use std::path::{Path, PathBuf};

use fleet::git::state_repo::{GitStateRepo, StateOptions};
use fleet::ports::state_repo::{Freshness, PublishOutcome, Reach, StateRepo as _};

use crate::sandbox::{FETCH, FILE, REMOTE, Sandbox, proposal, put, read, won, write};

fn open(sandbox: &Sandbox, dir: &Path) -> GitStateRepo {
    let options = StateOptions {
        branch: "main".to_owned(),
        with_code: true,
        ..StateOptions::default()
    };
    sandbox.open_with(dir, options)
}

fn status(sandbox: &Sandbox, dir: &Path) -> String {
    sandbox.run(dir, &["status", "--porcelain"])
}

fn on_disk(dir: &Path) -> Option<String> {
    std::fs::read_to_string(dir.join(FILE)).ok()
}

#[test]
fn without_a_remote_the_work_tree_follows_and_stays_clean() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("alone");
    let repo = open(&sandbox, &dir);
    for text in ["1\n", "1\n2\n"] {
        put(&repo, FILE, text);
        assert_eq!(status(&sandbox, &dir), "");
        assert_eq!(on_disk(&dir).as_deref(), Some(text));
    }
    assert_eq!(repo.warnings(), [""; 0]);
    assert_eq!(
        std::fs::read_to_string(dir.join("README")).unwrap(),
        "hello\n"
    );
    // Work in progress elsewhere is nobody's business.
    write(&dir.join("README"), "edited\n");
    write(&dir.join("new"), "new\n");
    sandbox.run(&dir, &["add", "new"]);
    put(&repo, FILE, "1\n2\n3\n");
    assert_eq!(
        status(&sandbox, &dir),
        " M README\nA  new"
            .trim_start_matches(' ')
            .replacen("M", " M", 1)
    );
    assert_eq!(on_disk(&dir).as_deref(), Some("1\n2\n3\n"));
}

#[test]
fn with_a_remote_the_branch_and_the_work_tree_follow() {
    let sandbox = Sandbox::new();
    let (hub, clones) = sandbox.team(2);
    let repo = open(&sandbox, &clones[0]);
    let done = put(&repo, FILE, "1\n");
    for (dir, name) in [
        (&hub, "main"),
        (&clones[0], "main"),
        (&clones[0], "origin/main"),
    ] {
        assert_eq!(sandbox.rev(dir, name), Some(done.tip.to_string()));
    }
    assert_eq!(status(&sandbox, &clones[0]), "");
    assert_eq!(on_disk(&clones[0]).as_deref(), Some("1\n"));
    // Somebody else's code comes in between: ours goes on top, the local branch waits for a pull.
    sandbox.run(&clones[1], &["pull", "-q"]);
    sandbox.commit(&clones[1], "code", "x\n");
    sandbox.run(&clones[1], &["push", "-q"]);
    put(&repo, FILE, "1\n2\n");
    assert_eq!(sandbox.rev(&clones[0], "main"), Some(done.tip.to_string()));
    assert_eq!(status(&sandbox, &clones[0]), "");
    let view = repo.view(Freshness::Local).unwrap();
    assert_eq!(read(&view, FILE).as_deref(), Some("1\n2\n"));
    assert!(view.unpublished.is_none());
    sandbox.run(&clones[0], &["pull", "-q", "--ff-only"]);
    assert_eq!(on_disk(&clones[0]).as_deref(), Some("1\n2\n"));
    put(&repo, FILE, "1\n2\n3\n");
    assert_eq!(status(&sandbox, &clones[0]), "");
    assert_eq!(on_disk(&clones[0]).as_deref(), Some("1\n2\n3\n"));
}

#[test]
fn r10_code_that_its_author_did_not_push_is_never_pushed() {
    let sandbox = Sandbox::new();
    let (hub, clones) = sandbox.team(1);
    let dir = &clones[0];
    let repo = open(&sandbox, dir);
    put(&repo, FILE, "1\n");
    let own = sandbox.commit(dir, "secret-plan", "mine\n");
    let view = repo.view(FETCH).unwrap();
    assert!(view.unpublished.is_none(), "code is not state");
    put(&repo, FILE, "1\n2\n");
    // Records kept locally on top of that commit do not carry it along either.
    let view = repo.view(FETCH).unwrap();
    let kept = proposal(&view, &[(FILE, "1\n2\n3\n")], Reach::LocalOnly);
    won(repo.publish(&kept).unwrap());
    let view = repo.view(FETCH).unwrap();
    assert!(view.unpublished.is_some());
    won(repo
        .publish(&proposal(&view, &[(FILE, "1\n2\n3\n")], REMOTE))
        .unwrap());
    let (has, _) = sandbox.try_run(&hub, &["merge-base", "--is-ancestor", &own, "main"]);
    assert!(!has, "the author's commit was pushed");
    assert_eq!(sandbox.rev(&hub, "main:secret-plan"), None);
    assert_eq!(
        sandbox.run(&hub, &["show", &format!("main:{FILE}")]),
        "1\n2\n3"
    );
    assert!(dir.join("secret-plan").exists());
    assert_eq!(status(&sandbox, dir), "");
}

#[test]
fn state_kept_locally_is_settled_and_the_branch_is_in_step_again() {
    let sandbox = Sandbox::new();
    let (hub, clones) = sandbox.team(2);
    let (dir, repo) = (&clones[0], open(&sandbox, &clones[0]));
    let view = repo.view(FETCH).unwrap();
    let kept = proposal(&view, &[(FILE, "1\n")], Reach::LocalOnly);
    assert!(!won(repo.publish(&kept).unwrap()).settled);
    assert_eq!(on_disk(dir).as_deref(), Some("1\n"));
    assert_eq!(status(&sandbox, dir), "");
    put(&open(&sandbox, &clones[1]), ".orchestra/other", "2\n");
    let view = repo.view(FETCH).unwrap();
    let done = won(repo
        .publish(&proposal(&view, &[(FILE, "1\n")], REMOTE))
        .unwrap());
    for (at, name) in [(&hub, "main"), (dir, "main"), (dir, "origin/main")] {
        assert_eq!(sandbox.rev(at, name), Some(done.tip.to_string()));
    }
    assert_eq!(status(&sandbox, dir), "");
    assert!(dir.join(".orchestra/other").exists());
    assert!(repo.view(FETCH).unwrap().unpublished.is_none());
}

#[test]
fn edited_state_files_are_left_alone_and_reported() {
    let sandbox = Sandbox::new();
    let alone = sandbox.init("alone");
    let (_, clones) = sandbox.team(1);
    for (dir, with_remote) in [(&alone, false), (&clones[0], true)] {
        let repo = open(&sandbox, dir);
        let before = put(&repo, FILE, "1\n");
        write(&dir.join(FILE), "mine\n");
        put(&repo, FILE, "1\n2\n");
        assert_eq!(on_disk(dir).as_deref(), Some("mine\n"));
        let warnings = repo.warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(
            warnings[0].contains("aaaa-0000.jsonl was edited"),
            "{warnings:?}"
        );
        let local = sandbox.rev(dir, "main");
        // Where a remote decides, the branch waits for its work tree.
        assert_eq!(local == Some(before.tip.to_string()), with_remote);
    }
    // Staged, replaced by a folder, reached through a link: the same.
    let repo = open(&sandbox, &alone);
    sandbox.run(&alone, &["reset", "-q", "--hard"]);
    write(&alone.join(FILE), "staged\n");
    sandbox.run(&alone, &["add", FILE]);
    put(&repo, FILE, "1\n2\n3\n");
    assert!(repo.warnings()[0].contains("is staged with other content"));
    sandbox.run(&alone, &["reset", "-q", "--hard"]);
    std::fs::rename(alone.join(".orchestra"), sandbox.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(sandbox.path("elsewhere"), alone.join(".orchestra")).unwrap();
    put(&repo, FILE, "1\n2\n3\n4\n");
    assert!(repo.warnings()[0].contains("is not a folder"));
    let outside: PathBuf = sandbox.path("elsewhere/log/2026-11/aaaa-0000.jsonl");
    assert_eq!(std::fs::read_to_string(outside).unwrap(), "1\n2\n3\n");
}

#[test]
fn the_branch_may_be_checked_out_in_a_linked_work_tree_or_nowhere() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("moved");
    sandbox.run(&dir, &["checkout", "-q", "-b", "side"]);
    let repo = open(&sandbox, &dir);
    put(&repo, FILE, "1\n");
    assert_eq!(on_disk(&dir), None);
    assert_eq!(status(&sandbox, &dir), "");
    sandbox.run(&dir, &["worktree", "add", "-q", "../linked", "main"]);
    let linked = sandbox.path("linked");
    put(&repo, FILE, "1\n2\n");
    assert_eq!(on_disk(&linked).as_deref(), Some("1\n2\n"));
    assert_eq!(status(&sandbox, &linked), "");
    assert_eq!(on_disk(&dir), None);
}

#[test]
fn a_branch_that_the_remote_lacks_is_not_begun_with_somebodys_code() {
    let sandbox = Sandbox::new();
    let hub = sandbox.bare("hub");
    let dir = sandbox.init("new");
    sandbox.run(&dir, &["remote", "add", "origin", hub.to_str().unwrap()]);
    let repo = open(&sandbox, &dir);
    let view = repo.view(FETCH).unwrap();
    let outcome = repo
        .publish(&proposal(&view, &[(FILE, "1\n")], REMOTE))
        .unwrap();
    let PublishOutcome::Denied { cause, .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(cause.contains("push it first"), "{cause}");
    assert_eq!(sandbox.rev(&hub, "main"), None);
    sandbox.run(&dir, &["push", "-q", "origin", "main"]);
    put(&repo, FILE, "1\n");
    assert_eq!(status(&sandbox, &dir), "");
}

#[test]
fn an_unborn_branch_begins_with_the_state() {
    let sandbox = Sandbox::new();
    let dir = sandbox.path("unborn");
    sandbox.run(&sandbox.path(""), &["init", "-q", "unborn"]);
    let repo = open(&sandbox, &dir);
    put(&repo, FILE, "1\n");
    assert_eq!(status(&sandbox, &dir), "");
    assert_eq!(on_disk(&dir).as_deref(), Some("1\n"));
}
