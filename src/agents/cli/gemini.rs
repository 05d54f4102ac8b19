//! Gemini CLI: `gemini -o stream-json` (wire.md §5.3, test-infra.md §2.3).

use serde_json::{Value, json};

use super::{answer, arguments, count, object, some_text, text};
use crate::agents::environment::write_in_home;
use crate::agents::limits::Trouble;
use crate::agents::lines::clip;
use crate::agents::reading::{MAX_FINAL_BYTES, Parser, Reading, Terminal};
use crate::agents::run::Launch;
use crate::domain::money::Usage;
use crate::ports::runner::{AgentEvent, RunRequest};

/// Its settings, relative to HOME.
const SETTINGS: &str = ".gemini/settings.json";

pub(super) fn complete(
    request: &RunRequest,
    fresh: &str,
    launch: &mut Launch,
) -> Result<(), String> {
    launch.push(&["-o", "stream-json", "--yolo", "--skip-trust"]);
    if let Some(model) = &request.model {
        launch.push(&["-m", model]);
    }
    match &request.resume {
        Some(session) => launch.push(&["--resume", session]),
        None => launch.push(&["--session-id", fresh]),
    }
    launch.push_extra(request);
    // Without this a wrapper process ignores every polite signal.
    launch.default_env("GEMINI_CLI_NO_RELAUNCH", "true");
    launch.default_env("GEMINI_TELEMETRY_ENABLED", "false");
    if !request.agent.home_files.values().any(|t| t == SETTINGS) {
        let vertex = launch.env.contains_key("GOOGLE_GENAI_USE_VERTEXAI");
        let auth = if vertex {
            "vertex-ai"
        } else {
            "gemini-api-key"
        };
        // Without a settings file it picks a way to log in that its own check refuses; without
        // maxAttempts it asks again for minutes.
        let settings = json!({
            "security": {"auth": {"selectedType": auth}},
            "privacy": {"usageStatisticsEnabled": false},
            "general": {"enableAutoUpdate": false, "disableAutoUpdate": true, "maxAttempts": 3},
        });
        write_in_home(&request.home, SETTINGS, settings.to_string().as_bytes())?;
    }
    launch.parser = Box::new(GeminiParser::default());
    Ok(())
}

/// Reads the stream.
#[derive(Debug, Default)]
pub(crate) struct GeminiParser {
    /// Pieces of the message that is being said.
    saying: String,
}

impl GeminiParser {
    /// A message ends where something else begins.
    fn said(&mut self, reading: &mut Reading) {
        let text = std::mem::take(&mut self.saying);
        reading.message(&text);
    }
}

impl Parser for GeminiParser {
    fn line(&mut self, line: &str, reading: &mut Reading) {
        let Some(value) = object(line, reading) else {
            return;
        };
        let kind = text(&value, "type");
        if kind == "message" {
            if text(&value, "role") == "assistant" {
                if value.get("delta").and_then(Value::as_bool) != Some(true) {
                    self.said(reading);
                }
                // The end of a long message is what is kept of it elsewhere, so bound it here.
                self.saying.push_str(text(&value, "content"));
                self.saying = clip(&self.saying, MAX_FINAL_BYTES);
            }
            return;
        }
        self.said(reading);
        match kind {
            "init" => reading.started(some_text(&value, "session_id"), some_text(&value, "model")),
            "tool_use" => reading.events.push(AgentEvent::ToolCall {
                id: text(&value, "tool_id").to_owned(),
                name: text(&value, "tool_name").to_owned(),
                summary: arguments(value.get("parameters").unwrap_or(&Value::Null)),
            }),
            "tool_result" => reading.events.push(AgentEvent::ToolResult {
                id: text(&value, "tool_id").to_owned(),
                ok: text(&value, "status") == "success",
                summary: answer(value.get("output").unwrap_or(&Value::Null)),
            }),
            "error" if text(&value, "severity") == "warning" => {
                reading.status(text(&value, "message"));
            }
            "error" => reading.error(None, text(&value, "message")),
            "result" => result(&value, reading),
            _ => {}
        }
    }

    fn chatter(&mut self, line: &str, reading: &mut Reading) {
        // What it says in every run, and the frames of a stack, tell a reader nothing.
        const USUAL: [&str; 6] = [
            "Warning: Basic terminal",
            "Warning: 256-color",
            "YOLO mode is enabled",
            "Ripgrep is not available",
            "at ",
            "}",
        ];
        if !USUAL.iter().any(|u| line.trim_start().starts_with(u)) {
            reading.status(line);
        }
    }

    fn ended(&mut self, reading: &mut Reading) {
        self.said(reading);
    }

    /// It exits with the HTTP status modulo 256, and with codes of its own.
    fn exit_means(&self, code: i32) -> Option<Trouble> {
        match code {
            41 | 145 | 147 => Some(Trouble::Auth),
            173 | 17 => Some(Trouble::RateLimited(None)),
            244..=248 => Some(Trouble::Broken),
            _ => None,
        }
    }

    fn key_names(&self) -> &'static str {
        "GEMINI_API_KEY"
    }
}

fn result(value: &Value, reading: &mut Reading) {
    if let Some(stats) = value.get("stats") {
        let (prompt, output) = (count(stats, "input_tokens"), count(stats, "output_tokens"));
        let cached = count(stats, "cached");
        // Thoughts are in the total only.
        let thoughts = count(stats, "total_tokens").saturating_sub(prompt + output);
        let usage = Usage {
            input: match stats.get("input") {
                Some(_) => count(stats, "input"),
                None => prompt.saturating_sub(cached),
            },
            output: output + thoughts,
            cache_read: cached,
            cache_write: 0,
            reasoning: thoughts,
        };
        reading.spent(usage, None);
        let models = stats.get("models").and_then(Value::as_object);
        let most = models
            .into_iter()
            .flatten()
            .max_by_key(|(_, of)| count(of, "total_tokens"));
        if let Some((name, of)) = most
            && count(of, "total_tokens") > 0
        {
            reading.model = Some(name.clone());
        }
    }
    if text(value, "status") == "success" {
        reading.terminal = Some(Terminal::Good);
        return;
    }
    let message = value.get("error").and_then(|e| some_text(e, "message"));
    let last = reading.last_error.as_ref().map(|(_, text)| text.clone());
    let reason = message
        .or(last)
        .unwrap_or_else(|| "it reported an error".to_owned());
    reading.failed(None, &reason);
}
