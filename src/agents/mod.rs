//! Agents: programs that do the work, each driven without a person, read into one stream of events.
//!
//! [`Agents`] is the [`Runner`]: it prepares HOME and environment, starts the program, reads what
//! it prints, ends its whole process tree, and judges how it ended.
//!
//! Invariants: no shell strings (argv only); no environment but the allow-list; no process of a
//! run outlives the call (I9); success is never taken from an exit code alone where the program
//! has a final event of its own; no knowledge of git, state or forges.
//!
//! May import: domain, ports.
#![expect(
    clippy::disallowed_methods,
    reason = "this edge is where agents are started: processes, their files and their time"
)]

pub mod api;
mod check;
mod cli;
mod command;
mod confine;
pub mod demo;
mod environment;
mod journal;
mod limits;
mod lines;
mod outbox;
mod process;
mod reading;
pub mod remote;
mod run;
mod said;
pub mod stream;
mod telling;
mod tree;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::ids::SessionUid;
use crate::domain::policy::{AgentKind, AgentSpec, SandboxMode, VerifyCommand};
use crate::domain::session::VerifyResult;
use crate::ports::clock::{Clock, Ids};
use crate::ports::lease::Lease;
use crate::ports::runner::{AgentEvent, Cancel, RunOutcome, RunRequest, Runner};
use crate::ports::sandbox::{Sandbox, SandboxError};

pub use crate::agents::command::fill;
pub use crate::agents::tree::{sweep_run, take_charge};

/// Replaces secrets in a text (R8). The scanner lives in `engine`; `wire` hands it in.
pub type Redact = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// How patient fleet is with a program that should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manners {
    /// Between asking it to end and killing it.
    pub grace: Duration,
    /// Between its final event and asking it to end: some CLIs hang there.
    pub linger: Duration,
}

impl Default for Manners {
    /// Five seconds each, so that a tick ends within its budget plus ten (I9).
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(5),
            linger: Duration::from_secs(5),
        }
    }
}

/// What the composition root hands to [`Agents`].
#[derive(Clone)]
pub struct Setup {
    /// fleet's own environment; agents see of it what the allow-list and their `env` name.
    pub env: BTreeMap<String, OsString>,
    /// This binary, for the embedded agent of `fleet demo`.
    pub exe: PathBuf,
    /// Wall clock for journals and reset times.
    pub clock: Arc<dyn Clock>,
    /// Source of session ids for CLIs that let us choose.
    pub ids: Arc<dyn Ids>,
    /// Secrets out of every text that leaves this room.
    pub redact: Redact,
    /// Patience.
    pub manners: Manners,
    /// What confines them.
    pub sandbox: Arc<dyn Sandbox>,
    /// What the built-in agent works with; without it no agent of that kind runs.
    pub api: Option<api::ApiSetup>,
}

/// Starts agents and checks (DESIGN §5 step 5).
pub struct Agents {
    setup: Setup,
}

impl Agents {
    /// A runner. Call [`take_charge`] once before its first run.
    #[must_use]
    pub const fn new(setup: Setup) -> Self {
        Self { setup }
    }
}

impl Runner for Agents {
    fn run(
        &self,
        lease: &Lease,
        request: &RunRequest,
        events: &mut dyn FnMut(AgentEvent),
        cancel: &Cancel,
    ) -> RunOutcome {
        run::agent(&self.setup, lease, request, events, cancel)
    }

    fn verify(
        &self,
        lease: &Lease,
        request: &RunRequest,
        command: &VerifyCommand,
        cancel: &Cancel,
    ) -> VerifyResult {
        check::check(&self.setup, lease, request, command, cancel)
    }

    fn end_leftovers(&self, session: SessionUid) -> usize {
        tree::sweep_run(&session.to_string())
    }

    fn admits(&self, mode: SandboxMode) -> Result<(), SandboxError> {
        self.setup.sandbox.admits(mode)
    }

    fn available(&self, agent: &AgentSpec) -> Result<(), String> {
        self.admits(agent.sandbox).map_err(|e| e.to_string())?;
        let (name, hint) = match &agent.kind {
            AgentKind::Command { argv, .. } => (
                argv.first().map_or("", String::as_str),
                "install it, or change `argv` in .orchestra/config.toml",
            ),
            AgentKind::Cli { cli, program } => (
                program.as_deref().unwrap_or(cli.name()),
                cli::install_hint(*cli),
            ),
            AgentKind::Api { provider, .. } => {
                return api::available(&self.setup, provider)
                    .map_err(|e| format!("agent `{}`: {e}", agent.name));
            }
            AgentKind::Demo | AgentKind::Session { .. } => return Ok(()),
        };
        environment::find_program(name, &self.setup.env, None)
            .map(|_| ())
            .map_err(|e| format!("{}: {e}; {hint}", environment::describe(agent, name)))
    }
}
