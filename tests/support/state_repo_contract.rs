//! What every `StateRepo` promises, as stories over any implementation. Include it with
//! `#[path = "support/state_repo_contract.rs"] mod contract;`, implement [`World`], and call
//! [`keep`] for each kind of world (with a remote, without one).

use std::collections::BTreeMap;
use std::sync::Mutex;

use fleet::domain::ids::Oid;
use fleet::domain::time::DurationMs;
use fleet::ports::state_repo::{
    EntryKind, FileChange, Freshness, Proposal, PublishOutcome, Published, Reach, RefChange,
    RemoteState, StateRepo, StateRepoError, StateView,
};

/// One shared place and the repositories on it. Each story gets a new one.
pub(crate) trait World: Sync {
    /// Another clone of the remote; without a remote, another process's handle on the one
    /// repository. Each call makes a new handle.
    fn repo(&self) -> Box<dyn StateRepo>;
    /// A second handle on the same clone as `repo` number `nth` (from 0): another process there.
    fn again(&self, nth: usize) -> Box<dyn StateRepo>;
    /// Whether there is a remote.
    fn has_remote(&self) -> bool;
    /// A commit that exists in clone `nth`, for moving other refs; `salt` makes different ones.
    fn commit(&self, nth: usize, salt: u32) -> Oid;
    /// Where a ref of the shared place points.
    fn ref_at(&self, name: &str) -> Option<Oid>;
    /// Makes the remote stop or start answering; false = cannot be done here (the story is skipped).
    fn answer(&self, _on: bool) -> bool {
        false
    }
    /// Makes the remote refuse or accept pushes; false = cannot be done here.
    fn refuse(&self, _on: bool) -> bool {
        false
    }
    /// Sets the remote's state branch back by one commit; false = cannot be done here.
    fn rewind(&self) -> bool {
        false
    }
}

/// One promise, told on a new world.
type Story = fn(&dyn World);

const FETCH: Freshness = Freshness::Fetch(DurationMs(10_000));
const REMOTE: Reach = Reach::Remote(DurationMs(10_000));
const FILE: &str = ".orchestra/log/2026-11/aaaa-0000.jsonl";

/// Runs every story on its own world.
pub(crate) fn keep(make: &dyn Fn() -> Box<dyn World>) {
    let stories: &[(&str, Story)] = &[
        (
            "an empty repository has no tip",
            an_empty_repository_has_no_tip,
        ),
        (
            "what is published is seen by all",
            what_is_published_is_seen_by_all,
        ),
        (
            "files are written, changed and deleted",
            files_are_written_changed_and_deleted,
        ),
        (
            "i3: of two proposals on one base one wins",
            i3_of_two_on_one_base_one_wins,
        ),
        (
            "equal decisions are two commits",
            equal_decisions_are_two_commits,
        ),
        (
            "i3: many writers lose nothing",
            i3_many_writers_lose_nothing,
        ),
        (
            "other refs move with the state or not at all",
            other_refs_move_with_the_state,
        ),
        ("the writer's name is stable", the_writers_name_is_stable),
        (
            "local commits stay local until settled",
            local_commits_stay_local,
        ),
        (
            "local commits by two processes do not undo each other",
            local_race,
        ),
        (
            "a settle keeps what was added meanwhile",
            a_settle_keeps_what_was_added_meanwhile,
        ),
        (
            "an unreachable remote is said so",
            an_unreachable_remote_is_said_so,
        ),
        (
            "a refusal is final and changes nothing",
            a_refusal_changes_nothing,
        ),
        (
            "a rewound branch is not trusted",
            a_rewound_branch_is_not_trusted,
        ),
    ];
    for (name, story) in stories {
        eprintln!("contract: {name}");
        story(&*make());
    }
}

static NONCE: Mutex<u64> = Mutex::new(0);

/// A proposal on `view` that writes these files.
pub(crate) fn proposal(
    view: &StateView,
    files: &[(&str, Option<&[u8]>)],
    reach: Reach,
) -> Proposal {
    let mut nonce = NONCE.lock().unwrap();
    *nonce += 1;
    Proposal {
        based_on: view.tip.clone(),
        unpublished: view.unpublished_tip.clone(),
        files: files
            .iter()
            .map(|(path, bytes)| FileChange {
                path: (*path).to_owned(),
                bytes: bytes.map(<[u8]>::to_vec),
            })
            .collect(),
        refs: Vec::new(),
        subject: "test".to_owned(),
        nonce: format!("{:032x}", *nonce),
        reach,
        settles_unpublished: false,
    }
}

fn published(outcome: PublishOutcome) -> Published {
    match outcome {
        PublishOutcome::Published(published) => published,
        other => panic!("expected a publish, got {other:?}"),
    }
}

fn lost(outcome: &PublishOutcome) {
    assert!(
        matches!(outcome, PublishOutcome::Lost { .. }),
        "expected a loss, got {outcome:?}"
    );
}

fn put(repo: &dyn StateRepo, files: &[(&str, Option<&[u8]>)]) -> Published {
    let view = repo.view(FETCH).unwrap();
    published(repo.publish(&proposal(&view, files, REMOTE)).unwrap())
}

fn text(view: &StateView, path: &str) -> Option<String> {
    let bytes = view.tree.read(path).unwrap();
    bytes.map(|bytes| String::from_utf8(bytes).unwrap())
}

fn an_empty_repository_has_no_tip(world: &dyn World) {
    let repo = world.repo();
    let view = repo.view(FETCH).unwrap();
    assert_eq!(view.tip, None);
    assert!(view.unpublished.is_none());
    assert_eq!(view.unpublished_tip, None);
    assert_eq!(view.tree.list(".orchestra").unwrap(), []);
    assert_eq!(view.tree.read(FILE).unwrap(), None);
    let remote = if world.has_remote() {
        RemoteState::Fresh
    } else {
        RemoteState::None
    };
    assert_eq!(view.remote, remote);
}

fn what_is_published_is_seen_by_all(world: &dyn World) {
    let (one, two) = (world.repo(), world.repo());
    let before = one.view(FETCH).unwrap();
    let done = put(&*one, &[(FILE, Some(b"1\n"))]);
    assert!(done.settled);
    let own = one.view(Freshness::Local).unwrap();
    assert_eq!(own.tip.as_ref(), Some(&done.tip));
    assert_ne!(own.cache_key, before.cache_key);
    let other = two.view(FETCH).unwrap();
    assert_eq!(other.tip, Some(done.tip));
    assert_eq!(text(&other, FILE).as_deref(), Some("1\n"));
    assert_eq!(text(&before, FILE), None, "a view never changes");
}

fn files_are_written_changed_and_deleted(world: &dyn World) {
    let repo = world.repo();
    let other = ".orchestra/tasks/0000.jsonl";
    put(
        &*repo,
        &[
            (FILE, Some(b"1\n")),
            (other, Some("ä\u{2028}\0".as_bytes())),
        ],
    );
    let first = repo.view(Freshness::Local).unwrap();
    let root = first.tree.list(".orchestra").unwrap();
    let shape: Vec<_> = root.iter().map(|e| (e.name.as_str(), e.kind)).collect();
    assert_eq!(shape, [("log", EntryKind::Dir), ("tasks", EntryKind::Dir)]);
    put(
        &*repo,
        &[(FILE, Some(b"1\n2\n")), (".orchestra/x.json", Some(b"{}"))],
    );
    let second = repo.view(Freshness::Local).unwrap();
    let id = |view: &StateView, name: &str| {
        let entries = view.tree.list(".orchestra").unwrap();
        entries.into_iter().find(|e| e.name == name).map(|e| e.id)
    };
    assert_eq!(
        id(&first, "tasks"),
        id(&second, "tasks"),
        "equal bytes, equal ids"
    );
    assert_ne!(
        id(&first, "log"),
        id(&second, "log"),
        "other bytes, other ids"
    );
    let paths = [FILE, "nowhere", other, ".orchestra/x.json"].map(str::to_owned);
    let visited = Mutex::new(BTreeMap::new());
    let visit = |at: usize, bytes: &[u8]| {
        let before = visited.lock().unwrap().insert(at, bytes.to_vec());
        assert_eq!(before, None, "each path is visited once");
    };
    second.tree.read_many(&paths, &visit).unwrap();
    let expected = [
        (0, b"1\n2\n".to_vec()),
        (2, "ä\u{2028}\0".into()),
        (3, b"{}".to_vec()),
    ];
    assert_eq!(visited.into_inner().unwrap(), BTreeMap::from(expected));
    put(&*repo, &[(other, None), (".orchestra/x.json", None)]);
    let third = repo.view(Freshness::Local).unwrap();
    assert_eq!(
        third.tree.list(".orchestra/tasks").unwrap(),
        [],
        "an empty folder is no folder"
    );
    assert_eq!(third.tree.list(".orchestra").unwrap().len(), 1);
    assert_eq!(
        third.tree.read(".orchestra/log").unwrap(),
        None,
        "a folder is no file"
    );
}

fn i3_of_two_on_one_base_one_wins(world: &dyn World) {
    let (one, two) = (world.repo(), world.repo());
    put(&*one, &[(FILE, Some(b"0\n"))]);
    let (a, b) = (one.view(FETCH).unwrap(), two.view(FETCH).unwrap());
    let win = proposal(&a, &[(FILE, Some(b"0\na\n"))], REMOTE);
    let lose = proposal(&b, &[(FILE, Some(b"0\nb\n"))], REMOTE);
    published(one.publish(&win).unwrap());
    lost(&two.publish(&lose).unwrap());
    lost(&two.publish(&lose).unwrap());
    let view = two.view(FETCH).unwrap();
    assert_eq!(text(&view, FILE).as_deref(), Some("0\na\n"));
    let again = proposal(&view, &[(FILE, Some(b"0\na\nb\n"))], REMOTE);
    published(two.publish(&again).unwrap());
    let end = one.view(FETCH).unwrap();
    assert_eq!(text(&end, FILE).as_deref(), Some("0\na\nb\n"));
}

fn equal_decisions_are_two_commits(world: &dyn World) {
    let (one, two) = (world.repo(), world.repo());
    let (a, b) = (one.view(FETCH).unwrap(), two.view(FETCH).unwrap());
    published(
        one.publish(&proposal(&a, &[(FILE, Some(b"1\n"))], REMOTE))
            .unwrap(),
    );
    lost(
        &two.publish(&proposal(&b, &[(FILE, Some(b"1\n"))], REMOTE))
            .unwrap(),
    );
}

fn i3_many_writers_lose_nothing(world: &dyn World) {
    let repos: Vec<_> = (0..4).map(|_| world.repo()).collect();
    std::thread::scope(|scope| {
        for (nth, repo) in repos.iter().enumerate() {
            scope.spawn(move || {
                for round in 0..3 {
                    let line = format!("{nth}.{round}\n");
                    let won = (0..200).any(|_| {
                        let view = repo.view(FETCH).unwrap();
                        let all = text(&view, FILE).unwrap_or_default() + &line;
                        let change = proposal(&view, &[(FILE, Some(all.as_bytes()))], REMOTE);
                        matches!(repo.publish(&change).unwrap(), PublishOutcome::Published(_))
                    });
                    assert!(won, "writer {nth} never won");
                }
            });
        }
    });
    let view = repos[0].view(FETCH).unwrap();
    let all = text(&view, FILE).unwrap();
    let mut lines: Vec<_> = all.lines().collect();
    lines.sort_unstable();
    let expected: Vec<_> = (0..4)
        .flat_map(|n| (0..3).map(move |r| format!("{n}.{r}")))
        .collect();
    assert_eq!(lines, expected);
}

fn other_refs_move_with_the_state(world: &dyn World) {
    let (one, two) = (world.repo(), world.repo());
    let (first, second) = (world.commit(0, 1), world.commit(0, 2));
    let name = "refs/heads/agent/T-7";
    let moving = |view: &StateView, expected: Option<&Oid>, new: &Oid, line: &[u8]| Proposal {
        refs: vec![RefChange {
            name: name.to_owned(),
            expected: expected.cloned(),
            new: new.clone(),
        }],
        ..proposal(view, &[(FILE, Some(line))], REMOTE)
    };
    let view = one.view(FETCH).unwrap();
    published(one.publish(&moving(&view, None, &first, b"1\n")).unwrap());
    assert_eq!(world.ref_at(name), Some(first.clone()));
    let view = one.view(FETCH).unwrap();
    // It must not exist, but it does: neither moves.
    lost(&one.publish(&moving(&view, None, &second, b"2\n")).unwrap());
    lost(
        &one.publish(&moving(&view, Some(&second), &second, b"2\n"))
            .unwrap(),
    );
    assert_eq!(world.ref_at(name), Some(first.clone()));
    let view = one.view(FETCH).unwrap();
    assert_eq!(text(&view, FILE).as_deref(), Some("1\n"));
    // The state moved meanwhile: the other ref stays.
    put(&*two, &[(FILE, Some(b"1\n3\n"))]);
    lost(
        &one.publish(&moving(&view, Some(&first), &second, b"2\n"))
            .unwrap(),
    );
    assert_eq!(world.ref_at(name), Some(first.clone()));
    let view = one.view(FETCH).unwrap();
    published(
        one.publish(&moving(&view, Some(&first), &second, b"1\n3\n2\n"))
            .unwrap(),
    );
    assert_eq!(world.ref_at(name), Some(second));
}

fn the_writers_name_is_stable(world: &dyn World) {
    let repo = world.repo();
    let name = repo.writer().unwrap();
    assert_eq!(repo.writer().unwrap(), name);
    assert_eq!(world.again(0).writer().unwrap(), name, "one name per clone");
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    assert!(
        (1..=32).contains(&name.len()) && name.bytes().all(plain),
        "{name}"
    );
}

fn local_commits_stay_local(world: &dyn World) {
    if !world.has_remote() {
        return;
    }
    let (one, two) = (world.repo(), world.repo());
    put(&*two, &[(".orchestra/a", Some(b"a"))]);
    let view = one.view(FETCH).unwrap();
    let local = proposal(&view, &[(FILE, Some(b"1\n"))], Reach::LocalOnly);
    let done = published(one.publish(&local).unwrap());
    assert!(!done.settled);
    assert_eq!(
        text(&two.view(FETCH).unwrap(), FILE),
        None,
        "nobody else sees it"
    );
    // The remote moves on; the local commit is still there, beside it.
    put(&*two, &[(".orchestra/b", Some(b"b"))]);
    let view = world.again(0).view(FETCH).unwrap();
    assert_eq!(text(&view, ".orchestra/b").as_deref(), Some("b"));
    assert_eq!(text(&view, FILE), None);
    assert_eq!(view.unpublished_tip, Some(done.tip));
    let unpublished = view.unpublished.as_ref().unwrap();
    assert_eq!(
        unpublished.read(FILE).unwrap().as_deref(),
        Some(&b"1\n"[..])
    );
    assert_eq!(
        unpublished.read(".orchestra/a").unwrap().as_deref(),
        Some(&b"a"[..])
    );
    // A publish that does not settle leaves it; one that does, ends it.
    published(
        one.publish(&proposal(&view, &[(".orchestra/c", Some(b"c"))], REMOTE))
            .unwrap(),
    );
    let view = one.view(Freshness::Local).unwrap();
    assert!(view.unpublished.is_some());
    let settle = Proposal {
        settles_unpublished: true,
        ..proposal(&view, &[(FILE, Some(b"1\n"))], REMOTE)
    };
    published(one.publish(&settle).unwrap());
    let view = one.view(Freshness::Local).unwrap();
    assert!(view.unpublished.is_none());
    assert_eq!(view.unpublished_tip, None);
    assert_eq!(
        text(&two.view(FETCH).unwrap(), FILE).as_deref(),
        Some("1\n")
    );
}

fn local_race(world: &dyn World) {
    if !world.has_remote() {
        return;
    }
    let (one, same) = (world.repo(), world.again(0));
    let (a, b) = (
        one.view(Freshness::Local).unwrap(),
        same.view(Freshness::Local).unwrap(),
    );
    let first = proposal(&a, &[(FILE, Some(b"1\n"))], Reach::LocalOnly);
    published(one.publish(&first).unwrap());
    let second = proposal(&b, &[(FILE, Some(b"2\n"))], Reach::LocalOnly);
    lost(&same.publish(&second).unwrap());
    let b = same.view(Freshness::Local).unwrap();
    let second = proposal(&b, &[(FILE, Some(b"1\n2\n"))], Reach::LocalOnly);
    published(same.publish(&second).unwrap());
    let end = one.view(Freshness::Local).unwrap().unpublished.unwrap();
    assert_eq!(end.read(FILE).unwrap().as_deref(), Some(&b"1\n2\n"[..]));
}

fn a_settle_keeps_what_was_added_meanwhile(world: &dyn World) {
    if !world.has_remote() {
        return;
    }
    let (one, same) = (world.repo(), world.again(0));
    let view = one.view(FETCH).unwrap();
    let local = proposal(&view, &[(FILE, Some(b"1\n"))], Reach::LocalOnly);
    published(one.publish(&local).unwrap());
    let settling = one.view(FETCH).unwrap();
    let more = same.view(Freshness::Local).unwrap();
    let more = proposal(&more, &[(FILE, Some(b"1\n2\n"))], Reach::LocalOnly);
    published(same.publish(&more).unwrap());
    let settle = Proposal {
        settles_unpublished: true,
        ..proposal(&settling, &[(FILE, Some(b"1\n"))], REMOTE)
    };
    published(one.publish(&settle).unwrap());
    let view = one.view(Freshness::Local).unwrap();
    assert_eq!(text(&view, FILE).as_deref(), Some("1\n"));
    let kept = view
        .unpublished
        .expect("the later local commit is still unpublished");
    assert_eq!(kept.read(FILE).unwrap().as_deref(), Some(&b"1\n2\n"[..]));
}

fn an_unreachable_remote_is_said_so(world: &dyn World) {
    let repo = world.repo();
    if !world.has_remote() {
        return;
    }
    put(&*repo, &[(FILE, Some(b"1\n"))]);
    if !world.answer(false) {
        return;
    }
    let view = repo.view(FETCH).unwrap();
    assert!(
        matches!(view.remote, RemoteState::Unreachable { .. }),
        "{:?}",
        view.remote
    );
    assert_eq!(
        text(&view, FILE).as_deref(),
        Some("1\n"),
        "the last view is there"
    );
    let change = proposal(&view, &[(FILE, Some(b"1\n2\n"))], REMOTE);
    let outcome = repo.publish(&change).unwrap();
    assert!(
        matches!(outcome, PublishOutcome::Unreachable { .. }),
        "{outcome:?}"
    );
    world.answer(true);
    let view = repo.view(FETCH).unwrap();
    assert_eq!(text(&view, FILE).as_deref(), Some("1\n"));
    published(repo.publish(&change).unwrap());
}

fn a_refusal_changes_nothing(world: &dyn World) {
    let repo = world.repo();
    if !world.has_remote() {
        return;
    }
    let first = put(&*repo, &[(FILE, Some(b"1\n"))]);
    if !world.refuse(true) {
        return;
    }
    let view = repo.view(FETCH).unwrap();
    let change = proposal(&view, &[(FILE, Some(b"1\n2\n"))], REMOTE);
    let outcome = repo.publish(&change).unwrap();
    assert!(
        matches!(outcome, PublishOutcome::Denied { .. }),
        "{outcome:?}"
    );
    let view = repo.view(FETCH).unwrap();
    assert_eq!(view.tip, Some(first.tip));
    world.refuse(false);
    published(repo.publish(&change).unwrap());
}

fn a_rewound_branch_is_not_trusted(world: &dyn World) {
    let repo = world.repo();
    if !world.has_remote() {
        return;
    }
    put(&*repo, &[(FILE, Some(b"1\n"))]);
    put(&*repo, &[(FILE, Some(b"1\n2\n"))]);
    if !world.rewind() {
        return;
    }
    let error = repo.view(FETCH).unwrap_err();
    assert!(matches!(error, StateRepoError::Rewound { .. }), "{error:?}");
}
