//! What was found, counted and judged.

use crate::app::tracker::report::{
    ChangelogReport, CountReport, DuplicateReport, LintReport, MergeReport, OrphanReport,
    SavedChange, SavedList, SearchReport, StaleReport, StatsReport,
};
use crate::cli::render::human::dry;
use crate::cli::render::human::tasks::columns;
use crate::cli::render::human::tracking::effort;
use crate::cli::render::page::{Page, Tone, cell};

/// What a search found.
pub fn search(report: &SearchReport, page: &mut Page) {
    for hit in &report.hits {
        page.table(0, &[columns(&hit.task, true)]);
        if let Some(excerpt) = &hit.excerpt {
            page.table(4, &[vec![cell(excerpt, Tone::Dim)]]);
        }
    }
}

/// Saved queries.
pub fn saved(list: &SavedList, page: &mut Page) {
    let rows: Vec<_> = list
        .queries
        .iter()
        .map(|row| {
            vec![
                cell(format!("@{}", row.name), Tone::Id),
                cell(&row.query, Tone::Plain),
            ]
        })
        .collect();
    page.table(0, &rows);
}

/// A query that was saved or taken away.
pub fn saved_change(report: &SavedChange, page: &mut Page) {
    let what = match (&report.query, report.changed) {
        (_, false) => "unchanged",
        (Some(_), true) => "saved",
        (None, true) => "removed",
    };
    page.table(
        0,
        &[vec![
            cell(format!("@{}", report.name), Tone::Id),
            cell(what, Tone::Good),
            cell(report.query.as_deref().unwrap_or(""), Tone::Plain),
        ]],
    );
    dry(&report.delivery, page);
}

/// Counts.
pub fn count(report: &CountReport, page: &mut Page) {
    let rows: Vec<_> = report
        .rows
        .iter()
        .map(|row| {
            vec![
                cell(format!("{:>6}", row.count), Tone::Strong),
                cell(&row.value, Tone::Plain),
            ]
        })
        .collect();
    page.table(0, &rows);
}

/// Sums.
pub fn stats(report: &StatsReport, page: &mut Page) {
    let list = |counts: Vec<(String, usize)>| {
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        let parts: Vec<_> = counts
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        parts.join(", ")
    };
    let phases = report.phases.iter();
    let phases = phases.map(|(name, count)| (name.replace('_', " "), *count));
    let owned = |(name, count): (&String, &usize)| (name.clone(), *count);
    let days = report
        .lead_time_median_ms
        .map_or_else(String::new, |ms| format!("{} h", ms / 3_600_000));
    let some = |count: usize| {
        if count == 0 {
            String::new()
        } else {
            count.to_string()
        }
    };
    page.pairs(&[
        ("tasks", report.total.to_string()),
        ("open", report.open.to_string()),
        ("closed", report.closed.to_string()),
        ("phases", list(phases.collect())),
        ("open types", list(report.types.iter().map(owned).collect())),
        (
            "open priorities",
            list(report.priorities.iter().map(owned).collect()),
        ),
        ("overdue", some(report.overdue)),
        ("unassigned", some(report.unassigned)),
        ("estimated", effort(report.estimate_open_minutes)),
        (
            "last 7 days",
            format!(
                "{} added, {} closed",
                report.added_last_7_days, report.closed_last_7_days
            ),
        ),
        ("median lead time", days),
    ]);
}

/// What nobody touched.
pub fn stale(report: &StaleReport, page: &mut Page) {
    let rows: Vec<_> = report
        .tasks
        .iter()
        .map(|row| {
            let mut cells = vec![cell(format!("{} days", row.idle_days), Tone::Warn)];
            cells.extend(columns(&row.task, true));
            cells
        })
        .collect();
    page.table(0, &rows);
}

/// What is odd.
pub fn lint(report: &LintReport, page: &mut Page) {
    let mut last = "";
    for row in &report.rows {
        if row.id != last {
            page.table(
                0,
                &[vec![cell(&row.id, Tone::Id), cell(&row.title, Tone::Plain)]],
            );
            last = &row.id;
        }
        page.table(
            4,
            &[vec![
                cell(format!("{}:", row.code), Tone::Warn),
                cell(format!("{}; {}", row.what, row.hint), Tone::Plain),
            ]],
        );
    }
}

/// What was forgotten.
pub fn orphans(report: &OrphanReport, page: &mut Page) {
    for row in &report.rows {
        page.table(
            0,
            &[vec![
                cell(&row.id, Tone::Id),
                cell(row.code.replace('_', " "), Tone::Warn),
                cell(&row.title, Tone::Plain),
            ]],
        );
        for because in row.because.iter().take(5) {
            page.table(4, &[vec![cell(because, Tone::Dim)]]);
        }
    }
}

/// What is there twice.
pub fn duplicates(report: &DuplicateReport, page: &mut Page) {
    for pair in &report.pairs {
        let percent = format!("{}%", pair.likeness_percent);
        page.table(
            0,
            &[
                vec![
                    cell(percent, Tone::Warn),
                    cell(&pair.id, Tone::Id),
                    cell(&pair.title, Tone::Plain),
                ],
                vec![
                    cell("", Tone::Plain),
                    cell(&pair.other, Tone::Id),
                    cell(&pair.other_title, Tone::Plain),
                ],
            ],
        );
    }
}

/// A merge.
pub fn merged(report: &MergeReport, page: &mut Page) {
    let rows: Vec<_> = report
        .merged
        .iter()
        .map(|row| {
            let what = if row.changed {
                format!("merged into {}", report.id)
            } else {
                "unchanged".to_owned()
            };
            vec![
                cell(&row.id, Tone::Id),
                cell(what, Tone::Good),
                cell(&row.title, Tone::Plain),
            ]
        })
        .collect();
    page.table(0, &rows);
    if report.waits_for_admission {
        page.line(format!(
            "no human admitted all of its text: `fleet admit {}` after reading it",
            report.id
        ));
    }
    dry(&report.delivery, page);
}

/// Release notes, in Markdown. Titles are those of records: what Markdown would make of their
/// letters is taken from them.
pub fn changelog(report: &ChangelogReport, page: &mut Page) {
    for group in &report.groups {
        page.gap();
        page.line(format!("## {}", group.heading));
        page.line("");
        for task in &group.tasks {
            let title = crate::app::tracker::text::markdown_safe(&task.title);
            let title = title.trim();
            let reference = task
                .external_ref
                .as_ref()
                .map_or_else(String::new, |r| format!(", {r}"));
            page.line(format!("- {title} ({}{reference})", task.id));
        }
    }
}
