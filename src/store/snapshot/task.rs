//! One task of a snapshot.

use crate::domain::ids::TaskUid;
use crate::domain::register::{Reg, Stamp};
use crate::domain::task::{Details, Seldom, Task};
use crate::store::snapshot::pack::{Bytes, Pack};
use crate::store::snapshot::registers::{
    pack_near, pack_set, pack_written, unpack_near, unpack_set, unpack_written,
};
use crate::store::texts::{Rest, Written, base_of};

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

/// Writes a task down, but for its body and what [`pack_rest`] writes.
pub(super) fn pack(uid: TaskUid, task: &Task, out: &mut Vec<u8>) {
    macro_rules! write {
        ($($field:ident),+) => {{
            // Every field is named, so that a new one cannot be forgotten here.
            let Task { added, labels, paths, details, updated, body: _, $($field),+ } = task;
            let base = base_of(task);
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

/// Writes down what no list shows of a task but its body.
pub(super) fn pack_rest(uid: TaskUid, rest: &Rest, out: &mut Vec<u8>) {
    uid.pack(out);
    rest.key.pack(out);
    rest.said.pack(out);
    rest.comments.pack(out);
    pack_written(&rest.external_ref, out);
    rest.extra.pack(out);
}

/// Reads it back.
pub(super) fn unpack_rest(bytes: &mut Bytes<'_>) -> Option<(TaskUid, Rest)> {
    let uid = TaskUid::unpack(bytes)?;
    let rest = Rest {
        key: Pack::unpack(bytes)?,
        said: Pack::unpack(bytes)?,
        comments: Pack::unpack(bytes)?,
        external_ref: unpack_written(bytes)?,
        extra: Pack::unpack(bytes)?,
    };
    Some((uid, rest))
}

/// Writes down the body of a task.
pub(super) fn pack_body(uid: TaskUid, body: &Written<String>, out: &mut Vec<u8>) {
    uid.pack(out);
    pack_written(body, out);
}

/// Reads it back.
pub(super) fn unpack_body(bytes: &mut Bytes<'_>) -> Option<(TaskUid, Written<String>)> {
    Some((TaskUid::unpack(bytes)?, unpack_written(bytes)?))
}

/// Reads it back; `None` if the bytes do not fit.
pub(super) fn unpack(bytes: &mut Bytes<'_>) -> Option<(TaskUid, Box<Task>)> {
    macro_rules! read {
        ($($field:ident),+) => {{
            let uid = TaskUid::unpack(bytes)?;
            let added = unpack_added(uid, bytes)?;
            let base = added.as_ref().map_or(Stamp::NOBODY, |(_, at)| *at);
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
