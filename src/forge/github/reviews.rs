//! Reviews that ask for changes, by people who may write to the repository.
//!
//! What bots and outsiders say runs nothing (R4): an association alone is not trusted either, the
//! forge is asked what the reviewer may do.

use std::collections::BTreeMap;

use crate::domain::ids::Oid;
use crate::domain::review::FeedbackKind;
use crate::forge::github::answers::{Permission, Review, ReviewComment, User};
use crate::forge::github::api::{Api, Ask, parse};
use crate::forge::github::text::{bounded, encode};
use crate::ports::forge::{ForgeError, ForgeFeedback};

/// Most bytes of one feedback.
pub(super) const FEEDBACK_MAX_BYTES: usize = 8 << 10;
/// Pages of a hundred reviews that are read; the newest are on the last.
const PAGES_MAX: usize = 5;
/// Reviewers whose rights are asked for, of one review.
const REVIEWERS_MAX: usize = 5;

/// One feedback for each writer whose newest verdict asks for changes.
pub(super) fn changes_requested(
    api: &mut Api<'_>,
    number: u64,
    head: &Oid,
) -> Result<Vec<ForgeFeedback>, ForgeError> {
    let asking = asking(all_reviews(api, number)?);
    let mut found = Vec::new();
    for (reviewer, review) in asking.into_iter().take(REVIEWERS_MAX) {
        if !may_write(api, &reviewer, &review)? {
            continue;
        }
        let text = text_of(api, number, &reviewer, &review)?;
        let spoken_of = review.commit_id.and_then(|sha| sha.parse().ok());
        found.push(ForgeFeedback {
            kind: FeedbackKind::ChangesRequested,
            head: spoken_of.unwrap_or_else(|| head.clone()),
            text,
            key: format!("review:{}", review.id),
        });
    }
    Ok(found)
}

fn all_reviews(api: &mut Api<'_>, number: u64) -> Result<Vec<Review>, ForgeError> {
    let what = format!("cannot read the reviews of #{number} of {}", api.names.repo);
    let mut reviews = Vec::new();
    for page in 1..=PAGES_MAX {
        let route = format!(
            "/repos/{}/pulls/{number}/reviews?per_page=100&page={page}",
            api.names.repo
        );
        let Some(more) = api.get_if_possible::<Vec<Review>>(&what, &route)? else {
            break;
        };
        let last = more.len() < 100;
        reviews.extend(more);
        if last {
            break;
        }
    }
    Ok(reviews)
}

/// The newest verdict of each person, where it asks for changes. A plain comment is no verdict.
fn asking(reviews: Vec<Review>) -> BTreeMap<String, Review> {
    let mut newest: BTreeMap<String, Review> = BTreeMap::new();
    for review in reviews {
        let verdict = matches!(
            review.state.as_str(),
            "APPROVED" | "CHANGES_REQUESTED" | "DISMISSED"
        );
        let Some(login) = review
            .user
            .as_ref()
            .filter(|user| is_person(user))
            .map(|user| user.login.clone())
        else {
            continue;
        };
        if verdict
            && newest
                .get(&login)
                .is_none_or(|before| before.id <= review.id)
        {
            newest.insert(login, review);
        }
    }
    newest.retain(|_, review| review.state == "CHANGES_REQUESTED" && may_be_a_writer(review));
    newest
}

fn is_person(user: &User) -> bool {
    user.kind.as_deref().is_none_or(|kind| kind == "User") && !user.login.ends_with("[bot]")
}

/// Outsiders are left out before anything is counted, so that they crowd out nobody.
fn may_be_a_writer(review: &Review) -> bool {
    let association = review.author_association.as_deref();
    matches!(association, Some("OWNER" | "MEMBER" | "COLLABORATOR"))
}

fn may_write(api: &mut Api<'_>, login: &str, review: &Review) -> Result<bool, ForgeError> {
    // Whoever owns the repository may write to it.
    if review.author_association.as_deref() == Some("OWNER") {
        return Ok(true);
    }
    let what = format!("cannot tell what {login} may do in {}", api.names.repo);
    let login_route = encode(login);
    let route = format!(
        "/repos/{}/collaborators/{login_route}/permission",
        api.names.repo
    );
    let answer = api.call(&what, Ask::Get, &route)?;
    if !answer.is_success() {
        api.note(format!(
            "{what} (the forge answered {}), so the review is not acted on",
            answer.status
        ));
        return Ok(false);
    }
    let permission: Permission = parse(&what, &answer)?;
    // `push` is the name of `write` where rights are given; an emulation answers with it here too.
    Ok(matches!(
        permission.permission.as_str(),
        "admin" | "maintain" | "write" | "push"
    ))
}

fn text_of(
    api: &mut Api<'_>,
    number: u64,
    reviewer: &str,
    review: &Review,
) -> Result<String, ForgeError> {
    let what = format!("cannot read the comments of review {}", review.id);
    let route = format!(
        "/repos/{}/pulls/{number}/reviews/{}/comments?per_page=100",
        api.names.repo, review.id
    );
    let comments: Option<Vec<ReviewComment>> = api.get_if_possible(&what, &route)?;
    let body = review.body.as_deref().unwrap_or_default().trim();
    let mut text = format!("{reviewer} asked for changes.\n");
    if !body.is_empty() {
        text.push_str(&format!("\n{body}\n"));
    }
    for comment in comments.unwrap_or_default() {
        if comment
            .user
            .as_ref()
            .is_none_or(|user| user.login != reviewer)
        {
            continue;
        }
        let place = match (comment.path, comment.line.or(comment.original_line)) {
            (Some(path), Some(line)) => format!("{path}:{line}: "),
            (Some(path), None) => format!("{path}: "),
            (None, _) => String::new(),
        };
        let said = comment.body.unwrap_or_default();
        text.push_str(&format!("\n{place}{}\n", said.trim()));
    }
    Ok(bounded(text.trim_end(), FEEDBACK_MAX_BYTES))
}
