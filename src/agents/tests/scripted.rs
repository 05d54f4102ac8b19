//! The scripted agent of the demo, as a library call and as a child process of a run.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::bench::Bench;
use crate::agents::demo::play;
use crate::ports::runner::AgentEvent;

const SCRIPT: &str = r#"{
  "model": "scripted-1",
  "tasks": {
    "Greet": [{"exit": 9}],
    "Greet by name": [
      {"say": "attempt {attempt} of {task}"},
      {"write": {"path": "src/greet.sh", "text": "echo hello\n"}},
      {"if": {"attempt": 2, "run": 1}, "then": [{"append": {"path": "src/greet.sh", "text": "exit 1\n"}}],
       "else": [{"replace": {"path": "src/greet.sh", "old": "hello", "new": "hi"}}]},
      {"run": {"argv": ["sh", "src/greet.sh"], "may_fail": true}},
      {"outbox": {"op": "note", "text": "see {task}"}},
      {"usage": {"input": 1200, "output": 300, "cost_usd_micros": 4200}},
      {"sleep_ms": 1},
      {"fail_on_attempt": 3}
    ]
  },
  "otherwise": [{"exit": 4}]
}"#;

struct Played {
    code: u8,
    events: Vec<AgentEvent>,
}

fn played(bench: &Bench, script: &str, prompt: &str, attempt: u32) -> Played {
    let work = bench.work();
    std::fs::create_dir_all(work.join(".demo")).unwrap();
    std::fs::write(work.join(".demo/agent.json"), script).unwrap();
    let at = |name: &str| bench.dir.path().join(name);
    std::fs::create_dir_all(at("home")).unwrap();
    std::fs::write(at("prompt"), prompt).unwrap();
    let env: BTreeMap<String, OsString> = BTreeMap::from([
        ("PATH".to_owned(), std::env::var_os("PATH").unwrap()),
        ("HOME".to_owned(), at("home").into()),
        ("FLEET_PROMPT".to_owned(), at("prompt").into()),
        ("FLEET_OUTBOX".to_owned(), at("outbox").into()),
        ("FLEET_TASK".to_owned(), "T-7".into()),
        ("FLEET_ATTEMPT".to_owned(), attempt.to_string().into()),
    ]);
    let mut out = Vec::new();
    let code = play(&env, &[], work, &mut out);
    let lines = String::from_utf8(out).unwrap();
    Played {
        code,
        events: lines
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect(),
    }
}

#[test]
fn the_title_that_stands_first_in_the_prompt_is_played() {
    let bench = Bench::new();
    let seen = played(&bench, SCRIPT, "Task: Greet by name\nBefore: Greet\n", 1);
    assert_eq!(seen.code, 0);
    let read = |path| std::fs::read_to_string(path).unwrap();
    assert_eq!(read(bench.work().join("src/greet.sh")), "echo hi\n");
    assert_eq!(
        read(bench.dir.path().join("outbox")),
        "{\"op\":\"note\",\"text\":\"see T-7\"}\n"
    );
    let told: Vec<String> = seen.events.iter().map(|e| format!("{e:?}")).collect();
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(played(&bench, SCRIPT, "something else", 1).code, 4);
}

#[test]
fn a_bug_of_the_first_run_is_mended_by_the_second_and_an_attempt_can_fail() {
    let bench = Bench::new();
    let read = || std::fs::read_to_string(bench.work().join("src/greet.sh")).unwrap();
    assert_eq!(played(&bench, SCRIPT, "Greet by name", 2).code, 0);
    assert_eq!(read(), "echo hello\nexit 1\n");
    assert_eq!(played(&bench, SCRIPT, "Greet by name", 2).code, 0);
    assert_eq!(read(), "echo hi\n");
    assert_eq!(played(&bench, SCRIPT, "Greet by name", 3).code, 1);
}

#[test]
fn a_script_that_cannot_be_played_says_why() {
    let bench = Bench::new();
    let table = [
        (
            r#"{"tasks":{"T-7":[{"write":{"path":"../x","text":""}}]}}"#,
            "`../x` does not lie in the working directory",
        ),
        (
            r#"{"tasks":{"T-7":[{"write":{"path":".git/config","text":""}}]}}"#,
            "`.git/config` does not lie in the working directory",
        ),
        (
            r#"{"tasks":{"T-7":[{"run":{"argv":["no-such-program"]}}]}}"#,
            "cannot start `no-such-program`",
        ),
        (
            r#"{"tasks":{"T-7":[{"replace":{"path":"a","old":"x","new":"y"}}]}}"#,
            "`x` does not stand in a",
        ),
        (
            r#"{"tasks":{"T-7":[{"dance":1}]}}"#,
            "unknown variant `dance`, expected one of `say`",
        ),
        ("", "is no script"),
    ];
    for (script, want) in table {
        let seen = played(&bench, script, "", 1);
        assert_eq!(seen.code, 70, "{script}");
        let Some(AgentEvent::Error { text }) = seen.events.last() else {
            panic!("{script}: no error was told");
        };
        assert!(text.contains(want), "{text}");
    }
}

#[test]
fn the_demo_agent_is_this_binary_as_a_child_like_any_other() {
    let mut bench = Bench::new();
    let told = r#"{"event":"usage","usage":{"input":5},"cost":70}"#;
    let stand_in = format!("echo \"$@\" > args.txt; echo '{told}'; echo x >> \"$FLEET_OUTBOX\"");
    bench.setup.exe = bench.write_program("fleet", &stand_in);
    let seen = bench.run();
    seen.completed();
    let args = std::fs::read_to_string(bench.work().join("args.txt")).unwrap();
    assert_eq!(args, "__demo-agent\n");
    assert_eq!(
        (seen.outcome.usage.input, seen.outcome.cost.map(|c| c.0)),
        (5, Some(70))
    );
    assert_eq!(seen.outcome.outbox, b"x\n");
}
