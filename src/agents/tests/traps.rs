//! The traps of the agents' wires (wire.md §5), each with what a real CLI printed, played by a real
//! process that then behaves as the real one was seen to behave.

use std::time::{Duration, Instant};

use super::bench::{Bench, NOW};
use super::captures::fixtures;
use crate::agents::cli::claude::ClaudeParser;
use crate::agents::cli::codex::CodexParser;
use crate::agents::cli::opencode::OpenCodeParser;
use crate::agents::reading::{Parser as _, Reading, Terminal};
use crate::domain::policy::CliKind;
use crate::domain::session::FailureClass;
use crate::domain::time::DurationMs;
use crate::ports::runner::AgentEvent;

const OK: [(CliKind, &str); 4] = [
    (CliKind::Claude, "claude-2.1.329/ok"),
    (CliKind::Codex, "codex/ok"),
    (CliKind::Gemini, "gemini/ok"),
    (CliKind::OpenCode, "opencode/ok"),
];

/// A fake that prints a recorded stream, or its beginning, and goes on as `then` says.
fn plays(cli: CliKind, name: &str, how: &str, then: &str) -> Bench {
    let file = fixtures().join(format!("{name}.stdout.jsonl"));
    Bench::fake_cli(cli, &format!("{how} '{}'; {then}", file.display()))
}

const HANGS: &str = "trap '' TERM; while :; do sleep 0.05; done";

#[test]
fn a_result_that_never_arrives_is_a_timeout() {
    for (cli, name) in OK {
        let mut bench = plays(cli, name, "head -n -1", HANGS);
        bench.request.agent.idle_timeout = DurationMs(400);
        let seen = bench.run();
        assert_eq!(seen.failure().0, FailureClass::Timeout, "{name}");
        // What it had said until then is kept.
        assert!(seen.outcome.agent_session.is_some(), "{name}");
    }
}

#[test]
fn a_hang_after_the_result_is_still_a_success_and_does_not_last() {
    for (cli, name) in OK {
        let begun = Instant::now();
        plays(cli, name, "cat", HANGS).run().completed();
        assert!(begun.elapsed() < Duration::from_secs(15), "{name}");
    }
}

#[test]
fn exit_0_on_failure_is_a_failure() {
    for (cli, name) in [
        (CliKind::Claude, "claude-2.1.197/denied"),
        (CliKind::Claude, "claude-2.1.329/tool_int"),
        (CliKind::Gemini, "gemini/mcut"),
        (CliKind::Gemini, "gemini/mempty"),
        (CliKind::OpenCode, "opencode/perm"),
        (CliKind::Codex, "codex/e401"),
    ] {
        let seen = plays(cli, name, "cat", "exit 0").run();
        let (class, reason) = seen.failure();
        assert_ne!(class, FailureClass::Timeout, "{name}: {reason}");
        assert!(!reason.is_empty(), "{name}");
    }
}

/// What Aider prints, with its exit code, which is always 0.
fn aider(name: &str, then: &str) -> Bench {
    let file = fixtures().join(format!("aider/{name}.stdout.txt"));
    Bench::fake_cli(CliKind::Aider, &format!("cat '{}'; {then}", file.display()))
}

#[test]
fn aider_exits_0_whatever_happens_and_its_last_error_counts() {
    for (name, class, word) in [
        ("e401", FailureClass::AgentError, "OPENAI_API_KEY"),
        ("e429", FailureClass::RateLimited, "RateLimitError"),
    ] {
        let seen = aider(name, "exit 0").run();
        let (is, reason) = seen.failure();
        assert_eq!(is, class, "{reason}");
        assert!(reason.contains(word), "{reason}");
    }
    // An error that it got over is none.
    let file = |name: &str| {
        fixtures()
            .join(format!("aider/{name}.stdout.txt"))
            .display()
            .to_string()
    };
    let both = format!("cat '{}' '{}'", file("e429"), file("ok"));
    Bench::fake_cli(CliKind::Aider, &both).run().completed();
}

#[test]
fn aiders_edits_tokens_and_cost_are_read_from_its_text_and_made_exact_by_its_log() {
    let seen = aider("ok", "").run();
    seen.completed();
    let out = &seen.outcome;
    assert_eq!((out.usage.input, out.usage.output), (11, 7));
    assert_eq!(out.cost.map(|c| c.0), Some(25));
    assert_eq!(out.model.as_deref(), Some("openai/scripted-model"));
    assert!(
        out.final_message.starts_with("I will create it."),
        "{}",
        out.final_message
    );
    let edits = |e: &&AgentEvent| matches!(e, AgentEvent::ToolCall { name, summary, .. } if name == "edit" && summary == "hello.txt");
    assert_eq!(seen.events.iter().filter(edits).count(), 1);
    let log = r#"{"event": "message_send", "properties": {"prompt_tokens": 1234, "completion_tokens": 56, "cost": 0.5, "total_cost": 0.5}, "time": 1}"#;
    let exact = aider(
        "ok",
        &format!("echo '{log}' > \"$TMPDIR/aider-calls.jsonl\""),
    )
    .run();
    assert_eq!(
        (exact.outcome.usage.input, exact.outcome.usage.output),
        (1234, 56)
    );
    assert_eq!(exact.outcome.cost.map(|c| c.0), Some(500_000));
}

#[test]
fn aider_is_told_everything_by_files_and_what_it_keeps_for_itself_is_taken_away() {
    let script = "for a; do echo \"$a\"; done > args.txt; mkdir -p .aider.tags.cache.v4; touch .aider.tags.cache.v4/x .aider.chat.history.md";
    let bench = Bench::fake_cli(CliKind::Aider, script);
    std::fs::write(bench.work().join(".aider.conf.yml"), "of the repository").unwrap();
    bench.run().completed();
    let mut left: Vec<String> = std::fs::read_dir(bench.work())
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    assert_eq!(left, [".aider.conf.yml", "args.txt"]);
    let args = std::fs::read_to_string(bench.work().join("args.txt")).unwrap();
    let prompt = bench.request.prompt_file.display().to_string();
    for want in [
        "--yes-always",
        "--no-auto-commits",
        "--message-file",
        &prompt,
        "m-1",
    ] {
        assert!(args.lines().any(|a| a == want), "{want}: {args}");
    }
    assert!(!args.contains("do it"), "the prompt stands in argv: {args}");
}

fn reading() -> Reading {
    Reading {
        now: NOW,
        ..Reading::default()
    }
}

#[test]
fn of_several_claude_results_the_last_one_decides_and_totals_are_not_added_up() {
    let result = |error: bool, input: u64| {
        format!(
            r#"{{"result":"r","is_error":{error},"modelUsage":{{"m":{{"inputTokens":{input}}}}},"session_id":"s","type":"result"}}"#
        )
    };
    let say = r#"{"type":"assistant","message":{"id":"late","usage":{"input_tokens":4},"content":[{"type":"text","text":"more"}]}}"#;
    for (last, good) in [(false, true), (true, false)] {
        let (mut parser, mut reading) = (ClaudeParser::default(), reading());
        for line in [&result(false, 50), say, &result(last, 70)] {
            parser.line(line, &mut reading);
        }
        assert_eq!(reading.terminal == Some(Terminal::Good), good);
        assert_eq!(reading.usage.input, 70);
    }
}

#[test]
fn a_command_that_codex_was_not_allowed_has_not_worked() {
    let (mut parser, mut reading) = (CodexParser::default(), reading());
    for line in [
        r#"{"type":"item.started","item":{"id":"i","type":"command_execution","command":"rm -r x","status":"in_progress"}}"#,
        r#"{"type":"item.completed","item":{"id":"i","type":"command_execution","command":"rm -r x","aggregated_output":"","exit_code":null,"status":"declined"}}"#,
    ] {
        parser.line(line, &mut reading);
    }
    let want = AgentEvent::ToolResult {
        id: "i".to_owned(),
        ok: false,
        summary: "declined".to_owned(),
    };
    assert_eq!(reading.events.last(), Some(&want));
}

#[test]
fn codexs_plan_is_progress() {
    let (mut parser, mut reading) = (CodexParser::default(), reading());
    parser.line(
        r#"{"type":"item.updated","item":{"id":"i","type":"todo_list","items":[{"text":"read","completed":true},{"text":"write","completed":false}]}}"#,
        &mut reading,
    );
    let want = AgentEvent::Progress {
        text: "1/2 done: write".to_owned(),
    };
    assert_eq!(reading.events, [want]);
}

#[test]
fn newer_opencode_says_at_its_end_what_was_refused() {
    let step = r#"{"type":"step_finish","sessionID":"s","part":{"reason":"stop","tokens":{"input":1,"output":1}}}"#;
    for (done, good) in [
        (
            r#"{"type":"done","sessionID":"s","reason":"stop","rejected":false}"#,
            true,
        ),
        (r#"{"type":"done","sessionID":"s","reason":"stop"}"#, true),
        (
            r#"{"type":"done","sessionID":"s","reason":"stop","rejected":["bash"]}"#,
            false,
        ),
        (
            r#"{"type":"done","sessionID":"s","reason":"stop","rejected":2}"#,
            false,
        ),
    ] {
        let (mut parser, mut reading) = (OpenCodeParser::default(), reading());
        parser.line(step, &mut reading);
        parser.line(done, &mut reading);
        assert_eq!(reading.terminal == Some(Terminal::Good), good, "{done}");
    }
}

#[test]
fn the_fields_of_a_line_may_come_in_any_order_and_of_any_type() {
    let (mut parser, mut reading) = (ClaudeParser::default(), reading());
    for line in [
        r#"{"session_id":"s","model":7,"subtype":"init","type":"system"}"#,
        r#"{"message":"no object","type":"assistant"}"#,
        r#"{"message":{"content":"a text"},"type":"user"}"#,
        r#"{"is_error":false,"result":{"a":1},"permission_denials":null,"modelUsage":[],"type":"result"}"#,
    ] {
        parser.line(line, &mut reading);
    }
    assert_eq!(reading.broken, 0);
    assert_eq!(reading.agent_session.as_deref(), Some("s"));
    assert_eq!(reading.terminal, Some(Terminal::Good));
}
