//! The known agent CLIs in their headless JSON modes (wire.md §5.1–5.4, test-infra.md §2).
//!
//! Each module says how its program is started and reads its stream. The prompt always goes by
//! standard input from a file: argv is world-readable and has a limit. Parsing is tolerant: an
//! unknown type is ignored, a line that is no JSON becomes a status.

pub(crate) mod claude;
pub(crate) mod codex;
pub(crate) mod gemini;
pub(crate) mod opencode;
pub(crate) mod totals;

use std::ffi::OsString;

use serde_json::Value;

use crate::agents::lines::one_line;
use crate::agents::reading::Reading;
use crate::agents::run::Launch;
use crate::domain::policy::CliKind;
use crate::ports::runner::RunRequest;

/// Longest summary of a tool's arguments or answer.
const SUMMARY_BYTES: usize = 160;

/// Completes the launch of a known CLI: arguments, environment, files in HOME, parser.
/// `fresh` is an unused UUID for those that let us choose their session id.
///
/// # Errors
/// A sentence that names the file or setting.
pub(crate) fn complete(
    cli: CliKind,
    request: &RunRequest,
    fresh: &str,
    launch: &mut Launch,
) -> Result<(), String> {
    match cli {
        CliKind::Claude => claude::complete(request, fresh, launch),
        CliKind::Codex => codex::complete(request, launch),
        CliKind::Gemini => gemini::complete(request, fresh, launch)?,
        CliKind::OpenCode => opencode::complete(request, launch)?,
    }
    Ok(())
}

/// What to do when the program is missing.
pub(crate) const fn install_hint(cli: CliKind) -> &'static str {
    match cli {
        CliKind::Claude => {
            "install it with `npm install -g @anthropic-ai/claude-code`, or set `program`"
        }
        CliKind::Codex => "install it with `npm install -g @openai/codex`, or set `program`",
        CliKind::Gemini => "install it with `npm install -g @google/gemini-cli`, or set `program`",
        CliKind::OpenCode => "install it with `npm install -g opencode-ai`, or set `program`",
    }
}

impl Launch {
    /// Appends plain arguments.
    fn push(&mut self, args: &[&str]) {
        self.args.extend(args.iter().map(OsString::from));
    }

    /// Appends what the owner configured.
    fn push_extra(&mut self, request: &RunRequest) {
        self.args
            .extend(request.agent.args.iter().map(OsString::from));
    }

    /// Sets a variable unless the owner set it.
    fn default_env(&mut self, name: &str, value: &str) {
        self.env
            .entry(name.to_owned())
            .or_insert_with(|| value.into());
    }
}

/// A JSON object of the stream; anything else is chatter and said so.
fn object(text: &str, reading: &mut Reading) -> Option<Value> {
    let trimmed = text.trim();
    match serde_json::from_str::<Value>(trimmed) {
        Ok(value) if value.is_object() => Some(value),
        _ => {
            reading.status(trimmed);
            None
        }
    }
}

/// A text field; empty if absent or of another type.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A non-empty text field.
fn some_text(value: &Value, key: &str) -> Option<String> {
    Some(text(value, key).to_owned()).filter(|t| !t.is_empty())
}

/// A count; zero if absent, negative or of another type.
fn count(value: &Value, key: &str) -> u64 {
    let field = value.get(key);
    field
        .and_then(Value::as_u64)
        .or_else(|| field?.as_f64().filter(|f| *f > 0.0).map(|f| f as u64))
        .unwrap_or_default()
}

/// An HTTP status.
fn status(value: &Value, key: &str) -> Option<u16> {
    value.get(key)?.as_u64()?.try_into().ok()
}

/// One line about the arguments of a tool: what a reader wants to see of them.
fn arguments(input: &Value) -> String {
    const TELLING: [&str; 9] = [
        "command",
        "file_path",
        "filePath",
        "path",
        "pattern",
        "query",
        "url",
        "description",
        "prompt",
    ];
    let found = TELLING
        .iter()
        .map(|k| text(input, k))
        .find(|t| !t.is_empty());
    match found {
        Some(found) => one_line(found, SUMMARY_BYTES),
        None if input.is_null() => String::new(),
        None => one_line(&input.to_string(), SUMMARY_BYTES),
    }
}

/// One line about what a tool answered: text, or blocks of text.
fn answer(content: &Value) -> String {
    match content {
        Value::String(text) => one_line(text, SUMMARY_BYTES),
        Value::Array(blocks) => {
            let texts: Vec<&str> = blocks.iter().map(|b| text(b, "text")).collect();
            one_line(&texts.join(" "), SUMMARY_BYTES)
        }
        Value::Null => String::new(),
        other => one_line(&other.to_string(), SUMMARY_BYTES),
    }
}
