//! What fleet says on pull requests and issues: each thing once, known by a hidden marker.

use serde_json::json;

use crate::forge::github::answers::Comment;
use crate::forge::github::api::{Api, Ask, parse};
use crate::forge::github::refusal;
use crate::forge::github::text::head;
use crate::ports::forge::{ForgeError, ForgeSaying};

/// Pages of a hundred comments that are read in search of a marker.
const PAGES_MAX: usize = 5;
/// As for bodies of pull requests, with room for the marker.
const TEXT_MAX_BYTES: usize = 59_000;

/// Posts the saying, unless a comment with its marker is there. Where it stands.
pub(super) fn say(api: &mut Api<'_>, saying: &ForgeSaying) -> Result<Option<String>, ForgeError> {
    let marker = marker(&saying.key);
    let said = comments(api, saying.number)?;
    let has = |comment: &&Comment| comment.body.as_deref().is_some_and(|b| b.contains(&marker));
    if let Some(there) = said.iter().find(has) {
        return Ok(there.html_url.clone());
    }
    let repo = api.names.repo.clone();
    let what = format!("cannot comment on #{} of {repo}", saying.number);
    let route = format!("/repos/{repo}/issues/{}/comments", saying.number);
    let text = format!("{}\n\n{marker}", head(&saying.text, TEXT_MAX_BYTES));
    let answer = api.call(&what, Ask::Post(&json!({ "body": text })), &route)?;
    if !answer.is_success() {
        return Err(refusal::refused(&what, &answer, api.names));
    }
    Ok(parse::<Comment>(&what, &answer)?.html_url)
}

fn marker(key: &str) -> String {
    format!("<!-- fleet:{key} -->")
}

fn comments(api: &mut Api<'_>, number: u64) -> Result<Vec<Comment>, ForgeError> {
    let repo = api.names.repo.clone();
    let what = format!("cannot read the comments on #{number} of {repo}");
    let mut all = Vec::new();
    for page in 1..=PAGES_MAX {
        let route = format!("/repos/{repo}/issues/{number}/comments?per_page=100&page={page}");
        let some: Vec<Comment> = api.get(&what, &route)?;
        let last = some.len() < 100;
        all.extend(some);
        if last {
            break;
        }
    }
    Ok(all)
}
