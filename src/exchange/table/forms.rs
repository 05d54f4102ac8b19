//! What the columns of known tables mean.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::domain::dep::DepKind;
use crate::domain::record::CloseOutcome;
use crate::exchange::batch::{Batch, Incoming, Said};
use crate::exchange::fit;
use crate::exchange::forms::Options;
use crate::exchange::gitlab::project;
use crate::exchange::kept::{KeptComment, print};
use crate::exchange::sums::Field;
use crate::exchange::table::{Row, labels, link, rows};
use crate::exchange::times::{time, told};
use crate::exchange::{jira, linear};

/// An issue with what all tables have.
pub(super) fn begin(
    batch: &mut Batch,
    row: &Row<'_>,
    key: String,
    title: Option<&str>,
) -> Option<Incoming> {
    let Some(title) = title.map(fit::title).filter(|title| !title.is_empty()) else {
        batch.broken(row.place, &key, "a row without a title");
        return None;
    };
    let mut issue = Incoming {
        place: row.place,
        key,
        trusted: true,
        ..Incoming::default()
    };
    issue.set.title = Some(title.into_owned());
    Some(issue)
}

pub(super) fn body(issue: &mut Incoming, text: Option<&str>) {
    issue.set.body = text.map(str::to_owned);
}

pub(super) fn assignee(issue: &mut Incoming, who: Option<&str>) {
    if let Some(who) = who.and_then(fit::word) {
        issue.set.assignee = Some(Some(who.into_owned()));
    }
}

pub(super) fn due(batch: &mut Batch, issue: &mut Incoming, at: Option<&str>) {
    let due = told(batch, issue.place, &issue.key, "due", at);
    if due.is_none() && at.is_some() {
        issue.silent.push(Field::Due);
    }
    issue.set.due = due.map(Some);
}

pub(super) fn changed(batch: &mut Batch, issue: &mut Incoming, at: Option<&str>) {
    issue.updated = told(batch, issue.place, &issue.key, "updated", at);
    issue.kept.updated = issue.updated;
}

pub(super) fn kind(issue: &mut Incoming, name: Option<&str>) {
    issue.set.kind = name.and_then(fit::kind).map(Cow::into_owned);
}

/// GitLab's export of issues.
pub(crate) fn gitlab(batch: &mut Batch, file: u32, bytes: &[u8], options: &Options) {
    rows(batch, file, bytes, |batch, row| {
        let from = row
            .get("url")
            .and_then(project)
            .or_else(|| options.repo.clone());
        let (Some(number), Some(project)) = (row.get("issue id"), from) else {
            batch.broken(row.place, "", "a row without `Issue ID` or `URL`");
            return;
        };
        let key = format!("gitlab:{project}#{number}");
        let Some(mut issue) = begin(batch, row, key, row.get("title")) else {
            return;
        };
        // Anybody may have written it.
        issue.trusted = false;
        body(&mut issue, row.get("description"));
        labels(&mut issue, row.get("labels").unwrap_or_default());
        assignee(&mut issue, row.any(&["assignee username", "assignee"]));
        due(batch, &mut issue, row.get("due date"));
        changed(batch, &mut issue, row.get("updated at (utc)"));
        if row
            .get("state")
            .is_some_and(|state| state.eq_ignore_ascii_case("closed"))
        {
            issue.closed = Some((CloseOutcome::Done, String::new()));
        }
        issue.kept.rest = row.rest(&[
            "title",
            "description",
            "issue id",
            "labels",
            "assignee username",
            "due date",
            "state",
            "updated at (utc)",
        ]);
        batch.issues.push(issue);
    });
}

/// Jira's export "CSV (all fields)", in which some columns are repeated.
pub(crate) fn jira(batch: &mut Batch, file: u32, bytes: &[u8]) {
    let before = batch.issues.len();
    let mut keys: BTreeMap<String, String> = BTreeMap::new();
    let mut parents: Vec<(usize, String)> = Vec::new();
    rows(batch, file, bytes, |batch, row| {
        let Some(id) = row.get("issue key") else {
            batch.broken(row.place, "", "a row without `Issue key`");
            return;
        };
        let Some(mut issue) = begin(batch, row, format!("jira:{id}"), row.get("summary")) else {
            return;
        };
        if let Some(number) = row.get("issue id") {
            keys.insert(number.to_owned(), id.to_owned());
        }
        one_of_jira(batch, &mut issue, row);
        match row.any(&["parent key", "epic link", "custom field (epic link)"]) {
            Some(parent) => link(
                &mut issue,
                DepKind::ParentChild,
                format!("jira:{parent}"),
                false,
            ),
            None => parents.extend(
                row.any(&["parent id", "parent"])
                    .map(|parent| (batch.issues.len(), parent.to_owned())),
            ),
        }
        batch.issues.push(issue);
    });
    for (at, number) in parents {
        let parent = keys.get(&number).map_or(&*number, String::as_str);
        let to = format!("jira:{parent}");
        if at >= before {
            link(&mut batch.issues[at], DepKind::ParentChild, to, false);
        }
    }
}

fn one_of_jira(batch: &mut Batch, issue: &mut Incoming, row: &Row<'_>) {
    body(issue, row.get("description"));
    kind(issue, row.get("issue type"));
    issue.set.priority = row.get("priority").and_then(jira::priority);
    assignee(issue, row.get("assignee"));
    for cell in row.all("labels") {
        // A label of Jira has no blanks, and some exports put all of them in one cell.
        for label in cell.split_whitespace().filter_map(fit::word) {
            issue.labels.push(label.into_owned());
        }
    }
    for component in row
        .any(&["component/s", "components"])
        .into_iter()
        .filter_map(fit::word)
    {
        issue.labels.push(format!("component:{component}"));
    }
    due(batch, issue, row.get("due date"));
    changed(batch, issue, row.get("updated"));
    let status = row.get("status").unwrap_or("To Do");
    let category = match row.get("status category").map(str::to_lowercase).as_deref() {
        Some("done") => "done",
        Some("in progress") => "indeterminate",
        Some(_) => "new",
        None => jira::category_of(status),
    };
    jira::settle(
        issue,
        status,
        category,
        row.get("resolution").unwrap_or_default(),
    );
    for (name, target) in row.starting("inward issue link (") {
        let kind = relation(name);
        let to = format!("jira:{target}");
        link(issue, kind, to, kind == DepKind::Duplicates);
    }
    for (name, target) in row.starting("outward issue link (") {
        let kind = relation(name);
        let to = format!("jira:{target}");
        link(issue, kind, to, kind == DepKind::Blocks);
    }
    for (at, cell) in row.all("comment").into_iter().enumerate() {
        comment(issue, cell, at);
    }
    issue.kept.rest = row.rest(&[
        "summary",
        "description",
        "issue key",
        "issue type",
        "status",
        "priority",
        "labels",
        "assignee",
        "due date",
        "updated",
        "comment",
        "status category",
    ]);
}

fn relation(column: &str) -> DepKind {
    if column.contains("(blocks)") {
        DepKind::Blocks
    } else if column.contains("(duplicate") {
        DepKind::Duplicates
    } else {
        DepKind::Related
    }
}

/// `24/Jan/26 9:41 PM;alice;the text`.
fn comment(issue: &mut Incoming, cell: &str, at: usize) {
    let mut parts = cell.splitn(3, ';');
    let (when, who, text) = match (parts.next(), parts.next(), parts.next()) {
        (Some(when), Some(who), Some(text)) if time(when).is_some() => (when, who, text),
        _ => ("", "unknown", cell),
    };
    let by = fit::word(who)
        .unwrap_or(Cow::Borrowed("unknown"))
        .into_owned();
    let when = serde_json::to_string(when).unwrap_or_default();
    let id = (at + 1).to_string();
    let rest = format!("{{\"created_at\":{when}}}");
    issue
        .kept
        .comments
        .push(KeptComment(id.clone(), print(&by, text), rest));
    issue.comments.push(Said {
        id,
        by,
        text: text.to_owned(),
    });
}

/// Linear's export of a workspace or view.
pub(crate) fn linear(batch: &mut Batch, file: u32, bytes: &[u8]) {
    rows(batch, file, bytes, |batch, row| {
        let Some(id) = row.get("id") else {
            batch.broken(row.place, "", "a row without `ID`");
            return;
        };
        let Some(mut issue) = begin(batch, row, format!("linear:{id}"), row.get("title")) else {
            return;
        };
        body(&mut issue, row.get("description"));
        let given = row.get("priority").map(str::to_lowercase);
        issue.set.priority = linear::priority(match given.as_deref() {
            Some("urgent") => 1,
            Some("high") => 2,
            Some("medium") => 3,
            Some("low") => 4,
            _ => 0,
        });
        assignee(&mut issue, row.get("assignee"));
        labels(&mut issue, row.get("labels").unwrap_or_default());
        due(batch, &mut issue, row.get("due date"));
        changed(batch, &mut issue, row.get("updated"));
        let status = row.get("status").unwrap_or_default();
        let ended = |column: &str| row.get(column).is_some();
        let state = match linear::state_of(status) {
            "unstarted" if ended("completed") => "completed",
            "unstarted" if ended("canceled") => "canceled",
            other => other,
        };
        linear::settle(&mut issue, status, state);
        let relations = [
            ("parent issue", DepKind::ParentChild),
            ("blocked by", DepKind::Blocks),
            ("duplicate of", DepKind::Duplicates),
            ("related to", DepKind::Related),
        ];
        for (column, kind) in relations {
            let cell = row.get(column).unwrap_or_default();
            for target in cell.split([',', ' ']).filter(|target| !target.is_empty()) {
                link(&mut issue, kind, format!("linear:{target}"), false);
            }
        }
        issue.kept.rest = row.rest(&[
            "id",
            "title",
            "description",
            "status",
            "priority",
            "assignee",
            "labels",
            "due date",
            "updated",
            "parent issue",
            "blocked by",
            "duplicate of",
            "related to",
        ]);
        batch.issues.push(issue);
    });
}
