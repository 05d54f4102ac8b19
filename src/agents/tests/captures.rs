//! Every captured stream of the real CLIs through its parser, and the verdicts in one table.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::bench::{NOW, spec};
use crate::agents::cli::aider::AiderParser;
use crate::agents::cli::claude::ClaudeParser;
use crate::agents::cli::codex::CodexParser;
use crate::agents::cli::gemini::GeminiParser;
use crate::agents::cli::jsonl::JsonlParser;
use crate::agents::cli::opencode::OpenCodeParser;
use crate::agents::cli::totals::Total;
use crate::agents::cli::{Figures, figures};
use crate::agents::process::{Ended, Stop};
use crate::agents::reading::{Parser, Reading, verdict};
use crate::domain::money::Usage;
use crate::domain::policy::{AgentKind, CliKind};
use crate::domain::session::FailureClass;
use crate::ports::runner::{AgentEvent, RunEnd};

pub(super) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/agents")
}

/// One line of the manifest.
pub(super) struct Case {
    pub(super) name: String,
    exit: i64,
    killed_by_us: bool,
}

pub(super) fn cases() -> Vec<Case> {
    let manifest = std::fs::read_to_string(fixtures().join("manifest.jsonl")).unwrap();
    let case = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        Case {
            name: value["case"].as_str().unwrap().to_owned(),
            exit: value["exit"].as_i64().unwrap(),
            killed_by_us: value.get("killed_by_us").is_some(),
        }
    };
    manifest.lines().map(case).collect()
}

pub(super) fn parser_for(name: &str) -> Box<dyn Parser> {
    match name.split(['/', '-']).next() {
        Some("claude") => Box::new(ClaudeParser::default()),
        Some("codex") => Box::new(CodexParser::default()),
        Some("gemini") => Box::new(GeminiParser::default()),
        Some("aider") => Box::new(AiderParser::default()),
        _ => Box::new(OpenCodeParser::default()),
    }
}

fn ended(exit: i64, stopped: Option<Stop>) -> Ended {
    Ended {
        code: i32::try_from(exit).ok().filter(|e| *e >= 0),
        signal: i32::try_from(-exit).ok().filter(|e| *e > 0),
        stopped,
        lingered: false,
        output_bytes: 0,
        duration: Duration::ZERO,
        stragglers: 0,
    }
}

/// Reads both streams of a case.
fn replay(name: &str, parser: &mut dyn Parser) -> (Reading, Vec<AgentEvent>, String) {
    let mut reading = Reading {
        now: NOW,
        ..Reading::default()
    };
    let read = |suffix: &str| std::fs::read_to_string(fixtures().join(format!("{name}.{suffix}")));
    let stderr = read("stderr.txt").unwrap_or_default();
    let stdout = ["stdout.jsonl", "stdout.json", "stdout.txt"]
        .iter()
        .find_map(|s| read(s).ok())
        .unwrap_or_default();
    for line in stderr.lines() {
        parser.chatter(line, &mut reading);
    }
    for line in stdout.lines() {
        parser.line(line, &mut reading);
    }
    parser.ended(&mut reading);
    let events = std::mem::take(&mut reading.events);
    (reading, events, stderr)
}

fn judge(case: &Case, stopped: Option<Stop>) -> (RunEnd, Reading, Vec<AgentEvent>) {
    let mut parser = parser_for(&case.name);
    let (reading, events, stderr) = replay(&case.name, parser.as_mut());
    let ended = ended(case.exit, stopped);
    let end = verdict(
        &spec(AgentKind::Demo),
        parser.as_ref(),
        &reading,
        &ended,
        &stderr,
    );
    (end, reading, events)
}

/// `message 2, tool_call 1`: how often each kind came.
fn kinds(events: &[AgentEvent]) -> String {
    let mut counts = std::collections::BTreeMap::new();
    for event in events {
        let value = serde_json::to_value(event).unwrap();
        let kind = value["event"].as_str().unwrap().to_owned();
        *counts.entry(kind).or_insert(0) += 1;
    }
    let parts: Vec<String> = counts.iter().map(|(k, n)| format!("{k} {n}")).collect();
    parts.join(", ")
}

#[test]
fn every_capture_has_its_verdict() {
    let mut table = String::new();
    for case in cases() {
        let stopped = case.killed_by_us.then_some(Stop::Cancelled);
        let (end, reading, events) = judge(&case, stopped);
        let end = match end {
            RunEnd::Completed => "completed".to_owned(),
            RunEnd::Failed {
                class,
                reason,
                retry_at,
            } => {
                let at = retry_at.map_or(String::new(), |t| format!(" until {t}"));
                format!("{class}{at}: {reason}")
            }
        };
        let u = reading.usage;
        let cost = reading.cost.map_or("-".to_owned(), |c| c.to_string());
        let session = reading.agent_session.unwrap_or_else(|| "-".to_owned());
        let model = reading.model.unwrap_or_else(|| "-".to_owned());
        writeln!(table, "{} ({})", case.name, case.exit).unwrap();
        writeln!(table, "  {end}").unwrap();
        writeln!(
            table,
            "  {session} {model} {}+{}+{}+{} {cost}",
            u.input, u.output, u.cache_read, u.cache_write
        )
        .unwrap();
        writeln!(table, "  {}", kinds(&events)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_run_that_somebody_else_killed_is_no_success_either() {
    for case in cases().iter().filter(|c| c.killed_by_us) {
        let (end, ..) = judge(case, None);
        // Claude Code 2.1.197 goes on after TERM and reports a true success: the reason why fleet
        // remembers its own signals.
        let expected = case.name == "claude-2.1.197/tool_term";
        assert_eq!(end == RunEnd::Completed, expected, "{}: {end:?}", case.name);
    }
}

#[test]
fn a_success_without_exit_0_and_an_exit_0_without_success_are_failures() {
    for name in ["claude-2.1.329/ok", "codex/ok", "gemini/ok", "opencode/ok"] {
        let case = |exit| Case {
            name: name.to_owned(),
            exit,
            killed_by_us: false,
        };
        assert_eq!(judge(&case(0), None).0, RunEnd::Completed, "{name}");
        let RunEnd::Failed { class, .. } = judge(&case(1), None).0 else {
            panic!("{name}: exit 1 is no success");
        };
        assert_eq!(class, FailureClass::AgentError, "{name}");
        let torn = torn_verdict(name);
        assert!(
            matches!(
                &torn,
                RunEnd::Failed {
                    class: FailureClass::InvalidOutput,
                    ..
                }
            ),
            "{name}: {torn:?}"
        );
    }
}

/// The same stream without its last line, exit 0.
fn torn_verdict(name: &str) -> RunEnd {
    let text = std::fs::read_to_string(fixtures().join(format!("{name}.stdout.jsonl"))).unwrap();
    let mut parser = parser_for(name);
    let mut reading = Reading::default();
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[..lines.len() - 1] {
        parser.line(line, &mut reading);
    }
    // A last line that was cut in the middle is chatter.
    let last = lines[lines.len() - 1];
    parser.line(&last[..last.len() / 2], &mut reading);
    verdict(
        &spec(AgentKind::Demo),
        parser.as_ref(),
        &reading,
        &ended(0, None),
        "",
    )
}

#[test]
fn every_prefix_and_every_mangled_line_is_read_without_panic() {
    for case in cases() {
        let Ok(text) =
            std::fs::read_to_string(fixtures().join(format!("{}.stdout.jsonl", case.name)))
        else {
            continue;
        };
        let mut parser = parser_for(&case.name);
        let mut reading = Reading::default();
        for line in text.lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            for key in value.as_object().unwrap().keys() {
                for wrong in [
                    Value::Null,
                    7.into(),
                    "x".into(),
                    serde_json::json!([{"a": []}]),
                ] {
                    let mut bad = value.clone();
                    bad[key.as_str()] = wrong;
                    parser.line(&bad.to_string(), &mut reading);
                }
            }
        }
    }
}

#[test]
fn what_figures_stand_for_is_declared_as_the_streams_show_it() {
    for (cli, name) in [
        (CliKind::Codex, "codex"),
        (CliKind::Gemini, "gemini"),
        (CliKind::OpenCode, "opencode"),
    ] {
        let tokens = |case: &str| {
            let name = format!("{name}/{case}");
            replay(&name, parser_for(&name).as_mut()).0.usage.total()
        };
        // One more turn in the same session costs less than the session did so far.
        let whole = tokens("resume") > tokens("ok");
        assert_eq!(figures(cli) == Figures::OfSession, whole, "{name}");
    }
}

#[test]
fn a_resumed_codex_thread_counts_only_the_new_tokens() {
    let before = Usage {
        input: 142,
        output: 29,
        ..Usage::default()
    };
    let before = Total {
        usage: before,
        cost: None,
    };
    let (reading, ..) = replay("codex/resume", &mut CodexParser::resumed(before));
    assert_eq!((reading.usage.input, reading.usage.output), (11, 7));
}

#[test]
fn claude_lines_of_one_message_are_counted_once_and_a_reset_keeps_what_was_spent() {
    let mut parser = ClaudeParser::default();
    let mut reading = Reading::default();
    let line = |id: &str, output: u64| {
        format!(
            r#"{{"type":"assistant","message":{{"id":"{id}","usage":{{"input_tokens":10,"output_tokens":{output}}},"content":[]}}}}"#
        )
    };
    for (id, output) in [("a", 1), ("a", 5), ("a", 2), ("b", 1)] {
        parser.line(&line(id, output), &mut reading);
    }
    assert_eq!((reading.usage.input, reading.usage.output), (20, 6));
    parser.line(r#"{"type":"conversation_reset"}"#, &mut reading);
    parser.line(
        r#"{"type":"result","subtype":"success","is_error":false,"result":"ok","total_cost_usd":0.5,"modelUsage":{"m":{"inputTokens":1,"outputTokens":1}}}"#,
        &mut reading,
    );
    assert_eq!((reading.usage.input, reading.usage.output), (21, 7));
    assert_eq!(reading.cost.map(|c| c.0), Some(500_000));
}

#[test]
fn what_claude_told_of_its_cost_does_not_hold_for_what_it_does_afterwards() {
    let mut parser = ClaudeParser::default();
    let mut reading = Reading::default();
    let result = r#"{"type":"result","subtype":"success","is_error":false,"result":"ok","total_cost_usd":0.01,"modelUsage":{"m":{"inputTokens":10,"outputTokens":1}}}"#;
    let more = r#"{"type":"assistant","message":{"id":"b","usage":{"input_tokens":5000000,"output_tokens":900000},"content":[]}}"#;
    parser.line(result, &mut reading);
    assert_eq!(reading.cost.map(|c| c.0), Some(10_000));
    parser.line(more, &mut reading);
    assert!(reading.usage.total() > 5_000_000);
    assert_eq!(reading.cost, None, "the rest is reckoned by the table");
}

#[test]
fn totals_of_a_command_agent_do_not_shrink() {
    let mut parser = JsonlParser;
    let mut reading = Reading::default();
    for line in [
        r#"{"event":"usage","usage":{"input":900,"output":50},"cost":7000}"#,
        r#"{"event":"usage","usage":{"input":1,"output":60},"cost":0}"#,
    ] {
        parser.line(line, &mut reading);
    }
    assert_eq!((reading.usage.input, reading.usage.output), (900, 60));
    assert_eq!(reading.cost.map(|c| c.0), Some(7_000));
}

#[test]
fn a_claude_rate_limit_says_when_to_come_back() {
    let mut parser = ClaudeParser::default();
    let mut reading = Reading {
        now: NOW,
        ..Reading::default()
    };
    let reset = NOW.0 / 1000 + 3600;
    for line in [
        format!(r#"{{"type":"rate_limit_event","rate_limit_info":{{"status":"rejected","resetsAt":{reset}}}}}"#),
        r#"{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"result":"You've hit your session limit · resets 4pm"}"#.to_owned(),
    ] {
        parser.line(&line, &mut reading);
    }
    let end = verdict(
        &spec(AgentKind::Demo),
        &parser,
        &reading,
        &ended(1, None),
        "",
    );
    let RunEnd::Failed {
        class, retry_at, ..
    } = end
    else {
        panic!("a refused limit is no success");
    };
    assert_eq!(class, FailureClass::RateLimited);
    assert_eq!(retry_at.map(|t| t.0), Some(reset * 1000));
}
