//! The configured agents: what they are, whether they can start, who works now; and changes to them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::app::tracker::desk::Place;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::init::first_trouble;
use crate::app::tracker::views::complexity_name;
use crate::domain::money::MicroUsd;
use crate::domain::policy::{AgentKind, AgentSpec, PlanApproval, Policy, RemoteService};
use crate::domain::time::{DurationMs, Timestamp};
pub use crate::ports::site::{AgentChange, AgentVerb};
use crate::store::Scope;

/// Answer of `agents list`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentsReport {
    /// One row an agent, by name.
    pub agents: Vec<AgentRow>,
    /// Number of them.
    pub total: usize,
    /// Always false: all are listed.
    pub has_more: bool,
}

/// An agent in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentRow {
    /// Its name.
    pub name: String,
    /// How it is driven, in words: `cli claude`, `command ./work.sh`.
    pub how: String,
    /// Model that it is asked to use.
    pub model: Option<String>,
    /// Complexities it is fit for; all if empty.
    pub fits: Vec<&'static str>,
    /// Sessions that run now.
    pub running: u32,
    /// Most sessions at once.
    pub max_parallel: u32,
    /// Whether it can start here.
    pub available: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable_because: Option<String>,
    /// It rests until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<Timestamp>,
    /// The provider that all its agents rest with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_with: Option<String>,
    /// Why it rests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_because: Option<String>,
}

/// Answer of `agents show`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentReport {
    /// As in a list.
    #[serde(flatten)]
    pub row: AgentRow,
    /// Role prompt; by route if none.
    pub role: Option<String>,
    /// No output for this long ends it.
    pub idle_timeout: DurationMs,
    /// Running this long ends it.
    pub total_timeout: DurationMs,
    /// What one run is reckoned to cost before it ran.
    pub cost_estimate: MicroUsd,
    /// Environment variables that it may see, by name.
    pub env: Vec<String>,
    /// Environment variables set for it, by name.
    pub set_env: Vec<String>,
    /// Extra arguments.
    pub args: Vec<String>,
    /// The service, if its sessions run at one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceRow>,
    /// Positions of the routes that name it, from 1.
    pub routes: Vec<usize>,
}

/// The service of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceRow {
    /// `opencode` or `jules`.
    pub name: &'static str,
    /// Address of its API.
    pub base_url: String,
    /// Variable that holds its key, by name.
    pub key_env: Option<String>,
    /// The repository as the service names it.
    pub source: Option<String>,
    /// Whether a human approves plans.
    pub asks_about_plans: bool,
    /// Least time between two looks at a session.
    pub poll: DurationMs,
}

impl ServiceRow {
    fn of(service: &RemoteService) -> Self {
        Self {
            name: service.kind.name(),
            base_url: service.base_url.clone(),
            key_env: service.key_env.clone(),
            source: service.source.clone(),
            asks_about_plans: service.plans == PlanApproval::Ask,
            poll: service.poll,
        }
    }
}

/// Answer of `agents add`, `edit` and `rm`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgentChangedReport {
    /// The agent.
    pub name: String,
    /// `added`, `changed` or `removed`.
    pub done: &'static str,
    /// The file that was changed.
    pub file: String,
}

/// Every agent, whether it can start here, and what it does now.
///
/// # Errors
/// A wrong configuration, or unreadable state.
pub fn list(place: &dyn Place) -> Result<AgentsReport, TrackerError> {
    let policy = configured(place)?;
    let now = Now::read(place, &policy)?;
    let agents: Vec<AgentRow> = policy.agents.values().map(|a| now.row(place, a)).collect();
    Ok(AgentsReport {
        total: agents.len(),
        has_more: false,
        agents,
    })
}

/// One agent in full.
///
/// # Errors
/// No such agent, a wrong configuration, or unreadable state.
pub fn show(place: &dyn Place, name: &str) -> Result<AgentReport, TrackerError> {
    let policy = configured(place)?;
    let agent = find(&policy, name)?;
    let now = Now::read(place, &policy)?;
    let routes = policy.routes.iter().enumerate();
    Ok(AgentReport {
        row: now.row(place, agent),
        role: agent.role.clone(),
        idle_timeout: agent.idle_timeout,
        total_timeout: agent.total_timeout,
        cost_estimate: agent.cost_estimate,
        env: agent.env.clone(),
        set_env: agent.set_env.keys().cloned().collect(),
        args: agent.args.clone(),
        service: agent.kind.service().map(ServiceRow::of),
        routes: routes
            .filter(|(_, route)| route.agents.iter().any(|a| a == name))
            .map(|(at, _)| at + 1)
            .collect(),
    })
}

/// Changes the configuration.
///
/// # Errors
/// What is wrong with the change, or with the configuration after it; then nothing is changed.
pub fn change(place: &dyn Place, change: &AgentChange) -> Result<AgentChangedReport, TrackerError> {
    let file = place
        .site()
        .change_agent(change)
        .map_err(|troubles| first_trouble(&troubles))?;
    Ok(AgentChangedReport {
        name: change.name.clone(),
        done: match change.verb {
            AgentVerb::Add => "added",
            AgentVerb::Edit => "changed",
            AgentVerb::Remove => "removed",
        },
        file,
    })
}

/// The agent of that name.
pub(in crate::app) fn find<'a>(
    policy: &'a Policy,
    name: &str,
) -> Result<&'a AgentSpec, TrackerError> {
    policy.agents.get(name).ok_or_else(|| {
        let names: Vec<&str> = policy.agents.keys().map(String::as_str).collect();
        TrackerError::NotThere {
            what: format!("no agent is called {name}"),
            hint: if names.is_empty() {
                "none is configured; `fleet agents add` adds one".to_owned()
            } else {
                format!("there are {}", names.join(", "))
            },
        }
    })
}

fn configured(place: &dyn Place) -> Result<Policy, TrackerError> {
    let configured = place.site().configured();
    Ok(configured
        .map_err(|troubles| first_trouble(&troubles))?
        .policy)
}

/// What the state says of agents now.
#[derive(Default)]
struct Now {
    running: BTreeMap<String, u32>,
    paused: BTreeMap<String, Paused>,
}

struct Paused {
    until: Timestamp,
    provider: Option<String>,
    why: String,
}

impl Now {
    /// Nothing, where the state was not begun: agents are looked at before that, too.
    fn read(place: &dyn Place, policy: &Policy) -> Result<Self, TrackerError> {
        let opened = place.open(policy.clone())?;
        let desk = opened.desk();
        let reading = match desk.glance(Scope::Live) {
            Ok(reading) => reading,
            Err(TrackerError::NotInitialised { .. }) => return Ok(Self::default()),
            Err(other) => return Err(other),
        };
        let state = &reading.loaded.state;
        let mut now = Self::default();
        for session in state.sessions.values().filter(|s| s.holds_lease()) {
            if let Some((claim, _)) = &session.claim {
                *now.running.entry(claim.agent.clone()).or_default() += 1;
            }
        }
        let time = desk.now();
        for agent in policy.agents.values() {
            let provider = agent.provider(None);
            if let Some((pause, provider)) = state.pause_of(&agent.name, provider.as_deref())
                && pause.until > time
            {
                let paused = Paused {
                    until: pause.until,
                    provider: provider.map(str::to_owned),
                    why: pause.reason.clone(),
                };
                now.paused.insert(agent.name.clone(), paused);
            }
        }
        Ok(now)
    }

    fn row(&self, place: &dyn Place, agent: &AgentSpec) -> AgentRow {
        let available = place.site().available(agent);
        let paused = self.paused.get(&agent.name);
        AgentRow {
            name: agent.name.clone(),
            how: how(agent),
            model: agent.model.clone(),
            fits: agent.fits.iter().map(|c| complexity_name(*c)).collect(),
            running: self.running.get(&agent.name).copied().unwrap_or_default(),
            max_parallel: agent.max_parallel,
            available: available.is_ok(),
            unavailable_because: available.err(),
            paused_until: paused.map(|p| p.until),
            paused_with: paused.and_then(|p| p.provider.clone()),
            paused_because: paused.map(|p| p.why.clone()),
        }
    }
}

/// How an agent is driven, in words.
#[must_use]
pub fn how(agent: &AgentSpec) -> String {
    match &agent.kind {
        AgentKind::Cli { cli, program } => match program {
            Some(program) => format!("cli {} ({program})", cli.name()),
            None => format!("cli {}", cli.name()),
        },
        AgentKind::Command { argv, .. } => {
            format!("command {}", argv.first().map_or("", String::as_str))
        }
        AgentKind::Api { provider, .. } => format!("api {provider}"),
        AgentKind::Session { service } => {
            format!("session at {} ({})", service.kind.name(), service.base_url)
        }
        AgentKind::Demo => "demo".to_owned(),
    }
}
