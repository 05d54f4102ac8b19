//! Tasks as a list of issues in the shape of GitHub's REST API, for tools that create them there.

use serde_json::{Value, json};

use crate::domain::record::CloseOutcome;
use crate::domain::task::Status;
use crate::exchange::out::{Outgoing, OutgoingTask};

/// Writes it.
pub(super) fn write(outgoing: &Outgoing<'_>) -> String {
    let mut all: Vec<&OutgoingTask<'_>> = outgoing.tasks.iter().collect();
    all.sort_by_key(|task| (task.task.number.value, task.uid));
    let lines: Vec<String> = all.iter().map(|task| one(task).to_string()).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

fn one(out: &OutgoingTask<'_>) -> Value {
    let task = out.task;
    let (state, reason) = match &task.status.value {
        Status::Open => ("open", None),
        Status::Closed { outcome, .. } => match outcome {
            CloseOutcome::Done => ("closed", Some("completed")),
            CloseOutcome::Duplicate => ("closed", Some("duplicate")),
            CloseOutcome::Wontdo | CloseOutcome::Failed => ("closed", Some("not_planned")),
        },
    };
    let mut body = task.body.value.clone();
    let points = task.points();
    if !points.is_empty() {
        body.push_str("\n\n## Acceptance\n\n");
        for point in points {
            let mark = if point.done { "x" } else { " " };
            body.push_str(&format!("- [{mark}] {}\n", point.text));
        }
    }
    let (repo, number) = out
        .source_id("github")
        .and_then(|id| id.split_once('#'))
        .map_or((None, None), |(repo, n)| {
            (Some(repo), n.parse::<u64>().ok())
        });
    let url = repo
        .zip(number)
        .map(|(repo, n)| format!("https://github.com/{repo}/issues/{n}"));
    let labels: Vec<Value> = task
        .labels
        .iter()
        .map(|name| json!({ "name": name }))
        .collect();
    let who: Vec<Value> = task
        .details
        .assignee
        .value
        .iter()
        .map(|l| json!({ "login": l }))
        .collect();
    json!({
        "number": number,
        "html_url": url,
        "title": task.title.value,
        "body": body,
        "state": state,
        "state_reason": reason,
        "labels": labels,
        "assignees": who,
        "created_at": task.added.as_ref().map(|(_, at)| at.ts.wall()),
        "updated_at": task.updated.ts.wall(),
        "fleet": { "id": out.name, "uid": out.uid.to_string() },
    })
}
