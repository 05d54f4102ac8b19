//! What is done to a pull request that is open: labels, reviewers, ready to merge. It is the pull
//! request without them, too: a refusal is a note. What fails otherwise is an error, so that the
//! next try ends it.

use serde_json::{Value, json};

use crate::forge::github::answers::{Pull, Review};
use crate::forge::github::api::{Api, Ask};
use crate::forge::github::graphql::Graph;
use crate::forge::github::people::is_person;
use crate::forge::github::refusal;
use crate::forge::github::text::fragment;
use crate::ports::forge::{ForgeError, ReviewDraft, ReviewStage};

const READY: &str = "mutation($id: ID!) { markPullRequestReadyForReview(input: \
                     {pullRequestId: $id}) { pullRequest { isDraft } } }";

/// After it was opened.
pub(super) fn fresh(api: &mut Api<'_>, draft: &ReviewDraft, pull: &Pull) -> Result<(), ForgeError> {
    // Labels last: where one is, all that comes before was tried.
    request_reviewers(api, pull)?;
    label(api, pull.number)?;
    ready(api, draft, pull)
}

/// After it was found. What is there stays as a human left it.
pub(super) fn again(api: &mut Api<'_>, draft: &ReviewDraft, pull: &Pull) -> Result<(), ForgeError> {
    // None of ours at all: the first try ended between creating and labelling. Some: a human's choice.
    let ours = |wanted: &String| {
        pull.labels
            .iter()
            .any(|label| label.name.eq_ignore_ascii_case(wanted))
    };
    if !api.config.labels.iter().any(ours) {
        if !anybody_looks(api, pull)? {
            request_reviewers(api, pull)?;
        }
        label(api, pull.number)?;
    }
    ready(api, draft, pull)
}

/// True if a review was asked for, or given by a person.
fn anybody_looks(api: &mut Api<'_>, pull: &Pull) -> Result<bool, ForgeError> {
    let asked = !pull.requested_reviewers.is_empty() || !pull.requested_teams.is_empty();
    if asked || api.config.reviewers.is_empty() {
        return Ok(true);
    }
    let what = format!(
        "cannot read the reviews of #{} of {}",
        pull.number, api.names.repo
    );
    let route = format!(
        "/repos/{}/pulls/{}/reviews?per_page=100",
        api.names.repo, pull.number
    );
    let reviews: Option<Vec<Review>> = api.get_if_possible(&what, &route)?;
    let by_person = |review: &Review| review.user.as_ref().is_some_and(is_person);
    Ok(reviews.is_some_and(|reviews| reviews.iter().any(by_person)))
}

/// People and `org/team`s; who opened it cannot review it.
fn request_reviewers(api: &mut Api<'_>, pull: &Pull) -> Result<(), ForgeError> {
    let author = pull
        .user
        .as_ref()
        .map(|user| user.login.to_ascii_lowercase());
    let (mut people, mut teams) = (Vec::new(), Vec::new());
    for name in &api.config.reviewers {
        match name.split_once('/') {
            Some((_, team)) => teams.push(team),
            None if Some(name.to_ascii_lowercase()) == author => {}
            None => people.push(name.as_str()),
        }
    }
    if people.is_empty() && teams.is_empty() {
        return Ok(());
    }
    let what = format!(
        "cannot ask for reviews of pull request #{} of {}",
        pull.number, api.names.repo
    );
    let route = format!(
        "/repos/{}/pulls/{}/requested_reviewers",
        api.names.repo, pull.number
    );
    let request = json!({ "reviewers": people, "team_reviewers": teams });
    add(api, &what, &route, &request)
}

/// Puts the labels on.
fn label(api: &mut Api<'_>, number: u64) -> Result<(), ForgeError> {
    if api.config.labels.is_empty() {
        return Ok(());
    }
    let what = format!("cannot label pull request #{number} of {}", api.names.repo);
    let route = format!("/repos/{}/issues/{number}/labels", api.names.repo);
    let request = json!({ "labels": api.config.labels });
    add(api, &what, &route, &request)
}

fn add(api: &mut Api<'_>, what: &str, route: &str, request: &Value) -> Result<(), ForgeError> {
    let answer = api.call(what, Ask::Post(request), route)?;
    if !answer.is_success() {
        let error = refusal::refused(what, &answer, api.names);
        api.note(error.to_string());
    }
    Ok(())
}

/// Makes a draft ready where that is wanted. REST cannot.
fn ready(api: &mut Api<'_>, draft: &ReviewDraft, pull: &Pull) -> Result<(), ForgeError> {
    if draft.stage != ReviewStage::Ready || !pull.draft {
        return Ok(());
    }
    let what = format!(
        "cannot mark pull request #{} of {} as ready for review",
        pull.number, api.names.repo
    );
    let why = match &pull.node_id {
        None => "the forge does not tell its name in GraphQL".to_owned(),
        Some(id) => match api.mutate(&what, READY, &json!({ "id": id }))? {
            Graph::Data(_, problems) if problems.is_empty() => return Ok(()),
            Graph::Data(_, problems) => fragment(&problems[0].message),
            Graph::Nothing(why) => why,
        },
    };
    api.note(format!("{what}: {why}; a human can, on its page"));
    Ok(())
}
