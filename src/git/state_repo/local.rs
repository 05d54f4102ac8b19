//! Local refs: the same compare-and-swap as on a remote, under fleet's lock and git's own.

use std::time::{Duration, Instant};

use git2::ErrorCode;

use super::follow::Checkouts;
use super::publish::{LEFT_OVER, ids, lost, message, moves, write_error};
use super::{GitStateRepo, contains, resolve};
use crate::git::draft::NewCommit;
use crate::git::durable;
use crate::git::held::Held;
use crate::git::leftover;
use crate::git::objects::oid;
use crate::git::owned::StateLock;
use crate::git::refs::{self, Lasting, Locked};
use crate::git::remote::Move;
use crate::ports::state_repo::{Proposal, PublishOutcome, Published, StateRepoError};

/// How long a lock file of git on a local ref is waited for.
const REF_LOCK_LIMIT: Duration = Duration::from_secs(1);

/// Publishes to the local branch: all there is without a remote, a note to ourselves with one.
pub(super) fn to_local(
    repo: &GitStateRepo,
    proposal: &Proposal,
) -> Result<PublishOutcome, StateRepoError> {
    let name = repo.local_ref();
    let failed = |error: git2::Error| write_error(&name, &error);
    let (base, unpublished) = ids(repo, proposal)?;
    let mut lock = repo.owned.lock(&proposal.subject)?;
    let git = repo.objects.lock();
    let local = resolve(&git, &name)?;
    let tip = match repo.tracking_ref() {
        Some(tracking) => resolve(&git, &tracking)?,
        None => local,
    };
    if tip != base || repo.unpublished(&git, tip, local)? != unpublished {
        return Ok(lost(format!("{name} was moved by another process")));
    }
    let parent = match (local, base) {
        // Behind the remote: what is new goes on top of what is published.
        (Some(local), Some(base)) if !repo.options.with_code && contains(&git, base, local)? => {
            Some(base)
        }
        (Some(local), _) => Some(local),
        (None, base) => base,
    };
    let parents: Vec<git2::Oid> = parent.into_iter().collect();
    let commit = NewCommit {
        base: parent,
        files: &proposal.files,
        parents: &parents,
        message: &message(proposal),
    };
    let new = durable::commit(&git, &commit)?;
    let state = Move {
        name: name.clone(),
        expected: local,
        new,
    };
    let moves = moves(state, proposal).map_err(failed)?;
    let checkouts = Checkouts::of(&repo.place, &name);
    let swapped = swap(&git, &mut lock, &moves, Lasting::Acknowledged, || {
        for warning in checkouts.follow(&git, local, new).left {
            repo.warn(warning);
        }
    })?;
    if let Some(cause) = swapped {
        return Ok(lost(cause));
    }
    Ok(PublishOutcome::Published(Published {
        tip: oid(new),
        settled: repo.remote.is_none(),
    }))
}

/// Moves local refs, all or none; a sentence if one is not what is expected. `between` runs when
/// all of them are locked and checked, before they move.
pub(super) fn swap(
    repo: &Held<'_>,
    lock: &mut StateLock,
    moves: &[Move],
    lasting: Lasting,
    between: impl FnOnce(),
) -> Result<Option<String>, StateRepoError> {
    lock.announce(moves)?;
    let done = if refs::movable(repo, moves) {
        swap_by_hand(repo, moves, lasting, between)
    } else {
        swap_by_libgit2(repo, moves, between)
    };
    // A disk that fills up between two refs stops us as a kill does, and is healed the same way; so is
    // one that keeps a lock file.
    let moved = |step: &Move| resolve(repo, &step.name).is_ok_and(|now| now == Some(step.new));
    let half = done.is_err() && moves.iter().any(moved);
    if leftover::remove_second_names(repo.commondir(), moves).is_err() || half {
        lock.leave_half_done();
    }
    done
}

/// By our own hand: refs that are there already, each as its file.
fn swap_by_hand(
    repo: &Held<'_>,
    moves: &[Move],
    lasting: Lasting,
    between: impl FnOnce(),
) -> Result<Option<String>, StateRepoError> {
    let mut steps = Vec::with_capacity(moves.len());
    for step in moves {
        let locked = Locked::take(repo, &step.name).map_err(|error| not_locked(step, &error))?;
        if resolve(repo, &step.name)? != step.expected {
            return Ok(Some(moved_meanwhile(step)));
        }
        steps.push((locked, step));
    }
    refs::install(repo, steps, lasting, between).map_err(|error| StateRepoError::Write {
        on: moves[0].name.clone(),
        cause: error.to_string(),
    })?;
    Ok(None)
}

fn moved_meanwhile(step: &Move) -> String {
    format!("{} was moved by another process", step.name)
}

fn not_locked(step: &Move, error: &std::io::Error) -> StateRepoError {
    StateRepoError::Write {
        on: step.name.clone(),
        cause: match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                format!("its lock file {}.lock is there{LEFT_OVER}", step.name)
            }
            _ => error.to_string(),
        },
    }
}

/// The same by libgit2, which makes refs too, and flushes more than is needed.
fn swap_by_libgit2(
    repo: &Held<'_>,
    moves: &[Move],
    between: impl FnOnce(),
) -> Result<Option<String>, StateRepoError> {
    let mut transaction = repo
        .transaction()
        .map_err(|error| write_error("refs", &error))?;
    for step in moves {
        let failed = |error: git2::Error| write_error(&step.name, &error);
        let deadline = Instant::now() + REF_LOCK_LIMIT;
        while let Err(error) = transaction.lock_ref(&step.name) {
            if error.code() != ErrorCode::Locked || Instant::now() >= deadline {
                return Err(failed(error));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let now = resolve(repo, &step.name)?;
        if now != step.expected {
            return Ok(Some(moved_meanwhile(step)));
        }
        let target = transaction.set_target(&step.name, step.new, None, "fleet");
        target.map_err(failed)?;
    }
    between();
    transaction
        .commit()
        .map_err(|error| write_error("refs", &error))?;
    Ok(None)
}
