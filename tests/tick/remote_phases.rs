//! Sessions at a service in a tick of three phases: the phase that speaks to the service runs nothing
//! of the repository, and the one that runs has no key.

use std::path::Path;

use fleet::app::tick::report::{Ended, TickReport};
use fleet::app::tick::{Phase, TickOptions, tick};
use fleet::domain::policy::PlanApproval;
use fleet::domain::time::DurationMs;
use fleet::ports::runner::Cancel;

use crate::remote::{COURSE, Story, story};
use crate::town::{Clone, verify};

fn phase(clone: &Clone, phase: Phase, dir: &Path) -> TickReport {
    let options = TickOptions {
        phase,
        ..TickOptions::default()
    };
    clone
        .with_world(dir, |world| {
            tick(world, &options, &Cancel::default(), &mut |_| {})
        })
        .unwrap()
}

/// Claim phases, five minutes apart, until one of them has taken something from the service.
fn until_collected(story: &Story, dir: &Path) {
    for _ in 0..10 {
        phase(&story.clone, Phase::Claim, dir);
        story.clone.shifted.advance(DurationMs::mins(5));
        let folders = std::fs::read_dir(dir).unwrap();
        if folders
            .map(|entry| entry.unwrap().path())
            .any(|folder| folder.join("collected.json").exists())
        {
            return;
        }
    }
    panic!("nothing was collected: {:#?}", story.clone.state().sessions);
}

/// A run phase without key and without remote.
fn runner(story: &Story) -> Clone {
    let mut runner = story.town.clone("runner", story.clone.policy.clone());
    runner.clock = story.clone.clock.clone();
    runner.remotes = Box::new(fleet::agents::remote::Remotes::new(
        std::collections::BTreeMap::new(),
        story.clone.clock.clone(),
        std::sync::Arc::new(str::to_owned),
    ));
    story.town.git(
        &runner.dir,
        &["remote", "set-url", "origin", "/nowhere/at-all.git"],
    );
    runner
}

#[test]
fn the_claim_phase_looks_and_collects_and_the_run_phase_checks_without_a_key() {
    let mut story = story(COURSE, PlanApproval::Auto);
    story.clone.policy.verify = vec![verify(&["grep", "-q", "blue", "src/a.txt"])];
    let dir = story.town.path("handover");
    phase(&story.clone, Phase::Claim, &dir);
    let state = story.clone.state();
    let session = state.sessions.values().next().unwrap();
    assert_eq!(session.remote.id(), Some("1"), "created and bound");
    // A run and a publish in between have nothing to do with it, and take nothing from it.
    let runner = runner(&story);
    assert!(phase(&runner, Phase::Run, &dir).sessions.is_empty());
    assert!(
        phase(&story.clone, Phase::Publish, &dir)
            .sessions
            .is_empty()
    );

    until_collected(&story, &dir);
    let looks = story.jules.model().requests.len();
    let report = phase(&runner, Phase::Run, &dir);
    assert_eq!(report.sessions[0].ended, Ended::HandedOver, "{report:#?}");
    assert_eq!(story.jules.model().requests.len(), looks, "it asked nobody");
    assert_eq!(runner.leftovers(), Vec::<String>::new());
    let report = phase(&story.clone, Phase::Publish, &dir);
    assert_eq!(report.sessions[0].ended, Ended::InReview, "{report:#?}");
    let state = story.clone.state();
    let (finished, _) = state
        .sessions
        .values()
        .find_map(|s| s.finished.clone())
        .unwrap();
    assert_eq!(finished.sandbox, "remote");
    assert!(finished.verify[0].passed());
    let shown = story.town.git(
        &story.town.path("remote.git"),
        &["show", "agent/T-1:src/a.txt"],
    );
    assert_eq!(shown, "one\nblue");
}

#[test]
fn what_a_session_had_done_whose_time_ran_out_goes_through_the_phases_too() {
    let story = Story::that_takes_too_long();
    let dir = story.town.path("handover");
    until_collected(&story, &dir);
    assert!(story.jules.model().sessions[0].deleted, "it was stopped");
    phase(&runner(&story), Phase::Run, &dir);
    phase(&story.clone, Phase::Publish, &dir);
    story.out_of_time_and_kept();
}
