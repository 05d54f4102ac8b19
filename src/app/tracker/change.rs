//! Changing tasks: fields, close, reopen, comments, admission.

pub(in crate::app::tracker) mod admission;
mod holding;
mod points;

use crate::app::context::Minter;
use crate::app::publish::Decision;
use crate::app::tracker::change::admission::{readmission, waits_after};
use crate::app::tracker::change::holding::Holding;
use crate::app::tracker::change::points::{Points, points};
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::{name, resolve_all, title};
use crate::app::tracker::report::{ChangeReport, ChangedTask};
use crate::app::tracker::request::{CloseRequest, Edits, Mode};
use crate::app::tracker::values::{self, Checked};
use crate::domain::ids::{TaskSelector, TaskUid};
use crate::domain::record::{Op, TaskAdmitted, TaskClosed, TaskFields, TaskReopened, TaskUpdated};
use crate::domain::state::State;
use crate::domain::task::{Status, Task};
use crate::engine::admission::admission_hash;
use crate::store::Scope;

/// What one task gets: operations, and a word about them. No operations = it was so already.
pub(in crate::app::tracker) struct Step {
    pub(in crate::app::tracker) ops: Vec<Op>,
    pub(in crate::app::tracker) note: String,
}

/// Makes the same kind of change on several tasks, in one publish.
pub(in crate::app::tracker) fn each(
    desk: Desk<'_>,
    action: &'static str,
    tasks: &[TaskSelector],
    mode: Mode,
    step: impl Fn(TaskUid, &Task) -> Result<Step, TrackerError>,
) -> Result<ChangeReport, TrackerError> {
    let (chosen, holding) = (Chosen::Named(tasks), Holding::Untouched);
    each_chosen(desk, action, (chosen, &holding), mode, step)
}

/// Which tasks a change is about.
pub(in crate::app::tracker) enum Chosen<'a> {
    /// These.
    Named(&'a [TaskSelector]),
    /// Those that a rule finds in the newest state, which has to be read so far.
    By(
        &'a dyn Fn(&State) -> Result<Vec<TaskUid>, TrackerError>,
        Scope,
    ),
}

fn each_chosen(
    desk: Desk<'_>,
    action: &'static str,
    (chosen, holding): (Chosen<'_>, &Holding<'_>),
    mode: Mode,
    step: impl Fn(TaskUid, &Task) -> Result<Step, TrackerError>,
) -> Result<ChangeReport, TrackerError> {
    let what = holding.what(action);
    let scope = match &chosen {
        Chosen::Named(tasks) => Scope::Tasks(tasks.to_vec()),
        Chosen::By(_, scope) => scope.clone(),
    };
    let terms = holding.terms(desk, scope);
    let done = desk.change_on(&what, &terms, mode, |loaded, minter| {
        let mut steps = Vec::new();
        let uids = match &chosen {
            Chosen::Named(tasks) => resolve_all(&loaded.state, tasks)?,
            Chosen::By(choose, _) => choose(&loaded.state)?,
        };
        holding.refuse(&loaded.state, &uids)?;
        for uid in uids {
            let task = &loaded.state.tasks[&uid];
            let step = step(uid, task)?;
            let changed = !step.ops.is_empty();
            for op in step.ops {
                minter.add(op);
            }
            steps.push((uid, changed, step.note));
        }
        let subject = subject(action, &loaded.state, &steps);
        Ok(decision(minter, steps, subject))
    })?;
    let tasks: Vec<_> = done
        .value
        .into_iter()
        .map(|(uid, changed, note)| ChangedTask {
            id: name(&done.state, uid),
            uid: uid.to_string(),
            title: title(&done.state, uid),
            changed,
            note,
        })
        .collect();
    Ok(ChangeReport {
        action,
        total: tasks.len(),
        tasks,
        has_more: false,
        delivery: done.delivery,
    })
}

fn subject(action: &str, state: &State, steps: &[(TaskUid, bool, String)]) -> String {
    let mut names: Vec<_> = steps
        .iter()
        .filter(|(_, changed, _)| *changed)
        .take(4)
        .map(|(uid, _, _)| name(state, *uid))
        .collect();
    if steps.len() > names.len() && names.len() == 4 {
        names.push("…".to_owned());
    }
    format!("{action} {}", names.join(" "))
}

fn decision<T>(minter: &Minter<'_>, value: T, subject: String) -> Decision<T> {
    if minter.records().is_empty() {
        Decision::Nothing(value)
    } else {
        Decision::write(value, subject)
    }
}

/// Changes fields. Only what differs is recorded. Whoever is assigned gets the task as by a claim: decided
/// on what the remote says now, and not from somebody who holds it, unless `take_over` says so.
///
/// # Errors
/// A wrong value, an unknown or ambiguous task, or a failed publish.
pub fn update(
    desk: Desk<'_>,
    tasks: &[TaskSelector],
    edits: &Edits,
    mode: Mode,
) -> Result<ChangeReport, TrackerError> {
    update_chosen(desk, Chosen::Named(tasks), edits, mode)
}

/// As [`update`], of tasks that a rule finds: all of them or none.
pub(in crate::app::tracker) fn update_chosen(
    desk: Desk<'_>,
    chosen: Chosen<'_>,
    edits: &Edits,
    mode: Mode,
) -> Result<ChangeReport, TrackerError> {
    if *edits == Edits::default() {
        return Err(TrackerError::Invalid {
            what: "no change is named".to_owned(),
            hint: "`fleet update --help` shows what can be changed".to_owned(),
        });
    }
    let checked = values::check(edits, desk.context.clock)?;
    let holding = Holding::of(&checked, edits);
    each_chosen(desk, "updated", (chosen, &holding), mode, |uid, task| {
        let (updated, fields) = difference(uid, task, &checked)?;
        if fields.is_empty() {
            return Ok(Step {
                ops: Vec::new(),
                note: "already so".to_owned(),
            });
        }
        let mut ops = Vec::new();
        let admission = readmission(desk, task, &updated);
        let mut note = fields.join(", ");
        if waits_after(desk, task, &updated) {
            note.push_str("; its text waits for `fleet admit`");
        }
        ops.push(Op::TaskUpdated(updated));
        ops.extend(admission);
        Ok(Step { ops, note })
    })
}

/// The part of an edit that changes something, and the names of the fields that it changes.
fn difference(
    uid: TaskUid,
    task: &Task,
    checked: &Checked,
) -> Result<(TaskUpdated, Vec<&'static str>), TrackerError> {
    let mut set = TaskFields::default();
    let mut names = Vec::new();
    macro_rules! field {
        ($field:ident, $name:literal, $now:expr) => {
            if let Some(new) = &checked.set.$field
                && *new != $now
            {
                set.$field = Some(new.clone());
                names.push($name);
            }
        };
    }
    field!(title, "title", task.title.value);
    field!(body, "body", task.body.value);
    field!(kind, "type", *task.type_name());
    field!(priority, "priority", task.priority());
    field!(complexity, "complexity", task.details.complexity.value);
    field!(deliverable, "deliverable", task.details.deliverable.value);
    field!(assignee, "assignee", task.details.assignee.value);
    field!(due, "due", task.details.due.value);
    field!(defer_until, "defer", task.details.defer_until.value);
    field!(
        external_ref,
        "external-ref",
        task.details.external_ref.value
    );
    field!(agent, "agent", task.details.agent.value);
    field!(held_by, "held", task.details.held_by.value);
    field!(milestone, "milestone", task.details.milestone.value);
    field!(
        estimate_minutes,
        "estimate",
        task.details.estimate_minutes.value
    );
    let Points {
        list,
        check,
        uncheck,
    } = points(task, checked)?;
    if list.is_some() || !check.is_empty() || !uncheck.is_empty() {
        names.push("acceptance");
    }
    set.acceptance = list;
    let absent = |list: &[String], has: &dyn Fn(&str) -> bool| -> Vec<String> {
        list.iter().filter(|e| !has(e)).cloned().collect()
    };
    let present = |list: &[String], has: &dyn Fn(&str) -> bool| -> Vec<String> {
        list.iter().filter(|e| has(e)).cloned().collect()
    };
    let has_label = |e: &str| task.labels.contains(e);
    let has_path = |e: &str| task.paths.contains(e);
    let updated = TaskUpdated {
        task: uid,
        set,
        add_labels: absent(&checked.add_labels, &has_label),
        rm_labels: present(&checked.rm_labels, &has_label),
        add_paths: absent(&checked.add_paths, &has_path),
        rm_paths: present(&checked.rm_paths, &has_path),
        check,
        uncheck,
    };
    if !updated.add_labels.is_empty() || !updated.rm_labels.is_empty() {
        names.push("labels");
    }
    if !updated.add_paths.is_empty() || !updated.rm_paths.is_empty() {
        names.push("paths");
    }
    Ok((updated, names))
}

/// Closes tasks. A task that is closed with that outcome already stays as it is.
///
/// # Errors
/// An unknown or ambiguous task, or a failed publish.
pub fn close(
    desk: Desk<'_>,
    request: &CloseRequest,
    mode: Mode,
) -> Result<ChangeReport, TrackerError> {
    let reason = values::text("reason", &request.reason)?;
    each(desk, "closed", &request.tasks, mode, |uid, task| {
        let same = match &task.status.value {
            Status::Open => false,
            Status::Closed {
                outcome,
                reason: old,
            } => *outcome == request.outcome && (reason.is_empty() || *old == reason),
        };
        let ops = if same {
            Vec::new()
        } else {
            vec![Op::TaskClosed(TaskClosed {
                task: uid,
                outcome: request.outcome,
                reason: reason.clone(),
            })]
        };
        let note = if same {
            "already closed"
        } else {
            request.outcome.name()
        };
        Ok(Step {
            ops,
            note: note.to_owned(),
        })
    })
}

/// Opens closed tasks again.
///
/// # Errors
/// An unknown or ambiguous task, or a failed publish.
pub fn reopen(
    desk: Desk<'_>,
    tasks: &[TaskSelector],
    reason: &str,
    mode: Mode,
) -> Result<ChangeReport, TrackerError> {
    let reason = values::text("reason", reason)?;
    each(desk, "reopened", tasks, mode, |uid, task| {
        Ok(if task.is_open() {
            Step {
                ops: Vec::new(),
                note: "already open".to_owned(),
            }
        } else {
            Step {
                ops: vec![Op::TaskReopened(TaskReopened {
                    task: uid,
                    reason: reason.clone(),
                })],
                note: String::new(),
            }
        })
    })
}

/// Admits exactly the present text of tasks (R4).
///
/// # Errors
/// An unknown or ambiguous task, an agent as actor, or a failed publish.
pub fn admit(
    desk: Desk<'_>,
    tasks: &[TaskSelector],
    mode: Mode,
) -> Result<ChangeReport, TrackerError> {
    if desk.by_program() {
        return Err(TrackerError::Invalid {
            what: "an agent cannot admit text".to_owned(),
            hint: "a human runs `fleet admit`".to_owned(),
        });
    }
    each(desk, "admitted", tasks, mode, |uid, task| {
        let sha256 = admission_hash(task);
        let pinned = task.details.admitted_sha256.value.as_deref();
        let so = task.admitted.value && pinned.is_none_or(|old| old == sha256);
        Ok(if so {
            Step {
                ops: Vec::new(),
                note: "already admitted".to_owned(),
            }
        } else {
            Step {
                ops: vec![Op::TaskAdmitted(TaskAdmitted { task: uid, sha256 })],
                note: String::new(),
            }
        })
    })
}
