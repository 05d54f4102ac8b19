//! What was recorded, undone and seen.

use crate::app::tracker::report::{UndoReport, WatchRow};
use crate::cli::render::human::detail::minute;
use crate::cli::render::human::dry;
use crate::cli::render::page::{Page, Tone, cell};

/// What was taken back.
pub fn undone(report: &UndoReport, page: &mut Page) {
    let rows: Vec<_> = report
        .undone
        .iter()
        .map(|row| {
            let tone = if row.changed { Tone::Good } else { Tone::Dim };
            vec![
                cell(row.task.as_deref().unwrap_or("-"), Tone::Id),
                cell(&row.op, Tone::Dim),
                cell(&row.note, tone),
            ]
        })
        .collect();
    page.table(0, &rows);
    dry(&report.delivery, page);
}

/// A change that was seen.
pub fn change(row: &WatchRow, page: &mut Page) {
    let what = match &row.title {
        Some(title) if row.what.is_empty() || row.what == *title => title.clone(),
        Some(title) => format!("{title}: {}", row.what),
        None => row.what.clone(),
    };
    page.table(
        0,
        &[vec![
            cell(minute(row.at), Tone::Dim),
            cell(&row.by, Tone::Plain),
            cell(&row.op, Tone::Dim),
            cell(row.task.as_deref().unwrap_or("-"), Tone::Id),
            cell(what, Tone::Plain),
        ]],
    );
}
