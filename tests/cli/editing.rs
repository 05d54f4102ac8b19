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
