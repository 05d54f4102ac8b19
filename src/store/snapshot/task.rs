//! One task of a snapshot.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::domain::ids::{RecordId, TaskUid};
use crate::domain::register::{Reg, Stamp};
use crate::domain::task::{Comment, Details, Seldom, Task};
use crate::store::snapshot::pack::{Bytes, Pack, pack_near, pack_set, unpack_near, unpack_set};

/// Calls a macro with the names of all registers that most tasks have.
macro_rules! registers {
    ($do:ident) => {
        $do!(number, title, kind, priority, status, admitted)
    };
}

/// The same with those of the details.
macro_rules! seldom {
    ($do:ident) => {
        $do!(
            complexity,
            deliverable,
            acceptance,
            assignee,
            due,
            defer_until,
            agent,
            held_by,
            budget,
            milestone,
            estimate_minutes,
            admitted_sha256
        )
    };
}

/// Most registers carry the stamp of the record that made the task.
pub(super) fn base_of(task: &Task) -> Stamp {
    stamp_of(task.added.as_ref())
}

fn stamp_of(added: Option<&(String, Stamp)>) -> Stamp {
    added.map_or(Stamp::NOBODY, |(_, at)| *at)
}

/// Writes a task down, but for its body and what [`pack_rest`] writes.
pub(super) fn pack(uid: TaskUid, task: &Task, out: &mut Vec<u8>) {
    macro_rules! write {
        ($($field:ident),+) => {{
            // Every field is named, so that a new one cannot be forgotten here.
            let Task { added, labels, paths, details, updated, body: _, $($field),+ } = task;
            let base = stamp_of(added.as_ref());
            uid.pack(out);
            pack_added(uid, added.as_ref(), out);
            pack_set(labels, base, out);
            pack_set(paths, base, out);
            (*updated == base).pack(out);
            if *updated != base {
                updated.pack(out);
            }
            $( pack_near($field, base, out); )+
            let plain = is_plain(details);
            (!plain).pack(out);
            if !plain {
                pack_details(details, base, out);
            }
        }};
    }
    registers!(write);
}

/// Who added a task and when. The record of it has the task's own id.
fn pack_added(uid: TaskUid, added: Option<&(String, Stamp)>, out: &mut Vec<u8>) {
    match added {
        None => out.push(0),
        Some((by, at)) if at.id == uid.record() => {
            out.push(1);
            at.ts.pack(out);
            by.pack(out);
        }
        Some((by, at)) => {
            out.push(2);
            at.pack(out);
            by.pack(out);
        }
    }
}

#[inline(always)]
fn unpack_added(uid: TaskUid, bytes: &mut Bytes<'_>) -> Option<Option<(String, Stamp)>> {
    let at = match u8::unpack(bytes)? {
        0 => return Some(None),
        1 => Stamp {
            ts: Pack::unpack(bytes)?,
            id: uid.record(),
        },
        2 => Stamp::unpack(bytes)?,
        _ => return None,
    };
    Some(Some((String::unpack(bytes)?, at)))
}

/// True if the part for rows has nothing of these to say.
fn is_plain(details: &Seldom) -> bool {
    macro_rules! unwritten {
        ($($field:ident),+) => {{
            let Seldom { checks, gates, decayed, key: _, said: _, comments: _, external_ref: _, extra: _, $($field),+ } = details;
            checks.is_empty()
                && gates.is_empty()
                && *decayed == Stamp::NOBODY
                $( && !$field.is_written() )+
        }};
    }
    seldom!(unwritten)
}

fn pack_details(details: &Seldom, base: Stamp, out: &mut Vec<u8>) {
    macro_rules! write {
        ($($field:ident),+) => {{
            let Seldom { checks, gates, decayed, key: _, said: _, comments: _, external_ref: _, extra: _, $($field),+ } = details;
            pack_set(checks, base, out);
            gates.pack(out);
            // Few tasks have one, and a stamp is long.
            (*decayed != Stamp::NOBODY).then_some(*decayed).pack(out);
            $( pack_near($field, base, out); )+
        }};
    }
    seldom!(write);
}

/// What no list of tasks shows, by task.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rest {
    key: Option<String>,
    said: BTreeSet<String>,
    comments: BTreeMap<RecordId, Comment>,
    external_ref: Reg<Option<String>>,
    extra: BTreeMap<String, Reg<Value>>,
}

impl Rest {
    /// Puts it into the task that was read without it.
    pub(super) fn install(self, details: &mut Seldom) {
        details.key = self.key;
        details.said = self.said;
        details.comments = self.comments;
        details.external_ref = self.external_ref;
        details.extra = self.extra;
    }
}

/// Whether there is anything of it.
pub(super) fn has_rest(details: &Seldom) -> bool {
    details.key.is_some()
        || !details.said.is_empty()
        || !details.comments.is_empty()
        || details.external_ref.is_written()
        || !details.extra.is_empty()
}

/// Writes [`Rest`] down.
pub(super) fn pack_rest(uid: TaskUid, details: &Seldom, out: &mut Vec<u8>) {
    uid.pack(out);
    details.key.pack(out);
    details.said.pack(out);
    details.comments.pack(out);
    details.external_ref.pack(out);
    details.extra.pack(out);
}

/// Reads it back.
pub(super) fn unpack_rest(bytes: &mut Bytes<'_>) -> Option<(TaskUid, Rest)> {
    let uid = TaskUid::unpack(bytes)?;
    let rest = Rest {
        key: Pack::unpack(bytes)?,
        said: Pack::unpack(bytes)?,
        comments: Pack::unpack(bytes)?,
        external_ref: Pack::unpack(bytes)?,
        extra: Pack::unpack(bytes)?,
    };
    Some((uid, rest))
}

/// Reads it back; `None` if the bytes do not fit.
pub(super) fn unpack(bytes: &mut Bytes<'_>) -> Option<(TaskUid, Box<Task>)> {
    macro_rules! read {
        ($($field:ident),+) => {{
            let uid = TaskUid::unpack(bytes)?;
            let added = unpack_added(uid, bytes)?;
            let base = stamp_of(added.as_ref());
            let task = Task {
                added,
                labels: unpack_set(bytes, base)?,
                paths: unpack_set(bytes, base)?,
                updated: if bool::unpack(bytes)? { base } else { Stamp::unpack(bytes)? },
                body: Reg::default(),
                $( $field: unpack_near(bytes, base)?, )+
                details: unpack_details(bytes, base)?,
            };
            Some((uid, Box::new(task)))
        }};
    }
    registers!(read)
}

fn unpack_details(bytes: &mut Bytes<'_>, base: Stamp) -> Option<Details> {
    macro_rules! read {
        ($($field:ident),+) => {{
            let seldom = Seldom {
                checks: unpack_set(bytes, base)?,
                gates: Pack::unpack(bytes)?,
                decayed: Option::unpack(bytes)?.unwrap_or(Stamp::NOBODY),
                $( $field: unpack_near(bytes, base)?, )+
                ..Seldom::default()
            };
            Some(seldom.into())
        }};
    }
    if bool::unpack(bytes)? {
        seldom!(read)
    } else {
        Some(Details::default())
    }
}
