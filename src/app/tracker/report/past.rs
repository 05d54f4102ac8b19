//! Answers about what was recorded: undoing it, and watching it.

use serde::Serialize;

use crate::app::tracker::report::Delivery;
use crate::domain::time::Timestamp;

/// A record that was taken back, or left alone for the reason in `note`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct UndoneRow {
    pub task: Option<String>,
    pub op: String,
    pub record: String,
    pub changed: bool,
    pub note: String,
}

/// Answer of `undo`, latest record first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UndoReport {
    /// The command that was taken back: what its records bear as `run`.
    pub run: String,
    /// When it recorded first.
    pub at: Timestamp,
    /// Its records.
    pub undone: Vec<UndoneRow>,
    /// How many.
    pub total: usize,
    /// Never.
    pub has_more: bool,
    /// Whether it is published.
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// A change that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct WatchRow {
    pub at: Timestamp,
    pub by: String,
    pub op: String,
    pub task: Option<String>,
    pub title: Option<String>,
    pub what: String,
    pub record: String,
}
