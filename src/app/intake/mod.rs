//! Intake: issues of the forge become tasks, and follow them.
//!
//! One look at the forge, one decision, one publish. An issue is known by its key, so that a lost
//! answer or a second machine never makes two tasks of it. What runs is what a human admitted: the
//! text as the page shows it (`engine::clean`), pinned by its hash, and only if somebody who may
//! write to the repository handed exactly that text over (`engine::intake`). A task's text follows its
//! issue; its admission does not.

mod answers;
mod follow;
mod look;
pub mod report;
pub(in crate::app) mod tell;
mod words;

use std::convert::Infallible;

use crate::app::context::Context;
use crate::app::intake::follow::{Change, Sort};
use crate::app::intake::look::Look;
use crate::app::intake::report::{IntakeReport, TakenIn};
use crate::app::publish::{self, ChangeError, Decision, How, Terms};
use crate::domain::policy::Policy;
use crate::domain::state::State;
use crate::domain::time::DurationMs;
use crate::ports::forge::ForgeError;
use crate::ports::state_repo::{Freshness, RemoteState, StateRepoError};
use crate::ports::tickets::Tickets;
use crate::store::{self, Checkpoint, Scope, StoreError};

/// What intake works with.
#[derive(Clone, Copy)]
pub struct Intake<'a> {
    /// State, time, identities.
    pub context: Context<'a>,
    /// What the owner decided.
    pub policy: &'a Policy,
    /// Where issues are.
    pub tickets: &'a dyn Tickets,
}

impl std::fmt::Debug for Intake<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

/// How it is done.
#[derive(Debug, Clone, Copy)]
pub struct IntakeOptions {
    /// Say what would be done, and write nothing.
    pub dry_run: bool,
    /// Most tasks that are added or changed, if fewer than configured.
    pub limit: Option<u32>,
    /// How fresh the state must be that is decided on.
    pub freshness: Freshness,
    /// How long publishing may take.
    pub publish_limit: DurationMs,
}

/// Why nothing was taken in.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The change could not be published.
    #[error(transparent)]
    Change(#[from] ChangeError<Infallible>),
    /// State cannot be read.
    #[error("failed to {0}")]
    Store(#[from] StoreError),
    /// The repository cannot serve.
    #[error("failed to {0}")]
    Repo(#[from] StateRepoError),
    /// The remote does not answer, so that nobody knows what is there already.
    #[error("failed to fetch the newest state: {cause}")]
    Unreachable {
        /// What git said.
        cause: String,
    },
    /// `fleet init` was not run.
    #[error("this repository has no fleet state on branch {branch}")]
    NotInitialised {
        /// The branch looked for.
        branch: String,
    },
    /// The forge refuses; a sentence with the setting to change.
    #[error("{0}")]
    ForgeDenied(String),
    /// The forge limits, or does not answer: it may do so later.
    #[error("{0}")]
    ForgeLater(String),
    /// There is no forge with issues.
    #[error("the configured forge has no issues (forge.kind = \"local\")")]
    NoTickets,
}

impl From<ForgeError> for IntakeError {
    fn from(error: ForgeError) -> Self {
        match error {
            ForgeError::Denied { .. } => Self::ForgeDenied(error.to_string()),
            ForgeError::RateLimited { .. } | ForgeError::Unreachable { .. } => {
                Self::ForgeLater(error.to_string())
            }
        }
    }
}

/// Takes issues in.
///
/// # Errors
/// [`IntakeError`]; nothing was written then, and the next run ends right.
pub fn take_in(intake: &Intake<'_>, options: IntakeOptions) -> Result<IntakeReport, IntakeError> {
    let view = intake.context.repo.view(options.freshness)?;
    if let RemoteState::Unreachable { cause } = &view.remote
        && matches!(options.freshness, Freshness::Fetch(_))
    {
        let cause = cause.clone();
        return Err(IntakeError::Unreachable { cause });
    }
    if view.tip.is_none() && view.unpublished.is_none() {
        let branch = intake.policy.state.branch.clone();
        return Err(IntakeError::NotInitialised { branch });
    }
    let loaded = intake.context.load(&view, Scope::Live)?;
    let configured = intake.policy.intake.limit;
    let limit = options.limit.unwrap_or(configured).min(configured) as usize;
    let mut look = look::at(intake, &loaded.state, limit)?;
    let keys: Vec<&str> = look.unknown_keys(&loaded.state).collect();
    look.archived = store::known_keys(&view, &keys)?;
    if options.dry_run {
        let changes = follow::decide(&loaded.state, &look, limit);
        return Ok(report(&loaded.state, &look, changes, true));
    }
    let terms = Terms {
        scope: Scope::Live,
        freshness: Freshness::Local,
        how: How::Must(options.publish_limit),
        checkpoint: Checkpoint::IfGrown,
    };
    let changed = publish::change(intake.context, &terms, |loaded, minter| {
        let mut changes = follow::decide(&loaded.state, &look, limit);
        for change in &mut changes.list {
            change.mint(minter);
        }
        changes.answer(&loaded.state, intake.policy, &look, minter);
        if minter.records().is_empty() {
            return Ok::<_, Infallible>(Decision::Nothing(changes));
        }
        let count = changes.list.iter().filter(|change| change.writes()).count();
        let subject = match count {
            0 => "take answers in".to_owned(),
            1 => "take in 1 issue".to_owned(),
            _ => format!("take in {count} issues"),
        };
        Ok(Decision::write(changes, subject))
    })?;
    Ok(report(&changed.state, &look, changed.value, false))
}

fn report(state: &State, look: &Look, changes: follow::Changes, dry_run: bool) -> IntakeReport {
    let mut report = IntakeReport {
        later: changes.later,
        unchanged: changes.unchanged,
        notes: look.notes.clone(),
        dry_run,
        ..IntakeReport::default()
    };
    for change in &changes.list {
        let row = row(state, change);
        match change.sort {
            Sort::Created => report.created.push(row),
            Sort::Updated => report.updated.push(row),
            Sort::Closed => report.closed.push(row),
            Sort::Waits => {}
        }
    }
    for (task, what) in &changes.answered {
        report
            .answered
            .push(format!("{}: {what}", state.name_of(*task)));
    }
    for change in changes.list.iter().filter(|change| change.waits.is_some()) {
        let mut row = row(state, change);
        let why = change.waits.unwrap_or_default();
        row.what = format!("{why}; after reading it, {}", how_to_admit(look, &row.task));
        report.waiting.push(row);
    }
    report
}

/// What a human does to let a task go on.
fn how_to_admit(look: &Look, task: &str) -> String {
    if look.ages_are_told {
        format!(
            "put the label `{}` on again, say `/fleet admit` there, or run `fleet admit {task}`",
            look.label
        )
    } else {
        format!("run `fleet admit {task}`: this forge does not tell when a text was edited")
    }
}

fn row(state: &State, change: &Change) -> TakenIn {
    TakenIn {
        task: change
            .task
            .map_or_else(|| "(new)".to_owned(), |uid| state.name_of(uid).to_string()),
        reference: change.reference.clone(),
        url: change.url.clone(),
        title: change.title.clone(),
        what: change.what.clone(),
    }
}
