//! The endpoints of the pretend GitHub.

use serde_json::{Value, json};

use super::http::Reply;
use super::model::{FakePr, FakeReview, Model, user};
use super::{TOKEN, app, graph, issues, runs, talk};

/// Merging, approving, closing, deleting, and the other doors to the same; a token shown to
/// somebody who is not GitHub.
pub(crate) fn is_forbidden(
    model: &Model,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let write = method != "GET";
    // An issue may be closed, a pull request not: also not by way of its issue.
    let of_pull = path.contains("/pulls/")
        || model
            .prs
            .iter()
            .any(|pr| path.ends_with(&format!("/issues/{}", pr.number)));
    let closes = method == "PATCH" && of_pull && body.get("state").is_some();
    let review = write && path.contains("/pulls/") && path.ends_with("/reviews");
    let merges = write && (path.ends_with("/merge") || path.ends_with("/merges"));
    let mutates = path == "/graphql" && graph::is_forbidden(body);
    let leaks = path.starts_with("/elsewhere/") && token.is_some();
    closes
        || review
        || merges
        || mutates
        || leaks
        || method == "DELETE"
        || path.contains("/git/refs")
}

/// Whether whoever shows `token` is let in.
pub(crate) fn knows(model: &Model, path: &str, token: Option<&str>) -> bool {
    match token {
        _ if path.starts_with("/elsewhere/") => true,
        Some(token) if path.starts_with("/app") || path.ends_with("/installation") => {
            model.app.takes_proof(token)
        }
        Some(token) => token == TOKEN || model.app.sold(token),
        None => false,
    }
}

fn viewer(model: &Model) -> Reply {
    if model.viewer.ends_with("[bot]") {
        return Reply::refuse(403, "Resource not accessible by integration");
    }
    Reply::new(200, user(&model.viewer))
}

pub(crate) fn answer(model: &mut Model, method: &str, path: &str, body: &Value) -> Reply {
    model.follow_branches();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    if path == "/graphql" {
        return graph::answer(model, body);
    }
    if let Some(reply) = app::answer(model, method, path, body) {
        return reply;
    }
    if path == "/user" {
        return viewer(model);
    }
    if let Some(id) = path.strip_prefix("/elsewhere/logs/") {
        let log = model.logs.get(id).cloned();
        return log.map_or_else(
            || Reply::refuse(404, "gone"),
            |log| Reply::new(200, json!(log)),
        );
    }
    if path == format!("/repos/{}", model.repo) {
        return Reply::new(200, json!({ "has_issues": !model.issues.off }));
    }
    let prefix = format!("/repos/{}/", model.repo);
    let Some(rest) = path.strip_prefix(&prefix) else {
        return Reply::refuse(404, "Not Found");
    };
    let parts: Vec<&str> = rest.split('/').collect();
    let told = issues::answer(model, method, &parts, query, body);
    if let Some(reply) = told.or_else(|| runs::answer(model, method, &parts, query)) {
        return reply;
    }
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
            let of = |review: &&FakeReview| review.number.to_string() == *number;
            let reviews: Vec<Value> = model.reviews.iter().filter(of).map(talk::review).collect();
            paged(&reviews, query)
        }
        ("GET", ["pulls", _, "reviews", id, "comments"]) => {
            let found = model
                .reviews
                .iter()
                .find(|review| review.id.to_string() == *id);
            let lines = found.map(talk::lines).unwrap_or_default();
            paged(&lines, query)
        }
        ("GET", ["pulls", number, "comments"]) => paged(&talk::all_lines(model, number), query),
        ("POST", ["pulls", number, "comments", id, "replies"]) => {
            talk::reply(model, number, id, body)
        }
        ("POST", ["pulls", number, "requested_reviewers"]) => talk::ask(model, number, body),
        ("GET", ["issues", number, "comments"]) => paged(&talk::comments(model, number), query),
        ("POST", ["issues", number, "comments"]) => talk::comment(model, number, body),
        ("GET", ["actions", "jobs", id, "logs"]) => {
            if model.logs.contains_key(*id) {
                let place = model.base_url.replace("127.0.0.1", "localhost");
                Reply::new(302, json!("")).with("location", format!("{place}/elsewhere/logs/{id}"))
            } else {
                Reply::refuse(404, "Not Found")
            }
        }
        (method, parts) => checks_and_people(model, method, parts),
    }
}

fn checks_and_people(model: &Model, method: &str, parts: &[&str]) -> Reply {
    match (method, parts) {
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
        ("GET", ["collaborators", login, "permission"])
            if model.repo.split('/').next() == Some(*login) =>
        {
            Reply::new(200, json!({ "permission": "admin" }))
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

/// A page of a listing, with where the last one is.
pub(crate) fn paged(items: &[Value], query: &str) -> Reply {
    let reply = Reply::new(200, page(items, query));
    let size = value_of(query, "per_page").and_then(|text| text.parse().ok());
    let last = items.len().div_ceil(size.unwrap_or(30));
    if last < 2 {
        return reply;
    }
    reply.with("link", format!("<http://api/x?page={last}>; rel=\"last\""))
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

pub(crate) fn invalid(errors: Value) -> Reply {
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
