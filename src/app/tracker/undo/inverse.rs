//! What takes each kind of record back.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::gates;
use crate::domain::ids::{RecordId, TaskUid};
use crate::domain::record::{CommentAdded, DepEdge, Op, Record};
use crate::domain::state::{DepKey, Index, State};
use crate::domain::task::Task;
use crate::domain::tracking::{
    CommentEdited, Gate, GateAdded, GateSet, GateState, MilestoneSet, QuerySaved,
};
use crate::engine::admission::is_taken_over;
use crate::engine::deps;

/// Operations that take a record back, and a word about them. None: it stays.
pub(super) type Inverse = (Vec<Op>, String);

pub(super) const OVERTAKEN: &str = "left alone: it was changed again since";
/// What stands where a remark was.
pub(super) const TAKEN_BACK: &str = "(taken back)";

pub(super) fn nothing(note: &str) -> Inverse {
    (Vec::new(), note.to_owned())
}

pub(super) fn done(op: Op, note: impl Into<String>) -> Inverse {
    (vec![op], note.into())
}

pub(super) fn refused(record: &Record, why: &str) -> TrackerError {
    TrackerError::Invalid {
        what: format!("{} cannot be taken back: {why}", record.op.name()),
        hint: "nothing was undone; `fleet undo --record ID` takes back single records".to_owned(),
    }
}

/// A set of records that is to be taken back, and how far that came.
pub(super) struct Undoing<'a> {
    desk: Desk<'a>,
    now: State,
    index: Index,
    before: State,
    before_index: Index,
    /// All records, by the tasks that they are about.
    about: BTreeMap<TaskUid, Vec<&'a Record>>,
    /// The records, and those that take them back.
    own: BTreeSet<RecordId>,
    /// How many records there are.
    count: usize,
}

impl<'a> Undoing<'a> {
    /// Begins on the newest state; `history` is all of its records.
    pub(super) fn new(
        desk: Desk<'a>,
        now: &State,
        history: &'a [Record],
        targets: &[Record],
    ) -> Self {
        let own: BTreeSet<RecordId> = targets.iter().map(|record| record.id).collect();
        let tasks: BTreeSet<TaskUid> = targets.iter().filter_map(|r| r.about().task).collect();
        let mut about: BTreeMap<TaskUid, Vec<&Record>> = BTreeMap::new();
        for record in history {
            let named = record.about();
            for task in [named.task, named.other].into_iter().flatten() {
                if tasks.contains(&task) {
                    about.entry(task).or_default().push(record);
                }
            }
        }
        let before = State::fold(history.iter().filter(|record| !own.contains(&record.id)));
        Self {
            desk,
            now: now.clone(),
            index: now.index(),
            before_index: before.index(),
            before,
            about,
            own,
            count: targets.len(),
        }
    }

    /// The state with what was taken back so far.
    pub(super) const fn now(&self) -> &State {
        &self.now
    }

    /// The state as if the records had never been.
    pub(super) const fn before(&self) -> &State {
        &self.before
    }

    pub(super) const fn desk(&self) -> Desk<'a> {
        self.desk
    }

    pub(super) fn by_agent(&self) -> bool {
        self.desk.by_program()
    }

    pub(super) fn task(&self, uid: TaskUid) -> &Task {
        &self.now.tasks[&uid]
    }

    pub(super) const fn index(&self) -> &Index {
        &self.index
    }

    /// Records about a task, in their order.
    pub(super) fn about(&self, task: TaskUid) -> impl Iterator<Item = &'a Record> {
        self.about.get(&task).into_iter().flatten().copied()
    }

    /// Whether a record is to be taken back, or takes one back.
    pub(super) fn is_own(&self, record: RecordId) -> bool {
        self.own.contains(&record)
    }

    /// Keeps in step with a record that was minted.
    pub(super) fn take(&mut self, minted: &Record) {
        self.now.apply(minted);
        self.own.insert(minted.id);
        if let Op::DepAdded(edge) | Op::DepRemoved(edge) = &minted.op {
            self.index.note_edge(&self.now, edge.into());
        }
    }

    /// What takes one record back.
    pub(super) fn inverse(&self, record: &Record) -> Result<Inverse, TrackerError> {
        Ok(match &record.op {
            Op::TaskAdded(p) => self.added(record, p)?,
            // A number stays with its task, whatever becomes of it.
            Op::TaskNumbered(_) => nothing(""),
            Op::TaskUpdated(p) => self.updated(record, p),
            Op::TaskClosed(p) => self.status(record, p.task),
            Op::TaskReopened(p) => self.status(record, p.task),
            Op::TaskAdmitted(p) => self.admitted(record, p),
            Op::DepAdded(edge) => self.edge(record, edge, true)?,
            Op::DepRemoved(edge) => self.edge(record, edge, false)?,
            Op::CommentAdded(p) => self.remark(record, p)?,
            Op::CommentEdited(p) => self.comment(record, p),
            Op::GateAdded(p) => self.gate_added(record, p)?,
            Op::GateSet(p) => self.gate(record, p)?,
            Op::QuerySaved(p) => self.query(record, p),
            Op::MilestoneSet(p) => self.milestone(record, p),
            Op::TaskDecayed(_) => {
                return Err(refused(record, "the full texts are in `fleet show --full`"));
            }
            Op::EscalationAnswered(_) | Op::EscalationOpened(_) => {
                return Err(refused(record, "an agent may work by it already"));
            }
            Op::Unknown(_) => {
                return Err(refused(
                    record,
                    "this version of fleet does not know what it says",
                ));
            }
            _ => return Err(refused(record, "it tells of work that was done")),
        })
    }

    fn edge(&self, record: &Record, edge: &DepEdge, added: bool) -> Result<Inverse, TrackerError> {
        let key = DepKey::from(edge);
        let reg = self.now.deps.get(&key);
        if reg.is_none_or(|reg| reg.at.id != record.id) {
            return Ok(nothing(OVERTAKEN));
        }
        let was = self.before.deps.get(&key).is_some_and(|reg| reg.value);
        if was == added {
            return Ok(nothing("it was so before"));
        }
        if added {
            return Ok(done(Op::DepRemoved(edge.clone()), "removed"));
        }
        if deps::would_cycle(&self.now, &self.index, edge.from, edge.to, edge.kind).is_some() {
            return Err(refused(record, "the dependency would close a cycle now"));
        }
        Ok(done(Op::DepAdded(edge.clone()), "added again"))
    }

    /// A remark that a command made beside other things (a merge copies some) makes way for a word;
    /// one that was all that was said stays, as it may have been read.
    fn remark(&self, record: &Record, p: &CommentAdded) -> Result<Inverse, TrackerError> {
        if self.count == 1 {
            return Err(refused(
                record,
                "a remark stays; `fleet comment T-7 --edit N TEXT` gives it another text",
            ));
        }
        if self.is_own(p.task.record()) {
            return Ok(nothing("it goes with its task"));
        }
        let comment = self.task(p.task).details.comments.get(&record.id);
        if comment.is_none_or(|comment| comment.edited.is_some() || comment.text != p.text) {
            return Ok(nothing(OVERTAKEN));
        }
        Ok(done(
            Op::CommentEdited(CommentEdited {
                task: p.task,
                comment: record.id,
                text: TAKEN_BACK.to_owned(),
            }),
            "its text stays in the history",
        ))
    }

    fn comment(&self, record: &Record, p: &CommentEdited) -> Inverse {
        let text = |state: &State| {
            let task = state.tasks.get(&p.task)?;
            task.details.comments.get(&p.comment).cloned()
        };
        let now = text(&self.now).and_then(|comment| comment.edited);
        match (now, text(&self.before)) {
            (Some((_, at)), Some(old)) if at.id == record.id => done(
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

    /// In whose name an operation is recorded, if not in that of who takes back: a text that no human
    /// had taken over is not taken over by its coming back (R4).
    pub(super) fn author_of(&self, op: &Op) -> Option<String> {
        let Op::CommentEdited(p) = op else {
            return None;
        };
        let task = self.before.tasks.get(&p.task)?;
        let old = task.details.comments.get(&p.comment)?;
        let author = old.edited.as_ref().map_or(&old.by, |(by, _)| by);
        let strange =
            old.text == p.text && !is_taken_over(&self.before, &self.before_index, p.task, old);
        strange.then(|| author.clone())
    }

    fn find_gate(&self, task: TaskUid, gate: RecordId) -> Option<&Gate> {
        self.task(task).details.gates.get(&gate)
    }

    fn gate_added(&self, record: &Record, p: &GateAdded) -> Result<Inverse, TrackerError> {
        let Some(gate) = self.find_gate(p.task, record.id) else {
            return Ok(nothing(OVERTAKEN));
        };
        let word = gate.word.as_ref();
        if word.is_some_and(|(_, at)| !self.is_own(at.id)) {
            return Ok(nothing(OVERTAKEN));
        }
        gates::refuse_agents(self.desk, gate)?;
        let set = GateSet {
            task: p.task,
            gate: record.id,
            state: GateState::Removed,
            note: "undone".to_owned(),
        };
        Ok(done(Op::GateSet(set), "removed"))
    }

    fn gate(&self, record: &Record, p: &GateSet) -> Result<Inverse, TrackerError> {
        let Some(gate) = self.find_gate(p.task, p.gate) else {
            return Ok(nothing(OVERTAKEN));
        };
        if gate.word.as_ref().is_none_or(|(_, at)| at.id != record.id) {
            return Ok(nothing(OVERTAKEN));
        }
        gates::refuse_agents(self.desk, gate)?;
        let old = self.before.tasks.get(&p.task);
        let old = old.and_then(|task| task.details.gates.get(&p.gate));
        let state = old.map(Gate::state).unwrap_or_default();
        let set = GateSet {
            task: p.task,
            gate: p.gate,
            state,
            note: "undone".to_owned(),
        };
        Ok(done(Op::GateSet(set), state.name()))
    }

    fn query(&self, record: &Record, p: &QuerySaved) -> Inverse {
        let reg = self.now.queries.get(&p.name);
        if reg.is_none_or(|reg| reg.at.id != record.id) {
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

    /// Every value that the record wrote and nobody wrote since.
    fn milestone(&self, record: &Record, p: &MilestoneSet) -> Inverse {
        let of = |state: &State| state.milestones.get(&p.name).cloned().unwrap_or_default();
        let (now, old) = (of(&self.now), of(&self.before));
        let due = p.due.filter(|_| now.due.at.id == record.id);
        let closed = p.closed.filter(|_| now.closed.at.id == record.id);
        let note = p.note.as_ref().filter(|_| now.note.at.id == record.id);
        if due.is_none() && closed.is_none() && note.is_none() {
            return nothing(OVERTAKEN);
        }
        let set = MilestoneSet {
            name: p.name.clone(),
            due: due.map(|_| old.due.value),
            closed: closed.map(|_| old.closed.value),
            note: note.map(|_| old.note.value.clone()),
        };
        done(Op::MilestoneSet(set), "as before")
    }
}
