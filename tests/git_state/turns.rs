//! Writers of one clone wait for their turn and do not overtake each other.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use fleet::app::context::Context;
use fleet::app::publish::{Decision, How, Terms, change};
use fleet::domain::record::{Op, TaskAdded};
use fleet::domain::time::{DurationMs, Timestamp};
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

/// A clock that stands still.
struct Still(AtomicU64);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000)
    }

    fn pause(&self, _: DurationMs) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn i1_of_eight_that_write_at_once_none_is_overtaken_twice_and_all_is_kept() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("r");
    put(
        &sandbox.open(&dir),
        ".orchestra/format.json",
        "{\"format\":1,\"min_reader\":1}\n",
    );
    let add = |writer: u64| {
        let (repo, clock, ids) = (
            sandbox.open(&dir),
            Still(AtomicU64::new(0)),
            SystemIds::default(),
        );
        let context = Context {
            repo: &repo,
            clock: &clock,
            ids: &ids,
            actor: "human:mia",
            run: "test",
            memo: &Memo::default(),
        };
        let terms = Terms {
            scope: Scope::Live,
            freshness: Freshness::Local,
            how: How::Prefer(DurationMs::secs(5)),
            checkpoint: Checkpoint::Never,
        };
        for n in 0..5 {
            let changed = change(context, &terms, |_, minter| {
                let mut added = TaskAdded::default();
                added.set.title = Some(format!("{writer}/{n}"));
                minter.add(Op::TaskAdded(added));
                Ok::<_, Infallible>(Decision::write((), "add"))
            });
            assert!(changed.unwrap().tries <= 2);
        }
        assert_eq!(clock.0.load(Ordering::SeqCst), 0, "nobody backs off");
    };
    thread::scope(|scope| {
        for writer in 0..8 {
            scope.spawn(move || add(writer));
        }
    });
    let view = sandbox.open(&dir).view(Freshness::Local).unwrap();
    assert_eq!(load(&view, Scope::All).unwrap().state.tasks.len(), 40);
}
