//! Reviews that ask for changes, by people who may write to the repository.
//!
//! What bots and outsiders say runs nothing (R4): an association alone is not trusted either, the
//! forge is asked what the reviewer may do.

use std::collections::BTreeMap;

use crate::domain::ids::Oid;
use crate::domain::review::FeedbackKind;
use crate::forge::github::answers::{Review, ReviewComment};
use crate::forge::github::api::Api;
use crate::forge::github::batch::{Line, Verdict};
use crate::forge::github::people::{is_person, may_write};
use crate::forge::github::text::bounded;
use crate::ports::forge::{ForgeError, ForgeFeedback};

/// Most bytes of one feedback.
pub(super) const FEEDBACK_MAX_BYTES: usize = 8 << 10;
/// Pages of a hundred reviews that are read; the newest are on the last.
const PAGES_MAX: usize = 5;
/// Reviewers whose rights are asked for, of one review.
const REVIEWERS_MAX: usize = 5;

/// One feedback for each writer whose newest verdict asks for changes, by REST.
pub(super) fn changes_requested(
    api: &mut Api<'_>,
    number: u64,
    head: &Oid,
    known: &[String],
) -> Result<Vec<ForgeFeedback>, ForgeError> {
    let mut asking: Vec<(String, Review)> = asking(all_reviews(api, number)?).into_iter().collect();
    // Whoever seems to belong here first, so that outsiders crowd out nobody.
    asking.sort_by_key(|(_, review)| !may_be_a_writer(review));
    let mut found = Vec::new();
    for (reviewer, review) in asking.into_iter().take(REVIEWERS_MAX) {
        if known.contains(&key(review.id)) || !may_write(api, &reviewer)? {
            continue;
        }
        let verdict = Verdict {
            id: review.id,
            lines: lines(api, number, &reviewer, &review)?,
            by: reviewer,
            body: review.body.unwrap_or_default(),
            commit: review.commit_id,
        };
        found.push(feedback(&verdict, head));
    }
    Ok(found)
}

/// The stable name of a review.
pub(super) fn key(id: u64) -> String {
    format!("review:{id}")
}

/// Those verdicts that are not on record, with who gave them.
pub(super) fn of_verdicts(
    verdicts: &[Verdict],
    head: &Oid,
    known: &[String],
) -> Vec<(String, ForgeFeedback)> {
    verdicts
        .iter()
        .filter(|verdict| !known.contains(&key(verdict.id)))
        .take(REVIEWERS_MAX)
        .map(|verdict| (verdict.by.clone(), feedback(verdict, head)))
        .collect()
}

/// Those of people who may write; the forge is asked.
pub(super) fn by_writers(
    api: &mut Api<'_>,
    verdicts: Vec<(String, ForgeFeedback)>,
) -> Result<Vec<ForgeFeedback>, ForgeError> {
    let mut found = Vec::new();
    for (by, feedback) in verdicts {
        if may_write(api, &by)? {
            found.push(feedback);
        }
    }
    Ok(found)
}

fn feedback(verdict: &Verdict, head: &Oid) -> ForgeFeedback {
    let spoken_of = verdict.commit.as_deref().and_then(|sha| sha.parse().ok());
    ForgeFeedback {
        kind: FeedbackKind::ChangesRequested,
        head: spoken_of.unwrap_or_else(|| head.clone()),
        text: text_of(verdict),
        key: key(verdict.id),
    }
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
    newest.retain(|_, review| review.state == "CHANGES_REQUESTED");
    newest
}

/// A hint only: a member who keeps that to themselves is shown as an outsider.
fn may_be_a_writer(review: &Review) -> bool {
    let association = review.author_association.as_deref();
    matches!(association, Some("OWNER" | "MEMBER" | "COLLABORATOR"))
}

/// A review's comments by its writer.
fn lines(
    api: &mut Api<'_>,
    number: u64,
    reviewer: &str,
    review: &Review,
) -> Result<Vec<Line>, ForgeError> {
    let what = format!("cannot read the comments of review {}", review.id);
    let route = format!(
        "/repos/{}/pulls/{number}/reviews/{}/comments?per_page=100",
        api.names.repo, review.id
    );
    let comments: Option<Vec<ReviewComment>> = api.get_if_possible(&what, &route)?;
    let by = |comment: &ReviewComment| comment.user.as_ref().map(|user| user.login.clone());
    Ok(comments
        .unwrap_or_default()
        .into_iter()
        .filter(|comment| by(comment).as_deref() == Some(reviewer))
        .map(|comment| Line {
            path: comment.path,
            line: comment.line.or(comment.original_line),
            text: comment.body.unwrap_or_default(),
        })
        .collect())
}

fn text_of(verdict: &Verdict) -> String {
    let mut text = format!("{} asked for changes.\n", verdict.by);
    let body = verdict.body.trim();
    if !body.is_empty() {
        text.push_str(&format!("\n{body}\n"));
    }
    for Line {
        path,
        line,
        text: said,
    } in &verdict.lines
    {
        let place = match (path, line) {
            (Some(path), Some(line)) => format!("{path}:{line}: "),
            (Some(path), None) => format!("{path}: "),
            (None, _) => String::new(),
        };
        text.push_str(&format!("\n{place}{}\n", said.trim()));
    }
    bounded(text.trim_end(), FEEDBACK_MAX_BYTES)
}
