//! From what was seen to records: decided on whatever state is newest, so that it can be decided
//! again.

use crate::app::context::Minter;
use crate::app::intake::answers;
use crate::app::intake::look::{Look, Seen, number_of};
use crate::domain::ids::TaskUid;
use crate::domain::policy::Policy;
use crate::domain::record::{
    CloseOutcome, CommentAdded, Op, TaskAdded, TaskAdmitted, TaskClosed, TaskFields, TaskUpdated,
};
use crate::domain::state::{Index, State};
use crate::domain::task::{Acceptance, Task};
use crate::engine::admission::is_admitted;
use crate::engine::clean::LeftOut;
use crate::ports::tickets::TicketState;

/// Why a task was closed whose issue is not there any more.
pub(super) const GONE: &str = "its issue is gone: deleted, or moved to another repository";
/// In the place of a hash: what was admitted is so no more (docs/formats.md).
pub(super) const WITHDRAWN: &str = "";

/// All that is to be done.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) list: Vec<Change>,
    pub(super) unchanged: usize,
    pub(super) later: usize,
    /// Tasks whose questions were answered, and by whom.
    pub(super) answered: Vec<(TaskUid, String)>,
}

impl Changes {
    /// Records what people said, with what follows from it.
    pub(super) fn answer(
        &mut self,
        state: &State,
        policy: &Policy,
        look: &Look,
        minter: &mut Minter<'_>,
    ) {
        if look.answers.is_empty() {
            return;
        }
        let mut state = state.clone();
        for answer in &look.answers {
            let done = answers::mint(answer, &mut state, policy, minter);
            self.answered.extend(done.map(|what| (answer.task, what)));
        }
    }
}

/// What kind of change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Created,
    Updated,
    Closed,
    /// Nothing is written.
    Waits,
}

/// What one issue changes.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) sort: Sort,
    /// The task; of a new one, once it is minted.
    pub(super) task: Option<TaskUid>,
    pub(super) reference: String,
    pub(super) url: String,
    pub(super) title: String,
    pub(super) what: String,
    /// Why its text is not admitted, if so.
    pub(super) waits: Option<&'static str>,
    added: Option<TaskAdded>,
    ops: Vec<Op>,
    /// Who admits which text with it.
    admits: Option<(String, String)>,
}

impl Change {
    fn of(seen: &Seen, sort: Sort, task: Option<TaskUid>, what: String) -> Self {
        Self {
            sort,
            task,
            reference: seen.ticket.reference.clone(),
            url: seen.ticket.url.clone(),
            title: seen.reading.title.clone(),
            what,
            waits: None,
            added: None,
            ops: Vec::new(),
            admits: None,
        }
    }

    /// True if it makes records.
    pub(super) const fn writes(&self) -> bool {
        self.added.is_some() || !self.ops.is_empty() || self.admits.is_some()
    }

    /// Makes its records.
    pub(super) fn mint(&mut self, minter: &mut Minter<'_>) {
        minter.act_as("fleet");
        if let Some(added) = self.added.clone() {
            self.task = Some(TaskUid::created_by(minter.add(Op::TaskAdded(added))));
        }
        for op in self.ops.clone() {
            minter.add(op);
        }
        if let (Some((who, sha256)), Some(task)) = (self.admits.clone(), self.task) {
            minter.act_as(format!("human:{who}"));
            minter.add(Op::TaskAdmitted(TaskAdmitted { task, sha256 }));
            minter.act_as("fleet");
        }
    }
}

/// Decides on `state`; at most `limit` tasks are added or changed.
pub(super) fn decide(state: &State, look: &Look, limit: usize) -> Changes {
    let mut changes = Changes::default();
    let index = state.index();
    let mut written = 0;
    for seen in &look.seen {
        let change = match state.by_key(&seen.ticket.key) {
            Some(uid) => known(state, &index, uid, seen),
            None if look.archived.contains(&seen.ticket.key) => None,
            None if seen.labelled && seen.ticket.state == TicketState::Open => Some(new(seen)),
            None => continue,
        };
        let Some(change) = change else {
            changes.unchanged += 1;
            continue;
        };
        if change.writes() && written >= limit {
            changes.later += 1;
            continue;
        }
        written += usize::from(change.writes());
        changes.unchanged += usize::from(!change.writes());
        changes.list.push(change);
    }
    for number in &look.gone {
        changes.list.extend(gone(state, &index, look, *number));
    }
    changes
}

fn new(seen: &Seen) -> Change {
    let reading = &seen.reading;
    let mut change = Change::of(
        seen,
        Sort::Created,
        None,
        told("taken in", &reading.left_out),
    );
    change.added = Some(TaskAdded {
        n: None,
        key: Some(seen.ticket.key.clone()),
        set: TaskFields {
            title: Some(reading.title.clone()),
            body: Some(reading.body.clone()),
            kind: reading.kind.clone(),
            priority: reading.priority,
            acceptance: (!reading.acceptance.is_empty()).then(|| reading.acceptance.clone()),
            external_ref: Some(Some(seen.ticket.reference.clone())),
            ..TaskFields::default()
        },
        labels: reading.labels.clone(),
        paths: Vec::new(),
        admitted: false,
    });
    match &seen.handed {
        Some(handing) => {
            change.what = format!("{}, admitted by {}", change.what, handing.by);
            change.admits = Some((handing.by.clone(), seen.hash.clone()));
        }
        None => change.waits = Some("nobody who may write to the repository has admitted it"),
    }
    change
}

fn told(done: &str, left_out: &LeftOut) -> String {
    if left_out.is_empty() {
        return done.to_owned();
    }
    format!("{done}, without what the page does not show ({left_out})")
}

/// What an issue changes about its task; `None` if that is closed.
fn known(state: &State, index: &Index, uid: TaskUid, seen: &Seen) -> Option<Change> {
    let task = state.tasks.get(&uid).filter(|task| task.is_open())?;
    if seen.ticket.state != TicketState::Open {
        return closed(index, uid, task, seen);
    }
    let (fields, names) = difference(task, seen);
    let text_changed =
        fields.title.is_some() || fields.body.is_some() || fields.acceptance.is_some();
    let mut done: Vec<String> = Vec::new();
    let mut change = Change::of(seen, Sort::Updated, Some(uid), String::new());
    let labels = &seen.reading.labels;
    let absent: Vec<String> = labels
        .iter()
        .filter(|l| !task.labels.contains(l))
        .cloned()
        .collect();
    if !names.is_empty() || !absent.is_empty() {
        let mut names = names;
        names.extend((!absent.is_empty()).then_some("labels"));
        let words = format!("{} as at the issue", names.join(", "));
        done.push(if text_changed {
            told(&words, &seen.reading.left_out)
        } else {
            words
        });
        change.ops.push(Op::TaskUpdated(TaskUpdated {
            add_labels: absent,
            ..TaskUpdated::of(uid, fields)
        }));
    }
    let pinned = &task.details.admitted_sha256;
    let admitted = task.admitted.value && pinned.value.as_ref() == Some(&seen.hash);
    if let (false, Some(handing)) = (admitted, &seen.handed) {
        done.push(format!("admitted by {}", handing.by));
        change.admits = Some((handing.by.clone(), seen.hash.clone()));
    } else if let Some(off) = seen.taken_off.filter(|_| admitted) {
        // Who admitted it after that has decided anew.
        if pinned.at.ts.wall() <= off {
            done.push("its label was taken off: nothing more is started".to_owned());
            change.ops.push(withdraw(uid));
            change.waits = Some("its label was taken off");
        }
    } else if !admitted {
        change.waits = Some(if pinned.value.as_deref().is_none_or(str::is_empty) {
            "nobody who may write to the repository has admitted it"
        } else {
            "its text changed after it was admitted"
        });
    }
    change.what = done.join("; ");
    if !change.writes() {
        change.waits?;
        change.sort = Sort::Waits;
    }
    Some(change)
}

fn withdraw(task: TaskUid) -> Op {
    Op::TaskAdmitted(TaskAdmitted {
        task,
        sha256: WITHDRAWN.to_owned(),
    })
}

/// Fields in which a task differs from its issue, and their names. Type and priority follow where a
/// label says them; points that were met here stay met.
fn difference(task: &Task, seen: &Seen) -> (TaskFields, Vec<&'static str>) {
    let reading = &seen.reading;
    let mut set = TaskFields::default();
    let mut names = Vec::new();
    if task.title.value != reading.title {
        set.title = Some(reading.title.clone());
        names.push("title");
    }
    if task.body.value != reading.body {
        set.body = Some(reading.body.clone());
        names.push("text");
    }
    let here = task.points();
    let merged: Vec<Acceptance> = reading
        .acceptance
        .iter()
        .map(|point| met(point, &here))
        .collect();
    if merged != here {
        set.acceptance = Some(merged);
        names.push("checklist");
    }
    if let Some(kind) = reading
        .kind
        .as_ref()
        .filter(|kind| *kind != task.type_name())
    {
        set.kind = Some(kind.clone());
        names.push("type");
    }
    if let Some(priority) = reading.priority.filter(|p| *p != task.priority()) {
        set.priority = Some(priority);
        names.push("priority");
    }
    if task.details.external_ref.value.as_ref() != Some(&seen.ticket.reference) {
        set.external_ref = Some(Some(seen.ticket.reference.clone()));
        names.push("reference");
    }
    (set, names)
}

fn met(point: &Acceptance, here: &[Acceptance]) -> Acceptance {
    let done = here
        .iter()
        .any(|known| known.text == point.text && known.done);
    Acceptance {
        done: point.done || done,
        ..point.clone()
    }
}

/// The issue was closed while its task is open. One that nobody began is closed with it; of one that
/// was begun nothing more is started, and a human decides what becomes of it.
///
/// That it is done releases what waits for it: only somebody who may write says so.
fn closed(index: &Index, uid: TaskUid, task: &Task, seen: &Seen) -> Option<Change> {
    let (outcome, words) = match seen.ticket.state {
        TicketState::Done if seen.closer_may? => {
            (CloseOutcome::Done, "its issue was closed as done")
        }
        TicketState::Done => {
            let words =
                "its issue was closed as done by somebody who is not known to have write access";
            let mut change = Change::of(seen, Sort::Updated, Some(uid), String::new());
            return stop(uid, task, words, &mut change).then_some(change);
        }
        TicketState::Duplicate => (
            CloseOutcome::Duplicate,
            "its issue was closed as a duplicate",
        ),
        TicketState::Open | TicketState::Dropped => (CloseOutcome::Wontdo, "its issue was closed"),
    };
    let mut change = Change::of(seen, Sort::Closed, Some(uid), words.to_owned());
    end(index, uid, task, outcome, words, &mut change).then_some(change)
}

fn gone(state: &State, index: &Index, look: &Look, number: u64) -> Option<Change> {
    let open = state.tasks.iter().filter(|(_, task)| task.is_open());
    let mut ours = open.filter(|(_, task)| number_of(task, &look.place) == Some(number));
    let (uid, task) = ours.next()?;
    let mut change = Change {
        sort: Sort::Closed,
        task: Some(*uid),
        reference: format!("{}#{number}", look.place),
        url: String::new(),
        title: task.title.value.clone(),
        what: GONE.to_owned(),
        waits: None,
        added: None,
        ops: Vec::new(),
        admits: None,
    };
    end(index, *uid, task, CloseOutcome::Wontdo, GONE, &mut change).then_some(change)
}

/// False if there is nothing more to do.
fn end(
    index: &Index,
    uid: TaskUid,
    task: &Task,
    outcome: CloseOutcome,
    words: &str,
    change: &mut Change,
) -> bool {
    if index.sessions_of(uid).is_empty() {
        change.ops.push(Op::TaskClosed(TaskClosed {
            task: uid,
            outcome,
            reason: words.to_owned(),
        }));
        return true;
    }
    stop(uid, task, words, change)
}

/// Starts nothing more of a task that stays open. False if that is so already.
fn stop(uid: TaskUid, task: &Task, words: &str, change: &mut Change) -> bool {
    if !is_admitted(task) {
        return false;
    }
    change.sort = Sort::Updated;
    change.what = format!("{words}: nothing more is started");
    change.ops.push(withdraw(uid));
    change.ops.push(Op::CommentAdded(CommentAdded {
        task: uid,
        text: format!(
            "Nothing more is started, because {words}. A merge of what is in review still counts; \
             `fleet close` closes the task, `fleet admit` lets it go on."
        ),
    }));
    true
}
