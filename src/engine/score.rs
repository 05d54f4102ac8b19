//! Scores: how well a task and an agent fit, part by part, and the order that follows.

use serde::Serialize;

use crate::domain::ids::TaskUid;
use crate::domain::policy::{AgentSpec, Weights};
use crate::domain::task::{Complexity, MAX_PRIORITY, Task};
use crate::domain::time::Timestamp;
use crate::engine::deps::dependents;
use crate::engine::routing::{Load, Router};

/// One part of a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Factor {
    /// `complexity_fit`, `file_overlap`, `dependencies`, `priority` or `agent_load`.
    pub name: &'static str,
    /// Configured weight.
    pub weight: u32,
    /// How well it fits, 0 to 100.
    pub value: u32,
    /// `weight × value`, in hundredths.
    pub points: u32,
    /// Why it has that value.
    pub note: String,
}

/// Values of the parts, 0 to 100 each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values {
    complexity_fit: u32,
    file_overlap: u32,
    dependencies: u32,
    priority: u32,
    agent_load: u32,
}

impl Values {
    pub(super) const fn score(self, w: &Weights) -> u32 {
        self.complexity_fit * w.complexity_fit
            + self.file_overlap * w.file_overlap
            + self.dependencies * w.dependencies
            + self.priority * w.priority
            + self.agent_load * w.agent_load
    }
}

pub(super) fn folder(glob: &str) -> &str {
    glob.rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl Router<'_> {
    /// Score of a task alone, with the part of the best fitting agent left at its best: the order
    /// in which tasks are taken. Makes no text.
    #[must_use]
    pub fn order_score(&self, uid: TaskUid) -> u32 {
        let Some(task) = self.board.state.tasks.get(&uid) else {
            return 0;
        };
        let w = &self.board.policy.weights;
        let fit = self
            .board
            .policy
            .agents
            .values()
            .map(|spec| fit_of(spec, task.details.complexity.value))
            .max()
            .unwrap_or(100);
        fit * w.complexity_fit
            + self.room_of(task) * w.file_overlap
            + self.dependents_of(uid).1 * w.dependencies
            + self.priority_of(task) * w.priority
    }

    /// Ready tasks in the order in which they are taken: score, priority, number, identity.
    #[must_use]
    pub fn order(&self, ready: &[TaskUid]) -> Vec<TaskUid> {
        let mut order: Vec<_> = ready
            .iter()
            .map(|uid| {
                let task = self.board.state.tasks.get(uid);
                let priority = task.map_or(MAX_PRIORITY, Task::priority);
                let number = task.and_then(|t| t.number.value);
                let score = std::cmp::Reverse(self.order_score(*uid));
                (score, priority, number.is_none(), number, *uid)
            })
            .collect();
        order.sort_unstable();
        order.into_iter().map(|(.., uid)| uid).collect()
    }

    pub(super) fn values(
        &self,
        uid: TaskUid,
        task: &Task,
        spec: &AgentSpec,
        load: &Load,
    ) -> Values {
        let max = spec.max_parallel.max(1);
        let free = max.saturating_sub(load.of_agent(&spec.name));
        Values {
            complexity_fit: fit_of(spec, task.details.complexity.value),
            file_overlap: self.room_of(task),
            dependencies: self.dependents_of(uid).1,
            priority: self.priority_of(task),
            agent_load: 100 * free / max,
        }
    }

    /// 100 if no other ready task names the same folder, less the more do; 50 if it names no paths.
    fn room_of(&self, task: &Task) -> u32 {
        task.paths
            .iter()
            .map(|glob| 100 / self.crowds.get(folder(glob)).copied().unwrap_or(1).max(1))
            .min()
            .unwrap_or(50)
    }

    fn dependents_of(&self, uid: TaskUid) -> (usize, u32) {
        let count = dependents(self.board.state, self.board.index, uid);
        (count, (count.min(4) * 25) as u32)
    }

    /// 100 for priority 0, 0 for priority 4; overdue counts as one more urgent.
    fn priority_of(&self, task: &Task) -> u32 {
        let overdue = task
            .details
            .due
            .value
            .is_some_and(|due| due < self.board.now);
        let level = task
            .priority()
            .min(MAX_PRIORITY)
            .saturating_sub(u8::from(overdue));
        u32::from(MAX_PRIORITY - level) * 25
    }

    pub(super) fn explain(
        &self,
        uid: TaskUid,
        task: &Task,
        spec: &AgentSpec,
        values: Values,
        load: &Load,
    ) -> Vec<Factor> {
        let w = &self.board.policy.weights;
        let factor = |name, weight, value, note| Factor {
            name,
            weight,
            value,
            points: weight * value,
            note,
        };
        let complexity = format!("{:?}", task.details.complexity.value).to_lowercase();
        let fit_note = match values.complexity_fit {
            100 => format!("{} is fit for {complexity} tasks", spec.name),
            50 => format!("{} is meant for harder tasks than {complexity}", spec.name),
            _ => format!("{} is meant for easier tasks than {complexity}", spec.name),
        };
        let room_note = match values.file_overlap {
            100 => "no other ready task names its folders".to_owned(),
            _ if task.paths.iter().next().is_none() => "it names no paths".to_owned(),
            _ => "other ready tasks name the same folders".to_owned(),
        };
        let count = self.dependents_of(uid).0;
        vec![
            factor(
                "complexity_fit",
                w.complexity_fit,
                values.complexity_fit,
                fit_note,
            ),
            factor(
                "file_overlap",
                w.file_overlap,
                values.file_overlap,
                room_note,
            ),
            factor(
                "dependencies",
                w.dependencies,
                values.dependencies,
                format!("{count} open tasks wait for it"),
            ),
            factor(
                "priority",
                w.priority,
                values.priority,
                format!(
                    "priority {}{}",
                    task.priority(),
                    overdue_note(task, self.board.now)
                ),
            ),
            factor(
                "agent_load",
                w.agent_load,
                values.agent_load,
                format!(
                    "{} runs {} of {}",
                    spec.name,
                    load.of_agent(&spec.name),
                    spec.max_parallel.max(1)
                ),
            ),
        ]
    }
}

fn overdue_note(task: &Task, now: Timestamp) -> &'static str {
    if task.details.due.value.is_some_and(|due| due < now) {
        ", overdue"
    } else {
        ""
    }
}

/// 100 if the agent is meant for that complexity, 50 if for harder ones, 0 if only for easier ones.
fn fit_of(spec: &AgentSpec, complexity: Complexity) -> u32 {
    if spec.fits.is_empty() || spec.fits.contains(&complexity) {
        100
    } else if spec.fits.iter().any(|fit| *fit > complexity) {
        50
    } else {
        0
    }
}
