//! A claim phase that hands work to many machines.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use fleet::app::tick::report::{Ended, HandedOver, TickReport};
use fleet::app::tick::{Phase, TickError, TickOptions, tick};
use fleet::domain::money::MicroUsd;
use fleet::domain::policy::Policy;
use fleet::domain::record::{Op, TaskAdded, TaskFields};
use fleet::ports::runner::Cancel;

use crate::talk::working;
use crate::town::{Clone, Town, policy};

fn wide(script: &str) -> Policy {
    let mut rules = policy(&[("writer", script)]);
    rules.tick.max_parallel = 1000;
    rules.tick.max_claims = 1000;
    for agent in rules.agents.values_mut() {
        agent.max_parallel = 1000;
    }
    rules
}

fn add(clone: &Clone, count: usize) {
    let task = |n| {
        Op::TaskAdded(TaskAdded {
            set: TaskFields {
                title: Some(format!("Part {n}")),
                ..TaskFields::default()
            },
            paths: vec![format!("parts/{n}/**")],
            admitted: true,
            ..TaskAdded::default()
        })
    };
    clone.write((0..count).map(task).collect());
}

fn try_phase(clone: &Clone, options: &TickOptions, dir: &Path) -> Result<TickReport, TickError> {
    clone.with_world(dir, |world| {
        tick(world, options, &Cancel::default(), &mut |_| {})
    })
}

fn claim(clone: &Clone, dir: &Path) -> HandedOver {
    let options = TickOptions {
        phase: Phase::Claim,
        ..TickOptions::default()
    };
    let report = try_phase(clone, &options, dir).unwrap();
    report.handed.expect("a claim phase hands over")
}

#[test]
fn a_queue_of_three_hundred_ready_tasks_fans_out_over_256_jobs_and_the_rest_waits() {
    let town = Town::new();
    let clone = town.clone("claims", wide("echo x"));
    add(&clone, 300);
    let handed = claim(&clone, &town.path("first"));
    assert_eq!(handed.jobs.len(), 256);
    let sessions: BTreeSet<_> = handed.jobs.iter().map(|job| job.session).collect();
    assert_eq!(
        sessions.len(),
        256,
        "a job for each claim, and no two alike"
    );
    assert_eq!(clone.state().sessions.len(), 256);
    let rest = claim(&clone, &town.path("second"));
    assert_eq!(rest.jobs.len(), 44);
    assert!(
        rest.jobs.iter().all(|job| !sessions.contains(&job.session)),
        "what another run has claimed is not handed out again"
    );
}

#[test]
fn each_job_runs_its_own_task_and_claims_that_changed_on_the_way_are_refused() {
    let town = Town::new();
    let rules =
        wide("mkdir -p parts/0 parts/1; echo done > \"parts/$(( ${FLEET_TASK#T-} - 1 ))/x\"");
    let clone = town.clone("claims", rules.clone());
    add(&clone, 2);
    let dir = town.path("handover");
    let handed = claim(&clone, &dir);
    let tasks: Vec<_> = handed.jobs.iter().map(|job| job.task.as_str()).collect();
    assert_eq!(tasks, ["T-1", "T-2"]);

    let options = |phase, only: &str, sha256: &str| TickOptions {
        phase,
        only: only.parse().into_iter().collect(),
        claims_sha256: Some(sha256.to_owned()),
        ..TickOptions::default()
    };
    let runner = town.clone("runner", rules.clone());
    let sha256 = handed.claims_sha256.to_uppercase();
    let report = try_phase(&runner, &options(Phase::Run, "T-2", &sha256), &dir).unwrap();
    let ran: Vec<_> = report.sessions.iter().map(|s| s.task.as_str()).collect();
    assert_eq!(ran, ["T-2"]);

    // Whoever ran an agent puts other claims in their place.
    let path = dir.join("claims.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("Part 1", "Part one")).unwrap();
    let publisher = town.clone("publisher", rules);
    for phase in [Phase::Run, Phase::Publish] {
        let refused = try_phase(&publisher, &options(phase, "", &sha256), &dir).unwrap_err();
        let words = refused.to_string();
        assert!(words.contains("claims.json: its sha256 is"), "{words}");
        assert!(words.contains("not as the claim phase wrote it"), "{words}");
    }
    assert_eq!(town.remote_ref("refs/heads/agent/T-2"), None);

    std::fs::write(&path, text).unwrap();
    let done = try_phase(&publisher, &options(Phase::Publish, "", &sha256), &dir).unwrap();
    let ends: Vec<_> = done.sessions.iter().map(|s| (&*s.task, s.ended)).collect();
    assert_eq!(ends, [("T-1", Ended::Failed), ("T-2", Ended::InReview)]);
}

#[test]
fn what_fails_after_the_claims_are_published_is_a_note_and_the_next_tick_does_it() {
    let (town, clone, desk) = working("echo done >> src/a.txt");
    clone.add("First", &[]);
    clone.tick();
    clone.add("Second", &["other/**"]);
    desk.hears(1, "comment:1", "/fleet status");
    // The remote takes the claims, and nothing after them.
    let hook = town.path("remote.git/hooks/pre-receive");
    let script = "#!/bin/sh\n[ ! -e closed ] || { echo gone >&2; exit 1; }\n: > closed\n";
    std::fs::write(&hook, script).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let dir = town.path("handover");
    let options = TickOptions {
        phase: Phase::Claim,
        ..TickOptions::default()
    };
    let report = try_phase(&clone, &options, &dir).unwrap();
    let notes = report.notes.join("\n");
    assert!(notes.contains("left for the next tick: "), "{notes}");
    let handed = report.handed.expect("what was claimed is handed over");
    assert_eq!(handed.jobs.len(), 1);
    assert_eq!(handed.jobs[0].task, "T-2");
    assert_eq!(handed.claims_sha256.len(), 64);
    assert_eq!(desk.said().len(), 1, "it was said, and not recorded");

    std::fs::remove_file(&hook).unwrap();
    let sha256 = Some(handed.claims_sha256);
    for phase in [Phase::Run, Phase::Publish] {
        let options = TickOptions {
            phase,
            claims_sha256: sha256.clone(),
            ..TickOptions::default()
        };
        try_phase(&clone, &options, &dir).unwrap();
    }
    let recorded = clone.state();
    let said: usize = recorded.tasks.values().map(|t| t.details.said.len()).sum();
    assert_eq!(
        (said, desk.said().len()),
        (1, 1),
        "recorded now, not said again"
    );
}

#[test]
fn i13_jobs_that_hear_nothing_of_each_other_keep_to_the_cap_together() {
    let town = Town::new();
    let line = |cost| format!(r#"echo '{{"event":"usage","usage":{{"input":1}},"cost":{cost}}}'"#);
    // Each would spend the whole of the day: it tells of it in steps, and goes on until it is stopped.
    let script = format!(
        "{}; {}; {}; exec sleep 20",
        line(250_000),
        line(500_000),
        line(600_000)
    );
    let mut rules = wide(&script);
    rules.agents.get_mut("writer").unwrap().cost_estimate = MicroUsd(250_000);
    rules.budget.per_day = Some(MicroUsd(2_000_000));
    let clone = town.clone("claims", rules.clone());
    add(&clone, 4);
    let dir = town.path("handover");
    let handed = claim(&clone, &dir);
    assert_eq!(handed.jobs.len(), 4);
    let runner = town.clone("runner", rules);
    for (job, of) in handed.jobs.iter().enumerate() {
        let options = TickOptions {
            phase: Phase::Run,
            job: Some(job),
            ..TickOptions::default()
        };
        try_phase(&runner, &options, &dir).unwrap();
        let result = dir.join(of.session.to_string()).join("result.json");
        let result = std::fs::read_to_string(result).unwrap();
        // $0.25 that are reserved for it, and a fourth of the dollar that nobody has reserved.
        let why = "its share of the budget per day is used up: $0.60 of $0.50 (budget.per_day)";
        assert!(result.contains(why), "{result}");
    }
}
