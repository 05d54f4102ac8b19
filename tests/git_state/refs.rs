//! What publishing writes on disk is what git itself would write.

use fleet::ports::state_repo::StateRepo as _;

use crate::sandbox::{FILE, REMOTE, Sandbox, proposal, put, write};

#[test]
fn git_finds_nothing_wrong_with_what_a_publish_writes() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("r");
    let repo = sandbox.open(&dir);
    put(&repo, FILE, "one\n");
    put(
        &repo,
        ".orchestra/log.txt",
        "sorts before the folder of that name\n",
    );
    put(&repo, ".orchestra/log-more/x", "and this after it\n");
    let (ok, said) = sandbox.try_run(&dir, &["fsck", "--strict", "--no-dangling"]);
    assert!(ok, "{said}");
    let names = sandbox.run(&dir, &["ls-tree", "-r", "--name-only", "fleet/state"]);
    assert_eq!(
        names.lines().collect::<Vec<_>>(),
        [".orchestra/log-more/x", ".orchestra/log.txt", FILE]
    );
}

#[test]
fn a_packed_state_branch_moves_and_leaves_no_lock_behind() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("r");
    let repo = sandbox.open(&dir);
    let first = put(&repo, FILE, "one\n");
    sandbox.run(&dir, &["pack-refs", "--all", "--prune"]);
    let loose = dir.join(".git/refs/heads/fleet/state");
    assert!(!loose.exists());
    let second = put(&repo, FILE, "one\ntwo\n");
    assert_ne!(first.tip, second.tip);
    assert_eq!(
        sandbox.rev(&dir, "fleet/state").as_deref(),
        Some(second.tip.as_str())
    );
    assert!(!loose.with_extension("lock").exists());
}

#[test]
fn the_reflog_says_where_the_state_branch_was() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("r");
    let repo = sandbox.open(&dir);
    let tips: Vec<String> = ["one\n", "two\n", "three\n"]
        .map(|text| put(&repo, FILE, text).tip.as_str().to_owned())
        .into();
    let log = sandbox.run(&dir, &["reflog", "--format=%H", "fleet/state"]);
    let newest_first: Vec<&str> = tips.iter().rev().map(String::as_str).collect();
    assert_eq!(log.lines().collect::<Vec<_>>(), newest_first);
}

#[test]
fn a_ref_that_git_holds_is_not_moved_and_the_message_names_the_lock_file() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("r");
    let repo = sandbox.open(&dir);
    let first = put(&repo, FILE, "one\n");
    write(&dir.join(".git/refs/heads/fleet/state.lock"), "");
    let view = repo
        .view(fleet::ports::state_repo::Freshness::Local)
        .unwrap();
    let refused = repo
        .publish(&proposal(&view, &[(FILE, "two\n")], REMOTE))
        .expect_err("the ref is locked");
    let said = refused.to_string();
    assert!(said.contains("refs/heads/fleet/state.lock"), "{said}");
    assert!(said.contains("left-over"), "{said}");
    assert_eq!(
        sandbox.rev(&dir, "fleet/state").as_deref(),
        Some(first.tip.as_str())
    );
    assert!(dir.join(".git/refs/heads/fleet/state.lock").exists());
}
