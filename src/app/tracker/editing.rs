//! Editing a task as a sheet, and changing many at once.

use crate::app::tracker::change::{self, Chosen, Step};
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::find;
use crate::app::tracker::names::{name, resolve};
use crate::app::tracker::report::ChangeReport;
use crate::app::tracker::request::{Edits, Mode, PointEdits, TakeOver};
use crate::app::tracker::sheet::{self, Sheet};
use crate::domain::ids::TaskSelector;
use crate::engine::ready::Board;
use crate::store::Bodies;

/// The task as a sheet, and what it is called.
///
/// # Errors
/// An unknown or ambiguous task, or unreadable state.
pub fn open(desk: Desk<'_>, task: &TaskSelector) -> Result<(String, String), TrackerError> {
    let (reading, uid) = desk.read_until(Bodies::Read, |state| resolve(state, task))?;
    let state = &reading.loaded.state;
    Ok((name(state, uid), sheet::write(&state.tasks[&uid])))
}

/// Records what an edited sheet changes against the sheet that was opened: a field that was left as
/// it was is untouched, even if somebody else changed it meanwhile.
///
/// # Errors
/// A sheet that cannot be read, a wrong value, an unknown task, or a failed publish.
pub fn save(
    desk: Desk<'_>,
    task: &TaskSelector,
    (before, after): (&str, &str),
    mode: Mode,
) -> Result<ChangeReport, TrackerError> {
    let (old, new) = (sheet::read(before)?, sheet::read(after)?);
    let edits = difference(&old, &new);
    if edits == Edits::default() {
        let tasks = std::slice::from_ref(task);
        return change::each(desk, "updated", tasks, mode, |_, _| {
            Ok(Step {
                ops: Vec::new(),
                note: "the sheet was left as it was".to_owned(),
            })
        });
    }
    change::update(desk, std::slice::from_ref(task), &edits, mode)
}

fn difference(old: &Sheet, new: &Sheet) -> Edits {
    let mut edits = Edits::default();
    macro_rules! changed {
        ($($field:ident),+) => { $(
            if new.edits.$field != old.edits.$field {
                edits.$field.clone_from(&new.edits.$field);
            }
        )+ };
    }
    changed!(
        title,
        body,
        kind,
        priority,
        complexity,
        deliverable,
        assignee,
        due,
        defer_until,
        external_ref,
        agent,
        milestone,
        estimate
    );
    let lacks = |a: &Option<Vec<String>>, b: &Option<Vec<String>>| -> Vec<String> {
        let (Some(a), Some(b)) = (a, b) else {
            return Vec::new();
        };
        a.iter().filter(|e| !b.contains(e)).cloned().collect()
    };
    // The sheet showed who holds the task; whoever took it meanwhile keeps it.
    if let (Some(_), Some(Some(holder))) = (&edits.assignee, &old.edits.assignee) {
        edits.take_over = TakeOver::From(holder.clone());
    }
    edits.add_labels = lacks(&new.labels, &old.labels);
    edits.rm_labels = lacks(&old.labels, &new.labels);
    edits.add_paths = lacks(&new.paths, &old.paths);
    edits.rm_paths = lacks(&old.paths, &new.paths);
    edits.points = points(old, new);
    edits
}

/// What became of the acceptance points, by their texts. A sheet that does not name them leaves them
/// alone.
fn points(old: &Sheet, new: &Sheet) -> PointEdits {
    let Some(after) = &new.edits.acceptance else {
        return PointEdits::default();
    };
    let before = old.edits.acceptance.clone().unwrap_or_default();
    let is_met = |sheet: &Sheet, list: &[String], text: &String| {
        let places = list.iter().zip(1..).filter(|(one, _)| *one == text);
        let mut met = places.map(|(_, place)| sheet.met.contains(&place));
        met.any(|met| met)
    };
    let marks = after.iter().filter_map(|text| {
        let met = is_met(new, after, text);
        (met != is_met(old, &before, text)).then(|| (text.clone(), met))
    });
    PointEdits {
        marks: marks.collect(),
        lists: (before != *after).then(|| (before, after.clone())),
    }
}

/// Values of a template with `own` values over them; labels, paths and acceptance points of both.
#[must_use]
pub fn filled(template: Sheet, own: Edits) -> Edits {
    let mut edits = own;
    macro_rules! default {
        ($($field:ident),+) => { $(
            if edits.$field.is_none() {
                edits.$field = template.edits.$field;
            }
        )+ };
    }
    default!(
        title,
        kind,
        priority,
        complexity,
        deliverable,
        assignee,
        due,
        defer_until,
        external_ref,
        agent,
        milestone,
        estimate
    );
    if edits.body.is_none() {
        edits.body = template.edits.body.filter(|body| !body.is_empty());
    }
    if let Some(mut points) = template
        .edits
        .acceptance
        .filter(|points| !points.is_empty())
    {
        points.extend(edits.acceptance.take().into_iter().flatten());
        edits.acceptance = Some(points);
    }
    let mut labels = template.labels.unwrap_or_default();
    labels.append(&mut edits.add_labels);
    edits.add_labels = labels;
    let mut paths = template.paths.unwrap_or_default();
    paths.append(&mut edits.add_paths);
    edits.add_paths = paths;
    edits
}

/// Changes fields of all tasks that a query means, in one publish: all of them or none.
///
/// # Errors
/// A query or value that cannot be read, or a failed publish.
pub fn update_where(
    desk: Desk<'_>,
    text: &str,
    edits: &Edits,
    mode: Mode,
) -> Result<ChangeReport, TrackerError> {
    let (reading, query) = find::read_for(desk, text, false)?;
    let scope = find::scope_of(&query, false);
    drop(reading);
    let choose = |state: &crate::domain::state::State| {
        let query = find::parse(state, text)?;
        let index = state.index();
        let board = Board::new(state, &index, desk.policy, desk.now());
        let found = find::select(desk, &board, &query, false);
        Ok(found.into_iter().map(|(uid, _)| uid).collect())
    };
    change::update_chosen(desk, Chosen::By(&choose, scope), edits, mode)
}
