//! Codex: `codex exec --json` (wire.md §5.2, test-infra.md §2.2).

use std::borrow::Cow;
use std::path::PathBuf;

use serde::Deserialize;

use super::gist::{GIST_BYTES, Gist};
use super::lax::{Amount, Count, Flag, List, Obj, Text};
use super::object;
use super::totals::{self, Total};
use crate::agents::lines::one_line;
use crate::agents::reading::{Parser, Reading, Terminal};
use crate::agents::run::Launch;
use crate::agents::said::Said;
use crate::domain::money::Usage;
use crate::ports::runner::RunRequest;

pub(super) fn complete(request: &RunRequest, before: Option<Option<Total>>, launch: &mut Launch) {
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

    fn completed(&mut self, usage: Option<&CodexUsage>, reading: &mut Reading) {
        if let Some(usage) = usage {
            // Cached tokens are part of the input here.
            let (cached, written) = (
                usage.cached_input_tokens.0,
                usage.cache_write_input_tokens.0,
            );
            let usage = Usage {
                input: usage
                    .input_tokens
                    .0
                    .saturating_sub(cached.saturating_add(written)),
                output: usage.output_tokens.0,
                cache_read: cached,
                cache_write: written,
                reasoning: usage.reasoning_output_tokens.0,
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

/// A line of the stream.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    thread_id: Text<'a>,
    usage: Option<Obj<CodexUsage>>,
    #[serde(borrow)]
    error: Obj<Trouble<'a>>,
    #[serde(borrow)]
    message: Text<'a>,
    #[serde(borrow)]
    item: Obj<Item<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CodexUsage {
    input_tokens: Count,
    cached_input_tokens: Count,
    cache_write_input_tokens: Count,
    output_tokens: Count,
    reasoning_output_tokens: Count,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Trouble<'a> {
    #[serde(borrow)]
    message: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
    command: Gist,
    aggregated_output: Gist,
    exit_code: Amount,
    #[serde(borrow)]
    changes: List<Obj<Change<'a>>>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    server: Text<'a>,
    #[serde(borrow)]
    tool: Text<'a>,
    arguments: Gist,
    result: Gist,
    #[serde(borrow)]
    error: Obj<Trouble<'a>>,
    query: Gist,
    #[serde(borrow)]
    items: List<Obj<Todo<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Change<'a> {
    #[serde(borrow)]
    path: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Todo<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    completed: Flag,
}

impl Parser for CodexParser {
    fn line(&mut self, line: &str, reading: &mut Reading) {
        let Some(line) = object::<Line<'_>>(line, reading) else {
            return;
        };
        match line.kind.get() {
            "thread.started" => reading.started(line.thread_id.some(), None),
            "turn.started" => reading.terminal = None,
            "turn.completed" => self.completed(line.usage.as_ref().map(|Obj(u)| u), reading),
            "turn.failed" => reading.failed(None, &unwrap_json(line.error.0.message.get())),
            "error" => {
                let message = unwrap_json(line.message.get());
                if message.starts_with("Reconnecting") {
                    reading.status(&message);
                } else {
                    reading.error(None, &message);
                }
            }
            "item.started" => item(&line.item.0, Stage::Begun, reading),
            "item.updated" => item(&line.item.0, Stage::Goes, reading),
            "item.completed" => item(&line.item.0, Stage::Done, reading),
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
fn unwrap_json(message: &str) -> Cow<'_, str> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Body<'a> {
        #[serde(borrow)]
        error: Obj<Trouble<'a>>,
    }
    let body = serde_json::from_str::<Obj<Body<'_>>>(message).ok();
    match body.as_ref().and_then(|b| b.0.error.0.message.some()) {
        Some(inner) => Cow::Owned(inner.to_owned()),
        None => Cow::Borrowed(message),
    }
}

/// Where an item is on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begun,
    Goes,
    Done,
}

fn item(item: &Item<'_>, stage: Stage, reading: &mut Reading) {
    let id = item.id.get();
    let call = |name, summary| Said::ToolCall { id, name, summary };
    let result = |ok, summary| Said::ToolResult { id, ok, summary };
    // `declined` is what a refused permission looks like: no error, and no exit code.
    let went_well = !matches!(item.status.get(), "failed" | "declined");
    match (item.kind.get(), stage) {
        ("agent_message", Stage::Done) => reading.message(item.text.get()),
        ("reasoning", Stage::Done) => reading.emit(Said::Thinking(item.text.get())),
        // An item of type error comes in healthy runs too (unknown model metadata).
        ("error", Stage::Done) => reading.status(item.message.get()),
        ("command_execution", Stage::Begun) => reading.emit(call("shell", item.command.get())),
        ("command_execution", Stage::Done) => {
            let ok = item.exit_code == Amount(Some(0.0)) && went_well;
            let output = match item.status.get() {
                "declined" => "declined",
                _ => item.aggregated_output.get(),
            };
            reading.emit(result(ok, output));
        }
        ("file_change", Stage::Done) => {
            let paths: Vec<&str> = item.changes.0.iter().map(|c| c.0.path.get()).collect();
            reading.emit(call("edit", &one_line(&paths.join(" "), GIST_BYTES)));
            reading.emit(result(went_well, ""));
        }
        ("mcp_tool_call", Stage::Begun) => {
            let name = format!("{}.{}", item.server.get(), item.tool.get());
            reading.emit(call(&name, item.arguments.get()));
        }
        ("mcp_tool_call", Stage::Done) => {
            let said = item.error.0.message.some();
            reading.emit(result(went_well, said.unwrap_or(item.result.get())));
        }
        ("web_search", Stage::Done) => reading.emit(call("web_search", item.query.get())),
        ("todo_list", _) => todo(item, reading),
        _ => {}
    }
}

/// Its plan: how much is done, and what is next.
fn todo(item: &Item<'_>, reading: &mut Reading) {
    let is_done = |t: &&Obj<Todo<'_>>| t.0.completed == Flag(Some(true));
    let all = &item.items.0;
    let done = all.iter().filter(is_done).count();
    let next = all
        .iter()
        .find(|t| !is_done(t))
        .map_or("", |t| t.0.text.get());
    let gap = if next.is_empty() { "" } else { ": " };
    let line = format!("{done}/{} done{gap}{next}", all.len());
    reading.emit(Said::Progress(&one_line(&line, GIST_BYTES)));
}
