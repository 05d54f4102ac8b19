//! What locks and reviews of others hold back.

use crate::domain::ids::TaskUid;
use crate::domain::task::Task;
use crate::engine::holdings::Hold;
use crate::engine::ready::Board;
use crate::engine::stack::stacked_on;
use crate::engine::why::Why;

impl Board<'_> {
    pub(super) fn add_holds(&self, uid: TaskUid, task: &Task, whys: &mut Vec<Why>) {
        if self.holdings.is_empty() || task.paths.is_empty() {
            return;
        }
        // Who builds on work in review changes what that changes.
        let below = stacked_on(self.state, self.index, self.policy, uid);
        if let Some(found) = self.holdings.conflict(uid, &below, task.paths.iter()) {
            let by = self.state.name_of(found.by);
            whys.push(match found.hold {
                Hold::Lock { until } => Why::Locked {
                    glob: found.ours,
                    other: found.theirs,
                    by,
                    until,
                },
                Hold::Review => Why::OverlapsReview {
                    glob: found.ours,
                    path: found.theirs,
                    task: by,
                },
            });
        }
    }
}
