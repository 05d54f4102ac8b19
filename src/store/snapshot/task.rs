//! One task of a snapshot.

use crate::domain::ids::TaskUid;
use crate::domain::register::{Reg, Stamp};
use crate::domain::task::{Details, Seldom, Task};
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
            external_ref,
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

/// Writes a task down, but for its body.
pub(super) fn pack(uid: TaskUid, task: &Task, out: &mut Vec<u8>) {
    macro_rules! write {
        ($($field:ident),+) => {{
            // Every field is named, so that a new one cannot be forgotten here.
            let Task { added, labels, paths, details, updated, body: _, $($field),+ } = task;
            let base = stamp_of(added.as_ref());
            uid.pack(out);
            added.pack(out);
            pack_set(labels, base, out);
            pack_set(paths, base, out);
            (*updated == base).pack(out);
            if *updated != base {
                updated.pack(out);
            }
            $( pack_near($field, base, out); )+
            (!details.is_empty()).pack(out);
            if !details.is_empty() {
                pack_details(details, base, out);
            }
        }};
    }
    registers!(write);
}

fn pack_details(details: &Seldom, base: Stamp, out: &mut Vec<u8>) {
    macro_rules! write {
        ($($field:ident),+) => {{
            let Seldom { key, said, comments, checks, gates, decayed, extra, $($field),+ } = details;
            key.pack(out);
            said.pack(out);
            comments.pack(out);
            pack_set(checks, base, out);
            gates.pack(out);
            // Few tasks have one, and a stamp is long.
            (*decayed != Stamp::NOBODY).then_some(*decayed).pack(out);
            extra.pack(out);
            $( pack_near($field, base, out); )+
        }};
    }
    seldom!(write);
}

/// Reads it back; `None` if the bytes do not fit.
pub(super) fn unpack(bytes: &mut Bytes<'_>) -> Option<(TaskUid, Box<Task>)> {
    macro_rules! read {
        ($($field:ident),+) => {{
            let uid = TaskUid::unpack(bytes)?;
            let added = Option::<(String, Stamp)>::unpack(bytes)?;
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
                key: Pack::unpack(bytes)?,
                said: Pack::unpack(bytes)?,
                comments: Pack::unpack(bytes)?,
                checks: unpack_set(bytes, base)?,
                gates: Pack::unpack(bytes)?,
                decayed: Option::unpack(bytes)?.unwrap_or(Stamp::NOBODY),
                extra: Pack::unpack(bytes)?,
                $( $field: unpack_near(bytes, base)?, )+
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
