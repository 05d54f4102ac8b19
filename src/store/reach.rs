//! Whether records reach beyond what is live.

use std::collections::BTreeSet;

use crate::domain::ids::{RecordId, TaskNumber, TaskUid};
use crate::domain::record::{Op, Record};
use crate::domain::state::State;

/// Whether records, applied to the `live` part of a state, may reach into its archive: they name
/// something that is not there, open a task whose blockers may be archived, or claim a number that
/// was granted before.
pub(crate) fn needs_archive<'a, I>(live: &State, max_number: u32, records: impl Fn() -> I) -> bool
where
    I: Iterator<Item = &'a Record>,
{
    let created: BTreeSet<RecordId> = records().map(|r| r.id).collect();
    let absent = |there: bool, id: RecordId| !there && !created.contains(&id);
    let stranger = |r: &Record| {
        let about = r.about();
        let mut tasks = [about.task, about.other].into_iter().flatten();
        let session = about.session;
        let review = about.review;
        let asked = about.escalation;
        tasks.any(|t| absent(live.tasks.contains_key(&t), t.record()))
            || session.is_some_and(|s| absent(live.sessions.contains_key(&s), s.record()))
            || review.is_some_and(|r| absent(live.reviews.contains_key(&r), r.record()))
            || asked.is_some_and(|e| absent(live.escalations.contains_key(&e), e.record()))
    };
    let old_number = |task: TaskUid, n: Option<TaskNumber>| {
        let holds = live.tasks.get(&task).and_then(|t| t.number.value);
        n.is_some_and(|n| n.get() <= max_number) && holds != n
    };
    records().any(|r| {
        stranger(r)
            || match &r.op {
                Op::TaskReopened(_) => true,
                Op::TaskAdded(p) => old_number(TaskUid::created_by(r.id), p.n),
                Op::TaskNumbered(p) => old_number(p.task, Some(p.n)),
                _ => false,
            }
    })
}
