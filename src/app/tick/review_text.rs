//! Title and body of a review: what a human needs to judge the work. All foreign text is
//! neutralised and bounded (R7).

use std::fmt::Write as _;

use crate::domain::ids::SessionUid;
use crate::domain::record::{SessionClaimed, SessionFinished};
use crate::domain::state::State;
use crate::domain::task::Task;
use crate::engine::text;

/// Most bytes of a body (security.md §1.17: far below every limit that was measured).
const BODY_BYTES: usize = 60_000;
/// Most bytes of one foreign text in it.
const PART_BYTES: usize = 12_000;

/// Most sentences about the order of merging.
const MAX_ORDER: usize = 10;

/// `T-7: title`, one line, safe.
#[must_use]
pub(super) fn title(name: &str, task: &Task) -> String {
    let line: Vec<_> = task.title.value.split_whitespace().collect();
    let safe = text::neutralise_markdown(&text::display_safe(&line.join(" ")));
    let short: String = safe.chars().take(200).collect();
    format!("{name}: {short}")
}

/// The body: task, what was done, verification, who did it, at what price, how confined.
#[must_use]
pub(super) fn body(
    state: &State,
    name: &str,
    task: &Task,
    session: SessionUid,
    (claim, finished): (&SessionClaimed, &SessionFinished),
    order: &[String],
) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "### Task {name}\n");
    if task.body.value.trim().is_empty() {
        let _ = writeln!(out, "{}\n", foreign(&task.title.value));
    } else {
        let _ = writeln!(out, "{}\n", foreign(&task.body.value));
    }
    if !task.details.acceptance.value.is_empty() {
        let _ = writeln!(out, "Acceptance, for the reviewer to judge:\n");
        for point in &task.details.acceptance.value {
            let _ = writeln!(out, "- [ ] {}", foreign(&point.text).replace('\n', " "));
        }
        out.push('\n');
    }
    let _ = writeln!(out, "### What was done\n");
    let said = finished.summary.trim();
    let said = if said.is_empty() {
        "The agent said nothing about it."
    } else {
        said
    };
    let _ = writeln!(out, "In the agent's own words, which nobody has checked:\n");
    for line in foreign(said).lines() {
        let _ = writeln!(out, "> {line}");
    }
    out.push('\n');
    let _ = writeln!(out, "### Verification\n");
    verification(&mut out, finished);
    findings(&mut out, state, session);
    if !order.is_empty() {
        let _ = writeln!(out, "### Order of merging\n");
        for sentence in order.iter().take(MAX_ORDER) {
            let _ = writeln!(out, "- {}", foreign(sentence).replace('\n', " "));
        }
        out.push('\n');
    }
    provenance(&mut out, session, claim, finished);
    text::truncated(&out, BODY_BYTES).into_owned()
}

pub(super) fn verification(out: &mut String, finished: &SessionFinished) {
    if finished.verify.is_empty() {
        let _ = writeln!(
            out,
            "No `verify` command is configured: nothing was checked.\n"
        );
        return;
    }
    for check in &finished.verify {
        let mark = if check.passed() { "passed" } else { "FAILED" };
        let _ = writeln!(
            out,
            "- {mark}: `{}` ({:.1} s)",
            text::display_safe(&check.command).replace('`', "'"),
            check.duration_ms as f64 / 1000.0
        );
    }
    out.push('\n');
}

fn findings(out: &mut String, state: &State, session: SessionUid) {
    let found: Vec<_> = state
        .findings
        .values()
        .filter(|f| f.session == session)
        .collect();
    if found.is_empty() {
        return;
    }
    let _ = writeln!(out, "### Noticed and left alone\n");
    for finding in found.iter().take(20) {
        let _ = writeln!(out, "- {}", foreign(&finding.text).replace('\n', " "));
    }
    out.push('\n');
}

fn provenance(
    out: &mut String,
    session: SessionUid,
    claim: &SessionClaimed,
    finished: &SessionFinished,
) {
    let cell = |text: &str| text::display_safe(text).replace(['|', '`', '\n'], " ");
    let model = finished
        .model
        .as_deref()
        .or(claim.model.as_deref())
        .unwrap_or("not reported");
    let cost = finished
        .cost
        .map_or_else(|| "not reported".to_owned(), |c| c.to_string());
    let confined = match finished.sandbox.as_str() {
        "" | "none" => "none: it ran as the same user, without a token of the forge",
        level => level,
    };
    let usage = finished.usage;
    let _ = writeln!(out, "### Provenance\n\n| | |\n|---|---|");
    let rows = [
        ("Agent", cell(&claim.agent)),
        ("Role", cell(&claim.role)),
        ("Model", cell(model)),
        ("Attempt", claim.attempt.to_string()),
        (
            "Tokens",
            format!(
                "{} in, {} out, {} from cache",
                usage.input + usage.cache_write,
                usage.output,
                usage.cache_read
            ),
        ),
        ("Cost", cost),
        (
            "Time",
            format!("{:.1} s", finished.duration_ms as f64 / 1000.0),
        ),
        ("Sandbox", cell(confined)),
        ("Base", claim.base.to_string()),
        ("Session", session.to_string()),
    ];
    for (name, value) in rows {
        let _ = writeln!(out, "| {name} | {value} |");
    }
}

/// Foreign text as a part of a larger one: safe, neutralised, bounded.
pub(super) fn foreign(text: &str) -> String {
    text::truncated(
        &text::neutralise_markdown(&text::display_safe(text.trim())),
        PART_BYTES,
    )
    .into_owned()
}
