//! Checks of a head that failed, once all of them have ended.

use crate::domain::ids::Oid;
use crate::domain::review::FeedbackKind;
use crate::forge::github::answers::{Annotation, CheckRun, CheckRuns, Combined, Status};
use crate::forge::github::api::Api;
use crate::forge::github::logs;
use crate::forge::github::raw::Context;
use crate::forge::github::reviews::FEEDBACK_MAX_BYTES;
use crate::forge::github::text::{bounded, tail};
use crate::ports::forge::{ForgeError, ForgeFeedback};

/// Failed checks whose annotations and logs are fetched.
const ANNOTATED_MAX: usize = 2;
/// Bytes of a check's own text that are kept: its end, where the failure is.
const OUTPUT_MAX_BYTES: usize = 2 << 10;

/// The stable name of the failed checks of a head.
pub(super) fn key(head: &Oid) -> String {
    format!("checks:{head}")
}

/// True if all of these have ended and one failed.
pub(super) fn has_failed(checks: &[Context]) -> bool {
    let (mut running, mut failed) = (false, false);
    for check in checks {
        match check {
            Context::Run { status, conclusion } => {
                running |= status != "COMPLETED";
                let conclusion = conclusion.as_deref().map(str::to_ascii_lowercase);
                failed |= is_failure(conclusion.as_deref());
            }
            Context::Status { state } => {
                running |= matches!(state.as_str(), "PENDING" | "EXPECTED");
                failed |= matches!(state.as_str(), "FAILURE" | "ERROR");
            }
            Context::Other => {}
        }
    }
    failed && !running
}

/// One feedback with all failed checks of `head`; none while one still runs, or if it is on record.
pub(super) fn failed(
    api: &mut Api<'_>,
    head: &Oid,
    known: &[String],
) -> Result<Option<ForgeFeedback>, ForgeError> {
    if known.contains(&key(head)) {
        return Ok(None);
    }
    let repo = api.names.repo.clone();
    let what = format!("cannot read the checks of {} in {repo}", head.short());
    let route = format!("/repos/{repo}/commits/{head}/check-runs?per_page=100");
    let runs: Option<CheckRuns> = api.get_if_possible(&what, &route)?;
    let runs = runs.map(|runs| runs.check_runs).unwrap_or_default();
    let what = format!(
        "cannot read the commit statuses of {} in {repo}",
        head.short()
    );
    let route = format!("/repos/{repo}/commits/{head}/status?per_page=100");
    let statuses: Option<Combined> = api.get_if_possible(&what, &route)?;
    let statuses = statuses
        .map(|combined| combined.statuses)
        .unwrap_or_default();

    let running = runs.iter().any(|run| run.status != "completed")
        || statuses.iter().any(|status| status.state == "pending");
    let failed_runs: Vec<&CheckRun> = runs.iter().filter(|run| run_failed(run)).collect();
    let failed_statuses: Vec<&Status> = statuses
        .iter()
        .filter(|status| status_failed(status))
        .collect();
    if running || (failed_runs.is_empty() && failed_statuses.is_empty()) {
        return Ok(None);
    }
    let mut text = String::from("These checks failed:\n");
    for (at, run) in failed_runs.iter().enumerate() {
        text.push_str(&told_by(run));
        if at < ANNOTATED_MAX {
            text.push_str(&annotations(api, run)?);
            text.push_str(&logs::of_run(api, run)?);
        }
    }
    for status in failed_statuses {
        let description = status.description.as_deref().unwrap_or_default();
        text.push_str(&format!(
            "\n{} ({}): {description}\n",
            status.context, status.state
        ));
    }
    Ok(Some(ForgeFeedback {
        kind: FeedbackKind::ChecksFailed,
        head: head.clone(),
        text: bounded(text.trim_end(), FEEDBACK_MAX_BYTES),
        key: key(head),
    }))
}

/// A cancelled or skipped check, or one that waits for a human, says nothing about the work.
fn run_failed(run: &CheckRun) -> bool {
    is_failure(run.conclusion.as_deref())
}

fn is_failure(conclusion: Option<&str>) -> bool {
    matches!(
        conclusion,
        Some("failure" | "timed_out" | "startup_failure")
    )
}

fn status_failed(status: &Status) -> bool {
    matches!(status.state.as_str(), "failure" | "error")
}

fn told_by(run: &CheckRun) -> String {
    let conclusion = run.conclusion.as_deref().unwrap_or_default();
    let mut text = format!("\n{} ({conclusion})", run.name);
    let Some(output) = &run.output else {
        text.push('\n');
        return text;
    };
    if let Some(title) = &output.title {
        text.push_str(&format!(": {title}"));
    }
    text.push('\n');
    for part in [&output.summary, &output.text].into_iter().flatten() {
        let part = part.trim();
        if !part.is_empty() {
            text.push_str(&format!("{}\n", tail(part, OUTPUT_MAX_BYTES)));
        }
    }
    text
}

/// GitHub Actions says what failed in annotations; the summary of its checks is empty.
fn annotations(api: &mut Api<'_>, run: &CheckRun) -> Result<String, ForgeError> {
    let what = format!("cannot read the annotations of check {}", run.id);
    let route = format!(
        "/repos/{}/check-runs/{}/annotations?per_page=50",
        api.names.repo, run.id
    );
    let annotations: Option<Vec<Annotation>> = api.get_if_possible(&what, &route)?;
    let mut text = String::new();
    for annotation in annotations.unwrap_or_default() {
        if annotation.annotation_level.as_deref() != Some("failure") {
            continue;
        }
        let message = annotation.message.unwrap_or_default();
        let place = match (annotation.path, annotation.start_line) {
            (Some(path), Some(line)) => format!("{path}:{line}: "),
            (Some(path), None) => format!("{path}: "),
            (None, _) => String::new(),
        };
        text.push_str(&format!("{place}{}\n", message.trim()));
    }
    Ok(tail(&text, OUTPUT_MAX_BYTES).to_owned())
}
