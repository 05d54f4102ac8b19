//! Backlog.md: one Markdown file per task, with front matter and named sections.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::domain::dep::DepKind;
use crate::domain::record::CloseOutcome;
use crate::domain::task::Acceptance;
use crate::exchange::batch::{Batch, Format, Incoming, Link, Place};
use crate::exchange::fit;
use crate::exchange::forms::SourceFile;
use crate::exchange::kept::{KeptLink, Rest};
use crate::exchange::markdown::boxed;
use crate::exchange::text::{small, whole};
use crate::exchange::times::told;

/// Values of the front matter: each key has a list, of one element if it is a plain value.
type Front<'a> = BTreeMap<&'a str, Vec<Cow<'a, str>>>;

/// Reads a file.
pub(crate) fn read(batch: &mut Batch, file: u32, source: &SourceFile<'_>) {
    let Some(text) = whole(batch, file, source.bytes) else {
        return;
    };
    let place = Place::line(file, 1);
    let Some((front, body, first)) = split(&text) else {
        // A folder may hold documents beside its tasks.
        batch.remark(place, "", "no front matter: no task, left out");
        return;
    };
    let front = match front_matter(front) {
        Ok(front) => front,
        Err((line, what)) => {
            batch.broken(Place::line(file, small(line)), "", what);
            return;
        }
    };
    let Some(id) = one(&front, "id").filter(|id| !id.is_empty()) else {
        batch.remark(place, "", "no `id` in the front matter: no task, left out");
        return;
    };
    let Some(title) = one(&front, "title") else {
        let what = "no `title` in the front matter";
        batch.broken(place, &format!("backlog:{id}"), what);
        return;
    };
    let key = format!("backlog:{}", id.to_lowercase());
    let updated = one(&front, "updated_date").or_else(|| one(&front, "created_date"));
    let updated = told(batch, place, &key, "updated_date", updated);
    let due = told(batch, place, &key, "due_date", one(&front, "due_date"));
    let mut issue = Incoming {
        place,
        key,
        trusted: true,
        updated,
        ..Incoming::default()
    };
    issue.kept.updated = issue.updated;
    issue.set.title = Some(fit::heading(title).into_owned());
    issue.set.due = due.map(Some);
    values(&front, &mut issue, source.name);
    sections(batch, &mut issue, body, first);
    batch.issues.push(issue);
}

/// Front matter, body, and the body's first line.
fn split(text: &str) -> Option<(&str, &str, usize)> {
    let rest = text
        .strip_prefix("---")?
        .strip_prefix("\r\n")
        .or_else(|| text.strip_prefix("---\n"))?;
    let mut at = 0;
    for (number, line) in rest.split_inclusive('\n').enumerate() {
        if line.trim_end() == "---" {
            return Some((&rest[..at], &rest[at + line.len()..], number + 3));
        }
        at += line.len();
    }
    None
}

/// The part of YAML that Backlog.md writes: plain, quoted and folded values, and lists of them.
fn front_matter(text: &str) -> Result<Front<'_>, (usize, String)> {
    let mut front = Front::new();
    let mut last = None;
    for (number, line) in text.lines().enumerate() {
        let shown = number + 2;
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let inner = line.starts_with([' ', '\t']) || trimmed.starts_with("- ") || trimmed == "-";
        if inner {
            let Some(key) = last else {
                return Err((shown, "a list element without a key above it".to_owned()));
            };
            let list = front.entry(key).or_default();
            match trimmed.strip_prefix('-') {
                Some(element) => list.push(scalar(element.trim())),
                // The continuation of a long value.
                None => match list.last_mut() {
                    Some(value) => {
                        let value = value.to_mut();
                        if !value.is_empty() {
                            value.push(' ');
                        }
                        value.push_str(scalar(trimmed).trim());
                    }
                    None => list.push(scalar(trimmed)),
                },
            }
            continue;
        }
        let Some((key, value)) = trimmed.split_once(':') else {
            return Err((
                shown,
                format!("`{}` is no `key: value`", fit::title(trimmed)),
            ));
        };
        let value = value.trim();
        let list = match value.strip_prefix('[').and_then(|v| v.strip_suffix(']')) {
            Some(inner) => flow(inner),
            // A value that is folded over the next lines begins with one of these.
            None if ["", ">", ">-", "|", "|-"].contains(&value) => Vec::new(),
            None => vec![scalar(value)],
        };
        if front.insert(key.trim(), list).is_some() {
            return Err((shown, format!("`{}` is there twice", key.trim())));
        }
        last = Some(key.trim());
    }
    Ok(front)
}

/// The elements of `a, "b, c"`.
fn flow(text: &str) -> Vec<Cow<'_, str>> {
    let mut list = Vec::new();
    let (mut start, mut quote) = (0, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            (None, ',') => {
                list.push(scalar(text[start..at].trim()));
                start = at + 1;
            }
            _ => {}
        }
    }
    list.push(scalar(text[start..].trim()));
    list.retain(|element| !element.is_empty());
    list
}

fn scalar(text: &str) -> Cow<'_, str> {
    if let Some(inner) = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
        return Cow::Owned(inner.replace("''", "'"));
    }
    if text.len() >= 2 && text.starts_with('"') && text.ends_with('"') {
        return serde_json::from_str(text).map_or(Cow::Borrowed(text), Cow::Owned);
    }
    Cow::Borrowed(text)
}

fn one<'a>(front: &'a Front<'_>, key: &str) -> Option<&'a str> {
    front.get(key)?.first().map(|value| &**value)
}

fn values(front: &Front<'_>, issue: &mut Incoming, path: &str) {
    let all = |key: &str| front.get(key).into_iter().flatten();
    for label in all("labels") {
        if let Some(label) = fit::word(label) {
            issue.labels.push(label.into_owned());
        }
    }
    let who = one(front, "assignee").map(|who| who.trim_start_matches('@'));
    if let Some(who) = who.and_then(fit::word) {
        issue.set.assignee = Some(Some(who.into_owned()));
    }
    issue.set.kind = one(front, "type").and_then(fit::kind).map(Cow::into_owned);
    let priority = one(front, "priority").map(str::to_lowercase);
    issue.set.priority = match priority.as_deref() {
        Some("critical" | "urgent") => Some(0),
        Some("high") => Some(1),
        Some("medium") => Some(2),
        Some("low") => Some(3),
        _ => None,
    };
    status(front, issue, path);
    let mut link = |kind: DepKind, target: &str| {
        let to = format!("backlog:{}", target.to_lowercase());
        let kept = KeptLink(kind.name().to_owned(), to.clone(), String::new());
        issue.kept.links.push(kept);
        issue.links.push(Link {
            kind,
            to,
            reversed: false,
        });
    };
    for target in all("dependencies") {
        link(DepKind::Blocks, target);
    }
    if let Some(parent) = one(front, "parent_task_id").or_else(|| one(front, "parent")) {
        link(DepKind::ParentChild, parent);
    }
    let known = [
        "id",
        "title",
        "labels",
        "assignee",
        "priority",
        "status",
        "dependencies",
        "parent_task_id",
        "parent",
        "type",
    ];
    let mut rest = Rest::default();
    for (key, list) in front.iter().filter(|(key, _)| !known.contains(key)) {
        rest.add(key, &serde_json::to_string(list).unwrap_or_default());
    }
    issue.kept.rest = rest.finish();
}

/// By the field, and by the folder: what was archived was given up, what is completed is done.
fn status(front: &Front<'_>, issue: &mut Incoming, path: &str) {
    let status = one(front, "status").unwrap_or("To Do");
    let folder = |name: &str| path.split('/').any(|part| part == name);
    match status.to_lowercase().as_str() {
        _ if folder("archive") => {
            issue.closed = Some((CloseOutcome::Wontdo, "archived at the source".to_owned()));
        }
        "done" | "completed" | "closed" => {
            issue.closed = Some((CloseOutcome::Done, String::new()));
        }
        _ if folder("completed") => issue.closed = Some((CloseOutcome::Done, String::new())),
        "to do" | "todo" | "open" | "backlog" => {}
        _ => issue.holds.push(format!("status {status}")),
    }
    if folder("drafts") && issue.closed.is_none() {
        issue.holds.push("a draft".to_owned());
    }
    status.clone_into(&mut issue.kept.status);
}

/// Acceptance criteria become points; everything else stays text, without the marks around it.
fn sections(batch: &mut Batch, issue: &mut Incoming, body: &str, first: usize) {
    let mut points = Vec::new();
    let mut text = String::new();
    let mut inside = false;
    for (number, line) in body.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.starts_with("<!--") && trimmed.ends_with("-->") {
            continue;
        }
        if let Some(heading) = trimmed.strip_prefix("## ") {
            let name = heading.to_lowercase();
            inside =
                name.starts_with("acceptance criteria") || name.starts_with("definition of done");
            if inside || name == "description" {
                continue;
            }
        }
        match boxed(line).filter(|_| inside) {
            Some((_, done, words)) => {
                // `#1 words` counts the points.
                let bare = words.strip_prefix('#').map_or(words, |w| {
                    w.trim_start_matches(|c: char| c.is_ascii_digit()).trim()
                });
                if bare.is_empty() {
                    let place = Place::line(issue.place.file, small(first + number));
                    batch.remark(place, &issue.key, "an empty acceptance point was left out");
                    continue;
                }
                points.push(Acceptance {
                    text: bare.to_owned(),
                    done,
                });
            }
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    if !points.is_empty() {
        issue.set.acceptance = Some(points);
    }
    let text = text.trim();
    if !text.is_empty() {
        issue.set.body = Some(text.to_owned());
    }
}

/// Called once all files are read: ids are written as `task-7`, `TASK-7` or `7`, and dependencies
/// with or without the prefix.
pub(super) fn settle(batch: &mut Batch) {
    debug_assert_eq!(batch.format, Format::Backlog, "only its own issues");
    let keys: BTreeSet<String> = batch.issues.iter().map(|issue| issue.key.clone()).collect();
    let mut by_number: BTreeMap<String, Option<String>> = BTreeMap::new();
    for key in &keys {
        if let Some((_, number)) = key.rsplit_once(['-', ':']) {
            // Two that end alike are told apart by their names alone.
            let slot = by_number
                .entry(number.to_owned())
                .or_insert_with(|| Some(key.clone()));
            if slot.as_ref() != Some(key) {
                *slot = None;
            }
        }
    }
    for issue in &mut batch.issues {
        let links = issue.links.iter_mut().zip(&mut issue.kept.links);
        for (link, kept) in links.filter(|(link, _)| !keys.contains(&link.to)) {
            let number = link.to.rsplit(['-', ':']).next().unwrap_or_default();
            if let Some(Some(key)) = by_number.get(number) {
                link.to.clone_from(key);
                kept.1.clone_from(key);
            }
        }
    }
}
