//! Several ticks at once, and ticks that die.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use fleet::app::tick::TickOptions;
use fleet::app::tick::report::{Ended, TickEvent};
use fleet::domain::session::Outcome;
use fleet::domain::time::{DurationMs, Moment, Timestamp};
use fleet::machine::clock::SystemClock;
use fleet::machine::host::LocalHost;
use fleet::ports::clock::Clock;
use fleet::ports::runner::Cancel;

use crate::town::{Clone, Gone, Town, policy};

/// An agent that leaves one line per run in a file outside, and a change inside.
fn counting(log: &std::path::Path) -> String {
    format!(
        "echo $FLEET_TASK >> '{}'; echo $FLEET_TASK > src/$FLEET_TASK.txt",
        log.display()
    )
}

#[test]
fn i2_two_ticks_on_two_clones_run_every_task_once() {
    let town = Town::new();
    let log = town.path("runs.log");
    let rules = policy(&[("writer", &counting(&log))]);
    let clones: Vec<_> = ["a", "b"]
        .map(|name| town.clone(name, rules.clone()))
        .into();
    for n in 0..6 {
        clones[0].add(&format!("Task {n}"), &[]);
    }
    std::thread::scope(|scope| {
        for clone in &clones {
            scope.spawn(|| clone.tick());
        }
    });
    let mut runs: Vec<String> = std::fs::read_to_string(&log)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    runs.sort();
    assert_eq!(runs, ["T-1", "T-2", "T-3", "T-4", "T-5", "T-6"]);
    for n in 1..=6 {
        assert!(
            town.remote_ref(&format!("refs/heads/agent/T-{n}"))
                .is_some(),
            "T-{n}"
        );
    }
    let state = clones[1].state();
    assert_eq!(state.sessions.len(), 6);
    assert!(state.sessions.values().all(|s| !s.holds_lease()));
}

#[test]
fn i2_two_ticks_on_one_clone_run_every_task_once() {
    let town = Town::new();
    let log = town.path("runs.log");
    let clone = town.clone("a", policy(&[("writer", &counting(&log))]));
    for n in 0..4 {
        clone.add(&format!("Task {n}"), &[]);
    }
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| clone.tick());
        }
    });
    assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count(), 4);
    assert_eq!(clone.leftovers(), Vec::<String>::new());
}

#[test]
fn i9_a_stopped_tick_ends_soon_and_leaves_nothing_behind() {
    let town = Town::new();
    // A time that no other test sleeps for: it is looked for on the whole machine.
    let sleep = format!("sleep 1000.{}", std::process::id());
    let script = format!("echo started; exec {sleep}");
    let clone = town.clone("a", policy(&[("writer", &script)]));
    let task = clone.add("Endless", &[]);
    let cancel = Cancel::default();
    let report = clone
        .tick_watched(&TickOptions::default(), &cancel, &mut |event| {
            if matches!(event, TickEvent::Agent { .. }) {
                cancel.ask();
            }
        })
        .unwrap();
    assert!(report.stopped);
    let state = clone.state();
    let session = &state.sessions[&state.index().sessions_of(task)[0]];
    let (finished, _) = session.finished.as_ref().expect("its end is recorded");
    assert!(matches!(finished.outcome, Outcome::Failed { .. }));
    assert_eq!(clone.leftovers(), Vec::<String>::new());
    let alive = Command::new("pgrep").args(["-f", &sleep]).output();
    if let Ok(out) = alive {
        let mine = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(mine.trim().is_empty(), "left running: {mine}");
    }
}

#[test]
fn i9_the_time_budget_stops_what_runs() {
    let town = Town::new();
    let clone = town.clone("a", policy(&[("writer", "exec sleep 1000")]));
    clone.add("Endless", &[]);
    let options = TickOptions {
        time_budget: Some(DurationMs(300)),
        ..TickOptions::default()
    };
    let report = clone.try_tick(&options).unwrap();
    assert!(report.stopped);
    assert!(report.duration_ms < 10_300, "{}", report.duration_ms);
}

/// A tick whose process has died after its agent had ended: the remote was away meanwhile.
fn dead_tick(town: &Town) -> Clone {
    let mut clone = town.clone("a", policy(&[("writer", "echo two >> src/a.txt")]));
    clone.add("Add a line", &[]);
    clone.host = Arc::new(Gone);
    let remote = town.path("remote.git");
    let away = town.path("away.git");
    let failed = clone.tick_watched(&TickOptions::default(), &Cancel::default(), &mut |event| {
        if matches!(event, TickEvent::Claimed { .. }) {
            std::fs::rename(&remote, &away).unwrap();
        }
    });
    assert!(failed.is_err());
    std::fs::rename(&away, &remote).unwrap();
    clone.host = Arc::new(LocalHost::new(None));
    clone
}

#[test]
fn i7_the_finished_work_of_a_dead_tick_is_carried_on() {
    let town = Town::new();
    let clone = dead_tick(&town);
    let report = clone.tick();
    assert!(
        report.claimed.is_empty(),
        "it is not run twice: {report:#?}"
    );
    assert_eq!(report.sessions[0].ended, Ended::InReview, "{report:#?}");
    assert!(town.remote_ref("refs/heads/agent/T-1").is_some());
}

#[test]
fn i7_a_result_that_cannot_be_read_does_not_hold_its_task_for_ever() {
    let town = Town::new();
    let clone = dead_tick(&town);
    let folder = std::fs::read_dir(&clone.handover_root).unwrap().next();
    let result = folder.unwrap().unwrap().path().join("result.json");
    std::fs::write(result, "{}").unwrap();
    let report = clone.tick();
    assert_eq!(report.claimed.len(), 1, "it is run again: {report:#?}");
    assert_eq!(report.sessions[0].ended, Ended::InReview, "{report:#?}");
}

#[test]
fn a_remote_that_is_away_for_a_while_costs_no_running_agent_its_work() {
    let town = Town::new();
    let go = town.path("go");
    let script = format!(
        "[ $FLEET_TASK = T-1 ] || while [ ! -f '{}' ]; do sleep 0.05; done; \
         echo x > src/$FLEET_TASK.txt",
        go.display()
    );
    let clone = town.clone("a", policy(&[("writer", &script)]));
    clone.add("Fast", &[]);
    clone.add("Slow", &[]);
    let remote = town.path("remote.git");
    let away = town.path("away.git");
    let report = clone
        .tick_watched(
            &TickOptions::default(),
            &Cancel::default(),
            &mut |event| match event {
                TickEvent::Claimed { .. } if !away.exists() => {
                    std::fs::rename(&remote, &away).unwrap();
                }
                TickEvent::Note(text) if text.contains("the remote") && !go.exists() => {
                    std::fs::rename(&away, &remote).unwrap();
                    std::fs::write(&go, "").unwrap();
                }
                _ => {}
            },
        )
        .unwrap();
    let ended: Vec<_> = report.sessions.iter().map(|s| s.ended).collect();
    assert_eq!(ended, [Ended::InReview, Ended::InReview], "{report:#?}");
    assert!(!report.stopped);
}

/// A wall clock that somebody sets an hour ahead after it was read a few times.
#[derive(Default)]
struct SetAhead(AtomicU32);

impl Clock for SetAhead {
    fn now(&self) -> Timestamp {
        let reads = self.0.fetch_add(1, Ordering::SeqCst);
        let ahead = if reads > 5 { 60 } else { 0 };
        SystemClock.now().plus(DurationMs::mins(ahead))
    }

    fn moment(&self) -> Moment {
        SystemClock.moment()
    }

    fn pause(&self, span: DurationMs) {
        SystemClock.pause(span);
    }
}

#[test]
fn a_wall_clock_that_is_set_while_agents_work_does_not_end_their_time() {
    let town = Town::new();
    let mut clone = town.clone("one", policy(&[("writer", "echo two >> src/a.txt")]));
    clone.add("Add a line", &[]);
    clone.clock = Arc::new(SetAhead::default());
    let report = clone.tick();
    assert!(!report.stopped && !report.budget_stop, "{report:#?}");
    assert_eq!(report.sessions[0].ended, Ended::InReview, "{report:#?}");
    assert!(report.duration_ms < 60_000, "{report:#?}");
}
