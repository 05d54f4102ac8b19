//! How far the loop of reviews goes by itself.

use crate::domain::money::MicroUsd;

/// Bounds of the loop between reviewers and agents. With `retry` and `budget` they see to it that
/// nothing in it goes on for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewPolicy {
    /// Attempts to mend failing checks, in a row, before a human must decide.
    pub max_check_repairs: u32,
    /// Comments of fleet on one task's reviews.
    pub max_comments: u32,
    /// How far a comment may raise what a task may cost; `None` = not at all.
    pub max_task_budget: Option<MicroUsd>,
}

impl Default for ReviewPolicy {
    fn default() -> Self {
        Self {
            max_check_repairs: 1,
            max_comments: 30,
            max_task_budget: None,
        }
    }
}
