//! Gates that wait for something at the forge.

use crate::app::tick::World;
use crate::domain::ids::{RecordId, TaskUid};
use crate::domain::state::State;
use crate::domain::tracking::{GateKind, GateState};
use crate::engine::facts::Facts;
use crate::engine::ready::gate_state;
use crate::ports::forge::GateWatch;

/// Most gates that one tick asks about, each up to one call.
const MOST: usize = 20;

/// Asks about those of open tasks. More than fit take turns, another one first every minute.
pub(super) fn observe(
    world: &World<'_>,
    state: &State,
    facts: &mut Facts,
    notes: &mut Vec<String>,
) {
    let now = world.context.clock.now();
    let mut waiting: Vec<((TaskUid, RecordId), GateWatch)> = Vec::new();
    for (uid, task) in state.tasks.iter().filter(|(_, task)| task.is_open()) {
        for (id, gate) in &task.details.gates {
            let Some((added, _, at)) = &gate.added else {
                continue;
            };
            let asked = matches!(added.kind, GateKind::Pr | GateKind::Ci);
            if let Some(subject) = added.subject.clone().filter(|_| asked)
                && gate_state(state, gate, now) == GateState::Waiting
            {
                let watch = GateWatch {
                    kind: added.kind,
                    subject,
                    since: at.ts.wall(),
                };
                waiting.push(((*uid, *id), watch));
            }
        }
    }
    if waiting.is_empty() || facts.forge_trouble.is_some() {
        return;
    }
    if waiting.len() > MOST {
        let turn = usize::try_from(now.0 / 60_000).unwrap_or(0) % waiting.len();
        waiting.rotate_left(turn);
        waiting.truncate(MOST);
    }
    let watches: Vec<_> = waiting.iter().map(|(_, watch)| watch.clone()).collect();
    match world.forge.passed(&watches, &world.policy.base_branch) {
        Ok(seen) => {
            let told = waiting.into_iter().zip(seen);
            facts.gates = told
                .filter_map(|((key, _), said)| Some((key, said?)))
                .collect();
        }
        Err(error) => notes.push(format!("gates were not looked at: {error}")),
    }
}
