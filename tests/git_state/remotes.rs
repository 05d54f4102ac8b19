//! Races, refusals, lost acknowledgements, silence.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use fleet::domain::time::DurationMs;
use fleet::git::process::Git;
use fleet::git::state_repo::{GitStateRepo, StateOptions};
use fleet::ports::state_repo::{
    Freshness, Proposal, PublishOutcome, Reach, RemoteState, StateRepo as _, StateRepoError,
};

use crate::sandbox::{FETCH, FILE, REMOTE, Sandbox, proposal, put, read, script, won};

const STATE: &str = "refs/heads/fleet/state";

#[test]
fn i3_of_eight_clones_that_claim_at_once_exactly_one_wins() {
    let sandbox = Sandbox::new();
    let (hub, clones) = sandbox.team(8);
    let repos: Vec<_> = clones.iter().map(|dir| sandbox.open(dir)).collect();
    put(&repos[0], FILE, "open\n");
    for round in 0..2 {
        let views: Vec<_> = repos.iter().map(|repo| repo.view(FETCH).unwrap()).collect();
        // All say exactly the same, in the same second, with the same author.
        let same = format!("claim {round}\n");
        let outcomes: Vec<PublishOutcome> = std::thread::scope(|scope| {
            let racers: Vec<_> = repos
                .iter()
                .zip(&views)
                .map(|(repo, view)| {
                    let claim = proposal(view, &[(FILE, &same)], REMOTE);
                    scope.spawn(move || repo.publish(&claim).unwrap())
                })
                .collect();
            racers
                .into_iter()
                .map(|racer| racer.join().unwrap())
                .collect()
        });
        let winners: Vec<_> = outcomes
            .iter()
            .filter_map(|outcome| match outcome {
                PublishOutcome::Published(published) => Some(published.tip.to_string()),
                PublishOutcome::Lost { .. } => None,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        assert_eq!(sandbox.rev(&hub, STATE).as_ref(), Some(&winners[0]));
    }
}

#[test]
fn i3_publishing_the_very_same_commit_again_is_no_win() {
    let sandbox = Sandbox::new();
    let (_, clones) = sandbox.team(1);
    let repo = sandbox.open(&clones[0]);
    let claim = proposal(&repo.view(FETCH).unwrap(), &[(FILE, "1\n")], REMOTE);
    let first = won(repo.publish(&claim).unwrap());
    let again = repo.publish(&claim).unwrap();
    assert!(matches!(again, PublishOutcome::Lost { .. }), "{again:?}");
    assert_eq!(repo.view(FETCH).unwrap().tip, Some(first.tip));
}

#[test]
fn a_refusing_hook_is_quoted() {
    let sandbox = Sandbox::new();
    let (hub, clones) = sandbox.team(1);
    script(
        &hub.join("hooks/pre-receive"),
        "echo 'frozen until Monday' >&2; exit 1",
    );
    let repo = sandbox.open(&clones[0]);
    let change = proposal(&repo.view(FETCH).unwrap(), &[(FILE, "1\n")], REMOTE);
    let PublishOutcome::Denied { cause, .. } = repo.publish(&change).unwrap() else {
        panic!("not denied");
    };
    assert!(
        cause.contains("hook declined") && cause.contains("frozen until Monday"),
        "{cause}"
    );
    assert_eq!(sandbox.rev(&hub, STATE), None);
    assert_eq!(
        sandbox.rev(&clones[0], STATE),
        None,
        "nothing moved here either"
    );
}

#[test]
fn i7_a_lost_acknowledgement_is_still_a_publish() {
    let sandbox = Sandbox::new();
    let (hub, clones) = sandbox.team(1);
    script(&hub.join("hooks/post-receive"), "kill -9 $PPID");
    let repo = sandbox.open(&clones[0]);
    let done = put(&repo, FILE, "1\n");
    assert_eq!(sandbox.rev(&hub, STATE), Some(done.tip.to_string()));
    // And when another one has built on it before we ask.
    let other = sandbox.clone(&hub, "other");
    script(
        &hub.join("hooks/post-receive"),
        "new=$(git -c user.name=x -c user.email=x@localhost commit-tree -p fleet/state -m more fleet/state^{tree})\n\
         git update-ref refs/heads/fleet/state $new; kill -9 $PPID",
    );
    let done = put(&repo, FILE, "1\n2\n");
    std::fs::remove_file(hub.join("hooks/post-receive")).unwrap();
    let view = sandbox.open(&other).view(FETCH).unwrap();
    assert_ne!(view.tip, Some(done.tip));
    assert_eq!(read(&view, FILE).as_deref(), Some("1\n2\n"));
    // The next change goes on top of what was found there.
    put(&repo, FILE, "1\n2\n3\n");
}

/// A clone whose remote is `url`.
fn lonely(sandbox: &Sandbox, url: &str) -> GitStateRepo {
    let dir = sandbox.init("lonely");
    sandbox.run(&dir, &["remote", "add", "origin", url]);
    sandbox.open(&dir)
}

#[test]
fn a_closed_port_is_unreachable() {
    let sandbox = Sandbox::new();
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let repo = lonely(&sandbox, &format!("git://127.0.0.1:{port}/x"));
    let view = repo.view(FETCH).unwrap();
    let RemoteState::Unreachable { cause } = &view.remote else {
        panic!("{:?}", view.remote);
    };
    assert!(cause.contains("refused"), "{cause}");
    let outcome = repo
        .publish(&proposal(&view, &[(FILE, "1\n")], REMOTE))
        .unwrap();
    assert!(
        matches!(outcome, PublishOutcome::Unreachable { .. }),
        "{outcome:?}"
    );
    // Kept locally it is not lost.
    let kept = proposal(&view, &[(FILE, "1\n")], Reach::LocalOnly);
    assert!(!won(repo.publish(&kept).unwrap()).settled);
    let view = repo.view(Freshness::Local).unwrap();
    assert!(view.unpublished.is_some());
}

#[test]
fn i9_a_remote_that_hangs_costs_its_limit_and_no_more() {
    let sandbox = Sandbox::new();
    // It takes connections and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let repo = lonely(&sandbox, &format!("git://127.0.0.1:{port}/x"));
    let limit = DurationMs(300);
    let begun = Instant::now();
    let view = repo.view(Freshness::Fetch(limit)).unwrap();
    assert!(matches!(view.remote, RemoteState::Unreachable { .. }));
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    let begun = Instant::now();
    let change = proposal(&view, &[(FILE, "1\n")], Reach::Remote(limit));
    let outcome = repo.publish(&change).unwrap();
    assert!(
        matches!(outcome, PublishOutcome::Unreachable { .. }),
        "{outcome:?}"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_deleted_state_branch_is_not_taken_for_a_beginning() {
    let sandbox = Sandbox::new();
    let (hub, clones) = sandbox.team(1);
    let repo = sandbox.open(&clones[0]);
    put(&repo, FILE, "1\n");
    sandbox.run(&hub, &["update-ref", "-d", STATE]);
    let error = repo.view(FETCH).unwrap_err();
    let StateRepoError::Gone { branch, remote, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(
        (branch.as_str(), remote.as_str()),
        ("fleet/state", "origin")
    );
}

#[test]
fn a_rewound_branch_is_trusted_again_only_when_told_so() {
    let sandbox = Sandbox::new();
    let (hub, clones) = sandbox.team(1);
    let repo = sandbox.open(&clones[0]);
    put(&repo, FILE, "1\n");
    put(&repo, FILE, "1\n2\n");
    sandbox.run(&hub, &["update-ref", STATE, &format!("{STATE}~1")]);
    for _ in 0..2 {
        let error = repo.view(FETCH).unwrap_err();
        assert!(matches!(error, StateRepoError::Rewound { .. }), "{error:?}");
    }
    // Also without asking the remote: the tracking ref is what was rewound.
    assert!(repo.view(Freshness::Local).is_err());
    repo.accept_rewind().unwrap();
    let view = repo.view(FETCH).unwrap();
    assert_eq!(read(&view, FILE).as_deref(), Some("1\n"));
    // What the remote lost is still here, as an unpublished commit.
    let kept = view.unpublished.unwrap().read(FILE).unwrap();
    assert_eq!(kept.as_deref(), Some(&b"1\n2\n"[..]));
}

#[test]
fn an_old_answer_that_another_process_of_the_clone_wrote_down_late_is_no_rewind() {
    let sandbox = Sandbox::new();
    let (_, clones) = sandbox.team(1);
    let repo = sandbox.open(&clones[0]);
    put(&repo, FILE, "1\n");
    put(&repo, FILE, "1\n2\n");
    // It asked before the second push, and its answer is written after it.
    let tracking = "refs/remotes/origin/fleet/state";
    let late = || {
        sandbox.run(
            &clones[0],
            &["update-ref", tracking, &format!("{tracking}~1")],
        )
    };
    late();
    for freshness in [Freshness::Local, FETCH] {
        let view = repo.view(freshness).unwrap();
        assert_eq!(read(&view, FILE).as_deref(), Some("1\n2\n"));
    }
    late();
    put(&repo, FILE, "1\n2\n3\n");
    let view = repo.view(FETCH).unwrap();
    assert_eq!(read(&view, FILE).as_deref(), Some("1\n2\n3\n"));
}

#[test]
fn a_lock_file_left_on_the_remote_is_named_and_not_waited_for_long() {
    let sandbox = Sandbox::new();
    let (hub, clones) = sandbox.team(1);
    let repo = sandbox.open(&clones[0]);
    put(&repo, FILE, "1\n");
    std::fs::write(hub.join("refs/heads/fleet/state.lock"), "").unwrap();
    let view = repo.view(FETCH).unwrap();
    let change = proposal(&view, &[(FILE, "1\n2\n")], REMOTE);
    let PublishOutcome::Denied { cause, .. } = repo.publish(&change).unwrap() else {
        panic!("not denied");
    };
    assert!(cause.contains("stays locked"), "{cause}");
    std::fs::remove_file(hub.join("refs/heads/fleet/state.lock")).unwrap();
    won(repo.publish(&change).unwrap());
}

#[test]
fn a_settle_joins_both_histories_and_the_refs_follow() {
    let sandbox = Sandbox::new();
    let (hub, clones) = sandbox.team(2);
    let (one, two) = (sandbox.open(&clones[0]), sandbox.open(&clones[1]));
    let other = ".orchestra/log/2026-11/bbbb-0000.jsonl";
    put(&one, FILE, "1\n");
    let view = two.view(Freshness::Local).unwrap();
    let kept = proposal(&view, &[(other, "b\n")], Reach::LocalOnly);
    let kept = won(two.publish(&kept).unwrap());
    let view = two.view(FETCH).unwrap();
    assert_eq!(view.unpublished_tip, Some(kept.tip.clone()));
    let done = won(two
        .publish(&proposal(&view, &[(other, "b\n")], REMOTE))
        .unwrap());
    let parents = sandbox.run(&hub, &["log", "-1", "--format=%P", STATE]);
    let base = view.tip.unwrap();
    assert_eq!(parents, format!("{base} {}", kept.tip));
    for name in [STATE, "refs/remotes/origin/fleet/state"] {
        assert_eq!(sandbox.rev(&clones[1], name), Some(done.tip.to_string()));
    }
    let view = one.view(FETCH).unwrap();
    assert_eq!(read(&view, FILE).as_deref(), Some("1\n"));
    assert_eq!(read(&view, other).as_deref(), Some("b\n"));
}

/// Git that writes a line per start into `calls`.
fn counting(sandbox: &Sandbox) -> Git {
    let calls = sandbox.path("calls");
    let shim = sandbox.path("git-counted");
    script(
        &shim,
        &format!("echo \"$*\" >> '{}'; exec git \"$@\"", calls.display()),
    );
    let env = sandbox.git_env();
    Git::with_env(shim, env)
}

fn calls(sandbox: &Sandbox) -> Vec<String> {
    let path = sandbox.path("calls");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let _ = std::fs::remove_file(path);
    text.lines().map(str::to_owned).collect()
}

#[test]
fn i8_an_idle_look_is_one_fetch_that_brings_the_branches_along() {
    let sandbox = Sandbox::new();
    let (hub, clones) = sandbox.team(2);
    let options = StateOptions {
        extra_fetch: vec!["main".to_owned(), "agent/*".to_owned()],
        ..StateOptions::default()
    };
    let repo = GitStateRepo::open(&clones[0], counting(&sandbox), options).unwrap();
    put(&repo, FILE, "1\n");
    calls(&sandbox);
    let head = sandbox.commit(&clones[1], "code", "x\n");
    sandbox.run(
        &clones[1],
        &["push", "-q", "origin", "main", "main:agent/T-1"],
    );
    let view = repo.view(FETCH).unwrap();
    assert_eq!(view.remote, RemoteState::Fresh);
    let made = calls(&sandbox);
    assert_eq!(made.len(), 1, "{made:?}");
    for name in ["main", "agent/T-1"] {
        let tracking = format!("refs/remotes/origin/{name}");
        assert_eq!(sandbox.rev(&clones[0], &tracking), Some(head.clone()));
    }
    // A branch that was deleted there is not remembered here.
    sandbox.run(&hub, &["update-ref", "-d", "refs/heads/agent/T-1"]);
    repo.view(FETCH).unwrap();
    assert_eq!(
        sandbox.rev(&clones[0], "refs/remotes/origin/agent/T-1"),
        None
    );
    calls(&sandbox);
    repo.view(Freshness::Local).unwrap();
    assert_eq!(calls(&sandbox), [""; 0], "a local look starts nothing");
    let view = repo.view(Freshness::Local).unwrap();
    won(repo
        .publish(&proposal(&view, &[(FILE, "1\n2\n")], REMOTE))
        .unwrap());
    assert_eq!(calls(&sandbox).len(), 1, "a publish is one push");
}

#[test]
fn several_remotes_need_a_choice() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("many");
    for name in ["a", "b"] {
        sandbox.run(&dir, &["remote", "add", name, "nowhere"]);
    }
    let open = |path: &Path| GitStateRepo::open(path, sandbox.git(), StateOptions::default());
    let error = open(&dir).err().expect("ambiguous").to_string();
    assert!(error.contains("several remotes (a, b)"), "{error}");
}

#[test]
fn i10_hooks_and_monitors_of_the_repository_do_not_run() {
    let sandbox = Sandbox::new();
    let (_, clones) = sandbox.team(1);
    let dir = &clones[0];
    let ran = sandbox.path("ran");
    let trap = format!("echo \"$0\" >> '{}'", ran.display());
    for hook in [
        "pre-push",
        "reference-transaction",
        "post-checkout",
        "post-index-change",
        "pre-auto-gc",
        "pre-commit",
        "post-commit",
        "prepare-commit-msg",
        "commit-msg",
        "post-merge",
    ] {
        script(&dir.join(".git/hooks").join(hook), &trap);
    }
    let evil = sandbox.path("evil");
    script(&evil, &trap);
    sandbox.run(dir, &["config", "core.fsmonitor", evil.to_str().unwrap()]);
    sandbox.run(dir, &["config", "core.hooksPath", ".git/hooks"]);
    let _ = std::fs::remove_file(&ran);
    let config = std::fs::read(dir.join(".git/config")).unwrap();
    let repo = sandbox.open(dir);
    put(&repo, FILE, "1\n");
    let view = repo.view(FETCH).unwrap();
    let kept = Proposal {
        reach: Reach::LocalOnly,
        ..proposal(&view, &[(FILE, "1\n2\n")], REMOTE)
    };
    won(repo.publish(&kept).unwrap());
    let with_code = sandbox.open_with(
        dir,
        StateOptions {
            branch: "main".to_owned(),
            with_code: true,
            ..StateOptions::default()
        },
    );
    put(&with_code, FILE, "1\n");
    assert!(!ran.exists(), "{}", std::fs::read_to_string(&ran).unwrap());
    assert_eq!(
        std::fs::read(dir.join(".git/config")).unwrap(),
        config,
        "config is untouched"
    );
}
