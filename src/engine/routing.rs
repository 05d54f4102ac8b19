//! Routing: who takes a task, with which model and role, and in which order tasks are taken.
//!
//! Of the routes that fit, those that begin at the latest attempt win (a stronger agent for the
//! third try), and of these the first in the file. Its candidates are tried in order of their
//! score; with no candidates named, every configured agent is one (those with the route's own role
//! first). A task that names its agent gets that one or none.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::ids::{RecordId, SessionUid, TaskUid};
use crate::domain::policy::{AgentSpec, Route};
use crate::domain::session::Session;
use crate::domain::task::Task;
use crate::engine::budget::{Bearer, Ledger};
use crate::engine::facts::{Facts, RunLife};
use crate::engine::overlap::{Pattern, first_overlap};
use crate::engine::ready::Board;
use crate::engine::score::{Factor, Values, folder};
use crate::engine::why::Why;

/// Role of a task whose type, route and agent name none.
pub const DEFAULT_ROLE: &str = "writer";

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
    /// Name of that route.
    pub route_name: Option<String>,
    /// Whose model it is, as far as the configuration tells.
    pub provider: Option<String>,
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
    /// Agents whose budget, or whose provider's, is used up.
    pub overdrawn: BTreeMap<String, Why>,
    /// Agents whose sessions run at a service, not here.
    pub elsewhere: BTreeSet<String>,
}

impl Load {
    /// Sessions that hold a lease, by agent; availability comes from the facts. A session whose lease
    /// has ended and that nobody sees run keeps its task (time frees nothing), and no other task waits
    /// for it. One at a service runs there whoever looks.
    #[must_use]
    pub fn of(board: &Board<'_>, facts: &Facts) -> Self {
        let mut load = Self::default();
        let skew = board.policy.leases.skew_allowance;
        let works = |uid: &SessionUid, session: &Session| {
            session.lease_until.value.plus(skew) >= board.now
                || session.remote.is_intended()
                || facts.runs.get(uid) == Some(&RunLife::Alive)
        };
        let held = board.state.sessions.iter().filter(|(_, s)| s.holds_lease());
        for (_, session) in held.filter(|(uid, session)| works(uid, session)) {
            if let Some((claim, _)) = &session.claim {
                *load.running.entry(claim.agent.clone()).or_default() += 1;
            }
        }
        let services = board.policy.agents.iter();
        load.elsewhere = services
            .filter(|(_, agent)| agent.kind.service().is_some())
            .map(|(name, _)| name.clone())
            .collect();
        for (name, answer) in &facts.agents {
            if let Err(cause) = answer {
                load.unavailable.insert(name.clone(), cause.clone());
            }
        }
        load
    }

    /// Looks which agents may spend nothing more. A route may ask for another provider's model: that
    /// is looked at again when it has chosen.
    pub fn look_at_budgets(&mut self, board: &Board<'_>, ledger: &Ledger) {
        self.overdrawn = board
            .policy
            .agents
            .values()
            .filter_map(|spec| {
                let provider = spec.provider(None);
                let bearer = Bearer {
                    task: TaskUid::created_by(RecordId::default()),
                    agent: &spec.name,
                    provider: provider.as_deref(),
                    route: None,
                };
                let why = ledger.stops_with(board.policy, bearer)?;
                Some((spec.name.clone(), why))
            })
            .collect();
    }

    /// Sessions that run on this side: a service's sessions take no place here.
    #[must_use]
    pub fn total(&self) -> u32 {
        let here = self.running.iter();
        here.filter(|(agent, _)| !self.elsewhere.contains(*agent))
            .map(|(_, n)| n)
            .sum()
    }

    pub(super) fn of_agent(&self, agent: &str) -> u32 {
        self.running.get(agent).copied().unwrap_or_default()
    }
}

/// Routes compiled once, with what the tasks that are ready together have in common.
#[derive(Debug)]
pub struct Router<'a> {
    pub(super) board: &'a Board<'a>,
    routes: Vec<(usize, &'a Route, Vec<Pattern>)>,
    /// How many of the ready tasks name a path below each first folder.
    pub(super) crowds: HashMap<&'a str, u32>,
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
        let mut crowds: HashMap<&str, u32> = HashMap::new();
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
                    || route.complexity.contains(&task.details.complexity.value));
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
        if let Some(agent) = &task.details.agent.value {
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

    /// Why an agent cannot take a task now, for which the route asks for `model`.
    fn hindrance(&self, name: &str, model: Option<&str>, load: &Load) -> Option<Why> {
        let agent = name.to_owned();
        let Some(spec) = self.board.policy.agents.get(name) else {
            return Some(Why::UnknownAgent { agent });
        };
        if let Some(cause) = load.unavailable.get(name) {
            let cause = cause.clone();
            return Some(Why::AgentUnavailable { agent, cause });
        }
        if let Some(why) = load.overdrawn.get(name) {
            return Some(why.clone());
        }
        let provider = spec.provider(model);
        if let Some((pause, provider)) = self.board.state.pause_of(name, provider.as_deref())
            && pause.until > self.board.now
        {
            return Some(Why::AgentPaused {
                agent,
                provider: provider.map(str::to_owned),
                until: pause.until,
                cause: pause.reason.clone(),
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
        // A route's model is for the agents that it names, or for all if it names none.
        let model_for = |agent: &str| {
            route
                .filter(|r| r.agents.is_empty() || r.agents.iter().any(|name| name == agent))
                .and_then(|r| r.model.clone())
        };
        let mut skipped = Vec::new();
        let mut best: Option<(&AgentSpec, Values, u32)> = None;
        for name in &names {
            if let Some(why) = self.hindrance(name, model_for(name).as_deref(), load) {
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
        let model = model_for(&spec.name).or_else(|| spec.model.clone());
        Ok(Routed {
            agent: spec.name.clone(),
            provider: spec.provider(model.as_deref()),
            model,
            role: route
                .and_then(|r| r.role.clone())
                .or_else(|| spec.role.clone())
                .unwrap_or_else(|| DEFAULT_ROLE.to_owned()),
            route: matched.map(|(at, _)| at),
            route_name: route
                .map(|route| route.name.clone())
                .filter(|name| !name.is_empty()),
            score,
            explained: self.explain(uid, task, spec, values, load),
            skipped,
        })
    }
}
