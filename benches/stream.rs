//! How fast `fleet stream` is, beside serde_json's own rate on the same lines.
//!
//! `cargo bench --bench stream [-- MEBIBYTES]`; the best of five rounds, one core, everything in
//! memory: MB/s of `fleet stream`, of `serde_json` into `Value`, and of `serde_json` into `IgnoredAny`
//! (the least that a parser can do); and of `fleet stream` while it counts tokens. The corpus of each format is generated in the shape of its
//! captured streams: short lines, messages, tool calls with arguments, results with whole files.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Instant;

use fleet::agents::stream::{CountTokens, filter};
use fleet::machine::clock::SystemClock;
use fleet::ports::model::Tokens as _;
use fleet::ports::stream::{Source, StreamRequest};
use fleet::providers::tokens::Tiktoken;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// Rounds of each measurement.
const ROUNDS: usize = 5;

/// Text of about `bytes` bytes that looks like code: quotes, tabs and line ends to escape.
fn code(seed: usize, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 80);
    let mut n = seed;
    while text.len() < bytes {
        n = n
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let _ = writeln!(
            text,
            "\tlet value_{} = map.get(\"key-{}\").copied().unwrap_or({}); // ümlaut",
            n % 977,
            n % 131,
            n % 10_007
        );
    }
    text
}

fn prose(seed: usize, bytes: usize) -> String {
    let words = [
        "the ", "parser ", "reads ", "one ", "line, ", "then ", "writes ", "what ", "it ", "saw.\n",
    ];
    let mut text = String::new();
    let mut n = seed;
    while text.len() < bytes {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        text.push_str(words[(n >> 33) % words.len()]);
    }
    text
}

/// One turn of an agent, as lines of its format.
fn turn(source: Source, n: usize) -> Vec<Value> {
    let (said, written, output) = (prose(n, 300), code(n, 1_500), code(n + 1, 6_000));
    let id = format!("call_{n:08}");
    match source {
        Source::Claude => {
            let usage = json!({"input_tokens": 10, "output_tokens": n, "cache_read_input_tokens": 9_000, "cache_creation_input_tokens": 12, "service_tier": "standard"});
            let message = |block: Value| json!({"type": "assistant", "message": {"id": format!("msg_{n}"), "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": [block], "stop_reason": null, "usage": usage}, "parent_tool_use_id": null, "session_id": "b2c7a5a4-0000-4000-8000-000000000001", "uuid": format!("00000000-0000-4000-8000-{n:012}")});
            vec![
                message(
                    json!({"type": "thinking", "thinking": said, "signature": "x".repeat(200)}),
                ),
                message(json!({"type": "text", "text": said})),
                message(
                    json!({"type": "tool_use", "id": id, "name": "Write", "input": {"file_path": "/w/src/a.rs", "content": written}}),
                ),
                json!({"type": "user", "message": {"role": "user", "content": [{"tool_use_id": id, "type": "tool_result", "content": output}]}, "parent_tool_use_id": null, "session_id": "b2c7a5a4-0000-4000-8000-000000000001", "tool_use_result": {"stdout": output, "stderr": "", "interrupted": false}}),
            ]
        }
        Source::Codex => vec![
            json!({"type": "item.completed", "item": {"id": id, "type": "reasoning", "text": said}}),
            json!({"type": "item.started", "item": {"id": id, "type": "command_execution", "command": written, "aggregated_output": "", "exit_code": null, "status": "in_progress"}}),
            json!({"type": "item.completed", "item": {"id": id, "type": "command_execution", "command": written, "aggregated_output": output, "exit_code": 0, "status": "completed"}}),
            json!({"type": "item.completed", "item": {"id": id, "type": "agent_message", "text": said}}),
        ],
        Source::Gemini => {
            let at = "2026-11-21T10:00:00.000Z";
            let delta = |text: &str| json!({"type": "message", "timestamp": at, "role": "assistant", "content": text, "delta": true});
            let (first, second) = said.split_at(said.len() / 2);
            vec![
                delta(first),
                delta(second),
                json!({"type": "tool_use", "timestamp": at, "tool_name": "write_file", "tool_id": id, "parameters": {"file_path": "a.rs", "content": written}}),
                json!({"type": "tool_result", "timestamp": at, "tool_id": id, "status": "success", "output": output}),
            ]
        }
        Source::OpenCode => {
            let part = |kind: &str, part: Value| json!({"type": kind, "timestamp": 1_795_000_000_000_u64, "sessionID": "ses_1", "part": part});
            vec![
                part(
                    "text",
                    json!({"id": id, "type": "text", "text": said, "time": {"start": 1, "end": 2}}),
                ),
                part(
                    "tool_use",
                    json!({"id": id, "type": "tool", "tool": "write", "callID": id, "state": {"status": "completed", "input": {"filePath": "a.rs", "content": written}, "output": output, "title": "a.rs", "metadata": {"diff": written}, "time": {"start": 1, "end": 2}}}),
                ),
                part(
                    "step_finish",
                    json!({"id": id, "type": "step-finish", "reason": "tool-calls", "cost": 0.001, "tokens": {"input": 100, "output": 20, "reasoning": 0, "cache": {"read": 5, "write": 0}}}),
                ),
            ]
        }
        Source::Jsonl => vec![
            json!({"at": "2026-11-21T10:00:00.000Z", "session": "s", "task": "T-7", "tokens": n, "event": "message", "text": said}),
            json!({"at": "2026-11-21T10:00:00.000Z", "session": "s", "task": "T-7", "tokens": n, "event": "thinking", "text": written}),
            json!({"at": "2026-11-21T10:00:00.000Z", "session": "s", "task": "T-7", "tokens": n, "event": "tool_call", "id": id, "name": "bash", "summary": "cargo test --lib"}),
            json!({"at": "2026-11-21T10:00:00.000Z", "session": "s", "task": "T-7", "tokens": n, "event": "tool_result", "id": id, "ok": true, "summary": "test result: ok"}),
        ],
    }
}

fn corpus(source: Source, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 64 * 1024);
    let mut n = 0;
    while text.len() < bytes {
        for line in turn(source, n) {
            text.push_str(&line.to_string());
            text.push('\n');
        }
        n += 1;
    }
    text
}

/// Best rate in MB/s (10^6 bytes).
fn rate(bytes: usize, mut work: impl FnMut()) -> f64 {
    let round = |work: &mut dyn FnMut()| {
        let begun = Instant::now();
        work();
        begun.elapsed().as_secs_f64()
    };
    let best = (0..ROUNDS)
        .map(|_| round(&mut work))
        .fold(f64::MAX, f64::min);
    bytes as f64 / 1e6 / best
}

/// Counts what is written: a pipe without the kernel.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Rate while tokens are counted: on the first megabyte, without what tells some.
fn counted(request: &StreamRequest, text: &str) -> f64 {
    let mut some = String::new();
    for line in text.lines().filter(|line| !line.contains("step_finish")) {
        let line = line.replace("\"usage\"", "\"unused\"");
        some.push_str(&line.replace("\"tokens\"", "\"unused\""));
        some.push('\n');
        if some.len() > 1 << 20 {
            break;
        }
    }
    rate(some.len(), || {
        let counter: CountTokens = Box::new(|model, text| Tiktoken.count(model, text));
        let mut out = Counter(0);
        let done = filter(
            request,
            &SystemClock,
            Some(counter),
            &mut some.as_bytes(),
            &mut out,
        );
        std::hint::black_box(done.expect("memory does not fail").events);
    })
}

fn main() {
    let asked = std::env::args()
        .skip(1)
        .find_map(|arg| arg.parse::<usize>().ok());
    let bytes = asked.unwrap_or(64) << 20;
    println!(
        "{:<10}{:>14}{:>14}{:>14}{:>8}{:>12}{:>14}",
        "format", "fleet MB/s", "Value MB/s", "Ignored MB/s", "ratio", "out MB", "counting MB/s"
    );
    for source in Source::ALL {
        let text = corpus(source, bytes);
        let request = StreamRequest {
            from: source,
            session: None,
            task: None,
            count_tokens: false,
        };
        let mut out = Counter(0);
        let fleet = rate(text.len(), || {
            out = Counter(0);
            let report = filter(&request, &SystemClock, None, &mut text.as_bytes(), &mut out);
            assert_eq!(report.expect("memory does not fail").broken, 0);
        });
        let value = rate(text.len(), || {
            for line in text.lines() {
                let value: Value = serde_json::from_str(line).expect("generated");
                std::hint::black_box(&value);
            }
        });
        let ignored = rate(text.len(), || {
            for line in text.lines() {
                let value: IgnoredAny = serde_json::from_str(line).expect("generated");
                std::hint::black_box(&value);
            }
        });
        let counted = counted(&request, &text);
        println!(
            "{:<10}{fleet:>14.0}{value:>14.0}{ignored:>14.0}{:>8.2}{:>12.1}{counted:>14.0}",
            source.name(),
            fleet / ignored,
            out.0 as f64 / 1e6
        );
    }
}
