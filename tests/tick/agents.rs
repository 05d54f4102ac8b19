//! Agents that misbehave: each ends as a recorded, classed failure, and nothing is pushed.

use fleet::app::tick::report::Ended;
use fleet::domain::policy::{AgentKind, BudgetPolicy};
use fleet::domain::record::SessionFinished;
use fleet::domain::session::{FailureClass, Outcome};
use fleet::domain::time::DurationMs;

use crate::town::{Clone, Town, policy};

fn last_end(clone: &Clone) -> SessionFinished {
    let state = clone.state();
    let session = state
        .sessions
        .values()
        .next_back()
        .expect("there is a session");
    session.finished.clone().expect("it has an end").0
}

/// Runs one task with `script` and gives how it ended.
fn end_of(script: &str) -> (Town, Clone, SessionFinished) {
    let town = Town::new();
    let mut rules = policy(&[("writer", script)]);
    rules.retry.max_attempts = 5;
    let clone = town.clone("one", rules);
    clone.add("A task", &[]);
    clone.tick();
    let end = last_end(&clone);
    (town, clone, end)
}

const fn failed(class: FailureClass) -> Outcome {
    Outcome::Failed { class }
}

#[test]
fn exit_0_without_a_change_is_no_success() {
    let (town, _, end) = end_of("echo I did everything");
    assert_eq!(end.outcome, failed(FailureClass::InvalidOutput));
    assert!(
        end.summary.contains("without changing any file"),
        "{}",
        end.summary
    );
    assert_eq!(town.remote_ref("refs/heads/agent/T-1"), None);
}

#[test]
fn a_failing_exit_is_an_agent_error_even_with_a_change() {
    let (town, _, end) = end_of("echo x > src/x.txt; exit 7");
    assert_eq!(end.outcome, failed(FailureClass::AgentError));
    assert_eq!(town.remote_ref("refs/heads/agent/T-1"), None);
}

#[test]
fn edits_of_the_state_directory_wait_for_a_human() {
    let (town, clone, end) = end_of("mkdir -p .orchestra; echo x > .orchestra/config.toml");
    assert_eq!(end.outcome, failed(FailureClass::PolicyRefused));
    assert_eq!(town.remote_ref("refs/heads/agent/T-1"), None);
    let state = clone.state();
    let (opened, _) = state
        .escalations
        .values()
        .next()
        .unwrap()
        .opened
        .clone()
        .unwrap();
    assert!(
        opened.context.contains(".orchestra/config.toml"),
        "{}",
        opened.context
    );
}

#[test]
fn a_symlink_out_of_the_workspace_is_refused() {
    let (town, _, end) = end_of("ln -s /etc/passwd src/link");
    assert_eq!(end.outcome, failed(FailureClass::PolicyRefused));
    assert_eq!(town.remote_ref("refs/heads/agent/T-1"), None);
}

#[test]
fn an_agent_that_deletes_its_directory_fails_with_a_clear_reason() {
    let (_, clone, end) = end_of("d=$PWD; cd /; rm -rf \"$d\"");
    assert!(matches!(end.outcome, Outcome::Failed { .. }), "{end:?}");
    assert!(!end.summary.is_empty());
    assert_eq!(clone.leftovers(), Vec::<String>::new());
}

#[test]
fn i10_what_an_agent_plants_in_its_git_directory_never_runs() {
    let town = Town::new();
    let trap = town.path("trap");
    let script = format!(
        "mkdir -p .git/hooks; printf '#!/bin/sh\\ntouch {0}\\n' > .git/hooks/pre-commit; \
         cp .git/hooks/pre-commit .git/hooks/post-checkout; chmod +x .git/hooks/*; \
         git config core.fsmonitor 'touch {0}'; git config core.hooksPath .git/hooks; \
         echo two >> src/a.txt",
        trap.display()
    );
    let clone = town.clone("one", policy(&[("writer", &script)]));
    clone.add("A task", &[]);
    let config = std::fs::read_to_string(clone.dir.join(".git/config")).unwrap();
    // The agent's own git commands may have fired its own trap: only what comes after counts.
    let report = clone.tick_watched(
        &fleet::app::tick::TickOptions::default(),
        &fleet::ports::runner::Cancel::default(),
        &mut |event| {
            if let fleet::app::tick::report::TickEvent::Agent { .. } = event {
                let _ = std::fs::remove_file(&trap);
            }
        },
    );
    assert_eq!(report.unwrap().sessions[0].ended, Ended::InReview);
    assert_eq!(
        std::fs::read_to_string(clone.dir.join(".git/config")).unwrap(),
        config
    );
}

#[test]
fn i11_a_known_secret_in_the_change_is_refused_and_not_told() {
    let secret = "canary-4f1c9d2e7b6a5038";
    let (town, clone, end) = end_of(&format!(
        "echo {secret} > src/key.txt; echo my key is {secret}"
    ));
    assert_eq!(end.outcome, failed(FailureClass::PolicyRefused));
    assert_eq!(town.remote_ref("refs/heads/agent/T-1"), None);
    assert!(!format!("{:?}", clone.state()).contains(secret));
    let log = town.git(&town.path("remote.git"), &["log", "-p", "--all"]);
    assert!(!log.contains(secret));
}

#[test]
fn an_agent_that_is_not_installed_is_told_of_and_nothing_is_claimed() {
    let town = Town::new();
    let mut rules = policy(&[("writer", "")]);
    rules.agents.get_mut("writer").unwrap().kind = AgentKind::Command {
        argv: vec!["no-such-program-here".to_owned()],
        prompt_stdin: false,
    };
    let clone = town.clone("one", rules);
    clone.add("A task", &[]);
    let report = clone.tick();
    assert!(report.claimed.is_empty());
    let why = report.waiting[0].why.join(" ");
    assert!(why.contains("no-such-program-here"), "{why}");
}

#[test]
fn an_agent_that_hangs_ends_at_its_limit() {
    let town = Town::new();
    let mut rules = policy(&[("writer", "exec sleep 1000")]);
    rules.agents.get_mut("writer").unwrap().total_timeout = DurationMs(300);
    let clone = town.clone("one", rules);
    clone.add("A task", &[]);
    let report = clone.tick();
    assert!(
        report.sessions.iter().all(|s| s.ended == Ended::Failed),
        "{report:#?}"
    );
    assert_eq!(last_end(&clone).outcome, failed(FailureClass::Timeout));
}

#[test]
fn i13_a_budget_stops_claims_at_the_cap_plus_one_running_unit() {
    let town = Town::new();
    let script = r#"echo '{"event":"usage","usage":{"input":1,"output":1},"cost":600000}'; echo $FLEET_TASK > src/$FLEET_TASK.txt"#;
    let mut rules = policy(&[("writer", script)]);
    rules.tick.max_parallel = 1;
    rules.budget = BudgetPolicy {
        per_day: Some(fleet::domain::money::MicroUsd(1_000_000)),
        ..BudgetPolicy::default()
    };
    let clone = town.clone("one", rules);
    for n in 0..5 {
        clone.add(&format!("Task {n}"), &[]);
    }
    let report = clone.tick();
    assert!(report.budget_stop, "{report:#?}");
    assert_eq!(report.sessions.len(), 2, "{report:#?}");
    assert!(report.cost.0 <= 1_000_000 + 600_000);
}

#[test]
fn i7_work_of_any_size_in_names_and_words_can_be_recorded() {
    // 300 long paths and a subtask as large as an outbox lets it be: each would break the limit of
    // a record, and a result that cannot be recorded would stop every later tick.
    let script = r#"n=$(printf '%0200d' 0)
        mkdir -p "src/$n/$n/$n/$n"
        for i in $(seq 300); do echo x > "src/$n/$n/$n/$n/$n$i"; done
        point=$(printf '%015000d' 0)
        list=$(for i in $(seq 40); do printf '"%s",' "$point"; done)
        echo "{\"kind\":\"subtask\",\"title\":\"big\",\"acceptance\":[${list%,}]}" >> "$FLEET_OUTBOX""#;
    let town = Town::new();
    let mut rules = policy(&[("writer", script)]);
    rules.diff.max_files = 1000;
    let clone = town.clone("one", rules);
    clone.add("A task", &[]);
    let report = clone.tick();
    assert_eq!(report.sessions[0].ended, Ended::InReview, "{report:#?}");
    let state = clone.state();
    assert_eq!(state.tasks.len(), 2, "the subtask is there");
    assert!(!last_end(&clone).paths.is_empty());
}
