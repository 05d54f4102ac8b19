//! The report of a tick, for people.

use crate::app::tick::report::{Ended, SessionReport, TickReport};
use crate::cli::render::page::{Cell, Page, Tone, cell};
use crate::domain::money::CostSource;

/// Code of the reason that a human looks at the work.
const IN_REVIEW: &str = "in_review";
/// Most waiting tasks that are named.
const WAITING: usize = 20;

/// What ran, what waits and why, what it cost.
pub fn report(report: &TickReport, page: &mut Page) {
    if report.dry_run {
        page.line("Dry run: nothing was written and nothing ran.");
    }
    reconciled(report, page);
    if report.dry_run || report.sessions.is_empty() {
        claims(report, page);
    }
    sessions(report, page);
    waiting(report, page);
    for note in &report.notes {
        page.gap();
        page.block(&format!("note: {note}"), 0);
    }
    page.gap();
    page.line(closing(report));
}

/// What a session cost, with a mark if that was reckoned and not reported.
pub(super) fn money(session: &SessionReport) -> String {
    let mark = match session.cost_source {
        CostSource::Estimated => "~",
        CostSource::Reported | CostSource::Unknown => "",
    };
    let cost = session.cost.map(|cost| format!("{mark}{cost}"));
    cost.unwrap_or_default()
}

fn reconciled(report: &TickReport, page: &mut Page) {
    if report.reconciled.is_empty() {
        return;
    }
    page.gap();
    page.heading(if report.dry_run {
        "Would be taken in"
    } else {
        "Taken in"
    });
    for line in &report.reconciled {
        page.line(format!("  {line}"));
    }
}

fn claims(report: &TickReport, page: &mut Page) {
    if report.claimed.is_empty() {
        return;
    }
    page.gap();
    page.heading(if report.dry_run {
        "Would start"
    } else {
        "Claimed"
    });
    for claim in &report.claimed {
        let model = claim
            .model
            .as_deref()
            .map(|m| format!(" ({m})"))
            .unwrap_or_default();
        page.table(
            2,
            &[vec![
                cell(&claim.task, Tone::Id),
                cell(
                    format!("{}{model} as {}", claim.agent, claim.role),
                    Tone::Plain,
                ),
                cell(&claim.title, Tone::Plain),
            ]],
        );
        if report.dry_run {
            for reason in &claim.because {
                page.line(format!("       {reason}"));
            }
        }
    }
}

fn sessions(report: &TickReport, page: &mut Page) {
    if report.sessions.is_empty() {
        return;
    }
    page.gap();
    page.heading("Worked on");
    let rows: Vec<Vec<Cell>> = report
        .sessions
        .iter()
        .map(|s| {
            let (word, tone) = ended(s.ended);
            vec![
                cell(&s.task, Tone::Id),
                cell(word, tone),
                cell(&s.agent, Tone::Plain),
                cell(seconds(s.duration_ms), Tone::Dim),
                cell(money(s), Tone::Dim),
                cell(&s.title, Tone::Plain),
            ]
        })
        .collect();
    page.table(2, &rows);
    for s in &report.sessions {
        detail(s, page);
    }
}

/// Where to look, or why there is nothing to look at.
fn detail(s: &SessionReport, page: &mut Page) {
    let first = s
        .summary
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("");
    match s.ended {
        Ended::InReview | Ended::Pushed | Ended::HandedOver | Ended::Reported => {
            if let Some(place) = s.review.as_ref().or(s.branch.as_ref()) {
                page.line(format!("  {}: {place}", s.task));
            }
        }
        Ended::AskedHuman | Ended::Held => {
            page.line(format!(
                "  {}: {first}; `fleet inbox` shows the question",
                s.task
            ));
        }
        Ended::Failed | Ended::Stopped | Ended::OverBudget | Ended::Superseded => {
            page.line(format!("  {}: attempt {}: {first}", s.task, s.attempt));
        }
    }
}

/// A word for how a session ended, and how good that is.
pub(crate) const fn ended(ended: Ended) -> (&'static str, Tone) {
    match ended {
        Ended::InReview => ("in review", Tone::Good),
        Ended::Reported => ("reported", Tone::Good),
        Ended::HandedOver => ("handed over", Tone::Good),
        Ended::Pushed => ("pushed", Tone::Warn),
        Ended::AskedHuman => ("asks", Tone::Warn),
        Ended::Held => ("held", Tone::Warn),
        Ended::Failed => ("failed", Tone::Bad),
        Ended::Stopped => ("stopped", Tone::Warn),
        Ended::OverBudget => ("over budget", Tone::Warn),
        Ended::Superseded => ("superseded", Tone::Dim),
    }
}

fn waiting(report: &TickReport, page: &mut Page) {
    if report.waiting.is_empty() {
        return;
    }
    let (in_review, waiting): (Vec<_>, Vec<_>) =
        report.waiting.iter().partition(|w| w.codes == [IN_REVIEW]);
    if !in_review.is_empty() {
        let names: Vec<_> = in_review.iter().map(|w| w.task.as_str()).collect();
        page.gap();
        page.heading("In review");
        page.line(format!("  {}", names.join(", ")));
    }
    if waiting.is_empty() {
        return;
    }
    page.gap();
    page.heading("Waiting");
    let rows: Vec<Vec<Cell>> = waiting
        .iter()
        .take(WAITING)
        .map(|w| vec![cell(&w.task, Tone::Id), cell(w.why.join("; "), Tone::Plain)])
        .collect();
    page.table(2, &rows);
    if waiting.len() > WAITING {
        page.line(format!(
            "  and {} more; `fleet blocked` shows all",
            waiting.len() - WAITING
        ));
    }
}

fn closing(report: &TickReport) -> String {
    let mut parts = vec![format!("{} claimed", report.claimed.len())];
    let count = |wanted: Ended| report.sessions.iter().filter(|s| s.ended == wanted).count();
    for (wanted, word) in [
        (Ended::InReview, "in review"),
        (Ended::Reported, "reported"),
        (Ended::Failed, "failed"),
        (Ended::Stopped, "stopped"),
        (Ended::OverBudget, "over budget"),
    ] {
        if count(wanted) > 0 {
            parts.push(format!("{} {word}", count(wanted)));
        }
    }
    let held = report
        .waiting
        .iter()
        .filter(|w| w.codes != [IN_REVIEW])
        .count();
    parts.push(format!("{held} waiting"));
    match report.open_questions {
        0 => {}
        1 => parts.push("1 open question".to_owned()),
        n => parts.push(format!("{n} open questions")),
    }
    parts.push(report.cost.to_string());
    parts.push(seconds(report.duration_ms));
    let end = match (report.stopped, report.budget_stop) {
        (true, true) => " Its time was up; the next tick goes on.",
        (true, false) => " It was stopped before the end; the next tick goes on.",
        (false, true) => " A budget holds work back.",
        (false, false) => "",
    };
    format!("{}.{end}", parts.join(", "))
}

/// `0.4 s`, `12 s`, `3 min 5 s`.
pub(crate) fn seconds(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{:.1} s", ms as f64 / 1000.0),
        10_000..60_000 => format!("{} s", ms / 1000),
        _ => format!("{} min {} s", ms / 60_000, ms / 1000 % 60),
    }
}
