//! Gates of beads: where they mean the same here, and where that is told.

use serde_json::{Value, json};

use crate::env::{Clone, TestEnv};

fn issue(id: &str, more: &Value) -> String {
    let mut issue = json!({
        "id": id, "title": id, "status": "open", "priority": 2, "issue_type": "task",
        "created_at": "2026-11-01T00:00:00Z", "updated_at": "2026-11-01T00:00:00Z",
    });
    for (name, value) in more.as_object().expect("fields") {
        issue[name] = value.clone();
    }
    format!("{issue}\n")
}

/// A gate, and an issue that waits for it.
fn gated(name: &str, more: &Value) -> String {
    let mut gate = json!({ "issue_type": "gate" });
    for (field, value) in more.as_object().expect("fields") {
        gate[field] = value.clone();
    }
    let waits = json!({ "dependencies": [
        { "issue_id": format!("{name}-w"), "depends_on_id": format!("{name}-g"), "type": "blocks" },
    ] });
    issue(&format!("{name}-g"), &gate) + &issue(&format!("{name}-w"), &waits)
}

fn ready(clone: &Clone<'_>) -> Vec<String> {
    let data = clone.data(&["ready"]);
    let tasks = data["tasks"].as_array().expect("tasks").iter();
    let mut names: Vec<_> = tasks
        .map(|task| task["title"].as_str().expect("a title").to_owned())
        .collect();
    names.sort();
    names
}

/// Number of the task with this title.
fn named(clone: &Clone<'_>, title: &str) -> String {
    let data = clone.data(&["list", "--all"]);
    let mut tasks = data["tasks"].as_array().expect("tasks").iter();
    let task = tasks.find(|task| task["title"] == title).expect(title);
    task["id"].as_str().expect("an id").to_owned()
}

/// The export has what the source says of gates.
fn as_it_was(clone: &Clone<'_>, text: &str) {
    let told = clone.fleet(&["export", "--to", "beads"]).stdout;
    for line in text.lines() {
        let there: Value = serde_json::from_str(line).expect("an issue");
        let here = told
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("an issue"));
        let here = here
            .into_iter()
            .find(|one| one["id"] == there["id"])
            .expect("it is exported");
        for field in ["await_type", "await_id", "timeout", "issue_type"] {
            assert_eq!(here.get(field), there.get(field), "{line}");
        }
    }
}

#[test]
fn gates_of_beads_open_here_and_let_go_what_waits_for_them() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let hours = |n: u64| json!(n * 3_600_000_000_000);
    let text = gated("human", &json!({ "await_type": "human" }))
        + &gated(
            "past",
            &json!({ "await_type": "timer", "timeout": hours(1) }),
        )
        + &gated(
            "future",
            &json!({ "await_type": "timer", "timeout": hours(24 * 90) }),
        )
        + &gated("pr", &json!({ "await_type": "gh:pr", "await_id": "12" }))
        + &gated(
            "run",
            &json!({ "await_type": "gh:run", "await_id": "https://github.com/a/b/actions/runs/4711" }),
        );
    std::fs::write(clone.dir.join("b.jsonl"), &text).expect("a file");
    let done = clone.data(&["import", "b.jsonl"]);
    assert_eq!(
        (&done["created"], &done["total_notes"]),
        (&json!(10), &Value::Null),
        "{done}"
    );
    let list = clone.data(&["gate", "list"]);
    let mut kinds: Vec<_> = list["gates"]
        .as_array()
        .expect("gates")
        .iter()
        .map(|gate| {
            format!(
                "{} {}",
                gate["kind"].as_str().unwrap_or_default(),
                gate["subject"].as_str().unwrap_or_default()
            )
        })
        .collect();
    kinds.sort();
    let run = "ci https://github.com/a/b/actions/runs/4711";
    assert_eq!(kinds, [run, "human ", "pr 12", "timer "], "{list}");
    // Only the hour that has passed lets go; nobody works on a gate itself.
    assert_eq!(ready(&clone), ["past-w"]);
    for gate in ["human-g", "pr-g", "run-g"] {
        clone
            .fleet(&["gate", "pass", &named(&clone, gate)])
            .expect_exit(0);
    }
    assert_eq!(ready(&clone), ["human-w", "past-w", "pr-w", "run-w"]);
    // Again, nothing is new; what became of a gate here stays, and the export has it as it was.
    assert_eq!(clone.data(&["import", "b.jsonl"])["unchanged"], 10);
    clone
        .fleet(&["gate", "rm", &named(&clone, "future-g")])
        .expect_exit(0);
    assert_eq!(clone.data(&["import", "b.jsonl"])["unchanged"], 10);
    as_it_was(&clone, &text);
    // The source closes a gate: so does the import.
    let closed = text.replace("\"status\":\"open\"", "\"status\":\"closed\"");
    let future = closed
        .lines()
        .find(|line| line.contains("future-g"))
        .expect("a line");
    let later = future.replace("\"updated_at\":\"2026-11-01", "\"updated_at\":\"2027-01-01");
    std::fs::write(clone.dir.join("c.jsonl"), later).expect("a file");
    clone.fleet(&["import", "c.jsonl"]).expect_exit(0);
    assert!(ready(&clone).contains(&"future-w".to_owned()));
}

#[test]
fn gates_without_an_equal_are_told_by_line_and_hold_until_a_human_closes_them() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let text = gated(
        "name",
        &json!({ "await_type": "gh:run", "await_id": "release.yml" }),
    ) + &gated(
        "bead",
        &json!({ "await_type": "bead", "await_id": "rig:bd-1" }),
    ) + &gated("never", &json!({ "await_type": "timer" }))
        + &gated(
            "odd",
            &json!({ "await_type": "gh:pr", "await_id": "the big one" }),
        )
        + &gated("plain", &json!({}));
    std::fs::write(clone.dir.join("b.jsonl"), &text).expect("a file");
    let told = clone.fleet(&["import", "b.jsonl"]);
    told.expect_exit(0);
    insta::assert_snapshot!(told.told(), @r"
    $ fleet import b.jsonl
    10 issues from beads: 10 created, 0 updated, 0 unchanged, 0 skipped
    with 5 dependencies and 0 comments

    Remarks
      b.jsonl:1  beads:name-g   the gate `gh:run` of `release.yml` has no equal here, so a human closes it: a gate `ci` by name waits for a run on the base branch; `fleet gate add` puts one up where that is meant
      b.jsonl:3  beads:bead-g   the gate `bead` of `rig:bd-1` has no equal here, so a human closes it: `fleet gate add` puts one up that fits
      b.jsonl:5  beads:never-g  the gate `timer` has no equal here, so a human closes it: it has no `timeout`
      b.jsonl:7  beads:odd-g    the gate `gh:pr` of `the big one` has no equal here, so a human closes it: `fleet gate add` puts one up that fits
    ");
    assert_eq!(clone.data(&["gate", "list"])["total"], 0);
    assert_eq!(ready(&clone), [""; 0]);
    clone
        .fleet(&["close", &named(&clone, "odd-g")])
        .expect_exit(0);
    assert_eq!(ready(&clone), ["odd-w"]);
    // A task that somebody calls so is work like any other.
    clone.story(&["add Mine -t gate", "add Later"]);
    let (mine, later) = (named(&clone, "Mine"), named(&clone, "Later"));
    clone.fleet(&["dep", "add", &later, &mine]).expect_exit(0);
    clone.fleet(&["gate", "add", &mine, "human"]).expect_exit(0);
    clone.fleet(&["gate", "pass", &mine]).expect_exit(0);
    assert_eq!(ready(&clone), ["Mine", "odd-w"]);
}
