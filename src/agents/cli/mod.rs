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
use crate::agents::cli::totals::Total;
use crate::agents::reading::Reading;
use crate::agents::run::Launch;
use crate::domain::money::MicroUsd;
use crate::domain::policy::CliKind;
use crate::ports::runner::RunRequest;

/// What the tokens that a CLI reports stand for. Events and records hold those of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figures {
    /// What was added since the last report: they are summed up.
    Added,
    /// The run so far: the last report counts.
    OfRun,
    /// The whole session of the agent, earlier runs included: those are taken off.
    OfSession,
}

/// How a CLI reports tokens (wire.md §5, docs/agents.md).
pub(crate) const fn figures(cli: CliKind) -> Figures {
    match cli {
        // Claude Code before 2.1.329 told of the run only; its parser sees which it was.
        CliKind::Claude | CliKind::Codex => Figures::OfSession,
        CliKind::Gemini | CliKind::Aider => Figures::OfRun,
        CliKind::OpenCode => Figures::Added,
    }
}

/// On a resumed session of a CLI that reports whole sessions: its total before this run, if known.
fn before(cli: CliKind, request: &RunRequest) -> Option<Option<Total>> {
    let session = request.resume.as_deref()?;
    (figures(cli) == Figures::OfSession).then(|| totals::recall(&request.home, session))
}

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
    let before = before(cli, request);
    match cli {
        CliKind::Claude => claude::complete(request, fresh, before.flatten(), launch),
        CliKind::Codex => codex::complete(request, before, launch),
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
