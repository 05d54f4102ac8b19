//! Everything about tasks, questions and histories.

use crate::app::tracker::report::{
    AnswerReport, DepRow, EscalationRow, InboxReport, LogReport, RemoteRow, ReviewRow, SessionRow,
    ShowReport, TaskDetail, TaskFull,
};
use crate::cli::render::human::dry;
use crate::cli::render::human::tracking::{effort, progress};
use crate::cli::render::page::{Page, Tone, cell};
use crate::domain::money::CostSource;
use crate::domain::time::Timestamp;

/// `2026-11-21 08:00`, UTC.
pub(super) fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} {}", &text[..10], &text[11..16])
}

/// Everything about tasks.
pub fn show(report: &ShowReport, page: &mut Page) {
    for task in &report.tasks {
        page.gap();
        one(task, page);
    }
}

fn one(detail: &TaskDetail, page: &mut Page) {
    let task = &detail.task;
    page.table(
        0,
        &[vec![
            cell(&task.id, Tone::Id),
            cell(&task.title, Tone::Strong),
        ]],
    );
    let reasons: Vec<_> = task.reasons.iter().map(|r| r.text.as_str()).collect();
    let mut pairs = vec![
        ("phase", task.phase.replace('_', " ")),
        ("because", reasons.join("; ")),
        ("type", task.kind.clone()),
        ("priority", format!("P{}", task.priority)),
        ("complexity", task.complexity.to_owned()),
        ("labels", task.labels.join(", ")),
        ("milestone", task.milestone.clone().unwrap_or_default()),
        ("assignee", task.assignee.clone().unwrap_or_default()),
    ];
    if let Some(parts) = &detail.parts {
        pairs.push(("parts", progress(parts)));
    }
    if let Some(full) = &task.full {
        pairs.extend(full_pairs(full));
    }
    pairs.push(("uid", task.uid.to_string()));
    page.pairs(&pairs);
    if let Some(full) = &task.full {
        texts(full, page);
    }
    gates(detail, page);
    edges("Depends on", &detail.deps, page);
    edges("Needed by", &detail.dependents, page);
    work(detail, page);
    for withheld in &detail.withheld {
        page.gap();
        page.line(format!("Withheld: {withheld}."));
    }
    for comment in &detail.comments {
        page.gap();
        page.heading(&format!(
            "Comment {} of {} at {}{}",
            comment.number,
            comment.by,
            minute(comment.at),
            comment
                .edited_at
                .map_or_else(String::new, |at| format!(", edited {}", minute(at)))
        ));
        if comment.text.is_empty() {
            page.line("  (its text is in the history: `fleet show --full`)");
        }
        page.block(&comment.text, 2);
    }
}

fn full_pairs(full: &TaskFull) -> Vec<(&'static str, String)> {
    let time = |at: Option<Timestamp>| at.map(minute).unwrap_or_default();
    let by = full.added_by.clone().unwrap_or_default();
    let mut pairs = vec![
        ("deliverable", full.deliverable.to_owned()),
        ("paths", full.paths.join(" ")),
        ("due", time(full.due)),
        ("deferred", time(full.defer_until)),
        ("external", full.external_ref.clone().unwrap_or_default()),
        (
            "estimate",
            full.estimate_minutes.map_or_else(String::new, effort),
        ),
        ("agent", full.agent.clone().unwrap_or_default()),
        (
            "budget",
            full.budget_usd_micros
                .map_or_else(String::new, |budget| budget.to_string()),
        ),
        ("key", full.key.clone().unwrap_or_default()),
        ("reason", full.close_reason.clone().unwrap_or_default()),
        ("added", format!("{} by {by}", time(full.added_at))),
        ("updated", minute(full.updated_at)),
    ];
    if !full.admitted {
        pairs.push(("admitted", "no: `fleet admit` after reading it".to_owned()));
    }
    for (field, value) in &full.extra {
        pairs.push(("more", format!("{field} = {value}")));
    }
    pairs
}

fn texts(full: &TaskFull, page: &mut Page) {
    if !full.body.is_empty() {
        page.gap();
        page.block(&full.body, 2);
    }
    if !full.acceptance.is_empty() {
        page.gap();
        let done = full.acceptance.iter().filter(|point| point.done).count();
        let total = full.acceptance.len();
        page.heading(&format!("Acceptance ({done} of {total})"));
        let rows: Vec<_> = full
            .acceptance
            .iter()
            .enumerate()
            .map(|(at, point)| {
                let mark = if point.done { "[x]" } else { "[ ]" };
                vec![
                    cell(format!("{}.", at + 1), Tone::Dim),
                    cell(mark, Tone::Plain),
                    cell(&point.text, Tone::Plain),
                ]
            })
            .collect();
        page.table(2, &rows);
    }
}

fn gates(detail: &TaskDetail, page: &mut Page) {
    if detail.gates.is_empty() {
        return;
    }
    page.gap();
    page.heading("Gates");
    let rows: Vec<_> = detail
        .gates
        .iter()
        .map(|gate| {
            let subject = gate.until.map(minute).or_else(|| gate.subject.clone());
            vec![
                cell(format!("{}.", gate.number), Tone::Dim),
                cell(gate.state, Tone::Plain),
                cell(gate.kind, Tone::Dim),
                cell(subject.unwrap_or_default(), Tone::Plain),
                cell(&gate.note, Tone::Plain),
            ]
        })
        .collect();
    page.table(2, &rows);
}

fn edges(heading: &str, rows: &[DepRow], page: &mut Page) {
    if rows.is_empty() {
        return;
    }
    page.gap();
    page.heading(heading);
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            vec![
                cell(&row.id, Tone::Id),
                cell(row.kind, Tone::Dim),
                cell(row.status, Tone::Plain),
                cell(&row.title, Tone::Plain),
            ]
        })
        .collect();
    page.table(2, &rows);
}

fn work(detail: &TaskDetail, page: &mut Page) {
    if !detail.sessions.is_empty() {
        page.gap();
        page.heading("Sessions");
        for session in &detail.sessions {
            one_session(session, page);
        }
    }
    for lock in detail.locks.iter().filter(|lock| lock.live) {
        page.line(format!(
            "  holds {} until {}",
            lock.globs.join(" "),
            minute(lock.until)
        ));
    }
    for review in &detail.reviews {
        page.gap();
        page.heading("Review");
        one_review(review, page);
    }
    for escalation in &detail.escalations {
        page.gap();
        one_escalation(escalation, page);
    }
    for finding in &detail.findings {
        page.gap();
        page.heading(&format!("Finding at {}", minute(finding.at)));
        page.block(&finding.text, 2);
    }
}

fn one_session(session: &SessionRow, page: &mut Page) {
    let tone = match session.state {
        "succeeded" => Tone::Good,
        "failed" => Tone::Bad,
        _ => Tone::Plain,
    };
    let model = session.model.as_deref().unwrap_or("its own model");
    let why = session
        .why
        .as_deref()
        .map_or_else(String::new, |w| format!(": {w}"));
    page.table(
        2,
        &[vec![
            cell(format!("#{}", session.attempt), Tone::Id),
            cell(format!("{}{why}", session.state), tone),
            cell(
                format!("{} ({model}) as {}", session.agent, session.role),
                Tone::Plain,
            ),
            cell(minute(session.claimed_at), Tone::Dim),
            cell(
                format!(
                    "{} tokens, {}{}",
                    session.usage.total(),
                    if session.cost_source == CostSource::Estimated {
                        "~"
                    } else {
                        ""
                    },
                    session.cost_usd_micros
                ),
                Tone::Dim,
            ),
        ]],
    );
    if let Some(head) = &session.head {
        let branch = session.branch.as_deref().unwrap_or("");
        page.line(format!("    {branch} at {}", &head[..head.len().min(10)]));
    }
    if let Some(remote) = &session.remote {
        one_remote(remote, page);
    }
    if let Some(level) = &session.sandbox {
        page.line(format!("    sandbox: {level}"));
    }
    page.block(&session.summary, 4);
}

fn one_remote(remote: &RemoteRow, page: &mut Page) {
    let id = remote.id.as_deref().unwrap_or("not known yet");
    let url = remote.url.as_deref().unwrap_or("");
    page.line(format!("    at {}: {id} {url}", remote.service).trim_end());
    let Some(phase) = remote.phase else {
        return;
    };
    let since = remote
        .phase_since
        .map_or_else(String::new, |at| format!(" since {}", minute(at)));
    let looked = remote
        .looked_at
        .map_or_else(String::new, |at| format!(", last looked at {}", minute(at)));
    let detail = match remote.detail.as_str() {
        "" => String::new(),
        said => format!(" ({said})"),
    };
    let phase = phase.replace('_', " ");
    page.line(format!("    {phase}{since}{detail}{looked}"));
}

fn one_review(review: &ReviewRow, page: &mut Page) {
    let what = match (&review.url, review.number) {
        (Some(url), _) => url.clone(),
        (None, Some(n)) => format!("{} #{n}", review.forge),
        (None, None) => format!(
            "{}: {} into {}",
            review.forge, review.branch, review.base_branch
        ),
    };
    page.line(format!(
        "  {} {what} at {}",
        review.state,
        &review.head[..review.head.len().min(10)]
    ));
}

fn one_escalation(row: &EscalationRow, page: &mut Page) {
    page.table(
        0,
        &[vec![
            cell(&row.id, Tone::Id),
            cell(&row.task, Tone::Id),
            cell(format!("P{}", row.priority), Tone::Plain),
            cell(row.trigger.replace('_', " "), Tone::Warn),
            cell(minute(row.opened_at), Tone::Dim),
            cell(&row.title, Tone::Plain),
        ]],
    );
    page.block(&row.context, 4);
    for option in &row.options {
        page.line(format!("    - {option}"));
    }
    if let Some(answer) = &row.answer {
        let by = row.answered_by.as_deref().unwrap_or("somebody");
        page.line(format!("    answered by {by}:"));
        page.block(answer, 6);
    }
}

/// Open questions.
pub fn inbox(report: &InboxReport, page: &mut Page) {
    for row in &report.escalations {
        page.gap();
        one_escalation(row, page);
        page.line(format!("    fleet answer {} \"…\"", row.id));
    }
}

/// An answer.
pub fn answered(report: &AnswerReport, page: &mut Page) {
    one_escalation(&report.escalation, page);
    dry(&report.delivery, page);
}

/// A history.
pub fn log(report: &LogReport, page: &mut Page) {
    page.table(
        0,
        &[vec![
            cell(&report.id, Tone::Id),
            cell(&report.title, Tone::Strong),
        ]],
    );
    let rows: Vec<_> = report
        .entries
        .iter()
        .map(|entry| {
            vec![
                cell(minute(entry.ts), Tone::Dim),
                cell(&entry.by, Tone::Plain),
                cell(&entry.op, Tone::Id),
                cell(&entry.what, Tone::Plain),
            ]
        })
        .collect();
    page.table(0, &rows);
}
