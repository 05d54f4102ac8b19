//! The known agent CLIs, headless (wire.md §5.1–5.4 and §5.6, test-infra.md §2). All but Aider have a
//! JSON mode.
//!
//! Each module says how its program is started and reads its stream. The prompt always goes by
//! standard input from a file: argv is world-readable and has a limit. Parsing is tolerant: an
//! unknown type is ignored, a line that is no JSON becomes a status.

pub(crate) mod aider;
pub(crate) mod claude;
pub(crate) mod codex;
pub(crate) mod gemini;
pub(crate) mod gist;
pub(crate) mod jsonl;
pub(crate) mod lax;
pub(crate) mod opencode;
pub(crate) mod totals;

use std::ffi::OsString;

use serde::Deserialize;

use crate::agents::cli::lax::{Amount, Count};
use crate::agents::reading::Reading;
use crate::agents::run::Launch;
use crate::domain::money::MicroUsd;
use crate::domain::policy::CliKind;
use crate::ports::runner::RunRequest;

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
        CliKind::Aider => aider::complete(request, launch),
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
        CliKind::Aider => "install it with `pipx install aider-chat`, or set `program`",
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
fn object<'a, T: Deserialize<'a>>(line: &'a str, reading: &mut Reading) -> Option<T> {
    let trimmed = line.trim();
    if trimmed.is_empty() {
        return None;
    }
    // A struct can be read from a list as well: that is not what is meant here.
    let read = trimmed
        .starts_with('{')
        .then(|| serde_json::from_str(trimmed).ok());
    if read.is_none() || matches!(read, Some(None)) {
        reading.chatter(trimmed);
    }
    read.flatten()
}

/// An HTTP status.
fn status(count: Option<Count>) -> Option<u16> {
    count.and_then(|c| c.0.try_into().ok())
}

/// Money, if it is told.
fn money(amount: Amount) -> Option<MicroUsd> {
    amount.0.map(MicroUsd::from_usd)
}
