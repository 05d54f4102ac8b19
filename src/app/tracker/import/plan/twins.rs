//! Which task an issue is: by its reference, and by way of those that were merged into another.

use std::collections::HashMap;

use crate::app::tracker::import::plan::{Decided, Plan};
use crate::app::tracker::names::name;
use crate::domain::ids::TaskUid;
use crate::domain::state::State;
use crate::engine::deps::living;
use crate::exchange::Incoming;

impl Plan<'_> {
    /// Tasks that were imported before, by reference: those in which they live on, if they were
    /// merged. A reference that several tasks carry is told.
    pub(super) fn present<'s>(
        &self,
        state: &'s State,
        decided: &mut Decided,
    ) -> HashMap<&'s str, TaskUid> {
        let mut present = HashMap::new();
        for (uid, task) in &state.tasks {
            let Some(key) = task.details.external_ref.value.as_deref() else {
                continue;
            };
            let uid = living(state, *uid);
            let first = *present.entry(key).or_insert(uid);
            let speaker = self.speakers.get(key);
            if let Some(at) = speaker.filter(|_| first != uid) {
                let (first, second) = (name(state, first), name(state, uid));
                let what = format!(
                    "{first} and {second} both carry this reference, and {first} is taken for it; \
                     `fleet merge` makes one of two, `fleet update {second} --clear external-ref` \
                     parts them"
                );
                decided.note(&self.batch.issues[*at], what);
            }
        }
        present
    }
}

/// Whether the task has a reference of its own, which is not that of the issue.
pub(super) fn speaks_for_another(state: &State, uid: TaskUid, issue: &Incoming) -> bool {
    let task = state.tasks.get(&uid);
    let own = task.and_then(|task| task.details.external_ref.value.as_deref());
    // A task that was exported and comes home under another name is still the issue's.
    let home = issue.uid.as_deref() == Some(uid.to_string().as_str());
    !home && own.is_some_and(|own| own != issue.key)
}
