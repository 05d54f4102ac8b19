//! Adding one task.

use crate::app::context::Minter;
use crate::app::publish::Decision;
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::{name, resolve};
use crate::app::tracker::report::AddReport;
use crate::app::tracker::request::{DepSpec, Mode, NewTask};
use crate::app::tracker::values::{self, Checked};
use crate::domain::dep::DepKind;
use crate::domain::ids::TaskUid;
use crate::domain::record::{DepEdge, Op, TaskAdded};
use crate::domain::state::State;
use crate::engine::deps;
use crate::store::Scope;

/// A value and whether it was there before.
struct Added {
    uid: TaskUid,
    title: String,
    existed: bool,
}

/// Adds a task. With a key that a task has already, answers with that task and adds nothing.
///
/// # Errors
/// A wrong value, an unknown or ambiguous task among the edges, a cycle, or a failed publish.
pub fn add(desk: Desk<'_>, new: &NewTask, mode: Mode) -> Result<AddReport, TrackerError> {
    let checked = values::check(&new.edits, desk.context.clock)?;
    let title = match &checked.set.title {
        Some(title) => title.clone(),
        None => values::title("")?,
    };
    let key = new.key.as_deref().map(values::key).transpose()?;
    let done = desk.change("add the task", scope(new), mode, |loaded, minter| {
        if let Some(uid) = key.as_deref().and_then(|k| loaded.state.by_key(k)) {
            let title = desk.title(&loaded.state, uid);
            return Ok(Decision::Nothing(Added {
                uid,
                title,
                existed: true,
            }));
        }
        let edges = edges(&loaded.state, new)?;
        let uid = mint(minter, desk, &checked, key.clone());
        for (kind, to) in &edges {
            minter.add(Op::DepAdded(DepEdge {
                from: uid,
                to: *to,
                kind: *kind,
            }));
        }
        if new.parent.is_some() && edges.len() > 1 {
            refuse_cycles(&loaded.state, minter, &[uid])?;
        }
        let added = Added {
            uid,
            title: title.clone(),
            existed: false,
        };
        Ok(Decision::write(added, "add a task"))
    })?;
    Ok(AddReport {
        id: name(&done.state, done.value.uid),
        uid: done.value.uid.to_string(),
        title: done.value.title,
        existed: done.value.existed,
        delivery: done.delivery,
    })
}

fn scope(new: &NewTask) -> Scope {
    let named: Vec<_> = new
        .deps
        .iter()
        .map(|dep| dep.on.clone())
        .chain(new.parent.clone())
        .collect();
    if let Some(key) = &new.key
        && new.parent.is_none()
    {
        // Closed and archived tasks keep their keys, so that repeating a command stays harmless.
        Scope::Key(key.clone(), named)
    } else if new.key.is_some() {
        Scope::All
    } else if new.parent.is_some() && named.len() > 1 {
        Scope::Live
    } else if named.is_empty() {
        Scope::Header
    } else {
        Scope::Tasks(named)
    }
}

fn edges(state: &State, new: &NewTask) -> Result<Vec<(DepKind, TaskUid)>, TrackerError> {
    let parent = new.parent.iter().map(|on| DepSpec {
        kind: DepKind::ParentChild,
        on: on.clone(),
    });
    let mut edges = Vec::new();
    for spec in parent.chain(new.deps.iter().cloned()) {
        let edge = (spec.kind, resolve(state, &spec.on)?);
        if !edges.contains(&edge) {
            edges.push(edge);
        }
    }
    Ok(edges)
}

/// Mints the record that adds a task.
pub(in crate::app::tracker) fn mint(
    minter: &mut Minter<'_>,
    desk: Desk<'_>,
    checked: &Checked,
    key: Option<String>,
) -> TaskUid {
    let id = minter.add(Op::TaskAdded(TaskAdded {
        n: None,
        key,
        set: checked.set.clone(),
        labels: checked.add_labels.clone(),
        paths: checked.add_paths.clone(),
        // What an agent writes waits for a human (R4).
        admitted: !desk.by_program(),
    }));
    TaskUid::created_by(id)
}

/// Refuses a decision after which one of `tasks` would wait for itself.
pub(in crate::app::tracker) fn refuse_cycles(
    state: &State,
    minter: &Minter<'_>,
    tasks: &[TaskUid],
) -> Result<(), TrackerError> {
    let mut after = state.clone();
    for record in minter.records() {
        after.apply(record);
    }
    let cycles = deps::cycles(&after, &after.index());
    let Some(group) = cycles
        .iter()
        .find(|group| group.iter().any(|uid| tasks.contains(uid)))
    else {
        return Ok(());
    };
    let label = |uid: &TaskUid| {
        if tasks.contains(uid) {
            format!("\"{}\"", crate::app::tracker::names::title(&after, *uid))
        } else {
            name(&after, *uid)
        }
    };
    let mut path: Vec<String> = group.iter().map(label).collect();
    path.extend(group.first().map(label));
    Err(TrackerError::Cycle { path })
}
