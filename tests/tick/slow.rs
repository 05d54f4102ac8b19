//! A remote that takes its time: every call gets what is left of the time of its tick, and no more.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use fleet::app::context::Context;
use fleet::app::tick::report::{Ended, TickReport};
use fleet::app::tick::{Phase, TickOptions, World, tick};
use fleet::domain::policy::PlanApproval;
use fleet::domain::time::{DurationMs, Moment, Timestamp};
use fleet::git::state_repo::GitStateRepo;
use fleet::machine::clock::SystemClock;
use fleet::ports::clock::Clock;
use fleet::ports::runner::Cancel;
use fleet::ports::state_repo::{
    Freshness, Proposal, PublishOutcome, Reach, StateRepo, StateRepoError, StateView,
};

use crate::remote::{COURSE, story};
use crate::town::{Clone, Town, policy};

/// How long the remote takes for each call.
const TAKES: DurationMs = DurationMs::secs(3);

/// A real repository, and a clock on which its remote takes long.
struct Slow<'a> {
    repo: &'a GitStateRepo,
    passed: AtomicU64,
    /// When each call begins, and how long it may take.
    calls: Mutex<Vec<(Moment, DurationMs)>>,
}

impl Slow<'_> {
    fn call(&self, limit: DurationMs) {
        self.calls.lock().unwrap().push((self.moment(), limit));
        self.passed.fetch_add(TAKES.0, Ordering::SeqCst);
    }
}

impl Clock for Slow<'_> {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn moment(&self) -> Moment {
        let passed = self.passed.load(Ordering::SeqCst);
        SystemClock.moment().plus(DurationMs(passed))
    }

    fn pause(&self, span: DurationMs) {
        SystemClock.pause(span);
    }
}

impl StateRepo for Slow<'_> {
    fn view(&self, freshness: Freshness) -> Result<StateView, StateRepoError> {
        if let Freshness::Fetch(limit) = freshness {
            self.call(limit);
        }
        self.repo.view(freshness)
    }

    fn publish(&self, proposal: &Proposal) -> Result<PublishOutcome, StateRepoError> {
        if let Reach::Remote(limit) = proposal.reach {
            self.call(limit);
        }
        self.repo.publish(proposal)
    }

    fn writer(&self) -> Result<String, StateRepoError> {
        self.repo.writer()
    }
}

/// One phase with a budget of a second; gives what came of it, and how many calls there were.
fn in_time(clone: &Clone, phase: Phase, dir: &Path) -> (TickReport, usize) {
    let slow = Slow {
        repo: &clone.repo,
        passed: AtomicU64::new(0),
        calls: Mutex::default(),
    };
    let options = TickOptions {
        phase,
        time_budget: Some(DurationMs::secs(1)),
        ..TickOptions::default()
    };
    let begun = slow.moment();
    let report = clone.with_world(dir, |world| {
        let context = Context {
            repo: &slow,
            clock: &slow,
            ..world.context
        };
        let world = World { context, ..*world };
        tick(&world, &options, &Cancel::default(), &mut |_| {}).unwrap()
    });
    let calls = slow.calls.into_inner().unwrap();
    for (at, limit) in &calls {
        let end = at.plus(*limit).since(begun);
        assert!(end <= DurationMs::secs(11), "{phase:?}: {end:?} {calls:?}");
    }
    (report, calls.len())
}

#[test]
fn i9_each_call_of_the_phases_that_push_gets_what_is_left_of_their_time() {
    let story = story(COURSE, PlanApproval::Auto);
    let dir = story.town.path("handover");
    let (report, calls) = in_time(&story.clone, Phase::Claim, &dir);
    assert_eq!(report.claimed.len(), 1, "{report:#?}");
    assert_eq!(calls, 3, "a fetch, the claim, and what the service made");

    let town = Town::new();
    let clone = town.clone("one", policy(&[("writer", "echo two >> src/a.txt")]));
    clone.add("Add a line", &[]);
    let dir = town.path("handover");
    in_time(&clone, Phase::Claim, &dir);
    let options = TickOptions {
        phase: Phase::Run,
        ..TickOptions::default()
    };
    let run = |world: &World<'_>| tick(world, &options, &Cancel::default(), &mut |_| {});
    clone.with_world(&dir, run).unwrap();
    let (report, calls) = in_time(&clone, Phase::Publish, &dir);
    assert_eq!(report.sessions[0].ended, Ended::InReview, "{report:#?}");
    assert_eq!(calls, 2);
}
