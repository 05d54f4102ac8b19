//! Aider: `aider --message-file` (wire.md §5.6, test-infra.md §2.5).
//!
//! It has no JSON mode, no session id, and exits 0 whatever happens. Its text is read for the model,
//! the edits, tokens and errors; a run whose last word is an error has failed, and whether anything
//! else was a success is for the diff to say.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use serde::Deserialize;

use super::lax::{Amount, Count, Obj, Text};
use crate::agents::lines::head;
use crate::agents::reading::{Parser, Reading};
use crate::agents::run::Launch;
use crate::agents::said::Said;
use crate::domain::money::{MicroUsd, Usage};
use crate::ports::runner::RunRequest;

/// Its own log of what each call to the model cost, in TMPDIR.
const LOG: &str = "aider-calls.jsonl";
/// Largest log that is read.
const MAX_LOG_BYTES: u64 = 4 * 1024 * 1024;
/// What it leaves in the root of the repository.
const LITTER: &str = ".aider";

pub(super) fn complete(request: &RunRequest, launch: &mut Launch) {
    launch.push(&["--yes-always", "--no-stream", "--no-pretty"]);
    launch.push(&["--no-check-update", "--no-show-release-notes"]);
    launch.push(&["--no-show-model-warnings", "--analytics-disable"]);
    // fleet makes the commit, of exactly the files that changed.
    launch.push(&["--no-auto-commits", "--no-dirty-commits", "--no-gitignore"]);
    // Nobody answers whether a proposed command may run, or a page be fetched.
    launch.push(&["--no-suggest-shell-commands", "--no-detect-urls"]);
    let log = request.tmp.join(LOG);
    for (option, file) in [
        ("--analytics-log", log.clone()),
        ("--chat-history-file", request.tmp.join("aider-chat.md")),
        ("--input-history-file", request.tmp.join("aider-input.txt")),
        ("--message-file", request.prompt_file.clone()),
    ] {
        launch.args.push(OsString::from(option));
        launch.args.push(file.into());
    }
    if let Some(model) = &request.model {
        launch.push(&["--model", model]);
    }
    launch.push_extra(request);
    launch.stdin = None;
    // Without this every start asks a host for a price list before anything else.
    launch.default_env("LITELLM_LOCAL_MODEL_COST_MAP", "True");
    // A log of an earlier attempt would be counted again.
    let _ = std::fs::remove_file(&log);
    launch.parser = Box::new(AiderParser {
        before: litter(&request.workdir),
        workdir: request.workdir.clone(),
        log,
        ..AiderParser::default()
    });
}

/// What it has left in `dir`, or the repository holds under such a name.
fn litter(dir: &std::path::Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter(|e| e.file_name().to_string_lossy().starts_with(LITTER))
        .map(|e| e.path())
        .collect()
}

/// Reads its text.
#[derive(Debug, Default)]
pub(crate) struct AiderParser {
    /// Lines of the message that is being said.
    saying: String,
    /// An error that nothing good has followed.
    error: Option<String>,
    workdir: PathBuf,
    before: BTreeSet<PathBuf>,
    log: PathBuf,
}

/// Beginnings of lines that tell a reader nothing.
const USUAL: [&str; 10] = [
    "Aider v",
    "Update git ",
    "Analytics have been",
    "Detected dumb terminal",
    "Git repo:",
    "Repo-map:",
    "Weak model:",
    "Editor model:",
    "https://aider.chat/",
    "HTTPSConnectionPool(host='raw.githubusercontent.com'",
];

/// Beginnings of lines by which it says that a call, or what came of it, is no use.
const ERRORS: [&str; 7] = [
    "litellm.",
    "The LLM did not conform",
    "Only 3 reflections allowed",
    "Unable to ",
    "Model warnings:",
    "No API key",
    "Invalid ",
];

impl AiderParser {
    /// Before an answer it names the files that the model was shown.
    fn without_file_names(&self) -> &str {
        let mut rest = self.saying.trim();
        while let Some((line, after)) = rest.split_once('\n')
            && !line.trim().is_empty()
            && self.workdir.join(line.trim()).is_file()
        {
            rest = after.trim_start();
        }
        rest
    }

    /// What the model said ends where its tokens are reported; anything else is Aider's own talk.
    fn said(&mut self, by_model: bool, reading: &mut Reading) {
        let text = self.without_file_names();
        if by_model || reading.final_message.is_empty() {
            reading.message(text);
        } else {
            reading.status(text);
        }
        self.saying.clear();
    }
}

impl Parser for AiderParser {
    fn line(&mut self, line: &str, reading: &mut Reading) {
        let line = line.trim_end();
        if USUAL.iter().any(|usual| line.starts_with(usual)) {
            return;
        }
        if let Some(rest) = line
            .strip_prefix("Model: ")
            .or(line.strip_prefix("Main model: "))
        {
            let name = rest.split(' ').next().filter(|n| !n.is_empty());
            reading.model = name.map(str::to_owned).or_else(|| reading.model.take());
        } else if let Some(path) = line.strip_prefix("Applied edit to ") {
            self.said(false, reading);
            self.error = None;
            edit(path, reading);
        } else if let Some(report) = line.strip_prefix("Tokens: ") {
            self.said(true, reading);
            self.error = None;
            if let Some((usage, cost)) = report_of(report) {
                reading.spent(usage, cost);
            }
        } else if ERRORS.iter().any(|e| line.starts_with(e)) {
            self.said(false, reading);
            reading.error(None, line);
            self.error = Some(line.to_owned());
        } else if let (Some(error), true) = (&mut self.error, !line.is_empty()) {
            // An error goes on over the lines that follow it.
            if line.starts_with("Retrying in ") {
                reading.status(line);
            } else if error.len() < 2_000 {
                error.push(' ');
                error.push_str(line);
            }
        } else {
            let room = reading.piece_limit().saturating_sub(self.saying.len() + 1);
            self.saying.push_str(head(line, room));
            self.saying.push('\n');
        }
    }

    fn needs_terminal(&self) -> bool {
        false
    }

    fn ended(&mut self, reading: &mut Reading) {
        self.said(false, reading);
        if let Some((mut usage, cost)) = self.calls() {
            // Only the text tells what of the prompt was cached.
            let (read, write) = (reading.usage.cache_read, reading.usage.cache_write);
            usage.input = usage.input.saturating_sub(read.saturating_add(write));
            (usage.cache_read, usage.cache_write) = (read, write);
            reading.spent(usage, cost.or(reading.cost));
        }
        if let Some(error) = self.error.take() {
            reading.failed(None, &error);
        }
        // The work is taken over as it lies there: what it keeps for itself is no part of it.
        for path in litter(&self.workdir).difference(&self.before) {
            let gone = match std::fs::symlink_metadata(path) {
                Ok(m) if m.is_dir() => std::fs::remove_dir_all(path),
                _ => std::fs::remove_file(path),
            };
            if let Err(e) = gone {
                reading.status(&format!("cannot remove {}: {e}", path.display()));
            }
        }
    }

    fn key_names(&self) -> &'static str {
        "the key of its provider, such as OPENAI_API_KEY"
    }
}

fn edit(path: &str, reading: &mut Reading) {
    let (id, name) = ("", "edit");
    reading.emit(Said::ToolCall {
        id,
        name,
        summary: path,
    });
    reading.emit(Said::ToolResult {
        id,
        ok: true,
        summary: "",
    });
}

/// `11 sent, 2.1k cache write, 5k cache hit, 7 received. Cost: $0.01 message, $0.02 session.`: tokens
/// of the whole message so far, rounded, and dollars of the whole run.
fn report_of(report: &str) -> Option<(Usage, Option<MicroUsd>)> {
    let (tokens, cost) = report.split_once("Cost: ").unwrap_or((report, ""));
    let mut usage = Usage::default();
    for part in tokens.trim_end_matches(['.', ' ']).split(", ") {
        let (number, what) = part.split_once(' ')?;
        let number = thousands(number)?;
        match what.trim_end_matches('.') {
            "sent" => usage.input = number,
            "received" => usage.output = number,
            "cache write" => usage.cache_write = number,
            "cache hit" => usage.cache_read = number,
            _ => {}
        }
    }
    // What was sent holds what came out of the cache and went into it.
    let cached = usage.cache_read.saturating_add(usage.cache_write);
    usage.input = usage.input.saturating_sub(cached);
    let session = cost
        .split(", ")
        .find_map(|c| c.trim().strip_suffix(" session."));
    let cost = session.and_then(|c| c.trim_start_matches('$').parse::<f64>().ok());
    Some((usage, cost.map(MicroUsd::from_usd)))
}

fn thousands(text: &str) -> Option<u64> {
    let number = text.trim_end_matches('k').parse::<f64>().ok()?;
    let factor = if text.ends_with('k') { 1000.0 } else { 1.0 };
    Some((number * factor) as u64)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Call<'a> {
    #[serde(borrow)]
    event: Text<'a>,
    properties: Obj<Cost>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Cost {
    prompt_tokens: Count,
    completion_tokens: Count,
    total_cost: Amount,
}

impl AiderParser {
    /// What its own log says of all calls: the text rounds.
    fn calls(&self) -> Option<(Usage, Option<MicroUsd>)> {
        let plain = std::fs::symlink_metadata(&self.log).ok()?;
        if !plain.is_file() || plain.len() > MAX_LOG_BYTES {
            return None;
        }
        let text = std::fs::read_to_string(&self.log).ok()?;
        let mut usage = Usage::default();
        let mut cost = None;
        for line in text.lines() {
            let Ok(call) = serde_json::from_str::<Call<'_>>(line) else {
                continue;
            };
            if call.event.get() == "message_send" {
                let of = call.properties.0;
                usage.input = usage.input.saturating_add(of.prompt_tokens.0);
                usage.output = usage.output.saturating_add(of.completion_tokens.0);
                // Zero is what it says of a model whose price it does not know.
                cost = of.total_cost.0.filter(|c| *c > 0.0).or(cost);
            }
        }
        (usage.total() > 0).then(|| (usage, cost.map(MicroUsd::from_usd)))
    }
}
