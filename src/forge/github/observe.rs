//! One read of all reviews in flight: what each is, then what is said about the open ones.
//!
//! What each is comes first and whole; what is said fits into the rest of the budget, and begins
//! with another review every minute, so that none starves. What is on record is not asked for again.

use crate::domain::ids::Oid;
use crate::domain::review::FeedbackKind;
use crate::forge::github::api::Api;
use crate::forge::github::batch::{self, BATCH, SMALL, Told};
use crate::forge::github::one_by_one::{self, CALLS_PER_REVIEW};
use crate::forge::github::{checks, remarks, reviews};
use crate::ports::forge::{
    ForgeError, ForgeFeedback, ForgeRemark, ForgeState, ReviewFacts, ReviewWatch,
};

/// Calls that what is said about one review may take beyond the batch: permissions, checks and
/// their annotations and logs.
const CALLS_BEYOND: u32 = 6;

/// What is said about a review.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) feedback: Vec<ForgeFeedback>,
    pub(super) remarks: Vec<ForgeRemark>,
}

/// What a review was found to be, and by which way.
enum Look {
    Batch(Option<Box<batch::Seen>>),
    Single(one_by_one::Seen),
    NotLookedAt,
}

pub(super) fn observe(
    api: &mut Api<'_>,
    watch: &[ReviewWatch],
) -> Result<Vec<ReviewFacts>, ForgeError> {
    let looks = look(api, watch)?;
    let mut facts: Vec<ReviewFacts> = watch
        .iter()
        .zip(&looks)
        .map(|(watch, look)| facts_of(watch, look))
        .collect();
    let turn = usize::try_from(api.clock.now().0 / 60_000).unwrap_or(0) % watch.len();
    for at in (turn..watch.len()).chain(0..turn) {
        if facts[at].state != ForgeState::Open || facts[at].head.is_none() {
            continue;
        }
        match heard(api, &watch[at], &looks[at]) {
            Ok(Some(heard)) => {
                facts[at].feedback = heard.feedback;
                facts[at].remarks = heard.remarks;
            }
            Ok(None) => out_of_budget(api),
            Err(error @ ForgeError::Denied { .. }) => return Err(error),
            // What each review is, is known: feedback can wait for the next tick.
            Err(error) => {
                api.note(error.to_string());
                break;
            }
        }
    }
    Ok(facts)
}

fn look(api: &mut Api<'_>, watch: &[ReviewWatch]) -> Result<Vec<Look>, ForgeError> {
    let mut looks = Vec::with_capacity(watch.len());
    let mut size = BATCH;
    while looks.len() < watch.len() {
        let rest = &watch[looks.len()..];
        if api.reads_left() == 0 {
            out_of_budget(api);
            looks.extend(rest.iter().map(|_| Look::NotLookedAt));
            break;
        }
        let part: Vec<&ReviewWatch> = rest.iter().take(size).collect();
        match batch::read(api, &part) {
            Ok(Told::Seen(found)) => {
                looks.extend(
                    found
                        .into_iter()
                        .map(|seen| Look::Batch(seen.map(Box::new))),
                );
            }
            // Too much for the server, perhaps.
            Ok(Told::Nothing(_)) if part.len() > SMALL && !api.session.no_graphql => size = SMALL,
            Ok(Told::Nothing(why)) => {
                api.note(format!(
                    "{} is read without GraphQL, which takes more calls: {why}",
                    api.names.repo
                ));
                looks.extend(one_by_one::read(api, rest)?.into_iter().map(Look::Single));
            }
            Err(error) if looks.is_empty() || matches!(error, ForgeError::Denied { .. }) => {
                return Err(error);
            }
            Err(error) => {
                api.note(error.to_string());
                looks.extend(rest.iter().map(|_| Look::NotLookedAt));
            }
        }
    }
    Ok(looks)
}

fn facts_of(watch: &ReviewWatch, look: &Look) -> ReviewFacts {
    let seen = match look {
        Look::Batch(Some(seen)) => seen,
        Look::Batch(None) => return ReviewFacts::unknown(None, &watch.branch),
        Look::NotLookedAt => return ReviewFacts::unknown(watch.number, &watch.branch),
        Look::Single(seen) => return one_by_one::facts_of(watch, seen),
    };
    let commit = seen.merge_commit.as_deref();
    let state = match seen.state.as_str() {
        "MERGED" => ForgeState::Merged {
            commit: commit.and_then(|sha| sha.parse().ok()),
        },
        "CLOSED" => ForgeState::Closed,
        _ => ForgeState::Open,
    };
    ReviewFacts {
        number: Some(seen.number),
        branch: watch.branch.clone(),
        head: seen.head.parse().ok(),
        state,
        feedback: Vec::new(),
        base_branch: Some(seen.base.clone()),
        remarks: Vec::new(),
    }
}

/// What is said; `None` if the rest of the budget may not be enough to find out.
fn heard(api: &mut Api<'_>, watch: &ReviewWatch, look: &Look) -> Result<Option<Heard>, ForgeError> {
    let seen = match look {
        Look::Batch(Some(seen)) => seen,
        Look::Single(_) if api.reads_left() < CALLS_PER_REVIEW => return Ok(None),
        Look::Single(seen) => return one_by_one::heard(api, watch, seen).map(Some),
        Look::Batch(None) | Look::NotLookedAt => return Ok(Some(Heard::default())),
    };
    let mut heard = Heard::default();
    let Ok(head) = seen.head.parse::<Oid>() else {
        return Ok(Some(heard));
    };
    if seen.conflict {
        heard.feedback.push(conflict(&head, &seen.base));
    }
    let known = &watch.known;
    let verdicts = reviews::of_verdicts(&seen.asking, &head, known);
    let commands = remarks::commands(&seen.comments, known);
    let failed = checks::has_failed(&seen.checks) && !known.contains(&checks::key(&head));
    if verdicts.is_empty() && commands.is_empty() && !failed {
        return Ok(Some(heard));
    }
    if api.reads_left() < CALLS_BEYOND {
        return Ok(None);
    }
    heard.feedback.extend(reviews::by_writers(api, verdicts)?);
    if failed {
        heard.feedback.extend(checks::failed(api, &head, known)?);
    }
    heard.remarks = remarks::by_writers(api, commands)?;
    Ok(Some(heard))
}

pub(super) fn conflict(head: &Oid, base_branch: &str) -> ForgeFeedback {
    ForgeFeedback {
        kind: FeedbackKind::Conflict,
        head: head.clone(),
        text: format!(
            "The branch does not merge with {base_branch}: bring it up to date with its base and \
             resolve the conflicts."
        ),
        key: format!("conflict:{head}"),
    }
}

pub(super) fn out_of_budget(api: &mut Api<'_>) {
    api.note(format!(
        "not every review in {} was looked at: this tick's budget is {} calls (forge.max_calls)",
        api.names.repo, api.config.max_calls
    ));
}
