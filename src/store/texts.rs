//! What no list shows of a task: it is most of the bytes of a state, and lies apart, so that lists
//! leave it where it is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::domain::ids::{RecordId, TaskUid};
use crate::domain::register::{Reg, Stamp};
use crate::domain::state::State;
use crate::domain::task::{Comment, Seldom, Task};

/// A register that was written: its value, and its stamp unless that is the one of the record that
/// made the task, which stands with the task.
pub(crate) type Written<T> = Option<(T, Option<Stamp>)>;

/// The texts of a task.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Texts {
    /// The body.
    pub(crate) body: Written<String>,
    /// All else.
    pub(crate) rest: Rest,
}

/// What no list shows, but for the body.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Rest {
    /// Idempotency key.
    pub(crate) key: Option<String>,
    /// Keys of what was said at the forge.
    pub(crate) said: BTreeSet<String>,
    /// Remarks.
    pub(crate) comments: BTreeMap<RecordId, Comment>,
    /// The same thing elsewhere.
    pub(crate) external_ref: Written<Option<String>>,
    /// Fields of newer versions, and where it came from.
    pub(crate) extra: BTreeMap<String, Reg<Value>>,
}

/// A written register beside the stamp that needs no word.
pub(crate) fn written<T: Clone>(reg: &Reg<T>, base: Stamp) -> Written<T> {
    let apart = (reg.at != base).then_some(reg.at);
    reg.is_written().then(|| (reg.value.clone(), apart))
}

fn reg<T: Default>(written: Written<T>, base: Stamp) -> Reg<T> {
    written.map_or_else(Reg::default, |(value, at)| Reg {
        value,
        at: at.unwrap_or(base),
    })
}

/// Most registers carry the stamp of the record that made the task.
pub(crate) fn base_of(task: &Task) -> Stamp {
    task.added
        .as_ref()
        .map_or(Stamp::NOBODY, |(_, stamp)| *stamp)
}

impl Rest {
    /// That of a task; `None` if there is nothing of it.
    pub(crate) fn of(task: &Task) -> Option<Self> {
        let details: &Seldom = &task.details;
        let rest = Self {
            key: details.key.clone(),
            said: details.said.clone(),
            comments: details.comments.clone(),
            external_ref: written(&details.external_ref, base_of(task)),
            extra: details.extra.clone(),
        };
        (!rest.is_empty()).then_some(rest)
    }

    /// True if there is nothing of it.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Puts it into the task that was read without it.
    pub(crate) fn install(self, uid: TaskUid, base: Stamp, state: &mut State) {
        state.restore_details(uid, |details| {
            details.key = self.key;
            details.said = self.said;
            details.comments = self.comments;
            details.external_ref = reg(self.external_ref, base);
            details.extra = self.extra;
        });
    }
}

/// Puts the body into the task that was read without it.
pub(crate) fn install_body(body: Written<String>, uid: TaskUid, base: Stamp, state: &mut State) {
    state.restore_body(uid, reg(body, base));
}

impl Texts {
    /// Puts them into the task that was read without them. Of a task that was not read there is
    /// nothing to complete: one file of texts has those of many.
    pub(crate) fn install(self, uid: TaskUid, state: &mut State) {
        let Some(base) = state.tasks.get(&uid).map(base_of) else {
            return;
        };
        if self.body.is_some() {
            install_body(self.body, uid, base, state);
        }
        if !self.rest.is_empty() {
            self.rest.install(uid, base, state);
        }
    }
}
