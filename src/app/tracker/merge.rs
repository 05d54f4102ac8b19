//! Making one task of two that mean the same. Only records are added: nothing is lost.

use crate::app::context::Minter;
use crate::app::publish::Decision;
use crate::app::tracker::change::admission::moved;
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::{name, resolve, resolve_all, title};
use crate::app::tracker::report::{MergeReport, MergedRow};
use crate::app::tracker::request::Mode;
use crate::domain::dep::DepKind;
use crate::domain::ids::{TaskSelector, TaskUid};
use crate::domain::record::{
    CloseOutcome, CommentAdded, DepEdge, Op, TaskClosed, TaskFields, TaskUpdated,
};
use crate::domain::state::{Index, State};
use crate::domain::task::Task;
use crate::engine::admission::{is_admitted, is_taken_over};
use crate::engine::deps;
use crate::store::Scope;

/// Closes `others` as duplicates of `keep`, which gets what it lacks of theirs: labels, paths,
/// acceptance points, edges in both directions (but none that would close a cycle), remarks, and
/// body, milestone and times where it has none. Not its reference: two tasks would answer to one, and
/// an import finds the task that stays by way of the one that goes. A text that no human admitted is not
/// admitted by being moved (R4).
///
/// # Errors
/// An unknown or ambiguous task, one that is merged with itself or worked on, or a failed publish.
pub fn merge(
    desk: Desk<'_>,
    keep: &TaskSelector,
    others: &[TaskSelector],
    mode: Mode,
) -> Result<MergeReport, TrackerError> {
    let done = desk.change("merge the tasks", Scope::All, mode, |loaded, minter| {
        let kept = resolve(&loaded.state, keep)?;
        let others = resolve_all(&loaded.state, others)?;
        let mut after = After {
            state: loaded.state.clone(),
            index: loaded.state.index(),
        };
        let mut rows = Vec::new();
        for other in &others {
            refuse(&after, kept, *other)?;
            rows.push(one(desk, &mut after, minter, (kept, *other)));
        }
        let label = name(&loaded.state, kept);
        let value = (kept, rows);
        Ok(if minter.records().is_empty() {
            Decision::Nothing(value)
        } else {
            Decision::write(value, format!("merge {} tasks into {label}", others.len()))
        })
    })?;
    let (kept, rows) = done.value;
    let kept_task = &done.state.tasks[&kept];
    let waits = kept_task.is_open() && !is_admitted(kept_task);
    Ok(MergeReport {
        id: name(&done.state, kept),
        title: title(&done.state, kept),
        waits_for_admission: waits,
        total: rows.len(),
        merged: rows,
        has_more: false,
        delivery: done.delivery,
    })
}

/// The state after what was minted so far.
struct After {
    state: State,
    index: Index,
}

impl After {
    /// Mints, and keeps in step.
    fn put(&mut self, minter: &mut Minter<'_>, op: Op) {
        minter.add(op);
        let Some(record) = minter.records().last() else {
            return;
        };
        self.state.apply(record);
        if let Op::DepAdded(edge) = &record.op {
            self.index.note_edge(&self.state, edge.into());
        }
    }
}

fn refuse(
    After { state, index }: &After,
    kept: TaskUid,
    other: TaskUid,
) -> Result<(), TrackerError> {
    if kept == other {
        return Err(TrackerError::Invalid {
            what: format!("{} cannot be merged with itself", name(state, kept)),
            hint: "name the task that is kept first, then those that go".to_owned(),
        });
    }
    if let Some(session) = index.lease_holder(state, other) {
        let claim = state.sessions[&session].claim.as_ref();
        return Err(TrackerError::Claimed {
            task: name(state, other),
            holder: claim.map_or_else(String::new, |(claim, _)| claim.agent.clone()),
        });
    }
    Ok(())
}

/// Mints what makes `other` a duplicate, and keeps `after` in step.
fn one(
    desk: Desk<'_>,
    after: &mut After,
    minter: &mut Minter<'_>,
    (kept, other): (TaskUid, TaskUid),
) -> MergedRow {
    let state = &after.state;
    let row = MergedRow {
        id: name(state, other),
        title: title(state, other),
        changed: true,
    };
    let gone = state.tasks[&other].clone();
    let known = state
        .deps_from(other)
        .any(|key| key.to == kept && key.kind == DepKind::Duplicates);
    if known && !gone.is_open() {
        return MergedRow {
            changed: false,
            ..row
        };
    }
    let label = name(state, kept);
    let updated = united(&state.tasks[&kept], &gone, kept);
    if let Some(updated) = updated {
        let admission = moved(desk, &state.tasks[&kept], &gone, &updated);
        after.put(minter, Op::TaskUpdated(updated));
        if let Some(op) = admission {
            after.put(minter, op);
        }
    }
    for edge in edges(after, kept, other) {
        let After { state, index } = &*after;
        let cycle = edge.kind.orders()
            && deps::would_cycle(state, index, edge.from, edge.to, edge.kind).is_some();
        let there = state
            .deps_from(edge.from)
            .any(|key| key.to == edge.to && key.kind == edge.kind);
        if !cycle && !there {
            after.put(minter, Op::DepAdded(edge));
        }
    }
    for (_, comment) in gone.comments() {
        if !comment.text.is_empty() {
            let (at, by) = (comment.at.ts.wall(), &comment.by);
            let text = format!("From {}, {by} at {at}:\n\n{}", row.id, comment.text);
            // What no human took over there is not taken over by the merge (R4).
            if !is_taken_over(&after.state, &after.index, other, comment) {
                let author = comment.edited.as_ref().map_or(by, |(by, _)| by);
                minter.act_as(author.clone());
            }
            after.put(minter, Op::CommentAdded(CommentAdded { task: kept, text }));
            minter.act_as_self();
        }
    }
    let twin = DepEdge {
        from: other,
        to: kept,
        kind: DepKind::Duplicates,
    };
    after.put(minter, Op::DepAdded(twin));
    let closed = TaskClosed {
        task: other,
        outcome: CloseOutcome::Duplicate,
        reason: format!("merged into {label}"),
    };
    after.put(minter, Op::TaskClosed(closed));
    row
}

/// What the kept task lacks of the other's values.
fn united(kept: &Task, gone: &Task, uid: TaskUid) -> Option<TaskUpdated> {
    let mut set = TaskFields::default();
    if kept.body.value.trim().is_empty() && !gone.body.value.trim().is_empty() {
        set.body = Some(gone.body.value.clone());
    }
    macro_rules! lacking {
        ($($field:ident),+) => { $(
            if kept.details.$field.value.is_none() && gone.details.$field.value.is_some() {
                set.$field = Some(gone.details.$field.value.clone());
            }
        )+ };
    }
    lacking!(milestone, due, estimate_minutes);
    if gone.priority() < kept.priority() {
        set.priority = Some(gone.priority());
    }
    let mut points = kept.points();
    let before = points.len();
    for point in gone.points() {
        if !points.iter().any(|p| p.text == point.text) {
            points.push(point);
        }
    }
    if points.len() > before {
        set.acceptance = Some(points);
    }
    let lacks = |has: &dyn Fn(&str) -> bool, list: Vec<&str>| -> Vec<String> {
        let missing = list.into_iter().filter(|e| !has(e));
        missing.map(str::to_owned).collect()
    };
    let updated = TaskUpdated {
        add_labels: lacks(&|e| kept.labels.contains(e), gone.labels.iter().collect()),
        add_paths: lacks(&|e| kept.paths.contains(e), gone.paths.iter().collect()),
        ..TaskUpdated::of(uid, set)
    };
    (!updated.changes_nothing()).then_some(updated)
}

/// The edges of the task that goes, as edges of the one that stays.
fn edges(After { state, index }: &After, kept: TaskUid, other: TaskUid) -> Vec<DepEdge> {
    let own = state.deps_from(other).map(|key| DepEdge {
        from: kept,
        to: key.to,
        kind: key.kind,
    });
    let to = index.deps_to(other).map(|key| DepEdge {
        from: key.from,
        to: kept,
        kind: key.kind,
    });
    own.chain(to)
        .filter(|edge| edge.from != edge.to)
        .filter(|edge| !matches!(edge.kind, DepKind::Duplicates | DepKind::Supersedes))
        .collect()
}
