//! The place: set-up, health, synchronisation, routing.

use crate::app::tracker::report::{
    ConfigReport, DoctorReport, InitReport, InitStep, RouteReport, SyncReport,
};
use crate::cli::render::human::dry;
use crate::cli::render::page::{Page, Tone, cell};

/// What was set up.
pub fn init(report: &InitReport, page: &mut Page) {
    let rows: Vec<_> = report
        .steps
        .iter()
        .map(|step| {
            let dry = report.delivery.dry_run;
            let (did, tone) = match step {
                InitStep { created: true, .. } if dry => ("would create", Tone::Warn),
                InitStep { created: true, .. } => ("created", Tone::Good),
                InitStep { updated: true, .. } if dry => ("would update", Tone::Warn),
                InitStep { updated: true, .. } => ("updated", Tone::Good),
                _ if !step.differs.is_empty() => ("was edited", Tone::Warn),
                _ => ("was there", Tone::Dim),
            };
            vec![cell(did, tone), cell(&step.what, Tone::Plain)]
        })
        .collect();
    page.table(0, &rows);
    for step in report.steps.iter().filter(|s| !s.differs.is_empty()) {
        page.line(format!(
            "{} was edited and is left as it is. Against what fleet would write:",
            step.what
        ));
        for line in &step.differs {
            page.line(format!("  {line}"));
        }
    }
    if !report.delivery.dry_run {
        let ours = |step: &InitStep| step.created || step.updated;
        if report
            .steps
            .iter()
            .any(|s| ours(s) && s.what.starts_with(".github/"))
        {
            page.line("next: look at .github/workflows/fleet.yml, commit and push it");
            page.line("next: fleet doctor --github");
        }
        let written = |step: &InitStep| step.created && step.what.starts_with(".orchestra/");
        if report.steps.iter().any(written) {
            // Agents work on what is committed, and so do the other clones.
            page.line("next: git add .orchestra && git commit -m \"set up fleet\"");
        }
        page.line("next: fleet add \"What is to be done\"");
    }
}

fn records(count: usize) -> String {
    match count {
        1 => "1 record".to_owned(),
        n => format!("{n} records"),
    }
}

/// What was published.
pub fn sync(report: &SyncReport, page: &mut Page) {
    if report.delivery.dry_run {
        dry(&report.delivery, page);
        page.line(format!("would publish {}", records(report.records)));
        return;
    }
    if report.records == 0 && report.numbered.is_empty() {
        page.line(match report.remote {
            "none" => "nothing to publish: there is no remote",
            _ => "up to date",
        });
        return;
    }
    page.line(format!("published {}", records(report.records)));
    let rows: Vec<_> = report
        .numbered
        .iter()
        .map(|row| {
            vec![
                cell(&row.id, Tone::Id),
                cell(format!("was {}", row.handle), Tone::Dim),
                cell(&row.title, Tone::Plain),
            ]
        })
        .collect();
    page.table(0, &rows);
}

/// Who would take a task.
pub fn route(report: &RouteReport, explain: bool, page: &mut Page) {
    let task = &report.task;
    page.table(
        0,
        &[vec![
            cell(&task.id, Tone::Id),
            cell(&task.title, Tone::Strong),
        ]],
    );
    match &report.taken_by {
        Some(row) => {
            let model = row.model.as_deref().unwrap_or("its own model");
            let by = match row.route {
                Some(n) => format!("route {n}"),
                None => "the task names it".to_owned(),
            };
            page.line(format!(
                "attempt {}: {} ({model}) as {}, by {by}",
                report.attempt, row.agent, row.role
            ));
            if explain {
                let rows: Vec<_> = row
                    .factors
                    .iter()
                    .map(|factor| {
                        vec![
                            cell(factor.name.replace('_', " "), Tone::Plain),
                            cell(format!("{}%", factor.value), Tone::Plain),
                            cell(format!("× {}", factor.weight), Tone::Dim),
                            cell(&factor.note, Tone::Dim),
                        ]
                    })
                    .collect();
                page.table(2, &rows);
                page.line(format!(
                    "  score {}.{:02}",
                    row.score / 100,
                    row.score % 100
                ));
            }
        }
        None => page.line(format!(
            "attempt {}: nobody can take it now",
            report.attempt
        )),
    }
    for skipped in &report.skipped {
        page.line(format!("not {}: {}", skipped.agent, skipped.reason.text));
    }
    for reason in &report.waits_for {
        page.line(format!("waits: {}", reason.text));
    }
}

/// What was found.
pub fn doctor(report: &DoctorReport, page: &mut Page) {
    let facts: Vec<_> = report
        .facts
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    page.pairs(&facts);
    for finding in &report.findings {
        page.gap();
        let tone = match finding.severity {
            "error" => Tone::Bad,
            "warning" => Tone::Warn,
            _ => Tone::Dim,
        };
        page.table(
            0,
            &[vec![
                cell(finding.severity, tone),
                cell(&finding.place, Tone::Id),
                cell(finding.code, Tone::Dim),
            ]],
        );
        page.block(&finding.what, 4);
        page.line(format!("    next: {}", finding.next));
    }
    if let Some(rules) = &report.rules {
        page.gap();
        page.line(format!("{}:", rules.name));
        page.block(&rules.text, 0);
    }
    if let Some(repairs) = &report.repairs {
        page.gap();
        page.line(format!("recorded {}", repairs.records.join(", ")));
    }
    page.gap();
    page.line(match (report.healthy, report.total) {
        (true, 0) => "healthy".to_owned(),
        (true, 1) => "healthy, 1 remark".to_owned(),
        (true, n) => format!("healthy, {n} remarks"),
        (false, 1) => "1 finding".to_owned(),
        (false, n) => format!("{n} findings"),
    });
}

/// What the configuration comes to.
pub fn config(report: &ConfigReport, page: &mut Page) {
    let agents = if report.agents.is_empty() {
        "none".to_owned()
    } else {
        report.agents.join(", ")
    };
    let file = report.file.as_deref().unwrap_or("none: defaults hold");
    page.pairs(&[
        ("file", file.to_owned()),
        ("state branch", report.state_branch.clone()),
        ("base branch", report.base_branch.clone()),
        ("agents", agents),
        ("routes", report.routes.to_string()),
    ]);
    for warning in &report.warnings {
        page.line(format!("warning: {warning}"));
    }
    page.line("the configuration is good");
}
