//! Bulk edits, undo, the past, decay, watching, editors, templates, completions and man pages.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use std::process::Command;

use insta::assert_snapshot;

use crate::env::{Clone, TestEnv};

fn write(clone: &Clone<'_>, path: &str, text: &str) {
    let file = clone.dir.join(path);
    std::fs::create_dir_all(file.parent().expect("it lies in a folder")).expect("a folder");
    std::fs::write(file, text).expect("a file");
}

#[test]
fn many_tasks_are_changed_at_once_or_none() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.story(&[
        "add One -l api -p 3",
        "add Two -l api -p 4",
        "add Three -p 3",
    ]);
    let before = clone.git(&["rev-list", "--count", "fleet/state"]);
    assert_snapshot!(clone.story(&[
        "update --where 'label:api prio>2' -p 2 --milestone v1 --dry-run",
        "update --where 'label:api prio>2' -p 2 --milestone v1",
        "update --where 'label:api prio>2' -p 2",
        "update --where 'lable:api' -p 2",
        "update --where label:api T-3 -p 2",
        "update --where label:api",
        "list",
    ]), @"
    $ fleet update --where 'label:api prio>2' -p 2 --milestone v1 --dry-run
    T-1  updated  One (priority, milestone)
    T-2  updated  Two (priority, milestone)
    dry run: would record task.updated, task.updated
    $ fleet update --where 'label:api prio>2' -p 2 --milestone v1
    T-1  updated  One (priority, milestone)
    T-2  updated  Two (priority, milestone)
    $ fleet update --where 'label:api prio>2' -p 2
    ! note: the query means no task
    $ fleet update --where lable:api -p 2
    ! error: failed to read the query, column 1: `lable` is no field
    ! hint: did you mean label:? Fields are status, phase, is, has, type, prio, complexity, deliverable, outcome, label, path, assignee, by, agent, milestone, ref, title, body, comment, id, parent, dep, estimate, created, updated, closed, due, defer
    [exit 2]
    $ fleet update --where label:api T-3 -p 2
    ! error: the argument '--where <QUERY>' cannot be used with '[TASK]...'
    ! 
    ! Usage: fleet update --where <QUERY> --priority <PRIORITY> [TASK]...
    ! 
    ! For more information, try '--help'.
    ! hint: for example `fleet update T-7 -p 0 -l urgent --rm-label later`
    [exit 2]
    $ fleet update --where label:api
    ! error: no change is named
    ! hint: `fleet update --help` shows what can be changed
    [exit 2]
    $ fleet list
    T-1  P2  implementation  ready  One
    T-2  P2  implementation  ready  Two
    T-3  P3  implementation  ready  Three
    ");
    let after = clone.git(&["rev-list", "--count", "fleet/state"]);
    let count = |text: &str| text.trim().parse::<usize>().expect("a number");
    assert_eq!(count(&after), count(&before) + 1, "one publish");
}

#[test]
fn the_last_command_is_taken_back_by_more_records() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.story(&["add One -l api -p 3", "add Two --dep T-1 --acceptance a"]);
    assert_snapshot!(clone.story(&[
        "update T-1 -p 0 -l urgent --rm-label api --title Uno",
        "undo --dry-run",
        "undo",
        "show T-1",
        "undo",
        "list",
        "close T-1 --outcome failed",
        "undo",
        "dep rm T-2 T-1",
        "undo",
        "check T-2 1",
        "undo",
        "gate add T-2 human",
        "undo",
        "query prio:0 --save top",
        "undo",
        "query --list",
        "add Three",
        "undo",
        "comment T-2 hello",
        "undo",
        "blocked",
    ]), @"
    $ fleet update T-1 -p 0 -l urgent --rm-label api --title Uno
    T-1  updated  Uno (title, priority, labels)
    $ fleet undo --dry-run
    T-1  task.updated  values as before
    dry run: would record task.updated
    $ fleet undo
    T-1  task.updated  values as before
    $ fleet show T-1
    T-1  One
    phase        ready
    type         implementation
    priority     P3
    complexity   medium
    labels       api
    deliverable  pr
    added        2026-11-21 08:02 by human:Ada
    updated      2026-11-21 08:06
    uid          01a1fd20-60c0-7002-987b-bcbfdd7e532f

    Needed by
      T-2  blocks  open  Two
    $ fleet undo
    T-1  task.updated  values as before
    $ fleet list
    T-1  P0  implementation  ready    Uno
    T-2  P2  implementation  blocked  Two
    $ fleet close T-1 --outcome failed
    T-1  closed  Uno (failed)
    $ fleet undo
    T-1  task.closed  open again
    $ fleet dep rm T-2 T-1
    T-2  blocks  T-1  removed
    $ fleet undo
    T-2  dep.removed  added again
    $ fleet check T-2 1
    T-2  updated  Two (acceptance)
    $ fleet undo
    T-2  task.updated  values as before
    $ fleet gate add T-2 human
    T-2  gate 1  waiting  human
    $ fleet undo
    T-2  gate.added  removed
    $ fleet query prio:0 --save top
    @top  saved  prio:0
    $ fleet undo
    -  query.saved  @top as before
    $ fleet query --list
    $ fleet add Three
    T-3  Three
    $ fleet undo
    T-3  task.added  closed as wontdo: a number is never given again
    $ fleet comment T-2 hello
    T-2  commented  Two
    $ fleet undo
    ! error: comment.added cannot be taken back: a remark stays; `fleet comment T-7 --edit N TEXT` gives it another text
    ! hint: nothing was undone; `fleet undo --record ID` takes back single records
    [exit 2]
    $ fleet blocked
    T-2  P2  implementation  blocked  Two
        blocked by T-1 (open)
    ");
}

#[test]
fn undo_leaves_alone_what_somebody_changed_since_and_names_one_record() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.story(&["add One -p 3", "update T-1 -p 1 --title Uno"]);
    let log = clone.fleet(&["log", "T-1", "--json"]);
    let log: serde_json::Value = serde_json::from_str(&log.stdout).expect("JSON");
    let record = log["data"]["entries"][2]["record"]
        .as_str()
        .expect("an id")
        .to_owned();
    clone.story(&["update T-1 --title Eins"]);
    clone.fleet(&["undo", "--record", &record]).expect_exit(0);
    let shown = clone.fleet(&["list"]);
    assert_eq!(shown.stdout, "T-1  P3  implementation  ready  Eins\n");
    assert_snapshot!(clone.story(&["undo --record 0000aaaa", "undo --record 0"]), @"
    $ fleet undo --record 0000aaaa
    ! error: no record is called `0000aaaa`
    ! hint: `fleet log T-7 --json` shows their ids; 8 letters at least
    [exit 3]
    $ fleet undo --record 0
    ! error: 5 records begin with `0`
    ! hint: write more of the id
    [exit 3]
    ");
}

#[test]
fn a_task_is_shown_as_it_was() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.story(&["add One -p 3"]);
    let commit = clone.git(&["rev-parse", "fleet/state"]);
    clone.story(&["update T-1 -p 1 --title Uno", "close T-1"]);
    let at = |when: &str| {
        let shown = clone.fleet(&["show", "T-1", "--at", when, "--json"]);
        shown.expect_exit(0);
        let shown: serde_json::Value = serde_json::from_str(&shown.stdout).expect("JSON");
        let task = &shown["data"]["tasks"][0];
        format!("{} P{} {}", task["title"], task["priority"], task["status"])
    };
    assert_eq!(at(&commit.trim()[..12]), "\"One\" P3 \"open\"");
    assert_eq!(at("2026-11-21T08:02:30.000Z"), "\"One\" P3 \"open\"");
    assert_eq!(at("2026-11-21T08:03:30.000Z"), "\"Uno\" P1 \"open\"");
    assert_eq!(at("1m"), "\"Uno\" P1 \"closed\"");
    assert_snapshot!(clone.story(&[
        "show T-1 --at 2026-11-20",
        "show T-1 --at deadbeefdeadbeef",
        "show T-1 --at soon",
        "history T-1 --limit 1",
    ]), @"
    $ fleet show T-1 --at 2026-11-20
    ! error: no task is called T-1
    ! hint: `fleet list --all` shows every task
    [exit 3]
    $ fleet show T-1 --at deadbeefdeadbeef
    ! error: no commit `deadbeefdeadbeef` holds fleet's state
    ! hint: `git log fleet/state` shows them; a date works too: --at 2026-11-21
    [exit 3]
    $ fleet show T-1 --at soon
    ! error: `soon` is no time; write `tomorrow 9am`, `in 3 days`, `next monday`, `2h30m`, `2026-11-21 17:00` or an RFC 3339 time
    ! hint: --at takes a date, a time, a span back from now such as 7d, or a commit of the state
    [exit 2]
    $ fleet history T-1 --limit 1
    T-1  Uno
    2026-11-21 08:04  human:Ada  task.closed  done
    ");
}

#[test]
fn old_texts_decay_to_a_summary_and_stay_in_the_history() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let body = format!("The first paragraph.\n\n{}", "More of it. ".repeat(60));
    clone.fleet(&["add", "One", "--body", &body]).expect_exit(0);
    clone.story(&[
        "comment T-1 'a remark of some length'",
        "close T-1 --reason merged",
        "add Two",
    ]);
    assert_snapshot!(clone.story(&[
        "archive",
        "archive --older-than 0 --dry-run",
        "archive --older-than 0",
        "archive --older-than 0",
        "show T-1",
    ]), @"
    $ fleet archive
    ! note: no closed task is that old and that long
    $ fleet archive --older-than 0 --dry-run
    T-1  summarised  One (764 bytes of text)
    dry run: would record task.decayed
    $ fleet archive --older-than 0
    T-1  summarised  One (764 bytes of text)
    $ fleet archive --older-than 0
    ! note: no closed task is that old and that long
    $ fleet show T-1
    T-1  One
    phase        closed
    because      closed as done
    type         implementation
    priority     P2
    complexity   medium
    deliverable  pr
    reason       merged
    added        2026-11-21 08:02 by human:Ada
    updated      2026-11-21 08:08
    uid          01a1fd20-60c0-7002-987b-bcbfdd7e532f

      The first paragraph.

      Closed as done: merged.

      (Summarised; 741 bytes of text and 1 comment is in the history: `fleet show --full`.)

    Comment 1 of human:Ada at 2026-11-21 08:03
      (its text is in the history: `fleet show --full`)
    ");
    let full = clone.fleet(&["show", "T-1", "--full"]);
    assert!(
        full.stdout.contains("More of it. More of it."),
        "{}",
        full.stdout
    );
    assert!(
        full.stdout.contains("a remark of some length"),
        "{}",
        full.stdout
    );
    clone.fleet(&["doctor", "--verify"]).expect_exit(0);
}

#[test]
fn changes_are_watched_from_a_time_on() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.story(&["add One", "comment T-1 hello", "close T-1"]);
    assert_snapshot!(clone.story(&[
        "watch --once --since 2026-11-21T08:03:00Z",
        "watch --once",
    ]), @"
    $ fleet watch --once --since 2026-11-21T08:03:00Z
    2026-11-21 08:03  human:Ada  comment.added  T-1  One: hello
    2026-11-21 08:04  human:Ada  task.closed  T-1  One: done
    $ fleet watch --once
    ");
    let lines = clone.fleet(&["watch", "--once", "--since", "1d", "--json"]);
    for line in lines.stdout.lines() {
        let row: serde_json::Value = serde_json::from_str(line).expect("a line is an object");
        assert_eq!(row["task"], "T-1");
    }
    assert_eq!(lines.stdout.lines().count(), 3);
}

#[test]
fn an_editor_changes_a_task_and_a_refused_text_is_kept() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.story(&["add One -l api --acceptance a --acceptance b --body 'As it was.'"]);
    let edit = |script: &str| {
        let mut command = clone.command(&["edit", "T-1"]);
        command.env("EDITOR", format!("sed -i {script}"));
        let out = command.output().expect("fleet runs");
        format!(
            "{}{}[exit {}]",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr),
            out.status.code().unwrap_or(-1)
        )
        .replace(&*clone.dir.to_string_lossy(), "[DIR]")
    };
    assert_snapshot!(edit("s/^priority.*/priority:1/;s/api/api,ui/;s/As/Like/;s/[[].[]].b$/[x]b/"), @"
    T-1  updated  One (body, priority, acceptance, labels)
    [exit 0]
    ");
    assert_snapshot!(edit("s/nothing/matches/"), @"
    T-1  unchanged  One (the sheet was left as it was)
    [exit 0]
    ");
    assert_snapshot!(edit("s/^priority.*/priority:9/"), @"
    error: failed to read the sheet, line 4: `9` is no priority, 0 to 4
    hint: your text is kept in [DIR]/.git/fleet/edit/T-1.md; correct it and run `fleet edit T-1 --file [DIR]/.git/fleet/edit/T-1.md`. a sheet is `---`, lines `field: value`, `---`, text; fields are title, type, priority, complexity, deliverable, labels, paths, assignee, due, defer, milestone, estimate, external-ref, agent, acceptance
    [exit 2]
    ");
    let kept = clone.dir.join(".git/fleet/edit/T-1.md");
    let text = std::fs::read_to_string(&kept).expect("it is kept");
    assert!(text.contains("priority:9"), "{text}");
    std::fs::write(&kept, text.replace("priority:9", "priority: 0")).expect("it is corrected");
    let kept = kept.to_string_lossy().into_owned();
    clone
        .fleet(&["edit", "T-1", "--file", &kept])
        .expect_exit(0);
    assert_snapshot!(clone.story(&["show T-1"]), @"
    $ fleet show T-1
    T-1  One
    phase        ready
    type         implementation
    priority     P0
    complexity   medium
    labels       api, ui
    deliverable  pr
    added        2026-11-21 08:02 by human:Ada
    updated      2026-11-21 08:06
    uid          01a1fd20-60c0-7002-987b-bcbfdd7e532f

      Like it was.

    Acceptance (1 of 2)
      1.  [ ]  a
      2.  [x]  b
    ");
    let mut broken = clone.command(&["edit", "T-1"]);
    let out = broken.env("EDITOR", "no-such-editor-anywhere").output();
    assert_eq!(out.expect("fleet runs").status.code(), Some(2));
}

#[test]
fn a_template_gives_a_task_its_first_values() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    write(
        &clone,
        ".orchestra/templates/bug.md",
        "---\ntype: bug\nlabels: triage\npriority: 1\nacceptance:\n- [ ] a test fails without the fix\n---\nWhat happens?\n",
    );
    write(
        &clone,
        ".orchestra/templates/odd.md",
        "---\ncolour: red\n---\n",
    );
    assert_snapshot!(clone.story(&[
        "add 'Crash on empty input' --template bug -p 0 -l core --acceptance 'no panic'",
        "show T-1",
        "add x --template feature",
        "add x --template odd",
        "add x --template ../../etc/passwd",
        "add --template bug",
    ]), @r"
    $ fleet add 'Crash on empty input' --template bug -p 0 -l core --acceptance 'no panic'
    T-1  Crash on empty input
    $ fleet show T-1
    T-1  Crash on empty input
    phase        ready
    type         bug
    priority     P0
    complexity   medium
    labels       core, triage
    deliverable  pr
    added        2026-11-21 08:02 by human:Ada
    updated      2026-11-21 08:02
    uid          01a1fd20-60c0-7002-987b-bcbfdd7e532f

      What happens?

    Acceptance (0 of 2)
      1.  [ ]  a test fails without the fix
      2.  [ ]  no panic
    $ fleet add x --template feature
    ! error: there is no template `feature`
    ! hint: a template is a file .orchestra/templates/NAME.toml or NAME.md; `fleet add --help` shows them
    [exit 3]
    $ fleet add x --template odd
    ! error: .orchestra/templates/odd.md: failed to read the sheet, line 2: `colour` is no field of a task
    ! hint: a sheet is `---`, lines `field: value`, `---`, text; fields are title, type, priority, complexity, deliverable, labels, paths, assignee, due, defer, milestone, estimate, external-ref, agent, acceptance
    [exit 2]
    $ fleet add x --template ../../etc/passwd
    ! error: there is no template `../../etc/passwd`
    ! hint: a template is a file .orchestra/templates/NAME.toml or NAME.md; `fleet add --help` shows them
    [exit 3]
    $ fleet add --template bug
    ! error: the title is empty
    ! hint: say in a line what is wanted
    [exit 2]
    ");
}

#[test]
fn completions_know_the_ids_of_tasks() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.story(&["add One", "add 'Two things'", "query prio:0 --save top"]);
    assert_snapshot!(clone.story(&["complete tasks T-", "complete tasks T-2", "complete queries"]), @"
    $ fleet complete tasks T-
    T-1	One
    T-2	Two things
    $ fleet complete tasks T-2
    T-2	Two things
    $ fleet complete queries
    @top	prio:0
    ");
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = clone.fleet(&["completions", shell]);
        script.expect_exit(0);
        assert!(script.stdout.contains("fleet complete"), "{shell}");
    }
    let script = clone.fleet(&["completions", "bash"]).stdout;
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_fleet"));
    let path = format!(
        "{}:{}",
        bin.parent().expect("a folder").display(),
        std::env::var("PATH").expect("PATH is set")
    );
    let ask = format!(
        "{script}\nCOMP_WORDS=(fleet show T-); COMP_CWORD=2; _fleet_dynamic fleet T- show; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n\
         COMP_WORDS=(fleet unde); COMP_CWORD=1; _fleet_dynamic fleet unde fleet; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    // The script is too long for an argument.
    write(&clone, "ask.bash", &ask);
    let out = Command::new("bash")
        .args(["--norc", "ask.bash"])
        .current_dir(&clone.dir)
        .env("PATH", path)
        .env("HOME", env.path("home"))
        .output()
        .expect("bash runs");
    assert_eq!(
        String::from_utf8_lossy(&out.stdout),
        "T-1\nT-2\nundefer\n",
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

#[test]
fn every_command_has_a_man_page() {
    let env = TestEnv::new();
    let clone = env.repo("project");
    clone.fleet(&["man", "--dir", "man1"]).expect_exit(0);
    let names: Vec<String> = std::fs::read_dir(clone.dir.join("man1"))
        .expect("the folder was made")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    for name in [
        "fleet.1",
        "fleet-add.1",
        "fleet-query.1",
        "fleet-gate-add.1",
    ] {
        assert!(names.iter().any(|n| n == name), "{name}: {names:?}");
    }
    assert!(!names.iter().any(|n| n.contains("complete.1")), "{names:?}");
    let page = clone.fleet(&["man", "query"]);
    assert!(
        page.stdout.starts_with(".ie") && page.stdout.contains("SYNOPSIS"),
        "{}",
        page.stdout
    );
    clone.fleet(&["man", "nosuch"]).expect_exit(3);
}
