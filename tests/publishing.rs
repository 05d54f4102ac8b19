//! The publish protocol of the use-cases, over a remote in memory that fails as it is told.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};

use fleet::app::context::Context;
use fleet::app::publish::{Changed, Decision, How, Terms, change};
use fleet::domain::ids::{RecordId, TaskUid};
use fleet::domain::record::{Op, TaskAdded, TaskFields};
use fleet::domain::time::{DurationMs, Timestamp};
use fleet::machine::ids::SystemIds;
use fleet::ports::clock::Clock;
use fleet::ports::memory::{Fault, MemoryRemote, MemoryRepo};
use fleet::ports::state_repo::{Freshness, StateRepo as _};
use fleet::store::{Checkpoint, Memo, Scope, load};

const LIMIT: DurationMs = DurationMs(1000);

/// A clock that moves a second at each look.
struct Steps(AtomicU64);

impl Clock for Steps {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000 + self.0.fetch_add(1000, Ordering::SeqCst))
    }

    fn pause(&self, _: DurationMs) {}
}

/// Adds a task whose title is what `title` says at each decision.
fn add(repo: &MemoryRepo, how: How, title: impl Fn(u32) -> String) -> Changed<RecordId> {
    let (clock, ids) = (Steps(AtomicU64::new(0)), SystemIds::default());
    let context = Context {
        repo,
        clock: &clock,
        ids: &ids,
        actor: "human:mia",
        run: "test",
        memo: &Memo::default(),
    };
    let terms = Terms {
        scope: Scope::Live,
        freshness: Freshness::Fetch(LIMIT),
        how,
        checkpoint: Checkpoint::Never,
    };
    let mut tries = 0;
    change(context, &terms, |_, minter| {
        tries += 1;
        let added = TaskAdded {
            set: TaskFields {
                title: Some(title(tries)),
                ..TaskFields::default()
            },
            ..TaskAdded::default()
        };
        let id = minter.add(Op::TaskAdded(added));
        Ok::<_, Infallible>(Decision::write(id, "add"))
    })
    .unwrap()
}

fn titles(repo: &MemoryRepo) -> Vec<String> {
    let view = repo.view(Freshness::Fetch(LIMIT)).unwrap();
    let loaded = load(&view, Scope::All).unwrap();
    assert_eq!(loaded.problems, Vec::new());
    let tasks = loaded.state.tasks.values();
    let mut titles: Vec<_> = tasks.map(|task| task.title.value.clone()).collect();
    titles.sort();
    titles
}

#[test]
fn i1_a_task_whose_push_got_no_answer_is_kept_here_and_is_one_task_when_both_meet() {
    for fault in [Fault::Denied, Fault::Unreachable, Fault::LostAck] {
        let remote = MemoryRemote::new();
        let (mia, ben) = (remote.clone_as("mia"), remote.clone_as("ben"));
        add(&mia, How::Must(LIMIT), |_| "First".to_owned());
        remote.fail_next(fault);
        let kept = add(&mia, How::Prefer(LIMIT), |_| "Second".to_owned());
        assert!(kept.kept_locally.is_some());
        add(&ben, How::Must(LIMIT), |_| "Third".to_owned());
        add(&mia, How::Must(LIMIT), |_| "Fourth".to_owned());
        for repo in [&mia, &ben] {
            assert_eq!(titles(repo), ["First", "Fourth", "Second", "Third"]);
        }
        let view = ben.view(Freshness::Fetch(LIMIT)).unwrap();
        let state = load(&view, Scope::All).unwrap().state;
        let numbers: BTreeSet<_> = state
            .tasks
            .keys()
            .map(|uid| state.number_of(*uid))
            .collect();
        assert_eq!(numbers.len(), 4, "{numbers:?}");
        let uid = TaskUid::created_by(kept.value);
        assert!(
            state.number_of(uid).is_some(),
            "the kept task has its number"
        );
    }
}

#[test]
fn i1_a_decision_that_comes_out_otherwise_after_a_lost_answer_reuses_no_id() {
    let remote = MemoryRemote::new();
    let (mia, ben) = (remote.clone_as("mia"), remote.clone_as("ben"));
    add(&mia, How::Must(LIMIT), |_| "First".to_owned());
    // The push arrives, its answer does not, and what is decided for here differs.
    remote.fail_next(Fault::LostAck);
    let kept = add(&mia, How::Prefer(LIMIT), |tries| format!("Try {tries}"));
    assert!(kept.kept_locally.is_some());
    add(&mia, How::Must(LIMIT), |_| "Last".to_owned());
    // Two tasks are a nuisance; one id with two contents would be damage.
    assert_eq!(titles(&ben), ["First", "Last", "Try 1", "Try 2"]);
}

#[test]
fn i1_a_task_that_lost_every_race_is_kept_here_and_numbered_by_a_later_publish() {
    let remote = MemoryRemote::new();
    let (mia, ben) = (remote.clone_as("mia"), remote.clone_as("ben"));
    add(&mia, How::Must(LIMIT), |_| "First".to_owned());
    for _ in 0..24 {
        remote.fail_next(Fault::Lost);
    }
    let kept = add(&mia, How::Prefer(LIMIT), |_| "Second".to_owned());
    let cause = kept.kept_locally.expect("it is kept");
    assert!(cause.contains("faster 24 times"), "{cause}");
    assert!(kept.granted.is_empty(), "{:?}", kept.granted);
    add(&mia, How::Must(LIMIT), |_| "Third".to_owned());
    assert_eq!(titles(&ben), ["First", "Second", "Third"]);
}
