//! Money and tokens as tables.

use crate::app::tracker::report::{BudgetRow, CostReport, CostRow, RouteStat, RouteStats};
use crate::cli::render::page::{Cell, Page, Tone, cell};
use crate::domain::money::MicroUsd;

/// Before an amount that was not reported in full.
const RECKONED: &str = "~";
/// After an amount that lacks sessions whose cost nobody knows.
const LACKS: &str = "+?";

/// Money by what was asked for, and the budgets.
pub fn cost(report: &CostReport, page: &mut Page) {
    if report.rows.is_empty() {
        page.line("nothing was spent");
    } else {
        let mut rows = vec![head(&[report.by, "sessions", "cost", "tokens"])];
        for row in report.rows.iter().chain([&report.sum]) {
            rows.push(vec![
                key(row),
                cell(row.sessions.to_string(), Tone::Plain),
                cell(money(row), Tone::Plain),
                cell(thousands(row.total_tokens), Tone::Dim),
            ]);
        }
        page.table(0, &rows);
    }
    budgets(&report.budgets, page);
    legend(report, page);
}

/// Tokens by what was asked for.
pub fn usage(report: &CostReport, page: &mut Page) {
    if report.rows.is_empty() {
        page.line("no tokens were used");
        return;
    }
    let names = [
        report.by,
        "sessions",
        "input",
        "cached",
        "cache write",
        "output",
        "(reasoning)",
        "total",
    ];
    let mut rows = vec![head(&names)];
    for row in report.rows.iter().chain([&report.sum]) {
        let mut cells = vec![key(row), cell(row.sessions.to_string(), Tone::Plain)];
        let used = &row.usage;
        let tokens = [
            used.input,
            used.cache_read,
            used.cache_write,
            used.output,
            used.reasoning,
            row.total_tokens,
        ];
        cells.extend(tokens.map(|n| cell(thousands(n), Tone::Plain)));
        rows.push(cells);
    }
    page.table(0, &rows);
    if report.sum.usage.reasoning > 0 {
        page.gap();
        page.line("reasoning is a part of output");
    }
}

/// What routes are worth.
pub fn route_stats(report: &RouteStats, page: &mut Page) {
    if report.rows.is_empty() {
        page.line("no attempt was made yet");
        return;
    }
    let names = [
        "route",
        "attempt",
        "sessions",
        "merged",
        "reworked",
        "dropped",
        "open",
        "cost",
        "per merged task",
    ];
    let mut rows = vec![head(&names)];
    let mut reckoned = false;
    for all in &report.routes {
        let mine: Vec<&RouteStat> = report
            .rows
            .iter()
            .filter(|r| r.route == all.route)
            .collect();
        // A sum of one row says nothing new.
        let sum = (mine.len() > 1).then_some(all);
        for row in mine.into_iter().chain(sum) {
            reckoned |= row.estimated_usd_micros > MicroUsd(0);
            rows.push(stat(row));
        }
    }
    page.table(0, &rows);
    page.gap();
    page.line("merged: the work is in; reworked: another attempt had to work on it; dropped: it came to nothing");
    if reckoned {
        page.line(RECKONED_MEANS);
    }
}

fn stat(row: &RouteStat) -> Vec<Cell> {
    let attempt = row.attempt.map_or("all".to_owned(), |n| n.to_string());
    let mark = mark(row.estimated_usd_micros);
    let per = row.cost_per_merged_usd_micros;
    let counts = [
        row.sessions,
        row.merged,
        row.reworked,
        row.dropped,
        row.open,
    ];
    let mut cells = vec![cell(&row.route, Tone::Id), cell(attempt, Tone::Plain)];
    cells.extend(counts.map(|n| cell(n.to_string(), Tone::Plain)));
    cells.push(cell(format!("{mark}{}", row.cost_usd_micros), Tone::Plain));
    let per = per.map_or("-".to_owned(), |per| format!("{mark}{per}"));
    cells.push(cell(per, Tone::Strong));
    cells
}

fn head(names: &[&str]) -> Vec<Cell> {
    names.iter().map(|name| cell(name, Tone::Dim)).collect()
}

fn key(row: &CostRow) -> Cell {
    cell(&row.key, Tone::Id)
}

fn mark(estimated: MicroUsd) -> &'static str {
    if estimated > MicroUsd(0) {
        RECKONED
    } else {
        ""
    }
}

fn money(row: &CostRow) -> String {
    let lacks = if row.unknown_sessions > 0 { LACKS } else { "" };
    format!(
        "{}{}{lacks}",
        mark(row.estimated_usd_micros),
        row.cost_usd_micros
    )
}

const RECKONED_MEANS: &str =
    "~ reckoned in part, not reported: by tokens and the price table, or the agent's cost_estimate";

fn legend(report: &CostReport, page: &mut Page) {
    let sum = &report.sum;
    if sum.estimated_usd_micros > MicroUsd(0) || sum.unknown_sessions > 0 {
        page.gap();
    }
    if sum.estimated_usd_micros > MicroUsd(0) {
        let of = format!("{} of {}", sum.estimated_usd_micros, sum.cost_usd_micros);
        page.line(format!("{RECKONED_MEANS} ({of})"));
    }
    if sum.unknown_sessions > 0 {
        page.line(format!(
            "+? and {} sessions of which nobody knows the cost",
            sum.unknown_sessions
        ));
    }
}

fn budgets(budgets: &[BudgetRow], page: &mut Page) {
    if budgets.is_empty() {
        return;
    }
    page.gap();
    page.heading("Budgets");
    let rows: Vec<_> = budgets
        .iter()
        .map(|row| {
            let full = row.spent_usd_micros >= row.cap_usd_micros;
            let tone = if full { Tone::Bad } else { Tone::Plain };
            let of = format!("{} of {}", row.spent_usd_micros, row.cap_usd_micros);
            let resets = row
                .resets_at
                .map_or(String::new(), |at| format!("starts anew {at}"));
            vec![
                cell(&row.budget, Tone::Plain),
                cell(of, tone),
                cell(resets, Tone::Dim),
            ]
        })
        .collect();
    page.table(2, &rows);
}

/// `1,234,567`.
fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(thousands(n), text);
        }
    }
}
