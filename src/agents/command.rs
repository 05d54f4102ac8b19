//! Any program as an agent: the prompt by file or standard input, success by exit 0.
//!
//! What it prints is shown. A line that is a JSON object with `"event"` is taken as a unified
//! event, so that a script can report tokens and a session id without a protocol of its own.

use std::collections::BTreeMap;

use crate::agents::cli::jsonl::{Line, take};
use crate::agents::limits::Trouble;
use crate::agents::reading::{Parser, Reading};
use crate::ports::runner::RunRequest;

/// Exit code of sysexits.h that says "try again later".
const EX_TEMPFAIL: i32 = 75;
/// Most bytes of a placeholder, with its braces.
const MAX_PLACEHOLDER: usize = 64;

/// Fills the placeholders of one argument in one pass, so that a value is never looked into.
#[must_use]
pub fn fill(argument: &str, values: &BTreeMap<&str, String>) -> String {
    let mut filled = String::with_capacity(argument.len());
    let mut rest = argument;
    while let Some(open) = rest.find('{') {
        filled.push_str(&rest[..open]);
        rest = &rest[open..];
        // A placeholder is a short word: an argument made of open braces is read once.
        let near = &rest.as_bytes()[..rest.len().min(MAX_PLACEHOLDER)];
        let known = memchr::memchr(b'}', near)
            .and_then(|close| values.get(&rest[1..close]).map(|v| (v, close)));
        if let Some((value, close)) = known {
            filled.push_str(value);
            rest = &rest[close + 1..];
        } else {
            filled.push('{');
            rest = &rest[1..];
        }
    }
    filled.push_str(rest);
    filled
}

/// What the placeholders stand for.
pub(crate) fn placeholders(request: &RunRequest) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("prompt_file", request.prompt_file.display().to_string()),
        ("workdir", request.workdir.display().to_string()),
        ("outbox", request.outbox.display().to_string()),
        ("task", request.task.clone()),
        ("model", request.model.clone().unwrap_or_default()),
    ])
}

/// Reads a plain program.
#[derive(Debug, Default)]
pub(crate) struct CommandParser;

impl Parser for CommandParser {
    fn line(&mut self, text: &str, reading: &mut Reading) {
        let text = text.trim_end();
        if text.is_empty() {
            return;
        }
        let object = text.starts_with('{') && text.contains("\"event\"");
        let event = object.then(|| serde_json::from_str::<Line<'_>>(text).ok());
        let known = event.flatten().is_some_and(|line| take(&line, reading));
        if !known {
            reading.message(text);
        }
    }

    fn needs_terminal(&self) -> bool {
        false
    }

    fn exit_means(&self, code: i32) -> Option<Trouble> {
        (code == EX_TEMPFAIL).then_some(Trouble::RateLimited(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_once_and_unknown_braces_stay() {
        let values = BTreeMap::from([("task", "{model}".to_owned()), ("model", "m".to_owned())]);
        assert_eq!(fill("a{task}b{model}{x}{", &values), "a{model}bm{x}{");
        assert_eq!(fill("{{task}}", &values), "{{model}}");
    }

    #[test]
    fn an_event_line_is_an_event_and_anything_else_is_a_message() {
        let mut reading = Reading::default();
        let mut parser = CommandParser;
        for line in [
            r#"{"event":"usage","usage":{"input":5,"output":2},"cost":70}"#,
            r#"{"event":"no such thing"}"#,
            "plain",
        ] {
            parser.line(line, &mut reading);
        }
        assert_eq!((reading.usage.input, reading.usage.output), (5, 2));
        assert_eq!(reading.cost.map(|c| c.0), Some(70));
        assert_eq!(reading.events.len(), 3);
        assert_eq!(reading.final_message, "plain");
    }
}
