//! Any table: by the columns that were named, else by the usual headings.

use std::collections::BTreeMap;

use crate::domain::dep::DepKind;
use crate::domain::record::CloseOutcome;
use crate::domain::task::Acceptance;
use crate::exchange::batch::{Batch, Format, Incoming};
use crate::exchange::forms::{NAMELESS, Options, Source};
use crate::exchange::jira;
use crate::exchange::sums::Field;
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
    let name = batch.files.get(file as usize).cloned().unwrap_or_default();
    let source = Source::of(&name, options);
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
    /// The column of a field, if there is one.
    fn column(&self, field: &str) -> Option<String> {
        let named = self.options.columns.iter().find(|(f, _)| f == field);
        match named {
            Some((_, column)) => Some(column.trim().to_lowercase()),
            None => {
                let usual = USUAL.iter().find(|(f, _)| *f == field)?.1;
                let found = usual.iter().find(|name| self.row.has(name))?;
                Some((*found).to_owned())
            }
        }
    }

    fn get(&mut self, field: &str) -> Option<&'a str> {
        let name = self.column(field)?;
        let cell = self.row.get(&name);
        self.taken.push(name);
        cell
    }
}

/// Fields that have a column each.
const COLUMNS: &[(&str, Field)] = &[
    ("title", Field::Title),
    ("body", Field::Body),
    ("type", Field::Kind),
    ("priority", Field::Priority),
    ("assignee", Field::Assignee),
    ("due", Field::Due),
    ("acceptance", Field::Acceptance),
    ("status", Field::Status),
    ("status", Field::Held),
    ("labels", Field::Labels),
];

/// True if the row names itself as everybody does: a file that fleet wrote has such names.
fn is_reference(id: &str) -> bool {
    id.split_once(':')
        .is_some_and(|(format, _)| Format::named(format).is_some())
}

/// The reference of a row.
fn reference(id: &str, source: &str) -> String {
    if is_reference(id) {
        id.to_owned()
    } else {
        format!("csv:{source}#{id}")
    }
}

fn one_of_any(
    batch: &mut Batch,
    row: &Row<'_>,
    source: &Source,
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
    let uid = row.get("uid").map(str::to_owned);
    let named = source.name.as_deref();
    if named.is_none() && uid.is_none() && !is_reference(&id) {
        batch.broken(row.place, "", NAMELESS);
        return None;
    }
    let source_name = named.unwrap_or("pipe");
    let mut issue = begin(batch, row, reference(&id, source_name), title)?;
    if !is_reference(&id) {
        issue.kept.from.clone_from(&source.print);
        let formerly = source.formerly.as_deref();
        issue.formerly = formerly.map(|name| reference(&id, name));
    }
    issue.uid = uid;
    body(&mut issue, cells.get("body"));
    kind(&mut issue, cells.get("type"));
    issue.set.priority = cells.get("priority").and_then(priority);
    labels(&mut issue, cells.get("labels").unwrap_or_default());
    assignee(&mut issue, cells.get("assignee"));
    due(batch, &mut issue, cells.get("due"));
    changed(batch, &mut issue, cells.get("updated"));
    status(&mut issue, cells.get("status").unwrap_or_default());
    issue.set.acceptance = points(cells.get("acceptance").unwrap_or_default());
    edges(&mut issue, &mut cells, source_name);
    let absent = COLUMNS
        .iter()
        .filter(|(name, _)| cells.column(name).is_none());
    issue.silent.extend(absent.map(|(_, field)| *field));
    issue.silent.push(Field::DeferUntil);
    let taken: Vec<&str> = cells.taken.iter().map(String::as_str).collect();
    issue.kept.rest = row.rest(&taken);
    Some(issue)
}

/// What a row is part of, and what it waits for.
fn edges(issue: &mut Incoming, cells: &mut Cells<'_, '_>, source: &str) {
    for (field, kind) in [
        ("parent", DepKind::ParentChild),
        ("blocked_by", DepKind::Blocks),
    ] {
        if cells.column(field).is_none() {
            continue;
        }
        issue.whole.push(kind);
        let cell = cells.get(field).unwrap_or_default();
        // A parent of others may have blanks in its name; fleet's tables may name several.
        let several = kind == DepKind::Blocks || issue.uid.is_some();
        let names: Vec<&str> = match several {
            true => cell.split([',', ';', ' ']).collect(),
            false => vec![cell.trim()],
        };
        for name in names.into_iter().filter(|name| !name.is_empty()) {
            link(issue, kind, reference(name, source), false);
        }
    }
}

/// One point on each line, as a check box if it is met.
fn points(text: &str) -> Option<Vec<Acceptance>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let points: Vec<Acceptance> = lines
        .map(|line| {
            let boxed = |mark: &str| line.strip_prefix(mark).filter(|text| !text.is_empty());
            let (text, done) = match (boxed("[x] "), boxed("[ ] ")) {
                (Some(text), _) => (text, true),
                (_, Some(text)) => (text, false),
                _ => (line, false),
            };
            Acceptance {
                text: text.to_owned(),
                done,
            }
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
