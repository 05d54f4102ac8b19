//! Tasks as one JSON document, with everything that people call a value.

use serde_json::{Map, Value, json};

use crate::domain::task::{Status, Task};
use crate::exchange::out::{Outgoing, OutgoingTask, outcome};

/// Writes it.
pub(super) fn write(outgoing: &Outgoing<'_>) -> String {
    let mut all: Vec<&OutgoingTask<'_>> = outgoing.tasks.iter().collect();
    all.sort_by_key(|task| (task.task.number.value, task.uid));
    // A line for each task, so that two exports can be compared line by line.
    let mut text = String::from("{\"format\":\"fleet\",\"version\":1,\"tasks\":[\n");
    for (at, task) in all.iter().enumerate() {
        if at > 0 {
            text.push_str(",\n");
        }
        text.push_str(&one(outgoing, task).to_string());
    }
    text.push_str("\n]}\n");
    text
}

/// What a task is to be, cost and wait for.
fn plan(task: &Task, put: &mut impl FnMut(&str, Value)) {
    let details = &task.details;
    put("milestone", json!(details.milestone.value));
    put("estimate_minutes", json!(details.estimate_minutes.value));
    if details.complexity.is_written() {
        put("complexity", json!(details.complexity.value));
    }
    if details.deliverable.is_written() {
        put("deliverable", json!(details.deliverable.value));
    }
    put("agent", json!(details.agent.value));
    put("budget_micro_usd", json!(details.budget.value));
    let gates = details.gates.values().filter_map(|gate| {
        let (added, by, at) = gate.added.as_ref()?;
        let word = gate.word.as_ref();
        Some(json!({
            "kind": added.kind.name(),
            "state": gate.state().name(),
            "until": added.until,
            "subject": added.subject,
            "note": added.note,
            "by": by,
            "at": at.ts.wall(),
            "said": word.map(|(word, at)| json!({
                "by": word.by, "note": word.note, "at": at.ts.wall(),
            })),
        }))
    });
    put("gates", Value::Array(gates.collect()));
}

fn one(outgoing: &Outgoing<'_>, out: &OutgoingTask<'_>) -> Value {
    let task: &Task = out.task;
    let details = &task.details;
    let mut map = Map::new();
    let mut put = |name: &str, value: Value| {
        let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !empty && value != "" {
            map.insert(name.to_owned(), value);
        }
    };
    put("id", json!(out.name));
    put("uid", json!(out.uid.to_string()));
    put("ref", json!(details.external_ref.value));
    put("title", json!(task.title.value));
    put("body", json!(task.body.value));
    put("type", json!(task.type_name()));
    put("priority", json!(task.priority()));
    put("labels", json!(task.labels.iter().collect::<Vec<_>>()));
    put("paths", json!(task.paths.iter().collect::<Vec<_>>()));
    put("assignee", json!(details.assignee.value));
    put("due", json!(details.due.value));
    put("defer_until", json!(details.defer_until.value));
    put("held_by", json!(details.held_by.value));
    put("acceptance", json!(task.points()));
    plan(task, &mut put);
    match &task.status.value {
        Status::Open => put("status", json!("open")),
        Status::Closed {
            outcome: how,
            reason,
        } => {
            put("status", json!("closed"));
            put("outcome", json!(outcome(*how)));
            put("close_reason", json!(reason));
            put("closed_at", json!(task.status.at.ts.wall()));
        }
    }
    let added = task.added.as_ref();
    put("created_at", json!(added.map(|(_, at)| at.ts.wall())));
    put("created_by", json!(added.map(|(by, _)| by)));
    put("updated_at", json!(task.updated.ts.wall()));
    let edge = |(kind, to, _): &_| {
        let to: &crate::domain::ids::TaskUid = to;
        let kind: &crate::domain::dep::DepKind = kind;
        json!({ "kind": kind.name(), "on": outgoing.names.get(to), "uid": to.to_string() })
    };
    put("deps", Value::Array(out.edges.iter().map(edge).collect()));
    let comments = details.comments.values().map(
        |comment| json!({ "by": comment.by, "at": comment.at.ts.wall(), "text": comment.text }),
    );
    put("comments", Value::Array(comments.collect()));
    Value::Object(map)
}
