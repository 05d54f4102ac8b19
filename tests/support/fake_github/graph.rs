//! What the pretend GitHub tells by GraphQL.

use serde_json::{Value, json};

use super::graphql::{Selection, read, select};
use super::http::Reply;
use super::issues;
use super::model::{FakeComment, FakePr, FakeReview, Model};
use super::talk;

const READY: &str = "markPullRequestReadyForReview";

/// Every mutation but the one that fleet needs.
pub(crate) fn is_forbidden(body: &Value) -> bool {
    let Ok(document) = read(body) else {
        return false;
    };
    let name = |selection: &Selection| match selection {
        Selection::Field { name, .. } => name.clone(),
        Selection::On { .. } | Selection::Spread(_) => String::new(),
    };
    document.mutation && document.selections.iter().any(|field| name(field) != READY)
}

pub(crate) fn answer(model: &mut Model, body: &Value) -> Reply {
    if model.no_graphql {
        return Reply::refuse(404, "Not Found");
    }
    let document = match read(body) {
        Ok(document) => document,
        Err(message) => return problem(&message),
    };
    let variables = &body["variables"];
    if document.mutation {
        let id = variables["id"].as_str().unwrap_or_default().to_owned();
        let Some(pr) = model
            .prs
            .iter_mut()
            .find(|pr| format!("PR_{}", pr.number) == id)
        else {
            return problem("Could not resolve to a node with the global id");
        };
        pr.draft = false;
        let done = json!({ READY: { "pullRequest": { "isDraft": false } } });
        return Reply::new(200, json!({ "data": done }));
    }
    let name = format!(
        "{}/{}",
        variables["owner"].as_str().unwrap_or_default(),
        variables["name"].as_str().unwrap_or_default()
    );
    let known = name.eq_ignore_ascii_case(&model.repo) || model.former_repo.as_ref() == Some(&name);
    let tree = json!({
        "__typename": "Query",
        "viewer": { "__typename": "User", "login": model.viewer },
        "repository": if known { repository(model, variables) } else { Value::Null },
    });
    match select(&document, &tree) {
        Ok(data) => {
            let mut errors = Vec::new();
            for (field, value) in data["repository"].as_object().into_iter().flatten() {
                if value.is_null() {
                    errors.push(json!({
                        "type": "NOT_FOUND", "path": ["repository", field],
                        "message": "Could not resolve to a PullRequest with that number.",
                    }));
                }
            }
            if errors.is_empty() {
                Reply::new(200, json!({ "data": data }))
            } else {
                Reply::new(200, json!({ "data": data, "errors": errors }))
            }
        }
        Err(message) => problem(&message),
    }
}

fn problem(message: &str) -> Reply {
    Reply::new(200, json!({ "errors": [{ "message": message }] }))
}

fn repository(model: &Model, variables: &Value) -> Value {
    let (listed, issues) = issues::graph(model, variables);
    let pulls: Vec<Value> = model.prs.iter().map(|pr| pull(model, pr)).collect();
    let mut all = pulls.clone();
    all.extend(issues.as_array().into_iter().flatten().cloned());
    // Every other number that was commented on is an issue, if it is no pull request.
    for comment in &model.comments {
        if all.iter().all(|one| one["number"] != comment.number) {
            all.push(json!({
                "__typename": "Issue", "number": comment.number,
                "comments": comments(model, comment.number),
            }));
        }
    }
    json!({
        "__typename": "Repository", "nameWithOwner": model.repo,
        "hasIssuesEnabled": !model.issues.off,
        "pullRequest": pulls, "pullRequests": pulls, "issueOrPullRequest": all,
        "issues": listed, "issue": issues,
    })
}

fn pull(model: &Model, pr: &FakePr) -> Value {
    let state = match pr.state.as_str() {
        "open" => "OPEN",
        "merged" => "MERGED",
        _ => "CLOSED",
    };
    let mergeable = match pr.mergeable_state.as_str() {
        "dirty" => "CONFLICTING",
        "unknown" => "UNKNOWN",
        _ => "MERGEABLE",
    };
    let merge = pr.merge_commit.as_ref();
    let merge = merge.map(|oid| json!({ "__typename": "Commit", "oid": oid }));
    let commit = json!({ "__typename": "Commit", "oid": pr.head, "statusCheckRollup": rollup(model, &pr.head) });
    json!({
        "__typename": "PullRequest", "number": pr.number, "state": state, "isDraft": pr.draft,
        "headRefName": pr.branch, "headRefOid": pr.head, "baseRefName": pr.base,
        "mergeable": mergeable, "mergeCommit": merge,
        "headRepository": { "__typename": "Repository", "nameWithOwner": pr.repo },
        "latestOpinionatedReviews": verdicts(model, pr.number),
        "reviewThreads": threads(model, pr.number),
        "comments": comments(model, pr.number),
        "commits": [{ "__typename": "PullRequestCommit", "commit": commit }],
    })
}

/// As in GraphQL, where the name of a bot does not end in `[bot]`.
fn actor(login: &str) -> Value {
    match login.strip_suffix("[bot]") {
        Some(bot) => json!({ "__typename": "Bot", "login": bot }),
        None => json!({ "__typename": "User", "login": login }),
    }
}

/// The newest verdict of each; outsiders' too, to keep the client honest.
fn verdicts(model: &Model, number: u64) -> Vec<Value> {
    let of = model
        .reviews
        .iter()
        .filter(|review| review.number == number);
    let verdicts: Vec<&FakeReview> = of.filter(|review| review.state != "COMMENTED").collect();
    let newest = |review: &&&FakeReview| {
        let later = |other: &&FakeReview| other.login == review.login && other.id > review.id;
        !verdicts.iter().any(later)
    };
    let shown = |review: &&FakeReview| {
        let commit = review.commit.as_ref();
        json!({
            "__typename": "PullRequestReview", "fullDatabaseId": review.id.to_string(),
            "state": review.state, "body": review.body, "author": actor(&review.login),
            "commit": commit.map(|oid| json!({ "__typename": "Commit", "oid": oid })),
        })
    };
    verdicts.iter().filter(newest).map(shown).collect()
}

fn threads(model: &Model, number: u64) -> Vec<Value> {
    let mut threads = Vec::new();
    for review in model
        .reviews
        .iter()
        .filter(|review| review.number == number)
    {
        let of_review =
            json!({ "__typename": "PullRequestReview", "fullDatabaseId": review.id.to_string() });
        for (id, path, line, text) in &review.lines {
            let mut said = vec![json!({
                "__typename": "PullRequestReviewComment", "fullDatabaseId": id.to_string(),
                "body": text, "author": actor(&review.login), "pullRequestReview": of_review,
                "viewerDidAuthor": review.login == model.viewer,
            })];
            let replies = model
                .comments
                .iter()
                .filter(|comment| comment.thread == Some(*id));
            said.extend(replies.map(|reply| {
                json!({
                    "__typename": "PullRequestReviewComment",
                    "fullDatabaseId": reply.id.to_string(), "body": reply.body,
                    "author": actor(&reply.login), "pullRequestReview": null,
                    "viewerDidAuthor": reply.login == model.viewer,
                })
            }));
            threads.push(json!({
                "__typename": "PullRequestReviewThread", "isResolved": model.resolved.contains(id),
                "path": path, "line": line, "originalLine": line, "comments": said,
            }));
        }
    }
    threads
}

fn comments(model: &Model, number: u64) -> Vec<Value> {
    let of = |comment: &&FakeComment| comment.number == number && comment.thread.is_none();
    let shown = |comment: &FakeComment| {
        json!({
            "__typename": "IssueComment", "fullDatabaseId": comment.id.to_string(),
            "body": comment.body, "author": actor(&comment.login), "isMinimized": false,
            "createdAt": "2026-11-21T07:30:00Z", "url": talk::url_of(comment),
            "viewerDidAuthor": comment.login == model.viewer,
        })
    };
    model.comments.iter().filter(of).map(shown).collect()
}

fn rollup(model: &Model, sha: &str) -> Value {
    let upper = |value: &Value| value.as_str().map(str::to_ascii_uppercase);
    let runs = model.checks.iter().filter(|check| check["head_sha"] == sha);
    let mut all: Vec<Value> = runs
        .map(|check| {
            json!({
                "__typename": "CheckRun", "status": upper(&check["status"]),
                "conclusion": upper(&check["conclusion"]),
            })
        })
        .collect();
    let statuses = model.statuses.iter().filter(|(of, _)| of == sha);
    all.extend(statuses.map(
        |(_, status)| json!({ "__typename": "StatusContext", "state": upper(&status["state"]) }),
    ));
    if all.is_empty() {
        return Value::Null;
    }
    json!({ "__typename": "StatusCheckRollup", "contexts": all })
}
