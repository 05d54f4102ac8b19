//! `fleet tick`: observe → decide → claim → act → record → report (DESIGN §5).
//!
//! One process does all steps, or three phases do them on three machines with a directory of
//! documents between them. Both go the same way through the same code.

mod archive;
mod checks;
mod claims;
mod claims_file;
pub mod documents;
mod drive;
mod intake;
mod mint;
mod observe;
mod opening;
mod phases;
mod pool;
mod prompt;
mod remote;
mod replies;
mod reply_text;
pub mod report;
mod results;
mod review_text;
mod reviews;
mod scrub;
mod till;
mod work;

use std::convert::Infallible;
use std::path::PathBuf;

use crate::app::context::Context;
use crate::app::publish::ChangeError;
use crate::app::tick::report::{TickEvent, TickReport};
use crate::domain::ids::{SessionUid, TaskSelector};
use crate::domain::policy::Policy;
use crate::domain::state::Unresolved;
use crate::domain::time::DurationMs;
use crate::engine::secrets::Scanner;
use crate::ports::code_repo::CodeRepo;
use crate::ports::forge::Forge;
use crate::ports::handover::{Handover, HandoverError};
use crate::ports::host::Host;
use crate::ports::journal::Journals;
use crate::ports::remote_session::RemoteSessions;
use crate::ports::runner::{Cancel, Runner};
use crate::ports::sandbox::SandboxError;
use crate::ports::state_repo::StateRepoError;
use crate::ports::tickets::Tickets;
use crate::ports::workspaces::Workspaces;
use crate::store::StoreError;

/// Everything that a tick touches.
pub struct World<'a> {
    /// State, time, identities.
    pub context: Context<'a>,
    /// What the owner decided.
    pub policy: &'a Policy,
    /// The code side of the repository.
    pub code: &'a dyn CodeRepo,
    /// Workspaces.
    pub workspaces: &'a dyn Workspaces,
    /// Where humans review.
    pub forge: &'a dyn Forge,
    /// Where people ask for work; none where the forge has no such place.
    pub tickets: Option<&'a dyn Tickets>,
    /// Runs agents and checks.
    pub runner: &'a dyn Runner,
    /// Services whose sessions outlive the tick.
    pub remotes: &'a dyn RemoteSessions,
    /// This machine.
    pub host: &'a dyn Host,
    /// What passes between phases.
    pub handover: &'a dyn Handover,
    /// What fleet keeps for itself in this clone, wherever the phases pass their documents; the same
    /// as `handover` where one process does all.
    pub own: &'a dyn Handover,
    /// Known secrets.
    pub secrets: &'a Scanner,
    /// Journals of sessions, outside git.
    pub journals: &'a dyn Journals,
}

impl std::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

impl World<'_> {
    /// Name of a session's journal in records: relative to fleet's folder in the git dir, because a
    /// record is read on every machine and a path of one of them says nothing there.
    #[must_use]
    pub fn journal_name(session: SessionUid) -> String {
        format!("journals/{session}.jsonl")
    }

    /// Journal of a session, on this machine.
    #[must_use]
    pub fn journal_of(&self, session: SessionUid) -> PathBuf {
        self.journals.path(session)
    }
}

/// Which part of a tick is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// All, in this process.
    #[default]
    All,
    /// Fetch, decide, publish claims; write `claims.json`. Needs the right to push; runs nothing.
    Claim,
    /// Run what `claims.json` names; write results. Needs no right at all.
    Run,
    /// Check the results, push branches and records, open reviews.
    Publish,
}

/// What a tick is asked to do.
#[derive(Debug, Clone, Default)]
pub struct TickOptions {
    /// Which part.
    pub phase: Phase,
    /// Most claims, if fewer than configured.
    pub max: Option<u32>,
    /// Only these tasks; empty = all.
    pub only: Vec<TaskSelector>,
    /// Of the claims that were handed over only this one, from 0; for a run phase.
    pub job: Option<usize>,
    /// Wall time, if other than configured.
    pub time_budget: Option<DurationMs>,
    /// Decide and tell, but write nothing and run nothing.
    pub dry_run: bool,
    /// What `claims.json` must be, as the claim phase told it (SHA-256 in hex); it is not looked at
    /// otherwise.
    pub claims_sha256: Option<String>,
}

/// Why a tick ended early. What was published before stays; the next tick goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum TickError {
    /// A change could not be published.
    #[error(transparent)]
    Change(#[from] ChangeError<Infallible>),
    /// `fleet init` was not run.
    #[error("this repository has no fleet state on branch {branch}")]
    NotInitialised {
        /// The branch looked for.
        branch: String,
    },
    /// State cannot be read.
    #[error("failed to {0}")]
    Store(#[from] StoreError),
    /// The repository cannot serve.
    #[error("failed to {0}")]
    Repo(#[from] StateRepoError),
    /// The remote does not answer, so nothing can be claimed safely.
    #[error("failed to fetch the newest state: {cause}")]
    Unreachable {
        /// What git said.
        cause: String,
    },
    /// A task named by `--only` does not exist.
    #[error("no task {selector}")]
    NoSuchTask {
        /// As typed.
        selector: TaskSelector,
        /// What it may have meant.
        unresolved: Unresolved,
    },
    /// The disk under the workspaces takes nothing. What was claimed and not started is given back.
    #[error("{cause}")]
    Storage {
        /// What was tried, where, and what the system said.
        cause: String,
    },
    /// There is no base branch, and work that would start from it.
    #[error("nothing can be claimed: failed to {cause}")]
    NoBase {
        /// Which branch, and what to set or make.
        cause: String,
    },
    /// The hand-over directory cannot serve.
    #[error("failed to {0}")]
    Handover(#[from] HandoverError),
    /// Confinement is demanded, and nothing on this machine confines.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A hand-over document is missing or not what it should be.
    #[error("cannot use the hand-over document {name}: {cause}")]
    Document {
        /// Its name.
        name: String,
        /// Why.
        cause: String,
    },
}

/// Does one tick, or one phase of it.
///
/// # Errors
/// [`TickError`]; everything that was published before it stays.
pub fn tick(
    world: &World<'_>,
    options: &TickOptions,
    cancel: &Cancel,
    on: &mut dyn FnMut(TickEvent),
) -> Result<TickReport, TickError> {
    // Where nothing can run as it must, nothing is claimed. A claiming job runs nothing itself.
    if options.phase == Phase::All {
        world.runner.admits(world.policy.sandbox.mode)?;
    }
    match options.phase {
        Phase::All => drive::all(world, options, cancel, on),
        Phase::Claim => phases::claim(world, options, on),
        Phase::Run => phases::run(world, options, cancel, on),
        Phase::Publish => phases::publish(world, options, on),
    }
}
