//! What is said on the pretend GitHub: reviews, threads, comments, and who is asked for a review.

use serde_json::{Value, json};

use super::http::Reply;
use super::model::{FakeComment, FakeReview, Model, user};
use super::routes::invalid;

pub(crate) fn review(review: &FakeReview) -> Value {
    json!({
        "id": review.id, "user": user(&review.login), "state": review.state, "body": review.body,
        "commit_id": review.commit, "author_association": review.association, "node_id": "x",
        "unknown": [1],
    })
}

pub(crate) fn lines(review: &FakeReview) -> Vec<Value> {
    let line = |(id, path, line, text): &(u64, String, u64, String)| {
        json!({
            "id": id, "user": user(&review.login), "path": path, "line": line, "body": text,
            "pull_request_review_id": review.id,
        })
    };
    review.lines.iter().map(line).collect()
}

/// All that is said in threads of a pull request.
pub(crate) fn all_lines(model: &Model, number: &str) -> Vec<Value> {
    let of = |review: &&FakeReview| review.number.to_string() == number;
    let mut all: Vec<Value> = model.reviews.iter().filter(of).flat_map(lines).collect();
    let replies = model
        .comments
        .iter()
        .filter(|comment| comment.thread.is_some() && comment.number.to_string() == number);
    all.extend(replies.map(shown));
    all
}

fn shown(comment: &FakeComment) -> Value {
    json!({
        "id": comment.id, "user": user(&comment.login), "body": comment.body,
        "html_url": url_of(comment), "created_at": "2026-11-21T07:30:00Z",
        "in_reply_to_id": comment.thread,
    })
}

/// Without the address of the server, which differs from run to run.
pub(crate) fn url_of(comment: &FakeComment) -> String {
    format!(
        "https://pretend/{}#{}",
        comment.number,
        comment.id - 500_000_000_000
    )
}

pub(crate) fn comments(model: &Model, number: &str) -> Vec<Value> {
    let of =
        |comment: &&FakeComment| comment.thread.is_none() && comment.number.to_string() == number;
    model.comments.iter().filter(of).map(shown).collect()
}

fn add(model: &mut Model, number: &str, body: &Value, thread: Option<u64>) -> Reply {
    let text = body["body"].as_str().unwrap_or_default().to_owned();
    if text.is_empty() || text.len() > model.body_max_bytes {
        return invalid(
            json!([{ "resource": "IssueComment", "code": "unprocessable", "field": "data", "message": "Body is too long (maximum is 65536 characters)" }]),
        );
    }
    let Ok(number) = number.parse() else {
        return Reply::refuse(404, "Not Found");
    };
    let viewer = model.viewer.clone();
    model.comment(number, &viewer, &text, thread);
    let made = model.comments.last().map(shown);
    Reply::new(201, made.unwrap_or_default())
}

pub(crate) fn comment(model: &mut Model, number: &str, body: &Value) -> Reply {
    add(model, number, body, None)
}

pub(crate) fn reply(model: &mut Model, number: &str, id: &str, body: &Value) -> Reply {
    let top = model.reviews.iter().flat_map(|review| &review.lines);
    let top = top.map(|line| line.0).find(|top| top.to_string() == id);
    match top {
        Some(top) => add(model, number, body, Some(top)),
        None => Reply::refuse(404, "Not Found"),
    }
}

/// Only people who may do something here, and teams, can be asked.
pub(crate) fn ask(model: &mut Model, number: &str, body: &Value) -> Reply {
    let names = |field: &str| -> Vec<String> {
        let names = body[field].as_array().into_iter().flatten();
        names.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let people = names("reviewers");
    if people.contains(&model.viewer) {
        return Reply::refuse(422, "Review cannot be requested from pull request author.");
    }
    if people
        .iter()
        .any(|name| !model.permissions.contains_key(name))
    {
        return Reply::refuse(
            422,
            "Reviews may only be requested from collaborators. One or more of the users or teams you \
             specified is not a collaborator of the octo/hello repository.",
        );
    }
    let teams = names("team_reviewers")
        .into_iter()
        .map(|team| format!("org/{team}"));
    let asked: Vec<String> = people.into_iter().chain(teams).collect();
    let Some(pr) = model
        .prs
        .iter_mut()
        .find(|pr| pr.number.to_string() == number)
    else {
        return Reply::refuse(404, "Not Found");
    };
    pr.reviewers.extend(asked);
    let pr = pr.clone();
    Reply::new(201, model.shown(&pr, true))
}
