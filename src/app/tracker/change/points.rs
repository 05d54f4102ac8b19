//! What an edit does to acceptance points.

use crate::app::tracker::error::TrackerError;
use crate::app::tracker::values::Checked;
use crate::domain::task::{Acceptance, Task};

/// The acceptance points that an edit asks for, if they are others: a point that stays is as met as
/// it was.
pub(super) fn listed(task: &Task, checked: &Checked) -> Option<Vec<Acceptance>> {
    let here = task.points();
    let mut list = checked.set.acceptance.clone()?;
    for point in &mut list {
        point.done |= here.iter().any(|old| old.done && old.text == point.text);
    }
    (list != here).then_some(list)
}

/// The points, by their texts, that an edit checks and unchecks: those that are not so already.
pub(super) fn marks(
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
        Ok(texts)
    };
    Ok((
        marked(&checked.meet, true)?,
        marked(&checked.unmeet, false)?,
    ))
}
