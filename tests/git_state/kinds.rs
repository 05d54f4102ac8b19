//! Kinds of repositories, and what is in them.

use std::path::Path;
use std::sync::Mutex;

use fleet::git::state_repo::{GitStateRepo, StateOptions};
use fleet::ports::state_repo::{EntryKind, Freshness, Reach, StateRepo as _, StateRepoError};

use crate::gits::makes_reftables;
use crate::sandbox::{FETCH, FILE, REMOTE, Sandbox, proposal, put, read, won, write};

fn refusal(sandbox: &Sandbox, dir: &Path) -> String {
    match GitStateRepo::open(dir, sandbox.git(), StateOptions::default()) {
        Err(error @ StateRepoError::Unusable { .. }) => error.to_string(),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("{} was opened", dir.display()),
    }
}

#[test]
fn a_folder_outside_any_repository_is_said_so() {
    let sandbox = Sandbox::new();
    let said = refusal(&sandbox, &sandbox.path("home"));
    assert!(said.contains("not inside a git repository"), "{said}");
    let said = refusal(&sandbox, &sandbox.path("nowhere"));
    assert!(said.contains("not inside a git repository"), "{said}");
}

#[test]
fn unsupported_formats_are_named() {
    let sandbox = Sandbox::new();
    let top = sandbox.path("");
    sandbox.run(&top, &["init", "-q", "--object-format=sha256", "long"]);
    let said = refusal(&sandbox, &sandbox.path("long"));
    assert!(said.contains("SHA-256"), "{said}");
    if makes_reftables() {
        sandbox.run(&top, &["init", "-q", "--ref-format=reftable", "table"]);
        let said = refusal(&sandbox, &sandbox.path("table"));
        assert!(said.contains("reftable"), "{said}");
    }
    sandbox.run(&top, &["init", "-q", "future"]);
    let future = sandbox.path("future");
    sandbox.run(&future, &["config", "core.repositoryFormatVersion", "1"]);
    sandbox.run(&future, &["config", "extensions.quantum", "true"]);
    let said = refusal(&sandbox, &future);
    assert!(said.contains("quantum"), "{said}");
}

/// Writes from `dir`, reads it back there, and expects the branch in `git_dir`.
fn works(sandbox: &Sandbox, dir: &Path, git_dir: &Path) {
    let repo = sandbox.open(dir);
    let done = put(&repo, FILE, "1\n");
    let view = sandbox.open(dir).view(Freshness::Local).unwrap();
    assert_eq!(read(&view, FILE).as_deref(), Some("1\n"));
    let tip = sandbox.rev(git_dir, "refs/heads/fleet/state");
    assert_eq!(tip, Some(done.tip.to_string()));
}

#[test]
fn every_usual_kind_of_repository_works() {
    let sandbox = Sandbox::new();
    let plain = sandbox.init("plain");
    std::fs::create_dir_all(plain.join("deep/er")).unwrap();
    works(&sandbox, &plain.join("deep/er"), &plain);

    let bare = sandbox.bare("bare");
    works(&sandbox, &bare, &bare);

    let main = sandbox.init("main");
    sandbox.run(&main, &["worktree", "add", "-q", "../linked", "-b", "side"]);
    works(&sandbox, &sandbox.path("linked"), &main);
    let writer = sandbox.open(&main).writer().unwrap();
    assert_eq!(
        sandbox.open(&sandbox.path("linked")).writer().unwrap(),
        writer
    );

    let empty = sandbox.path("empty");
    sandbox.run(&sandbox.path(""), &["init", "-q", "empty"]);
    works(&sandbox, &empty, &empty);
    assert_eq!(sandbox.rev(&empty, "HEAD"), None, "HEAD stays unborn");

    let detached = sandbox.init("detached");
    sandbox.run(&detached, &["checkout", "-q", "--detach"]);
    works(&sandbox, &detached, &detached);

    // Bare with worktrees beside it, as some people like it.
    let hub = sandbox.bare("dot");
    sandbox.run(&plain, &["push", "-q", hub.to_str().unwrap(), "main"]);
    sandbox.run(&hub, &["worktree", "add", "-q", "../wt", "main"]);
    works(&sandbox, &sandbox.path("wt"), &hub);
}

#[test]
fn shallow_partial_and_mirror_clones_publish() {
    let sandbox = Sandbox::new();
    let (hub, clones) = sandbox.team(1);
    sandbox.commit(&clones[0], "more", "x\n");
    sandbox.run(&clones[0], &["push", "-q", "origin", "main"]);
    sandbox.run(&hub, &["config", "uploadpack.allowFilter", "true"]);
    let mut text = String::new();
    let mut expected = sandbox.open(&clones[0]);
    for (name, args) in [
        ("shallow", &["--depth=1"][..]),
        ("all-shallow", &["--depth=1", "--no-single-branch"]),
        ("partial", &["--filter=blob:none"]),
        ("mirror", &["--mirror"]),
        ("reference", &["--shared"]),
    ] {
        let url = format!("file://{}", hub.display());
        let mut all = vec!["clone", "-q"];
        all.extend(args);
        all.extend([url.as_str(), name]);
        sandbox.run(&sandbox.path(""), &all);
        let repo = sandbox.open(&sandbox.path(name));
        let view = repo.view(FETCH).unwrap();
        assert_eq!(read(&view, FILE).unwrap_or_default(), text, "{name}");
        text.push_str(name);
        text.push('\n');
        put(&repo, FILE, &text);
        let view = expected.view(FETCH).unwrap();
        assert_eq!(read(&view, FILE).as_ref(), Some(&text), "{name}");
        expected = repo;
    }
}

#[test]
fn a_copied_clone_is_another_writer_and_a_reopened_one_is_not() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("one");
    let name = sandbox.open(&dir).writer().unwrap();
    assert_eq!(name.len(), 10);
    assert!(
        name.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    );
    assert_eq!(sandbox.open(&dir).writer().unwrap(), name);
    let copy = sandbox.path("copy");
    let done = std::process::Command::new("cp")
        .arg("-a")
        .arg(&dir)
        .arg(&copy)
        .status();
    assert!(done.unwrap().success());
    let other = sandbox.open(&copy).writer().unwrap();
    assert_ne!(other, name);
    assert_eq!(sandbox.open(&copy).writer().unwrap(), other);
    // A note that nobody can read is replaced.
    std::fs::write(dir.join(".git/fleet/writer"), "\0garbage").unwrap();
    let third = sandbox.open(&dir).writer().unwrap();
    assert_ne!(third, name);
    assert_eq!(sandbox.open(&dir).writer().unwrap(), third);
}

#[test]
fn only_plain_files_are_read_as_state() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("odd");
    sandbox.run(&dir, &["checkout", "-q", "--orphan", "fleet/state"]);
    write(&dir.join(".orchestra/plain.jsonl"), "{}\n");
    write(&dir.join(".orchestra/run.jsonl"), "{}\n");
    std::os::unix::fs::symlink("/etc/passwd", dir.join(".orchestra/link.jsonl")).unwrap();
    std::os::unix::fs::symlink("/etc", dir.join(".orchestra/log")).unwrap();
    sandbox.run(&dir, &["add", ".orchestra"]);
    sandbox.run(
        &dir,
        &["update-index", "--chmod=+x", ".orchestra/run.jsonl"],
    );
    let head = sandbox.run(&dir, &["rev-parse", "main"]);
    let gitlink = format!("160000,{head},.orchestra/sub");
    sandbox.run(&dir, &["update-index", "--add", "--cacheinfo", &gitlink]);
    sandbox.run(&dir, &["commit", "-q", "-m", "odd"]);
    let view = sandbox.open(&dir).view(Freshness::Local).unwrap();
    let entries = view.tree.list(".orchestra").unwrap();
    let kinds: Vec<_> = entries.iter().map(|e| (e.name.as_str(), e.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("link.jsonl", EntryKind::Foreign(0o120_000)),
            ("log", EntryKind::Foreign(0o120_000)),
            ("plain.jsonl", EntryKind::File),
            ("run.jsonl", EntryKind::Foreign(0o100_755)),
            ("sub", EntryKind::Foreign(0o160_000)),
        ]
    );
    for path in [
        "link.jsonl",
        "run.jsonl",
        "sub",
        "log/passwd",
        "sub/x",
        "../x",
        "plain.jsonl/x",
    ] {
        let path = format!(".orchestra/{path}");
        assert_eq!(view.tree.read(&path).unwrap(), None, "{path}");
    }
    assert_eq!(view.tree.list(".orchestra/log").unwrap(), []);
}

#[test]
fn a_huge_file_is_refused_by_size() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("huge");
    let repo = sandbox.open(&dir);
    let huge = "x".repeat((32 << 20) + 1);
    put(&repo, FILE, &huge);
    let error = repo.view(FETCH).unwrap().tree.read(FILE).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("33554433 bytes, the most is 33554432"),
        "{error}"
    );
}

#[test]
fn many_files_are_read_once_each_after_packing_too() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("many");
    let repo = sandbox.open(&dir);
    let name = |n: usize| format!(".orchestra/tasks/{n:04}.jsonl");
    let texts: Vec<(String, String)> = (0..100).map(|n| (name(n), n.to_string())).collect();
    let files: Vec<(&str, &str)> = texts
        .iter()
        .map(|(p, t)| (p.as_str(), t.as_str()))
        .collect();
    let view = repo.view(FETCH).unwrap();
    won(repo.publish(&proposal(&view, &files, REMOTE)).unwrap());
    for packed in [false, true] {
        if packed {
            sandbox.run(&dir, &["gc", "-q", "--prune=now"]);
        }
        let view = repo.view(Freshness::Local).unwrap();
        let paths: Vec<String> = (0..101).map(name).collect();
        let seen = Mutex::new(vec![None; 101]);
        let visit = |at: usize, bytes: &[u8]| {
            let old = seen.lock().unwrap()[at].replace(bytes.to_vec());
            assert_eq!(old, None);
        };
        view.tree.read_many(&paths, &visit).unwrap();
        for (at, bytes) in seen.into_inner().unwrap().into_iter().enumerate() {
            let expected = (at < 100).then(|| at.to_string().into_bytes());
            assert_eq!(bytes, expected, "packed: {packed}");
        }
    }
}

#[test]
fn i1_a_plain_merge_of_two_state_branches_is_a_state() {
    let sandbox = Sandbox::new();
    let (_, clones) = sandbox.team(2);
    let other = ".orchestra/log/2026-11/bbbb-0000.jsonl";
    let repo = sandbox.open(&clones[0]);
    put(&repo, ".orchestra/format.json", "{}\n");
    let two = sandbox.open(&clones[1]);
    let view = two.view(FETCH).unwrap();
    let kept = proposal(&view, &[(other, "b\n")], Reach::LocalOnly);
    won(two.publish(&kept).unwrap());
    put(&repo, FILE, "a\n");
    // A person merges by hand, in the work tree, and then fleet goes on from there.
    let dir = &clones[1];
    sandbox.run(dir, &["fetch", "-q"]);
    sandbox.run(dir, &["checkout", "-q", "fleet/state"]);
    sandbox.run(dir, &["merge", "-q", "--no-edit", "origin/fleet/state"]);
    sandbox.run(dir, &["checkout", "-q", "main"]);
    let view = two.view(FETCH).unwrap();
    let unpublished = view.unpublished.as_ref().unwrap();
    for (path, text) in [(FILE, "a\n"), (other, "b\n")] {
        let bytes = unpublished.read(path).unwrap().unwrap();
        assert_eq!(bytes, text.as_bytes());
    }
    won(two
        .publish(&proposal(&view, &[(other, "b\n")], REMOTE))
        .unwrap());
    let view = repo.view(FETCH).unwrap();
    assert_eq!(read(&view, FILE).as_deref(), Some("a\n"));
    assert_eq!(read(&view, other).as_deref(), Some("b\n"));
    assert!(two.view(FETCH).unwrap().unpublished.is_none());
}

#[test]
fn a_damaged_ref_is_an_error_that_names_it() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("torn");
    let repo = sandbox.open(&dir);
    put(&repo, FILE, "1\n");
    // What a power cut leaves on a file system that does not order writes.
    std::fs::write(dir.join(".git/refs/heads/fleet/state"), "").unwrap();
    let error = repo.view(FETCH).unwrap_err().to_string();
    assert!(error.contains("refs/heads/fleet/state"), "{error}");
}
