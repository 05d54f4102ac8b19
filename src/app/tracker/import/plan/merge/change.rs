//! What one import writes to a task that is there: fields, labels and status.

use std::collections::BTreeSet;

use crate::app::tracker::import::plan::merge::{Side, Versions};
use crate::domain::ids::TaskUid;
use crate::domain::record::{Op, TaskClosed, TaskFields, TaskReopened, TaskUpdated};
use crate::domain::task::Task;
use crate::exchange::{Field, Incoming, Kept};

/// Bytes of labels that fit into any record.
const FEW_BYTES: usize = 8 << 10;

/// What is to be written.
pub(super) struct Change {
    pub(super) update: TaskUpdated,
    pub(super) fields: Vec<&'static str>,
    pub(super) status: Option<Op>,
}

impl Change {
    /// Nothing yet.
    pub(super) fn of(task: TaskUid) -> Self {
        Self {
            update: TaskUpdated::of(task, TaskFields::default()),
            fields: Vec::new(),
            status: None,
        }
    }

    /// True if nothing but comments may be left to record.
    pub(super) fn is_empty(&self) -> bool {
        self.status.is_none() && self.update.changes_nothing()
    }

    /// The records of the fields. Labels that go get one of their own if they are many, so that
    /// each stays as long as a record may be.
    pub(super) fn ops(&mut self) -> Vec<Op> {
        let nothing = TaskUpdated::of(self.update.task, TaskFields::default());
        let mut update = std::mem::replace(&mut self.update, nothing.clone());
        let mut gone = nothing;
        let bytes: usize = update.rm_labels.iter().map(String::len).sum();
        if bytes > FEW_BYTES {
            std::mem::swap(&mut update.rm_labels, &mut gone.rm_labels);
        }
        let records = [update, gone].into_iter();
        let records = records.filter(|update| !update.changes_nothing());
        records.map(Op::TaskUpdated).collect()
    }

    pub(super) fn touches_text(&self) -> bool {
        let set = &self.update.set;
        set.title.is_some() || set.body.is_some() || set.acceptance.is_some()
    }

    pub(super) fn take(
        &mut self,
        field: Field,
        task: &Task,
        issue: &Incoming,
        hold: Option<&str>,
        versions: &Versions<'_>,
    ) {
        self.fields.push(field.name());
        let set = &mut self.update.set;
        let given = &issue.set;
        match field {
            Field::Title => set.title.clone_from(&given.title),
            Field::Body => set.body = Some(given.body.clone().unwrap_or_default()),
            Field::Kind => set.kind = Some(given.kind.clone().unwrap_or_default()),
            Field::Priority => {
                let usual = crate::domain::task::DEFAULT_PRIORITY;
                set.priority = Some(given.priority.unwrap_or(usual));
            }
            Field::Assignee => set.assignee = Some(given.assignee.clone().flatten()),
            Field::Due => set.due = Some(given.due.flatten()),
            Field::DeferUntil => set.defer_until = Some(given.defer_until.flatten()),
            Field::Acceptance => {
                set.acceptance = Some(given.acceptance.clone().unwrap_or_default());
            }
            Field::Held => set.held_by = Some(hold.map(str::to_owned)),
            Field::Labels => self.labels(task, issue, versions),
            Field::Status => self.status(task, issue),
        }
    }

    /// Decides label by label, as the last labels of the source are known: what it has now and had
    /// not then comes, what it had then and has no more goes.
    pub(super) fn merge(&mut self, task: &Task, issue: &Incoming, versions: &Versions<'_>) -> Side {
        let Some(had) = versions.labels.as_ref().map(Kept::had) else {
            return Side::Here;
        };
        let there: BTreeSet<&str> = issue.labels.iter().map(String::as_str).collect();
        let here = |label: &str| task.labels.get(label).is_some_and(|reg| reg.value);
        // A label that was put on or taken away after the file was written is no edit of the file.
        let open = |label: &str| {
            let reg = task.labels.get(label);
            !versions.home || reg.is_none_or(|reg| versions.is_later(reg.at))
        };
        let mut kept_back = false;
        for label in there.iter().filter(|l| !here(l) && !had(l)) {
            if open(label) {
                self.update.add_labels.push((*label).to_owned());
            } else {
                kept_back = true;
            }
        }
        for label in task.labels.iter().filter(|l| had(l) && !there.contains(l)) {
            if open(label) {
                self.update.rm_labels.push(label.to_owned());
            } else {
                kept_back = true;
            }
        }
        if !self.update.add_labels.is_empty() || !self.update.rm_labels.is_empty() {
            self.fields.push(Field::Labels.name());
        }
        if kept_back {
            Side::Contested
        } else {
            Side::Here
        }
    }

    /// The same where an older version imported the task, and only their fingerprint is known.
    fn labels(&mut self, task: &Task, issue: &Incoming, versions: &Versions<'_>) {
        let untouched = versions
            .then
            .is_some_and(|then| then.get(Field::Labels) == versions.now.get(Field::Labels));
        let there: BTreeSet<&str> = issue.labels.iter().map(String::as_str).collect();
        for label in &there {
            // One that was taken away here stays away.
            let seen = task.labels.get(label);
            if seen.is_none_or(|reg| untouched && !reg.value) {
                self.update.add_labels.push((*label).to_owned());
            }
        }
        if untouched {
            let gone = task.labels.iter().filter(|l| !there.contains(l));
            self.update.rm_labels = gone.map(str::to_owned).collect();
        }
    }

    fn status(&mut self, task: &Task, issue: &Incoming) {
        let uid = self.update.task;
        self.status = match (&issue.closed, task.is_open()) {
            (Some((outcome, reason)), _) => Some(Op::TaskClosed(TaskClosed {
                task: uid,
                outcome: *outcome,
                reason: reason.clone(),
            })),
            (None, false) => Some(Op::TaskReopened(TaskReopened {
                task: uid,
                reason: "open again at the source".to_owned(),
            })),
            (None, true) => None,
        };
    }
}
