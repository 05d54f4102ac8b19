//! State that was folded before and written down, put back without folding it again.

use crate::domain::ids::TaskUid;
use crate::domain::register::Reg;
use crate::domain::state::{DepKey, State};
use crate::domain::task::{Seldom, Task};

impl State {
    /// Puts back tasks that were folded before and written down, with their lookups. The store
    /// calls it before any record is applied; none of them may be in the state yet.
    pub fn restore_tasks(&mut self, tasks: Vec<(TaskUid, Box<Task>)>) {
        let numbers = tasks
            .iter()
            .filter_map(|(uid, task)| Some((task.number.value?, *uid)));
        self.numbers
            .restore(numbers.map(|claim| (claim, ())).collect());
        let keys: Vec<_> = tasks
            .iter()
            .filter_map(|(uid, task)| Some((task.details.key.clone()?, *uid)))
            .collect();
        self.tasks.restore(tasks);
        for (key, uid) in keys {
            self.claim_key(&key, uid);
        }
    }

    /// Puts back edges that were folded before and written down, as [`Self::restore_tasks`].
    pub fn restore_deps(&mut self, deps: Vec<(DepKey, Reg<bool>)>) {
        self.deps.restore(deps);
    }

    /// Puts back the body of a task that was restored without it.
    pub fn restore_body(&mut self, uid: TaskUid, body: Reg<String>) {
        self.tasks.get_or_default(uid).body = body;
    }

    /// Puts back details of a task that was restored without them.
    pub fn restore_details(&mut self, uid: TaskUid, install: impl FnOnce(&mut Seldom)) {
        let details = &mut *self.tasks.get_or_default(uid).details;
        install(details);
        if let Some(key) = details.key.clone() {
            self.claim_key(&key, uid);
        }
    }

    /// Takes over from another reading of the same state what a task was restored without.
    pub fn complete_task(&mut self, uid: TaskUid, whole: &Self) {
        if let Some(task) = whole.tasks.get(&uid) {
            let known = self.tasks.get_or_default(uid);
            known.body.clone_from(&task.body);
            known.details.clone_from(&task.details);
        }
    }
}
