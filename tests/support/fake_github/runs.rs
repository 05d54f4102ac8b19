//! Runs of workflows, listed and filtered as GitHub does it.

use serde_json::{Value, json};

use super::http::Reply;
use super::model::Model;

/// Value of a part of a decoded query.
fn part<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    let mut given = query.split('&').filter_map(|part| part.split_once('='));
    given.find(|(key, _)| *key == name).map(|(_, value)| value)
}

pub(crate) fn answer(model: &Model, method: &str, parts: &[&str], query: &str) -> Option<Reply> {
    match (method, parts) {
        ("GET", ["actions", "runs"]) => {
            let is = |run: &Value, field: &str, name: &str| {
                part(query, name).is_none_or(|wanted| run[field] == wanted)
            };
            let since = part(query, "created").unwrap_or_default();
            let since = since.trim_start_matches(">=");
            let fits = |run: &&Value| {
                is(run, "head_branch", "branch")
                    && is(run, "conclusion", "status")
                    && run["created_at"].as_str() >= Some(since)
            };
            let runs: Vec<&Value> = model.runs.iter().rev().filter(fits).collect();
            let told = json!({ "total_count": runs.len(), "workflow_runs": runs });
            Some(Reply::new(200, told))
        }
        ("GET", ["actions", "runs", id]) => {
            let found = model
                .runs
                .iter()
                .find(|run| run["id"].as_u64() == id.parse().ok());
            Some(match found {
                Some(run) => Reply::new(200, run.clone()),
                None => Reply::refuse(404, "Not Found"),
            })
        }
        _ => None,
    }
}
