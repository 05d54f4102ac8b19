//! Taking back what somebody did: by more records, never by less.
//!
//! What a record changed gets the value that the state has without it, if nobody changed it again
//! since. What cannot be taken back is refused, and then nothing is done at all.
//!
//! Longer than 400 lines because each operation has its inverse here, beside all the others.

use std::collections::BTreeSet;

use crate::app::publish::Decision;
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::name;
use crate::app::tracker::report::{UndoReport, UndoneRow};
use crate::app::tracker::request::Mode;
use crate::domain::ids::{RecordId, TaskUid};
use crate::domain::record::{
    CloseOutcome, DepEdge, Op, Record, TaskAdmitted, TaskClosed, TaskFields, TaskReopened,
    TaskUpdated,
};
use crate::domain::register::{LwwSet, Reg};
use crate::domain::state::{DepKey, State};
use crate::domain::task::{Acceptance, Status, Task};
use crate::domain::tracking::{CommentEdited, GateSet, GateState, MilestoneSet, QuerySaved};
use crate::engine::deps;
use crate::store::{self, HistoryOf, Scope};

/// What is to be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum What {
    /// Everything that the actor's last command recorded.
    #[default]
    Last,
    /// One record, by its id or the beginning of it.
    Record(String),
}

/// Takes back the last command of the actor, or one record. Undoing an undo does it again.
///
/// # Errors
/// Nothing to take back, a record that is not there or cannot be taken back, or a failed publish.
pub fn undo(desk: Desk<'_>, what: &What, mode: Mode) -> Result<UndoReport, TrackerError> {
    let reading = desk.read(Scope::All)?;
    let records = store::history(&reading.view, HistoryOf::All)?;
    drop(reading);
    let targets = targets(desk, &records, what)?;
    let ids: BTreeSet<RecordId> = targets.iter().map(|record| record.id).collect();
    let before = State::fold(records.iter().filter(|record| !ids.contains(&record.id)));
    let done = desk.change("take it back", Scope::All, mode, |loaded, minter| {
        let mut after = loaded.state.clone();
        let mut rows = Vec::new();
        for record in targets.iter().rev() {
            let undoing = Undoing {
                now: &after,
                before: &before,
                record,
            };
            let (ops, note) = undoing.inverse()?;
            let changed = !ops.is_empty();
            for op in ops {
                minter.add(op);
                if let Some(record) = minter.records().last() {
                    after.apply(record);
                }
            }
            if changed || !matches!(record.op, Op::TaskNumbered(_)) {
                rows.push((record.about().task, record, changed, note));
            }
        }
        let rows: Vec<_> = rows
            .into_iter()
            .map(|(task, record, changed, note)| UndoneRow {
                task: task.map(|uid| name(&after, uid)),
                op: record.op.name().to_owned(),
                record: record.id.to_string(),
                changed,
                note,
            })
            .collect();
        Ok(if minter.records().is_empty() {
            Decision::Nothing(rows)
        } else {
            Decision::write(rows, "undo")
        })
    })?;
    Ok(UndoReport {
        run: targets.first().map(|r| r.run.clone()).unwrap_or_default(),
        at: targets.first().map(|r| r.ts.wall()).unwrap_or_default(),
        total: done.value.len(),
        undone: done.value,
        has_more: false,
        delivery: done.delivery,
    })
}

fn targets<'a>(
    desk: Desk<'_>,
    records: &'a [Record],
    what: &What,
) -> Result<Vec<&'a Record>, TrackerError> {
    match what {
        What::Last => {
            let mine = |record: &&Record| record.by == desk.context.actor;
            let last = records.iter().rev().find(mine);
            let last = last.ok_or_else(|| TrackerError::NotThere {
                what: format!("{} has recorded nothing yet", desk.context.actor),
                hint: "`fleet log T-7` shows records; `fleet undo --record ID` takes one back"
                    .to_owned(),
            })?;
            let run = |record: &&Record| record.run == last.run && record.by == last.by;
            Ok(records.iter().filter(run).collect())
        }
        What::Record(id) => {
            let fits = |record: &&Record| record.id.to_string().starts_with(id.as_str());
            let found: Vec<_> = records.iter().filter(fits).collect();
            match found.as_slice() {
                [_] if id.len() >= 8 => Ok(found),
                [] | [_] => Err(TrackerError::NotThere {
                    what: format!("no record is called `{}`", id.escape_debug()),
                    hint: "`fleet log T-7 --json` shows their ids; 8 letters at least".to_owned(),
                }),
                several => Err(TrackerError::NotThere {
                    what: format!("{} records begin with `{id}`", several.len()),
                    hint: "write more of the id".to_owned(),
                }),
            }
        }
    }
}

/// One record that is to be taken back.
struct Undoing<'a> {
    now: &'a State,
    before: &'a State,
    record: &'a Record,
}

type Inverse = (Vec<Op>, String);

fn nothing(note: &str) -> Inverse {
    (Vec::new(), note.to_owned())
}

fn done(op: Op, note: impl Into<String>) -> Inverse {
    (vec![op], note.into())
}

const OVERTAKEN: &str = "left alone: it was changed again since";

impl Undoing<'_> {
    fn refused(&self, why: &str) -> TrackerError {
        TrackerError::Invalid {
            what: format!("{} cannot be taken back: {why}", self.record.op.name()),
            hint: "nothing was undone; `fleet undo --record ID` takes back single records"
                .to_owned(),
        }
    }

    fn task(&self, uid: TaskUid) -> &Task {
        &self.now.tasks[&uid]
    }

    fn inverse(&self) -> Result<Inverse, TrackerError> {
        Ok(match &self.record.op {
            Op::TaskAdded(_) => self.added()?,
            // A number stays with its task, whatever becomes of it.
            Op::TaskNumbered(_) => nothing(""),
            Op::TaskUpdated(p) => self.updated(p),
            Op::TaskClosed(p) => self.status(p.task),
            Op::TaskReopened(p) => self.status(p.task),
            Op::TaskAdmitted(p) => self.admitted(p),
            Op::DepAdded(edge) => self.edge(edge, true)?,
            Op::DepRemoved(edge) => self.edge(edge, false)?,
            Op::CommentEdited(p) => self.comment(p),
            Op::GateAdded(p) => done(
                Op::GateSet(GateSet {
                    task: p.task,
                    gate: self.record.id,
                    state: GateState::Removed,
                    note: "undone".to_owned(),
                }),
                "removed",
            ),
            Op::GateSet(p) => self.gate(p),
            Op::QuerySaved(p) => self.query(p),
            Op::MilestoneSet(p) => self.milestone(p),
            Op::CommentAdded(_) => {
                return Err(self.refused(
                    "a remark stays; `fleet comment T-7 --edit N TEXT` gives it another text",
                ));
            }
            Op::TaskDecayed(_) => {
                return Err(self.refused("the full texts are in `fleet show --full`"));
            }
            Op::EscalationAnswered(_) | Op::EscalationOpened(_) => {
                return Err(self.refused("an agent may work by it already"));
            }
            Op::Unknown(_) => {
                return Err(self.refused("this version of fleet does not know what it says"));
            }
            _ => return Err(self.refused("it tells of work that was done")),
        })
    }

    fn added(&self) -> Result<Inverse, TrackerError> {
        let uid = TaskUid::created_by(self.record.id);
        if !self.now.index().sessions_of(uid).is_empty() {
            return Err(self.refused("agents have worked on the task; close it instead"));
        }
        if !self.task(uid).is_open() {
            return Ok(nothing("closed already"));
        }
        let closed = TaskClosed {
            task: uid,
            outcome: CloseOutcome::Wontdo,
            reason: "undone".to_owned(),
        };
        Ok(done(
            Op::TaskClosed(closed),
            "closed as wontdo: a number is never given again",
        ))
    }

    fn status(&self, uid: TaskUid) -> Inverse {
        let task = self.task(uid);
        if task.status.at.id != self.record.id {
            return nothing(OVERTAKEN);
        }
        let old = self.before.tasks.get(&uid).map(|task| &task.status.value);
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

    fn admitted(&self, p: &TaskAdmitted) -> Inverse {
        let sha256 = match self.before.tasks.get(&p.task) {
            Some(task) => task.details.admitted_sha256.value.clone(),
            None => None,
        };
        let admitted = TaskAdmitted {
            task: p.task,
            sha256: sha256.unwrap_or_default(),
        };
        done(Op::TaskAdmitted(admitted), "as it was admitted before")
    }

    fn edge(&self, edge: &DepEdge, added: bool) -> Result<Inverse, TrackerError> {
        let key = DepKey {
            from: edge.from,
            to: edge.to,
            kind: edge.kind,
        };
        let reg = self.now.deps.get(&key);
        if reg.is_none_or(|reg| reg.at.id != self.record.id) {
            return Ok(nothing(OVERTAKEN));
        }
        let was = self.before.deps.get(&key).is_some_and(|reg| reg.value);
        if was == added {
            return Ok(nothing("it was so before"));
        }
        if added {
            return Ok(done(Op::DepRemoved(edge.clone()), "removed"));
        }
        let index = self.now.index();
        if deps::would_cycle(self.now, &index, edge.from, edge.to, edge.kind).is_some() {
            return Err(self.refused("the dependency would close a cycle now"));
        }
        Ok(done(Op::DepAdded(edge.clone()), "added again"))
    }

    fn comment(&self, p: &CommentEdited) -> Inverse {
        let text = |state: &State| {
            let task = state.tasks.get(&p.task)?;
            task.details.comments.get(&p.comment).cloned()
        };
        let now = text(self.now).and_then(|comment| comment.edited);
        match (now, text(self.before)) {
            (Some((_, at)), Some(old)) if at.id == self.record.id => done(
                Op::CommentEdited(CommentEdited {
                    task: p.task,
                    comment: p.comment,
                    text: old.text,
                }),
                "its text before",
            ),
            _ => nothing(OVERTAKEN),
        }
    }

    fn gate(&self, p: &GateSet) -> Inverse {
        let gate = |state: &State| {
            let task = state.tasks.get(&p.task)?;
            task.details.gates.get(&p.gate).cloned()
        };
        let now = gate(self.now).and_then(|gate| gate.word);
        if now.is_none_or(|(_, at)| at.id != self.record.id) {
            return nothing(OVERTAKEN);
        }
        let state = gate(self.before).map(|gate| gate.state());
        let state = state.unwrap_or_default();
        done(
            Op::GateSet(GateSet {
                task: p.task,
                gate: p.gate,
                state,
                note: "undone".to_owned(),
            }),
            state.name(),
        )
    }

    fn query(&self, p: &QuerySaved) -> Inverse {
        let reg = self.now.queries.get(&p.name);
        if reg.is_none_or(|reg| reg.at.id != self.record.id) {
            return nothing(OVERTAKEN);
        }
        let before = self.before.queries.get(&p.name);
        done(
            Op::QuerySaved(QuerySaved {
                name: p.name.clone(),
                query: before.and_then(|reg| reg.value.clone()),
            }),
            format!("@{} as before", p.name),
        )
    }

    fn milestone(&self, p: &MilestoneSet) -> Inverse {
        let old = self
            .before
            .milestones
            .get(&p.name)
            .cloned()
            .unwrap_or_default();
        let set = MilestoneSet {
            name: p.name.clone(),
            due: p.due.map(|_| old.due.value),
            closed: p.closed.map(|_| old.closed.value),
            note: p.note.as_ref().map(|_| old.note.value.clone()),
        };
        done(Op::MilestoneSet(set), "as before")
    }

    /// Every field that the record wrote and nobody wrote since.
    fn updated(&self, p: &TaskUpdated) -> Inverse {
        let (now, none) = (self.task(p.task), Task::default());
        let old = self.before.tasks.get(&p.task).unwrap_or(&none);
        let mine = |at: crate::domain::register::Stamp| at.id == self.record.id;
        let mut set = TaskFields::default();
        macro_rules! back {
            ($($field:ident in $now:expr, $old:expr);+ $(;)?) => { $(
                if p.set.$field.is_some() && mine($now.$field.at) {
                    set.$field = Some($old.$field.value.clone());
                }
            )+ };
        }
        back!(title in now, old; body in now, old; kind in now, old);
        back!(
            complexity in now.details, old.details;
            deliverable in now.details, old.details;
            assignee in now.details, old.details;
            due in now.details, old.details;
            defer_until in now.details, old.details;
            external_ref in now.details, old.details;
            agent in now.details, old.details;
            held_by in now.details, old.details;
            budget in now.details, old.details;
            milestone in now.details, old.details;
            estimate_minutes in now.details, old.details;
        );
        if p.set.priority.is_some() && mine(now.priority.at) {
            set.priority = Some(old.priority());
        }
        if p.set.acceptance.is_some() && mine(now.details.acceptance.at) {
            set.acceptance = Some(old.points());
        }
        let updated = TaskUpdated {
            task: p.task,
            set,
            add_labels: changed(&p.rm_labels, &now.labels, &mine),
            rm_labels: changed(&p.add_labels, &now.labels, &mine),
            add_paths: changed(&p.rm_paths, &now.paths, &mine),
            rm_paths: changed(&p.add_paths, &now.paths, &mine),
            check: marked(&p.uncheck, now, old, true),
            uncheck: marked(&p.check, now, old, false),
        };
        let empty = TaskUpdated {
            set: TaskFields::default(),
            ..none_of(p.task)
        };
        if updated == empty {
            nothing(OVERTAKEN)
        } else {
            done(Op::TaskUpdated(updated), "values as before")
        }
    }
}

fn none_of(task: TaskUid) -> TaskUpdated {
    TaskUpdated {
        task,
        set: TaskFields::default(),
        add_labels: Vec::new(),
        rm_labels: Vec::new(),
        add_paths: Vec::new(),
        rm_paths: Vec::new(),
        check: Vec::new(),
        uncheck: Vec::new(),
    }
}

/// Elements that the record changed last.
fn changed(
    elements: &[String],
    set: &LwwSet,
    mine: &dyn Fn(crate::domain::register::Stamp) -> bool,
) -> Vec<String> {
    let last = |reg: Option<&Reg<bool>>| reg.is_some_and(|reg| mine(reg.at));
    let changed = elements.iter().filter(|element| last(set.get(element)));
    changed.cloned().collect()
}

/// Points that were `done` before and are not now.
fn marked(texts: &[String], now: &Task, old: &Task, done: bool) -> Vec<String> {
    let is = |points: &[Acceptance], text: &str| {
        points
            .iter()
            .find(|point| point.text == text)
            .map(|p| p.done)
    };
    let (now, old) = (now.points(), old.points());
    let back = texts
        .iter()
        .filter(|text| is(&old, text) == Some(done) && is(&now, text) == Some(!done));
    back.cloned().collect()
}
