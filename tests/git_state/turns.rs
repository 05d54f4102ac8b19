//! Writers of one clone wait for their turn and do not overtake each other.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use fleet::app::context::Context;
use fleet::app::publish::{Changed, Decision, How, Terms, change};
use fleet::domain::record::{Op, TaskAdded};
use fleet::domain::time::{DurationMs, Timestamp};
use fleet::git::state_repo::GitStateRepo;
use fleet::machine::ids::SystemIds;
use fleet::ports::clock::Clock;
use fleet::ports::state_repo::{Freshness, PublishOutcome, StateRepo as _, TakeTurn};
use fleet::store::{Checkpoint, Memo, Scope, load};

use crate::sandbox::{FILE, REMOTE, Sandbox, proposal, put, won};

#[test]
fn who_has_the_turn_is_not_overtaken() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("r");
    let (first, second) = (sandbox.open(&dir), sandbox.open(&dir));
    put(&first, FILE, "one\n");
    assert!(first.turn(TakeTurn::IfBusy, REMOTE).unwrap().is_none());
    let turn = first.turn(TakeTurn::Now, REMOTE).unwrap();
    assert!(turn.is_some());
    let view = first.view(Freshness::Local).unwrap();
    let (seen, told) = mpsc::channel();
    thread::scope(|scope| {
        let other = scope.spawn(move || {
            let view = second.view(Freshness::Local).unwrap();
            seen.send(()).unwrap();
            // It waits here until the turn of the other one ends.
            let late = second.publish(&proposal(&view, &[(FILE, "late\n")], REMOTE));
            (late.unwrap(), second)
        });
        told.recv().unwrap();
        // Its own steps wait for nobody.
        first.writer().unwrap();
        won(first
            .publish(&proposal(&view, &[(FILE, "two\n")], REMOTE))
            .unwrap());
        drop(turn);
        let (late, second) = other.join().unwrap();
        assert!(matches!(late, PublishOutcome::Lost { .. }), "{late:?}");
        put(&second, FILE, "three\n");
    });
}

#[test]
fn where_a_remote_decides_nobody_waits_for_a_turn() {
    let sandbox = Sandbox::new();
    let (_, clones) = sandbox.team(1);
    let repo = sandbox.open(&clones[0]);
    assert!(repo.turn(TakeTurn::Now, REMOTE).unwrap().is_none());
}

/// A clock that stands still, and counts the pauses.
#[derive(Default)]
struct Still(AtomicU64);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000)
    }

    fn pause(&self, _: DurationMs) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Makes a change of one task in `repo`; `meanwhile` runs at each decision.
fn add(
    repo: &GitStateRepo,
    clock: &Still,
    checkpoint: Checkpoint,
    mut meanwhile: impl FnMut(),
) -> Changed<()> {
    let context = Context {
        repo,
        clock,
        ids: &SystemIds::default(),
        actor: "human:mia",
        run: "test",
        memo: &Memo::default(),
    };
    let terms = Terms {
        scope: Scope::Live,
        freshness: Freshness::Local,
        how: How::Prefer(DurationMs::secs(5)),
        checkpoint,
    };
    let changed = change(context, &terms, |_, minter| {
        meanwhile();
        minter.add(Op::TaskAdded(TaskAdded::default()));
        Ok::<_, Infallible>(Decision::write((), "add"))
    });
    changed.unwrap()
}

#[test]
fn i1_of_eight_that_write_at_once_none_is_overtaken_twice_and_all_is_kept() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("r");
    begin(&sandbox.open(&dir));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let (repo, clock) = (sandbox.open(&dir), Still::default());
                for _ in 0..5 {
                    let changed = add(&repo, &clock, Checkpoint::Never, || ());
                    assert!(changed.tries <= 2);
                }
                assert_eq!(clock.0.load(Ordering::SeqCst), 0, "nobody backs off");
            });
        }
    });
    let view = sandbox.open(&dir).view(Freshness::Local).unwrap();
    assert_eq!(load(&view, Scope::All).unwrap().state.tasks.len(), 40);
}

#[test]
fn what_may_take_long_to_decide_keeps_nobody_waiting() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("r");
    begin(&sandbox.open(&dir));
    let (repo, clock, other) = (sandbox.open(&dir), Still::default(), sandbox.open(&dir));
    let mut tries = 0;
    let changed = add(&repo, &clock, Checkpoint::IfGrown, || {
        tries += 1;
        if tries < 3 {
            // Another writer finds nobody in front of it, and overtakes.
            let free = other.turn(TakeTurn::IfBusy, REMOTE).unwrap();
            assert!(free.is_none(), "try {tries}");
            put(&other, FILE, &format!("{tries}\n"));
        }
    });
    assert_eq!(changed.tries, 3);
    assert_eq!(clock.0.load(Ordering::SeqCst), 2, "it backs off");
}

fn begin(repo: &GitStateRepo) {
    put(
        repo,
        ".orchestra/format.json",
        "{\"format\":1,\"min_reader\":1}\n",
    );
}
