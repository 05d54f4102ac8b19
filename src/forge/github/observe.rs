//! One read of all reviews in flight: what each is, then what is said about the open ones.
//!
//! What each is comes first and whole; what is said fits into the rest of the budget, and begins
//! with another review every minute, so that none starves.

use crate::domain::ids::Oid;
use crate::domain::review::FeedbackKind;
use crate::forge::github::answers::Pull;
use crate::forge::github::api::{Api, Ask, parse};
use crate::forge::github::publish::of_branch;
use crate::forge::github::{checks, refusal, reviews};
use crate::ports::forge::{ForgeError, ForgeFeedback, ForgeState, ReviewFacts, ReviewWatch};

/// Above this many reviews, listings of a hundred are cheaper than single reads.
const SINGLE_MAX: usize = 20;
/// Pages of a listing that are read.
const PAGES_MAX: usize = 5;
/// Calls that one review's feedback may take: reviews, permissions, comments, checks, annotations.
const CALLS_PER_REVIEW: u32 = 8;

pub(super) fn observe(
    api: &mut Api<'_>,
    watch: &[ReviewWatch],
) -> Result<Vec<ReviewFacts>, ForgeError> {
    let listed = if watch.len() > SINGLE_MAX {
        listing(api, watch)?
    } else {
        Vec::new()
    };
    let mut pulls = Vec::with_capacity(watch.len());
    for watch in watch {
        pulls.push(what_it_is(api, watch, &listed)?);
    }
    let mut facts: Vec<ReviewFacts> = watch
        .iter()
        .zip(&pulls)
        .map(|(watch, seen)| facts_of(watch, seen))
        .collect();
    let turn = usize::try_from(api.clock.now().0 / 60_000).unwrap_or(0) % watch.len();
    for at in (turn..watch.len()).chain(0..turn) {
        let Seen::There { pull, whole } = &pulls[at] else {
            continue;
        };
        if !pull.is_open() {
            continue;
        }
        if api.reads_left() < CALLS_PER_REVIEW {
            out_of_budget(api);
            break;
        }
        match feedback(api, pull, *whole, &watch[at].base_branch) {
            Ok(feedback) => facts[at].feedback = feedback,
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

fn out_of_budget(api: &mut Api<'_>) {
    api.note(format!(
        "not every review in {} was looked at: this tick's budget is {} calls (forge.max_calls)",
        api.names.repo, api.config.max_calls
    ));
}

/// What a review was found to be.
enum Seen {
    There {
        pull: Box<Pull>,
        /// Read by number, so that the merge state is there.
        whole: bool,
    },
    Nowhere,
    NotLookedAt,
}

/// Recently updated pull requests, until all watched ones are among them.
fn listing(api: &mut Api<'_>, watch: &[ReviewWatch]) -> Result<Vec<Pull>, ForgeError> {
    let repo = &api.names.repo;
    let what = format!("cannot list the pull requests of {repo}");
    let first =
        format!("/repos/{repo}/pulls?state=all&sort=updated&direction=desc&per_page=100&page=");
    let mut found: Vec<Pull> = Vec::new();
    for page in 1..=PAGES_MAX {
        let pulls: Vec<Pull> = api.get(&what, &format!("{first}{page}"))?;
        let last = pulls.len() < 100;
        found.extend(pulls);
        let has = |number: u64| found.iter().any(|pull| pull.number == number);
        if last || watch.iter().filter_map(|watch| watch.number).all(has) {
            break;
        }
    }
    Ok(found)
}

fn what_it_is(api: &mut Api<'_>, watch: &ReviewWatch, listed: &[Pull]) -> Result<Seen, ForgeError> {
    let there = |pull: Pull, whole| {
        let pull = Box::new(pull);
        Ok(Seen::There { pull, whole })
    };
    let is_it = |pull: &&Pull| {
        Some(pull.number) == watch.number && pull.is_of(&api.names.repo, &watch.branch)
    };
    if let Some(pull) = listed.iter().find(is_it) {
        return there(pull.clone(), false);
    }
    if api.reads_left() < 2 {
        out_of_budget(api);
        return Ok(Seen::NotLookedAt);
    }
    if let Some(number) = watch.number
        && let Some(pull) = by_number(api, number)?
        && pull.is_of(&api.names.repo, &watch.branch)
    {
        return there(pull, true);
    }
    let pulls = of_branch(api, &watch.branch)?;
    let of_head = |pull: &&Pull| pull.head.sha == watch.head.as_str();
    let open = pulls.iter().find(|pull| pull.is_open());
    let merged = || pulls.iter().filter(of_head).find(|pull| pull.is_merged());
    // An old closed one of another head says nothing about this work.
    let closed = || pulls.iter().find(of_head);
    match open.or_else(merged).or_else(closed) {
        Some(pull) => there(pull.clone(), false),
        None => Ok(Seen::Nowhere),
    }
}

fn by_number(api: &mut Api<'_>, number: u64) -> Result<Option<Pull>, ForgeError> {
    let what = format!("cannot read pull request #{number} of {}", api.names.repo);
    let route = format!("/repos/{}/pulls/{number}", api.names.repo);
    let answer = api.call(&what, Ask::Get, &route)?;
    match answer.status {
        404 | 410 => Ok(None),
        _ if answer.is_success() => parse(&what, &answer).map(Some),
        _ => Err(refusal::refused(&what, &answer, api.names)),
    }
}

fn facts_of(watch: &ReviewWatch, seen: &Seen) -> ReviewFacts {
    let unknown = |number| ReviewFacts {
        number,
        branch: watch.branch.clone(),
        head: None,
        state: ForgeState::Open,
        feedback: Vec::new(),
        base_branch: None,
        remarks: Vec::new(),
    };
    let pull = match seen {
        Seen::There { pull, .. } => pull,
        Seen::Nowhere => return unknown(None),
        Seen::NotLookedAt => return unknown(watch.number),
    };
    let state = if pull.is_merged() {
        let commit = pull.merge_commit_sha.as_deref();
        ForgeState::Merged {
            commit: commit.and_then(|sha| sha.parse().ok()),
        }
    } else if pull.is_open() {
        ForgeState::Open
    } else {
        ForgeState::Closed
    };
    ReviewFacts {
        number: Some(pull.number),
        branch: watch.branch.clone(),
        head: pull.head.sha.parse().ok(),
        state,
        feedback: Vec::new(),
        base_branch: Some(pull.base.branch.clone()),
        remarks: Vec::new(),
    }
}

fn feedback(
    api: &mut Api<'_>,
    pull: &Pull,
    whole: bool,
    base_branch: &str,
) -> Result<Vec<ForgeFeedback>, ForgeError> {
    let Ok(head) = pull.head.sha.parse::<Oid>() else {
        return Ok(Vec::new());
    };
    let read = if whole {
        None
    } else {
        by_number(api, pull.number)?
    };
    let merge_state = read.as_ref().unwrap_or(pull).mergeable_state.as_deref();
    let mut found = Vec::new();
    if merge_state == Some("dirty") {
        found.push(ForgeFeedback {
            kind: FeedbackKind::Conflict,
            head: head.clone(),
            text: format!(
                "The branch does not merge with {base_branch}: bring it up to date with its base and \
                 resolve the conflicts."
            ),
            key: format!("conflict:{head}"),
        });
    }
    found.extend(reviews::changes_requested(api, pull.number, &head)?);
    found.extend(checks::failed(api, &head)?);
    Ok(found)
}
