//! What a reading is asked for, and what it gives.

use crate::domain::ids::TaskSelector;
use crate::domain::state::State;
use crate::store::checkpoint::{Header, Luggage};
use crate::store::error::StoreError;
use crate::store::layout::{FORMAT, Format};
use crate::store::log::Tail;
use crate::store::problem::{Problem, ProblemKind};
use crate::store::snapshot::Bodies;

/// How much of the state is wanted. More may come back; see [`Loaded::scope`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Greatest number, clock, and what the checkpoint does not cover yet: enough to add a task
    /// without a key.
    Header,
    /// These tasks with their outgoing edges, sessions, locks, reviews, escalations and findings,
    /// archived or not; all else is there only in part.
    Tasks(Vec<TaskSelector>),
    /// The same without edges.
    WithoutEdges(Vec<TaskSelector>),
    /// The task that has this idempotency key, archived or not, if there is one; and the tasks
    /// named besides, as with [`Scope::Tasks`].
    Key(String, Vec<TaskSelector>),
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
    /// What was read of each task: at least what was asked for.
    pub bodies: Bodies,
    /// The version file; none while there is no state.
    pub(crate) format: Option<Format>,
    /// The checkpoint's header; none if there is none, or it is damaged.
    pub(crate) header: Option<Header>,
    /// True if a newer fleet made the checkpoint: its rows may say what this build would drop.
    pub(crate) newer_checkpoint: bool,
    /// What the checkpoint remembers beside the state.
    pub(crate) luggage: Luggage,
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
