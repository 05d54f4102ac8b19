//! Wrong calls, as people and agents make them, and the right one that each is told.

use insta::assert_snapshot;

use crate::env::TestEnv;

/// What is told beside the usage: the error's first line, and the hint.
fn told(clone: &crate::env::Clone<'_>, lines: &[&str]) -> String {
    let mut all = String::new();
    for line in lines {
        let ran = clone.fleet(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.exit, 2, "{}", ran.told());
        let first = ran.stderr.lines().next().unwrap_or_default();
        let hint = ran.stderr.lines().find(|line| line.starts_with("hint:"));
        all.push_str(&format!(
            "$ fleet {line}\n{first}\n{}\n",
            hint.unwrap_or("no hint")
        ));
    }
    all
}

#[test]
fn a_wrong_command_is_answered_with_the_right_one() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    assert_snapshot!(told(&clone, &[
        "done T-7", "start T-7", "next", "view T-7", "new x", "find dates", "delete T-7",
        "assign T-7 ada", "T-7 close", "T-7", "dep T-8 T-7", "note T-7 hello", "frobnicate",
    ]), @r##"
    $ fleet done T-7
    error: unrecognized subcommand 'done'
    hint: `fleet close T-7 --reason TEXT`
    $ fleet start T-7
    error: unrecognized subcommand 'start'
    hint: `fleet claim T-7`
    $ fleet next
    error: unrecognized subcommand 'next'
    hint: `fleet ready --limit 1`
    $ fleet view T-7
    error: unrecognized subcommand 'view'
    hint: `fleet show T-7`
    $ fleet new x
    error: unrecognized subcommand 'new'
    hint: `fleet add TITLE`
    $ fleet find dates
    error: unrecognized subcommand 'find'
    hint: `fleet list --search TEXT`
    $ fleet delete T-7
    error: unrecognized subcommand 'delete'
    hint: `fleet close T-7 --outcome wontdo`
    $ fleet assign T-7 ada
    error: unrecognized subcommand 'assign'
    hint: `fleet update T-7 -a NAME`
    $ fleet T-7 close
    error: unrecognized subcommand 'T-7'
    hint: the command comes first: `fleet close T-7`
    $ fleet T-7
    error: unrecognized subcommand 'T-7'
    hint: the command comes first: `fleet show T-7`
    $ fleet dep T-8 T-7
    error: unrecognized subcommand 'T-8'
    hint: `fleet dep add TASK ON`
    $ fleet note T-7 hello
    error: unrecognized subcommand 'note'
    hint: `fleet comment T-7 TEXT`
    $ fleet frobnicate
    error: unrecognized subcommand 'frobnicate'
    hint: `fleet help` shows every command
    "##);
}

#[test]
fn a_wrong_flag_is_answered_with_the_right_one() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    assert_snapshot!(told(&clone, &[
        "add x --desc y", "add x --prio 1", "add x --depends-on T-1", "add x --tag a", "add x --owner ada",
        "add x --ac y", "update T-7 --status closed", "update T-7 --claim", "update T-7 --notes y",
        "update T-7 --parent T-1", "close T-7 -m done", "close T-7 --comment=done", "list --query x",
        "list --ready", "comment T-7 -m hi", "ready -n 3", "claim T-7 --user ada", "list --format json",
    ]), @r##"
    $ fleet add x --desc y
    error: unexpected argument '--desc' found
    hint: `-d TEXT`, or `--body-file FILE`
    $ fleet add x --prio 1
    error: unexpected argument '--prio' found
    hint: `-p 0` (most urgent) to `-p 4`
    $ fleet add x --depends-on T-1
    error: unexpected argument '--depends-on' found
    hint: `--dep T-1`
    $ fleet add x --tag a
    error: unexpected argument '--tag' found
    hint: `-l LABEL`
    $ fleet add x --owner ada
    error: unexpected argument '--owner' found
    hint: `-a NAME`
    $ fleet add x --ac y
    error: unexpected argument '--ac' found
    hint: `--acceptance TEXT`, once for each point
    $ fleet update T-7 --status closed
    error: unexpected argument '--status' found
    hint: `fleet close T-7`, `fleet reopen T-7` or `fleet claim T-7`
    $ fleet update T-7 --claim
    error: unexpected argument '--claim' found
    hint: `fleet claim T-7`
    $ fleet update T-7 --notes y
    error: unexpected argument '--notes' found
    hint: `fleet comment T-7 TEXT`
    $ fleet update T-7 --parent T-1
    error: unexpected argument '--parent' found
    hint: `fleet dep add T-7 ON [--kind parent-child]`
    $ fleet close T-7 -m done
    error: unexpected argument '-m' found
    hint: `fleet close T-7 --reason TEXT`
    $ fleet close T-7 --comment=done
    error: unexpected argument '--comment' found
    hint: `fleet close T-7 --reason TEXT`
    $ fleet list --query x
    error: unexpected argument '--query' found
    hint: `fleet list --search TEXT`
    $ fleet list --ready
    error: unexpected argument '--ready' found
    hint: `fleet ready`
    $ fleet comment T-7 -m hi
    error: unexpected argument '-m' found
    hint: `fleet comment T-7 TEXT`
    $ fleet ready -n 3
    error: unexpected argument '-n' found
    hint: `fleet ready --limit N`
    $ fleet claim T-7 --user ada
    error: unexpected argument '--user' found
    hint: `fleet claim T-7 --as NAME`
    $ fleet list --format json
    error: unexpected argument '--format' found
    hint: `--json`
    "##);
}

#[test]
fn a_wrong_id_or_order_is_answered_with_the_right_call() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    assert_snapshot!(told(&clone, &[
        "show 7", "show T7", "show t-7", "show #7", "show T-007", "show seven", "show",
        "comment hello T-7", "add x --dep 7", "dep add T-7", "add", "close", "add x -p urgent",
        "add x --due soon", "close T-7 --outcome finished",
    ]), @r##"
    $ fleet show 7
    error: invalid value '7' for '<TASK>...': `7` is not a task id; did you mean T-7?
    no hint
    $ fleet show T7
    error: invalid value 'T7' for '<TASK>...': `T7` is not a task id; did you mean T-7?
    no hint
    $ fleet show t-7
    error: invalid value 't-7' for '<TASK>...': `t-7` is not a task id; did you mean T-7?
    no hint
    $ fleet show #7
    error: invalid value '#7' for '<TASK>...': `#7` is not a task id; did you mean T-7?
    no hint
    $ fleet show T-007
    error: invalid value 'T-007' for '<TASK>...': `T-007` is not a task id; did you mean T-7?
    no hint
    $ fleet show seven
    error: invalid value 'seven' for '<TASK>...': `seven` is not a task id; ids look like T-7, or T-~k3f9q before they are published
    no hint
    $ fleet show
    error: the following required arguments were not provided:
    hint: for example `fleet show T-7`
    $ fleet comment hello T-7
    error: invalid value 'hello' for '<TASK>': `hello` is not a task id; ids look like T-7, or T-~k3f9q before they are published
    hint: the task comes first: `fleet comment T-7 TEXT`
    $ fleet add x --dep 7
    error: invalid value '7' for '--dep <[KIND:]TASK>': `7` is not a task id; did you mean T-7?
    no hint
    $ fleet dep add T-7
    error: the following required arguments were not provided:
    hint: for example `fleet dep add T-8 T-7`
    $ fleet add
    error: the following required arguments were not provided:
    hint: for example `fleet add "Parse dates" -p 1 -l parser -l dates --path 'src/date/**'`
    $ fleet close
    error: the following required arguments were not provided:
    hint: for example `fleet close T-7 --reason "merged by hand"`
    $ fleet add x -p urgent
    error: invalid value 'urgent' for '--priority <PRIORITY>': `urgent` is not a priority; priorities are 0 (most urgent) to 4, or P0 to P4
    no hint
    $ fleet add x --due soon
    error: invalid value 'soon' for '--due <TIME>': `soon` is no time; write `tomorrow 9am`, `in 3 days`, `next monday`, `2h30m`, `2026-11-21 17:00` or an RFC 3339 time
    no hint
    $ fleet close T-7 --outcome finished
    error: invalid value 'finished' for '--outcome <OUTCOME>'
    no hint
    "##);
}

#[test]
fn the_flags_that_agents_guess_are_taken() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone
        .fleet(&["create", "Epic", "-t", "epic"])
        .expect_exit(0);
    let line = "create Parse -p P1 -t bug -l a,b -a ada --parent T-1 --description text --acceptance works --deps discovered-from:T-1";
    clone
        .fleet(&line.split(' ').collect::<Vec<_>>())
        .expect_exit(0);
    let task = &clone.data(&["show", "T-2"])["tasks"][0];
    assert_eq!(task["priority"], 1);
    assert_eq!(task["type"], "bug");
    assert_eq!(task["labels"], serde_json::json!(["a", "b"]));
    assert_eq!(task["assignee"], "ada");
    assert_eq!(task["body"], "text");
    assert_eq!(task["acceptance"][0]["text"], "works");
    assert_eq!(task["deps"].as_array().map(Vec::len), Some(2));
}

#[test]
fn every_command_that_a_hint_names_exists() {
    let env = TestEnv::new();
    let clone = env.repo("project");
    let source = include_str!("../../src/cli/teach.rs");
    let mut seen = 0;
    for call in source.split("fleet ").skip(1) {
        let name: String = call
            .chars()
            .take_while(|c| c.is_ascii_lowercase())
            .collect();
        if name.is_empty() || !source.contains(&format!("\"fleet {name}")) {
            continue;
        }
        clone.fleet(&[&name, "--help"]).expect_exit(0);
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
}
