//! The tools and their schemas, written by hand: every word of them is in the context of every
//! agent that has this server, so all of them together stay below 1,500 tokens (a test counts).

use std::sync::Arc;

use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, Value, json};

/// Names of all tools.
pub(super) const NAMES: [&str; 8] = [
    "ready", "search", "show", "claim", "add", "update", "comment", "close",
];

/// Names of a tool's arguments, the required ones first.
pub(super) fn arguments(tool: &str) -> Vec<String> {
    let (_, properties, _) = definition(tool);
    properties
        .as_object()
        .map(|map| map.keys().cloned().collect())
        .unwrap_or_default()
}

/// All tools.
pub(super) fn all() -> Vec<Tool> {
    NAMES.iter().map(|name| tool(name)).collect()
}

fn tool(name: &'static str) -> Tool {
    let (description, properties, required) = definition(name);
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), properties);
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    let reads = matches!(name, "ready" | "search" | "show");
    let hints = ToolAnnotations::new();
    let hints = if reads {
        hints.read_only(true)
    } else {
        // Records are added, none is taken away.
        hints.destructive(false)
    };
    Tool::new(name, description, Arc::new(schema)).with_annotations(hints)
}

fn definition(name: &str) -> (&'static str, Value, &'static [&'static str]) {
    let text = || json!({ "type": "string" });
    let told = |what: &str| json!({ "type": "string", "description": what });
    let list = || json!({ "type": "array", "items": { "type": "string" } });
    let count = || json!({ "type": "integer", "minimum": 1 });
    let priority = || json!({ "type": "integer", "minimum": 0, "maximum": 4 });
    match name {
        "ready" => (
            "Tasks that can start now, best first",
            json!({ "limit": count() }),
            &[],
        ),
        "search" => (
            "Find tasks; open ones unless closed is true. Conditions must all hold",
            json!({
                "text": told("words in title or body"),
                "phase": told("e.g. ready, blocked, in_review"),
                "type": text(), "label": text(), "assignee": text(),
                "closed": { "type": "boolean" }, "limit": count(),
            }),
            &[],
        ),
        "show" => (
            "A task: text, acceptance points, dependencies, answers, earlier attempts, comments",
            json!({ "id": text() }),
            &["id"],
        ),
        "claim" => (
            "Take a task before working on it; without id the best ready one",
            json!({ "id": text() }),
            &[],
        ),
        "add" => (
            "Add a task. Human approval may be needed before agents start it",
            of_a_new_task(),
            &["title"],
        ),
        "update" => (
            "Change fields of a task",
            json!({
                "id": text(), "title": text(), "body": text(), "type": text(),
                "priority": priority(),
                "add_labels": list(), "rm_labels": list(), "add_paths": list(),
                "acceptance": { "type": "array", "items": { "type": "string" }, "description": "replaces all points" },
                "met": { "type": "array", "items": { "type": "integer" }, "description": "numbers of points that hold" },
                "assignee": told("empty gives the task back"),
            }),
            &["id"],
        ),
        "comment" => (
            "Say something on a task",
            json!({ "id": text(), "text": text() }),
            &["id", "text"],
        ),
        _ => (
            "End a task that is done, or will not be",
            json!({
                "id": text(), "reason": text(),
                "outcome": { "enum": ["done", "wontdo", "duplicate", "failed"] },
            }),
            &["id", "reason"],
        ),
    }
}

fn of_a_new_task() -> Value {
    let text = || json!({ "type": "string" });
    let told = |what: &str| json!({ "type": "string", "description": what });
    let list = || json!({ "type": "array", "items": { "type": "string" } });
    json!({
        "title": text(),
        "body": told("what and why, Markdown"),
        "type": told("e.g. bug, implementation, testing"),
        "priority": { "type": "integer", "minimum": 0, "maximum": 4, "description": "0 is most urgent" },
        "labels": list(),
        "paths": { "type": "array", "items": { "type": "string" }, "description": "globs it will touch" },
        "acceptance": list(),
        "deps": { "type": "array", "items": { "type": "string" }, "description": "T-7 it waits for, or discovered-from:T-7" },
        "parent": text(),
        "key": told("repeating a call with it adds nothing"),
    })
}
