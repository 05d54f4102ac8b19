//! A task → one line of `.beads/issues.jsonl`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::json;

use crate::domain::dep::DepKind;
use crate::domain::ids::TaskUid;
use crate::domain::register::Stamp;
use crate::domain::task::{Comment, Status};
use crate::exchange::beads::{HEADINGS, TEXTS, links};
use crate::exchange::json::Fields;
use crate::exchange::kept::{Kept, KeptComment, KeptLink, print};
use crate::exchange::out::{Outgoing, OutgoingTask};
use crate::exchange::sections;
use crate::exchange::sums::Field;

/// Names there, both ways.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    by_uid: BTreeMap<TaskUid, String>,
    known: BTreeSet<String>,
}

impl Ids {
    /// Of all tasks that are written. Whatever is written beside it, a task has the same id.
    pub(crate) fn of(outgoing: &Outgoing<'_>) -> Self {
        let theirs = outgoing.references.values();
        let theirs = theirs.filter_map(|told| told.strip_prefix("beads:"));
        let taken: BTreeSet<&str> = theirs.collect();
        let mut by_uid: BTreeMap<TaskUid, String> = BTreeMap::new();
        for task in &outgoing.tasks {
            let id = match task.source_id("beads") {
                Some(id) => id.to_owned(),
                None => own_id(task, &taken),
            };
            by_uid.insert(task.uid, id);
        }
        let known = by_uid.values().cloned().collect();
        Self { by_uid, known }
    }

    pub(crate) fn get(&self, uid: TaskUid) -> &str {
        self.by_uid.get(&uid).map_or("", String::as_str)
    }
}

/// What a task that is not from there is called there: `fleet-7`, or with its handle behind that if
/// an issue of the source has this name.
fn own_id(task: &OutgoingTask<'_>, taken: &BTreeSet<&str>) -> String {
    let handle = task.uid.handle();
    let number = task.name.strip_prefix("T-");
    let number = number.filter(|number| !number.starts_with('~'));
    let short = number.map(|number| format!("fleet-{number}"));
    let long = match number {
        Some(number) => format!("fleet-{number}-{handle}"),
        None => format!("fleet-{handle}"),
    };
    let free = |id: &String| !taken.contains(id.as_str());
    let named = short.into_iter().chain([long]).find(free);
    // Whoever makes up an id with this handle in it means to take the name.
    named.unwrap_or_else(|| format!("fleet-{}", task.uid))
}

/// An object that is being written.
struct Object<'a> {
    text: String,
    done: Vec<&'a str>,
    /// What was kept of the source's line.
    rest: Fields<'a>,
}

impl<'a> Object<'a> {
    /// One that takes over what was kept.
    fn over(rest: &'a str) -> Self {
        Self {
            text: String::new(),
            done: Vec::new(),
            rest: Fields::read(rest).unwrap_or_default(),
        }
    }

    fn raw(&mut self, name: &'a str, raw: &str) {
        self.text.push(if self.text.is_empty() { '{' } else { ',' });
        self.text.push_str(&text(name));
        self.text.push(':');
        self.text.push_str(raw);
        self.done.push(name);
    }

    fn put(&mut self, name: &'a str, value: &(impl Serialize + ?Sized)) {
        self.raw(name, &text(value));
    }

    /// As the source wrote it, if it did and nobody changed it here; else as told, if anything.
    fn keep<T: Serialize>(&mut self, name: &'static str, untouched: bool, now: Option<T>) {
        if self.done.contains(&name) {
            return;
        }
        let kept = self.rest.iter().find(|(n, _)| *n == name);
        match (kept.map(|(_, raw)| raw), now) {
            (Some(raw), _) if untouched => self.raw(name, raw.get()),
            (_, Some(value)) => self.put(name, &value),
            (_, None) => self.done.push(name),
        }
    }

    /// Everything else that the source wrote, and the end.
    fn finish(mut self) -> String {
        let rest = std::mem::take(&mut self.rest);
        for (name, raw) in rest.iter() {
            if !self.done.contains(&name) {
                self.text.push(if self.text.is_empty() { '{' } else { ',' });
                self.text.push_str(&text(name));
                self.text.push(':');
                self.text.push_str(raw.get());
            }
        }
        self.text.push('}');
        self.text
    }
}

fn text(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The line, without its end.
pub(crate) fn line(out: &OutgoingTask<'_>, ids: &Ids) -> String {
    let nothing = Kept::default();
    let kept = out.kept.as_ref().unwrap_or(&nothing);
    let mut object = Object::over(&kept.rest);
    let task = out.task;
    let id = ids.get(out.uid);
    let body = &task.body.value;
    if kept.status == "memory" {
        object.put("_type", "memory");
        object.put("key", id.strip_prefix("memory/").unwrap_or(id));
        object.keep("value", body.is_empty(), Some(body));
        return object.finish();
    }
    object.put("id", id);
    object.keep("title", out.same(Field::Title), Some(&task.title.value));
    let parts = sections::split(body, &kept.parts, HEADINGS);
    for (name, part) in TEXTS.iter().zip(parts) {
        if let Some(part) = part {
            object.put(name, &part);
        }
    }
    let same_status = status(&mut object, out, kept);
    object.keep("priority", out.same(Field::Priority), Some(task.priority()));
    let kind = &task.kind.value;
    let told = (!kind.is_empty()).then_some(&**kind);
    let same = out.same(Field::Kind);
    object.keep("issue_type", same, told.or((!same).then_some("task")));
    let assignee = &task.details.assignee;
    object.keep(
        "assignee",
        out.same(Field::Assignee),
        assignee.value.as_ref(),
    );
    times(&mut object, out, same_status);
    let all: Vec<&str> = task.labels.iter().collect();
    object.keep(
        "labels",
        out.same(Field::Labels),
        (!all.is_empty()).then_some(all),
    );
    let edges = edges(out, kept, ids);
    object.keep("dependencies", edges.is_empty(), some_list(edges));
    let comments = comments(out, kept, id);
    object.keep("comments", comments.is_empty(), some_list(comments));
    let elsewhere = task.details.external_ref.value.as_deref();
    let elsewhere = elsewhere.filter(|_| out.source_id("beads").is_none());
    object.keep("external_ref", true, elsewhere);
    if out.source_id("beads").is_none() {
        let fleet = json!({ "fleet": { "id": out.name, "uid": out.uid.to_string() } });
        object.keep("metadata", true, Some(fleet));
    }
    object.finish()
}

fn some_list(list: Vec<Raw>) -> Option<Vec<Raw>> {
    (!list.is_empty()).then_some(list)
}

/// A piece of JSON as it is.
struct Raw(String);

impl Serialize for Raw {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let raw: &serde_json::value::RawValue =
            serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(s)
    }
}

/// Writes the status; true if it is the source's.
fn status(object: &mut Object<'_>, out: &OutgoingTask<'_>, kept: &Kept) -> bool {
    let open = out.task.is_open();
    // A status that holds the task here is gone once the hold is.
    let same = out.same(Field::Status)
        && (!open || kept.status.is_empty() || out.task.details.held_by.value.is_some());
    let plain = if open { "open" } else { "closed" };
    let told = if same && !kept.status.is_empty() {
        &*kept.status
    } else {
        plain
    };
    object.put("status", told);
    same
}

fn times(object: &mut Object<'_>, out: &OutgoingTask<'_>, same_status: bool) {
    let task = out.task;
    let added = task.added.as_ref().map(|(_, at)| at.ts.wall());
    object.keep("created_at", true, added);
    let changed = out.is_changed() || !same_status;
    let updated = changed.then(|| task.updated.ts.wall());
    object.keep("updated_at", !changed, updated);
    let named = same_status
        && out
            .kept
            .as_ref()
            .is_some_and(|kept| !kept.status.is_empty());
    let closed = match &task.status.value {
        Status::Closed { reason, .. } if !named => Some(&**reason),
        Status::Closed { .. } | Status::Open => None,
    };
    let at = (closed.is_some() && !same_status).then(|| task.status.at.ts.wall());
    object.keep("closed_at", same_status, at);
    let reason = closed.filter(|reason| !reason.is_empty());
    object.keep("close_reason", same_status, reason);
    let due = task.details.due.value;
    object.keep("due_at", out.same(Field::Due), due);
    let defer = task.details.defer_until.value;
    object.keep("defer_until", out.same(Field::DeferUntil), defer);
}

/// The source's edges that are still there or lead nowhere here, then those that were added here.
fn edges(out: &OutgoingTask<'_>, kept: &Kept, ids: &Ids) -> Vec<Raw> {
    let id = ids.get(out.uid);
    let target = |uid: &TaskUid| ids.by_uid.get(uid).map(String::as_str);
    let there = |kind: DepKind, to: &str| {
        let same =
            |edge: &&(DepKind, TaskUid, Stamp)| edge.0 == kind && target(&edge.1) == Some(to);
        out.edges.iter().any(|edge| same(&edge))
    };
    let known = |to: &str| ids.known.contains(to);
    let mut list = Vec::new();
    for KeptLink(name, to, rest) in &kept.links {
        if to.is_empty() {
            list.push(Raw(rest.clone()));
            continue;
        }
        let (kind, _) = links::kind(name);
        if !there(kind, to) && to != id && known(to) {
            continue;
        }
        let object = edge(id, to, name, rest);
        list.push(Raw(object.finish()));
    }
    for (kind, uid, at) in &out.edges {
        let Some(to) = target(uid) else { continue };
        let said = |link: &&KeptLink| link.1 == to && links::kind(&link.0).0 == *kind;
        if kept.links.iter().any(|link| said(&link)) {
            continue;
        }
        let mut object = edge(id, to, kind.name(), "");
        object.put("created_at", &at.ts.wall());
        object.put("created_by", "fleet");
        list.push(Raw(object.finish()));
    }
    list
}

fn edge<'a>(id: &str, to: &str, kind: &str, rest: &'a str) -> Object<'a> {
    let mut object = Object::over(rest);
    object.keep("issue_id", true, Some(id));
    object.put("depends_on_id", to);
    object.put("type", kind);
    object
}

fn comments(out: &OutgoingTask<'_>, kept: &Kept, id: &str) -> Vec<Raw> {
    let mut left: Vec<&KeptComment> = kept.comments.iter().collect();
    let all = out.task.details.comments.values();
    all.map(|comment| {
        let by = comment.by.strip_prefix("beads:").unwrap_or(&comment.by);
        let print = print(by, &comment.text);
        let found = left.iter().position(|kept| kept.1 == print);
        let rest = found.map_or("", |at| &*left.remove(at).2);
        Raw(one_comment(comment, by, rest, id))
    })
    .collect()
}

fn one_comment(comment: &Comment, by: &str, rest: &str, id: &str) -> String {
    let local = rest.is_empty();
    let mut object = Object::over(rest);
    object.keep("id", true, local.then(|| comment.at.id.to_string()));
    object.keep("issue_id", true, local.then_some(id));
    object.keep("author", true, Some(by));
    object.put("text", &comment.text);
    object.keep("created_at", true, local.then(|| comment.at.ts.wall()));
    object.finish()
}
