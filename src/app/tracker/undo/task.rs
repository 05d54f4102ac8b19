//! The inverses of what makes, ends and admits a task.

use serde_json::Value;

use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::name;
use crate::app::tracker::undo::inverse::{
    Inverse, OVERTAKEN, TAKEN_BACK, Undoing, done, nothing, refused,
};
use crate::domain::ids::TaskUid;
use crate::domain::record::{
    CloseOutcome, Op, Record, TaskAdded, TaskAdmitted, TaskClosed, TaskFields, TaskReopened,
    TaskUpdated,
};
use crate::domain::state::State;
use crate::domain::task::Status;
use crate::engine::admission::admission_hash;
use crate::exchange::SOURCE_FIELD;

/// Records of others that a refusal names.
const NAMED: usize = 3;

impl Undoing<'_> {
    pub(super) fn added(&self, record: &Record, p: &TaskAdded) -> Result<Inverse, TrackerError> {
        let uid = TaskUid::created_by(record.id);
        if !self.index().sessions_of(uid).is_empty() {
            return Err(refused(
                record,
                "agents have worked on the task; close it instead",
            ));
        }
        self.refuse_if_built_on(record, uid)?;
        let (mut ops, mut notes) = (Vec::new(), Vec::new());
        if let Some(updated) = self.forgotten(record, uid, p) {
            ops.push(Op::TaskUpdated(updated));
            notes.push("its reference is free for another import");
        }
        if self.task(uid).is_open() {
            ops.push(Op::TaskClosed(TaskClosed {
                task: uid,
                outcome: CloseOutcome::Wontdo,
                reason: "undone".to_owned(),
            }));
            notes.insert(0, "closed as wontdo: a number is never given again");
        } else {
            notes.insert(0, "closed already");
        }
        Ok((ops, notes.join("; ")))
    }

    /// What lets go of the reference by which an import finds the task again: the issue is to be
    /// taken in anew, as if it had never been.
    fn forgotten(&self, record: &Record, uid: TaskUid, p: &TaskAdded) -> Option<TaskUpdated> {
        let details = &self.task(uid).details;
        let named = p.set.external_ref.is_some() && details.external_ref.at.id == record.id;
        if !named || details.external_ref.value.is_none() {
            return None;
        }
        let mut set = TaskFields {
            external_ref: Some(None),
            ..TaskFields::default()
        };
        if details.extra.contains_key(SOURCE_FIELD) {
            set.extra.insert(SOURCE_FIELD.to_owned(), Value::Null);
        }
        Some(TaskUpdated::of(uid, set))
    }

    /// A task on which others built is theirs, too.
    fn refuse_if_built_on(&self, record: &Record, uid: TaskUid) -> Result<(), TrackerError> {
        let others: Vec<&Record> = self
            .about(uid)
            .filter(|other| other.by != record.by && other.run != record.run)
            .filter(|other| !self.is_own(other.id) && self.builds(other))
            .collect();
        if others.is_empty() {
            return Ok(());
        }
        let mut told: Vec<String> = others
            .iter()
            .take(NAMED)
            .map(|other| format!("{} by {}", other.op.name(), other.by))
            .collect();
        if others.len() > told.len() {
            told.push(format!("{} more", others.len() - told.len()));
        }
        let label = name(self.now(), uid);
        Err(TrackerError::Invalid {
            what: format!(
                "task.added cannot be taken back: others built on {label}: {}",
                told.join(", ")
            ),
            hint: format!(
                "nothing was undone; `fleet log {label}` shows it, and `fleet close {label}` ends \
                 it for everybody to see"
            ),
        })
    }

    /// Whether a record of somebody else's is still in force.
    fn builds(&self, other: &Record) -> bool {
        match &other.op {
            Op::CommentAdded(p) => {
                let comment = self.task(p.task).details.comments.get(&other.id);
                comment.is_some_and(|c| !c.text.is_empty() && c.text != TAKEN_BACK)
            }
            Op::DepAdded(edge) => {
                let reg = self.now().deps.get(&edge.into());
                reg.is_some_and(|reg| reg.value && reg.at.id == other.id)
            }
            Op::TaskUpdated(_)
            | Op::TaskReopened(_)
            | Op::TaskAdmitted(_)
            | Op::CommentEdited(_)
            | Op::GateAdded(_)
            | Op::GateSet(_)
            | Op::EscalationOpened(_)
            | Op::FindingAdded(_) => true,
            _ => false,
        }
    }

    pub(super) fn status(&self, record: &Record, uid: TaskUid) -> Inverse {
        let task = self.task(uid);
        if task.status.at.id != record.id {
            return nothing(OVERTAKEN);
        }
        let old = self.before().tasks.get(&uid).map(|task| &task.status.value);
        match old {
            Some(Status::Closed { outcome, reason }) => done(
                Op::TaskClosed(TaskClosed {
                    task: uid,
                    outcome: *outcome,
                    reason: reason.clone(),
                }),
                "closed again",
            ),
            _ => done(
                Op::TaskReopened(TaskReopened {
                    task: uid,
                    reason: "undone".to_owned(),
                }),
                "open again",
            ),
        }
    }

    pub(super) fn admitted(&self, record: &Record, p: &TaskAdmitted) -> Inverse {
        if self.task(p.task).details.admitted_sha256.at.id != record.id {
            return nothing(OVERTAKEN);
        }
        if self.by_agent() {
            // Its own records only pin what a human admitted, which holds for the text before, too.
            return nothing("left alone: an agent cannot admit text");
        }
        let old = self.before().tasks.get(&p.task);
        let pinned = old.and_then(|task| task.details.admitted_sha256.value.clone());
        let free = old.is_some_and(|task| task.admitted.value);
        let sha256 = match pinned {
            Some(pinned) => pinned,
            // Any text was good, and there is no way back to that: the text of that moment is.
            None if free => self.text_before(record, p.task),
            None => String::new(),
        };
        let admitted = TaskAdmitted {
            task: p.task,
            sha256,
        };
        done(Op::TaskAdmitted(admitted), "as it was admitted before")
    }

    /// Hash of the text that the task had just before the command that made the record.
    fn text_before(&self, record: &Record, uid: TaskUid) -> String {
        let about = self.about(uid);
        let earlier =
            about.filter(|other| other.stamp() < record.stamp() && other.run != record.run);
        let state = State::fold(earlier);
        state
            .tasks
            .get(&uid)
            .map(admission_hash)
            .unwrap_or_default()
    }
}
