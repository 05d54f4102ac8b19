//! Where fleet has said something already, and the threads of a review: by GraphQL, which tells
//! whose a comment is, else by REST.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::forge::github::answers::{Comment, ReviewComment};
use crate::forge::github::api::{Api, Ask, parse};
use crate::forge::github::graphql::Graph;
use crate::forge::github::people::is_ours;
use crate::forge::github::refusal;
use crate::ports::forge::ForgeError;

/// Pages of a hundred comments that are looked through, newest first.
const PAGES_MAX: u32 = 5;

const COMMENTS: &str = "comments(last: 100, before: $before) {
  pageInfo { hasPreviousPage startCursor } nodes { body url viewerDidAuthor } }";

const THREADS: &str = "reviewThreads(last: 50) { nodes { isResolved
  top: comments(first: 1) { nodes { fullDatabaseId } }
  comments(last: 50) { nodes { body viewerDidAuthor pullRequestReview { fullDatabaseId } } } } }";

/// A thread of a review that nobody marked as resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thread {
    /// The comment that it began with.
    pub(super) top: u64,
    /// True if fleet's answer stands in it.
    pub(super) answered: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The comment that carries the marker, by its address.
    pub(super) said: Option<Option<String>>,
    pub(super) threads: Vec<Thread>,
}

/// Looks for fleet's own comment with `marker` on `number`, and for the threads of `review`.
pub(super) fn find(
    api: &mut Api<'_>,
    number: u64,
    marker: &str,
    review: Option<u64>,
) -> Result<Places, ForgeError> {
    if let Some(places) = by_graphql(api, number, marker, review)? {
        return Ok(places);
    }
    Ok(Places {
        said: comment(api, number, marker)?,
        threads: match review {
            Some(review) => threads(api, number, marker, review)?,
            None => Vec::new(),
        },
    })
}

fn by_graphql(
    api: &mut Api<'_>,
    number: u64,
    marker: &str,
    review: Option<u64>,
) -> Result<Option<Places>, ForgeError> {
    let what = format!(
        "cannot read the comments on #{number} of {}",
        api.names.repo
    );
    let mut places = Places::default();
    let mut before = Value::Null;
    for page in 0..PAGES_MAX {
        let threads = if page == 0 && review.is_some() {
            THREADS
        } else {
            ""
        };
        let query = format!(
            "query($owner: String!, $name: String!, $number: Int!, $before: String) {{ \
             repository(owner: $owner, name: $name) {{ issueOrPullRequest(number: $number) {{ \
             __typename ... on Issue {{ {COMMENTS} }} ... on PullRequest {{ {COMMENTS} {threads} }} \
             }} }} }}"
        );
        let variables = json!({
            "owner": api.config.repo.owner(), "name": api.config.repo.name(),
            "number": number, "before": before,
        });
        let Graph::Data(data, _) = api.query(&what, &query, &variables)? else {
            return Ok(None);
        };
        let it = &data["repository"]["issueOrPullRequest"];
        if it.is_null() {
            // REST says in a sentence why.
            return Ok(None);
        }
        if let Some(review) = review.filter(|_| page == 0) {
            places.threads = threads_of(&it["reviewThreads"], marker, review);
        }
        let mine = |node: &&Value| is_said(node, marker);
        if let Some(node) = nodes(&it["comments"]).find(mine) {
            places.said = Some(node["url"].as_str().map(str::to_owned));
            break;
        }
        let info = &it["comments"]["pageInfo"];
        if info["hasPreviousPage"] != true {
            break;
        }
        before = info["startCursor"].clone();
    }
    Ok(Some(places))
}

fn nodes(connection: &Value) -> impl Iterator<Item = &Value> {
    connection["nodes"].as_array().into_iter().flatten()
}

fn is_said(node: &Value, marker: &str) -> bool {
    let body = node["body"].as_str().unwrap_or_default();
    node["viewerDidAuthor"] == true && body.contains(marker)
}

fn id_of(node: &Value) -> Option<u64> {
    let id = &node["fullDatabaseId"];
    id.as_u64().or_else(|| id.as_str()?.parse().ok())
}

fn threads_of(connection: &Value, marker: &str, review: u64) -> Vec<Thread> {
    let open = nodes(connection).filter(|thread| thread["isResolved"] == false);
    open.filter(|thread| {
        let of = |line: &Value| id_of(&line["pullRequestReview"]) == Some(review);
        nodes(&thread["comments"]).any(of)
    })
    .filter_map(|thread| {
        Some(Thread {
            top: nodes(&thread["top"]).find_map(id_of)?,
            answered: nodes(&thread["comments"]).any(|line| is_said(line, marker)),
        })
    })
    .collect()
}

/// By REST: the first page, then from the last one back.
fn comment(
    api: &mut Api<'_>,
    number: u64,
    marker: &str,
) -> Result<Option<Option<String>>, ForgeError> {
    let repo = api.names.repo.clone();
    let what = format!("cannot read the comments on #{number} of {repo}");
    let route = format!("/repos/{repo}/issues/{number}/comments?per_page=100&page=");
    let (mut page, mut back) = (1, None);
    for _ in 0..PAGES_MAX {
        let answer = api.call(&what, Ask::Get, &format!("{route}{page}"))?;
        if !answer.is_success() {
            return Err(refusal::refused(&what, &answer, api.names));
        }
        let comments: Vec<Comment> = parse(&what, &answer)?;
        for comment in comments {
            let body = comment.body.as_deref().unwrap_or_default();
            if body.contains(marker) && is_ours(api, comment.user.as_ref())? {
                return Ok(Some(comment.html_url));
            }
        }
        page = match back {
            None => answer.last_page.unwrap_or(1),
            Some(before) => before - 1,
        };
        back = Some(page);
        if page <= 1 {
            break;
        }
    }
    Ok(None)
}

/// By REST, which does not tell what is resolved: all threads of the review.
fn threads(
    api: &mut Api<'_>,
    number: u64,
    marker: &str,
    review: u64,
) -> Result<Vec<Thread>, ForgeError> {
    let repo = api.names.repo.clone();
    let what = format!("cannot read the review comments on #{number} of {repo}");
    let route = format!("/repos/{repo}/pulls/{number}/comments?per_page=100");
    let answer = api.call(&what, Ask::Get, &route)?;
    if !answer.is_success() {
        let error = refusal::refused(&what, &answer, api.names);
        api.note(error.to_string());
        return Ok(Vec::new());
    }
    let lines: Vec<ReviewComment> = parse(&what, &answer)?;
    // Top comment → of that review, answered.
    let mut threads: BTreeMap<u64, (bool, bool)> = BTreeMap::new();
    for line in lines {
        let body = line.body.as_deref().unwrap_or_default();
        let answered = body.contains(marker) && is_ours(api, line.user.as_ref())?;
        let thread = threads
            .entry(line.in_reply_to_id.unwrap_or(line.id))
            .or_default();
        thread.0 |= line.pull_request_review_id == Some(review);
        thread.1 |= answered;
    }
    Ok(threads
        .into_iter()
        .filter(|(_, (of, _))| *of)
        .map(|(top, (_, answered))| Thread { top, answered })
        .collect())
}
