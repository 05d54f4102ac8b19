//! Sums over families of tasks: epics with their parts, and milestones.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::publish::Decision;
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::{name, title};
use crate::app::tracker::report::{
    EpicList, EpicRow, MilestoneChange, MilestoneList, MilestoneRow, Parts,
};
use crate::app::tracker::request::{Mode, When};
use crate::app::tracker::values;
use crate::domain::dep::DepKind;
use crate::domain::ids::TaskUid;
use crate::domain::money::MicroUsd;
use crate::domain::record::Op;
use crate::domain::state::{Index, State};
use crate::domain::task::Task;
use crate::domain::tracking::MilestoneSet;
use crate::store::Scope;

/// All parts of a task, parts of parts too, itself left out.
fn family(index: &Index, whole: TaskUid) -> BTreeSet<TaskUid> {
    let mut found = BTreeSet::new();
    let mut todo = vec![whole];
    while let Some(at) = todo.pop() {
        let edges = index.deps_to(at);
        for key in edges.filter(|key| key.kind == DepKind::ParentChild) {
            if key.from != whole && found.insert(key.from) {
                todo.push(key.from);
            }
        }
    }
    found
}

/// Sums over these tasks.
fn sums(state: &State, index: &Index, tasks: impl Iterator<Item = TaskUid>) -> Parts {
    let mut parts = Parts::default();
    let mut cost = MicroUsd(0);
    for uid in tasks {
        let Some(task) = state.tasks.get(&uid).filter(|t| t.added.is_some()) else {
            continue;
        };
        parts.total += 1;
        parts.done += usize::from(!task.is_open());
        if let Some(minutes) = task.details.estimate_minutes.value {
            parts.estimate_minutes += minutes;
            if task.is_open() {
                parts.estimate_open_minutes += minutes;
            }
        }
        for session in index.sessions_of(uid) {
            if let Some(session) = state.sessions.get(session) {
                cost = cost.plus(session.cost());
            }
        }
    }
    parts.cost_usd_micros = cost;
    parts
}

/// Sums over the parts of a task; none if it has no parts.
pub(in crate::app::tracker) fn parts_of(
    state: &State,
    index: &Index,
    whole: TaskUid,
) -> Option<Parts> {
    let family = family(index, whole);
    (!family.is_empty()).then(|| sums(state, index, family.into_iter()))
}

/// Tasks that have parts, and those of type `epic`, each with sums over all its parts; open ones
/// unless `all`.
///
/// # Errors
/// Unreadable state.
pub fn epics(desk: Desk<'_>, all: bool) -> Result<EpicList, TrackerError> {
    let reading = desk.glance(Scope::All)?;
    let state = &reading.loaded.state;
    let index = state.index();
    let mut wholes: BTreeSet<TaskUid> = state
        .live_deps()
        .filter(|key| key.kind == DepKind::ParentChild)
        .map(|key| key.to)
        .collect();
    let typed = state.tasks.iter().filter(|(_, t)| t.type_name() == "epic");
    wholes.extend(typed.map(|(uid, _)| *uid));
    let mut epics: Vec<_> = wholes
        .into_iter()
        .filter_map(|uid| {
            let task = state.tasks.get(&uid)?;
            let shown = task.added.is_some() && (all || task.is_open());
            shown.then(|| EpicRow {
                id: name(state, uid),
                title: title(state, uid),
                status: if task.is_open() { "open" } else { "closed" },
                priority: task.priority(),
                parts: parts_of(state, &index, uid).unwrap_or_default(),
            })
        })
        .collect();
    epics.sort_by(|a, b| (a.status, a.priority, &a.id).cmp(&(b.status, b.priority, &b.id)));
    Ok(EpicList {
        total: epics.len(),
        epics,
        has_more: false,
    })
}

/// Milestones that tasks name or that somebody described, each with sums over its tasks; those that
/// are not over unless `all`. In the order in which they are due.
///
/// # Errors
/// Unreadable state.
pub fn milestones(desk: Desk<'_>, all: bool) -> Result<MilestoneList, TrackerError> {
    let reading = desk.glance(Scope::All)?;
    let state = &reading.loaded.state;
    let index = state.index();
    let mut tasks: BTreeMap<&str, Vec<TaskUid>> = BTreeMap::new();
    for name in state.milestones.keys() {
        tasks.entry(name).or_default();
    }
    let named = |task: &'_ Task| task.added.is_some();
    for (uid, task) in state.tasks.iter().filter(|(_, task)| named(task)) {
        if let Some(name) = &task.details.milestone.value {
            tasks.entry(name).or_default().push(*uid);
        }
    }
    let mut rows: Vec<_> = tasks
        .into_iter()
        .map(|(name, uids)| {
            let known = state.milestones.get(name);
            MilestoneRow {
                name: name.to_owned(),
                due: known.and_then(|m| m.due.value),
                closed: known.is_some_and(|m| m.closed.value),
                note: known.map_or_else(String::new, |m| m.note.value.clone()),
                tasks: sums(state, &index, uids.into_iter()),
            }
        })
        .filter(|row| all || !row.closed)
        .collect();
    rows.sort_by(|a, b| {
        let key = |row: &MilestoneRow| (row.closed, row.due.is_none(), row.due);
        key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
    });
    Ok(MilestoneList {
        total: rows.len(),
        milestones: rows,
        has_more: false,
    })
}

/// What is to be known of a milestone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MilestoneEdits {
    /// Wanted by; inner none clears.
    pub due: Option<Option<When>>,
    /// Whether it is over.
    pub closed: Option<bool>,
    /// What it is about.
    pub note: Option<String>,
}

/// Records what a milestone is. A milestone needs no record to be named by tasks.
///
/// # Errors
/// A wrong name, nothing to record, or a failed publish.
pub fn set_milestone(
    desk: Desk<'_>,
    given: &str,
    edits: &MilestoneEdits,
    mode: Mode,
) -> Result<MilestoneChange, TrackerError> {
    let name = values::person(given)?;
    if *edits == MilestoneEdits::default() {
        return Err(TrackerError::Invalid {
            what: "nothing is said of the milestone".to_owned(),
            hint: "`fleet milestone set NAME --due \"next friday\"`".to_owned(),
        });
    }
    let clock = desk.context.clock;
    let instant = |when: When| when.resolve(clock.now(), &|at| clock.offset_secs(at));
    let set = MilestoneSet {
        name: name.clone(),
        due: edits.due.map(|due| due.map(instant)),
        closed: edits.closed,
        note: edits
            .note
            .as_deref()
            .map(|note| values::text("note", note))
            .transpose()?,
    };
    let done = desk.change(
        "record the milestone",
        Scope::Live,
        mode,
        |loaded, minter| {
            let known = loaded.state.milestones.get(&name);
            let so = known.cloned().unwrap_or_default();
            let same = set.due.is_none_or(|due| due == so.due.value)
                && set.closed.is_none_or(|closed| closed == so.closed.value)
                && set.note.as_ref().is_none_or(|note| *note == so.note.value);
            if same && known.is_some() {
                return Ok(Decision::Nothing(false));
            }
            minter.add(Op::MilestoneSet(set.clone()));
            Ok(Decision::write(true, format!("milestone {name}")))
        },
    )?;
    let known = done.state.milestones.get(&name);
    Ok(MilestoneChange {
        changed: done.value,
        due: known.and_then(|m| m.due.value),
        closed: known.is_some_and(|m| m.closed.value),
        name,
        delivery: done.delivery,
    })
}
