//! The same tick as three processes with a directory between them.

use fleet::app::tick::report::Ended;
use fleet::app::tick::{Phase, TickOptions, tick};
use fleet::domain::session::{FailureClass, Outcome};
use fleet::ports::runner::Cancel;

use crate::town::{Clone, Town, policy};

fn phase(
    clone: &Clone,
    phase: Phase,
    dir: &std::path::Path,
) -> fleet::app::tick::report::TickReport {
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

#[test]
fn claim_run_and_publish_hand_over_by_a_directory() {
    let town = Town::new();
    let rules = policy(&[("writer", "echo two >> src/a.txt; echo done")]);
    let claimer = town.clone("claimer", rules.clone());
    let task = claimer.add("Add a line", &["src/**"]);
    let dir = town.path("handover");

    let report = phase(&claimer, Phase::Claim, &dir);
    assert_eq!(report.claimed.len(), 1);
    assert_eq!(
        town.remote_ref("refs/heads/agent/T-1"),
        None,
        "claiming runs nothing"
    );

    // Another machine, whose remote is out of reach: the run phase needs none.
    let runner = town.clone("runner", rules.clone());
    town.git(
        &runner.dir,
        &["remote", "set-url", "origin", "/nowhere/at-all.git"],
    );
    let report = phase(&runner, Phase::Run, &dir);
    assert_eq!(report.sessions[0].ended, Ended::HandedOver, "{report:#?}");
    assert_eq!(
        town.remote_ref("refs/heads/agent/T-1"),
        None,
        "running pushes nothing"
    );

    let publisher = town.clone("publisher", rules);
    let report = phase(&publisher, Phase::Publish, &dir);
    assert_eq!(report.sessions[0].ended, Ended::InReview, "{report:#?}");
    assert!(town.remote_ref("refs/heads/agent/T-1").is_some());
    assert_eq!(publisher.state().index().reviews_of(task).len(), 1);
}

#[test]
fn a_run_phase_that_left_nothing_is_recorded_and_the_task_is_free_again() {
    let town = Town::new();
    let rules = policy(&[("writer", "echo two >> src/a.txt")]);
    let clone = town.clone("a", rules);
    let task = clone.add("Add a line", &[]);
    let dir = town.path("handover");
    phase(&clone, Phase::Claim, &dir);
    phase(&clone, Phase::Publish, &dir);
    let state = clone.state();
    let session = &state.sessions[&state.index().sessions_of(task)[0]];
    let outcome = &session.finished.as_ref().unwrap().0.outcome;
    assert_eq!(
        *outcome,
        Outcome::Failed {
            class: FailureClass::Infrastructure
        }
    );
}

#[test]
fn a_forged_result_is_checked_again_before_it_is_pushed() {
    let town = Town::new();
    let rules = policy(&[("writer", "echo two >> src/a.txt")]);
    let claimer = town.clone("claimer", rules.clone());
    claimer.add("Add a line", &[]);
    let dir = town.path("handover");
    phase(&claimer, Phase::Claim, &dir);
    // A run phase under somebody else's control: its rules let protected paths through.
    let mut lax = town.clone("runner", rules.clone());
    lax.policy.agents.insert(
        "writer".to_owned(),
        crate::town::shell(
            "writer",
            "mkdir -p .github/workflows; echo x > .github/workflows/x.yml",
        ),
    );
    let claims = dir.join("claims.json");
    let text = std::fs::read_to_string(&claims).unwrap();
    std::fs::write(
        &claims,
        text.replace("\"allowed\": false", "\"allowed\": true"),
    )
    .unwrap();
    phase(&lax, Phase::Run, &dir);

    let publisher = town.clone("publisher", rules);
    let report = phase(&publisher, Phase::Publish, &dir);
    assert_eq!(report.sessions[0].ended, Ended::Held, "{report:#?}");
    assert_eq!(town.remote_ref("refs/heads/agent/T-1"), None);
    assert_eq!(publisher.state().escalations.len(), 1);
}
