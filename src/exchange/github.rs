//! GitHub issues: the REST API's list, what `gh issue list --json` prints, and GraphQL nodes.
//!
//! The reference is that of issues which fleet takes in itself, so that both meet in one task.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::domain::dep::DepKind;
use crate::domain::record::CloseOutcome;
use crate::exchange::batch::{Batch, Incoming, Link, Place};
use crate::exchange::fit;
use crate::exchange::forms::Options;
use crate::exchange::json::{self, Fields};
use crate::exchange::kept::KeptLink;
use crate::exchange::times::told;

/// Reads a file.
pub(crate) fn read(batch: &mut Batch, file: u32, bytes: &[u8], options: &Options) {
    json::issues(batch, file, bytes, |batch, fields, place| {
        one(batch, fields, place, options)
    });
}

fn one(
    batch: &mut Batch,
    fields: &Fields<'_>,
    place: Place,
    options: &Options,
) -> Option<Incoming> {
    let Some(number) = fields.number("number").filter(|n| *n > 0) else {
        batch.broken(place, "", "an issue without `number`");
        return None;
    };
    let Some(repo) = repo(fields).or_else(|| options.repo.clone()) else {
        let what = format!("#{number} names no repository: add `url`, or say `--repo owner/name`");
        batch.broken(place, "", what);
        return None;
    };
    let key = format!("github:{repo}#{number}");
    if fields.get("pull_request").is_some() {
        batch.remark(place, &key, "a pull request, no issue: left out");
        return None;
    }
    let mut issue = Incoming {
        place,
        // Anybody may have written it; an association in a file proves nothing.
        trusted: false,
        updated: {
            let at = either(fields, "updated_at", "updatedAt");
            told(batch, place, &key, "updated_at", at.as_deref())
        },
        ..Incoming::default()
    };
    issue.kept.updated = issue.updated;
    let title = fields.text("title").unwrap_or_default();
    issue.set.title = Some(fit::heading(&title).into_owned());
    issue.set.body = fields
        .text("body")
        .filter(|t| !t.is_empty())
        .map(Cow::into_owned);
    labels(fields, &mut issue);
    people(batch, fields, &mut issue, &key);
    closed(fields, &mut issue);
    let milestone = fields.object("milestone");
    let due = milestone.and_then(|m| m.text("due_on").or_else(|| m.text("dueOn")));
    let due = told(batch, place, &key, "due_on", due.as_deref());
    issue.set.due = due.map(Some);
    comments(fields, &mut issue);
    relations(fields, &mut issue, &repo);
    issue.kept.rest = rest(fields);
    issue.key = key;
    Some(issue)
}

fn either<'a>(fields: &Fields<'a>, rest: &str, graph: &str) -> Option<Cow<'a, str>> {
    fields.text(rest).or_else(|| fields.text(graph))
}

/// `owner/name`, from any of the addresses that an issue carries.
fn repo(fields: &Fields<'_>) -> Option<String> {
    if let Some(repo) = fields.object("repository") {
        let named = ["full_name", "nameWithOwner"]
            .iter()
            .find_map(|name| repo.text(name));
        if let Some(named) = named {
            return Some(named.into_owned());
        }
    }
    let from = ["html_url", "url", "repository_url"];
    from.iter().find_map(|name| {
        let url = fields.text(name)?;
        let path = url.split_once("://")?.1.split_once('/')?.1;
        let path = path.strip_prefix("api/v3/").unwrap_or(path);
        let path = path.strip_prefix("repos/").unwrap_or(path);
        let mut parts = path.split('/');
        let (owner, name) = (parts.next()?, parts.next()?);
        let plain = |text: &str| !text.is_empty() && !text.contains([' ', '#', '?', ':']);
        (plain(owner) && plain(name)).then(|| format!("{owner}/{name}"))
    })
}

/// Elements of a list, or of a GraphQL connection.
pub(super) fn elements<'a>(fields: &Fields<'a>, name: &str) -> Vec<&'a RawValue> {
    match fields.object(name) {
        Some(connection) => connection.list("nodes"),
        None => fields.list(name),
    }
}

fn labels(fields: &Fields<'_>, issue: &mut Incoming) {
    for raw in elements(fields, "labels") {
        let name = json::text(raw).or_else(|| Fields::of(raw)?.text("name"));
        if let Some(label) = name.as_deref().and_then(fit::word) {
            issue.labels.push(label.into_owned());
        }
    }
    // A type of its own is newer than the habit to use labels.
    let named = fields.object("type").or_else(|| fields.object("issueType"));
    let named = named.and_then(|kind| kind.text("name"));
    let by_label = || {
        let known = ["bug", "documentation", "feature", "enhancement"];
        let found = known
            .iter()
            .find(|kind| issue.labels.iter().any(|l| l == *kind));
        found.map(|kind| {
            Cow::Borrowed(if *kind == "enhancement" {
                "feature"
            } else {
                *kind
            })
        })
    };
    let kind = named.or_else(by_label);
    issue.set.kind = kind.as_deref().and_then(fit::kind).map(Cow::into_owned);
    issue.set.priority = issue.labels.iter().find_map(|label| priority(label));
}

/// `P1`, `priority:1`, `priority: high` and the like.
fn priority(label: &str) -> Option<u8> {
    let label = label.to_ascii_lowercase();
    let rest = label
        .strip_prefix("priority")
        .map(|r| r.trim_start_matches([':', '/', '-', ' ']));
    let word = rest.unwrap_or(&label);
    let digits = word.strip_prefix('p').unwrap_or(word);
    let is_number = digits.len() == 1 && (rest.is_some() || word.len() == 2);
    match (word, digits.parse::<u8>()) {
        (_, Ok(n)) if is_number && n <= 4 => Some(n),
        ("critical" | "urgent", _) if rest.is_some() => Some(0),
        ("high", _) if rest.is_some() => Some(1),
        ("medium" | "normal", _) if rest.is_some() => Some(2),
        ("low", _) if rest.is_some() => Some(3),
        _ => None,
    }
}

fn people(batch: &mut Batch, fields: &Fields<'_>, issue: &mut Incoming, key: &str) {
    let mut names = elements(fields, "assignees")
        .into_iter()
        .filter_map(|raw| Fields::of(raw)?.text("login"));
    let first = names
        .next()
        .or_else(|| fields.object("assignee")?.text("login"));
    let others = names.count();
    if others > 0 {
        let what = format!("assigned to {others} others, too; the first holds the task");
        batch.remark(issue.place, key, what);
    }
    if let Some(name) = first.as_deref().and_then(fit::word) {
        issue.set.assignee = Some(Some(name.into_owned()));
    }
}

fn closed(fields: &Fields<'_>, issue: &mut Incoming) {
    let state = fields.text("state").unwrap_or_default();
    if !state.eq_ignore_ascii_case("closed") {
        return;
    }
    let reason = either(fields, "state_reason", "stateReason").unwrap_or_default();
    let outcome = match reason.to_ascii_lowercase().as_str() {
        "not_planned" => CloseOutcome::Wontdo,
        "duplicate" => CloseOutcome::Duplicate,
        _ => CloseOutcome::Done,
    };
    issue.closed = Some((outcome, String::new()));
}

fn comments(fields: &Fields<'_>, issue: &mut Incoming) {
    for raw in elements(fields, "comments") {
        let Some(comment) = Fields::of(raw) else {
            continue;
        };
        let Some(text) = comment.text("body") else {
            continue;
        };
        let by = comment.object("user").or_else(|| comment.object("author"));
        let by = by.and_then(|by| by.text("login"));
        let by = by.as_deref().and_then(fit::word);
        let by = by.as_deref().unwrap_or("ghost");
        let id = comment.word("id").unwrap_or_default();
        let at = either(&comment, "created_at", "createdAt").unwrap_or_default();
        let at = serde_json::to_string(&at).unwrap_or_default();
        issue.hear(&id, by, &text, &at);
    }
}

/// Sub-issues and dependencies, where the export has them.
fn relations(fields: &Fields<'_>, issue: &mut Incoming, here: &str) {
    let mut add = |raw: &RawValue, kind: DepKind, reversed: bool| {
        let Some(other) = Fields::of(raw) else { return };
        let Some(number) = other.number("number") else {
            return;
        };
        let repo = repo(&other).unwrap_or_else(|| here.to_owned());
        let to = format!("github:{repo}#{number}");
        if !reversed {
            let kept = KeptLink(kind.name().to_owned(), to.clone(), String::new());
            issue.kept.links.push(kept);
        }
        issue.links.push(Link { kind, to, reversed });
    };
    if let Some(parent) = fields.get("parent") {
        add(parent, DepKind::ParentChild, false);
    }
    for raw in elements(fields, "subIssues") {
        add(raw, DepKind::ParentChild, true);
    }
    for raw in elements(fields, "blockedBy") {
        add(raw, DepKind::Blocks, false);
    }
    for raw in elements(fields, "blocking") {
        add(raw, DepKind::Blocks, true);
    }
}

/// Small fields that have no place here; addresses and pictures of people are left behind.
fn rest(fields: &Fields<'_>) -> String {
    let mut rest = crate::exchange::kept::Rest::default();
    for name in [
        "id",
        "node_id",
        "html_url",
        "url",
        "created_at",
        "createdAt",
        "closed_at",
        "closedAt",
        "state_reason",
        "stateReason",
        "locked",
    ] {
        if let Some(raw) = fields.get(name) {
            rest.add(name, raw.get());
        }
    }
    for name in ["user", "author"] {
        if let Some(login) = fields.object(name).and_then(|user| user.get("login")) {
            rest.add(name, login.get());
        }
    }
    if let Some(title) = fields.object("milestone").and_then(|m| m.get("title")) {
        rest.add("milestone", title.get());
    }
    rest.finish()
}
