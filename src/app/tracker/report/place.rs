//! What the tracker answers about the place: set-up, health, synchronisation, routing.

use serde::Serialize;

use crate::app::tracker::report::{Delivery, Reason, TaskRow};
pub use crate::engine::score::Factor;

/// Answer of `sync`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// `none` or the remote's state.
    pub remote: &'static str,
    /// Records published now.
    pub records: usize,
    /// Tasks that got their number now.
    pub numbered: Vec<NumberedRow>,
    /// Delivery.
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// A task that got its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NumberedRow {
    pub handle: String,
    pub id: String,
    pub title: String,
}

/// Answer of `init`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InitReport {
    /// Branch that carries the state.
    pub branch: String,
    /// What was done, or was there already, in order.
    pub steps: Vec<InitStep>,
    /// What a person should be told besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// Delivery of the state branch.
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// One step of `init`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InitStep {
    /// What: a path or a branch.
    pub what: String,
    /// False if it was there already and was left as it is.
    pub created: bool,
    /// True if it was there as an older fleet wrote it, and was brought up to date.
    #[serde(skip_serializing_if = "is_false")]
    pub updated: bool,
    /// How a file that somebody edited differs from what fleet would write; it was left as it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl InitStep {
    /// A thing that was made now, or was there already.
    #[must_use]
    pub fn new(what: impl Into<String>, created: bool) -> Self {
        Self {
            what: what.into(),
            created,
            updated: false,
            differs: Vec::new(),
        }
    }
}

/// Answer of `route`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RouteReport {
    /// The task.
    pub task: TaskRow,
    /// Attempt that would be next.
    pub attempt: u32,
    /// Who would take it; none if nobody can now.
    pub taken_by: Option<RouteRow>,
    /// Candidates that cannot take it now.
    pub skipped: Vec<SkippedRow>,
    /// Why it would not start now, besides the candidates; empty if it would.
    pub waits_for: Vec<Reason>,
}

/// Who would take a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RouteRow {
    /// Agent.
    pub agent: String,
    /// Model asked for.
    pub model: Option<String>,
    /// Role.
    pub role: String,
    /// Position of the route in the configuration, from 1.
    pub route: Option<usize>,
    /// Sum of the points, in hundredths.
    pub score: u32,
    /// The parts of the score.
    pub factors: Vec<Factor>,
}

/// A candidate that cannot take it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedRow {
    /// Agent; empty if there is no candidate at all.
    pub agent: String,
    /// Why.
    pub reason: Reason,
}

/// Answer of `doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorReport {
    /// True if no finding is an error.
    pub healthy: bool,
    /// Facts: name and value.
    pub facts: Vec<(String, String)>,
    /// What was found.
    pub findings: Vec<DoctorFinding>,
    /// How many.
    pub total: usize,
    /// Never.
    pub has_more: bool,
    /// Delivery of repairs, with `--fix`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repairs: Option<Delivery>,
    /// Rules to import at the forge, so that the state's branch is neither deleted nor rewritten.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<RulesFile>,
}

/// A file to save and to import at the forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RulesFile {
    /// What to call it.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorFinding {
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// Stable name.
    pub code: &'static str,
    /// Where: `file:line`, a ref, a key.
    #[serde(rename = "where", skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// What is so.
    pub what: String,
    /// The next command.
    pub next: String,
}

/// Answer of `config check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigReport {
    /// The file, or that there is none and defaults hold.
    pub file: Option<String>,
    /// Agents by name.
    pub agents: Vec<String>,
    /// Number of routes.
    pub routes: usize,
    /// State branch.
    pub state_branch: String,
    /// Base branch.
    pub base_branch: String,
    /// Remarks that are no errors.
    pub warnings: Vec<String>,
}
