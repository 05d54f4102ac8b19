//! Taskwarrior: what `task export` prints (its documented JSON format, versions 2 and 3).

use std::borrow::Cow;

use crate::domain::dep::DepKind;
use crate::domain::record::CloseOutcome;
use crate::exchange::batch::{Batch, Incoming, Link, Place};
use crate::exchange::fit;
use crate::exchange::json::{self, Fields};
use crate::exchange::kept::{KeptLink, Rest};
use crate::exchange::times::{compact, told};

/// Fields that its exports compute, or that this reader takes apart.
const TAKEN: &[&str] = &[
    "id",
    "uuid",
    "description",
    "status",
    "priority",
    "tags",
    "due",
    "annotations",
    "depends",
    "urgency",
];

/// Reads a file.
pub(crate) fn read(batch: &mut Batch, file: u32, bytes: &[u8]) {
    json::issues(batch, file, bytes, one);
}

fn one(batch: &mut Batch, fields: &Fields<'_>, place: Place) -> Option<Incoming> {
    let Some(uuid) = fields.text("uuid").filter(|uuid| !uuid.is_empty()) else {
        batch.broken(place, "", "a task without `uuid`");
        return None;
    };
    let mut at = |name: &str| {
        let text = fields.text(name)?;
        let about = format!("taskwarrior:{uuid}");
        compact(&text).or_else(|| told(batch, place, &about, name, Some(&text)))
    };
    let mut issue = Incoming {
        place,
        key: format!("taskwarrior:{uuid}"),
        trusted: true,
        updated: at("modified").or_else(|| at("entry")),
        ..Incoming::default()
    };
    issue.kept.updated = issue.updated;
    let text = fields.text("description").unwrap_or_default();
    if fit::title(&text) != text.trim() {
        // What does not fit into a title is not lost.
        issue.set.body = Some(text.clone().into_owned());
    }
    issue.set.title = Some(fit::heading(&text).into_owned());
    issue.set.priority = match fields.text("priority").as_deref() {
        Some("H") => Some(1),
        Some("M") => Some(2),
        Some("L") => Some(3),
        _ => None,
    };
    for raw in fields.list("tags") {
        if let Some(tag) = json::text(raw).as_deref().and_then(fit::word) {
            issue.labels.push(tag.into_owned());
        }
    }
    if let Some(project) = fields.text("project").as_deref().and_then(fit::word) {
        issue.labels.push(format!("project:{project}"));
    }
    if let Some(due) = at("due") {
        issue.set.due = Some(Some(due));
    }
    // `wait` hides a task, `scheduled` says when it can be begun: the later one counts here.
    if let Some(later) = at("wait").max(at("scheduled")) {
        issue.set.defer_until = Some(Some(later));
    }
    let status = fields.text("status").unwrap_or(Cow::Borrowed("pending"));
    match &*status {
        "pending" | "waiting" => {}
        "completed" => issue.closed = Some((CloseOutcome::Done, String::new())),
        "deleted" => {
            let why = "deleted at the source".to_owned();
            issue.closed = Some((CloseOutcome::Wontdo, why));
        }
        // The pattern of recurring tasks is none itself.
        other => issue.holds.push(format!("status {other}")),
    }
    if at("start").is_some() && issue.closed.is_none() {
        issue.holds.push("started".to_owned());
    }
    issue.kept.status = status.into_owned();
    depends(fields, &mut issue);
    annotations(fields, &mut issue);
    let mut rest = Rest::default();
    for (name, raw) in fields.iter().filter(|(name, _)| !TAKEN.contains(name)) {
        rest.add(name, raw.get());
    }
    issue.kept.rest = rest.finish();
    Some(issue)
}

/// A list, or in version 2 one text with commas.
fn depends(fields: &Fields<'_>, issue: &mut Incoming) {
    let listed = fields.list("depends").into_iter().filter_map(json::text);
    let joined = fields
        .text("depends")
        .map(Cow::into_owned)
        .unwrap_or_default();
    let all: Vec<String> = listed
        .map(Cow::into_owned)
        .chain(joined.split(',').map(|uuid| uuid.trim().to_owned()))
        .filter(|uuid| !uuid.is_empty())
        .collect();
    for uuid in all {
        let to = format!("taskwarrior:{uuid}");
        let kept = KeptLink("blocks".to_owned(), to.clone(), String::new());
        issue.kept.links.push(kept);
        issue.links.push(Link {
            kind: DepKind::Blocks,
            to,
            reversed: false,
        });
    }
}

fn annotations(fields: &Fields<'_>, issue: &mut Incoming) {
    for raw in fields.list("annotations") {
        let Some(note) = Fields::of(raw) else {
            continue;
        };
        let Some(text) = note.text("description") else {
            continue;
        };
        let at = note.get("entry").map_or("null", |raw| raw.get());
        // It has no name, but its time is its name there.
        let id = note.text("entry").unwrap_or_default();
        issue.hear(&id, "taskwarrior", &text, at);
    }
}
