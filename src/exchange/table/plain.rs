//! Any table: by the columns that were named, else by the usual headings.

use std::collections::BTreeMap;

use crate::domain::dep::DepKind;
use crate::domain::record::CloseOutcome;
use crate::domain::task::Acceptance;
use crate::exchange::batch::{Batch, Format, Incoming};
use crate::exchange::forms::Options;
use crate::exchange::jira;
use crate::exchange::table::forms::{assignee, begin, body, changed, due, kind};
use crate::exchange::table::{Row, labels, link, name_of, rows};

/// Our field, and the headings that mean it where none is named.
const USUAL: &[(&str, &[&str])] = &[
    ("id", &["ref", "id", "key", "number", "issue", "#"]),
    ("title", &["title", "summary", "name", "subject", "task"]),
    ("body", &["body", "description", "details", "notes"]),
    ("type", &["type", "issue type", "kind"]),
    ("status", &["status", "state", "done"]),
    ("priority", &["priority", "prio"]),
    ("labels", &["labels", "tags", "label"]),
    ("assignee", &["assignee", "owner", "assigned to"]),
    ("due", &["due", "due date", "deadline"]),
    (
        "updated",
        &["updated", "updated_at", "updated at", "modified"],
    ),
    ("parent", &["parent", "epic"]),
    (
        "blocked_by",
        &[
            "blocked_by",
            "blocked by",
            "depends on",
            "dependencies",
            "deps",
        ],
    ),
    ("acceptance", &["acceptance", "acceptance criteria"]),
];

/// Any table: by the columns that were named, else by the usual headings.
pub(crate) fn plain(batch: &mut Batch, file: u32, bytes: &[u8], options: &Options) {
    let source = batch.files.get(file as usize).cloned().unwrap_or_default();
    let source = source.rsplit('/').next().unwrap_or_default().to_owned();
    let source = options.repo.clone().unwrap_or(source);
    let mut missing: Vec<(String, String)> = options.columns.clone();
    let mut twins: BTreeMap<String, u32> = BTreeMap::new();
    let mut first = true;
    rows(batch, file, bytes, |batch, row| {
        if std::mem::take(&mut first) {
            missing.retain(|(_, column)| !row.has(&column.trim().to_lowercase()));
            for (field, column) in &missing {
                let what = format!("no column `{column}`, which `--map {field}=` names");
                batch.broken(row.place, "", what);
            }
        }
        if let Some(issue) = one_of_any(batch, row, &source, options, &mut twins) {
            batch.issues.push(issue);
        }
    });
}

/// The cells that a row's fields are in, and which columns were looked at.
struct Cells<'a, 'r> {
    row: &'r Row<'a>,
    options: &'r Options,
    taken: Vec<String>,
}

impl<'a> Cells<'a, '_> {
    fn get(&mut self, field: &str) -> Option<&'a str> {
        let named = self.options.columns.iter().find(|(f, _)| f == field);
        let name = match named {
            Some((_, column)) => column.trim().to_lowercase(),
            None => {
                let usual = USUAL.iter().find(|(f, _)| *f == field)?.1;
                let found = usual.iter().find(|name| self.row.has(name))?;
                (*found).to_owned()
            }
        };
        let cell = self.row.get(&name);
        self.taken.push(name);
        cell
    }
}

/// The reference of a row: a file that fleet wrote names its tasks as they are named everywhere.
fn reference(id: &str, source: &str) -> String {
    let known = id
        .split_once(':')
        .is_some_and(|(format, _)| Format::named(format).is_some());
    if known {
        id.to_owned()
    } else {
        format!("csv:{source}#{id}")
    }
}

fn one_of_any(
    batch: &mut Batch,
    row: &Row<'_>,
    source: &str,
    options: &Options,
    twins: &mut BTreeMap<String, u32>,
) -> Option<Incoming> {
    let mut cells = Cells {
        row,
        options,
        taken: vec!["uid".to_owned()],
    };
    let title = cells.get("title");
    let words = title.unwrap_or_default();
    let id = cells.get("id").map(str::to_owned).unwrap_or_else(|| {
        let twin = twins.entry(words.to_owned()).or_default();
        *twin += 1;
        name_of(words, *twin)
    });
    let mut issue = begin(batch, row, reference(&id, source), title)?;
    issue.uid = row.get("uid").map(str::to_owned);
    body(&mut issue, cells.get("body"));
    kind(&mut issue, cells.get("type"));
    issue.set.priority = cells.get("priority").and_then(priority);
    labels(&mut issue, cells.get("labels").unwrap_or_default());
    assignee(&mut issue, cells.get("assignee"));
    due(&mut issue, cells.get("due"));
    changed(&mut issue, cells.get("updated"));
    status(&mut issue, cells.get("status").unwrap_or_default());
    issue.set.acceptance = points(cells.get("acceptance").unwrap_or_default());
    if let Some(parent) = cells.get("parent") {
        let to = reference(parent.trim(), source);
        link(&mut issue, DepKind::ParentChild, to, false);
    }
    let blockers = cells.get("blocked_by").unwrap_or_default();
    for blocker in blockers.split([',', ';', ' ']).filter(|b| !b.is_empty()) {
        let to = reference(blocker, source);
        link(&mut issue, DepKind::Blocks, to, false);
    }
    let taken: Vec<&str> = cells.taken.iter().map(String::as_str).collect();
    issue.kept.rest = row.rest(&taken);
    Some(issue)
}

/// One point on each line.
fn points(text: &str) -> Option<Vec<Acceptance>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let points: Vec<Acceptance> = lines
        .map(|line| Acceptance {
            text: line.to_owned(),
            done: false,
        })
        .collect();
    (!points.is_empty()).then_some(points)
}

/// A number, with or without P, or one of the usual words.
fn priority(text: &str) -> Option<u8> {
    let text = text.trim();
    let digits = text.strip_prefix(['P', 'p']).unwrap_or(text);
    match digits.parse::<u8>() {
        Ok(n) if n <= 4 => Some(n),
        _ => jira::priority(text).or_else(|| text.eq_ignore_ascii_case("urgent").then_some(0)),
    }
}

fn status(issue: &mut Incoming, text: &str) {
    let outcome = match text.trim().to_lowercase().as_str() {
        "done" | "closed" | "completed" | "complete" | "resolved" | "fixed" | "x" | "yes"
        | "true" | "1" => Some(CloseOutcome::Done),
        "wontdo" | "won't do" | "wontfix" | "won't fix" | "cancelled" | "canceled" | "rejected" => {
            Some(CloseOutcome::Wontdo)
        }
        "duplicate" => Some(CloseOutcome::Duplicate),
        "failed" => Some(CloseOutcome::Failed),
        "in progress" | "in_progress" | "in review" | "review" | "doing" | "started"
        | "blocked" | "on hold" | "deferred" | "waiting" => {
            issue.holds.push(format!("status {}", text.trim()));
            None
        }
        _ => None,
    };
    issue.closed = outcome.map(|outcome| (outcome, String::new()));
    text.trim().clone_into(&mut issue.kept.status);
}
