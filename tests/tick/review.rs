//! From a ready task to a reviewed branch, and what a human does with it.

use fleet::app::tick::TickOptions;
use fleet::app::tick::report::Ended;
use fleet::domain::dep::DepKind;
use fleet::domain::escalation::Trigger;
use fleet::domain::record::{DepEdge, EscalationAnswered, Op};
use fleet::domain::session::Outcome;

use crate::town::{Clone, Town, policy, verify};

/// A clone whose agent is this script.
fn working(script: &str) -> (Town, Clone) {
    let town = Town::new();
    let clone = town.clone("one", policy(&[("writer", script)]));
    (town, clone)
}

#[test]
fn a_ready_task_becomes_a_verified_branch_with_a_local_review() {
    let town = Town::new();
    let mut rules = policy(&[("writer", "echo two >> src/a.txt; echo did it")]);
    rules.verify = vec![verify(&["grep", "-q", "two", "src/a.txt"])];
    let clone = town.clone("one", rules);
    let task = clone.add("Add a second line", &["src/**"]);

    let report = clone.tick();

    assert_eq!(report.sessions.len(), 1, "{report:#?}");
    assert_eq!(report.sessions[0].ended, Ended::InReview, "{report:#?}");
    let head = town
        .remote_ref("refs/heads/agent/T-1")
        .expect("the branch is pushed");
    let message = town.git(
        &town.path("remote.git"),
        &["log", "-1", "--format=%B", &head],
    );
    assert!(message.contains("Task: T-1"), "{message}");
    assert!(message.contains("Agent: writer"), "{message}");
    let state = clone.state();
    let index = state.index();
    let session = &state.sessions[&index.sessions_of(task)[0]];
    assert_eq!(
        session.finished.as_ref().unwrap().0.outcome,
        Outcome::Succeeded
    );
    assert_eq!(session.head().unwrap().as_str(), head);
    let review = &state.reviews[&index.reviews_of(task)[0]];
    assert_eq!(
        review.head.value.as_ref().unwrap().as_str(),
        head,
        "i4: PR head = recorded oid"
    );
    assert!(state.locks.values().all(|lock| lock.released.is_some()));
    assert_eq!(clone.leftovers(), Vec::<String>::new());
}

#[test]
fn i8_ticking_again_changes_nothing() {
    let (town, clone) = working("echo two >> src/a.txt");
    clone.add("Add a line", &["src/**"]);
    clone.tick();
    let before = town.remote_ref("refs/heads/fleet/state");
    for _ in 0..2 {
        let report = clone.tick();
        assert!(
            report.claimed.is_empty() && report.sessions.is_empty(),
            "{report:#?}"
        );
    }
    assert_eq!(town.remote_ref("refs/heads/fleet/state"), before);
}

#[test]
fn a_merged_branch_closes_its_task_and_starts_what_waited_for_it() {
    let (town, clone) = working("echo $FLEET_TASK > src/$FLEET_TASK.txt");
    let first = clone.add("First", &[]);
    let second = clone.add("Second", &[]);
    clone.write(vec![Op::DepAdded(DepEdge {
        from: second,
        to: first,
        kind: DepKind::Blocks,
    })]);

    let report = clone.tick();
    assert_eq!(report.claimed.len(), 1, "{report:#?}");
    assert!(
        report
            .waiting
            .iter()
            .any(|w| w.task == "T-2" && w.why[0].contains("T-1")),
        "{report:#?}"
    );

    let human = town.path("one");
    town.git(&human, &["fetch", "-q"]);
    town.git(
        &human,
        &["merge", "-q", "--no-ff", "-m", "merge", "origin/agent/T-1"],
    );
    town.git(&human, &["push", "-q", "origin", "main"]);
    let report = clone.tick();
    assert!(
        report
            .reconciled
            .iter()
            .any(|line| line.contains("T-1 is done")),
        "{report:#?}"
    );
    assert_eq!(report.sessions.len(), 1, "{report:#?}");
    assert_eq!(report.sessions[0].task, "T-2");
    assert!(!clone.state().tasks[&first].is_open());
}

#[test]
fn a_squash_merge_is_seen_as_a_merge() {
    let (town, clone) = working("echo new > src/new.txt");
    let task = clone.add("A file", &[]);
    clone.tick();
    let human = town.path("one");
    town.git(&human, &["fetch", "-q"]);
    town.git(&human, &["merge", "-q", "--squash", "origin/agent/T-1"]);
    town.git(&human, &["commit", "-qm", "squashed"]);
    town.git(&human, &["push", "-q", "origin", "main"]);
    clone.tick();
    assert!(!clone.state().tasks[&task].is_open());
}

#[test]
fn a_failed_check_goes_back_to_the_agent_once() {
    let town = Town::new();
    // The first run writes the wrong thing, the second one, which is told of the failed check, mends it.
    let script =
        "if [ -f src/b.txt ]; then echo right > src/b.txt; else echo wrong > src/b.txt; fi";
    let mut rules = policy(&[("writer", script)]);
    rules.verify = vec![verify(&["grep", "-q", "right", "src/b.txt"])];
    let clone = town.clone("one", rules);
    clone.add("Write b", &[]);
    let report = clone.tick();
    assert_eq!(report.sessions[0].ended, Ended::InReview, "{report:#?}");
    let text = town.git(&town.path("remote.git"), &["show", "agent/T-1:src/b.txt"]);
    assert_eq!(text, "right");
}

#[test]
fn attempts_are_few_and_then_a_human_is_asked() {
    let town = Town::new();
    let mut rules = policy(&[("writer", "echo no > src/b.txt")]);
    rules.verify = vec![verify(&["false"])];
    let clone = town.clone("one", rules);
    let task = clone.add("Impossible", &[]);
    for _ in 0..3 {
        clone.tick();
    }
    let state = clone.state();
    let attempts = state.index().sessions_of(task).len();
    assert_eq!(attempts, 3);
    let asked: Vec<_> = state.escalations.values().filter(|e| e.is_open()).collect();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        town.remote_ref("refs/heads/agent/T-1"),
        None,
        "nothing unverified is pushed"
    );
    assert!(clone.tick().claimed.is_empty());
}

#[test]
fn an_agent_asks_and_is_started_again_with_the_answer() {
    let town = Town::new();
    let script = r#"if grep -q 'use tabs' "$0"; then printf '\tx\n' > src/style.txt
        else echo '{"kind":"escalate","context":"Tabs or spaces?","options":["tabs","spaces"]}' >> "$FLEET_OUTBOX"; fi"#;
    let mut rules = policy(&[("writer", script)]);
    if let fleet::domain::policy::AgentKind::Command { argv, .. } =
        &mut rules.agents.get_mut("writer").unwrap().kind
    {
        argv.push("{prompt_file}".to_owned());
    }
    let clone = town.clone("one", rules);
    clone.add("Settle the style", &[]);
    let report = clone.tick();
    assert_eq!(report.sessions[0].ended, Ended::AskedHuman, "{report:#?}");
    assert_eq!(report.open_questions, 1);
    let question = *clone.state().escalations.keys().next().unwrap();
    clone.write(vec![Op::EscalationAnswered(EscalationAnswered {
        escalation: question,
        answer: "use tabs".to_owned(),
    })]);
    let report = clone.tick();
    assert_eq!(report.sessions[0].ended, Ended::InReview, "{report:#?}");
}

#[test]
fn a_commit_of_a_human_on_the_branch_is_never_overwritten() {
    let (town, clone) = working("echo two >> src/a.txt");
    let task = clone.add("Add a line", &[]);
    clone.tick();
    let human = town.path("one");
    town.git(&human, &["fetch", "-q"]);
    town.git(
        &human,
        &["checkout", "-q", "-b", "mine", "origin/agent/T-1"],
    );
    town.git(
        &human,
        &["commit", "-q", "--allow-empty", "-m", "a human was here"],
    );
    town.git(&human, &["push", "-q", "origin", "HEAD:agent/T-1"]);
    let theirs = town.remote_ref("refs/heads/agent/T-1");
    for _ in 0..2 {
        clone.tick();
    }
    assert_eq!(town.remote_ref("refs/heads/agent/T-1"), theirs);
    let state = clone.state();
    assert_eq!(
        state.index().escalations_of(task).len(),
        1,
        "a human is asked, once"
    );
}

#[test]
fn a_dry_run_tells_the_plan_and_writes_nothing() {
    let (town, clone) = working("echo two >> src/a.txt");
    clone.add("Add a line", &["src/**"]);
    let before = town.remote_ref("refs/heads/fleet/state");
    let options = TickOptions {
        dry_run: true,
        ..TickOptions::default()
    };
    let report = clone.try_tick(&options).unwrap();
    assert_eq!(report.claimed[0].task, "T-1");
    assert_eq!(report.claimed[0].branch.as_deref(), Some("agent/T-1"));
    assert_eq!(town.remote_ref("refs/heads/fleet/state"), before);
    assert!(clone.state().sessions.is_empty());
}

#[test]
fn overlapping_work_waits_for_the_lock() {
    let (_town, clone) = working("echo $FLEET_TASK >> src/a.txt");
    clone.add("One", &["src/a.txt"]);
    clone.add("Two", &["src/**"]);
    clone.add("Three", &["docs/**"]);
    let report = clone.tick();
    let ran: Vec<_> = report.sessions.iter().map(|s| s.task.clone()).collect();
    assert_eq!(ran.len(), 2, "{report:#?}");
    assert!(
        report
            .waiting
            .iter()
            .any(|w| w.why.iter().any(|why| why.contains("src/"))),
        "{report:#?}"
    );
}

#[test]
fn what_a_human_allowed_is_what_the_question_showed_and_no_more() {
    let script = "mkdir -p .github/workflows; echo x > .github/workflows/a.yml
        [ $FLEET_ATTEMPT = 1 ] || echo y > .github/workflows/b.yml";
    let (_town, clone) = working(script);
    clone.add("Change the build", &[]);
    let mut ends = Vec::new();
    for _ in 0..3 {
        ends.push(clone.tick().sessions[0].ended);
        let open = clone.state();
        let open = open.escalations.iter().find(|(_, e)| e.is_open());
        if let Some((uid, _)) = open {
            clone.write(vec![Op::EscalationAnswered(EscalationAnswered {
                escalation: *uid,
                answer: "allow these paths".to_owned(),
            })]);
        }
    }
    assert_eq!(ends, [Ended::Held, Ended::Held, Ended::InReview]);
}

#[test]
fn a_local_review_whose_branch_is_deleted_asks_a_human_and_goes_on_with_the_answer() {
    let (town, clone) = working("echo $FLEET_ATTEMPT >> src/a.txt");
    let task = clone.add("Add a line", &[]);
    assert_eq!(clone.tick().sessions[0].ended, Ended::InReview);
    let human = town.path("one");
    town.git(&human, &["push", "-q", "origin", "--delete", "agent/T-1"]);

    let report = clone.tick();

    assert_eq!(report.open_questions, 1, "{report:#?}");
    let state = clone.state();
    let (question, asked) = state.escalations.iter().next().unwrap();
    let (opened, _) = asked.opened.as_ref().unwrap();
    assert_eq!(opened.trigger, Trigger::ReviewRejected);
    assert!(
        opened.context.contains("agent/T-1") && opened.context.contains("gone"),
        "{}",
        opened.context
    );
    assert!(state.tasks[&task].is_open());
    assert!(
        clone.tick().sessions.is_empty(),
        "it is asked once, and waited for"
    );
    assert_eq!(clone.state().escalations.len(), 1);

    clone.write(vec![Op::EscalationAnswered(EscalationAnswered {
        escalation: *question,
        answer: "say it shorter".to_owned(),
    })]);
    let report = clone.tick();
    assert_eq!(report.sessions[0].ended, Ended::InReview, "{report:#?}");
    assert!(town.remote_ref("refs/heads/agent/T-1").is_some());
    assert_eq!(clone.tick().open_questions, 0);
}

#[test]
fn a_merged_local_review_whose_branch_is_deleted_then_is_done() {
    let (town, clone) = working("echo two >> src/a.txt");
    let task = clone.add("Add a line", &[]);
    clone.tick();
    let human = town.path("one");
    town.git(&human, &["fetch", "-q"]);
    town.git(&human, &["merge", "-q", "origin/agent/T-1"]);
    town.git(&human, &["push", "-q", "origin", "main", ":agent/T-1"]);
    let report = clone.tick();
    assert_eq!(report.open_questions, 0, "{report:#?}");
    assert!(!clone.state().tasks[&task].is_open());
}

#[test]
fn a_record_names_the_journal_as_every_clone_finds_it() {
    let (_town, clone) = working("echo two >> src/a.txt");
    clone.add("Add a line", &[]);
    clone.tick();
    let state = clone.state();
    let (uid, session) = state.sessions.iter().next().unwrap();
    let (finished, _) = session.finished.as_ref().unwrap();
    assert_eq!(finished.journal, Some(format!("journals/{uid}.jsonl")));
}
