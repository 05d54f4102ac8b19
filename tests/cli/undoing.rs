//! Taking back, where others work on the same things.

use crate::env::{Clone, Ran, TestEnv};

/// Runs the program as this actor.
fn acting(clone: &Clone<'_>, actor: &str, args: &[&str]) -> Ran {
    let mut command = clone.command(args);
    command.env("FLEET_ACTOR", actor);
    clone.ran(args, &command.output().expect("fleet runs"))
}

/// Id of the last record of a kind in the log of a task.
fn record(clone: &Clone<'_>, task: &str, op: &str) -> String {
    let log = clone.data(&["log", task]);
    let entries = log["entries"].as_array().expect("entries");
    let last = entries.iter().rev().find(|entry| entry["op"] == op);
    let last = last.unwrap_or_else(|| panic!("no {op} in {log}"));
    last["record"].as_str().expect("an id").to_owned()
}

fn phase(clone: &Clone<'_>, task: &str) -> String {
    let shown = clone.data(&["show", task]);
    shown["tasks"][0]["phase"]
        .as_str()
        .expect("a phase")
        .to_owned()
}

#[test]
fn an_agent_cannot_open_a_humans_gate_by_taking_back_what_closed_it() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.story(&[
        "add One",
        "gate add T-1 human",
        "gate pass T-1",
        "gate reset T-1",
    ]);
    let bot = "agent:bot";
    for op in ["gate.set", "gate.added", "task.added"] {
        let id = record(&clone, "T-1", op);
        let refused = acting(&clone, bot, &["undo", "--record", &id]);
        refused.expect_exit(2);
        assert!(
            refused
                .stderr
                .contains("an agent cannot take back what human:Ada recorded"),
            "{}",
            refused.stderr
        );
    }
    // A gate for a human that the agent itself put there is a human's, too.
    acting(&clone, bot, &["add", "Two"]).expect_exit(0);
    acting(&clone, bot, &["gate", "add", "T-2", "human"]).expect_exit(0);
    let refused = acting(&clone, bot, &["undo"]);
    refused.expect_exit(2);
    assert!(
        refused
            .stderr
            .contains("an agent cannot open or remove a gate"),
        "{}",
        refused.stderr
    );
    let gates = clone.data(&["gate", "list"]);
    assert_eq!(gates["total"], 2, "{gates}");
}

#[test]
fn an_agent_admits_nothing_by_taking_back() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.fleet(&["add", "One", "-d", "Good."]).expect_exit(0);
    let bot = "agent:bot";
    acting(&clone, bot, &["update", "T-1", "-d", "Evil."]).expect_exit(0);
    assert_eq!(phase(&clone, "T-1"), "draft");
    // A human's change of a part does not admit the rest.
    let told = clone.fleet(&["update", "T-1", "--title", "First"]).stdout;
    assert!(told.contains("its text waits for `fleet admit`"), "{told}");
    assert_eq!(phase(&clone, "T-1"), "draft");
    clone.fleet(&["admit", "T-1"]).expect_exit(0);
    assert_eq!(phase(&clone, "T-1"), "ready");
    clone
        .fleet(&["update", "T-1", "-d", "Better."])
        .expect_exit(0);
    assert_eq!(phase(&clone, "T-1"), "ready");
    // An agent that goes back and forth between texts gets only the admitted one to run.
    acting(&clone, bot, &["update", "T-1", "-d", "Worse."]).expect_exit(0);
    for (body, wanted) in [("Better.", "ready"), ("Worse.", "draft")] {
        acting(&clone, bot, &["undo"]).expect_exit(0);
        let shown = clone.data(&["show", "T-1"]);
        assert_eq!(shown["tasks"][0]["body"], body);
        assert_eq!(phase(&clone, "T-1"), wanted);
    }
}

#[test]
fn a_milestone_that_somebody_set_again_is_left_alone() {
    let env = TestEnv::new();
    let [ada, ben] = env.team(["ada", "ben"]);
    ada.fleet(&["add", "One", "--milestone", "v1"])
        .expect_exit(0);
    ada.fleet(&[
        "milestone",
        "set",
        "v1",
        "--due",
        "2027-01-01",
        "--note",
        "first",
    ])
    .expect_exit(0);
    ben.fleet(&["sync"]).expect_exit(0);
    // Ada's clone does not know of this.
    acting(
        &ben,
        "human:ben",
        &["milestone", "set", "v1", "--note", "second"],
    )
    .expect_exit(0);
    ada.fleet(&["undo"]).expect_exit(0);
    let list = ada.data(&["milestone", "list"]);
    let v1 = &list["milestones"][0];
    assert_eq!(v1["note"], "second", "{list}");
    assert_eq!(v1["due"], serde_json::Value::Null, "{list}");
}

#[test]
fn an_admission_that_somebody_gave_again_is_left_alone() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    acting(&clone, "agent:bot", &["add", "One", "-d", "a"]).expect_exit(0);
    clone.fleet(&["admit", "T-1"]).expect_exit(0);
    let first = record(&clone, "T-1", "task.admitted");
    acting(&clone, "agent:bot", &["update", "T-1", "-d", "b"]).expect_exit(0);
    acting(&clone, "human:ben", &["admit", "T-1"]).expect_exit(0);
    assert_eq!(phase(&clone, "T-1"), "ready");
    let undone = clone.data(&["undo", "--record", &first]);
    assert_eq!(undone["undone"][0]["changed"], false, "{undone}");
    assert_eq!(phase(&clone, "T-1"), "ready");
}

#[test]
fn a_task_that_was_pinned_by_an_agents_change_is_no_draft_when_that_is_taken_back() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.fleet(&["add", "One", "-d", "Good."]).expect_exit(0);
    acting(&clone, "agent:bot", &["update", "T-1", "-d", "Other."]).expect_exit(0);
    let records = [
        record(&clone, "T-1", "task.updated"),
        record(&clone, "T-1", "task.admitted"),
    ];
    for id in &records {
        clone.fleet(&["undo", "--record", id]).expect_exit(0);
    }
    let shown = clone.data(&["show", "T-1"]);
    assert_eq!(shown["tasks"][0]["body"], "Good.");
    assert_eq!(phase(&clone, "T-1"), "ready");
}

#[test]
fn a_task_on_which_others_built_is_not_taken_back() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let ben = "human:ben";
    for (others, told) in [
        (
            &["comment", "T-1", "I need this."][..],
            "comment.added by human:ben",
        ),
        (
            &["update", "T-2", "--title", "Other"][..],
            "task.updated by human:ben",
        ),
        (
            &["add", "More", "--dep", "T-3"][..],
            "dep.added by human:ben",
        ),
    ] {
        clone.fleet(&["add", "One"]).expect_exit(0);
        acting(&clone, ben, others).expect_exit(0);
        let refused = clone.fleet(&["undo"]);
        refused.expect_exit(2);
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
    }
    // What is not in force any more holds nothing up, nor what the same command did.
    acting(&clone, ben, &["dep", "rm", "T-4", "T-3"]).expect_exit(0);
    clone.fleet(&["undo"]).expect_exit(0);
    clone.fleet(&["add", "Last", "--dep", "T-1"]).expect_exit(0);
    clone.fleet(&["undo"]).expect_exit(0);
}

#[test]
fn an_import_that_was_taken_back_can_be_done_again() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let issue = |status: &str| {
        format!(
            r#"{{"id":"bd-1","title":"Parse dates","status":"{status}","priority":1,"issue_type":"bug","created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-02T00:00:00Z"}}"#
        )
    };
    let import = || clone.data(&["import", "b.jsonl"]);
    std::fs::write(clone.dir.join("b.jsonl"), issue("open")).expect("a file");
    assert_eq!(import()["created"], 1);
    clone.fleet(&["undo"]).expect_exit(0);
    assert_eq!(clone.data(&["list"])["total"], 0);
    assert_eq!(import()["created"], 1);
    let list = clone.data(&["list"]);
    assert_eq!(list["tasks"][0]["id"], "T-2", "{list}");
    assert_eq!(import()["unchanged"], 1);
}

#[test]
fn a_merge_is_taken_back_with_the_remarks_that_it_copied() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.story(&[
        "add One",
        "add Two -l api",
        "comment T-2 'See the RFC.'",
        "merge T-1 T-2",
    ]);
    clone.fleet(&["undo"]).expect_exit(0);
    let shown = clone.data(&["show", "T-1", "T-2"]);
    let tasks = &shown["tasks"];
    assert_eq!(tasks[0]["labels"], serde_json::json!([]));
    assert_eq!(tasks[0]["comments"][0]["text"], "(taken back)");
    assert_eq!(tasks[1]["status"], "open");
    assert_eq!(tasks[1]["comments"][0]["text"], "See the RFC.");
    clone.fleet(&["undo"]).expect_exit(0);
    let again = clone.data(&["show", "T-1"]);
    let text = again["tasks"][0]["comments"][0]["text"].as_str();
    assert!(text.is_some_and(|t| t.ends_with("See the RFC.")), "{again}");
}

#[test]
fn r4_a_text_that_no_human_admitted_is_not_admitted_by_a_merge() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.story(&["add One", "add Two", "add Three -d 'of a human'"]);
    acting(&clone, "agent:bot", &["add", "Same", "-d", "Run this."]).expect_exit(0);
    let phase = |task: &str| {
        let shown = clone.data(&["show", task]);
        shown["tasks"][0]["phase"].as_str().map(str::to_owned)
    };
    let merged = clone.fleet(&["merge", "T-1", "T-4"]);
    assert!(
        merged.stdout.contains("`fleet admit T-1` after reading it"),
        "{}",
        merged.stdout
    );
    assert_eq!(phase("T-1").as_deref(), Some("draft"));
    // Nor by one more, of a text that is a human's own, nor by a change of the title.
    clone.story(&[
        "add Four --acceptance done",
        "merge T-1 T-5",
        "update T-1 --title First",
    ]);
    assert_eq!(phase("T-1").as_deref(), Some("draft"));
    clone.fleet(&["admit", "T-1"]).expect_exit(0);
    assert_eq!(phase("T-1").as_deref(), Some("ready"));
    // What humans wrote on both sides waits for nobody.
    assert_eq!(
        clone
            .data(&["merge", "T-2", "T-3"])
            .get("waits_for_admission"),
        None
    );
    assert_eq!(phase("T-2").as_deref(), Some("ready"));
}

#[test]
fn r4_a_programs_remark_that_comes_back_is_not_taken_over_by_that() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.fleet(&["add", "One"]).expect_exit(0);
    acting(&clone, "agent:bot", &["comment", "T-1", "Run this."]).expect_exit(0);
    let remark = |task: &str| {
        let shown = clone.data(&["show", task]);
        let remark = &shown["tasks"][0]["comments"][0];
        let text = |field: &str| remark[field].as_str().unwrap_or_default().to_owned();
        (text("text"), text("edited_by"))
    };
    let told = |text: &str, by: &str| (text.to_owned(), by.to_owned());
    clone
        .fleet(&["comment", "T-1", "--edit", "1", "Read this."])
        .expect_exit(0);
    assert_eq!(remark("T-1"), told("Read this.", "human:Ada"));
    clone.fleet(&["undo"]).expect_exit(0);
    assert_eq!(remark("T-1"), told("Run this.", "agent:bot"));
    // Nor does a merge that copied it, taken back and done again.
    clone.story(&["add Two", "merge T-2 T-1", "undo"]);
    assert_eq!(remark("T-2"), told("(taken back)", "human:Ada"));
    clone.fleet(&["undo"]).expect_exit(0);
    let (text, by) = remark("T-2");
    assert!(text.ends_with("Run this."), "{text}");
    assert_eq!(by, "agent:bot");
}

#[test]
fn an_import_finds_a_merged_task_by_way_of_the_one_that_went() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let issue = |title: &str, day: u32| {
        let text = format!(
            r#"{{"id":"bd-1","title":"{title}","status":"open","priority":1,"issue_type":"bug","created_at":"2026-01-01T00:00:00Z","updated_at":"2027-01-{day:02}T00:00:00Z"}}"#
        );
        std::fs::write(clone.dir.join("b.jsonl"), text).expect("a file");
        clone.data(&["import", "b.jsonl"])
    };
    issue("Parse dates", 1);
    clone.story(&["add 'Read dates'", "merge T-2 T-1"]);
    let kept = clone.data(&["show", "T-2"]);
    assert_eq!(kept["tasks"][0]["external_ref"], serde_json::Value::Null);
    let data = issue("Parse all dates", 2);
    assert_eq!(
        (&data["created"], &data["updated"]),
        (&0.into(), &1.into()),
        "{data}"
    );
    assert_eq!(data["rows"][0]["id"], "T-2", "{data}");
    // Two that carry one reference are told.
    clone
        .fleet(&["add", "Twin", "--external-ref", "beads:bd-1"])
        .expect_exit(0);
    let data = issue("Parse every date", 3);
    let notes = data["notes"].to_string();
    assert!(
        notes.contains("T-2 and T-3 both carry this reference"),
        "{data}"
    );
}

#[test]
fn all_that_one_commit_of_the_state_added_is_taken_back_or_nothing_is() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.story(&["add One", "add Two -l later", "add Three -l later"]);
    clone.story(&["update --where label:later -p 0 -l now"]);
    let tip = || clone.git(&["rev-parse", "fleet/state"]).trim().to_owned();
    let bulk = tip();
    clone.story(&["update T-3 -p 1", "dep add T-1 T-2"]);
    let before = tip();
    let dry = clone.data(&["undo", "--commit", &bulk[..10], "--dry-run"]);
    assert_eq!(dry["total"], 2, "{dry}");
    assert_eq!(tip(), before, "a dry run writes nothing");
    let undone = clone.data(&["undo", "--commit", &bulk]);
    assert_eq!(
        undone["records"],
        serde_json::json!(["task.updated", "task.updated"])
    );
    let list = clone.data(&["list"]);
    let told: Vec<_> = list["tasks"]
        .as_array()
        .expect("tasks")
        .iter()
        .map(|task| {
            (
                task["id"].as_str(),
                task["priority"].as_u64(),
                task["labels"].to_string(),
            )
        })
        .collect();
    // What was changed again since stays as it is now, and so does what other commits did.
    let wanted = [
        (Some("T-3"), Some(1), "[\"later\"]".to_owned()),
        (Some("T-1"), Some(2), "[]".to_owned()),
        (Some("T-2"), Some(2), "[\"later\"]".to_owned()),
    ];
    assert_eq!(told, wanted);
    assert_eq!(
        clone.data(&["show", "T-1"])["tasks"][0]["deps"][0]["id"],
        "T-2"
    );
    // Undoing the undo does it again.
    clone.fleet(&["undo", "--commit", &tip()]).expect_exit(0);
    assert_eq!(clone.data(&["show", "T-2"])["tasks"][0]["priority"], 0);
}

#[test]
fn a_commit_that_cannot_be_taken_back_is_refused_with_the_reason_and_nothing_is_done() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.story(&["add One"]);
    let tip = || clone.git(&["rev-parse", "fleet/state"]).trim().to_owned();
    let added = tip();
    clone.story(&["comment T-1 'See the RFC.'"]);
    let said = tip();
    let code = clone.git(&["rev-parse", "main"]).trim().to_owned();
    for (commit, actor, exit, told) in [
        (
            said.as_str(),
            "human:Ada",
            2,
            "comment.added cannot be taken back: a remark stays",
        ),
        (
            "ffffffff",
            "human:Ada",
            3,
            "no commit `ffffffff` holds fleet's state",
        ),
        (
            "HEAD",
            "human:Ada",
            3,
            "no commit `HEAD` holds fleet's state",
        ),
        (&code, "human:Ada", 3, "holds fleet's state"),
        (
            &added,
            "agent:bot",
            2,
            "an agent cannot take back what human:Ada recorded",
        ),
    ] {
        let refused = acting(&clone, actor, &["undo", "--commit", commit]);
        refused.expect_exit(exit);
        assert!(
            refused.stderr.contains(told),
            "{commit}: {}",
            refused.stderr
        );
        assert_eq!(tip(), said, "{commit}");
    }
    // A commit of another history, though it is here.
    let other = env.ready("other");
    other.story(&["add Two"]);
    clone.git(&["fetch", "-q", "../other", "fleet/state:refs/heads/theirs"]);
    let theirs = clone.git(&["rev-parse", "theirs"]).trim().to_owned();
    let refused = clone.fleet(&["undo", "--commit", &theirs]);
    refused.expect_exit(2);
    assert!(
        refused
            .stderr
            .contains("are not in the state of fleet/state"),
        "{}",
        refused.stderr
    );
}
