//! What fleet says on issues: few words, all foreign text neutralised (R7) and bounded.
//!
//! No text begins with `/fleet`: where fleet speaks with a human's token, it must not be taken for the
//! human.

use std::fmt::Write as _;

use crate::domain::record::{CloseOutcome, EscalationOpened, SessionClaimed};
use crate::domain::task::Task;
use crate::engine::text::{neutralise_markdown, one_line, truncated};

/// Most bytes of a question's context.
const CONTEXT_BYTES: usize = 8_000;
/// Most bytes of one offered answer, a reason, or a name.
const LINE_BYTES: usize = 300;

fn line(text: &str) -> String {
    neutralise_markdown(&truncated(&one_line(text), LINE_BYTES))
}

/// Quoted, so that no line of it is a heading, a list or a command.
fn quoted(text: &str) -> String {
    let safe = neutralise_markdown(&truncated(text.trim(), CONTEXT_BYTES));
    let lines: Vec<String> = safe.lines().map(|line| format!("> {line}")).collect();
    lines.join("\n")
}

pub(super) fn taken_up(name: &str, claim: &SessionClaimed) -> String {
    let agent = line(&claim.agent);
    format!(
        "**{name}** is being worked on by the agent `{agent}`. The result will be a draft pull request for review."
    )
}

pub(super) fn in_review(name: &str, url: Option<&str>) -> String {
    match url {
        Some(url) => format!("**{name}** waits for review: {url}"),
        None => format!("**{name}** waits for review."),
    }
}

pub(super) fn closed(name: &str, outcome: CloseOutcome, reason: &str) -> String {
    let what = match outcome {
        CloseOutcome::Done => "is done",
        CloseOutcome::Wontdo => "was closed without being done",
        CloseOutcome::Duplicate => "was closed as a duplicate",
        CloseOutcome::Failed => "was given up",
    };
    if reason.trim().is_empty() {
        format!("**{name}** {what}.")
    } else {
        format!("**{name}** {what}: {}", line(reason))
    }
}

pub(super) fn waits(name: &str, edited: bool, label: &str) -> String {
    let why = if edited {
        "The text of this issue changed after it was admitted"
    } else {
        "Nobody who may write to this repository has admitted the text of this issue"
    };
    format!(
        "{why}, so **{name}** is not started. Somebody who may write here reads it, and then comments \
         `/fleet admit`, or takes the label `{}` off and puts it on again. What the page does not show \
         (comments in HTML, collapsed sections, invisible characters) is no part of the task.",
        line(label)
    )
}

pub(super) fn question_title(name: &str, task: &Task) -> String {
    format!("{name} asks: {}", line(&task.title.value))
}

/// Context, numbered options, and how to answer.
pub(super) fn question(name: &str, opened: &EscalationOpened) -> String {
    let who = opened.agent.as_deref().map_or_else(
        || "fleet".to_owned(),
        |agent| format!("the agent `{}`", line(agent)),
    );
    let trigger = opened.trigger.name();
    let mut text = format!("**{name}** needs an answer ({trigger}), {who} asks:\n\n");
    text.push_str(&quoted(&opened.context));
    text.push('\n');
    if !opened.options.is_empty() {
        text.push('\n');
        for (at, option) in opened.options.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}. {}", at + 1, line(option));
        }
    }
    let number = if opened.options.is_empty() {
        ""
    } else {
        ", or the number of an option"
    };
    let _ = write!(
        text,
        "\nSomebody who may write here answers with a comment: `/fleet answer` and the answer{number}."
    );
    text
}

pub(super) fn answered(name: &str, answer: &str, by: &str) -> String {
    let by = line(by.trim_start_matches("human:"));
    format!(
        "{by} answered, and **{name}** goes on with it:\n\n{}",
        quoted(answer)
    )
}
