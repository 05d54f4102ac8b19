//! OpenCode: `opencode run --format json` (wire.md §5.4, test-infra.md §2.4).

use std::ffi::OsString;

use serde_json::{Map, Value, json};

use super::{answer, arguments, count, object, some_text, status, text};
use crate::agents::reading::{Parser, Reading, Terminal};
use crate::agents::run::Launch;
use crate::domain::money::{MicroUsd, Usage};
use crate::ports::runner::{AgentEvent, RunRequest};

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

impl Parser for OpenCodeParser {
    fn line(&mut self, line: &str, reading: &mut Reading) {
        let Some(value) = object(line, reading) else {
            return;
        };
        reading.started(some_text(&value, "sessionID"), None);
        let part = value.get("part").unwrap_or(&Value::Null);
        match text(&value, "type") {
            // A step after a stop takes the stop back.
            "step_start" => reading.terminal = None,
            "text" => reading.message(text(part, "text")),
            "reasoning" => reading.events.push(AgentEvent::Thinking {
                text: text(part, "text").to_owned(),
            }),
            "tool_use" => tool(part, reading),
            "step_finish" => self.step(part, reading),
            "error" => error(&value, reading),
            _ => {}
        }
    }

    fn key_names(&self) -> &'static str {
        "the key of its provider"
    }
}

impl OpenCodeParser {
    fn step(&mut self, part: &Value, reading: &mut Reading) {
        let tokens = part.get("tokens").unwrap_or(&Value::Null);
        let cache = tokens.get("cache").unwrap_or(&Value::Null);
        let (input, read, write) = (
            count(tokens, "input"),
            count(cache, "read"),
            count(cache, "write"),
        );
        let output = count(tokens, "output");
        // Whether reasoning is part of the output differs by provider; the total knows.
        let output = match tokens.get("total") {
            Some(_) => count(tokens, "total")
                .saturating_sub(input + read + write)
                .max(output),
            None => output + count(tokens, "reasoning"),
        };
        self.usage = self.usage.plus(Usage {
            input,
            output,
            cache_read: read,
            cache_write: write,
            reasoning: count(tokens, "reasoning").min(output),
        });
        // Zero is what it says of a model whose price it does not know.
        let cost = part.get("cost").and_then(Value::as_f64).unwrap_or(0.0);
        if cost > 0.0 {
            let sum = self.cost.unwrap_or_default();
            self.cost = Some(sum.plus(MicroUsd::from_usd(cost)));
        }
        reading.spent(self.usage, self.cost);
        reading.terminal = (text(part, "reason") == "stop").then_some(Terminal::Good);
    }
}

/// A tool is only told of when it is done.
fn tool(part: &Value, reading: &mut Reading) {
    let state = part.get("state").unwrap_or(&Value::Null);
    let id = text(part, "callID").to_owned();
    reading.events.push(AgentEvent::ToolCall {
        id: id.clone(),
        name: text(part, "tool").to_owned(),
        summary: arguments(state.get("input").unwrap_or(&Value::Null)),
    });
    let ok = text(state, "status") == "completed";
    let said = state.get(if ok { "output" } else { "error" });
    let summary = answer(said.unwrap_or(&Value::Null));
    if summary.contains("rejected permission") {
        // It ends there with exit 0: keep why.
        reading.last_error = Some((None, summary.clone()));
    }
    reading
        .events
        .push(AgentEvent::ToolResult { id, ok, summary });
}

fn error(value: &Value, reading: &mut Reading) {
    let error = value.get("error").unwrap_or(&Value::Null);
    let data = error.get("data").unwrap_or(&Value::Null);
    let message = some_text(data, "message")
        .or_else(|| some_text(error, "name"))
        .unwrap_or_else(|| "it reported an error".to_owned());
    reading.error(status(data, "statusCode"), &message);
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
