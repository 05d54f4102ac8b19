//! Tasks edited as sheets, while others change them and editors are interrupted.

use std::os::unix::fs::PermissionsExt as _;

use crate::env::{Clone, Ran, TestEnv};

/// Runs `fleet edit T-1` with an editor that is this script: `$1` is the sheet, `$FLEET` the program.
fn edit(clone: &Clone<'_>, script: &str, more: &[&str]) -> Ran {
    let editor = clone.dir.join(".git/editor");
    std::fs::write(&editor, format!("#!/bin/sh\n{script}\n")).expect("a script");
    let all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&editor, all).expect("it may run");
    let args = [&["edit", "T-1"], more].concat();
    let mut command = clone.command(&args);
    command
        .env("EDITOR", &editor)
        .env("FLEET", env!("CARGO_BIN_EXE_fleet"));
    clone.ran(&args, &command.output().expect("fleet runs"))
}

fn task(clone: &Clone<'_>) -> serde_json::Value {
    clone.data(&["show", "T-1"])["tasks"][0].clone()
}

fn marks(clone: &Clone<'_>) -> Vec<(String, bool)> {
    let task = task(clone);
    let points = task["acceptance"].as_array().expect("points").iter();
    points
        .map(|point| {
            let text = point["text"].as_str().expect("a text").to_owned();
            (text, point["done"] == true)
        })
        .collect()
}

fn kept(clone: &Clone<'_>) -> String {
    let path = clone.dir.join(".git/fleet/edit/T-1.md");
    path.to_string_lossy().into_owned()
}

#[test]
fn marks_that_others_set_while_a_sheet_is_open_stay() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.story(&["add One --acceptance a --acceptance b --acceptance c"]);
    // Another process has other chance, too.
    let script = "FLEET_TEST_SEED=901 $FLEET check T-1 1 >&2 && sed -i 's/^- ... c$/- [x] c/' $1";
    edit(&clone, script, &[]).expect_exit(0);
    let told = |list: &[(&str, bool)]| -> Vec<(String, bool)> {
        list.iter().map(|(t, m)| ((*t).to_owned(), *m)).collect()
    };
    assert_eq!(
        marks(&clone),
        told(&[("a", true), ("b", false), ("c", true)])
    );
    // A list that both change: what each did is there, and marks go by text and not by place.
    let script = "FLEET_TEST_SEED=902 $FLEET update T-1 --acceptance z --acceptance a --acceptance c >&2 && \
                  sed -i '/ b$/d;s/^- .x. a/- [ ] a/;s/^- .x. c$/&\\n- [x] d/' $1";
    edit(&clone, script, &[]).expect_exit(0);
    assert_eq!(
        marks(&clone),
        told(&[("z", false), ("a", false), ("c", true), ("d", true)])
    );
}

#[test]
fn a_kept_sheet_is_compared_with_what_it_was_when_it_was_opened() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.story(&["add One"]);
    edit(&clone, "sed -i 's/^priority.*/priority: 9/' $1", &[]).expect_exit(2);
    clone
        .fleet(&["update", "T-1", "--title", "Uno"])
        .expect_exit(0);
    let path = kept(&clone);
    let text = std::fs::read_to_string(&path).expect("it is kept");
    std::fs::write(&path, text.replace("priority: 9", "priority: 0")).expect("it is corrected");
    clone
        .fleet(&["edit", "T-1", "--file", &path])
        .expect_exit(0);
    let task = task(&clone);
    assert_eq!(
        (&task["title"], &task["priority"]),
        (&"Uno".into(), &0.into())
    );
    assert!(!std::path::Path::new(&path).exists(), "it was taken up");
}

#[test]
fn a_kept_sheet_is_never_written_over_or_taken_away() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.story(&["add One"]);
    edit(&clone, "sed -i 's/^priority.*/priority: 9/' $1", &[]).expect_exit(2);
    let text = std::fs::read_to_string(kept(&clone)).expect("it is kept");
    for script in ["true", "sed -i 's/One/Two/' $1"] {
        let refused = edit(&clone, script, &[]);
        refused.expect_exit(2);
        assert!(refused.stderr.contains("--file"), "{}", refused.stderr);
    }
    let left = std::fs::read_to_string(kept(&clone)).expect("it is still there");
    assert_eq!(left, text);
    assert_eq!(task(&clone)["title"], "One");
    // The same while somebody else has it open.
    std::fs::remove_file(kept(&clone)).expect("it is taken away");
    let script =
        "EDITOR='sed -i s/One/Two/' $FLEET edit T-1; test $? = 2 && sed -i 's/One/Three/' $1";
    edit(&clone, script, &[]).expect_exit(0);
    assert_eq!(task(&clone)["title"], "Three");
}

#[test]
fn interrupts_in_the_editor_are_the_editors() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.story(&["add One"]);
    let script = "kill -INT $PPID; kill -QUIT $PPID; sed -i 's/One/Two/' $1";
    edit(&clone, script, &[]).expect_exit(0);
    assert_eq!(task(&clone)["title"], "Two");
}

#[test]
fn a_sheet_that_was_left_alone_is_answered_as_json() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.story(&["add One"]);
    let ran = edit(&clone, "true", &["--json"]);
    ran.expect_exit(0);
    let task = &ran.json()["data"]["tasks"][0];
    assert_eq!(
        (&task["id"], &task["changed"]),
        (&"T-1".into(), &false.into())
    );
    assert!(
        !std::path::Path::new(&kept(&clone)).exists(),
        "nothing is kept"
    );
}

/// Writes a template of the project.
fn template(clone: &Clone<'_>, file: &str, text: &str) {
    let dir = clone.dir.join(".orchestra/templates");
    std::fs::create_dir_all(&dir).expect("a folder");
    std::fs::write(dir.join(file), text).expect("a file");
}

#[test]
fn a_template_in_toml_makes_a_plan_of_its_variables_whole_or_not_at_all() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let text = include_str!("../fuzz/corpus/templates/plan.toml");
    template(
        &clone,
        "release.toml",
        &text
            .replace("T-4", "T-1")
            .replace("parent = \"notes\"\n", ""),
    );
    clone.fleet(&["add", "Before"]).expect_exit(0);
    let missing = clone.fleet(&["add", "--template", "release"]);
    missing.expect_exit(2);
    insta::assert_snapshot!(missing.stderr, @r"
    error: .orchestra/templates/release.toml needs a value of `version` (such as 1.4.0)
    hint: add `--var version=VALUE`
    ");
    let args = ["add", "--template", "release", "--var", "version=1.4.0"];
    let planned = clone.data(&[&args[..], &["--dry-run"]].concat());
    assert_eq!(planned["total"], 2, "{planned}");
    assert_eq!(clone.data(&["list"])["total"], 1);
    clone.fleet(&args).expect_exit(0);
    let shown = clone.data(&["show", "T-2", "T-3"]);
    let (notes, tag) = (&shown["tasks"][0], &shown["tasks"][1]);
    assert_eq!(notes["title"], "Notes of 1.4.0");
    assert_eq!(notes["type"], "documentation");
    assert_eq!(notes["estimate_minutes"], 90);
    assert_eq!(notes["labels"], serde_json::json!(["release", "v1.4.0"]));
    assert_eq!(notes["acceptance"][0]["text"], "1.4.0 is named");
    assert_eq!(tag["title"], "Tag 1.4.0 on main {{ .Values.x }} {1.4.0}");
    assert_eq!(tag["due"], "2026-11-24T08:06:00.000Z");
    let edges: Vec<_> = tag["deps"]
        .as_array()
        .expect("edges")
        .iter()
        .map(|edge| (edge["kind"].as_str(), edge["id"].as_str()))
        .collect();
    assert_eq!(
        edges,
        [
            (Some("related"), Some("T-1")),
            (Some("blocks"), Some("T-2"))
        ]
    );
    // To several tasks the flags of one do not fit.
    let refused = clone.fleet(&[&args[..], &["-p", "0"]].concat());
    refused.expect_exit(2);
    assert!(
        refused.stderr.contains("release.toml describes 2 tasks"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_template_in_toml_of_one_task_takes_flags_over_its_values() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    template(
        &clone,
        "bug.toml",
        "title = \"Crash of {{program}}\"\nvars.program = \"it\"\ntype = \"bug\"\npriority = 1\n\
         labels = [\"triage\"]\ndeps = [\"related:T-1\"]\n",
    );
    clone.fleet(&["add", "Before"]).expect_exit(0);
    clone.fleet(&["add", "--template", "bug"]).expect_exit(0);
    let args = [
        "add",
        "--template",
        "bug",
        "--var",
        "program=git",
        "-p",
        "0",
        "-l",
        "urgent",
        "--dep",
        "T-2",
    ];
    clone.fleet(&args).expect_exit(0);
    let shown = clone.data(&["show", "T-2", "T-3"]);
    assert_eq!(shown["tasks"][0]["title"], "Crash of it");
    let second = &shown["tasks"][1];
    assert_eq!(second["title"], "Crash of git");
    assert_eq!(second["priority"], 0);
    assert_eq!(second["labels"], serde_json::json!(["triage", "urgent"]));
    assert_eq!(second["deps"].as_array().map(Vec::len), Some(2), "{second}");
}

#[test]
fn what_is_wrong_in_a_template_is_told_with_its_place() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let two = "[[tasks]]\nid = \"a\"\ntitle = \"A\"\ndeps = [\"b\"]\n[[tasks]]\nid = \"b\"\ntitle = \"B\"\n";
    let cases = [
        ("title = \"A\"\npriorty = 1\n".to_owned(), 2),
        ("title = \"A\"\npriority = 9\n".to_owned(), 2),
        ("title = \"A {{name}}\"\n".to_owned(), 2),
        ("title = \"A\"\nlabels = \"api\"\n".to_owned(), 2),
        ("title = \"A\n".to_owned(), 2),
        ("about = \"nothing\"\n".to_owned(), 2),
        ("title = \"A\"\ndue = \"when it rains\"\n".to_owned(), 2),
        (
            "title = \"A\"\n[vars.x]\nrequired = true\ndefault = \"1\"\n".to_owned(),
            2,
        ),
        (format!("type = \"bug\"\n{two}"), 2),
        (format!("{two}deps = [\"c\"]\n"), 2),
        (format!("{two}[[tasks]]\nid = \"a\"\ntitle = \"A\"\n"), 2),
        (format!("{two}deps = [\"a\"]\n"), 5),
    ];
    let mut told = String::new();
    for (text, exit) in cases {
        template(&clone, "x.toml", &text);
        let refused = clone.fleet(&["add", "--template", "x"]);
        refused.expect_exit(exit);
        told.push_str(refused.stderr.lines().next().unwrap_or_default());
        told.push('\n');
    }
    insta::assert_snapshot!(told, @r#"
    error: failed to read the template: .orchestra/templates/x.toml:2:1: `priorty` is not a key; did you mean `priority`?
    error: .orchestra/templates/x.toml:2:12: `9` is no priority, 0 to 4
    error: .orchestra/templates/x.toml:1:9: `{{name}}` is none of its variables; `[vars.name]` makes it one
    error: failed to read the template: .orchestra/templates/x.toml:2:10: `labels` is a list of texts
    error: failed to read the template: .orchestra/templates/x.toml:1:11: invalid basic string, expected `"`
    error: failed to read the template: .orchestra/templates/x.toml:1:1: it describes no task
    error: .orchestra/templates/x.toml:2:7: `when it rains` is no time; write `tomorrow 9am`, `in 3 days`, `next monday`, `2h30m`, `2026-11-21 17:00` or an RFC 3339 time
    error: failed to read the template: .orchestra/templates/x.toml:2:1: `x` has a default, so it is not required
    error: failed to read the template: .orchestra/templates/x.toml:1:1: `type` belongs into a [[tasks]]; above them stand about and vars
    error: .orchestra/templates/x.toml:8:9: `c` is neither a task of the plan nor an id such as T-7
    error: .orchestra/templates/x.toml:8:1 (`a`): the name is that of .orchestra/templates/x.toml:1:1 (`a`) already
    error: the dependency would close a cycle: .orchestra/templates/x.toml:1:1 (`a`) -> .orchestra/templates/x.toml:5:1 (`b`) -> .orchestra/templates/x.toml:1:1 (`a`)
    "#);
    template(&clone, "x.md", "---\ntype: bug\n---\n");
    let refused = clone.fleet(&["add", "A", "--template", "x"]);
    assert!(
        refused.stderr.contains("there are two templates `x`"),
        "{}",
        refused.stderr
    );
    assert_eq!(clone.data(&["list"])["total"], 0, "nothing is half written");
}
