//! Publishing: one commit on the proposal's base, one compare-and-swap, one honest answer.

use std::time::{Duration, Instant};

use git2::{ErrorCode, Repository};

use super::follow::Checkouts;
use super::local::{swap, to_local};
use super::{GitStateRepo, contains, resolve};
use crate::domain::ids::Oid;
use crate::domain::time::DurationMs;
use crate::git::draft::NewCommit;
use crate::git::durable;
use crate::git::objects::{oid, raw};
use crate::git::push_report::Verdict;
use crate::git::refs::Lasting;
use crate::git::remote::{Fetched, Move, Remote};
use crate::ports::state_repo::{Proposal, PublishOutcome, Published, Reach, StateRepoError};

/// Trailer by which fleet's own commits are known.
const TRAILER: &str = "Fleet-Nonce: ";

/// What to think of a lock file of git.
pub(super) const LEFT_OVER: &str =
    "; if no git process runs here any more, that lock file is a left-over";

/// Tries of a push that meets a locked ref on the remote before the lock is called a left-over.
const LOCKED_TRIES: u32 = 4;

/// Least time for asking the remote what it holds after a push that used its limit up.
const ASK_MIN: Duration = Duration::from_secs(1);

pub(super) fn lost(cause: impl Into<String>) -> PublishOutcome {
    PublishOutcome::Lost {
        cause: cause.into(),
    }
}

pub(super) fn write_error(on: &str, error: &git2::Error) -> StateRepoError {
    StateRepoError::Write {
        on: on.to_owned(),
        cause: match error.code() {
            ErrorCode::Locked => format!(
                "{}{LEFT_OVER}",
                error.message().trim_end_matches([':', ' '])
            ),
            _ => error.message().to_owned(),
        },
    }
}

pub(super) fn message(proposal: &Proposal) -> String {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let subject = match one_line(&proposal.subject) {
        text if text.is_empty() => "change the state".to_owned(),
        text => text,
    };
    format!("{subject}\n\n{TRAILER}{}\n", one_line(&proposal.nonce))
}

pub(super) fn publish(
    repo: &GitStateRepo,
    proposal: &Proposal,
) -> Result<PublishOutcome, StateRepoError> {
    match (&repo.remote, proposal.reach) {
        (Some(remote), Reach::Remote(limit)) => to_remote(repo, remote, proposal, limit),
        (None, Reach::Remote(_)) | (_, Reach::LocalOnly) => to_local(repo, proposal),
    }
}

/// The ids in a proposal, as libgit2's.
pub(super) fn ids(
    repo: &GitStateRepo,
    proposal: &Proposal,
) -> Result<(Option<git2::Oid>, Option<git2::Oid>), StateRepoError> {
    let parse = |id: &Option<Oid>| id.as_ref().map(raw).transpose();
    let base = parse(&proposal.based_on);
    let both = base.and_then(|base| Ok((base, parse(&proposal.unpublished)?)));
    both.map_err(|error| write_error(&repo.local_ref(), &error))
}

pub(super) fn moves(state: Move, proposal: &Proposal) -> Result<Vec<Move>, git2::Error> {
    let mut moves = vec![state];
    for change in &proposal.refs {
        moves.push(Move {
            name: change.name.clone(),
            expected: change.expected.as_ref().map(raw).transpose()?,
            new: raw(&change.new)?,
        });
    }
    Ok(moves)
}

/// What the commit of a proposal stands on.
struct Ground {
    /// Commit whose tree the files go over.
    tree: Option<git2::Oid>,
    parents: Vec<git2::Oid>,
}

/// Whether every commit of `local` that `base` lacks is one of fleet's.
fn only_ours(git: &Repository, base: Option<git2::Oid>, local: git2::Oid) -> bool {
    let walk = || -> Result<bool, git2::Error> {
        let mut walk = git.revwalk()?;
        walk.push(local)?;
        if let Some(base) = base {
            walk.hide(base)?;
        }
        for id in walk {
            let commit = git.find_commit(id?)?;
            let message = commit.message_bytes();
            // The last line, which fleet writes: a title or an agent's words may say the same.
            let ours = String::from_utf8_lossy(message)
                .trim_end()
                .lines()
                .next_back()
                .is_some_and(|line| line.starts_with(TRAILER));
            if !ours {
                return Ok(false);
            }
        }
        Ok(true)
    };
    walk().unwrap_or(false)
}

fn ground(
    repo: &GitStateRepo,
    git: &Repository,
    proposal: &Proposal,
    (base, unpublished): (Option<git2::Oid>, Option<git2::Oid>),
) -> Result<Ground, StateRepoError> {
    let mut parents: Vec<git2::Oid> = base.into_iter().collect();
    let mut tree = base;
    if let (Some(local), true) = (unpublished, proposal.settles_unpublished) {
        let published = base.map_or(Ok(false), |base| contains(git, base, local))?;
        if !published && (!repo.options.with_code || only_ours(git, base, local)) {
            parents.push(local);
            // A first publish: what was begun here becomes the branch there.
            tree = base.or(Some(local));
        }
    }
    Ok(Ground { tree, parents })
}

fn to_remote(
    repo: &GitStateRepo,
    remote: &Remote,
    proposal: &Proposal,
    limit: DurationMs,
) -> Result<PublishOutcome, StateRepoError> {
    let deadline = Instant::now() + limit.std();
    let name = repo.local_ref();
    let failed = |error: git2::Error| write_error(&name, &error);
    let (base, unpublished) = ids(repo, proposal)?;
    let moves = {
        let git = repo.objects.lock();
        let on = ground(repo, &git, proposal, (base, unpublished))?;
        let code_unpushed = repo.options.with_code
            && base.is_none()
            && on.parents.is_empty()
            && resolve(&git, &name)?.is_some();
        if code_unpushed {
            return Ok(PublishOutcome::Denied {
                by_rule: true,
                cause: format!(
                    "the branch {} is not on {} yet, and fleet does not publish code of yours; push \
                     it first",
                    repo.options.branch,
                    remote.name()
                ),
            });
        }
        let commit = NewCommit {
            base: on.tree,
            files: &proposal.files,
            parents: &on.parents,
            message: &message(proposal),
        };
        let new = durable::commit(&git, &commit)?;
        let state = Move {
            name: name.clone(),
            expected: base,
            new,
        };
        moves(state, proposal).map_err(failed)?
    };
    let outcome = push(repo, remote, &moves, deadline)?;
    if matches!(outcome, PublishOutcome::Published(_)) {
        // The remote has it: whatever fails now is mended by the next view.
        if let Err(error) = settle(repo, remote, &moves) {
            repo.warn(format!(
                "published, but local refs did not follow: failed to {error}"
            ));
        }
    }
    Ok(outcome)
}

const fn refused_by_rule(cause: String) -> PublishOutcome {
    PublishOutcome::Denied {
        cause,
        by_rule: true,
    }
}

fn push(
    repo: &GitStateRepo,
    remote: &Remote,
    moves: &[Move],
    deadline: Instant,
) -> Result<PublishOutcome, StateRepoError> {
    let state = &moves[0];
    let won = || {
        PublishOutcome::Published(Published {
            tip: oid(state.new),
            settled: true,
        })
    };
    let mut tries = 0;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        tries += 1;
        match remote.push(&state.name, moves, left)? {
            Verdict::Moved => return Ok(won()),
            Verdict::Lost(cause) => return Ok(lost(cause)),
            Verdict::Denied(cause) => return Ok(refused_by_rule(cause)),
            Verdict::Locked(cause) => match ask(repo, remote, state, deadline)? {
                Held::Ours => return Ok(won()),
                Held::Other => return Ok(lost(cause)),
                Held::Unknown(cause) => return Ok(PublishOutcome::Unreachable { cause }),
                Held::Before if tries < LOCKED_TRIES && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(u64::from(tries) * 50));
                }
                Held::Before => {
                    return Ok(PublishOutcome::Denied {
                        by_rule: false,
                        cause: format!(
                            "a ref on {} stays locked, most likely by a lock file that a killed \
                             server process left there: {cause}",
                            remote.name()
                        ),
                    });
                }
            },
            Verdict::Unknown { cause, refused } => {
                return Ok(match ask(repo, remote, state, deadline)? {
                    Held::Ours => won(),
                    Held::Other => lost(cause),
                    Held::Before if refused => refused_by_rule(cause),
                    // It may still be at work on what we sent.
                    Held::Before => PublishOutcome::Unreachable { cause },
                    Held::Unknown(_) if refused => refused_by_rule(cause),
                    Held::Unknown(_) => PublishOutcome::Unreachable { cause },
                });
            }
        }
    }
}

/// What the remote's state branch holds.
enum Held {
    /// Our commit, perhaps with more on top.
    Ours,
    /// What it held before.
    Before,
    /// Something else.
    Other,
    /// It does not say.
    Unknown(String),
}

fn ask(
    repo: &GitStateRepo,
    remote: &Remote,
    state: &Move,
    deadline: Instant,
) -> Result<Held, StateRepoError> {
    let left = deadline
        .saturating_duration_since(Instant::now())
        .max(ASK_MIN);
    let limit = DurationMs(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
    let now = match remote.fetch(&[remote.refspec(&repo.options.branch)], limit)? {
        Fetched::Failed { cause } => return Ok(Held::Unknown(cause)),
        Fetched::Fresh { missing } if !missing.is_empty() => None,
        Fetched::Fresh { .. } => {
            let git = repo.objects.lock();
            resolve(&git, &remote.tracking(&repo.options.branch))?
        }
    };
    let git = repo.objects.lock();
    Ok(match now {
        Some(now) if contains(&git, now, state.new)? => Held::Ours,
        now if now == state.expected => Held::Before,
        _ => Held::Other,
    })
}

/// Lets tracking refs and the local branch follow a publish.
fn settle(repo: &GitStateRepo, remote: &Remote, moves: &[Move]) -> Result<(), StateRepoError> {
    let mut lock = repo.owned.lock("follow a publish")?;
    let git = repo.objects.lock();
    for step in moves {
        let Some(branch) = step.name.strip_prefix("refs/heads/") else {
            continue;
        };
        let tracking = remote.tracking(branch);
        // Someone may have fetched something newer meanwhile.
        let now = resolve(&git, &tracking)?;
        if now != Some(step.new) && (now.is_none() || now == step.expected) {
            let follow = Move {
                name: tracking,
                expected: now,
                new: step.new,
            };
            let follow = std::slice::from_ref(&follow);
            // Overtaken by a fetch: then it is newer still.
            let _overtaken = swap(&git, &mut lock, follow, Lasting::Follows, || {})?;
        }
    }
    let state = &moves[0];
    if let Some(key) = repo.seen_key() {
        repo.owned.remember(&key, state.new)?;
    }
    let local = resolve(&git, &state.name)?;
    let follows = match local {
        None => !repo.options.with_code,
        Some(local) if repo.options.with_code && only_ours_since(&git, state, local) => true,
        Some(local) if repo.options.with_code => Some(local) == state.expected,
        Some(local) => contains(&git, state.new, local)?,
    };
    if !follows || local == Some(state.new) {
        return Ok(());
    }
    let checkouts = Checkouts::of(&repo.place, &state.name);
    let step = Move {
        name: state.name.clone(),
        expected: local,
        new: state.new,
    };
    let outcome: super::follow::Followed = checkouts.follow(&git, local, state.new);
    if !outcome.left.is_empty() {
        // The branch stays where its work tree is; it is behind the remote, as after any fetch.
        for warning in outcome.left {
            repo.warn(warning);
        }
        return Ok(());
    }
    let step = std::slice::from_ref(&step);
    swap(&git, &mut lock, step, Lasting::Follows, || {})?;
    Ok(())
}

/// Whether `local` is part of the published commit by fleet's own commits alone (its second parent).
fn only_ours_since(git: &Repository, state: &Move, local: git2::Oid) -> bool {
    git.find_commit(state.new)
        .is_ok_and(|commit| commit.parent_ids().any(|parent| parent == local))
}
