//! Gates that come with an issue.

use crate::domain::ids::TaskUid;
use crate::domain::record::Op;
use crate::domain::task::Task;
use crate::domain::tracking::GateAdded;
use crate::exchange::Incoming;

/// The gate of an open issue, unless its task has such a one, whatever became of that.
pub(super) fn new_gate(uid: TaskUid, task: Option<&Task>, issue: &Incoming) -> Option<Op> {
    let gate = issue.gate.as_ref().filter(|_| issue.closed.is_none())?;
    let known = task
        .into_iter()
        .flat_map(|task| task.details.gates.values());
    let same = |added: &GateAdded| {
        (added.kind, added.until, &added.subject) == (gate.kind, gate.until, &gate.subject)
    };
    if known
        .filter_map(|known| known.added.as_ref())
        .any(|(added, ..)| same(added))
    {
        return None;
    }
    Some(Op::GateAdded(GateAdded {
        task: uid,
        kind: gate.kind,
        until: gate.until,
        subject: gate.subject.clone(),
        note: String::new(),
    }))
}
