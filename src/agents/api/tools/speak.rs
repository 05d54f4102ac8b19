//! `escalate`, `finding`, `subtask` and `done`: what the agent says besides its diff. The first
//! three are lines of the same outbox that every other agent writes to.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use rustix::fs::OFlags;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Desk, Last, parsed};
use crate::agents::lines::one_line;

/// Longest text of one saying, as the outbox takes it.
const TEXT_BYTES: usize = 16 * 1024;

#[derive(Deserialize)]
struct Escalate {
    context: String,
    #[serde(default)]
    options: Vec<String>,
}

#[derive(Deserialize)]
struct Finding {
    text: String,
}

#[derive(Deserialize)]
struct Subtask {
    title: String,
    #[serde(default)]
    body: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    acceptance: Vec<String>,
}

#[derive(Deserialize)]
struct Done {
    summary: String,
}

/// Asks a human; the run ends.
pub(super) fn escalate(desk: &Desk<'_>, input: &Value) -> Result<Answer, String> {
    let said: Escalate = parsed("escalate", input)?;
    let context = filled("context", &said.context)?;
    append(
        desk,
        &json!({"kind": "escalate", "context": context, "options": said.options}),
    )?;
    Ok(Answer {
        last: Some(Last::Asked),
        ..Answer::new(
            "a human is asked; you are started again with the answer",
            one_line(context, 160),
        )
    })
}

/// Tells of a defect elsewhere.
pub(super) fn finding(desk: &Desk<'_>, input: &Value) -> Result<Answer, String> {
    let said: Finding = parsed("finding", input)?;
    let text = filled("text", &said.text)?;
    append(desk, &json!({"kind": "finding", "text": text}))?;
    Ok(Answer::new(
        "noted for the humans; go on with your task",
        one_line(text, 160),
    ))
}

/// Proposes a task.
pub(super) fn subtask(desk: &Desk<'_>, input: &Value) -> Result<Answer, String> {
    let said: Subtask = parsed("subtask", input)?;
    let title = filled("title", &said.title)?;
    let mut line = json!({
        "kind": "subtask", "title": title, "body": said.body, "paths": said.paths,
        "acceptance": said.acceptance,
    });
    if let Some(kind) = said.kind {
        line["type"] = kind.into();
    }
    append(desk, &line)?;
    Ok(Answer::new(
        "proposed; it is done by nobody until a human admits it. Go on with your task",
        one_line(title, 160),
    ))
}

/// Ends the work.
pub(super) fn done(input: &Value) -> Result<Answer, String> {
    let said: Done = parsed("done", input)?;
    let summary = filled("summary", &said.summary)?.to_owned();
    Ok(Answer {
        brief: one_line(&summary, 160),
        last: Some(Last::Done(summary)),
        ..Answer::new("the work is handed over", "")
    })
}

fn filled<'t>(name: &str, text: &'t str) -> Result<&'t str, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(format!(
            "`{name}` is empty: say what a reader without your context needs"
        ));
    }
    Ok(&text[..text.floor_char_boundary(TEXT_BYTES)])
}

/// Appends one line to the outbox, whatever a program of this run put in its place.
fn append(desk: &Desk<'_>, line: &Value) -> Result<(), String> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut bytes = line.to_string().into_bytes();
    bytes.push(b'\n');
    std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(&desk.request.outbox)
        .and_then(|mut file| file.write_all(&bytes))
        .map_err(|e| format!("it could not be noted: {e}"))
}
