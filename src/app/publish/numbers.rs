//! Numbers for tasks, which are given only by what settles.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::context::Minter;
use crate::domain::ids::{TaskNumber, TaskUid};
use crate::domain::record::{Op, TaskNumbered};
use crate::domain::register::Stamp;
use crate::domain::state::State;

/// Gives a number to every task that has none (max ever used + 1, never reused), oldest first.
pub(super) fn grant(state: &State, minter: &mut Minter<'_>) -> BTreeMap<TaskUid, TaskNumber> {
    let mut unnumbered: BTreeSet<(Stamp, TaskUid)> = state
        .tasks
        .iter()
        .filter(|(_, task)| task.number.value.is_none())
        .filter_map(|(uid, task)| task.added.as_ref().map(|(_, at)| (*at, *uid)))
        .collect();
    let mut max = state.max_number - u32::from(planted!("number-reused") && state.max_number > 1);
    for record in minter.records() {
        match &record.op {
            Op::TaskAdded(added) if added.n.is_none() => {
                unnumbered.insert((record.stamp(), TaskUid::created_by(record.id)));
            }
            Op::TaskNumbered(p) => {
                max = max.max(p.n.get());
                unnumbered.retain(|(_, task)| *task != p.task);
            }
            _ => {}
        }
    }
    let mut granted = BTreeMap::new();
    for (_, task) in unnumbered {
        let Some(n) = TaskNumber::new(max.saturating_add(1)) else {
            break;
        };
        max = n.get();
        minter.add(Op::TaskNumbered(TaskNumbered { task, n }));
        granted.insert(task, n);
    }
    granted
}
