//! Import and export where something is there already: files of others, tasks of another source,
//! changes on both sides.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::env::{Clone, TestEnv};

fn put(clone: &Clone<'_>, name: &str, text: &str) {
    let path = clone.dir.join(name);
    fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
    fs::write(path, text).expect("a file can be written");
}

fn export(clone: &Clone<'_>, to: &str) -> String {
    let ran = clone.fleet(&["export", "--to", to]);
    ran.expect_exit(0);
    ran.stdout
}

fn titles(clone: &Clone<'_>) -> Vec<String> {
    let data = clone.data(&["list", "--all"]);
    let tasks = data["tasks"].as_array().expect("tasks").clone();
    let mut all: Vec<String> = tasks
        .iter()
        .map(|t| t["title"].as_str().expect("a title").to_owned())
        .collect();
    all.sort();
    all
}

fn shown(clone: &Clone<'_>, id: &str) -> Value {
    clone.data(&["show", id])["tasks"][0].clone()
}

/// One line of Beads.
fn bead(id: &str, month: u8, more: &str) -> String {
    format!(
        r#"{{"id":"{id}","title":"{id}","status":"open","priority":2,"issue_type":"task","created_at":"2026-01-01T09:00:00Z",{more}"updated_at":"2026-{month:02}-01T10:00:00Z"}}"#
    )
}

fn import_beads(clone: &Clone<'_>, lines: &[String]) -> Value {
    put(clone, "b.jsonl", &(lines.join("\n") + "\n"));
    clone.data(&["import", "b.jsonl"])
}

// ---- Files that are there ----

#[test]
fn an_export_takes_the_place_of_no_file_that_fleet_did_not_write() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.fleet(&["add", "One"]).expect_exit(0);
    clone.fleet(&["add", "Two"]).expect_exit(0);
    for (to, name, text) in [
        ("markdown", "README.md", "# Fleet\n\nRead me first.\n"),
        ("markdown", "TODO.md", "- [ ] Buy milk\n"),
        (
            "markdown",
            "MORE.md",
            "- [ ] One (T-1)\n\nwhat only a person knows\n",
        ),
        ("csv", "notes.txt", "some notes, and more\nof them\n"),
        ("csv", "table.csv", "id,title\n1,Precious\n"),
        ("json", "package.json", "{\"name\":\"x\",\"tasks\":[]}\n"),
        ("json", "null.json", "null\n"),
        (
            "github",
            "gh.json",
            "[{\"number\":1,\"title\":\"Precious\"}]\n",
        ),
        ("beads", "b.jsonl", "nothing that anybody can read\n"),
        ("beads", "list.json", "[]\n"),
    ] {
        put(&clone, name, text);
        let ran = clone.fleet(&["export", "--to", to, "-o", name]);
        ran.expect_exit(2);
        assert!(ran.stderr.contains("was left as it is"), "{}", ran.told());
        let kept = fs::read_to_string(clone.dir.join(name)).expect("it reads");
        assert_eq!(kept, text, "{to} over {name}");
    }
    // With as many tasks, but others.
    let other = env.ready("other");
    other.fleet(&["add", "Three"]).expect_exit(0);
    other.fleet(&["add", "Four"]).expect_exit(0);
    for to in ["json", "csv", "github", "beads"] {
        let name = format!("other.{to}");
        put(&clone, &name, &export(&other, to));
        let ran = clone.fleet(&["export", "--to", to, "-o", &name]);
        ran.expect_exit(2);
        assert!(ran.stderr.contains("would be gone"), "{}", ran.told());
    }
    // What it wrote itself is brought up to date, whatever the title looks like.
    for to in ["json", "csv", "github", "beads", "markdown"] {
        let name = format!("own.{to}");
        clone
            .fleet(&["export", "--to", to, "-o", &name])
            .expect_exit(0);
    }
    clone
        .fleet(&["update", "T-1", "--title", "One (and - [ ] more)"])
        .expect_exit(0);
    for _ in 0..2 {
        for to in ["json", "csv", "github", "beads", "markdown"] {
            let name = format!("own.{to}");
            clone
                .fleet(&["export", "--to", to, "-o", &name])
                .expect_exit(0);
        }
        clone.fleet(&["add", "Five", "--dep", "T-1"]).expect_exit(0);
    }
}

#[test]
fn an_export_after_texts_were_summarised_has_the_texts() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let text = "first paragraph\n\n".to_owned() + &"every word counts ".repeat(60);
    put(
        &clone,
        "b.jsonl",
        &format!(
            "{}\n",
            bead(
                "bd-1",
                1,
                &format!(
                    r#""description":{},"comments":[{{"id":1,"author":"ada","text":"a remark","created_at":"2026-01-01T10:00:00Z"}}],"#,
                    serde_json::to_string(&text).expect("a text")
                )
            )
            .replace(r#""open""#, r#""closed""#)
        ),
    );
    clone.fleet(&["import", "b.jsonl"]).expect_exit(0);
    let before: Vec<String> = ["beads", "json", "csv", "github", "markdown"]
        .map(|to| export(&clone, to))
        .to_vec();
    assert!(before[0].contains("every word counts"));
    clone
        .fleet(&["archive", "--older-than", "0"])
        .expect_exit(0);
    assert!(
        shown(&clone, "T-1")["body"]
            .as_str()
            .is_some_and(|body| body.contains("(Summarised;"))
    );
    for (to, before) in ["beads", "json", "csv", "github", "markdown"]
        .iter()
        .zip(before)
    {
        let after = export(&clone, to);
        assert_eq!(after, before, "{to}");
    }
    // And the remark is not taken in once more.
    let data = clone.data(&["import", "b.jsonl"]);
    assert_eq!(data["unchanged"], 1, "{data:#}");
}

#[test]
fn a_task_of_here_is_never_written_under_the_id_of_another() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.fleet(&["add", "Mine"]).expect_exit(0);
    let lines = [bead("fleet-1", 1, ""), bead("fleet-2", 1, "")];
    let lines = [
        lines[0].clone(),
        lines[1].replace(r#""open""#, r#""closed""#),
    ];
    import_beads(&clone, &lines);
    clone.fleet(&["add", "Mine, too"]).expect_exit(0);
    let ids = |text: &str| -> Vec<(String, String)> {
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"))
            .map(|v| {
                let text = |name: &str| v[name].as_str().expect("a text").to_owned();
                (text("id"), text("title"))
            })
            .collect()
    };
    let all = ids(&export(&clone, "beads"));
    let distinct: BTreeSet<&str> = all.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(distinct.len(), 4, "{all:?}");
    assert!(
        all.contains(&("fleet-1".to_owned(), "fleet-1".to_owned())),
        "{all:?}"
    );
    // The same names, whatever is written beside them.
    let ran = clone.fleet(&["export", "--to", "beads", "--open"]);
    for one in ids(&ran.stdout) {
        assert!(all.contains(&one), "{one:?} of {all:?}");
    }
    put(&clone, "out.jsonl", &export(&clone, "beads"));
    let data = clone.data(&["import", "out.jsonl"]);
    assert_eq!(data["unchanged"], 4, "{data:#}");
}

// ---- Tasks of another source ----

#[test]
fn files_of_the_same_name_are_not_the_same_source() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    put(
        &clone,
        "p/issues.csv",
        "id,title\n1,Pay invoices\n2,Send them\n",
    );
    put(&clone, "q/issues.csv", "id,title\n1,Paint the wall\n");
    put(&clone, "a/TODO.md", "- [ ] Write tests\n");
    put(&clone, "b/TODO.md", "- [ ] Write tests\n");
    for (name, count) in [
        ("p/issues.csv", 2),
        ("q/issues.csv", 1),
        ("a/TODO.md", 1),
        ("b/TODO.md", 1),
    ] {
        let data = clone.data(&["import", name]);
        assert_eq!(data["created"], count, "{name}: {data:#}");
    }
    let all = [
        "Paint the wall",
        "Pay invoices",
        "Send them",
        "Write tests",
        "Write tests",
    ];
    assert_eq!(titles(&clone), all);
    // The place counts, and not from where it is looked at.
    let below = env.at("project/p");
    let data = below.data(&["import", "issues.csv"]);
    assert_eq!(
        (&data["created"], &data["unchanged"]),
        (&0.into(), &2.into()),
        "{data:#}"
    );
    let data = clone.data(&["import", "./b/../b/TODO.md"]);
    assert_eq!(data["unchanged"], 1, "{data:#}");
}

#[test]
fn a_file_outside_of_the_repository_is_not_taken_for_another_of_its_name() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    for (folder, title) in [("x", "Pay"), ("y", "Paint")] {
        fs::create_dir(env.path(folder)).expect("a folder can be made");
        fs::write(
            env.path(folder).join("i.csv"),
            format!("id,title\n1,{title}\n"),
        )
        .expect("it writes");
    }
    let at = |name: &str| env.path(name).join("i.csv").to_string_lossy().into_owned();
    clone.fleet(&["import", &at("x")]).expect_exit(0);
    assert_eq!(clone.data(&["import", &at("x")])["unchanged"], 1);
    let ran = clone.fleet(&["import", &at("y")]);
    ran.expect_exit(2);
    assert!(
        ran.stderr.contains("another file") && ran.stderr.contains("--repo"),
        "{}",
        ran.told()
    );
    assert_eq!(titles(&clone), ["Pay"]);
    clone
        .fleet(&["import", &at("y"), "--repo", "house"])
        .expect_exit(0);
    assert_eq!(titles(&clone), ["Paint", "Pay"]);
    assert_eq!(
        clone.data(&["import", &at("y"), "--repo", "house"])["unchanged"],
        1
    );
    // What comes through a pipe has no name at all.
    let ran = clone.fleet_with(&["import", "-", "--from", "csv"], "id,title\n1,Nobody\n");
    ran.expect_exit(2);
    assert!(ran.stderr.contains("--repo"), "{}", ran.told());
}

#[test]
fn what_was_imported_under_the_bare_name_of_its_file_goes_on() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    // As older versions named it.
    clone
        .fleet(&["add", "Pay invoices", "--external-ref", "csv:issues.csv#1"])
        .expect_exit(0);
    put(&clone, "q/issues.csv", "id,title\n1,Paint the wall\n");
    put(
        &clone,
        "p/issues.csv",
        "id,title,status\n1,Pay invoices,done\n",
    );
    clone.fleet(&["import", "q/issues.csv"]).expect_exit(0);
    let data = clone.data(&["import", "p/issues.csv"]);
    assert_eq!(
        (&data["created"], &data["updated"]),
        (&0.into(), &1.into()),
        "{data:#}"
    );
    assert_eq!(titles(&clone), ["Paint the wall", "Pay invoices"]);
    let task = shown(&clone, "T-1");
    assert_eq!(task["external_ref"], "csv:p/issues.csv#1", "{task:#}");
}

#[test]
fn a_known_name_with_the_identity_of_another_task_is_refused() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let row = |title: &str, end: &str| {
        format!("id,title,uid\n1,{title},01900000-0000-7000-8000-0000000000{end}\n")
    };
    put(&clone, "t.csv", &row("Pay", "01"));
    clone.fleet(&["import", "t.csv"]).expect_exit(0);
    assert_eq!(clone.data(&["import", "t.csv"])["unchanged"], 1);
    put(&clone, "t.csv", &row("Paint", "02"));
    let ran = clone.fleet(&["import", "t.csv"]);
    ran.expect_exit(2);
    assert!(
        ran.stderr.contains("t.csv:2") && ran.stderr.contains("another"),
        "{}",
        ran.told()
    );
    assert_eq!(titles(&clone), ["Pay"]);
    let data = clone.data(&["import", "t.csv", "--skip-bad"]);
    assert_eq!(data["skipped"], 1, "{data:#}");
    assert_eq!(titles(&clone), ["Pay"]);
}

// ---- Changes on both sides ----

fn on(id: &str, to: &str, kind: &str) -> String {
    format!(r#""dependencies":[{{"issue_id":"{id}","depends_on_id":"{to}","type":"{kind}"}}],"#)
}

#[test]
fn what_the_source_took_away_and_has_again_comes_again() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let with = r#""labels":["x","y"],"#.to_owned() + &on("bd-1", "bd-2", "blocks");
    let other = bead("bd-2", 1, "");
    import_beads(&clone, &[bead("bd-1", 1, &with), other.clone()]);
    import_beads(
        &clone,
        &[bead("bd-1", 2, r#""labels":["y"],"#), other.clone()],
    );
    let task = shown(&clone, "T-1");
    assert_eq!(task["labels"], serde_json::json!(["y"]), "{task:#}");
    let deps = |clone: &Clone<'_>| shown(clone, "T-1")["deps"].as_array().map_or(0, Vec::len);
    assert_eq!(deps(&clone), 0);
    import_beads(&clone, &[bead("bd-1", 3, &with), other.clone()]);
    let task = shown(&clone, "T-1");
    assert_eq!(task["labels"], serde_json::json!(["x", "y"]), "{task:#}");
    assert_eq!(deps(&clone), 1, "{task:#}");

    // What was taken away here stays away while the source goes on to have it.
    clone.fleet(&["dep", "rm", "T-1", "T-2"]).expect_exit(0);
    clone
        .fleet(&["update", "T-1", "--rm-label", "x"])
        .expect_exit(0);
    let titled = |month: u8, more: &str| {
        bead("bd-1", month, more).replace(r#""title":"bd-1""#, &format!(r#""title":"in {month}""#))
    };
    for month in [4, 5] {
        import_beads(&clone, &[titled(month, &with), other.clone()]);
        let task = shown(&clone, "T-1");
        assert_eq!(task["title"], format!("in {month}"));
        assert_eq!(task["labels"], serde_json::json!(["y"]), "{task:#}");
        assert_eq!(deps(&clone), 0, "{task:#}");
    }
}

#[test]
fn a_later_import_makes_the_edges_that_an_earlier_one_had_to_leave_out() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let held = || shown(&clone, "T-1")["held_by"].clone();
    let c = bead("bd-c", 1, &on("bd-c", "bd-e", "blocks"));
    import_beads(&clone, std::slice::from_ref(&c));
    assert!(
        held()
            .as_str()
            .is_some_and(|why| why.contains("waits for beads:bd-e"))
    );
    let data = import_beads(
        &clone,
        &[bead("bd-e", 1, "").replace(r#""open""#, r#""closed""#)],
    );
    assert_eq!(
        (&data["created"], &data["deps"]),
        (&1.into(), &1.into()),
        "{data:#}"
    );
    assert!(held().is_null(), "{}", held());
    let ready = clone.data(&["ready"]);
    assert_eq!(ready["tasks"][0]["title"], "bd-c", "{ready:#}");
    // What the source says besides holds on.
    let d = bead("bd-d", 1, &on("bd-d", "bd-f", "blocks")).replace(r#""open""#, r#""in_progress""#);
    import_beads(&clone, &[d]);
    import_beads(&clone, &[bead("bd-f", 1, "")]);
    assert_eq!(
        shown(&clone, "T-3")["held_by"],
        "beads (status in_progress)"
    );
    let data = import_beads(&clone, &[c]);
    assert_eq!(data["unchanged"], 1, "{data:#}");
}

#[test]
fn a_part_that_came_before_its_whole_finds_it() {
    let env = TestEnv::new();
    for both in [false, true] {
        let clone = env.ready(if both { "both" } else { "one" });
        let c = bead("bd-c", 1, &on("bd-c", "bd-e", "parent-child"));
        let e = bead("bd-e", 1, "");
        import_beads(&clone, std::slice::from_ref(&c));
        import_beads(&clone, &if both { vec![c, e] } else { vec![e] });
        let deps = shown(&clone, "T-1")["deps"].clone();
        assert_eq!(deps[0]["kind"], "parent-child", "{deps:#}");
    }
}

#[test]
fn points_that_were_checked_one_by_one_go_out_and_count_as_changed_here() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let file = |two: &str, month: u8| {
        format!(
            "---\nid: task-1\ntitle: Parse\nstatus: To Do\nupdated_date: '2026-{month:02}-01 10:00'\n---\n\n## Acceptance Criteria\n\n- [ ] #1 one\n- [ ] #2 {two}\n"
        )
    };
    put(&clone, "backlog/task-1.md", &file("two", 1));
    clone.fleet(&["import", "backlog"]).expect_exit(0);
    clone.fleet(&["check", "T-1", "1"]).expect_exit(0);
    let json: Value = serde_json::from_str(&export(&clone, "json")).expect("it is JSON");
    assert_eq!(json["tasks"][0]["acceptance"][0]["done"], true, "{json:#}");
    assert!(export(&clone, "github").contains("- [x] one"));
    assert!(export(&clone, "csv").contains("[x] one"));
    // Changed there before it was checked here: ours stays, and that is told.
    put(&clone, "backlog/task-1.md", &file("zwei", 2));
    let data = clone.data(&["import", "backlog"]);
    let told = data["notes"].to_string();
    assert!(
        told.contains("acceptance was changed here, too, and stays"),
        "{data:#}"
    );
    assert_eq!(shown(&clone, "T-1")["acceptance"][0]["done"], true);
}

#[test]
fn the_json_form_has_every_value() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone
        .fleet(&[
            "add",
            "One",
            "--milestone",
            "v1",
            "--estimate",
            "90m",
            "--complexity",
            "high",
            "--deliverable",
            "report",
        ])
        .expect_exit(0);
    clone
        .fleet(&["gate", "add", "T-1", "pr", "12", "--note", "first that"])
        .expect_exit(0);
    let json: Value = serde_json::from_str(&export(&clone, "json")).expect("it is JSON");
    let task = &json["tasks"][0];
    assert_eq!(task["milestone"], "v1", "{task:#}");
    assert_eq!(task["estimate_minutes"], 90, "{task:#}");
    assert_eq!(task["complexity"], "high", "{task:#}");
    assert_eq!(task["deliverable"], "report", "{task:#}");
    let gate = &task["gates"][0];
    assert_eq!(
        (
            &gate["kind"],
            &gate["subject"],
            &gate["state"],
            &gate["note"]
        ),
        (
            &"pr".into(),
            &"12".into(),
            &"waiting".into(),
            &"first that".into()
        ),
        "{task:#}"
    );
}

/// More labels than a record holds, as JSON.
fn many_labels() -> Vec<String> {
    let all = (0..20_000).map(|n| format!("\"label-number-{n:05}\""));
    all.collect()
}

#[test]
fn an_issue_too_large_for_a_record_is_located_whichever_field_is_large() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let many = many_labels();
    let long = "y".repeat(300 * 1024);
    let kinds: Vec<String> = (0..2_000)
        .map(|n| {
            format!(
                r#"{{"issue_id":"a-2","depends_on_id":"a-{n}","type":"{}"}}"#,
                "k".repeat(150)
            )
        })
        .collect();
    for (what, line) in [
        (
            "labels",
            bead("a-2", 1, &format!(r#""labels":[{}],"#, many.join(","))),
        ),
        (
            "status",
            bead("a-2", 1, "").replace(r#""open""#, &format!("\"{long}\"")),
        ),
        (
            "kinds",
            bead(
                "a-2",
                1,
                &format!(r#""dependencies":[{}],"#, kinds.join(",")),
            ),
        ),
        (
            "reason",
            bead("a-2", 1, &format!(r#""close_reason":"{long}","#))
                .replace(r#""open""#, r#""closed""#),
        ),
        (
            "escapes",
            bead(
                "a-2",
                1,
                &format!(r#""description":"{}","#, "\\u0001".repeat(60_000)),
            ),
        ),
    ] {
        put(
            &clone,
            "b.jsonl",
            &format!("{}\n{line}\n", bead("a-1", 1, "")),
        );
        let ran = clone.fleet(&["import", "b.jsonl"]);
        ran.expect_exit(2);
        assert!(
            ran.stderr.contains("b.jsonl:2: beads:a-2: it has"),
            "{what}: {}",
            ran.told()
        );
        let data = clone.data(&["import", "b.jsonl", "--skip-bad", "--dry-run"]);
        assert_eq!(
            (&data["created"], &data["skipped"]),
            (&1.into(), &1.into()),
            "{what}"
        );
    }
}

#[test]
fn labels_of_nearly_a_whole_record_are_replaced_by_as_many_others() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let many = many_labels();
    let half = |from: usize| {
        bead(
            "a-2",
            1 + (from > 0) as u8,
            &format!(r#""labels":[{}],"#, many[from..from + 7_000].join(",")),
        )
    };
    import_beads(&clone, &[half(0)]);
    let data = import_beads(&clone, &[half(7_000)]);
    assert_eq!(data["updated"], 1);
}

#[test]
fn a_time_that_no_record_can_hold_is_told_and_stops_nothing() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let late = r#""due_at":"9999-12-31T23:59:59-12:00","#;
    let data = import_beads(&clone, &[bead("a-1", 1, late)]);
    assert_eq!(data["created"], 1, "{data:#}");
    let note = &data["notes"][0];
    assert_eq!(note["at"], "b.jsonl:1", "{data:#}");
    assert_eq!(
        note["text"], "`due_at` is no time that is known here",
        "{data:#}"
    );
    put(
        &clone,
        "t.csv",
        "id,title,due\n1,x,9999-12-31T23:59:59-12:00\n2,y,tomorrow\n",
    );
    let data = clone.data(&["import", "t.csv"]);
    assert_eq!(data["created"], 2, "{data:#}");
    assert_eq!(data["notes"][0]["at"], "t.csv:2", "{data:#}");
    assert_eq!(data["notes"][1]["at"], "t.csv:3", "{data:#}");
}

#[test]
fn a_table_comes_back_as_it_went_out() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    for title in ["-dash", "=1+1", "'-quoted", "@all", "+1", "plain"] {
        clone
            .fleet(&["add", "--body=- a list\n- of two", "--", title])
            .expect_exit(0);
    }
    put(&clone, "t.csv", &export(&clone, "csv"));
    let data = clone.data(&["import", "t.csv"]);
    assert_eq!(data["unchanged"], 6, "{data:#}");
    let other = env.ready("other");
    put(&other, "t.csv", &export(&clone, "csv"));
    other.fleet(&["import", "t.csv"]).expect_exit(0);
    assert_eq!(titles(&other), titles(&clone));
    assert_eq!(shown(&other, "T-1")["body"], "- a list\n- of two");
}

#[test]
fn a_cell_that_was_edited_in_the_spreadsheet_arrives() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone
        .fleet(&["add", "One", "-l", "a,b", "--body", "text", "-p", "1"])
        .expect_exit(0);
    clone
        .fleet(&["add", "Two", "--acceptance", "it works"])
        .expect_exit(0);
    clone.fleet(&["add", "Three"]).expect_exit(0);
    clone.fleet(&["check", "T-2", "1"]).expect_exit(0);
    let table = export(&clone, "csv");
    put(&clone, "t.csv", &table);
    assert_eq!(clone.data(&["import", "t.csv"])["unchanged"], 3);
    let edited = table
        .replace(",One,", ",Eins,")
        .replace("\"a, b\"", "\"b, c\"")
        .replace(",Three,open,", ",Three,done,");
    put(&clone, "t.csv", &edited);
    let data = clone.data(&["import", "t.csv"]);
    assert_eq!(
        (&data["updated"], &data["unchanged"]),
        (&2.into(), &1.into()),
        "{data:#}"
    );
    let task = shown(&clone, "T-1");
    assert_eq!(task["title"], "Eins");
    assert_eq!(task["labels"], serde_json::json!(["b", "c"]), "{task:#}");
    assert_eq!(
        (&task["body"], &task["priority"]),
        (&"text".into(), &1.into())
    );
    assert_eq!(shown(&clone, "T-2")["acceptance"][0]["done"], true);
    assert_eq!(shown(&clone, "T-3")["status"], "closed");

    // What was changed here after the table was written stays, and that is told.
    let table = export(&clone, "csv");
    clone
        .fleet(&["update", "T-1", "--title", "Uno"])
        .expect_exit(0);
    put(&clone, "t.csv", &table.replace(",Two,", ",Zwei,"));
    let data = clone.data(&["import", "t.csv"]);
    assert_eq!(shown(&clone, "T-2")["title"], "Zwei", "{data:#}");
    assert_eq!(shown(&clone, "T-1")["title"], "Uno", "{data:#}");
    assert!(
        data["notes"].to_string().contains("title was changed here"),
        "{data:#}"
    );
}
