//! Linear: issues as its GraphQL API gives them, which its command-line tools print.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::domain::dep::DepKind;
use crate::domain::record::CloseOutcome;
use crate::exchange::batch::{Batch, Incoming, Link, Place};
use crate::exchange::fit;
use crate::exchange::github::elements;
use crate::exchange::json::{self, Fields};
use crate::exchange::kept::{KeptLink, Rest};
use crate::exchange::times::told;

/// Reads a file.
pub(crate) fn read(batch: &mut Batch, file: u32, bytes: &[u8]) {
    json::issues(batch, file, bytes, one);
}

fn one(batch: &mut Batch, fields: &Fields<'_>, place: Place) -> Option<Incoming> {
    let Some(id) = fields.text("identifier").filter(|id| !id.is_empty()) else {
        batch.broken(place, "", "an issue without `identifier`");
        return None;
    };
    let key = format!("linear:{id}");
    let mut at = |name: &str| told(batch, place, &key, name, fields.text(name).as_deref());
    let (updated, due) = (at("updatedAt"), at("dueDate"));
    let mut issue = Incoming {
        place,
        trusted: true,
        updated,
        key,
        ..Incoming::default()
    };
    issue.kept.updated = issue.updated;
    let title = fields.text("title").unwrap_or_default();
    issue.set.title = Some(fit::heading(&title).into_owned());
    let body = fields.text("description").filter(|text| !text.is_empty());
    issue.set.body = body.map(Cow::into_owned);
    let given = fields.number("priority");
    issue.set.priority = given.and_then(priority);
    let who = fields.object("assignee");
    let who = who.and_then(|who| who.text("displayName").or_else(|| who.text("name")));
    if let Some(who) = who.as_deref().and_then(fit::word) {
        issue.set.assignee = Some(Some(who.into_owned()));
    }
    for raw in elements(fields, "labels") {
        let name = json::text(raw).or_else(|| Fields::of(raw)?.text("name"));
        if let Some(label) = name.as_deref().and_then(fit::word) {
            issue.labels.push(label.into_owned());
        }
    }
    issue.set.due = due.map(Some);
    let state = fields.object("state");
    let name = state
        .as_ref()
        .and_then(|state| state.text("name"))
        .unwrap_or_default();
    let kind = state.as_ref().and_then(|state| state.text("type"));
    let kind = kind.unwrap_or(Cow::Borrowed(state_of(&name)));
    settle(&mut issue, &name, &kind);
    comments(fields, &mut issue);
    links(fields, &mut issue);
    issue.kept.rest = rest(fields);
    Some(issue)
}

/// Linear's 1 is urgent and 4 is low; 0 is none.
pub(super) const fn priority(given: i64) -> Option<u8> {
    match given {
        1 => Some(0),
        2 => Some(1),
        3 => Some(2),
        4 => Some(3),
        _ => None,
    }
}

/// The type of a state that Linear sets up under that name.
pub(super) fn state_of(name: &str) -> &'static str {
    match name.to_ascii_lowercase().as_str() {
        "done" | "completed" => "completed",
        "canceled" | "cancelled" | "won't fix" => "canceled",
        "duplicate" => "duplicate",
        "in progress" | "in review" | "started" => "started",
        "triage" => "triage",
        "backlog" => "backlog",
        _ => "unstarted",
    }
}

/// Open, held or closed. What is in triage was not accepted yet.
pub(super) fn settle(issue: &mut Incoming, name: &str, kind: &str) {
    match kind {
        "completed" => issue.closed = Some((CloseOutcome::Done, String::new())),
        "canceled" => issue.closed = Some((CloseOutcome::Wontdo, String::new())),
        "duplicate" => issue.closed = Some((CloseOutcome::Duplicate, String::new())),
        "started" | "triage" => issue.holds.push(format!("status {name}")),
        _ => {}
    }
    name.clone_into(&mut issue.kept.status);
}

fn comments(fields: &Fields<'_>, issue: &mut Incoming) {
    for raw in elements(fields, "comments") {
        let Some(comment) = Fields::of(raw) else {
            continue;
        };
        let Some(text) = comment.text("body") else {
            continue;
        };
        let by = comment.object("user");
        let by = by.and_then(|by| by.text("displayName").or_else(|| by.text("name")));
        let by = by.as_deref().and_then(fit::word);
        let by = by.as_deref().unwrap_or("unknown");
        let id = comment.word("id").unwrap_or_default();
        let at = comment.get("createdAt").map_or("null", |raw| raw.get());
        issue.hear(&id, by, &text, at);
    }
}

fn links(fields: &Fields<'_>, issue: &mut Incoming) {
    let mut add = |raw: Option<&RawValue>, kind: DepKind, reversed: bool| {
        let id = raw
            .and_then(Fields::of)
            .and_then(|f| f.text("identifier").map(Cow::into_owned));
        let Some(id) = id else { return };
        let to = format!("linear:{id}");
        if !reversed {
            let kept = KeptLink(kind.name().to_owned(), to.clone(), String::new());
            issue.kept.links.push(kept);
        }
        issue.links.push(Link { kind, to, reversed });
    };
    add(fields.get("parent"), DepKind::ParentChild, false);
    for raw in elements(fields, "children") {
        add(Some(raw), DepKind::ParentChild, true);
    }
    let kind_of = |relation: &Fields<'_>| match relation.text("type").as_deref() {
        Some("blocks") => DepKind::Blocks,
        Some("duplicate") => DepKind::Duplicates,
        _ => DepKind::Related,
    };
    // "A blocks B" stands in A's relations and in B's inverse relations.
    for relation in elements(fields, "relations")
        .into_iter()
        .filter_map(Fields::of)
    {
        let kind = kind_of(&relation);
        add(relation.get("relatedIssue"), kind, kind == DepKind::Blocks);
    }
    for relation in elements(fields, "inverseRelations")
        .into_iter()
        .filter_map(Fields::of)
    {
        let kind = kind_of(&relation);
        add(relation.get("issue"), kind, kind != DepKind::Blocks);
    }
}

fn rest(fields: &Fields<'_>) -> String {
    let mut rest = Rest::default();
    for name in [
        "id",
        "url",
        "branchName",
        "createdAt",
        "startedAt",
        "completedAt",
        "canceledAt",
        "estimate",
        "priorityLabel",
    ] {
        if let Some(raw) = fields.get(name) {
            rest.add(name, raw.get());
        }
    }
    for name in ["team", "project", "cycle", "projectMilestone"] {
        let inner = fields.object(name);
        let inner = inner.and_then(|inner| inner.get("key").or_else(|| inner.get("name")));
        if let Some(raw) = inner {
            rest.add(name, raw.get());
        }
    }
    rest.finish()
}
