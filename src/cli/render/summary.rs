//! The report of a tick as Markdown, for the summary of a CI job.

use std::fmt::Write as _;

use crate::app::tick::report::TickReport;
use crate::app::tracker::text::display_safe;
use crate::cli::render::tick::{ended, money, seconds};

/// A page of Markdown. Foreign text stands in table cells only, escaped.
#[must_use]
pub fn markdown(report: &TickReport) -> String {
    let mut out = String::from("## fleet tick\n\n");
    if !report.sessions.is_empty() {
        out.push_str("| task | end | agent | attempt | time | cost | title |\n|---|---|---|---|---|---|---|\n");
        for s in &report.sessions {
            let task = match &s.review {
                Some(url) if url.starts_with("https://") => format!("[{}]({})", s.task, cell(url)),
                _ => s.task.clone(),
            };
            let cost = money(s);
            let _ = writeln!(
                out,
                "| {task} | {} | {} | {} | {} | {cost} | {} |",
                ended(s.ended).0,
                cell(&s.agent),
                s.attempt,
                seconds(s.duration_ms),
                cell(&s.title)
            );
        }
        out.push('\n');
    }
    if !report.waiting.is_empty() {
        let _ = writeln!(out, "### Waiting\n\n| task | why | title |\n|---|---|---|");
        for w in report.waiting.iter().take(200) {
            let _ = writeln!(
                out,
                "| {} | {} | {} |",
                w.task,
                cell(&w.why.join("; ")),
                cell(&w.title)
            );
        }
        out.push('\n');
    }
    for note in &report.notes {
        let _ = writeln!(out, "- {}", cell(note));
    }
    let _ = writeln!(
        out,
        "\n{} claimed, {} worked on, {} waiting, {} open questions, cost {}, {}.",
        report.claimed.len(),
        report.sessions.len(),
        report.waiting.len(),
        report.open_questions,
        report.cost,
        seconds(report.duration_ms)
    );
    out
}

/// One line that cannot leave its table cell or become markup.
fn cell(text: &str) -> String {
    let flat = display_safe(text).replace(['\n', '\r'], " ");
    flat.replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace('<', "&lt;")
        .replace('@', "@\u{200b}")
        .replace('`', "'")
}
