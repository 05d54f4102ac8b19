//! Gates that open by what happened at GitHub: pull requests of others, runs of workflows.

use fleet::domain::tracking::GateKind;
use fleet::ports::forge::GateWatch;

use crate::issues::Place;
use crate::*;

fn pr(subject: &str) -> GateWatch {
    GateWatch {
        kind: GateKind::Pr,
        subject: subject.to_owned(),
        since: Timestamp(NOW_MS),
    }
}

fn ci(subject: &str) -> GateWatch {
    GateWatch {
        kind: GateKind::Ci,
        ..pr(subject)
    }
}

const BEFORE: &str = "2026-11-21T07:59:59Z";
const AFTER: &str = "2026-11-21T08:00:00Z";

#[test]
fn a_pull_request_of_somebody_else_counts_once_it_is_merged() {
    let fake = FakeGitHub::start("octo/hello");
    fake.set_branch("topic", &"a".repeat(40));
    let number = fake.open_pr("topic", "main");
    let gates = [
        pr(&number.to_string()),
        pr("4711"),
        pr("https://x.test/octo/other/pull/1"),
    ];
    assert_eq!(
        forge(&fake).passed(&gates, "main").unwrap(),
        [None, None, None]
    );
    fake.merge(number, &"b".repeat(40));
    let forge = forge(&fake);
    let said = forge.passed(&gates, "main").unwrap();
    let expected = format!("pull request {number} is merged");
    assert_eq!(said, [Some(expected), None, None]);
    // One that is not there is told, and stops nothing.
    let notes = forge.take_notes();
    assert!(notes.len() == 1 && notes[0].contains("4711"), "{notes:?}");
    fake.assert_nothing_forbidden();
}

#[test]
fn a_run_counts_if_it_began_after_the_gate_on_the_base_branch_and_succeeded() {
    let fake = FakeGitHub::start("octo/hello");
    let nightly = ("Nightly build", "nightly.yml");
    fake.set_run(1, nightly, "main", "success", BEFORE);
    fake.set_run(2, nightly, "topic", "success", AFTER);
    fake.set_run(3, nightly, "main", "failure", AFTER);
    fake.set_run(4, ("Lint", "lint.yml"), "main", "success", AFTER);
    let gates = [
        ci("Nightly build"),
        ci("nightly.yml"),
        ci("nightly"),
        ci("3"),
    ];
    assert_eq!(forge(&fake).passed(&gates, "main").unwrap(), vec![None; 4]);
    fake.set_run(5, nightly, "main", "success", AFTER);
    let before = fake.requests().len();
    let said = forge(&fake).passed(&gates, "main").unwrap();
    let green = Some("run 5 has succeeded".to_owned());
    assert_eq!(said, [green.clone(), green.clone(), green, None]);
    // All workflows by one call, the run by another.
    assert_eq!(fake.requests().len(), before + 2);
    let by_number = forge(&fake).passed(&[ci("5")], "main").unwrap();
    assert_eq!(by_number, [Some("run 5 has succeeded".to_owned())]);
}

#[test]
fn a_tick_opens_the_gates_and_says_why() {
    let place = Place::new();
    place.fake.set_branch("topic", &"a".repeat(40));
    let number = place.fake.open_pr("topic", "main");
    for args in [
        &["q", "After the pull request"][..],
        &["q", "After the night"],
        &["gate", "add", "T-1", "pr", &number.to_string()],
        &["gate", "add", "T-2", "ci", "nightly"],
    ] {
        let (code, out, err) = place.fleet(args);
        assert_eq!(code, 0, "{out}{err}");
    }
    let tick = || {
        let (code, out, err) = place.fleet(&["tick", "--max", "0"]);
        assert_eq!(code, 0, "{out}{err}");
        place.fleet(&["ready", "--json"]).1
    };
    let ready = tick();
    assert!(!ready.contains("After the"), "{ready}");
    place.fake.merge(number, &"b".repeat(40));
    let night = ("Nightly build", "nightly.yml");
    place
        .fake
        .set_run(9, night, "main", "success", "2099-01-01T00:00:00Z");
    let ready = tick();
    assert!(
        ready.contains("After the pull request") && ready.contains("After the night"),
        "{ready}"
    );
    let (_, log, _) = place.fleet(&["log", "T-2"]);
    assert!(log.contains("run 9 has succeeded"), "{log}");
    // What is known is not asked again.
    let asked = || {
        let all = place.fake.requests().into_iter();
        all.filter(|r| r.path.contains("/pulls/") || r.path.contains("/actions/"))
            .count()
    };
    let before = asked();
    tick();
    assert_eq!(asked(), before);
    place.fake.assert_nothing_forbidden();
}
