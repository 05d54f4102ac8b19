//! Lists of tasks, and changes of them.

use crate::app::tracker::report::{
    AddReport, ChangeReport, ClaimReport, CyclesReport, DepReport, GraphReport, ReadyReport,
    Reason, TaskList, TaskRow, TreeReport,
};
use crate::cli::render::human::detail::minute;
use crate::cli::render::human::dry;
use crate::cli::render::page::{Cell, Page, Tone, cell};
use crate::cli::session::Session;

fn phase_tone(phase: &str) -> Tone {
    match phase {
        "ready" | "closed" => Tone::Good,
        "running" | "in_review" => Tone::Strong,
        "needs_human" => Tone::Bad,
        _ => Tone::Warn,
    }
}

fn priority_tone(priority: u8) -> Tone {
    if priority == 0 {
        Tone::Bad
    } else {
        Tone::Plain
    }
}

/// Id, priority, type, and what follows.
pub(super) fn columns(row: &TaskRow, phase: bool) -> Vec<Cell> {
    let mut cells = vec![
        cell(&row.id, Tone::Id),
        cell(format!("P{}", row.priority), priority_tone(row.priority)),
        cell(&row.kind, Tone::Dim),
    ];
    if phase {
        cells.push(cell(row.phase.replace('_', " "), phase_tone(row.phase)));
    }
    cells.push(cell(titled(row), Tone::Plain));
    cells
}

fn titled(row: &TaskRow) -> String {
    match &row.assignee {
        Some(who) => format!("{} (@{who})", row.title),
        None => row.title.clone(),
    }
}

/// A list.
pub fn list(list: &TaskList, page: &mut Page) {
    let rows: Vec<_> = list.tasks.iter().map(|row| columns(row, true)).collect();
    page.table(0, &rows);
}

/// Says that a limit left some out.
pub fn note_more(session: &Session<'_>, list: &TaskList) {
    note_shown(session, list.tasks.len(), list.total);
}

/// The same for a list whose rows are not at hand.
pub fn note_shown(session: &Session<'_>, shown: usize, total: usize) {
    if shown < total {
        session.note(&format!("{shown} of {total} shown"));
    }
}

/// Rows with reasons below each.
fn explained(rows: &[TaskRow], phase: bool, page: &mut Page) {
    for row in rows {
        page.table(0, &[columns(row, phase)]);
        reasons(&row.reasons, page);
    }
}

fn reasons(reasons: &[Reason], page: &mut Page) {
    let rows: Vec<_> = reasons
        .iter()
        .map(|reason| vec![cell(&reason.text, Tone::Dim)])
        .collect();
    page.table(4, &rows);
}

/// What can start, and with `--explain` what cannot.
pub fn ready(report: &ReadyReport, page: &mut Page) {
    let Some(waiting) = &report.waiting else {
        let rows: Vec<_> = report
            .list
            .tasks
            .iter()
            .map(|row| columns(row, false))
            .collect();
        page.table(0, &rows);
        return;
    };
    page.heading(&format!("Ready ({})", report.list.total));
    explained(&report.list.tasks, false, page);
    page.gap();
    page.heading(&format!("Waiting ({})", waiting.len()));
    explained(waiting, true, page);
    for cycle in report.cycles.iter().flatten() {
        page.gap();
        page.line(format!("cycle: {}", cycle.join(", ")));
    }
}

/// What cannot start.
pub fn blocked(list: &TaskList, page: &mut Page) {
    explained(&list.tasks, true, page);
}

/// A claim.
pub fn claimed(report: &ClaimReport, page: &mut Page) {
    if let Some(row) = &report.task {
        page.table(0, &[columns(row, false)]);
    }
    if let Some(since) = report.held_since {
        page.line(format!("held by you already, since {}", minute(since)));
    }
    dry(&report.delivery, page);
}

/// A task that was added.
pub fn added(report: &AddReport, page: &mut Page) {
    if report.delivery.dry_run {
        dry(&report.delivery, page);
        return;
    }
    let mut cells = vec![cell(&report.id, Tone::Id), cell(&report.title, Tone::Plain)];
    if report.existed {
        cells.push(cell("(was there already)", Tone::Dim));
    }
    page.table(0, &[cells]);
}

/// A plan that was added.
pub fn graph(report: &GraphReport, page: &mut Page) {
    if report.delivery.dry_run {
        dry(&report.delivery, page);
        return;
    }
    let rows: Vec<_> = report
        .tasks
        .iter()
        .map(|row| {
            vec![
                cell(&row.id, Tone::Id),
                cell(&row.name, Tone::Dim),
                cell(&row.title, Tone::Plain),
            ]
        })
        .collect();
    page.table(0, &rows);
}

/// Tasks that were changed.
pub fn changed(report: &ChangeReport, page: &mut Page) {
    let rows: Vec<_> = report
        .tasks
        .iter()
        .map(|task| {
            let (action, tone) = if task.changed {
                (report.action, Tone::Good)
            } else {
                ("unchanged", Tone::Dim)
            };
            let note = if task.note.is_empty() {
                task.title.clone()
            } else {
                format!("{} ({})", task.title, task.note)
            };
            vec![
                cell(&task.id, Tone::Id),
                cell(action, tone),
                cell(note, Tone::Plain),
            ]
        })
        .collect();
    page.table(0, &rows);
    dry(&report.delivery, page);
}

/// An edge that was changed.
pub fn dep(report: &DepReport, page: &mut Page) {
    let action = if report.changed {
        report.action
    } else {
        "unchanged"
    };
    page.table(
        0,
        &[vec![
            cell(&report.from, Tone::Id),
            cell(report.kind, Tone::Dim),
            cell(&report.to, Tone::Id),
            cell(action, Tone::Plain),
        ]],
    );
    dry(&report.delivery, page);
}

/// A tree.
pub fn tree(report: &TreeReport, page: &mut Page) {
    for line in &report.lines {
        let mut cells = vec![cell(&line.id, Tone::Id)];
        if let Some(kind) = line.kind.filter(|kind| *kind != "blocks") {
            cells.push(cell(format!("({kind})"), Tone::Dim));
        }
        let tone = match line.status {
            "closed" => Tone::Good,
            "unknown" => Tone::Bad,
            _ => Tone::Plain,
        };
        cells.push(cell(line.status, tone));
        let above = if line.repeated { " (shown above)" } else { "" };
        cells.push(cell(format!("{}{above}", line.title), Tone::Plain));
        page.table(line.depth * 2, &[cells]);
    }
}

/// Cycles.
pub fn cycles(report: &CyclesReport, page: &mut Page) {
    for cycle in &report.cycles {
        page.line(cycle.join(", "));
    }
}
