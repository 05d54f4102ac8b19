//! OpenCode: `opencode run --format json` (wire.md §5.4, test-infra.md §2.4).

use std::ffi::OsString;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::gist::Gist;
use super::lax::{Amount, Count, Obj, Text};
use super::{object, status};
use crate::agents::limits::Trouble;
use crate::agents::reading::{Parser, Reading, Terminal};
use crate::agents::run::Launch;
use crate::agents::said::Said;
use crate::domain::money::{MicroUsd, Usage};
use crate::domain::session::FailureClass;
use crate::domain::time::Timestamp;
use crate::ports::runner::RunRequest;

/// Its configuration by environment.
const CONFIG: &str = "OPENCODE_CONFIG_CONTENT";

pub(super) fn complete(request: &RunRequest, launch: &mut Launch) -> Result<(), String> {
    launch.push(&["run", "--format", "json"]);
    if let Some(model) = &request.model {
        launch.push(&["-m", model]);
    }
    if let Some(session) = &request.resume {
        launch.push(&["-s", session]);
    }
    launch.push_extra(request);
    launch.default_env("OPENCODE_DISABLE_AUTOUPDATE", "1");
    launch.default_env("OPENCODE_DISABLE_MODELS_FETCH", "1");
    let config = configuration(launch.env.get(CONFIG))?;
    launch.env.insert(CONFIG.to_owned(), config.into());
    launch.parser = Box::new(OpenCodeParser::default());
    Ok(())
}

/// The owner's configuration, completed by what a run without a person needs: any permission that
/// asks hangs for ever (orchestrators.md, complaint 23).
fn configuration(given: Option<&OsString>) -> Result<String, String> {
    let mut config: Map<String, Value> = match given.map(|g| g.to_str().unwrap_or("?")) {
        None | Some("") => Map::new(),
        Some(text) => {
            serde_json::from_str(text).map_err(|e| format!("{CONFIG} is not a JSON object: {e}"))?
        }
    };
    for (key, value) in [
        ("autoupdate", json!(false)),
        ("share", json!("disabled")),
        ("permission", json!("allow")),
    ] {
        config.entry(key).or_insert(value);
    }
    Ok(Value::Object(config).to_string())
}

/// Reads the stream.
#[derive(Debug, Default)]
pub(crate) struct OpenCodeParser {
    usage: Usage,
    cost: Option<MicroUsd>,
}

/// A line of the stream.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, rename = "sessionID")]
    session: Text<'a>,
    timestamp: Count,
    #[serde(borrow)]
    part: Obj<Part<'a>>,
    #[serde(borrow)]
    error: Obj<Failure<'a>>,
    #[serde(borrow)]
    reason: Text<'a>,
    rejected: Gist,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow, rename = "callID")]
    call: Text<'a>,
    #[serde(borrow)]
    tool: Text<'a>,
    #[serde(borrow)]
    state: Obj<State<'a>>,
    tokens: Obj<Tokens>,
    cost: Amount,
    #[serde(borrow)]
    reason: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct State<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    input: Gist,
    output: Gist,
    error: Gist,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Tokens {
    input: Count,
    output: Count,
    reasoning: Count,
    total: Option<Count>,
    cache: Obj<Cache>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Cache {
    read: Count,
    write: Count,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Failure<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    data: Obj<Details<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details<'a> {
    #[serde(borrow)]
    message: Text<'a>,
    #[serde(rename = "statusCode")]
    status: Option<Count>,
}

impl Parser for OpenCodeParser {
    fn line(&mut self, line: &str, reading: &mut Reading) {
        let Some(line) = object::<Line<'_>>(line, reading) else {
            return;
        };
        if reading.lines.is_some() {
            reading.said_at = Some(Timestamp(line.timestamp.0)).filter(|t| t.0 > 0);
        }
        reading.started(line.session.some(), None);
        let part = &line.part.0;
        match line.kind.get() {
            // A step after a stop takes the stop back.
            "step_start" => reading.terminal = None,
            "text" => reading.message(part.text.get()),
            "reasoning" => reading.emit(Said::Thinking(part.text.get())),
            "tool_use" => tool(part, reading),
            "step_finish" => self.step(part, reading),
            "done" => done(&line, reading),
            "error" => error(&line.error.0, reading),
            _ => {}
        }
    }

    fn key_names(&self) -> &'static str {
        "the key of its provider"
    }
}

impl OpenCodeParser {
    fn step(&mut self, part: &Part<'_>, reading: &mut Reading) {
        let tokens = &part.tokens.0;
        let (input, read, write) = (
            tokens.input.0,
            tokens.cache.0.read.0,
            tokens.cache.0.write.0,
        );
        let prompt = input.saturating_add(read).saturating_add(write);
        let said = tokens.output.0;
        // Whether reasoning is part of the output differs by provider; the total knows.
        let output = match tokens.total {
            Some(total) => total.0.saturating_sub(prompt).max(said),
            None => said.saturating_add(tokens.reasoning.0),
        };
        self.usage = self.usage.plus(Usage {
            input,
            output,
            cache_read: read,
            cache_write: write,
            reasoning: tokens.reasoning.0.min(output),
        });
        // Zero is what it says of a model whose price it does not know.
        if let Some(cost) = part.cost.0.filter(|c| *c > 0.0) {
            let sum = self.cost.unwrap_or_default();
            self.cost = Some(sum.plus(MicroUsd::from_usd(cost)));
        }
        reading.spent(self.usage, self.cost);
        reading.terminal = (part.reason.get() == "stop").then_some(Terminal::Good);
    }
}

/// The last word of newer versions; what was refused is told here too.
fn done(line: &Line<'_>, reading: &mut Reading) {
    let rejected = line.rejected.get();
    if !matches!(rejected, "" | "false" | "0" | "{}") {
        let reason = format!("it was refused permission ({rejected}), and ended");
        reading.failed_as(Trouble::Other, FailureClass::AgentError, &reason);
    } else if line.reason.get() == "stop" {
        reading.terminal = Some(Terminal::Good);
    }
}

/// A tool is only told of when it is done.
fn tool(part: &Part<'_>, reading: &mut Reading) {
    let state = &part.state.0;
    let id = part.call.get();
    reading.emit(Said::ToolCall {
        id,
        name: part.tool.get(),
        summary: state.input.get(),
    });
    let ok = state.status.get() == "completed";
    let summary = if ok { &state.output } else { &state.error }.get();
    if summary.contains("rejected permission") {
        // It ends there with exit 0: keep why.
        reading.last_error = Some((None, summary.to_owned()));
    }
    reading.emit(Said::ToolResult { id, ok, summary });
}

fn error(failure: &Failure<'_>, reading: &mut Reading) {
    let details = &failure.data.0;
    let message = details.message.some().or(failure.name.some());
    reading.error(
        status(details.status),
        message.unwrap_or("it reported an error"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owners_configuration_is_completed_and_never_overruled() {
        let given = OsString::from(r#"{"permission":{"bash":"deny"},"model":"a/b"}"#);
        let merged: Value =
            serde_json::from_str(&configuration(Some(&given)).expect("an object")).expect("JSON");
        assert_eq!(merged["permission"]["bash"], "deny");
        assert_eq!(merged["autoupdate"], false);
        assert_eq!(merged["model"], "a/b");
        assert!(configuration(Some(&"[1]".into())).is_err());
        assert!(
            configuration(None)
                .expect("an object")
                .contains("\"permission\":\"allow\"")
        );
    }
}
