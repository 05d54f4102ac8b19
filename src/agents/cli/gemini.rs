//! Gemini CLI: `gemini -o stream-json` (wire.md §5.3, test-infra.md §2.3).

use serde::Deserialize;
use serde_json::json;

use super::gist::Gist;
use super::lax::{Count, Flag, Obj, Pairs, Text};
use super::object;
use crate::agents::environment::write_in_home;
use crate::agents::limits::Trouble;
use crate::agents::lines::head;
use crate::agents::reading::{Parser, Reading, Terminal};
use crate::agents::run::Launch;
use crate::agents::said::Said;
use crate::domain::money::Usage;
use crate::ports::runner::RunRequest;

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

/// A line of the stream.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(borrow)]
    session_id: Text<'a>,
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(borrow)]
    role: Text<'a>,
    #[serde(borrow)]
    content: Text<'a>,
    delta: Flag,
    #[serde(borrow)]
    tool_name: Text<'a>,
    #[serde(borrow)]
    tool_id: Text<'a>,
    parameters: Gist,
    #[serde(borrow)]
    status: Text<'a>,
    output: Gist,
    #[serde(borrow)]
    error: Obj<Failure<'a>>,
    #[serde(borrow)]
    severity: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
    stats: Option<Obj<Stats>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Failure<'a> {
    #[serde(borrow)]
    message: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Stats {
    total_tokens: Count,
    input_tokens: Count,
    output_tokens: Count,
    cached: Count,
    input: Option<Count>,
    models: Pairs<OfModel>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OfModel {
    total_tokens: Count,
}

impl GeminiParser {
    /// A message ends where something else begins.
    fn said(&mut self, reading: &mut Reading) {
        if !self.saying.is_empty() {
            reading.message(&self.saying);
            self.saying.clear();
        }
    }

    fn message(&mut self, line: &Line<'_>, reading: &mut Reading) {
        if line.role.get() != "assistant" {
            return;
        }
        if line.delta != Flag(Some(true)) {
            self.said(reading);
        }
        let room = reading.piece_limit().saturating_sub(self.saying.len());
        self.saying.push_str(head(line.content.get(), room));
    }
}

impl Parser for GeminiParser {
    fn line(&mut self, line: &str, reading: &mut Reading) {
        let Some(line) = object::<Line<'_>>(line, reading) else {
            return;
        };
        if reading.lines.is_some() {
            reading.said_at = line.timestamp.get().parse().ok();
        }
        let kind = line.kind.get();
        if kind == "message" {
            self.message(&line, reading);
            return;
        }
        self.said(reading);
        match kind {
            "init" => reading.started(line.session_id.some(), line.model.some()),
            "tool_use" => reading.emit(Said::ToolCall {
                id: line.tool_id.get(),
                name: line.tool_name.get(),
                summary: line.parameters.get(),
            }),
            "tool_result" => reading.emit(Said::ToolResult {
                id: line.tool_id.get(),
                ok: line.status.get() == "success",
                summary: match line.error.0.message.some() {
                    Some(error) if line.output.get().is_empty() => error,
                    _ => line.output.get(),
                },
            }),
            "error" if line.severity.get() == "warning" => reading.status(line.message.get()),
            "error" => reading.error(None, line.message.get()),
            "result" => result(&line, reading),
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

fn result(line: &Line<'_>, reading: &mut Reading) {
    if let Some(Obj(stats)) = &line.stats {
        spent(stats, reading);
    }
    if line.status.get() == "success" {
        reading.terminal = Some(Terminal::Good);
        return;
    }
    let last = reading.last_error.as_ref().map(|(_, text)| text.clone());
    let said = line.error.0.message.some().map(str::to_owned);
    let reason = said.or(last);
    reading.failed(
        None,
        &reason.unwrap_or_else(|| "it reported an error".to_owned()),
    );
}

fn spent(stats: &Stats, reading: &mut Reading) {
    let (prompt, output) = (stats.input_tokens.0, stats.output_tokens.0);
    let cached = stats.cached.0;
    // Thoughts are in the total only.
    let thoughts = stats
        .total_tokens
        .0
        .saturating_sub(prompt.saturating_add(output));
    let usage = Usage {
        input: stats.input.map_or(prompt.saturating_sub(cached), |i| i.0),
        output: output.saturating_add(thoughts),
        cache_read: cached,
        cache_write: 0,
        reasoning: thoughts,
    };
    reading.spent(usage, None);
    let most = stats
        .models
        .0
        .iter()
        .max_by_key(|(_, of)| of.total_tokens.0);
    if let Some((name, of)) = most
        && of.total_tokens.0 > 0
    {
        reading.model = Some(name.clone());
    }
}
