//! What came in, and what went out.

use crate::app::tracker::export::ExportReport;
use crate::app::tracker::import::{ImportReport, NoteRow};
use crate::cli::render::human::dry;
use crate::cli::render::page::{Page, Tone, cell};

/// Notes that a person is shown.
const SHOWN: usize = 20;

/// What came of an import.
pub fn imported(report: &ImportReport, page: &mut Page) {
    let verb = if report.delivery.dry_run {
        "would be "
    } else {
        ""
    };
    page.line(format!(
        "{} from {}: {} {verb}created, {} {verb}updated, {} unchanged, {} skipped",
        issues(report.total + report.damage.len()),
        report.format,
        report.created,
        report.updated,
        report.unchanged,
        report.skipped
    ));
    if report.deps + report.comments > 0 {
        let (deps, comments) = (report.deps, report.comments);
        page.line(format!("with {deps} dependencies and {comments} comments"));
    }
    let skipped: Vec<_> = report
        .rows
        .iter()
        .filter(|row| row.result == "skipped")
        .collect();
    let rows: Vec<_> = skipped
        .iter()
        .take(SHOWN)
        .map(|row| {
            vec![
                cell(&row.at, Tone::Dim),
                cell(&row.reference, Tone::Id),
                cell(&row.why, Tone::Plain),
            ]
        })
        .collect();
    section(page, "Skipped", &rows, skipped.len());
    notes(
        page,
        "Left out: cannot be read",
        &report.damage,
        report.damage.len(),
    );
    notes(page, "Remarks", &report.notes, report.notes_total);
    let changed: Vec<_> = report
        .rows
        .iter()
        .filter(|row| row.result == "updated")
        .collect();
    let rows: Vec<_> = changed
        .iter()
        .take(SHOWN)
        .map(|row| {
            let id = row.id.clone().unwrap_or_default();
            let fields = row.fields.join(", ");
            vec![
                cell(id, Tone::Id),
                cell(&row.reference, Tone::Dim),
                cell(fields, Tone::Plain),
            ]
        })
        .collect();
    section(page, "Updated", &rows, changed.len());
    if report.delivery.dry_run {
        page.gap();
        dry(&report.delivery, page);
    }
}

fn issues(count: usize) -> String {
    if count == 1 {
        "1 issue".to_owned()
    } else {
        format!("{count} issues")
    }
}

fn notes(page: &mut Page, heading: &str, all: &[NoteRow], total: usize) {
    let rows: Vec<_> = all
        .iter()
        .take(SHOWN)
        .map(|note| {
            vec![
                cell(&note.at, Tone::Dim),
                cell(&note.reference, Tone::Id),
                cell(&note.text, Tone::Plain),
            ]
        })
        .collect();
    section(page, heading, &rows, total);
}

fn section(
    page: &mut Page,
    heading: &str,
    rows: &[Vec<crate::cli::render::page::Cell>],
    total: usize,
) {
    if rows.is_empty() {
        return;
    }
    page.gap();
    page.heading(heading);
    page.table(2, rows);
    if total > rows.len() {
        page.line(format!(
            "  … and {} more; --json lists them",
            total - rows.len()
        ));
    }
}

/// What came of an export.
pub fn exported(report: &ExportReport, page: &mut Page) {
    let file = report.file.as_deref().unwrap_or("standard output");
    let (tasks, form) = (report.tasks, report.format);
    page.line(match (report.unchanged, report.dry_run) {
        (true, _) => format!("{file} holds these {tasks} tasks as {form} already"),
        (false, true) => format!("dry run: would write {tasks} tasks as {form} to {file}"),
        (false, false) => format!("wrote {tasks} tasks as {form} to {file}"),
    });
}
