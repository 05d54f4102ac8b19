//! The endpoints of the pretend GitHub.

use serde_json::{Value, json};

use super::http::Reply;
use super::model::{FakePr, Model};

/// Merging, approving, closing, deleting, and the other doors to the same.
pub(crate) fn is_forbidden(method: &str, path: &str, body: &Value) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let write = method != "GET";
    let closes = method == "PATCH" && body.get("state").is_some();
    let review = write && path.contains("/pulls/") && path.contains("/reviews");
    let merges = write && (path.ends_with("/merge") || path.ends_with("/merges"));
    closes
        || review
        || merges
        || method == "DELETE"
        || path.contains("graphql")
        || path.contains("/git/refs")
}

pub(crate) fn answer(model: &mut Model, method: &str, path: &str, body: &Value) -> Reply {
    model.follow_branches();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let prefix = format!("/repos/{}/", model.repo);
    let Some(rest) = path.strip_prefix(&prefix) else {
        return Reply::refuse(404, "Not Found");
    };
    let parts: Vec<&str> = rest.split('/').collect();
    match (method, parts.as_slice()) {
        ("GET", ["pulls"]) => list(model, query),
        ("POST", ["pulls"]) => create(model, body),
        ("GET", ["pulls", number]) => match find(model, number) {
            Some(pr) => Reply::new(200, model.shown(&pr, true)),
            None => Reply::refuse(404, "Not Found"),
        },
        ("PATCH", ["pulls", number]) => update(model, number, body),
        ("POST", ["issues", number, "labels"]) => label(model, number, body),
        ("GET", ["pulls", number, "reviews"]) => {
            let of = |review: &&(u64, Value, Vec<Value>)| review.0.to_string() == *number;
            let reviews: Vec<Value> = model
                .reviews
                .iter()
                .filter(of)
                .map(|review| review.1.clone())
                .collect();
            Reply::new(200, page(&reviews, query))
        }
        ("GET", ["pulls", _, "reviews", id, "comments"]) => {
            let found = model
                .reviews
                .iter()
                .find(|review| review.1["id"].as_u64() == id.parse().ok());
            let comments = found.map(|review| review.2.clone()).unwrap_or_default();
            Reply::new(200, page(&comments, query))
        }
        ("GET", ["commits", sha, "check-runs"]) => {
            let of = |check: &&Value| check["head_sha"] == *sha;
            let checks: Vec<&Value> = model.checks.iter().filter(of).collect();
            Reply::new(
                200,
                json!({ "total_count": checks.len(), "check_runs": checks }),
            )
        }
        ("GET", ["check-runs", _, "annotations"]) => Reply::new(
            200,
            json!([
                { "path": ".github", "start_line": 1, "annotation_level": "warning", "message": "old node" },
                { "path": "src/lib.rs", "start_line": 7, "annotation_level": "failure", "message": "assertion failed" },
            ]),
        ),
        ("GET", ["commits", sha, "status"]) => {
            let of = model.statuses.iter().filter(|(of, _)| of == sha);
            let statuses: Vec<&Value> = of.map(|(_, status)| status).collect();
            Reply::new(200, json!({ "state": "pending", "statuses": statuses }))
        }
        ("GET", ["collaborators", login, "permission"]) => match model.permissions.get(*login) {
            Some(permission) => Reply::new(200, json!({ "permission": permission })),
            None => Reply::refuse(404, "Not Found"),
        },
        _ => Reply::refuse(404, "Not Found"),
    }
}

fn find(model: &Model, number: &str) -> Option<FakePr> {
    model
        .prs
        .iter()
        .find(|pr| pr.number.to_string() == number)
        .cloned()
}

fn value_of<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn page(items: &[Value], query: &str) -> Value {
    let number = |name, default| {
        value_of(query, name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (size, page): (usize, usize) = (number("per_page", 30), number("page", 1));
    let items: Vec<Value> = items
        .iter()
        .skip((page - 1) * size)
        .take(size)
        .cloned()
        .collect();
    Value::Array(items)
}

/// Newest first. As on GitHub, a `head` that is not `owner:branch` filters nothing; and to keep the
/// client honest, forks' branches of the same name are listed too.
fn list(model: &Model, query: &str) -> Reply {
    let branch = value_of(query, "head")
        .and_then(|head| head.split_once(':'))
        .map(|(_, branch)| branch);
    let state = value_of(query, "state").unwrap_or("open");
    let shown: Vec<Value> = model
        .prs
        .iter()
        .rev()
        .filter(|pr| branch.is_none_or(|branch| pr.branch == branch))
        .filter(|pr| state == "all" || (state == "open") == (pr.state == "open"))
        .map(|pr| model.shown(pr, false))
        .collect();
    Reply::new(200, page(&shown, query))
}

fn invalid(errors: Value) -> Reply {
    Reply::new(
        422,
        json!({ "message": "Validation Failed", "errors": errors }),
    )
}

fn create(model: &mut Model, body: &Value) -> Reply {
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let (title, head, base, text_body) = (text("title"), text("head"), text("base"), text("body"));
    let draft = body["draft"] == true;
    let owner = model.repo.split('/').next().unwrap_or_default().to_owned();
    let custom = |message: String| json!([{ "resource": "PullRequest", "code": "custom", "message": message }]);
    if title.is_empty() {
        return invalid(
            json!([{ "resource": "PullRequest", "code": "missing_field", "field": "title" }]),
        );
    }
    if draft && model.refuse_drafts {
        return Reply::refuse(
            422,
            "Draft pull requests are not supported in this repository.",
        );
    }
    let Some(sha) = model.head_of(&head) else {
        return invalid(json!([{ "resource": "PullRequest", "code": "invalid", "field": "head" }]));
    };
    let Some(base_sha) = model.head_of(&base) else {
        return invalid(json!([{ "resource": "PullRequest", "code": "invalid", "field": "base" }]));
    };
    if sha == base_sha {
        return invalid(custom(format!("No commits between {base} and {head}")));
    }
    if model.open_of(&head) > 0 && !model.allow_duplicates {
        return invalid(custom(format!(
            "A pull request already exists for {owner}:{head}."
        )));
    }
    if text_body.len() > model.body_max_bytes {
        return invalid(custom(format!(
            "body is too long (maximum is {})",
            model.body_max_bytes
        )));
    }
    let number = model.open(&title, &text_body, &head, &base, draft);
    let pr = find(model, &number.to_string()).expect("just opened");
    Reply::new(201, model.shown(&pr, true))
}

fn update(model: &mut Model, number: &str, body: &Value) -> Reply {
    let limit = model.body_max_bytes;
    let Some(pr) = model
        .prs
        .iter_mut()
        .find(|pr| pr.number.to_string() == number)
    else {
        return Reply::refuse(404, "Not Found");
    };
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    if text("body").is_some_and(|text| text.len() > limit) {
        return invalid(json!([{ "code": "custom", "message": "body is too long" }]));
    }
    pr.title = text("title").unwrap_or_else(|| pr.title.clone());
    pr.body = text("body").unwrap_or_else(|| pr.body.clone());
    pr.base = text("base").unwrap_or_else(|| pr.base.clone());
    let pr = pr.clone();
    Reply::new(200, model.shown(&pr, true))
}

fn label(model: &mut Model, number: &str, body: &Value) -> Reply {
    let Some(pr) = model
        .prs
        .iter_mut()
        .find(|pr| pr.number.to_string() == number)
    else {
        return Reply::refuse(404, "Not Found");
    };
    for name in body["labels"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if !pr.labels.iter().any(|label| label == name) {
            pr.labels.push(name.to_owned());
        }
    }
    let labels: Vec<Value> = pr
        .labels
        .iter()
        .map(|name| json!({ "name": name }))
        .collect();
    Reply::new(200, json!(labels))
}
