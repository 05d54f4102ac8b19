//! What was spent, what budgets are left, and what routes are worth.

use std::collections::BTreeMap;

use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::report::{BudgetRow, CostReport, CostRow, RouteStat, RouteStats};
use crate::app::tracker::request::When;
use crate::engine::budget::{Account, Ledger};
pub use crate::engine::spend::By;
use crate::engine::spend::{self, RouteSum, Sum};
use crate::store::Scope;

/// What sums can be made by, with their names.
pub const BY: [(&str, By); 7] = [
    ("day", By::Day),
    ("agent", By::Agent),
    ("model", By::Model),
    ("type", By::Type),
    ("task", By::Task),
    ("route", By::Route),
    ("provider", By::Provider),
];

/// Sums of money and tokens over all sessions, archived work included.
///
/// # Errors
/// Unreadable state.
pub fn cost(desk: Desk<'_>, by: By, since: Option<When>) -> Result<CostReport, TrackerError> {
    let reading = desk.glance(Scope::All)?;
    let state = &reading.loaded.state;
    let now = desk.now();
    let since = since.map(|since| since.back(desk.context.clock));
    let (sums, sum) = spend::sums(state, by, since, None, now);
    let mut rows: Vec<CostRow> = sums.into_iter().map(|(key, sum)| row(key, sum)).collect();
    if by != By::Day {
        // The rows are in the order of their keys, which decides among equals.
        rows.sort_by_key(|row| (std::cmp::Reverse(row.cost_usd_micros), !row.total_tokens));
    }
    let ledger = Ledger::of(state, desk.policy, now);
    Ok(CostReport {
        by: BY
            .iter()
            .find(|(_, one)| *one == by)
            .map_or("day", |(name, _)| name),
        since,
        total: rows.len(),
        rows,
        sum: row("total".to_owned(), sum),
        budgets: budgets(&ledger),
        has_more: false,
    })
}

fn row(key: String, sum: Sum) -> CostRow {
    CostRow {
        key,
        sessions: sum.sessions,
        unknown_sessions: sum.unknown,
        cost_usd_micros: sum.cost,
        estimated_usd_micros: sum.estimated,
        usage: sum.usage,
        total_tokens: sum.usage.total(),
    }
}

/// The budgets that are not of one task or session.
fn budgets(ledger: &Ledger) -> Vec<BudgetRow> {
    ledger
        .standings()
        .filter(|(standing, _)| {
            !matches!(
                standing.account,
                Account::Task(_) | Account::Workflow(_) | Account::Session
            )
        })
        .map(|(standing, spent)| BudgetRow {
            budget: standing.account.to_string(),
            setting: standing.account.setting(),
            spent_usd_micros: spent,
            cap_usd_micros: standing.cap,
            resets_at: standing.account.is_daily().then(|| ledger.tomorrow()),
        })
        .collect()
}

/// What became of the attempts of every route, and what a merged task costs by it.
///
/// # Errors
/// Unreadable state.
pub fn route_stats(desk: Desk<'_>) -> Result<RouteStats, TrackerError> {
    let reading = desk.glance(Scope::All)?;
    let state = &reading.loaded.state;
    let by_attempt = spend::by_route(state, &state.index());
    let mut routes: BTreeMap<String, RouteSum> = BTreeMap::new();
    for ((route, _), sum) in &by_attempt {
        let all = routes.entry(route.clone()).or_default();
        *all = all.plus(*sum);
    }
    let rows: Vec<RouteStat> = by_attempt
        .into_iter()
        .map(|((route, attempt), sum)| stat(route, Some(attempt), sum))
        .collect();
    Ok(RouteStats {
        total: rows.len(),
        rows,
        routes: routes
            .into_iter()
            .map(|(route, sum)| stat(route, None, sum))
            .collect(),
        has_more: false,
    })
}

fn stat(route: String, attempt: Option<u32>, sum: RouteSum) -> RouteStat {
    RouteStat {
        route,
        attempt,
        sessions: sum.sum.sessions,
        merged: sum.merged,
        reworked: sum.reworked,
        dropped: sum.dropped,
        open: sum.open,
        cost_usd_micros: sum.sum.cost,
        estimated_usd_micros: sum.sum.estimated,
        cost_per_merged_usd_micros: sum.cost_per_merged(),
    }
}
