//! The same tick as three processes with a directory between them.

use std::sync::Arc;

use fleet::app::tick::report::Ended;
use fleet::app::tick::{Phase, TickOptions, tick};
use fleet::domain::session::{FailureClass, Outcome};
use fleet::engine::gates::{Change, check_changes};
use fleet::machine::host::LocalHost;
use fleet::ports::runner::Cancel;

use crate::town::{Clone, Gone, Town, policy};

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
    let workflow = Change {
        path: ".github/workflows/x.yml".to_owned(),
        old_mode: 0,
        new_mode: 0o100_644,
        bytes: 2,
    };
    let line = check_changes(&rules.diff, &[workflow])[0].to_string();
    let claims = dir.join("claims.json");
    let text = std::fs::read_to_string(&claims).unwrap();
    assert!(text.contains("\"allowed\": []"), "{text}");
    let forged = format!("\"allowed\": [{}]", serde_json::to_string(&line).unwrap());
    std::fs::write(&claims, text.replace("\"allowed\": []", &forged)).unwrap();
    phase(&lax, Phase::Run, &dir);
    let result = std::fs::read_to_string(result_in(&dir)).unwrap();
    assert!(result.contains("succeeded"), "{result}");

    // The forged document is still there; the publish phase goes by the records.
    let publisher = town.clone("publisher", rules);
    let report = phase(&publisher, Phase::Publish, &dir);
    assert_eq!(report.sessions[0].ended, Ended::Held, "{report:#?}");
    assert_eq!(town.remote_ref("refs/heads/agent/T-1"), None);
    assert_eq!(publisher.state().escalations.len(), 1);
}

/// The only result in a hand-over directory.
fn result_in(dir: &std::path::Path) -> std::path::PathBuf {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("result.json"))
        .find(|path| path.exists())
        .unwrap()
}

#[test]
fn commits_between_the_base_and_the_head_are_not_published_unseen() {
    let town = Town::new();
    let rules = policy(&[("writer", "echo two >> src/a.txt")]);
    let clone = town.clone("one", rules.clone());
    clone.add("Add a line", &[]);
    let dir = town.path("handover");
    phase(&clone, Phase::Claim, &dir);
    phase(&clone, Phase::Run, &dir);
    // A run phase under somebody else's control adds a file and takes it away again.
    let other = town.clone("other", rules);
    std::fs::write(other.dir.join("smuggled"), "x").unwrap();
    town.git(&other.dir, &["add", "."]);
    town.git(&other.dir, &["commit", "-qm", "in"]);
    town.git(&other.dir, &["rm", "-q", "smuggled"]);
    std::fs::write(other.dir.join("src/b.txt"), "x").unwrap();
    town.git(&other.dir, &["add", "."]);
    town.git(&other.dir, &["commit", "-qm", "out"]);
    let head = town.git(&other.dir, &["rev-parse", "HEAD"]);
    let result = result_in(&dir);
    let bundle = result.with_file_name("work.bundle");
    town.git(
        &other.dir,
        &[
            "bundle",
            "create",
            "-q",
            bundle.to_str().unwrap(),
            "main",
            "^origin/main",
        ],
    );
    let mut doc: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&result).unwrap()).unwrap();
    doc["finished"]["head"] = head.into();
    std::fs::write(&result, doc.to_string()).unwrap();

    let report = phase(&clone, Phase::Publish, &dir);
    assert_eq!(report.sessions[0].ended, Ended::Held, "{report:#?}");
    assert!(
        report.sessions[0].summary.contains("does not stand on"),
        "{report:#?}"
    );
    assert_eq!(town.remote_ref("refs/heads/agent/T-1"), None);
}

#[test]
fn i2_a_handed_over_claim_is_not_taken_back_because_its_claimer_has_ended() {
    let town = Town::new();
    let rules = policy(&[("writer", "echo two >> src/a.txt")]);
    let mut clone = town.clone("one", rules);
    clone.add("Add a line", &[]);
    let dir = town.path("handover");
    clone.host = Arc::new(Gone);
    phase(&clone, Phase::Claim, &dir);
    clone.host = Arc::new(LocalHost::new(None));
    // Another tick, while the run phase is on its way.
    let report = clone.tick();
    assert!(report.claimed.is_empty(), "{report:#?}");
    phase(&clone, Phase::Run, &dir);
    let report = phase(&clone, Phase::Publish, &dir);
    assert_eq!(report.sessions[0].ended, Ended::InReview, "{report:#?}");
    assert_eq!(clone.state().sessions.len(), 1);
    // A run phase that is started again runs nothing that has ended.
    let report = phase(&clone, Phase::Run, &dir);
    assert!(report.sessions.is_empty(), "{report:#?}");
}

#[test]
fn a_second_claim_phase_keeps_the_claims_of_the_first_in_the_document() {
    let town = Town::new();
    let rules = policy(&[("writer", "echo $FLEET_TASK > src/$FLEET_TASK.txt")]);
    let clone = town.clone("one", rules);
    let dir = town.path("handover");
    clone.add("One", &[]);
    phase(&clone, Phase::Claim, &dir);
    clone.add("Two", &[]);
    phase(&clone, Phase::Claim, &dir);
    let report = phase(&clone, Phase::Run, &dir);
    assert_eq!(report.sessions.len(), 2, "{report:#?}");
}

#[test]
fn i4_a_merge_that_resolves_a_conflict_is_handed_over_between_machines() {
    let town = Town::new();
    let script = r#"if [ "$FLEET_ATTEMPT" = 1 ]; then echo mine >> src/a.txt
        else sed -i '/^<<<<<<< /d; /^=======$/d; /^>>>>>>> /d' src/a.txt; fi"#;
    let rules = policy(&[("writer", script)]);
    let [claimer, runner, publisher] =
        ["claimer", "runner", "publisher"].map(|name| town.clone(name, rules.clone()));
    claimer.add("Add a line", &[]);
    let first = town.path("first");
    phase(&claimer, Phase::Claim, &first);
    phase(&runner, Phase::Run, &first);
    phase(&publisher, Phase::Publish, &first);
    let before = town
        .remote_ref("refs/heads/agent/T-1")
        .expect("it is pushed");
    let human = town.path("seed");
    std::fs::write(human.join("src/a.txt"), "one\ntheirs\n").unwrap();
    town.git(&human, &["commit", "-qam", "by hand"]);
    town.git(&human, &["push", "-q", "../remote.git", "main"]);
    let main = town.remote_ref("refs/heads/main").expect("it is there");

    let second = town.path("second");
    assert_eq!(phase(&claimer, Phase::Claim, &second).claimed.len(), 1);
    town.git(&runner.dir, &["fetch", "-q"]);
    town.git(
        &runner.dir,
        &["remote", "set-url", "origin", "/nowhere/at-all.git"],
    );
    let report = phase(&runner, Phase::Run, &second);
    assert_eq!(report.sessions[0].ended, Ended::HandedOver, "{report:#?}");
    let report = phase(&publisher, Phase::Publish, &second);
    assert_eq!(report.sessions[0].ended, Ended::InReview, "{report:#?}");
    let parents = town.git(
        &town.path("remote.git"),
        &["log", "-1", "--format=%P", "agent/T-1"],
    );
    assert_eq!(parents, format!("{before} {main}"));
}
