//! One issue that was imported before: what changed there, what changed here, and who is later.

use crate::app::context::Minter;
use crate::app::tracker::import::plan::{Decided, Outcome, Plan};
use crate::domain::ids::TaskUid;
use crate::domain::record::{Op, TaskAdmitted, TaskClosed, TaskFields, TaskReopened, TaskUpdated};
use crate::domain::register::Stamp;
use crate::domain::state::State;
use crate::domain::task::Task;
use crate::domain::time::Timestamp;
use crate::exchange::{Field, Incoming, Kept, SOURCE_FIELD, Sums};

/// Three versions of one issue.
struct Versions {
    then: Option<Sums>,
    now: Sums,
    wanted: Sums,
    updated: Option<Timestamp>,
}

/// Which side a field is taken from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Nothing is to be written.
    Here,
    /// The source's value.
    There,
    /// Both changed, and this side is later or the source has no time.
    Contested,
}

impl Versions {
    fn side(&self, field: Field, at: Stamp) -> Side {
        let (now, wanted) = (self.now.get(field), self.wanted.get(field));
        if now == wanted {
            return Side::Here;
        }
        if let Some(then) = self.then {
            let then = then.get(field);
            if then == wanted {
                return Side::Here;
            }
            if then == now {
                return Side::There;
            }
        }
        match self.updated {
            Some(updated) if updated > at.ts.wall() => Side::There,
            _ => Side::Contested,
        }
    }
}

/// When each field was written here.
fn written(task: &Task, field: Field) -> Stamp {
    let details = &task.details;
    match field {
        Field::Title => task.title.at,
        Field::Body => task.body.at,
        Field::Kind => task.kind.at,
        Field::Priority => task.priority.at,
        Field::Assignee => details.assignee.at,
        Field::Due => details.due.at,
        Field::DeferUntil => details.defer_until.at,
        Field::Acceptance => details.acceptance.at,
        Field::Status => task.status.at,
        Field::Labels => {
            let stamps = task.labels.registers().map(|(_, reg)| reg.at);
            stamps.max().unwrap_or_default()
        }
        Field::Held => details.held_by.at,
    }
}

impl Plan<'_> {
    /// Mints what changes a task that is there.
    pub(super) fn update(
        &self,
        state: &State,
        minter: &mut Minter<'_>,
        issue: &Incoming,
        uid: TaskUid,
        hold: Option<String>,
        decided: &mut Decided,
    ) -> Outcome {
        let Some(task) = state.tasks.get(&uid) else {
            return Outcome::Skipped(None, "its task is gone".to_owned());
        };
        let before = Kept::beside(task);
        if let Some(why) = outdated(before.as_ref(), issue) {
            return Outcome::Skipped(Some(uid), why);
        }
        // Written out here and come home: it says nothing that is newer than the task.
        let home = before.is_none() && issue.updated.is_some_and(|at| at <= task.updated.ts.wall());
        if home {
            return Outcome::Unchanged(uid);
        }
        let versions = Versions {
            then: before.as_ref().and_then(|kept| Sums::from_text(&kept.sums)),
            now: Sums::present(task),
            wanted: Sums::wanted(issue, hold.as_deref()),
            updated: issue.updated,
        };
        let mut change = Change::of(uid);
        for field in Field::ALL {
            match versions.side(field, written(task, field)) {
                Side::Here => {}
                Side::There => change.take(field, task, issue, hold.as_deref(), &versions),
                Side::Contested => {
                    let what = format!("{} was changed here, too, and stays", field.name());
                    decided.note(issue, what);
                }
            }
        }
        let fresh = issue.comments.iter().filter(|said| !is_said(task, said));
        let said = self.heard(issue, fresh.collect(), decided);
        let kept = Self::kept(issue, hold.as_deref());
        let old = task.details.extra.get(SOURCE_FIELD).map(|reg| &reg.value);
        if change.fields.is_empty() && said.is_empty() && old == Some(&kept) {
            return Outcome::Unchanged(uid);
        }
        let touches_text = change.touches_text();
        change
            .update
            .set
            .extra
            .insert(SOURCE_FIELD.to_owned(), kept);
        minter.add(Op::TaskUpdated(change.update));
        if touches_text && !self.admits(issue) {
            // Nobody here has seen the new text (R4).
            let sha256 = String::new();
            minter.add(Op::TaskAdmitted(TaskAdmitted { task: uid, sha256 }));
        }
        if let Some(op) = change.status {
            minter.add(op);
        }
        for said in said {
            self.say(minter, uid, said, decided);
            change.fields.push("comments");
        }
        change.fields.dedup();
        if change.fields.is_empty() {
            change.fields.push("source");
        }
        let fields = change.fields.iter().map(|field| (*field).to_owned());
        Outcome::Updated(uid, fields.collect())
    }
}

/// Why the issue is older than the one that was imported last.
fn outdated(before: Option<&Kept>, issue: &Incoming) -> Option<String> {
    let (then, now) = (before?.updated?, issue.updated?);
    (now < then).then(|| format!("it is of {now}, and one of {then} was imported before"))
}

/// True if the task has that comment.
fn is_said(task: &Task, said: &crate::exchange::Said) -> bool {
    let mut all = task.details.comments.values();
    all.any(|c| {
        let by = c.by.split_once(':').map_or(&*c.by, |(_, by)| by);
        (by == said.by || c.by == said.by) && c.text == said.text
    })
}

/// What is to be written.
struct Change {
    update: TaskUpdated,
    fields: Vec<&'static str>,
    status: Option<Op>,
}

impl Change {
    /// Nothing yet.
    fn of(task: TaskUid) -> Self {
        Self {
            update: TaskUpdated {
                task,
                set: TaskFields::default(),
                add_labels: Vec::new(),
                rm_labels: Vec::new(),
                add_paths: Vec::new(),
                rm_paths: Vec::new(),
                check: Vec::new(),
                uncheck: Vec::new(),
            },
            fields: Vec::new(),
            status: None,
        }
    }

    fn touches_text(&self) -> bool {
        let set = &self.update.set;
        set.title.is_some() || set.body.is_some() || set.acceptance.is_some()
    }

    fn take(
        &mut self,
        field: Field,
        task: &Task,
        issue: &Incoming,
        hold: Option<&str>,
        versions: &Versions,
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

    fn labels(&mut self, task: &Task, issue: &Incoming, versions: &Versions) {
        let seen: Vec<&str> = task.labels.registers().map(|(label, _)| label).collect();
        for label in &issue.labels {
            // One that was taken away here stays away.
            let fresh = !seen.contains(&label.as_str());
            if fresh && !self.update.add_labels.contains(label) {
                self.update.add_labels.push(label.clone());
            }
        }
        let untouched = versions
            .then
            .is_some_and(|then| then.get(Field::Labels) == versions.now.get(Field::Labels));
        if untouched {
            let gone = task
                .labels
                .iter()
                .filter(|l| !issue.labels.iter().any(|i| i == l));
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
