//! Gates, epics, milestones, and versions of remarks.

use crate::app::tracker::report::{
    CommentVersions, EpicList, GateChange, GateList, GateRow, MilestoneChange, MilestoneList, Parts,
};
use crate::cli::render::human::detail::minute;
use crate::cli::render::human::dry;
use crate::cli::render::page::{Cell, Page, Tone, cell};

fn gate_cells(row: &GateRow) -> Vec<Cell> {
    let tone = match row.state {
        "waiting" => Tone::Warn,
        "passed" => Tone::Good,
        _ => Tone::Dim,
    };
    let subject = row.until.map(minute).or_else(|| row.subject.clone());
    vec![
        cell(&row.task, Tone::Id),
        cell(format!("gate {}", row.number), Tone::Plain),
        cell(row.state, tone),
        cell(row.kind, Tone::Dim),
        cell(subject.unwrap_or_default(), Tone::Plain),
        cell(&row.note, Tone::Plain),
    ]
}

/// Gates.
pub fn gates(list: &GateList, page: &mut Page) {
    let rows: Vec<_> = list.gates.iter().map(gate_cells).collect();
    page.table(0, &rows);
}

/// A gate that was changed.
pub fn gate(report: &GateChange, page: &mut Page) {
    page.table(0, &[gate_cells(&report.gate)]);
    dry(&report.delivery, page);
}

/// Minutes of work as hours, days of 8 hours.
pub(super) fn effort(minutes: u64) -> String {
    let (days, hours, rest) = (minutes / 480, minutes % 480 / 60, minutes % 60);
    let parts = [(days, "d"), (hours, "h"), (rest, "m")];
    let parts: Vec<_> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    parts.join(" ")
}

/// How far tasks are, in a line.
pub(super) fn progress(parts: &Parts) -> String {
    let mut text = format!("{} of {} done", parts.done, parts.total);
    if parts.estimate_open_minutes > 0 {
        text.push_str(&format!(", {} to go", effort(parts.estimate_open_minutes)));
    }
    if parts.cost_usd_micros.0 > 0 {
        text.push_str(&format!(", cost {}", parts.cost_usd_micros));
    }
    text
}

/// Tasks with parts.
pub fn epics(list: &EpicList, page: &mut Page) {
    let rows: Vec<_> = list
        .epics
        .iter()
        .map(|epic| {
            vec![
                cell(&epic.id, Tone::Id),
                cell(format!("P{}", epic.priority), Tone::Plain),
                cell(epic.status, Tone::Dim),
                cell(progress(&epic.parts), Tone::Plain),
                cell(&epic.title, Tone::Plain),
            ]
        })
        .collect();
    page.table(0, &rows);
}

/// Milestones.
pub fn milestones(list: &MilestoneList, page: &mut Page) {
    let rows: Vec<_> = list
        .milestones
        .iter()
        .map(|row| {
            let due = row
                .due
                .map_or_else(String::new, |at| format!("due {}", minute(at)));
            let due = if row.closed { "over".to_owned() } else { due };
            vec![
                cell(&row.name, Tone::Id),
                cell(progress(&row.tasks), Tone::Plain),
                cell(due, Tone::Plain),
                cell(&row.note, Tone::Plain),
            ]
        })
        .collect();
    page.table(0, &rows);
}

/// A milestone that was described.
pub fn milestone(report: &MilestoneChange, page: &mut Page) {
    let due = report
        .due
        .map_or_else(String::new, |at| format!("due {}", minute(at)));
    let what = match (report.changed, report.closed) {
        (false, _) => "unchanged".to_owned(),
        (true, true) => "over".to_owned(),
        (true, false) => due,
    };
    page.table(
        0,
        &[vec![cell(&report.name, Tone::Id), cell(what, Tone::Plain)]],
    );
    dry(&report.delivery, page);
}

/// Every text of a remark.
pub fn comment_versions(report: &CommentVersions, page: &mut Page) {
    for version in &report.versions {
        page.gap();
        page.heading(&format!("{} at {}", version.by, minute(version.at)));
        page.block(&version.text, 2);
    }
}
