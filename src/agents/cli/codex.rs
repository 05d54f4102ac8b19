//! Codex: `codex exec --json` (wire.md §5.2, test-infra.md §2.2).

use std::path::PathBuf;

use serde_json::Value;

use super::totals::{self, Total};
use super::{count, object, some_text, text};
use crate::agents::lines::one_line;
use crate::agents::reading::{Parser, Reading, Terminal};
use crate::agents::run::Launch;
use crate::domain::money::Usage;
use crate::ports::runner::{AgentEvent, RunRequest};

pub(super) fn complete(request: &RunRequest, launch: &mut Launch) {
    launch.push(&["exec", "--json", "--color", "never"]);
    launch.push(&["--dangerously-bypass-approvals-and-sandbox"]);
    if let Some(model) = &request.model {
        launch.push(&["-m", model]);
    }
    launch.push_extra(request);
    if let Some(thread) = &request.resume {
        launch.push(&["resume", thread]);
    }
    launch.push(&["-"]);
    let resumed = request.resume.as_deref();
    let before = resumed.map(|thread| totals::recall(&request.home, thread));
    launch.parser = Box::new(CodexParser {
        home: request.home.clone(),
        before,
        ..CodexParser::default()
    });
}

/// Reads the stream.
#[derive(Debug, Default)]
pub(crate) struct CodexParser {
    home: PathBuf,
    /// On a resumed thread, its total before this run, if known.
    before: Option<Option<Total>>,
    /// Total of the thread now.
    total: Option<Total>,
}

impl CodexParser {
    /// For a resumed thread whose total was `before`.
    #[cfg(test)]
    pub(crate) fn resumed(before: Total) -> Self {
        Self {
            before: Some(Some(before)),
            ..Self::default()
        }
    }

    fn completed(&mut self, value: &Value, reading: &mut Reading) {
        if let Some(usage) = value.get("usage") {
            // Cached tokens are part of the input here.
            let (cached, written) = (
                count(usage, "cached_input_tokens"),
                count(usage, "cache_write_input_tokens"),
            );
            let usage = Usage {
                input: count(usage, "input_tokens").saturating_sub(cached + written),
                output: count(usage, "output_tokens"),
                cache_read: cached,
                cache_write: written,
                reasoning: count(usage, "reasoning_output_tokens"),
            };
            let total = Total { usage, cost: None };
            self.total = Some(total);
            if self.before == Some(None) {
                reading.status("its tokens include those of the resumed thread");
            }
            let before = self.before.flatten().unwrap_or_default();
            // A smaller total means that the thread began anew.
            let run = if total.covers(before.usage) {
                total.since(before)
            } else {
                total
            };
            reading.spent(run.usage, None);
        }
        reading.terminal = Some(Terminal::Good);
    }
}

impl Parser for CodexParser {
    fn line(&mut self, line: &str, reading: &mut Reading) {
        let Some(value) = object(line, reading) else {
            return;
        };
        match text(&value, "type") {
            "thread.started" => reading.started(some_text(&value, "thread_id"), None),
            "turn.started" => reading.terminal = None,
            "turn.completed" => self.completed(&value, reading),
            "turn.failed" => {
                let message = value.get("error").map_or("", |e| text(e, "message"));
                reading.failed(None, &unwrap_json(message));
            }
            "error" => {
                let message = unwrap_json(text(&value, "message"));
                if message.starts_with("Reconnecting") {
                    reading.status(&message);
                } else {
                    reading.error(None, &message);
                }
            }
            "item.started" | "item.completed" => {
                let done = text(&value, "type") == "item.completed";
                item(value.get("item").unwrap_or(&Value::Null), done, reading);
            }
            _ => {}
        }
    }

    fn chatter(&mut self, line: &str, reading: &mut Reading) {
        // Said in every healthy run with a prompt on standard input.
        if !line.starts_with("Reading ") {
            reading.status(line);
        }
    }

    fn ended(&mut self, reading: &mut Reading) {
        let (Some(thread), Some(total)) = (&reading.agent_session, self.total) else {
            return;
        };
        if let Err(e) = totals::remember(&self.home, thread, total) {
            reading.status(&format!("the thread's tokens are not remembered: {e}"));
        }
    }

    fn key_names(&self) -> &'static str {
        "OPENAI_API_KEY (or the `env_key` of its model provider)"
    }
}

/// Errors of the API arrive as the JSON body it sent: show its message.
fn unwrap_json(message: &str) -> String {
    serde_json::from_str::<Value>(message)
        .ok()
        .and_then(|v| some_text(v.get("error")?, "message"))
        .unwrap_or_else(|| message.to_owned())
}

fn item(item: &Value, done: bool, reading: &mut Reading) {
    let id = || text(item, "id").to_owned();
    let call = |name: &str, summary: &str| AgentEvent::ToolCall {
        id: id(),
        name: name.to_owned(),
        summary: one_line(summary, super::SUMMARY_BYTES),
    };
    let result = |ok: bool, summary: &str| AgentEvent::ToolResult {
        id: id(),
        ok,
        summary: one_line(summary, super::SUMMARY_BYTES),
    };
    let kind = text(item, "type");
    match (kind, done) {
        ("agent_message", true) => reading.message(text(item, "text")),
        ("reasoning", true) => reading.events.push(AgentEvent::Thinking {
            text: text(item, "text").to_owned(),
        }),
        // An item of type error comes in healthy runs too (unknown model metadata).
        ("error", true) => reading.status(text(item, "message")),
        ("command_execution", false) => {
            reading.events.push(call("shell", text(item, "command")));
        }
        ("command_execution", true) => {
            let ok = item.get("exit_code").and_then(Value::as_i64) == Some(0);
            reading
                .events
                .push(result(ok, text(item, "aggregated_output")));
        }
        ("file_change", true) => {
            let paths: Vec<&str> = item
                .get("changes")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .map(|c| text(c, "path"))
                .collect();
            reading.events.push(call("edit", &paths.join(" ")));
            reading
                .events
                .push(result(text(item, "status") != "failed", ""));
        }
        ("mcp_tool_call", false) => {
            let name = format!("{}.{}", text(item, "server"), text(item, "tool"));
            reading.events.push(call(&name, ""));
        }
        ("mcp_tool_call", true) => {
            reading
                .events
                .push(result(text(item, "status") != "failed", ""));
        }
        ("web_search", true) => reading.events.push(call("web_search", text(item, "query"))),
        _ => {}
    }
}
