//! What intake did, for people and programs.

use serde::Serialize;

/// One issue and its task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TakenIn {
    /// `T-7`, or a handle where nothing was published.
    pub task: String,
    /// `forge:owner/repo#12`.
    pub reference: String,
    /// Where a human looks.
    pub url: String,
    /// One line.
    pub title: String,
    /// What was done, or what it waits for.
    pub what: String,
}

/// The end of an intake.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct IntakeReport {
    /// Tasks that are new.
    pub created: Vec<TakenIn>,
    /// Tasks whose text, type, priority, labels or admission changed.
    pub updated: Vec<TakenIn>,
    /// Tasks that were closed because their issue was.
    pub closed: Vec<TakenIn>,
    /// Open tasks of open issues whose text nobody has admitted.
    pub waiting: Vec<TakenIn>,
    /// Answers to questions, in words.
    pub answered: Vec<String>,
    /// How many were as they are.
    pub unchanged: usize,
    /// How many are left to the next run (`intake.limit`).
    pub later: usize,
    /// Things that a human should know.
    pub notes: Vec<String>,
    /// True if nothing was written.
    pub dry_run: bool,
}

impl IntakeReport {
    /// True if there is nothing to tell.
    #[must_use]
    pub const fn is_quiet(&self) -> bool {
        self.created.is_empty()
            && self.updated.is_empty()
            && self.closed.is_empty()
            && self.answered.is_empty()
            && self.later == 0
    }
}
