//! Step 1: what is to be seen outside the records, as plain facts for the engine.

mod gates;

use std::collections::{BTreeMap, BTreeSet};

use crate::app::tick::claims::handing;
use crate::app::tick::results::LOCAL;
use crate::app::tick::{World, documents, opening, remote};
use crate::domain::ids::{Oid, ReviewUid, SessionUid};
use crate::domain::review::{FeedbackKind, Review};
use crate::domain::session::Session;
use crate::domain::state::{Index, State};
use crate::engine::facts::{Facts, FeedbackSeen, RemarkSeen, ReviewSeen, RunLife, SeenState};
use crate::engine::reconcile::{may_reopen, said_before};
use crate::ports::code_repo::MergeFacts;
use crate::ports::forge::{ForgeState, ReviewFacts, ReviewWatch};
use crate::ports::host::Life;

/// Most paths of the base commit that are read for overlaps.
const BASE_PATHS: usize = 100_000;

/// Looks at everything once. Trouble with the forge or the code is a fact too, not an error.
pub(super) fn observe(world: &World<'_>, state: &State, notes: &mut Vec<String>) -> Facts {
    let mut facts = Facts::default();
    match world.code.base() {
        Ok(base) => facts.base = Some(base),
        Err(error) => notes.push(format!("nothing can be claimed: failed to {error}")),
    }
    // Paths matter only where globs are compared.
    if let Some(base) = &facts.base
        && state
            .tasks
            .values()
            .any(|t| t.is_open() && t.paths.iter().next().is_some())
    {
        facts.base_paths = world.code.paths(base, BASE_PATHS).unwrap_or_default();
    }
    observe_branches(world, state, &mut facts, notes);
    observe_reviews(world, state, &mut facts, notes);
    gates::observe(world, state, &mut facts, notes);
    facts.runs = state
        .sessions
        .iter()
        .filter(|(_, session)| session.holds_lease() && !session.remote.is_intended())
        .map(|(uid, session)| (*uid, life(world, *uid, session)))
        .collect();
    facts.spent = facts
        .runs
        .iter()
        .filter(|(_, life)| matches!(life, RunLife::Dead { .. }))
        .filter_map(|(uid, _)| Some((*uid, opening::read_spent(world, *uid)?)))
        .collect();
    remote::observe(world, state, &mut facts);
    facts.agents = world
        .policy
        .agents
        .iter()
        .map(|(name, agent)| {
            let here = world.runner.available(agent);
            let there = here.and_then(|()| world.remotes.available(agent));
            (name.clone(), there)
        })
        .collect();
    facts
}

/// A run whose process is gone but whose result lies in the hand-over directory is not dead: this
/// tick carries it on.
fn life(world: &World<'_>, uid: SessionUid, session: &Session) -> RunLife {
    if opening::read_result(world, uid).is_some() {
        return RunLife::Alive;
    }
    // A claim and its start mark are published together, but for one that is handed over: that its
    // claimer has ended says nothing of the run, if it came to hand it over.
    let Some((runner, _)) = &session.started else {
        let claim = session.claim.as_ref().map(|(claim, _)| claim);
        return claim.map_or(RunLife::Alive, |claim| handing::life(world, uid, claim));
    };
    match world.host.life(runner) {
        Life::Alive => RunLife::Alive,
        Life::Dead { proof } => {
            // Its agent may have outlived it, if it ran on this machine.
            match world.runner.end_leftovers(uid) {
                0 => RunLife::Dead { proof },
                n => RunLife::Dead {
                    proof: format!("{proof}; {n} processes that it left were ended"),
                },
            }
        }
        Life::Unknown { why } => RunLife::Unknown { why },
    }
}

fn observe_branches(world: &World<'_>, state: &State, facts: &mut Facts, notes: &mut Vec<String>) {
    bring_bases(world, state, notes);
    let mut names: Vec<String> = state
        .reviews
        .values()
        .filter(|review| review.is_open())
        .flat_map(|review| {
            let opened = review.opened.as_ref().map(|(o, _)| o.branch.clone());
            // What it is to be merged into may be other than the base branch.
            let base = review.base_branch().map(str::to_owned);
            let base = base.filter(|base| *base != world.policy.base_branch);
            opened.into_iter().chain(base)
        })
        .chain(
            state
                .tasks
                .iter()
                .filter(|(_, task)| task.is_open())
                .filter_map(|(uid, _)| state.number_of(*uid).map(|n| format!("agent/{n}"))),
        )
        .collect();
    names.sort();
    names.dedup();
    match world.code.branches(&names) {
        Ok(branches) => facts.branches = branches.into_iter().map(|b| (b.name, b.head)).collect(),
        Err(error) => notes.push(format!("branches were not looked at: failed to {error}")),
    }
    let heads = state.sessions.values().filter_map(|session| {
        let branch = session.claim.as_ref()?.0.branch.as_ref()?;
        let gone = facts.branches.get(branch) == Some(&None);
        session.head().filter(|_| gone).cloned()
    });
    facts.gone = heads.collect();
    observe_updates(world, state, facts);
}

/// The fetch of a tick brings the base branch and the agents' own; a base that a human chose for a
/// review is fetched besides.
fn bring_bases(world: &World<'_>, state: &State, notes: &mut Vec<String>) {
    let bases = state.reviews.values().filter(|review| review.is_open());
    let bases = bases.filter_map(Review::base_branch);
    let chosen: BTreeSet<&str> = bases
        .filter(|base| *base != world.policy.base_branch && !base.starts_with("agent/"))
        .collect();
    let names: Vec<String> = chosen.into_iter().map(str::to_owned).collect();
    if let Err(error) = world.code.bring(&names) {
        notes.push(format!(
            "bases of reviews may be out of date: failed to {error}"
        ));
    }
}

/// Heads that nobody recorded, and that are a recorded head with its base merged in and nothing else:
/// what the forge's button to update a branch makes.
fn observe_updates(world: &World<'_>, state: &State, facts: &mut Facts) {
    let recorded: BTreeSet<&Oid> = state
        .sessions
        .values()
        .filter_map(Session::head)
        .chain(state.reviews.values().filter_map(|r| r.head.value.as_ref()))
        .collect();
    let strangers = facts.branches.values().flatten();
    let strangers = strangers.filter(|head| !recorded.contains(head));
    facts.updates = strangers
        .filter(|head| is_update(world, facts, &recorded, head))
        .cloned()
        .collect();
}

fn is_update(world: &World<'_>, facts: &Facts, recorded: &BTreeSet<&Oid>, head: &Oid) -> bool {
    let Ok(commit) = world.code.commit(head) else {
        return false;
    };
    let ([ours, theirs], Some(base)) = (commit.parents.as_slice(), &facts.base) else {
        return false;
    };
    let of_base = || world.code.merge_facts(base, theirs) == Ok(MergeFacts::Merged);
    // The same merge, made here: a human's hand in it would show.
    let plain = || {
        let merged = world.code.merge(ours, theirs).ok()?;
        let same = world.code.diff(&merged.commit, head).ok()?.is_empty();
        Some(merged.conflicts.is_empty() && same)
    };
    recorded.contains(ours) && of_base() && plain() == Some(true)
}

fn observe_reviews(world: &World<'_>, state: &State, facts: &mut Facts, notes: &mut Vec<String>) {
    let index = state.index();
    let watched: Vec<(ReviewUid, ReviewWatch)> = state
        .reviews
        .iter()
        .filter(|(uid, review)| review.is_open() || may_reopen(state, &index, **uid))
        .filter_map(|(uid, review)| {
            let (opened, _) = review.opened.as_ref()?;
            let head = review
                .head
                .value
                .clone()
                .unwrap_or_else(|| opened.head.clone());
            Some((
                *uid,
                ReviewWatch {
                    number: opened.number,
                    branch: opened.branch.clone(),
                    base_branch: review
                        .base_branch()
                        .unwrap_or(&opened.base_branch)
                        .to_owned(),
                    head,
                    known: known(state, &index, review),
                },
            ))
        })
        .collect();
    if watched.is_empty() {
        return;
    }
    let watches: Vec<_> = watched.iter().map(|(_, watch)| watch.clone()).collect();
    let seen = match world.forge.observe(&watches) {
        Ok(seen) => seen,
        Err(error) => {
            notes.push(format!("reviews were not looked at: {error}"));
            facts.forge_trouble = Some(error.to_string());
            // Git still tells what was merged.
            let unseen = |w: &ReviewWatch| ReviewFacts::unknown(w.number, &w.branch);
            watches.iter().map(unseen).collect()
        }
    };
    facts.reviews = watched
        .into_iter()
        .zip(seen)
        .filter_map(|((uid, watch), seen)| {
            // A review that was not looked at shows no head; a closed one stays closed then.
            let (shown, open) = (seen.head.is_some(), state.reviews[&uid].is_open());
            let mut seen = review_seen(world, facts, &watch, seen);
            if !open && seen.state == SeenState::Open {
                seen.state = SeenState::Reopened;
            }
            (open || shown || seen.state != SeenState::Reopened).then_some((uid, seen))
        })
        .collect::<BTreeMap<_, _>>();
}

/// What of a review's feedback and commands is on record. A review that is opened again gets a
/// record of its own, and what was said on it is recorded in the older one.
fn known(state: &State, index: &Index, review: &Review) -> Vec<String> {
    let own = review.feedback.values().map(|(one, _)| one.key.clone());
    let task = review.opened.as_ref().map(|(opened, _)| opened.task);
    let said = task.map_or_else(BTreeSet::new, |task| said_before(state, index, task));
    own.chain(said.into_iter().map(str::to_owned)).collect()
}

/// What the forge says, with what git knows: merged by hand, or in conflict with the base.
fn review_seen(
    world: &World<'_>,
    facts: &Facts,
    watch: &ReviewWatch,
    seen: ReviewFacts,
) -> ReviewSeen {
    let merge = facts
        .base
        .as_ref()
        .and_then(|base| world.code.merge_facts(base, &watch.head).ok());
    let state = match (seen.state, merge) {
        (ForgeState::Merged { commit }, _) => SeenState::Merged { commit },
        (_, Some(MergeFacts::Merged)) => SeenState::Merged {
            commit: facts.base.clone(),
        },
        (ForgeState::Closed, _) if planted!("closed-is-merged") => {
            SeenState::Merged { commit: None }
        }
        (ForgeState::Closed, _) => SeenState::Closed,
        // A local review is its branch: who deletes that unmerged closes the review.
        (ForgeState::Open, _) if is_gone(world, facts, watch) => SeenState::Closed,
        (ForgeState::Open, _) => SeenState::Open,
    };
    // A branch that stands on another one, or for which a human chose a base, must merge with that.
    let onto = facts.branches.get(&watch.base_branch).cloned().flatten();
    let merge = match onto.filter(|onto| facts.base.as_ref() != Some(onto)) {
        Some(onto) => world.code.merge_facts(&onto, &watch.head).ok(),
        None => merge,
    };
    let conflict = merge == Some(MergeFacts::Conflict)
        || seen
            .feedback
            .iter()
            .any(|f| f.kind == FeedbackKind::Conflict);
    ReviewSeen {
        state,
        // The head as it is known from the fetch, if the forge does not show one.
        head: seen
            .head
            .or_else(|| facts.branches.get(&watch.branch).cloned().flatten()),
        feedback: seen
            .feedback
            .into_iter()
            .map(|f| FeedbackSeen {
                kind: f.kind,
                head: f.head,
                // Reviewers and logs of checks tell secrets too; all of it becomes records (I11).
                text: world.secrets.redact(&f.text),
                key: f.key,
            })
            .collect(),
        conflict,
        base_branch: seen.base_branch,
        remarks: seen
            .remarks
            .into_iter()
            .map(|remark| RemarkSeen {
                key: remark.key,
                who: remark.by,
                text: world.secrets.redact(&remark.text),
                at: remark.at,
            })
            .collect(),
    }
}

/// Whether a review that is nothing but its branch has lost it. A branch that was not looked at
/// says nothing.
fn is_gone(world: &World<'_>, facts: &Facts, watch: &ReviewWatch) -> bool {
    world.forge.kind() == LOCAL && facts.branches.get(&watch.branch) == Some(&None)
}

/// Looks again at the branches of results that are about to be pushed: from refs, no network.
pub(super) fn branches_again(
    world: &World<'_>,
    results: &[documents::ResultDoc],
    facts: &mut Facts,
) {
    let names: Vec<String> = results
        .iter()
        .filter_map(|r| r.claim.claim.branch.clone())
        .collect();
    if let Ok(branches) = world.code.branches(&names) {
        facts
            .branches
            .extend(branches.into_iter().map(|b| (b.name, b.head)));
    }
}
