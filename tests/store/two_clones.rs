//! Two clones that work offline and meet again: nothing lost, edges right, numbers unique (I1).

use fleet::domain::dep::DepKind;
use fleet::domain::ids::{Oid, RecordId, TaskNumber, TaskUid};
use fleet::domain::record::{DepEdge, Op, Record, TaskNumbered};
use fleet::domain::state::State;
use fleet::domain::time::{DurationMs, Timestamp};
use fleet::ports::memory::{Fault, MemoryRemote, MemoryRepo};
use fleet::ports::memory_tree::MemoryTree;
use fleet::ports::state_repo::{
    Freshness, Proposal, PublishOutcome, Reach, StateRepo as _, StateView,
};
use fleet::store::{Checkpoint, Scope, Write, load, plan_write, verify};

use crate::records::{NOON, added, id, record, task};
use crate::support::{apply, view};

const FETCH: Freshness = Freshness::Fetch(DurationMs(1000));
const REMOTE: Reach = Reach::Remote(DurationMs(1000));

fn propose(view: &StateView, write: &Write<'_>, reach: Reach, nonce: u64) -> Proposal {
    let loaded = load(view, Scope::Live).unwrap();
    Proposal {
        based_on: view.tip.clone(),
        unpublished: view.unpublished_tip.clone(),
        files: plan_write(view, &loaded, write).unwrap(),
        refs: Vec::new(),
        subject: "test".to_owned(),
        nonce: format!("{nonce:x}"),
        reach,
        settles_unpublished: write.settle,
    }
}

/// Adds records to the clone's own branch, without the remote.
fn offline(repo: &MemoryRepo, records: &[Record], nonce: u64) {
    let view = repo.view(Freshness::Local).unwrap();
    let writer = repo.writer().unwrap();
    let write = Write {
        writer: &writer,
        now: Timestamp(NOON),
        records,
        settle: false,
        checkpoint: Checkpoint::Never,
    };
    let outcome = repo
        .publish(&propose(&view, &write, Reach::LocalOnly, nonce))
        .unwrap();
    assert!(
        matches!(outcome, PublishOutcome::Published(_)),
        "{outcome:?}"
    );
}

/// What `fleet sync` does: fetch, fold, number what has no number, settle; until it wins.
fn sync(repo: &MemoryRepo, checkpoint: Checkpoint, nonce: u64) -> Oid {
    let writer = repo.writer().unwrap();
    for attempt in 0..10 {
        let view = repo.view(FETCH).unwrap();
        let state = load(&view, Scope::Live).unwrap().state;
        let records = numbering(&state, nonce * 100 + attempt);
        let write = Write {
            writer: &writer,
            now: Timestamp(NOON),
            records: &records,
            settle: true,
            checkpoint,
        };
        let proposal = propose(&view, &write, REMOTE, nonce * 100 + attempt);
        if let PublishOutcome::Published(published) = repo.publish(&proposal).unwrap() {
            return published.tip;
        }
    }
    panic!("never won");
}

fn numbering(state: &State, salt: u64) -> Vec<Record> {
    let waiting = state.tasks.iter().filter(|(_, t)| t.number.value.is_none());
    waiting
        .zip(state.max_number + 1..)
        .map(|((uid, _), n)| {
            let op = Op::TaskNumbered(TaskNumbered {
                task: *uid,
                n: TaskNumber::new(n).unwrap(),
            });
            let low = u16::try_from(salt * 10 + u64::from(n)).unwrap();
            let mut made = record(id(6, low), 0, op);
            made.ts = state.clock.next(Timestamp(NOON));
            made
        })
        .collect()
}

fn edge(rec: RecordId, from: TaskUid, to: TaskUid) -> Record {
    let kind = DepKind::Blocks;
    record(rec, NOON, Op::DepAdded(DepEdge { from, to, kind }))
}

/// Tasks `first` and `first + 1` of one clone, the second waiting for the first.
fn work(first: u16) -> Vec<Record> {
    vec![
        added(first, NOON, None, "a"),
        added(first + 1, NOON, None, "b"),
        edge(id(5, first), task(first + 1), task(first)),
    ]
}

fn check(state: &State) {
    let tasks = [10, 11, 20, 21].map(task);
    assert_eq!(state.tasks.len(), 4);
    let mut numbers: Vec<_> = tasks
        .iter()
        .map(|uid| state.number_of(*uid).expect("numbered").get())
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 4, "numbers are unique");
    let edges: Vec<_> = state.live_deps().map(|e| (e.from, e.to)).collect();
    assert_eq!(edges, [(task(11), task(10)), (task(21), task(20))]);
}

#[test]
fn i1_two_clones_that_worked_offline_lose_nothing_when_they_sync() {
    for checkpoint in [Checkpoint::Never, Checkpoint::Force] {
        let remote = MemoryRemote::new();
        let (one, two) = (remote.clone_as("wa"), remote.clone_as("wb"));
        offline(&one, &work(10), 1);
        offline(&two, &work(20), 2);
        offline(&two, &[added(22, NOON, None, "gone")][..0], 3);
        sync(&one, checkpoint, 4);
        // The second one does not know yet that it is late.
        sync(&two, checkpoint, 5);
        for repo in [&one, &two] {
            let view = repo.view(FETCH).unwrap();
            assert!(view.unpublished.is_none());
            let loaded = load(&view, Scope::Live).unwrap();
            assert_eq!(loaded.problems, []);
            check(&loaded.state);
            assert_eq!(verify(&view).unwrap(), []);
        }
    }
}

#[test]
fn i1_a_lost_race_and_a_lost_answer_cost_another_round_and_no_record() {
    let remote = MemoryRemote::new();
    let (one, two) = (remote.clone_as("wa"), remote.clone_as("wb"));
    offline(&one, &work(10), 1);
    offline(&two, &work(20), 2);
    remote.fail_next(Fault::Lost);
    remote.fail_next(Fault::LostAck);
    remote.fail_next(Fault::Unreachable);
    sync(&one, Checkpoint::Never, 3);
    remote.fail_next(Fault::LostAck);
    sync(&two, Checkpoint::Force, 4);
    let view = two.view(FETCH).unwrap();
    let loaded = load(&view, Scope::Live).unwrap();
    assert_eq!(loaded.problems, []);
    check(&loaded.state);
}

/// Files of both sides; for a file that both changed, the given side's: a merge by hand or by git.
fn git_merge(ours: &MemoryTree, theirs: &MemoryTree) -> MemoryTree {
    let mut merged = theirs.clone();
    for (path, bytes) in ours.files() {
        merged.set(path, Some(bytes.to_vec()));
    }
    merged
}

#[test]
fn i1_a_plain_merge_of_two_state_branches_loses_nothing() {
    for (first, second) in [
        (Checkpoint::Never, Checkpoint::Never),
        (Checkpoint::Force, Checkpoint::Never),
        (Checkpoint::Never, Checkpoint::Force),
        (Checkpoint::Force, Checkpoint::Force),
    ] {
        // Two branches that never met, each with its own numbers.
        let branch = |writer: &str, from: u16, checkpoint| {
            let remote = MemoryRemote::new();
            let repo = remote.clone_as(writer);
            offline(&repo, &work(from), 1);
            sync(&repo, checkpoint, u64::from(from));
            remote.tree()
        };
        let (a, b) = (branch("wa", 10, first), branch("wb", 20, second));
        for merged in [git_merge(&a, &b), git_merge(&b, &a)] {
            let loaded = load(&view(merged.clone()), Scope::All).unwrap();
            let state = loaded.state;
            assert_eq!(state.tasks.len(), 4);
            assert_eq!(state.live_deps().count(), 2);
            assert_eq!(state.collisions().count(), 2, "both granted 1 and 2");
            // Doctor renumbers those that do not keep their number.
            let late: Vec<_> = state
                .collisions()
                .flat_map(|(_, claimants)| claimants.into_iter().skip(1))
                .zip(state.max_number + 1..)
                .map(|(task, n)| {
                    let n = TaskNumber::new(n).unwrap();
                    let op = Op::TaskNumbered(TaskNumbered { task, n });
                    let mut made = record(id(6, 9000 + n.get() as u16), 0, op);
                    made.ts = state.clock.next(Timestamp(NOON));
                    made
                })
                .collect();
            let view_before = view(merged.clone());
            let loaded = load(&view_before, Scope::All).unwrap();
            let write = Write {
                writer: "wc",
                now: Timestamp(NOON),
                records: &late,
                settle: false,
                checkpoint: Checkpoint::Force,
            };
            let mut mended = merged.clone();
            apply(
                &mut mended,
                plan_write(&view_before, &loaded, &write).unwrap(),
            );
            let end = load(&view(mended.clone()), Scope::Live).unwrap();
            assert_eq!(end.problems, []);
            check(&end.state);
            assert_eq!(verify(&view(mended)).unwrap(), []);
        }
    }
}

#[test]
fn unpublished_records_are_read_with_the_rest_and_stay_local() {
    let remote = MemoryRemote::new();
    let (one, two) = (remote.clone_as("wa"), remote.clone_as("wb"));
    offline(&one, &work(10), 1);
    let view = one.view(FETCH).unwrap();
    for scope in [Scope::Header, Scope::Live, Scope::All] {
        assert_eq!(load(&view, scope).unwrap().state.tasks.len(), 2);
    }
    assert_eq!(
        two.view(FETCH).unwrap().tree.list(".orchestra").unwrap(),
        []
    );
    // A second local write goes on top of the first.
    offline(&one, &[added(12, NOON, None, "c")], 2);
    let view = one.view(Freshness::Local).unwrap();
    assert_eq!(load(&view, Scope::Live).unwrap().state.tasks.len(), 3);
}
