//! The report of an intake, for people.

use crate::app::intake::report::{IntakeReport, TakenIn};
use crate::cli::render::page::{Page, Tone, cell};

/// Most rows of one part.
const ROWS: usize = 50;

/// What is new, changed, closed, and waits.
pub fn intake(report: &IntakeReport, page: &mut Page) {
    if report.dry_run {
        page.line("Dry run: nothing was written.");
    }
    part("New", &report.created, page);
    part("Changed", &report.updated, page);
    part("Closed", &report.closed, page);
    if !report.answered.is_empty() {
        page.gap();
        page.heading("Answered");
        report
            .answered
            .iter()
            .for_each(|line| page.line(format!("  {line}")));
    }
    part("Waits for a human", &report.waiting, page);
    page.gap();
    page.line(closing(report));
}

fn part(heading: &str, rows: &[TakenIn], page: &mut Page) {
    if rows.is_empty() {
        return;
    }
    page.gap();
    page.heading(heading);
    for row in rows.iter().take(ROWS) {
        page.table(
            2,
            &[vec![
                cell(&row.task, Tone::Id),
                cell(&row.reference, Tone::Dim),
                cell(&row.title, Tone::Plain),
            ]],
        );
        page.block(&row.what, 6);
    }
    if rows.len() > ROWS {
        page.line(format!("  … and {} more", rows.len() - ROWS));
    }
}

fn closing(report: &IntakeReport) -> String {
    let mut text = format!(
        "{} new, {} changed, {} closed, {} unchanged",
        report.created.len(),
        report.updated.len(),
        report.closed.len(),
        report.unchanged
    );
    if report.later > 0 {
        text.push_str(&format!(
            "; {} left to the next run (intake.limit)",
            report.later
        ));
    }
    text.push('.');
    text
}
