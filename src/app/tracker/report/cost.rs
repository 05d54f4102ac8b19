//! Answers about money and tokens.

use serde::Serialize;

use crate::domain::money::{MicroUsd, Usage};
use crate::domain::time::Timestamp;

/// Answer of `cost` and `usage`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CostReport {
    /// What the rows are by: `day`, `agent`, `model`, `type`, `task`, `route` or `provider`.
    pub by: &'static str,
    /// Only what was booked from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The sums: days in their order, all else the dearest first.
    pub rows: Vec<CostRow>,
    /// The sum of all rows.
    pub sum: CostRow,
    /// Budgets that are set, as they stand now.
    pub budgets: Vec<BudgetRow>,
    /// Number of rows.
    pub total: usize,
    /// Never.
    pub has_more: bool,
}

/// A sum of sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CostRow {
    /// The day, agent, …; `-` where a session names none.
    pub key: String,
    /// Sessions.
    pub sessions: u32,
    /// Of these, how many nobody knows the cost of.
    pub unknown_sessions: u32,
    /// Money.
    pub cost_usd_micros: MicroUsd,
    /// Of that, what was not reported but reckoned.
    pub estimated_usd_micros: MicroUsd,
    /// Tokens; `reasoning` is a part of `output`.
    pub usage: Usage,
    /// All tokens.
    pub total_tokens: u64,
}

/// A budget as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BudgetRow {
    /// In words: `per day`, `of agent opus per day`.
    pub budget: String,
    /// The key that sets it.
    pub setting: String,
    /// Spent, and reserved by what runs.
    pub spent_usd_micros: MicroUsd,
    /// The most.
    pub cap_usd_micros: MicroUsd,
    /// When it starts anew; none if it does not.
    pub resets_at: Option<Timestamp>,
}

/// Answer of `route --stats`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteStats {
    /// By route and attempt.
    pub rows: Vec<RouteStat>,
    /// By route, all attempts.
    pub routes: Vec<RouteStat>,
    /// Number of rows.
    pub total: usize,
    /// Never.
    pub has_more: bool,
}

/// What became of the attempts of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteStat {
    /// Name of the route; `-` where none was recorded.
    pub route: String,
    /// Number of the attempt; none in the sum over all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Sessions.
    pub sessions: u32,
    /// Their work is in: merged, or handed over as a text.
    pub merged: u32,
    /// Another attempt had to work on theirs.
    pub reworked: u32,
    /// They came to nothing.
    pub dropped: u32,
    /// Not decided.
    pub open: u32,
    /// Money, all of them.
    pub cost_usd_micros: MicroUsd,
    /// Of that, what was not reported but reckoned.
    pub estimated_usd_micros: MicroUsd,
    /// Money per task that is in, dropped and reworked attempts included.
    pub cost_per_merged_usd_micros: Option<MicroUsd>,
}
