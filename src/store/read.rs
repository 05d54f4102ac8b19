//! Reading: checkpoint + tail → state.

use crate::domain::ids::TaskSelector;
use crate::domain::state::State;
use crate::ports::state_repo::StateView;
use crate::store::error::StoreError;
use crate::store::layout::{FORMAT, Format};
use crate::store::log::{Tail, read_all};
use crate::store::problem::{Problem, ProblemKind};

/// How much of the state is wanted. More is always allowed to come back; see `Loaded::scope`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Greatest number, clock, and what the checkpoint does not cover yet: enough to add a task
    /// without a key.
    Header,
    /// These tasks with their edges, sessions, locks, reviews, escalations and findings, complete;
    /// all else is there only in part.
    Tasks(Vec<TaskSelector>),
    /// Everything but archived work.
    Live,
    /// Everything.
    All,
}

/// State as read from a view.
#[derive(Debug)]
pub struct Loaded {
    /// The fold.
    pub state: State,
    /// What is wrong with the bytes. Damaged lines are kept and were not read.
    pub problems: Vec<Problem>,
    /// What was read: at least what was asked for. Absence proves something only within it.
    pub scope: Scope,
    /// The version file; none while there is no state.
    pub(crate) format: Option<Format>,
    /// What was read from the log.
    pub(crate) tail: Tail,
}

impl Loaded {
    /// How many records the checkpoint did not cover.
    #[must_use]
    pub fn tail_records(&self) -> usize {
        self.tail.held.len()
    }

    /// Whether a write may be made on this reading.
    ///
    /// # Errors
    /// The state is in a newer format, or a file of it cannot be read.
    pub fn writable(&self) -> Result<(), StoreError> {
        if let Some(format) = self.format.filter(|f| f.format > FORMAT) {
            return Err(StoreError::NewerFormat {
                format: format.format,
            });
        }
        match self
            .problems
            .iter()
            .find(|p| p.what == ProblemKind::Unreadable)
        {
            Some(problem) => Err(StoreError::Unreadable {
                path: problem.path.clone(),
                cause: problem.excerpt.clone(),
            }),
            None => Ok(()),
        }
    }
}

/// Reads a view: the published tree and, if there are any, unpublished local records.
///
/// # Errors
/// The storage cannot be read, or the format is too new to read. Damage is no error: it is in
/// [`Loaded::problems`], and the rest is read.
pub fn load(view: &StateView, scope: Scope) -> Result<Loaded, StoreError> {
    let format = Format::read(&*view.tree)?;
    let tail = read_all(view)?;
    let _ = scope;
    let state = State::fold(tail.records());
    let mut problems = tail.problems.clone();
    problems.sort();
    problems.dedup();
    Ok(Loaded {
        state,
        problems,
        scope: Scope::All,
        format,
        tail,
    })
}
