//! One task of a snapshot.

use crate::domain::ids::TaskUid;
use crate::domain::register::Stamp;
use crate::domain::task::Task;
use crate::store::snapshot::pack::{
    Bytes, Pack as _, pack_near, pack_set, unpack_near, unpack_set,
};

/// Calls a macro with the names of all registers.
macro_rules! registers {
    ($do:ident) => {
        $do!(
            number,
            title,
            body,
            kind,
            priority,
            complexity,
            deliverable,
            acceptance,
            assignee,
            due,
            defer_until,
            external_ref,
            agent,
            status,
            admitted,
            admitted_sha256
        )
    };
}

/// Most registers carry the stamp of the record that made the task.
fn base_of(added: Option<&(String, Stamp)>) -> Stamp {
    added.map_or_else(Stamp::default, |(_, at)| *at)
}

/// Writes a task down.
pub(super) fn pack(uid: TaskUid, task: &Task, out: &mut Vec<u8>) {
    macro_rules! write {
        ($($field:ident),+) => {{
            // Every field is named, so that a new one cannot be forgotten here.
            let Task { added, key, labels, paths, comments, extra, updated, $($field),+ } = task;
            let base = base_of(added.as_ref());
            uid.pack(out);
            added.pack(out);
            key.pack(out);
            pack_set(labels, base, out);
            pack_set(paths, base, out);
            comments.pack(out);
            extra.pack(out);
            updated.pack(out);
            $( pack_near($field, base, out); )+
        }};
    }
    registers!(write);
}

/// Reads it back; `None` if the bytes do not fit.
pub(super) fn unpack(bytes: &mut Bytes<'_>) -> Option<(TaskUid, Task)> {
    macro_rules! read {
        ($($field:ident),+) => {{
            let uid = TaskUid::unpack(bytes)?;
            let added = Option::<(String, Stamp)>::unpack(bytes)?;
            let base = base_of(added.as_ref());
            let task = Task {
                added,
                key: Option::unpack(bytes)?,
                labels: unpack_set(bytes, base)?,
                paths: unpack_set(bytes, base)?,
                comments: crate::store::snapshot::pack::Pack::unpack(bytes)?,
                extra: crate::store::snapshot::pack::Pack::unpack(bytes)?,
                updated: Stamp::unpack(bytes)?,
                $( $field: unpack_near(bytes, base)?, )+
            };
            Some((uid, task))
        }};
    }
    registers!(read)
}
