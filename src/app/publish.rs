//! The publish protocol: fetch → fold → decide → append → commit → push, and again when lost.

mod line;
mod numbers;

use std::collections::BTreeMap;

use crate::app::context::{Context, Minter};
use crate::domain::ids::{Oid, TaskNumber, TaskUid};
use crate::domain::record::Record;
use crate::domain::state::State;
use crate::domain::time::DurationMs;
use crate::ports::state_repo::{
    Freshness, Proposal, PublishOutcome, Published, Reach, RefChange, RemoteState, StateRepoError,
    StateView,
};
use crate::store::{self, Checkpoint, Loaded, Scope, StoreError, Write};

/// Most times that one change is decided anew.
const MAX_TRIES: u32 = 24;

/// How a change is to be published.
#[derive(Debug, Clone)]
pub struct Terms {
    /// How much state the decision reads.
    pub scope: Scope,
    /// How fresh the first view must be.
    pub freshness: Freshness,
    /// How far it goes.
    pub how: How,
    /// Whether the checkpoint is rewritten with it.
    pub checkpoint: Checkpoint,
}

/// How far a change goes (`sync.push`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// To the remote if there is one and it answers in time, else kept locally.
    Prefer(DurationMs),
    /// To the remote if there is one, or fail.
    Must(DurationMs),
    /// Kept locally while there is a remote.
    Local,
}

impl How {
    const fn reach(self) -> Reach {
        match self {
            Self::Prefer(limit) | Self::Must(limit) => Reach::Remote(limit),
            Self::Local => Reach::LocalOnly,
        }
    }
}

/// What a decision came to.
#[derive(Debug)]
pub enum Decision<T> {
    /// Nothing is to be written.
    Nothing(T),
    /// The minted records are to be published.
    Write {
        /// What the caller gets.
        value: T,
        /// First line of the commit message.
        subject: String,
        /// Refs that move in the same atomic push.
        refs: Vec<RefChange>,
    },
}

impl<T> Decision<T> {
    /// Publish the minted records under `subject`.
    pub fn write(value: T, subject: impl Into<String>) -> Self {
        Self::Write {
            value,
            subject: subject.into(),
            refs: Vec::new(),
        }
    }
}

/// A change that was made, or found to be needless.
#[derive(Debug)]
pub struct Changed<T> {
    /// What the decision gave.
    pub value: T,
    /// The state after it (as far as the scope reaches).
    pub state: State,
    /// Proof of the publish; `None` if nothing was written.
    pub published: Option<Published>,
    /// Numbers granted by this publish.
    pub granted: BTreeMap<TaskUid, TaskNumber>,
    /// Why it is kept locally only, if it is: what the remote, or the lack of an answer, said.
    pub kept_locally: Option<String>,
    /// Times the decision was made.
    pub tries: u32,
}

/// Why a change could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<E> {
    /// The decision itself refused.
    #[error(transparent)]
    Refused(E),
    /// State cannot be read or written by this build.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The repository cannot serve.
    #[error("failed to {0}")]
    Repo(#[from] StateRepoError),
    /// Others were first, every time.
    #[error("failed to publish the change: {tries} tries were overtaken by others; last: {cause}")]
    Lost {
        /// Tries made.
        tries: u32,
        /// What git said last.
        cause: String,
    },
    /// The remote refuses.
    #[error("failed to publish the change: the remote refuses: {cause}")]
    Denied {
        /// What git said.
        cause: String,
        /// As in [`PublishOutcome::Denied`].
        by_rule: bool,
    },
    /// The remote does not answer.
    #[error("failed to publish the change: the remote does not answer: {cause}")]
    Unreachable {
        /// What git said.
        cause: String,
    },
}

/// One proposal's fate, as far as the loop is concerned.
enum Step {
    Done(Published),
    Again(String),
    Keep(String),
}

impl Step {
    /// A remote that is too busy is as one that does not answer, for who may do without: what lost
    /// every race is kept here, for which there are as many tries again.
    fn or_keep(self, how: How, tries: u32, most: &mut u32) -> Self {
        match self {
            Self::Again(_) if tries >= *most && matches!(how, How::Prefer(_)) => {
                *most += MAX_TRIES;
                Self::Keep(format!("other writers were faster {tries} times"))
            }
            other => other,
        }
    }
}

/// Makes a change: decides on the newest state, publishes, and decides again when others were
/// first. The decision must be repeatable: it is called once per try with a fresh state.
///
/// # Errors
/// [`ChangeError`]; nothing was published then.
pub fn change<T, E>(
    context: Context<'_>,
    terms: &Terms,
    mut decide: impl FnMut(&Loaded, &mut Minter<'_>) -> Result<Decision<T>, E>,
) -> Result<Changed<T>, ChangeError<E>> {
    let mut minter = Minter::new(context);
    let mut line = line::Line::join(context, terms)?;
    let mut view = answered(context.repo.view(terms.freshness)?, terms.how)?;
    let mut how = terms.how;
    let mut kept = None;
    let (mut tries, mut most) = (0, MAX_TRIES);
    loop {
        tries += 1;
        let loaded = context.load(&view, terms.scope.clone())?;
        minter.restart(loaded.state.clock);
        let (value, subject, refs) =
            match decide(&loaded, &mut minter).map_err(ChangeError::Refused)? {
                Decision::Nothing(value) => {
                    return Ok(Changed {
                        value,
                        state: loaded.state,
                        published: None,
                        granted: BTreeMap::new(),
                        kept_locally: kept,
                        tries,
                    });
                }
                Decision::Write {
                    value,
                    subject,
                    refs,
                } => (value, subject, refs),
            };
        loaded.writable()?;
        let settles = settles(&view, how);
        let granted = if settles || planted!("number-before-publish") {
            numbers::grant(&loaded.state, &mut minter)
        } else {
            BTreeMap::new()
        };
        let proposal = propose(
            context,
            &view,
            &loaded,
            &minter,
            terms,
            (how, subject, refs),
        )?;
        let step = step(context.repo.publish(&proposal)?, how, view.tip.as_ref());
        match step?.or_keep(how, tries, &mut most) {
            Step::Done(published) => {
                return Ok(Changed {
                    value,
                    state: applied(loaded.state, minter.records()),
                    published: Some(published),
                    granted,
                    kept_locally: kept,
                    tries,
                });
            }
            Step::Again(cause) if tries >= most => {
                return Err(ChangeError::Lost { tries, cause });
            }
            Step::Again(_) => {
                line.overtaken(context, how, tries)?;
                view = newest(context, &view, how)?;
            }
            Step::Keep(cause) => {
                kept = Some(cause);
                // The push may have arrived after all: the same records, to the byte, so that the
                // copy kept here and the one there are one when they meet.
                minter.freeze();
                how = How::Local;
                view = context.repo.view(Freshness::Local)?;
            }
        }
    }
}

/// Settling means that the publish makes everything here part of the shared state: it goes to the
/// remote, or there is none.
fn settles(view: &StateView, how: How) -> bool {
    view.remote == RemoteState::None || how != How::Local
}

fn applied(mut state: State, records: &[Record]) -> State {
    for record in records {
        state.apply(record);
    }
    state
}

fn propose(
    context: Context<'_>,
    view: &StateView,
    loaded: &Loaded,
    minter: &Minter<'_>,
    terms: &Terms,
    (how, subject, refs): (How, String, Vec<RefChange>),
) -> Result<Proposal, ProposeError> {
    let settle = settles(view, how);
    let writer = context.repo.writer()?;
    let files = store::plan_write(
        view,
        loaded,
        &Write {
            writer: &writer,
            now: minter.now(),
            records: minter.records(),
            settle,
            // A checkpoint is only ever part of shared history, so that two clones that worked
            // apart differ in their segments alone and merge without conflict.
            checkpoint: if settle {
                terms.checkpoint
            } else {
                Checkpoint::Never
            },
        },
    )?;
    Ok(Proposal {
        based_on: view.tip.clone(),
        unpublished: view.unpublished_tip.clone(),
        files,
        refs,
        subject,
        nonce: minter.nonce(),
        reach: how.reach(),
        settles_unpublished: settle,
    })
}

/// Why a proposal could not be put together.
enum ProposeError {
    Store(StoreError),
    Repo(StateRepoError),
}

impl From<StoreError> for ProposeError {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl From<StateRepoError> for ProposeError {
    fn from(e: StateRepoError) -> Self {
        Self::Repo(e)
    }
}

impl<E> From<ProposeError> for ChangeError<E> {
    fn from(e: ProposeError) -> Self {
        match e {
            ProposeError::Store(e) => Self::Store(e),
            ProposeError::Repo(e) => Self::Repo(e),
        }
    }
}

fn step<E>(outcome: PublishOutcome, how: How, base: Option<&Oid>) -> Result<Step, ChangeError<E>> {
    let prefers = matches!(how, How::Prefer(_));
    match outcome {
        PublishOutcome::Published(published) => Ok(Step::Done(published)),
        PublishOutcome::Lost { cause } => Ok(match base {
            Some(tip) if planted!("lost-is-won") => Step::Done(Published {
                tip: tip.clone(),
                settled: true,
            }),
            _ => Step::Again(cause),
        }),
        PublishOutcome::Unreachable { cause } if planted!("unreachable-is-lost") => {
            Ok(Step::Again(cause))
        }
        PublishOutcome::Denied { cause, .. } | PublishOutcome::Unreachable { cause } if prefers => {
            Ok(Step::Keep(cause))
        }
        PublishOutcome::Denied { cause, by_rule } => Err(ChangeError::Denied { cause, by_rule }),
        PublishOutcome::Unreachable { cause } => Err(ChangeError::Unreachable { cause }),
    }
}

/// The view after a lost publish: what the winner left.
fn newest<E>(context: Context<'_>, old: &StateView, how: How) -> Result<StateView, ChangeError<E>> {
    let limit = match (&old.remote, how) {
        (RemoteState::None, _) | (_, How::Local) => {
            return Ok(context.repo.view(Freshness::Local)?);
        }
        (_, How::Prefer(limit) | How::Must(limit)) => limit,
    };
    answered(context.repo.view(Freshness::Fetch(limit))?, how)
}

/// What must reach the remote is not decided on what was once fetched from it, if it was asked: the
/// decision may be that nothing is to be written, and then nothing would be pushed that could fail.
fn answered<E>(view: StateView, how: How) -> Result<StateView, ChangeError<E>> {
    match (&view.remote, how) {
        (RemoteState::Unreachable { cause }, How::Must(_)) => Err(ChangeError::Unreachable {
            cause: cause.clone(),
        }),
        _ => Ok(view),
    }
}
