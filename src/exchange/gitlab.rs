//! GitLab issues: the REST API's list.

use std::borrow::Cow;

use crate::domain::dep::DepKind;
use crate::domain::record::CloseOutcome;
use crate::domain::task::Acceptance;
use crate::exchange::batch::{Batch, Incoming, Link, Place};
use crate::exchange::fit;
use crate::exchange::forms::Options;
use crate::exchange::github::elements;
use crate::exchange::json::{self, Fields};
use crate::exchange::kept::{KeptLink, Rest};
use crate::exchange::times::told;

/// Reads a file.
pub(crate) fn read(batch: &mut Batch, file: u32, bytes: &[u8], options: &Options) {
    json::issues(batch, file, bytes, |batch, fields, place| {
        one(batch, fields, place, options)
    });
}

/// `group/project` of an issue's address `https://host/group/project/-/issues/7`.
pub(super) fn project(url: &str) -> Option<String> {
    let path = url.split_once("://")?.1.split_once('/')?.1;
    let end = path.find("/-/").or_else(|| path.find("/issues/"))?;
    let path = &path[..end];
    (path.contains('/') && !path.contains([' ', '#', '?'])).then(|| path.to_owned())
}

fn one(
    batch: &mut Batch,
    fields: &Fields<'_>,
    place: Place,
    options: &Options,
) -> Option<Incoming> {
    let Some(number) = fields.number("iid").filter(|n| *n > 0) else {
        batch.broken(place, "", "an issue without `iid`");
        return None;
    };
    let from = fields.text("web_url").as_deref().and_then(project);
    let named = || {
        let full = fields.object("references")?.text("full")?;
        full.split_once('#').map(|(project, _)| project.to_owned())
    };
    let Some(project) = from.or_else(named).or_else(|| options.repo.clone()) else {
        let what = format!("#{number} names no project: say `--repo group/project`");
        batch.broken(place, "", what);
        return None;
    };
    let key = format!("gitlab:{project}#{number}");
    let mut at = |name: &str| told(batch, place, &key, name, fields.text(name).as_deref());
    let (updated, due) = (at("updated_at"), at("due_date"));
    let mut issue = Incoming {
        place,
        updated,
        key,
        ..Incoming::default()
    };
    issue.kept.updated = issue.updated;
    let title = fields.text("title").unwrap_or_default();
    issue.set.title = Some(fit::heading(&title).into_owned());
    let body = fields.text("description").filter(|t| !t.is_empty());
    issue.set.acceptance = body.as_deref().and_then(checklist);
    issue.set.body = body.map(Cow::into_owned);
    for raw in fields.list("labels") {
        let name = json::text(raw).or_else(|| Fields::of(raw)?.text("name"));
        if let Some(label) = name.as_deref().and_then(fit::word) {
            issue.labels.push(label.into_owned());
        }
    }
    let kind = fields
        .text("issue_type")
        .filter(|kind| !kind.eq_ignore_ascii_case("issue"));
    issue.set.kind = kind.as_deref().and_then(fit::kind).map(Cow::into_owned);
    issue.set.priority = issue.labels.iter().find_map(|label| priority(label));
    let people = elements(fields, "assignees");
    let first = people.first().copied().or_else(|| fields.get("assignee"));
    let first = first.and_then(|raw| Fields::of(raw)?.text("username"));
    if let Some(name) = first.as_deref().and_then(fit::word) {
        issue.set.assignee = Some(Some(name.into_owned()));
    }
    if people.len() > 1 {
        let others = people.len() - 1;
        let what = format!("assigned to {others} others, too; the first holds the task");
        batch.remark(place, &issue.key, what);
    }
    issue.set.due = due.map(Some);
    if fields.text("state").as_deref() == Some("closed") {
        issue.closed = Some((CloseOutcome::Done, String::new()));
    }
    notes(fields, &mut issue);
    links(fields, &mut issue, &project);
    issue.kept.rest = rest(fields);
    Some(issue)
}

/// `priority::1`, `P1`, `priority::high`.
fn priority(label: &str) -> Option<u8> {
    let label = label.to_ascii_lowercase();
    let word = label.strip_prefix("priority::").unwrap_or(&label);
    match word {
        "critical" | "urgent" | "p0" => Some(0),
        "1" | "high" | "p1" if word.len() != label.len() || word == "p1" => Some(1),
        "2" | "medium" | "p2" if word.len() != label.len() || word == "p2" => Some(2),
        "3" | "low" | "p3" if word.len() != label.len() || word == "p3" => Some(3),
        "4" | "p4" if word.len() != label.len() || word == "p4" => Some(4),
        _ => None,
    }
}

/// The check boxes of a text, below a heading that says acceptance.
fn checklist(body: &str) -> Option<Vec<Acceptance>> {
    let mut inside = false;
    let mut points = Vec::new();
    for line in body.lines() {
        if line.starts_with('#') {
            inside = line.to_ascii_lowercase().contains("acceptance");
            continue;
        }
        let line = line.trim_start();
        let boxed = ["- [ ] ", "- [x] ", "- [X] ", "* [ ] ", "* [x] "];
        let Some(mark) = boxed.iter().find(|mark| inside && line.starts_with(**mark)) else {
            continue;
        };
        points.push(Acceptance {
            text: line[mark.len()..].trim().to_owned(),
            done: !mark.contains("[ ]"),
        });
    }
    (!points.is_empty()).then_some(points)
}

/// Notes, if the export has them; what the system notes by itself is left out.
fn notes(fields: &Fields<'_>, issue: &mut Incoming) {
    for raw in fields.list("notes") {
        let Some(note) = Fields::of(raw) else {
            continue;
        };
        let system = note.get("system").is_some_and(|raw| raw.get() == "true");
        let Some(text) = note.text("body").filter(|_| !system) else {
            continue;
        };
        let by = note.object("author").and_then(|by| by.text("username"));
        let by = by.as_deref().and_then(fit::word);
        let by = by.as_deref().unwrap_or("ghost");
        let id = note.word("id").unwrap_or_default();
        let at = note.get("created_at").map_or("null", |raw| raw.get());
        issue.hear(&id, by, &text, at);
    }
}

/// Linked issues, if they were fetched with it (`/issues/:iid/links`), and the epic as a label.
fn links(fields: &Fields<'_>, issue: &mut Incoming, here: &str) {
    for raw in fields.list("links") {
        let Some(other) = Fields::of(raw) else {
            continue;
        };
        let Some(number) = other.number("iid") else {
            continue;
        };
        let project = other.text("web_url").as_deref().and_then(project);
        let project = project.unwrap_or_else(|| here.to_owned());
        let to = format!("gitlab:{project}#{number}");
        let (kind, reversed) = match other.text("link_type").as_deref() {
            Some("blocks") => (DepKind::Blocks, true),
            Some("is_blocked_by") => (DepKind::Blocks, false),
            _ => (DepKind::Related, false),
        };
        if !reversed {
            let kept = KeptLink(kind.name().to_owned(), to.clone(), String::new());
            issue.kept.links.push(kept);
        }
        issue.links.push(Link { kind, to, reversed });
    }
}

fn rest(fields: &Fields<'_>) -> String {
    let mut rest = Rest::default();
    for name in [
        "id",
        "project_id",
        "web_url",
        "created_at",
        "closed_at",
        "confidential",
        "weight",
        "severity",
        "time_stats",
        "epic_iid",
    ] {
        if let Some(raw) = fields.get(name) {
            rest.add(name, raw.get());
        }
    }
    if let Some(title) = fields.object("milestone").and_then(|m| m.get("title")) {
        rest.add("milestone", title.get());
    }
    if let Some(name) = fields.object("author").and_then(|by| by.get("username")) {
        rest.add("author", name.get());
    }
    rest.finish()
}
