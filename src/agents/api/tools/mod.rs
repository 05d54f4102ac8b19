//! The tools of the built-in agent. Each takes the model's input and gives one answer, always.
//!
//! An answer that is an error is a sentence for the model: what was wrong, and what to do instead.

pub(crate) mod bash;
mod edit;
mod find;
mod near;
mod pieces;
mod plan;
mod read;
mod speak;
pub(crate) mod specs;
mod walk;
mod write;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::agents::Setup;
use crate::agents::api::beneath::Beneath;
use crate::ports::lease::Lease;
use crate::ports::runner::{Cancel, RunRequest};

pub(crate) use plan::Plan;

/// Bytes of a file that are read to see whether it is text.
const SNIFF_BYTES: usize = 8 * 1024;

/// What a tool has to work with.
pub(crate) struct Desk<'a> {
    pub(crate) files: Beneath,
    pub(crate) setup: &'a Setup,
    pub(crate) lease: &'a Lease,
    pub(crate) request: &'a RunRequest,
    /// Variables that hold keys of models: no tool sees them.
    pub(crate) hidden: BTreeSet<String>,
    /// Files whose content the model knows: only they may be overwritten whole.
    pub(crate) known: BTreeSet<PathBuf>,
    /// The plan as last stated.
    pub(crate) plan: Plan,
    /// Most bytes of one answer.
    pub(crate) answer_bytes: usize,
}

/// Bounds of one call.
#[derive(Clone, Copy)]
pub(crate) struct Within<'a> {
    /// What is left of the run's time.
    pub(crate) left: Duration,
    /// Asks everything to stop.
    pub(crate) cancel: &'a Cancel,
}

/// What a call ends the conversation with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Last {
    /// The work is said to be done; the summary.
    Done(String),
    /// A human was asked.
    Asked,
}

/// The one answer of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Whether it did what was asked.
    pub(crate) ok: bool,
    /// For the model.
    pub(crate) text: String,
    /// One line for the journal; empty = the first line of the text.
    pub(crate) brief: String,
    /// It ends the conversation.
    pub(crate) last: Option<Last>,
}

impl Answer {
    pub(crate) fn new(text: impl Into<String>, brief: impl Into<String>) -> Self {
        Self {
            ok: true,
            text: text.into(),
            brief: brief.into(),
            last: None,
        }
    }

    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self {
            ok: false,
            text: text.into(),
            brief: String::new(),
            last: None,
        }
    }
}

/// Does one call. `task` is not among them: it is a conversation of its own.
pub(crate) fn call(desk: &mut Desk<'_>, name: &str, input: &Value, within: Within<'_>) -> Answer {
    let done = match name {
        "bash" => bash::bash(desk, input, within),
        "read" => read::read(desk, input),
        "write" => write::write(desk, input),
        "edit" => edit::edit(desk, input),
        "glob" => find::glob(desk, input, within),
        "grep" => find::grep(desk, input, within),
        "todo" => plan::todo(desk, input),
        "escalate" => speak::escalate(desk, input),
        "finding" => speak::finding(desk, input),
        "subtask" => speak::subtask(desk, input),
        "done" => speak::done(input),
        _ => Err(format!("there is no tool `{name}`")),
    };
    done.unwrap_or_else(Answer::refused)
}

/// The input of a call as this tool wants it, or a sentence that teaches how it wants it.
pub(crate) fn parsed<T: DeserializeOwned>(name: &str, input: &Value) -> Result<T, String> {
    T::deserialize(input).map_err(|e| {
        format!(
            "the input of `{name}` is not right: {e}. {}",
            specs::usage(name)
        )
    })
}

/// Why a file could not be opened, for the model; with files of that name elsewhere.
fn not_opened(desk: &Desk<'_>, relative: &Path, error: &io::Error) -> String {
    let shown = relative.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            let named = find::same_name(desk, relative);
            if named.is_empty() {
                format!("there is no file `{shown}`; `glob` finds files by pattern")
            } else {
                format!(
                    "there is no file `{shown}`. Files of that name: {}",
                    named.join(", ")
                )
            }
        }
        _ if leads_out(error) => {
            format!("`{shown}` is a link out of the working directory, which is all you can reach")
        }
        _ => format!("cannot read `{shown}`: {error}"),
    }
}

/// What the kernel says of a link that leads out of the folder it resolves beneath.
fn leads_out(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let said = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(said, Some(Errno::XDEV | Errno::LOOP))
}

/// True for bytes that are no text.
fn is_binary(head: &[u8]) -> bool {
    head.contains(&0)
}

/// Cuts a text in its middle, at line ends where it can, and says how much is missing.
pub(crate) fn middle_cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let half = max / 2;
    let head_end = text.floor_char_boundary(half);
    let head = text[..head_end]
        .rfind('\n')
        .map_or(&text[..head_end], |at| &text[..=at]);
    let tail_start = text.ceil_char_boundary(text.len() - half);
    let tail = &text[tail_start..];
    let tail = tail.find('\n').map_or(tail, |at| &tail[at + 1..]);
    let lost = text.len() - head.len() - tail.len();
    let gap = if head.ends_with('\n') { "" } else { "\n" };
    format!("{head}{gap}[… {lost} bytes left out …]\n{tail}")
}
