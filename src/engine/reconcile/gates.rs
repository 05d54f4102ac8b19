//! Gates that open because what they wait for has happened at the forge.

use crate::domain::record::Op;
use crate::domain::tracking::{GateSet, GateState};
use crate::engine::ready::gate_state;
use crate::engine::reconcile::Reconciler;

impl Reconciler<'_> {
    /// What a person said of a gate counts more: only one that waits is opened.
    pub(super) fn gates(&mut self) {
        for ((task, gate), said) in &self.facts.gates {
            let known = self.state.tasks.get(task).filter(|task| task.is_open());
            let known = known.and_then(|task| task.details.gates.get(gate));
            if known.is_some_and(|g| gate_state(self.state, g, self.now) == GateState::Waiting) {
                self.out.ops.push(Op::GateSet(GateSet {
                    task: *task,
                    gate: *gate,
                    state: GateState::Passed,
                    note: said.clone(),
                }));
            }
        }
    }
}
