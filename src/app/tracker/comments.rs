//! Remarks on tasks: adding, editing, and how one came to be what it is.

use crate::app::tracker::change::{Step, each};
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::{name, resolve};
use crate::app::tracker::report::{ChangeReport, CommentVersion, CommentVersions};
use crate::app::tracker::request::Mode;
use crate::app::tracker::values;
use crate::domain::ids::{RecordId, TaskSelector};
use crate::domain::record::{CommentAdded, Op};
use crate::domain::task::{Comment, Task};
use crate::domain::tracking::CommentEdited;
use crate::engine::admission::is_program;
use crate::store::{self, Bodies, HistoryOf};

/// Adds a remark.
///
/// # Errors
/// An empty or too long text, an unknown or ambiguous task, or a failed publish.
pub fn add(
    desk: Desk<'_>,
    task: &TaskSelector,
    text: &str,
    mode: Mode,
) -> Result<ChangeReport, TrackerError> {
    let text = values::said("comment", text)?;
    let tasks = std::slice::from_ref(task);
    each(desk, "commented", tasks, mode, |uid, _| {
        Ok(Step {
            ops: vec![Op::CommentAdded(CommentAdded {
                task: uid,
                text: text.clone(),
            })],
            note: String::new(),
        })
    })
}

/// Gives the remark `number` (from 1, as `show` counts) another text. The older ones stay in the
/// history. With the text that it has, a human takes over what a program wrote (R4).
///
/// # Errors
/// As [`add`], or no such remark.
pub fn edit(
    desk: Desk<'_>,
    task: &TaskSelector,
    number: usize,
    text: &str,
    mode: Mode,
) -> Result<ChangeReport, TrackerError> {
    let text = values::said("comment", text)?;
    let tasks = std::slice::from_ref(task);
    each(desk, "commented", tasks, mode, |uid, task| {
        let (comment, old) = numbered(task, number)?;
        let author = old.edited.as_ref().map_or(&old.by, |(by, _)| by);
        let takes_over = is_program(author) && !desk.by_program();
        if old.text == text && !takes_over {
            return Ok(Step {
                ops: Vec::new(),
                note: "already so".to_owned(),
            });
        }
        Ok(Step {
            ops: vec![Op::CommentEdited(CommentEdited {
                task: uid,
                comment,
                text: text.clone(),
            })],
            note: format!("comment {number}"),
        })
    })
}

fn numbered(task: &Task, number: usize) -> Result<(RecordId, &Comment), TrackerError> {
    let comments = task.comments();
    let found = number.checked_sub(1).and_then(|at| comments.get(at));
    found.copied().ok_or_else(|| TrackerError::NotThere {
        what: format!(
            "there is no comment {number}, the task has {}",
            comments.len()
        ),
        hint: "`fleet show` numbers them from 1".to_owned(),
    })
}

/// Every text that a remark ever had, oldest first.
///
/// # Errors
/// An unknown or ambiguous task, no such remark, or unreadable state.
pub fn versions(
    desk: Desk<'_>,
    task: &TaskSelector,
    number: usize,
) -> Result<CommentVersions, TrackerError> {
    let (reading, uid) = desk.read_until(Bodies::MayBeMissing, |state| resolve(state, task))?;
    let state = &reading.loaded.state;
    let (comment, _) = numbered(&state.tasks[&uid], number)?;
    let records = store::history(&reading.view, HistoryOf::Task(uid))?;
    let versions: Vec<_> = records
        .iter()
        .filter_map(|record| {
            let text = match &record.op {
                Op::CommentAdded(p) if record.id == comment => &p.text,
                Op::CommentEdited(p) if p.comment == comment => &p.text,
                _ => return None,
            };
            Some(CommentVersion {
                at: record.ts.wall(),
                by: record.by.clone(),
                text: desk.said_by(&record.by, text),
            })
        })
        .collect();
    Ok(CommentVersions {
        id: name(state, uid),
        title: desk.title(state, uid),
        comment: comment.to_string(),
        number,
        total: versions.len(),
        versions,
        has_more: false,
    })
}
