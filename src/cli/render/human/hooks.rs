//! Hooks as a table.

use crate::app::tracker::hooks::HooksReport;
use crate::cli::render::page::{Page, Tone, cell};

/// What hooks there are, and what was done.
pub fn hooks(report: &HooksReport, page: &mut Page) {
    page.line(&report.folder);
    let rows: Vec<_> = report
        .hooks
        .iter()
        .map(|hook| {
            let tone = match hook.state {
                "installed" => Tone::Good,
                "changed" => Tone::Warn,
                _ => Tone::Plain,
            };
            let (done, chained) = match (hook.done, report.dry_run) {
                ("", _) => (String::new(), hook.chained),
                (done, true) => (format!("would be {done}"), hook.chained),
                (done, false) => (done.to_owned(), hook.chained),
            };
            let before = if chained {
                "; another hook runs first"
            } else {
                ""
            };
            let note = match (done.is_empty(), hook.state) {
                (true, "changed") => "edited by somebody, left as it is".to_owned(),
                (true, "foreign") => "not fleet's".to_owned(),
                _ => format!("{done}{before}"),
            };
            vec![
                cell(hook.name, Tone::Plain),
                cell(hook.state, tone),
                cell(note.trim_start_matches("; "), Tone::Dim),
            ]
        })
        .collect();
    page.table(2, &rows);
}
