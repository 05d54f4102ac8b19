//! Gates: what a task waits for that is no task.

use crate::app::publish::Decision;
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::{name, resolve, title};
use crate::app::tracker::report::{GateChange, GateList, GateRow};
use crate::app::tracker::request::{Mode, When};
use crate::app::tracker::values;
use crate::domain::ids::{RecordId, TaskSelector, TaskUid};
use crate::domain::record::Op;
use crate::domain::state::State;
use crate::domain::task::Task;
use crate::domain::time::Timestamp;
use crate::domain::tracking::{Gate, GateAdded, GateKind, GateSet, GateState};
use crate::engine::ready::gate_state;
use crate::store::{Bodies, Scope};

/// A gate to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGate {
    /// What it waits for.
    pub kind: GateKind,
    /// For a timer: until when.
    pub until: Option<When>,
    /// For a pull request or a run: which.
    pub subject: Option<String>,
    /// Why, in a line.
    pub note: String,
}

fn invalid(what: &str, hint: &str) -> TrackerError {
    TrackerError::Invalid {
        what: what.to_owned(),
        hint: hint.to_owned(),
    }
}

/// Puts a gate before a task.
///
/// # Errors
/// A gate that says too little, an unknown or ambiguous task, or a failed publish.
pub fn add(
    desk: Desk<'_>,
    task: &TaskSelector,
    new: &NewGate,
    mode: Mode,
) -> Result<GateChange, TrackerError> {
    let clock = desk.context.clock;
    let until = new
        .until
        .map(|when| when.resolve(clock.now(), &|at| clock.offset_secs(at)));
    if new.kind == GateKind::Timer && until.is_none() {
        return Err(invalid(
            "a timer needs a time",
            "`fleet gate add T-7 timer \"tomorrow 9am\"`",
        ));
    }
    let subject = match (&new.subject, new.kind) {
        (Some(subject), _) => Some(values::said("subject of the gate", subject)?),
        (None, GateKind::Pr | GateKind::Ci) => {
            return Err(invalid(
                "the gate does not say what it waits for",
                "`fleet gate add T-7 pr 12`, `fleet gate add T-7 ci nightly`",
            ));
        }
        (None, _) => None,
    };
    let note = values::text("note", &new.note)?;
    let scope = Scope::Tasks(vec![task.clone()]);
    let done = desk.change("add the gate", scope, mode, |loaded, minter| {
        let uid = resolve(&loaded.state, task)?;
        let id = minter.add(Op::GateAdded(GateAdded {
            task: uid,
            kind: new.kind,
            until,
            subject: subject.clone(),
            note: note.clone(),
        }));
        let subject = format!("gate {}", name(&loaded.state, uid));
        Ok(Decision::write((uid, id), subject))
    })?;
    change(desk, done, "added", true)
}

fn change(
    desk: Desk<'_>,
    done: crate::app::tracker::desk::Done<(TaskUid, RecordId)>,
    action: &'static str,
    changed: bool,
) -> Result<GateChange, TrackerError> {
    let (uid, gate) = done.value;
    let task = &done.state.tasks[&uid];
    let number = numbered(task).iter().position(|(id, _)| *id == gate);
    let gate = number.and_then(|at| row(&done.state, uid, at, desk.now()));
    Ok(GateChange {
        action,
        changed,
        gate: gate.ok_or_else(|| TrackerError::State("find the gate again".to_owned()))?,
        delivery: done.delivery,
    })
}

/// Gates of a task in the order in which they are counted.
fn numbered(task: &Task) -> Vec<(RecordId, &Gate)> {
    let gates = task.details.gates.iter();
    let mut gates: Vec<_> = gates
        .filter(|(_, gate)| gate.added.is_some())
        .map(|(id, gate)| (*id, gate))
        .collect();
    gates.sort_by_key(|(id, gate)| (gate.added.as_ref().map(|(_, _, at)| *at), *id));
    gates
}

/// Says where a gate stands from now on. `number` counts from 1, as `gate list` does; it may be
/// left out if the task has one gate only.
///
/// # Errors
/// No such gate, an unknown or ambiguous task, an agent that opens a human's gate, or a failed
/// publish.
pub fn set(
    desk: Desk<'_>,
    task: &TaskSelector,
    number: Option<usize>,
    (state, note): (GateState, &str),
    mode: Mode,
) -> Result<GateChange, TrackerError> {
    let note = values::text("note", note)?;
    let mut changed = false;
    let scope = Scope::Tasks(vec![task.clone()]);
    let done = desk.change("set the gate", scope, mode, |loaded, minter| {
        let uid = resolve(&loaded.state, task)?;
        let gates = numbered(&loaded.state.tasks[&uid]);
        let at = match number {
            Some(number) => number.checked_sub(1),
            None => (gates.len() == 1).then_some(0),
        };
        let Some((id, gate)) = at.and_then(|at| gates.get(at)) else {
            let label = name(&loaded.state, uid);
            return Err(TrackerError::NotThere {
                what: match number {
                    Some(number) => {
                        format!("{label} has no gate {number}, it has {}", gates.len())
                    }
                    None => format!("{label} has {} gates, not one", gates.len()),
                },
                hint: format!("`fleet gate list {label}` numbers them from 1"),
            });
        };
        refuse_agents(desk, gate)?;
        changed = gate_state(&loaded.state, gate, minter.now()) != state;
        if !changed {
            return Ok(Decision::Nothing((uid, *id)));
        }
        minter.add(Op::GateSet(GateSet {
            task: uid,
            gate: *id,
            state,
            note: note.clone(),
        }));
        let subject = format!("gate of {} {}", name(&loaded.state, uid), state.name());
        Ok(Decision::write((uid, *id), subject))
    })?;
    change(desk, done, state.name(), changed)
}

/// A gate for a human is worth nothing if an agent may open it.
pub(in crate::app::tracker) fn refuse_agents(
    desk: Desk<'_>,
    gate: &Gate,
) -> Result<(), TrackerError> {
    let human = matches!(&gate.added, Some((added, ..)) if added.kind == GateKind::Human);
    if human && desk.by_program() {
        return Err(invalid(
            "an agent cannot open or remove a gate that waits for a human",
            "a human runs `fleet gate pass`",
        ));
    }
    Ok(())
}

/// Gates of a task, or of all open tasks.
///
/// # Errors
/// An unknown or ambiguous task, or unreadable state.
pub fn list(
    desk: Desk<'_>,
    task: Option<&TaskSelector>,
    all: bool,
) -> Result<GateList, TrackerError> {
    let (reading, uid) = match task {
        Some(task) => {
            let (reading, uid) =
                desk.read_until(Bodies::MayBeMissing, |state| resolve(state, task))?;
            (reading, Some(uid))
        }
        None => (desk.skim(Scope::Live)?, None),
    };
    let state = &reading.loaded.state;
    let tasks: Vec<_> = match uid {
        Some(uid) => vec![uid],
        None => state
            .tasks
            .iter()
            .filter(|(_, task)| task.is_open() && !task.details.gates.is_empty())
            .map(|(uid, _)| *uid)
            .collect(),
    };
    let now = desk.now();
    let gates: Vec<_> = tasks
        .iter()
        .flat_map(|uid| rows(state, *uid, now))
        .filter(|row| all || row.state == GateState::Waiting.name())
        .collect();
    Ok(GateList {
        total: gates.len(),
        gates,
        has_more: false,
    })
}

/// The gates of a task.
pub(in crate::app::tracker) fn rows(state: &State, uid: TaskUid, now: Timestamp) -> Vec<GateRow> {
    let count = numbered(&state.tasks[&uid]).len();
    (0..count)
        .filter_map(|at| row(state, uid, at, now))
        .collect()
}

fn row(state: &State, uid: TaskUid, at: usize, now: Timestamp) -> Option<GateRow> {
    let gates = numbered(&state.tasks[&uid]);
    let (id, gate) = gates.get(at)?;
    let (added, by, stamp) = gate.added.as_ref()?;
    let word = gate.word.as_ref();
    Some(GateRow {
        task: name(state, uid),
        title: title(state, uid),
        number: at + 1,
        gate: id.to_string(),
        kind: added.kind.name(),
        until: added.until,
        subject: added.subject.clone(),
        note: added.note.clone(),
        added_by: by.clone(),
        added_at: stamp.ts.wall(),
        state: gate_state(state, gate, now).name(),
        set_by: word.map(|(word, _)| word.by.clone()),
        set_at: word.map(|(_, at)| at.ts.wall()),
        set_note: word.map(|(word, _)| word.note.clone()),
    })
}
