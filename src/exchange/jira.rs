//! Jira: the answer of its search API, or of one issue.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;

use crate::domain::dep::DepKind;
use crate::domain::record::CloseOutcome;
use crate::exchange::batch::{Batch, Incoming, Link, Place};
use crate::exchange::fit;
use crate::exchange::json::{self, Fields};
use crate::exchange::kept::{KeptLink, Rest};
use crate::exchange::times::told;

/// Reads a file.
pub(crate) fn read(batch: &mut Batch, file: u32, bytes: &[u8]) {
    json::issues(batch, file, bytes, one);
}

fn one(batch: &mut Batch, outer: &Fields<'_>, place: Place) -> Option<Incoming> {
    let Some(id) = outer.text("key").filter(|key| !key.is_empty()) else {
        batch.broken(place, "", "an issue without `key`");
        return None;
    };
    let Some(fields) = outer.object("fields") else {
        batch.broken(place, &format!("jira:{id}"), "an issue without `fields`");
        return None;
    };
    let key = format!("jira:{id}");
    let mut at = |name: &str| told(batch, place, &key, name, fields.text(name).as_deref());
    let (updated, due) = (at("updated"), at("duedate"));
    let mut issue = Incoming {
        place,
        trusted: true,
        updated,
        key,
        ..Incoming::default()
    };
    issue.kept.updated = issue.updated;
    let title = fields.text("summary").unwrap_or_default();
    issue.set.title = Some(fit::heading(&title).into_owned());
    issue.set.body = prose(&fields, "description").filter(|text| !text.is_empty());
    let name = |field: &str, name: &str| fields.object(field)?.text(name);
    let kind = name("issuetype", "name");
    issue.set.kind = kind.as_deref().and_then(fit::kind).map(Cow::into_owned);
    issue.set.priority = name("priority", "name").as_deref().and_then(priority);
    let who = name("assignee", "name").or_else(|| name("assignee", "displayName"));
    if let Some(who) = who.as_deref().and_then(fit::word) {
        issue.set.assignee = Some(Some(who.into_owned()));
    }
    for raw in fields.list("labels") {
        if let Some(label) = json::text(raw).as_deref().and_then(fit::word) {
            issue.labels.push(label.into_owned());
        }
    }
    for raw in fields.list("components") {
        let name = Fields::of(raw).and_then(|c| c.text("name").map(Cow::into_owned));
        if let Some(label) = name.as_deref().and_then(fit::word) {
            issue.labels.push(format!("component:{label}"));
        }
    }
    issue.set.due = due.map(Some);
    let state = fields.object("status").map(|s| {
        let category = s.object("statusCategory").and_then(|c| c.text("key"));
        let name = s.text("name").unwrap_or_default();
        (name.into_owned(), category.map(Cow::into_owned))
    });
    let resolution = name("resolution", "name").unwrap_or_default();
    if let Some((status, category)) = state {
        let category = category.unwrap_or_else(|| category_of(&status).to_owned());
        settle(&mut issue, &status, &category, &resolution);
    }
    comments(&fields, &mut issue);
    links(&fields, &mut issue);
    issue.kept.rest = rest(outer, &fields);
    Some(issue)
}

/// The category that Jira gives a status of that name by default.
pub(super) fn category_of(status: &str) -> &'static str {
    match status.to_ascii_lowercase().as_str() {
        "done" | "closed" | "resolved" | "cancelled" | "canceled" | "won't do" => "done",
        "in progress" | "in review" | "review" | "testing" | "selected for development" => {
            "indeterminate"
        }
        _ => "new",
    }
}

/// Open, held or closed.
pub(super) fn settle(issue: &mut Incoming, status: &str, category: &str, resolution: &str) {
    match category {
        "done" => {
            let outcome = match resolution.to_ascii_lowercase().as_str() {
                "won't do" | "won't fix" | "wontfix" | "declined" | "cannot reproduce" => {
                    CloseOutcome::Wontdo
                }
                "duplicate" => CloseOutcome::Duplicate,
                _ => CloseOutcome::Done,
            };
            issue.closed = Some((outcome, resolution.to_owned()));
        }
        "indeterminate" => issue.holds.push(format!("status {status}")),
        _ => {}
    }
    status.clone_into(&mut issue.kept.status);
}

/// Jira's five names, and those of older sites.
pub(super) fn priority(name: &str) -> Option<u8> {
    match name.trim().to_ascii_lowercase().as_str() {
        "highest" | "blocker" => Some(0),
        "high" | "critical" => Some(1),
        "medium" | "major" => Some(2),
        "low" | "minor" => Some(3),
        "lowest" | "trivial" => Some(4),
        _ => None,
    }
}

/// A text, or the text of Atlassian's document format.
fn prose(fields: &Fields<'_>, name: &str) -> Option<String> {
    if let Some(text) = fields.text(name) {
        return Some(text.into_owned());
    }
    let raw = fields.get(name)?;
    let document: Value = serde_json::from_str(raw.get()).ok()?;
    let mut text = String::new();
    flatten(&document, 0, &mut text);
    Some(text.trim().to_owned())
}

/// Paragraphs become paragraphs, lists become lists; what has no text leaves none.
fn flatten(node: &Value, depth: usize, text: &mut String) {
    if depth > 64 {
        return;
    }
    let kind = node["type"].as_str().unwrap_or_default();
    if let Some(words) = node["text"].as_str() {
        text.push_str(words);
    }
    match kind {
        "hardBreak" => text.push('\n'),
        "listItem" => text.push_str("- "),
        "heading" => {
            let level = node["attrs"]["level"].as_u64().unwrap_or(1).clamp(1, 6);
            let _ = write!(text, "{} ", "#".repeat(level as usize));
        }
        "codeBlock" => text.push_str("```\n"),
        "mention" | "emoji" => text.push_str(node["attrs"]["text"].as_str().unwrap_or_default()),
        _ => {}
    }
    for child in node["content"].as_array().into_iter().flatten() {
        flatten(child, depth + 1, text);
    }
    match kind {
        "codeBlock" => text.push_str("\n```\n\n"),
        "paragraph" | "heading" if depth <= 1 => text.push_str("\n\n"),
        "paragraph" => text.push('\n'),
        "bulletList" | "orderedList" => text.push('\n'),
        _ => {}
    }
}

fn comments(fields: &Fields<'_>, issue: &mut Incoming) {
    let Some(all) = fields.object("comment") else {
        return;
    };
    for raw in all.list("comments") {
        let Some(comment) = Fields::of(raw) else {
            continue;
        };
        let Some(text) = prose(&comment, "body") else {
            continue;
        };
        let by = comment.object("author");
        let by = by.and_then(|by| by.text("name").or_else(|| by.text("displayName")));
        let by = by.as_deref().and_then(fit::word);
        let by = by.as_deref().unwrap_or("unknown");
        let id = comment.word("id").unwrap_or_default();
        let at = comment.get("created").map_or("null", |raw| raw.get());
        issue.hear(&id, by, &text, at);
    }
}

fn links(fields: &Fields<'_>, issue: &mut Incoming) {
    let mut add = |target: &Fields<'_>, kind: DepKind, reversed: bool| {
        let Some(key) = target.text("key") else {
            return;
        };
        let to = format!("jira:{key}");
        if !reversed {
            let kept = KeptLink(kind.name().to_owned(), to.clone(), String::new());
            issue.kept.links.push(kept);
        }
        issue.links.push(Link { kind, to, reversed });
    };
    if let Some(parent) = fields.object("parent") {
        add(&parent, DepKind::ParentChild, false);
    }
    for raw in fields.list("subtasks") {
        if let Some(child) = Fields::of(raw) {
            add(&child, DepKind::ParentChild, true);
        }
    }
    for raw in fields.list("issuelinks") {
        let Some(link) = Fields::of(raw) else {
            continue;
        };
        let name = link.object("type").and_then(|kind| kind.text("name"));
        let name = name.as_deref().unwrap_or_default().to_ascii_lowercase();
        let kind = match name.as_str() {
            "blocks" => DepKind::Blocks,
            "duplicate" => DepKind::Duplicates,
            _ => DepKind::Related,
        };
        // "A blocks B": in B's links, A is the inward issue, and B depends on it.
        if let Some(other) = link.object("inwardIssue") {
            add(&other, kind, kind == DepKind::Duplicates);
        }
        if let Some(other) = link.object("outwardIssue") {
            add(&other, kind, kind == DepKind::Blocks);
        }
    }
}

fn rest(outer: &Fields<'_>, fields: &Fields<'_>) -> String {
    let mut rest = Rest::default();
    for name in ["id", "self"] {
        if let Some(raw) = outer.get(name) {
            rest.add(name, raw.get());
        }
    }
    for name in [
        "created",
        "resolutiondate",
        "timeestimate",
        "timespent",
        "environment",
    ] {
        if let Some(raw) = fields.get(name) {
            rest.add(name, raw.get());
        }
    }
    // Fields of the site's own, as far as they are small.
    for (name, raw) in fields.iter() {
        if name.starts_with("customfield_") && raw.get() != "null" && raw.get().len() <= 4096 {
            rest.add(name, raw.get());
        }
    }
    rest.finish()
}
