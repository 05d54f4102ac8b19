//! Tasks as a table, in the headings that the reader of tables knows.

use crate::domain::dep::DepKind;
use crate::domain::task::Status;
use crate::exchange::out::{Outgoing, OutgoingTask, outcome};
use crate::exchange::table::is_formula;

/// The headings.
pub(super) const HEADINGS: &[&str] = &[
    "id",
    "ref",
    "title",
    "status",
    "type",
    "priority",
    "labels",
    "assignee",
    "due",
    "parent",
    "blocked_by",
    "body",
    "acceptance",
    "created",
    "updated",
    "uid",
];

/// Writes it.
pub(super) fn write(outgoing: &Outgoing<'_>) -> String {
    let mut all: Vec<&OutgoingTask<'_>> = outgoing.tasks.iter().collect();
    all.sort_by_key(|task| (task.task.number.value, task.uid));
    let mut text = HEADINGS.join(",") + "\r\n";
    for task in all {
        let cells = row(outgoing, task);
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

fn row(outgoing: &Outgoing<'_>, out: &OutgoingTask<'_>) -> Vec<String> {
    let task = out.task;
    let details = &task.details;
    let targets = |kind: DepKind| {
        let edges = out.edges.iter().filter(|(k, ..)| *k == kind);
        let names = edges.filter_map(|(_, to, _)| outgoing.reference(*to));
        names.collect::<Vec<_>>().join(" ")
    };
    let status = match &task.status.value {
        Status::Open => "open",
        Status::Closed { outcome: how, .. } => outcome(*how),
    };
    let points: Vec<String> = task.acceptance().map(point).collect();
    let added = task.added.as_ref().map(|(_, at)| at.ts.wall().to_string());
    vec![
        out.name.clone(),
        outgoing.reference(out.uid).unwrap_or_default(),
        task.title.value.clone(),
        status.to_owned(),
        task.type_name().to_owned(),
        task.priority().to_string(),
        task.labels.iter().collect::<Vec<_>>().join(", "),
        details.assignee.value.clone().unwrap_or_default(),
        details
            .due
            .value
            .map(|at| at.to_string())
            .unwrap_or_default(),
        targets(DepKind::ParentChild),
        targets(DepKind::Blocks),
        task.body.value.clone(),
        points.join("\n"),
        added.unwrap_or_default(),
        task.updated.ts.wall().to_string(),
        out.uid.to_string(),
    ]
}

/// A point in a line of its own. The box of one that is not met is left out unless its text begins
/// with a bracket itself.
fn point((text, met): (&str, bool)) -> String {
    match met {
        true => format!("[x] {text}"),
        false if text.starts_with('[') => format!("[ ] {text}"),
        false => text.to_owned(),
    }
}

/// A cell: quoted where it has to be, and never read as a formula by a spreadsheet.
fn quoted(cell: &str) -> String {
    let formula = is_formula(cell);
    let cell = if formula {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if cell.contains([',', '"', '\n', '\r']) || formula {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}
