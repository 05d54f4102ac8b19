//! `.beads/issues.jsonl`: one object per line (reference: beads' `internal/types`, and what
//! beads_rust writes).
//!
//! Everything that the mapping below does not give back exactly is kept as written.

mod gates;
pub(crate) mod links;
mod memory;
mod write;

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::domain::record::CloseOutcome;
use crate::exchange::batch::{Batch, Incoming, Said};
use crate::exchange::fit;
use crate::exchange::json::{self, Fields, Item};
use crate::exchange::kept::{KeptComment, Rest, print};
use crate::exchange::sections;
use crate::exchange::sums::Field;
use crate::exchange::times::time;

use gates::Waits;
use memory::memory;
pub(crate) use write::{Ids, line};

/// Headings of the texts that make up a body; the first has none.
pub(crate) const HEADINGS: &[&str] = &["", "Design", "Acceptance criteria", "Notes"];
/// The fields that they are.
pub(crate) const TEXTS: &[&str] = &["description", "design", "acceptance_criteria", "notes"];
/// Begins the reference of something that was remembered.
pub(crate) const MEMORY: &str = "beads:memory/";
/// Types that beads keeps out of `ready`: they organise work and are none.
const NO_WORK: &[&str] = &[
    "merge-request",
    "gate",
    "molecule",
    "message",
    "agent",
    "role",
    "rig",
];
/// Fields that its exports compute; read again they would be stale.
const COMPUTED: &[&str] = &[
    "dependency_count",
    "dependent_count",
    "comment_count",
    "parent",
];
/// Why a deleted issue is closed, with the source's words behind it.
pub(crate) const DELETED: &str = "deleted at the source";

/// Reads a file.
pub(crate) fn read(batch: &mut Batch, file: u32, bytes: &[u8]) {
    json::each(batch, file, bytes, |batch, item| {
        if let Some(issue) = one(batch, item) {
            batch.issues.push(issue);
        }
    });
}

/// What is known of a line so far.
struct Reading<'a> {
    issue: Incoming,
    rest: Rest,
    texts: [Option<Cow<'a, str>>; 4],
    status: Cow<'a, str>,
    reason: Option<Cow<'a, str>>,
    deleted: Option<Cow<'a, str>>,
    strange: Vec<String>,
    waits: Waits,
}

fn one(batch: &mut Batch, item: Item<'_>) -> Option<Incoming> {
    let mut fields = item.fields;
    let place = item.place;
    let doubled = fields.settle();
    if fields.text("_type").as_deref() == Some("memory") {
        return memory(batch, &fields, place);
    }
    let Some(id) = fields.word("id").filter(|id| !id.trim().is_empty()) else {
        batch.broken(place, "", "an issue without `id`");
        return None;
    };
    let key = format!("beads:{id}");
    let mut reading = Reading {
        issue: Incoming {
            place,
            key,
            trusted: true,
            ..Incoming::default()
        },
        rest: Rest::default(),
        texts: [None, None, None, None],
        status: Cow::Borrowed("open"),
        reason: None,
        deleted: None,
        strange: Vec::new(),
        waits: Waits::default(),
    };
    if let Some(name) = doubled {
        let what = format!("`{name}` is there twice; the last counts");
        reading.strange.push(what);
    }
    for (name, raw) in fields.iter() {
        reading.field(&id, name, raw);
    }
    let (issue, strange) = reading.finish();
    for what in strange {
        batch.remark(place, &issue.key, what);
    }
    Some(issue)
}

impl<'a> Reading<'a> {
    fn field(&mut self, id: &str, name: &str, raw: &'a RawValue) {
        let taken = match name {
            "id" => return,
            _ if COMPUTED.contains(&name) => return,
            "title" => self.title(raw),
            "status" => self.status(raw),
            "priority" => self.priority(raw),
            "issue_type" => self.kind(raw),
            "labels" => self.labels(raw),
            "assignee" => self.assignee(raw),
            "dependencies" => links::read(&mut self.issue, &mut self.strange, id, raw),
            "deps" => links::plain(&mut self.issue, raw),
            "comments" => self.comments(raw),
            "close_reason" => keep_text(&mut self.reason, raw),
            _ => match TEXTS.iter().position(|text| *text == name) {
                Some(at) => keep_text(&mut self.texts[at], raw),
                None => {
                    self.seldom(name, raw);
                    false
                }
            },
        };
        if !taken {
            self.rest.add(name, raw.get());
        }
    }

    fn strange(&mut self, what: impl Into<String>) {
        self.strange.push(what.into());
    }

    fn title(&mut self, raw: &RawValue) -> bool {
        let Some(text) = json::word(raw) else {
            return false;
        };
        let fit = fit::title(&text);
        let same = fit == text;
        if fit.is_empty() {
            return false;
        }
        if !same && fit != text.trim() {
            self.strange("the title was cut to one line of 500 characters; it is kept as it was");
        }
        self.issue.set.title = Some(fit.into_owned());
        same
    }

    fn status(&mut self, raw: &'a RawValue) -> bool {
        match json::text(raw) {
            Some(text) => {
                self.status = text;
                true
            }
            None => {
                self.strange("`status` is no text; read as open");
                false
            }
        }
    }

    fn priority(&mut self, raw: &RawValue) -> bool {
        let given: Option<f64> = raw.get().parse().ok();
        match given {
            Some(n) if (0.0..=4.0).contains(&n) && n.fract() == 0.0 => {
                self.issue.set.priority = Some(n as u8);
                raw.get().len() == 1
            }
            Some(n) => {
                let near = n.clamp(0.0, 4.0).round() as u8;
                self.issue.set.priority = Some(near);
                self.strange(format!("priority {} became {near}", raw.get()));
                false
            }
            None => {
                self.strange("`priority` is no number; the usual one was taken");
                false
            }
        }
    }

    fn kind(&mut self, raw: &RawValue) -> bool {
        let Some(text) = json::text(raw) else {
            return false;
        };
        if NO_WORK.contains(&&*text) {
            self.issue.holds.push(format!("type {text} is no work"));
        }
        let fit = fit::kind(&text);
        let same = fit.as_deref() == Some(&*text);
        if !same {
            let shown = fit.as_deref().unwrap_or("the usual one");
            self.strange.push(format!("type `{text}` became {shown}"));
        }
        self.issue.set.kind = fit.map(Cow::into_owned);
        same
    }

    fn labels(&mut self, raw: &RawValue) -> bool {
        let all = json::list(raw);
        let mut exact = !all.is_empty();
        for one in all {
            let given = json::text(one);
            let fit = given.as_deref().and_then(fit::word);
            exact &= fit.is_some() && fit == given;
            let last = self.issue.labels.last().map(String::as_str);
            exact &= last < fit.as_deref();
            match fit {
                Some(label) => self.issue.labels.push(label.into_owned()),
                None => self.strange("a label that is no text, or empty, was left out"),
            }
        }
        exact
    }

    fn assignee(&mut self, raw: &RawValue) -> bool {
        let Some(text) = json::text(raw) else {
            return false;
        };
        let fit = fit::word(&text);
        let same = fit.as_deref() == Some(&*text);
        if fit.is_some() {
            self.issue.set.assignee = Some(fit.map(Cow::into_owned));
        }
        same
    }

    fn comments(&mut self, raw: &RawValue) -> bool {
        let all = json::list(raw);
        let mut exact = !all.is_empty();
        for one in all {
            let fields = Fields::of(one);
            let text = fields.as_ref().and_then(|f| f.text("text"));
            let (Some(fields), Some(text)) = (fields, text) else {
                self.strange("a comment without text was left out; it is kept as it was");
                exact = false;
                continue;
            };
            let author = fields.text("author").unwrap_or_default();
            let by = fit::word(&author).unwrap_or(Cow::Borrowed("unknown"));
            let mut rest = Rest::default();
            for (name, raw) in fields.iter() {
                if name != "text" && (name != "author" || by != author) {
                    rest.add(name, raw.get());
                }
            }
            let id = fields.word("id").unwrap_or_default().into_owned();
            let print = print(&by, &text);
            let kept = KeptComment(id.clone(), print, rest.finish());
            self.issue.kept.comments.push(kept);
            self.issue.comments.push(Said {
                id,
                by: by.into_owned(),
                text: text.into_owned(),
            });
        }
        exact
    }

    /// Fields that mean something here and are kept as written all the same.
    fn seldom(&mut self, name: &str, raw: &'a RawValue) {
        match name {
            "due_at" | "defer_until" => {
                let given = json::text(raw).filter(|text| !text.is_empty());
                let at = given.as_deref().and_then(time);
                if given.is_some() && at.is_none() {
                    self.strange(format!("`{name}` is no time that is known here"));
                    self.issue.silent.push(match name {
                        "due_at" => Field::Due,
                        _ => Field::DeferUntil,
                    });
                }
                match (name, at) {
                    (_, None) => {}
                    ("due_at", _) => self.issue.set.due = Some(at),
                    (_, _) => self.issue.set.defer_until = Some(at),
                }
            }
            "updated_at" => {
                let given = json::text(raw).filter(|text| !text.is_empty());
                self.issue.updated = given.as_deref().and_then(time);
                if given.is_some() && self.issue.updated.is_none() {
                    self.strange(format!("`{name}` is no time that is known here"));
                }
            }
            "await_type" | "await_id" | "timeout" | "created_at" => self.waits.hear(name, raw),
            "delete_reason" => self.deleted = json::text(raw),
            "ephemeral" | "wisp" if raw.get() == "true" => {
                self.issue.holds.push("ephemeral".to_owned());
            }
            "pinned" if raw.get() == "true" => self.issue.holds.push("pinned".to_owned()),
            "is_template" if raw.get() == "true" => self.issue.holds.push("a template".to_owned()),
            "metadata" if raw.get().contains("\"fleet\"") => {
                let fleet = Fields::of(raw).and_then(|fields| fields.object("fleet"));
                let uid = fleet.and_then(|fields| fields.text("uid").map(Cow::into_owned));
                self.issue.uid = uid;
            }
            _ => {}
        }
    }

    fn finish(mut self) -> (Incoming, Vec<String>) {
        let parts = [0, 1, 2, 3].map(|at| self.texts[at].as_deref());
        let (body, lengths) = sections::compose(&parts, HEADINGS);
        let issue = &mut self.issue;
        if !body.is_empty() {
            issue.set.body = Some(body);
        }
        issue.kept.parts = lengths;
        if issue.set.title.is_none() {
            issue.set.title = Some("(untitled)".to_owned());
            self.strange.push("no title".to_owned());
        }
        if issue.set.kind.as_deref() == Some("gate") && self.status != "closed" {
            match self.waits.mapped() {
                Ok(gate) => issue.gate = gate,
                Err(what) => self.strange.push(what),
            }
        }
        let mut reason = self.reason;
        match &*self.status {
            "open" => {}
            "closed" => {
                // An empty reason and none are one here; in the line they are two.
                let said = reason.take();
                if said.as_deref() == Some("") {
                    self.rest.add("close_reason", "\"\"");
                }
                let said = said.map(Cow::into_owned).unwrap_or_default();
                issue.closed = Some((CloseOutcome::Done, said));
            }
            "tombstone" => {
                let why = self.deleted.filter(|text| !text.is_empty());
                let why = why.map_or_else(|| DELETED.to_owned(), |w| format!("{DELETED}: {w}"));
                issue.closed = Some((CloseOutcome::Wontdo, why));
            }
            other => issue.holds.insert(0, format!("status {other}")),
        }
        if !matches!(&*self.status, "open" | "closed") {
            issue.kept.status = self.status.into_owned();
        }
        if let Some(said) = reason {
            let raw = serde_json::to_string(&said).unwrap_or_default();
            self.rest.add("close_reason", &raw);
        }
        issue.kept.rest = self.rest.finish();
        issue.kept.updated = issue.updated;
        (self.issue, self.strange)
    }
}

/// Notes a text, once.
fn keep_text<'a>(slot: &mut Option<Cow<'a, str>>, raw: &'a RawValue) -> bool {
    *slot = json::text(raw);
    slot.is_some()
}
