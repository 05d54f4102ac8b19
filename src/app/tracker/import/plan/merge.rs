//! One issue that was imported before: what changed there, what changed here, and who is later.

mod change;

use crate::app::context::Minter;
use crate::app::tracker::import::plan::gates::new_gate;
use crate::app::tracker::import::plan::merge::change::Change;
use crate::app::tracker::import::plan::{Decided, Outcome, Plan};
use crate::domain::ids::TaskUid;
use crate::domain::record::{Op, TaskAdmitted};
use crate::domain::register::Stamp;
use crate::domain::state::State;
use crate::domain::task::Task;
use crate::domain::time::Timestamp;
use crate::exchange::{Field, Format, Incoming, Kept, SOURCE_FIELD, Sums};

/// An issue and the task that it speaks for.
pub(super) struct Meeting<'i> {
    pub(super) issue: &'i Incoming,
    pub(super) uid: TaskUid,
    /// Why the task is not to be started, by the source.
    pub(super) hold: Option<String>,
    /// It comes from a file that an export wrote.
    pub(super) home: bool,
    /// What that export would write now, read back.
    pub(super) echo: Option<&'i Incoming>,
}

/// Three versions of one issue.
struct Versions<'i> {
    then: Option<Sums>,
    now: Sums,
    wanted: Sums,
    updated: Option<Timestamp>,
    home: bool,
    silent: &'i [Field],
    /// Remembers the labels that the last import had, if that is known.
    labels: Option<Kept>,
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

impl Versions<'_> {
    fn side(&self, field: Field, at: Stamp) -> Side {
        let (now, wanted) = (self.now.get(field), self.wanted.get(field));
        if now == wanted || self.silent.contains(&field) {
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
        if self.is_later(at) {
            Side::There
        } else {
            Side::Contested
        }
    }

    /// True if the source's word is later than what was written here. A file that was written here
    /// has the values of that moment, so whatever differs in it was edited afterwards.
    fn is_later(&self, at: Stamp) -> bool {
        let here = at.ts.wall();
        self.updated
            .is_some_and(|there| there > here || self.home && there == here)
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
        Field::Acceptance => {
            let points = details.acceptance.value.iter();
            let checks = points.filter_map(|point| details.checks.get(&point.text));
            let checks = checks.map(|reg| reg.at);
            checks.fold(details.acceptance.at, Stamp::max)
        }
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
        met: &Meeting<'_>,
        decided: &mut Decided,
    ) -> Outcome {
        let (issue, uid, hold) = (met.issue, met.uid, met.hold.as_deref());
        let Some(task) = state.tasks.get(&uid) else {
            return Outcome::Skipped(None, "its task is gone".to_owned());
        };
        let before = Kept::beside(task).filter(|_| !met.home);
        if let Some(why) = outdated(before.as_ref(), issue) {
            return Outcome::Skipped(Some(uid), why);
        }
        let versions = self.versions(task, met, before.as_ref());
        let mut change = Change::of(uid);
        for field in Field::ALL {
            let side = match field {
                Field::Labels if versions.labels.is_some() => change.merge(task, issue, &versions),
                _ => versions.side(field, written(task, field)),
            };
            match side {
                Side::Here => {}
                Side::There => change.take(field, task, issue, hold, &versions),
                Side::Contested if field == Field::Body && is_summary(task) => {}
                Side::Contested => {
                    let what = format!("{} was changed here, too, and stays", field.name());
                    decided.note(issue, what);
                }
            }
        }
        self.rename(task, issue, &mut change, decided);
        let fresh = issue.comments.iter();
        let fresh = fresh.filter(|said| !is_said(task, before.as_ref(), said));
        let said = self.heard(issue, fresh.collect(), decided);
        self.keep(task, met, &mut change);
        let gate = new_gate(uid, Some(task), issue).filter(|_| !met.home);
        if change.is_empty() && said.is_empty() && gate.is_none() {
            return Outcome::Unchanged(uid);
        }
        let touches_text = change.touches_text();
        for op in change.ops() {
            minter.add(op);
        }
        if touches_text && !self.admits(issue) {
            // Nobody here has seen the new text (R4).
            let sha256 = String::new();
            minter.add(Op::TaskAdmitted(TaskAdmitted { task: uid, sha256 }));
        }
        if let Some(op) = change.status {
            minter.add(op);
        }
        if let Some(op) = gate {
            minter.add(op);
            change.fields.push("gate");
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

    fn versions<'i>(&self, task: &Task, met: &Meeting<'i>, before: Option<&Kept>) -> Versions<'i> {
        let then = before.and_then(|kept| Sums::from_text(&kept.sums));
        let now = match met.echo {
            Some(echo) => Sums::wanted(echo, self.said_hold(echo).as_deref()),
            None => Sums::present(task),
        };
        // Older versions kept no labels, but their fingerprint.
        let none = Sums::wanted(&Incoming::default(), None).get(Field::Labels);
        let known = |kept: &&Kept| {
            !kept.labels.is_empty() || then.is_some_and(|then| then.get(Field::Labels) == none)
        };
        let labels = match met.echo {
            Some(echo) => Some(echo.remembered()),
            None => before.filter(known).cloned(),
        };
        Versions {
            then,
            now,
            wanted: Sums::wanted(met.issue, met.hold.as_deref()),
            updated: met.issue.updated,
            home: met.home,
            silent: &met.issue.silent,
            labels: labels.filter(|_| !met.issue.silent.contains(&Field::Labels)),
        }
    }

    /// Goes over from a name of older versions.
    fn rename(&self, task: &Task, issue: &Incoming, change: &mut Change, decided: &mut Decided) {
        let told = task.details.external_ref.value.as_deref();
        if told.is_none() || told != issue.formerly.as_deref() {
            return;
        }
        change.update.set.external_ref = Some(Some(issue.key.clone()));
        change.fields.push("external_ref");
        let told = told.unwrap_or_default();
        decided.note(
            issue,
            format!("taken for {told}, as older versions named it"),
        );
    }

    /// Notes what is kept beside the task. What another format keeps there stays, and a table that
    /// was written here has nothing to keep.
    fn keep(&self, task: &Task, met: &Meeting<'_>, change: &mut Change) {
        let edited = met.issue.updated > Some(task.updated.ts.wall());
        let beads = self.batch.format == Format::Beads && !self.is_foreign(task);
        if met.home && !(beads && edited) {
            return;
        }
        let kept = Self::kept(met.issue, met.hold.as_deref());
        let old = task.details.extra.get(SOURCE_FIELD).map(|reg| &reg.value);
        if old != Some(&kept) {
            let extra = &mut change.update.set.extra;
            extra.insert(SOURCE_FIELD.to_owned(), kept);
        }
    }
}

/// True if the body is a summary that the texts decayed to.
fn is_summary(task: &Task) -> bool {
    task.details.decayed != Stamp::NOBODY && task.body.at == task.details.decayed
}

/// Why the issue is older than the one that was imported last.
fn outdated(before: Option<&Kept>, issue: &Incoming) -> Option<String> {
    let (then, now) = (before?.updated?, issue.updated?);
    (now < then).then(|| format!("it is of {now}, and one of {then} was imported before"))
}

/// True if the task has that comment. Of summarised tasks fingerprints are left.
fn is_said(task: &Task, before: Option<&Kept>, said: &crate::exchange::Said) -> bool {
    let summarised = task.details.decayed != Stamp::NOBODY;
    if summarised && before.is_some_and(|kept| kept.heard(&said.by, &said.text)) {
        return true;
    }
    let mut all = task.details.comments.values();
    all.any(|c| {
        let by = c.by.split_once(':').map_or(&*c.by, |(_, by)| by);
        (by == said.by || c.by == said.by) && c.text == said.text
    })
}
