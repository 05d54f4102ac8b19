//! What an edit does to acceptance points.

use crate::app::tracker::error::TrackerError;
use crate::app::tracker::values::Checked;
use crate::domain::task::{Acceptance, Task};

/// What an edit comes to.
pub(super) struct Points {
    /// The whole list, if it is another.
    pub(super) list: Option<Vec<Acceptance>>,
    /// Points of a list that stays, by their texts, that become met.
    pub(super) check: Vec<String>,
    /// The same, that become not met.
    pub(super) uncheck: Vec<String>,
}

/// What an edit does to the points of a task. Points are marked one by one, so that others' marks
/// stay; marks of a list that is written anew go with it, as it would overrule them.
pub(super) fn points(task: &Task, checked: &Checked) -> Result<Points, TrackerError> {
    let list = listed(task, checked);
    let here = task.points();
    let (check, uncheck) = marks(list.as_deref().unwrap_or(&here), checked)?;
    let Some(mut list) = list else {
        return Ok(Points {
            list: None,
            check,
            uncheck,
        });
    };
    for point in &mut list {
        point.done = (point.done || check.contains(&point.text)) && !uncheck.contains(&point.text);
    }
    Ok(Points {
        list: (list != here).then_some(list),
        check: Vec::new(),
        uncheck: Vec::new(),
    })
}

/// The acceptance points that an edit asks for, if they are others: a point that stays is as met as
/// it was.
fn listed(task: &Task, checked: &Checked) -> Option<Vec<Acceptance>> {
    let here = task.points();
    let mut list = match (&checked.set.acceptance, &checked.points.lists) {
        (Some(list), _) => list.clone(),
        (None, Some((before, after))) => united(&here, before, after),
        (None, None) => return None,
    };
    for point in &mut list {
        point.done |= here.iter().any(|old| old.done && old.text == point.text);
    }
    (list != here).then_some(list)
}

/// A sheet shows a point on one line.
fn on_a_line(text: &str) -> String {
    text.replace('\n', " ")
}

/// The list after an edit of `before` to `after`, where it may be another by now: what the edit took
/// away is gone, what it added comes at the end.
fn united(here: &[Acceptance], before: &[String], after: &[String]) -> Vec<Acceptance> {
    let same = here.len() == before.len()
        && here
            .iter()
            .zip(before)
            .all(|(point, text)| on_a_line(&point.text) == *text);
    let new = |text: &String| {
        let kept = here.iter().find(|point| on_a_line(&point.text) == *text);
        kept.cloned().unwrap_or_else(|| Acceptance {
            text: text.clone(),
            done: false,
        })
    };
    if same {
        return after.iter().map(new).collect();
    }
    let gone = |point: &&Acceptance| {
        let text = on_a_line(&point.text);
        before.contains(&text) && !after.contains(&text)
    };
    let added = after.iter().filter(|text| !before.contains(text));
    let added = added.filter(|text| !here.iter().any(|point| on_a_line(&point.text) == **text));
    let stays = here.iter().filter(|point| !gone(point)).cloned();
    stays.chain(added.map(new)).collect()
}

/// The points, by their texts, that an edit checks and unchecks: those that are not so already.
fn marks(
    points: &[Acceptance],
    checked: &Checked,
) -> Result<(Vec<String>, Vec<String>), TrackerError> {
    let marked = |numbers: &[usize], done: bool| {
        let mut texts = Vec::new();
        for number in numbers {
            let point = number.checked_sub(1).and_then(|at| points.get(at));
            let Some(point) = point else {
                let count = points.len();
                return Err(TrackerError::Invalid {
                    what: format!("there is no acceptance point {number}, the task has {count}"),
                    hint: "`fleet show` numbers them from 1".to_owned(),
                });
            };
            if point.done != done && !texts.contains(&point.text) {
                texts.push(point.text.clone());
            }
        }
        // A point that is gone by now has no mark.
        for (text, _) in checked.points.marks.iter().filter(|(_, met)| *met == done) {
            let point = points.iter().find(|p| on_a_line(&p.text) == *text);
            if let Some(point) = point.filter(|p| p.done != done && !texts.contains(&p.text)) {
                texts.push(point.text.clone());
            }
        }
        Ok(texts)
    };
    Ok((
        marked(&checked.meet, true)?,
        marked(&checked.unmeet, false)?,
    ))
}
