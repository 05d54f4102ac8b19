//! Policy: what the owner of the repository decided in `.orchestra/config.toml`, validated.
//!
//! `config` builds these values; `engine` decides with them; `agents` and `git` act by them.

mod kinds;
mod remote;
mod review;
mod sandbox;

mod archive;
mod budget;
mod forge;
mod intake;

pub use budget::{BudgetPolicy, Caps};

use std::collections::BTreeMap;

use crate::domain::money::MicroUsd;
use crate::domain::prices::Prices;
use crate::domain::task::Complexity;
use crate::domain::time::DurationMs;

pub use crate::domain::policy::archive::ArchivePolicy;
pub use crate::domain::policy::forge::{ForgeApp, ForgeKind, ForgePolicy};
pub use crate::domain::policy::intake::IntakePolicy;
pub use crate::domain::policy::kinds::{ApiBounds, CliKind};
pub use crate::domain::policy::remote::{PlanApproval, RemoteKind, RemoteService};
pub use crate::domain::policy::review::ReviewPolicy;
pub use crate::domain::policy::sandbox::{SandboxLimits, SandboxMode, SandboxPolicy};
pub use crate::domain::provider::{CallLimits, ProviderKind, ProviderSpec};

/// Everything configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Where state lives and how it is published.
    pub state: StatePolicy,
    /// Branch that work starts from and is reviewed against.
    pub base_branch: String,
    /// Remote name, `origin` by default; unused if the repository has no such remote.
    pub remote: String,
    /// Forge settings.
    pub forge: ForgePolicy,
    /// How issues become tasks.
    pub intake: IntakePolicy,
    /// Texts of finished work.
    pub archive: ArchivePolicy,
    /// Agents by name.
    pub agents: BTreeMap<String, AgentSpec>,
    /// Providers of models behind an API, by name: the known ones overlaid by `[providers.<name>]`.
    pub providers: BTreeMap<String, ProviderSpec>,
    /// Role prompts by role name (embedded defaults overlaid by `.orchestra/roles/<name>.md`).
    pub roles: BTreeMap<String, String>,
    /// Routes, first match wins per rank; see `engine::routing`.
    pub routes: Vec<Route>,
    /// Weights of the assignment.
    pub weights: Weights,
    /// Limits of one tick.
    pub tick: TickPolicy,
    /// Locks and leases.
    pub leases: LeasePolicy,
    /// Retry classes.
    pub retry: RetryPolicy,
    /// Bounds of the review loop.
    pub review: ReviewPolicy,
    /// Budgets.
    pub budget: BudgetPolicy,
    /// What tokens cost: the embedded table, overlaid by `.orchestra/prices.toml`.
    pub prices: Prices,
    /// What a diff may touch.
    pub diff: DiffPolicy,
    /// Commands that must pass in the workspace before work is published.
    pub verify: Vec<VerifyCommand>,
    /// How agents and checks are confined.
    pub sandbox: SandboxPolicy,
    /// When a dependent may start.
    pub unblock_on: UnblockOn,
    /// Subtasks that agents propose are admitted at once (else they wait for a human).
    pub admit_subtasks: bool,
    /// Check out only the folders that a task's paths name (and the files at the top). Cheap on large
    /// repositories, but the agent and the checks then see nothing else.
    pub sparse_workspaces: bool,
    /// Environment variables whose values are secrets, scanned for and redacted.
    pub secret_env: Vec<String>,
}

/// Where state lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatePolicy {
    /// Branch that carries `.orchestra/` records: `fleet/state`, or the base branch for in-tree.
    pub branch: String,
    /// Push behaviour of commands that write.
    pub push: PushMode,
    /// How long such a command waits for the remote.
    pub push_timeout: DurationMs,
}

/// Push behaviour of commands that write (DESIGN §3, `sync.push`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PushMode {
    /// Publish to the remote if it answers in time, else keep locally and say so.
    #[default]
    Auto,
    /// Publish to the remote or fail.
    Always,
    /// Never; only `fleet sync` and `fleet tick` talk to the remote.
    Never,
}

/// A configured worker.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentSpec {
    /// Its name in the configuration.
    pub name: String,
    /// How it is driven.
    pub kind: AgentKind,
    /// Model it is asked to use.
    pub model: Option<String>,
    /// The provider whose limits and budget it shares, where its owner says so; see
    /// [`Self::provider`].
    pub shares: Option<String>,
    /// Role prompt; a route may name another.
    pub role: Option<String>,
    /// Complexities it is fit for.
    pub fits: Vec<Complexity>,
    /// Most sessions at once.
    pub max_parallel: u32,
    /// No output for this long ends it.
    pub idle_timeout: DurationMs,
    /// Running this long ends it.
    pub total_timeout: DurationMs,
    /// Most bytes of output that are read before it is ended.
    pub max_output_bytes: u64,
    /// Names of environment variables that it may see.
    pub env: Vec<String>,
    /// Environment variables set for it.
    pub set_env: BTreeMap<String, String>,
    /// Files copied into its otherwise empty HOME: source path → path in HOME.
    pub home_files: BTreeMap<String, String>,
    /// Extra arguments.
    pub args: Vec<String>,
    /// What one run is reckoned to cost before it ran, for budgets.
    pub cost_estimate: MicroUsd,
    /// True if the owner wrote that down, false for a default.
    pub estimated: bool,
    /// Whether it must be, or should be, confined by the kernel.
    pub sandbox: SandboxMode,
    /// Whether it may reach the network.
    pub network: bool,
}

impl AgentSpec {
    /// An agent about which nothing else is said.
    #[must_use]
    pub fn usual(name: &str, kind: AgentKind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            model: None,
            shares: None,
            role: None,
            fits: Vec::new(),
            max_parallel: 1,
            idle_timeout: DurationMs::mins(5),
            total_timeout: DurationMs::mins(30),
            max_output_bytes: 64 << 20,
            env: Vec::new(),
            set_env: BTreeMap::new(),
            home_files: BTreeMap::new(),
            args: Vec::new(),
            cost_estimate: MicroUsd(0),
            estimated: false,
            sandbox: SandboxMode::default(),
            network: true,
        }
    }

    /// Whose model it talks to, and so whose limits and budget it shares: what the configuration
    /// says, else by its kind, or by the prefix of the model (`openrouter/…`). `model` is the one
    /// that a route asks for, if any.
    #[must_use]
    pub fn provider(&self, model: Option<&str>) -> Option<String> {
        let of_model = || {
            let model = model.or(self.model.as_deref())?;
            let (provider, _) = model.split_once('/')?;
            Some(provider.to_ascii_lowercase())
        };
        if let Some(said) = &self.shares {
            return Some(said.clone());
        }
        match &self.kind {
            AgentKind::Cli { cli, .. } => match cli {
                CliKind::Claude => Some("anthropic".to_owned()),
                CliKind::Codex => Some("openai".to_owned()),
                CliKind::Gemini => Some("gemini".to_owned()),
                CliKind::OpenCode | CliKind::Aider => of_model(),
            },
            AgentKind::Api { provider, .. } => Some(provider.clone()),
            AgentKind::Session { service } if service.kind == RemoteKind::Jules => {
                Some(service.kind.name().to_owned())
            }
            AgentKind::Session { .. } | AgentKind::Command { .. } | AgentKind::Demo => of_model(),
        }
    }
}

/// How an agent is driven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentKind {
    /// A known CLI in its headless JSON mode.
    Cli {
        /// Which.
        cli: CliKind,
        /// Program, if not found by its usual name on PATH.
        program: Option<String>,
    },
    /// Any program.
    Command {
        /// Program and arguments; `{prompt_file}`, `{workdir}`, `{outbox}`, `{task}`, `{model}` are
        /// replaced inside each argument. Never a shell string.
        argv: Vec<String>,
        /// The prompt is also written to its standard input.
        prompt_stdin: bool,
    },
    /// A model behind an API, through fleet's own loop.
    Api {
        /// Name of the provider.
        provider: String,
        /// How far a run may go.
        bounds: ApiBounds,
    },
    /// A session at a service, which outlives the tick.
    Session {
        /// Which service, and how it is reached.
        service: RemoteService,
    },
    /// The embedded scripted agent of `fleet demo`: a program of this binary itself.
    Demo,
}

impl AgentKind {
    /// The service of a remote agent.
    #[must_use]
    pub const fn service(&self) -> Option<&RemoteService> {
        match self {
            Self::Session { service } => Some(service),
            Self::Cli { .. } | Self::Command { .. } | Self::Api { .. } | Self::Demo => None,
        }
    }
}

/// A rule: which agents may take which tasks. Empty condition lists match everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// What it is called in records, budgets and statistics.
    pub name: String,
    /// Task types.
    pub types: Vec<String>,
    /// All of these labels.
    pub labels: Vec<String>,
    /// Complexities.
    pub complexity: Vec<Complexity>,
    /// Any of the task's paths matches any of these globs.
    pub paths: Vec<String>,
    /// From this attempt on (1 = always).
    pub from_attempt: u32,
    /// Candidates, best first.
    pub agents: Vec<String>,
    /// Role prompt to use.
    pub role: Option<String>,
    /// Model to use instead of the agent's.
    pub model: Option<String>,
}

/// Weights of the assignment (DESIGN §5): each factor is 0..=1, multiplied by its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Weights {
    pub complexity_fit: u32,
    pub file_overlap: u32,
    pub dependencies: u32,
    pub priority: u32,
    pub agent_load: u32,
}

impl Default for Weights {
    /// High, high, medium, medium, low.
    fn default() -> Self {
        Self {
            complexity_fit: 30,
            file_overlap: 30,
            dependencies: 20,
            priority: 20,
            agent_load: 10,
        }
    }
}

/// Limits of one tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickPolicy {
    /// Most sessions at once.
    pub max_parallel: u32,
    /// Most claims in one tick.
    pub max_claims: u32,
    /// Wall time after which nothing new starts and what runs is stopped.
    pub time_budget: DurationMs,
}

/// Locks and leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeasePolicy {
    /// Length of a lease; renewed at half of it.
    pub lease: DurationMs,
    /// Length of a file lock.
    pub lock: DurationMs,
    /// How much clocks of machines may differ before an expired lease is looked at.
    pub skew_allowance: DurationMs,
}

/// Retry classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts before the human queue.
    pub max_attempts: u32,
    /// Waiting time before attempt 2, 3, …; the last repeats.
    pub backoff: Vec<DurationMs>,
    /// Questions one task may ask before it counts as failed.
    pub max_escalations: u32,
    /// Rounds of review feedback that are worked on before the human queue.
    pub max_review_rounds: u32,
}

/// What a diff may touch (R3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffPolicy {
    /// Globs that need a human. `.orchestra/**` is always among them.
    pub protected: Vec<String>,
    /// Most changed files.
    pub max_files: u32,
    /// Most bytes added in all.
    pub max_bytes: u64,
}

/// A command that must pass before work is published. Argv only, no shell.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct VerifyCommand {
    pub argv: Vec<String>,
    pub timeout: DurationMs,
    /// Whether it may reach the network.
    pub network: bool,
}

/// When a dependent may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnblockOn {
    /// When the blocker is closed as done (its review merged).
    #[default]
    Merge,
    /// Already when the blocker is in review.
    Review,
}
