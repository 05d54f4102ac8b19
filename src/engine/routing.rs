//! Routing: who takes a task, with which model and role, and in which order tasks are taken.
//!
//! Of the routes that fit, those that begin at the latest attempt win (a stronger agent for the
//! third try), and of these the first in the file. Its candidates are tried in order of their
//! score; with no candidates named, every configured agent is one (those with the route's own role
//! first). A task that names its agent gets that one or none.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::ids::TaskUid;
use crate::domain::policy::{AgentSpec, Route, Weights};
use crate::domain::task::{Complexity, MAX_PRIORITY, Task};
use crate::domain::time::Timestamp;
use crate::engine::overlap::{Pattern, dependents, first_overlap};
use crate::engine::ready::Board;
use crate::engine::why::Why;

/// Role of a task whose type, route and agent name none.
pub const DEFAULT_ROLE: &str = "writer";

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

/// An agent that was looked at and not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Which.
    pub agent: String,
    /// Why.
    pub why: Why,
}

/// Who takes a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    /// Name of the agent.
    pub agent: String,
    /// Model to ask for.
    pub model: Option<String>,
    /// Role whose prompt is used.
    pub role: String,
    /// Position of the route in the policy; `None` if the task names its agent and no route fits.
    pub route: Option<usize>,
    /// Sum of the points, in hundredths.
    pub score: u32,
    /// The parts of the score.
    pub explained: Vec<Factor>,
    /// Better candidates that cannot take it now.
    pub skipped: Vec<Skipped>,
}

/// How much agents do now, and which can work at all.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// Sessions that run, by agent.
    pub running: BTreeMap<String, u32>,
    /// Agents that cannot be started here, with what is missing.
    pub unavailable: BTreeMap<String, String>,
}

impl Load {
    /// Sessions that hold a lease, by agent; availability comes from the facts.
    #[must_use]
    pub fn of(board: &Board<'_>, agents: &BTreeMap<String, Result<(), String>>) -> Self {
        let mut load = Self::default();
        for session in board.state.sessions.values().filter(|s| s.holds_lease()) {
            if let Some((claim, _)) = &session.claim {
                *load.running.entry(claim.agent.clone()).or_default() += 1;
            }
        }
        for (name, answer) in agents {
            if let Err(cause) = answer {
                load.unavailable.insert(name.clone(), cause.clone());
            }
        }
        load
    }

    /// Sessions that run, of all agents.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.running.values().sum()
    }

    fn of_agent(&self, agent: &str) -> u32 {
        self.running.get(agent).copied().unwrap_or_default()
    }
}

/// Routes compiled once, with what the tasks that are ready together have in common.
#[derive(Debug)]
pub struct Router<'a> {
    board: &'a Board<'a>,
    routes: Vec<(usize, &'a Route, Vec<Pattern>)>,
    /// How many of the ready tasks name a path below each first folder.
    crowds: BTreeMap<&'a str, u32>,
}

fn folder(glob: &str) -> &str {
    glob.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Values of the parts, 0 to 100 each.
#[derive(Debug, Clone, Copy)]
struct Values {
    complexity_fit: u32,
    file_overlap: u32,
    dependencies: u32,
    priority: u32,
    agent_load: u32,
}

impl Values {
    const fn score(self, w: &Weights) -> u32 {
        self.complexity_fit * w.complexity_fit
            + self.file_overlap * w.file_overlap
            + self.dependencies * w.dependencies
            + self.priority * w.priority
            + self.agent_load * w.agent_load
    }
}

impl<'a> Router<'a> {
    /// Prepares routing of the tasks `ready`.
    #[must_use]
    pub fn new(board: &'a Board<'a>, ready: &[TaskUid]) -> Self {
        let routes = board
            .policy
            .routes
            .iter()
            .enumerate()
            .map(|(at, route)| {
                let patterns = route.paths.iter().map(|p| Pattern::glob(p)).collect();
                (at, route, patterns)
            })
            .collect();
        let mut crowds: BTreeMap<&str, u32> = BTreeMap::new();
        for task in ready.iter().filter_map(|uid| board.state.tasks.get(uid)) {
            for glob in task.paths.iter() {
                *crowds.entry(folder(glob)).or_default() += 1;
            }
        }
        Self {
            board,
            routes,
            crowds,
        }
    }

    fn matching(&self, task: &Task, attempt: u32) -> Option<(usize, &'a Route)> {
        let mut own: Option<Vec<Pattern>> = None;
        let mut best: Option<(usize, &'a Route)> = None;
        for (at, route, patterns) in &self.routes {
            let fits = route.from_attempt <= attempt
                && (route.types.is_empty() || route.types.iter().any(|t| t == task.type_name()))
                && route.labels.iter().all(|label| task.labels.contains(label))
                && (route.complexity.is_empty()
                    || route.complexity.contains(&task.complexity.value));
            if !fits {
                continue;
            }
            if !patterns.is_empty() {
                let own = own.get_or_insert_with(|| task.paths.iter().map(Pattern::glob).collect());
                if first_overlap(own, patterns).is_none() {
                    continue;
                }
            }
            let later = |old: &Route| route.from_attempt.max(1) > old.from_attempt.max(1);
            if best.is_none_or(|(_, old)| later(old)) {
                best = Some((*at, *route));
            }
        }
        best
    }

    fn candidates(&self, task: &Task, route: Option<&'a Route>) -> Result<Vec<String>, Vec<Why>> {
        let agents = &self.board.policy.agents;
        if let Some(agent) = &task.agent.value {
            return Ok(vec![agent.clone()]);
        }
        if agents.is_empty() {
            return Err(vec![Why::NoAgents]);
        }
        let Some(route) = route else {
            let kind = task.type_name().to_owned();
            return Err(vec![Why::NoRoute { kind }]);
        };
        if !route.agents.is_empty() {
            return Ok(route.agents.clone());
        }
        let (same, other): (Vec<&AgentSpec>, Vec<&AgentSpec>) = agents
            .values()
            .partition(|a| a.role.is_some() && a.role == route.role);
        let names = |list: &[&AgentSpec]| list.iter().map(|a| a.name.clone()).collect();
        Ok(if same.is_empty() {
            names(&other)
        } else {
            names(&same)
        })
    }

    /// Why an agent cannot take a task now.
    fn hindrance(&self, name: &str, load: &Load) -> Option<Why> {
        let agent = name.to_owned();
        let Some(spec) = self.board.policy.agents.get(name) else {
            return Some(Why::UnknownAgent { agent });
        };
        if let Some(cause) = load.unavailable.get(name) {
            let cause = cause.clone();
            return Some(Why::AgentUnavailable { agent, cause });
        }
        if let Some(pause) = self.board.state.pauses.get(name)
            && pause.value.until > self.board.now
        {
            return Some(Why::AgentPaused {
                agent,
                until: pause.value.until,
                cause: pause.value.reason.clone(),
            });
        }
        (load.of_agent(name) >= spec.max_parallel.max(1)).then(|| Why::AgentBusy {
            agent,
            max: spec.max_parallel.max(1),
        })
    }

    /// Who takes `uid` as its attempt number `attempt`.
    ///
    /// # Errors
    /// Why nobody can now: one reason per candidate, or that there is none.
    pub fn route(&self, uid: TaskUid, attempt: u32, load: &Load) -> Result<Routed, Vec<Why>> {
        let Some(task) = self.board.state.tasks.get(&uid) else {
            return Err(vec![Why::NotAdded]);
        };
        let matched = self.matching(task, attempt);
        let route = matched.map(|(_, route)| route);
        let names = self.candidates(task, route)?;
        let mut skipped = Vec::new();
        let mut best: Option<(&AgentSpec, Values, u32)> = None;
        for name in &names {
            if let Some(why) = self.hindrance(name, load) {
                let agent = name.clone();
                skipped.push(Skipped { agent, why });
                continue;
            }
            let spec = &self.board.policy.agents[name];
            let values = self.values(uid, task, spec, load);
            let score = values.score(&self.board.policy.weights);
            // Strictly better only: of equals, the one named first.
            if best.is_none_or(|(_, _, old)| score > old) {
                best = Some((spec, values, score));
            }
        }
        let Some((spec, values, score)) = best else {
            return Err(skipped.into_iter().map(|s| s.why).collect());
        };
        let named = route.is_some_and(|r| r.agents.is_empty() || r.agents.contains(&spec.name));
        Ok(Routed {
            agent: spec.name.clone(),
            model: route
                .filter(|_| named)
                .and_then(|r| r.model.clone())
                .or_else(|| spec.model.clone()),
            role: route
                .and_then(|r| r.role.clone())
                .or_else(|| spec.role.clone())
                .unwrap_or_else(|| DEFAULT_ROLE.to_owned()),
            route: matched.map(|(at, _)| at),
            score,
            explained: self.explain(uid, task, spec, values, load),
            skipped,
        })
    }

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
            .map(|spec| fit_of(spec, task.complexity.value))
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

    fn values(&self, uid: TaskUid, task: &Task, spec: &AgentSpec, load: &Load) -> Values {
        let max = spec.max_parallel.max(1);
        let free = max.saturating_sub(load.of_agent(&spec.name));
        Values {
            complexity_fit: fit_of(spec, task.complexity.value),
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
        let overdue = task.due.value.is_some_and(|due| due < self.board.now);
        let level = task
            .priority()
            .min(MAX_PRIORITY)
            .saturating_sub(u8::from(overdue));
        u32::from(MAX_PRIORITY - level) * 25
    }

    fn explain(
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
        let complexity = format!("{:?}", task.complexity.value).to_lowercase();
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
    if task.due.value.is_some_and(|due| due < now) {
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
