//! Reviews by REST, for a forge that does not speak GraphQL: by number or listing, then several
//! calls for what is said about each.

use crate::domain::ids::Oid;
use crate::forge::github::answers::Pull;
use crate::forge::github::api::{Api, Ask, parse};
use crate::forge::github::observe::{Heard, conflict, out_of_budget};
use crate::forge::github::publish::of_branch;
use crate::forge::github::{checks, refusal, remarks, reviews};
use crate::ports::forge::{ForgeError, ForgeState, ReviewFacts, ReviewWatch};

/// Above this many reviews, listings of a hundred are cheaper than single reads.
const SINGLE_MAX: usize = 20;
/// Pages of a listing that are read.
const PAGES_MAX: usize = 5;
/// Calls that one review's feedback may take: itself, reviews, permissions, their comments,
/// comments, checks, annotations, logs.
pub(super) const CALLS_PER_REVIEW: u32 = 8;

/// What each of `watch` is.
pub(super) fn read(api: &mut Api<'_>, watch: &[ReviewWatch]) -> Result<Vec<Seen>, ForgeError> {
    let listed = if watch.len() > SINGLE_MAX {
        listing(api, watch)?
    } else {
        Vec::new()
    };
    let mut found = Vec::with_capacity(watch.len());
    for watch in watch {
        found.push(what_it_is(api, watch, &listed)?);
    }
    Ok(found)
}

/// What a review was found to be.
pub(super) enum Seen {
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

pub(super) fn facts_of(watch: &ReviewWatch, seen: &Seen) -> ReviewFacts {
    let pull = match seen {
        Seen::There { pull, .. } => pull,
        Seen::Nowhere => return ReviewFacts::unknown(None, &watch.branch),
        Seen::NotLookedAt => return ReviewFacts::unknown(watch.number, &watch.branch),
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

/// What is said about an open one.
pub(super) fn heard(
    api: &mut Api<'_>,
    watch: &ReviewWatch,
    seen: &Seen,
) -> Result<Heard, ForgeError> {
    let mut heard = Heard::default();
    let Seen::There { pull, whole } = seen else {
        return Ok(heard);
    };
    let Ok(head) = pull.head.sha.parse::<Oid>() else {
        return Ok(heard);
    };
    let read = if *whole {
        None
    } else {
        by_number(api, pull.number)?
    };
    let merge_state = read.as_ref().unwrap_or(pull).mergeable_state.as_deref();
    if merge_state == Some("dirty") {
        heard.feedback.push(conflict(&head, &pull.base.branch));
    }
    let known = &watch.known;
    let asking = reviews::changes_requested(api, pull.number, &head, known)?;
    heard.feedback.extend(asking);
    heard.feedback.extend(checks::failed(api, &head, known)?);
    heard.remarks = remarks::on(api, pull.number, known)?;
    Ok(heard)
}
