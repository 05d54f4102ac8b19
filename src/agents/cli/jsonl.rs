//! Unified events as JSON lines: what a `command` agent may print, what a journal holds, and what
//! `fleet stream` writes. Common chat logs (`role` and `content`) are understood as well.

use serde::Deserialize;

use super::gist::Gist;
use super::lax::{Amount, Count, Flag, List, Obj, Text};
use super::{money, object};
use crate::agents::limits::{Trouble, judge};
use crate::agents::reading::{Parser, Reading, Terminal};
use crate::agents::said::Said;
use crate::domain::money::{MicroUsd, Usage};
use crate::domain::session::FailureClass;

/// A line: the fields of all events.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Line<'a> {
    #[serde(borrow)]
    event: Text<'a>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    at: Text<'a>,
    #[serde(borrow)]
    session: Text<'a>,
    #[serde(borrow)]
    task: Text<'a>,
    tokens: Count,
    #[serde(borrow)]
    agent_session: Text<'a>,
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(borrow)]
    role: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
    #[serde(borrow)]
    content: Text<'a>,
    #[serde(borrow)]
    context: Text<'a>,
    #[serde(borrow)]
    options: List<Text<'a>>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    summary: Text<'a>,
    input: Gist,
    output: Gist,
    ok: Flag,
    usage: Option<Obj<Tokens>>,
    cost: Option<Count>,
    cost_usd: Amount,
    #[serde(borrow)]
    command: Text<'a>,
    passed: Flag,
}

/// Tokens, under the names that are in use.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Tokens {
    #[serde(alias = "input_tokens", alias = "prompt_tokens")]
    input: Count,
    #[serde(alias = "output_tokens", alias = "completion_tokens")]
    output: Count,
    #[serde(alias = "cache_read_input_tokens")]
    cache_read: Count,
    #[serde(alias = "cache_creation_input_tokens")]
    cache_write: Count,
    reasoning: Count,
}

impl Line<'_> {
    /// Which event it is.
    fn kind(&self) -> &str {
        match (self.event.some(), self.kind.some()) {
            (Some(event), _) => event,
            (None, Some("user" | "assistant")) if self.role.some().is_some() => "message",
            (None, Some(kind)) => kind,
            (None, None) if self.role.some().is_some() => "message",
            (None, None) => "",
        }
    }

    fn words(&self) -> &str {
        let parts = [&self.text, &self.message, &self.content];
        parts.iter().find_map(|t| t.some()).unwrap_or_default()
    }

    fn summary(&self) -> &str {
        let gists = [&self.input, &self.output];
        let gist = || gists.iter().map(|g| g.get()).find(|t| !t.is_empty());
        self.summary.some().or_else(gist).unwrap_or_default()
    }
}

/// Takes a line; false if it is no event that is known.
pub(crate) fn take(line: &Line<'_>, reading: &mut Reading) -> bool {
    let text = line.words();
    match line.kind() {
        "session_started" => {
            let session = line.agent_session.some();
            reading.started(session, line.model.some());
        }
        "thinking" | "reasoning" => reading.emit(Said::Thinking(text)),
        "message" if matches!(line.role.get(), "" | "assistant") => reading.message(text),
        "message" => {}
        "tool_call" => reading.emit(Said::ToolCall {
            id: line.id.get(),
            name: line.name.get(),
            summary: line.summary(),
        }),
        "tool_result" => reading.emit(Said::ToolResult {
            id: line.id.get(),
            ok: line.ok != Flag(Some(false)),
            summary: line.summary(),
        }),
        "usage" => spent(line, reading),
        "status" => reading.status(text),
        "error" => reading.error(None, text),
        "verify" => reading.emit(Said::Verify {
            command: line.command.get(),
            passed: line.passed.0,
        }),
        "escalation" => {
            let options: Vec<String> = line.options.0.iter().map(|o| o.get().to_owned()).collect();
            let context = line.context.some().unwrap_or(text);
            reading.emit(Said::Escalation {
                context,
                options: &options,
            });
        }
        "finding" => reading.emit(Said::Finding(text)),
        "progress" => reading.emit(Said::Progress(text)),
        "session_finished" => finished(line, reading),
        _ => return false,
    }
    true
}

fn spent(line: &Line<'_>, reading: &mut Reading) {
    let Some(Obj(tokens)) = &line.usage else {
        return;
    };
    let usage = Usage {
        input: tokens.input.0,
        output: tokens.output.0,
        cache_read: tokens.cache_read.0,
        cache_write: tokens.cache_write.0,
        reasoning: tokens.reasoning.0.min(tokens.output.0),
    };
    let cost = line.cost.map(|c| MicroUsd(c.0)).or(money(line.cost_usd));
    // Lines tell totals: a smaller one later takes nothing back of what was spent.
    let usage = usage.at_least(reading.usage);
    let cost = cost.map(|cost| cost.max(reading.cost.unwrap_or_default()));
    reading.spent(usage, cost);
}

/// The end as the source tells it. A run is ended by fleet, once, when the process is gone: a good
/// word is only remarked there, a bad one counts even if the exit code is 0.
fn finished(line: &Line<'_>, reading: &mut Reading) {
    let summary = line.summary.get();
    if line.ok == Flag(Some(false)) {
        let trouble = judge(None, summary, reading.now);
        let class = match trouble {
            Trouble::Other => FailureClass::AgentError,
            _ => trouble.class(),
        };
        reading.failed_as(trouble, class, summary);
        return;
    }
    if reading.lines.is_some() {
        reading.final_words(summary);
        reading.terminal = Some(Terminal::Good);
        return;
    }
    if reading.final_message.is_empty() {
        reading.final_words(summary);
    }
    reading.status(summary);
}

/// Reads a stream of such lines.
#[derive(Debug, Default)]
pub(crate) struct JsonlParser;

impl Parser for JsonlParser {
    fn line(&mut self, line: &str, reading: &mut Reading) {
        let Some(line) = object::<Line<'_>>(line, reading) else {
            return;
        };
        reading.said_at = line.at.get().parse().ok();
        reading.told = reading.told.max(line.tokens.0);
        if let Some(lines) = &mut reading.lines {
            lines.adopt(line.session.get(), line.task.get());
        }
        take(&line, reading);
    }
}
