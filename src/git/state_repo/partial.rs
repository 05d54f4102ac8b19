//! Partial clones: the contents of state files that were left at the remote are brought here before
//! they are read, in one request. libgit2 does not fetch by itself.

use git2::{ObjectType, Oid, Repository, TreeWalkMode, TreeWalkResult};

use super::GitStateRepo;
use crate::domain::time::DurationMs;
use crate::git::objects::read_error;
use crate::git::remote::Fetched;
use crate::ports::state_repo::{StateReadError, StateRepoError};

/// Limit of that request.
const LIMIT: DurationMs = DurationMs::mins(2);

/// Whether objects may be missing here and be had from `remote`.
pub(super) fn is_partial(repo: &Repository, remote: &str) -> bool {
    let config = repo.config().and_then(|mut config| config.snapshot());
    config.is_ok_and(|config| {
        config
            .get_bool(&format!("remote.{remote}.promisor"))
            .unwrap_or(false)
    })
}

/// State files of `commit` whose contents are not here.
fn missing(repo: &Repository, commit: Oid, dir: &str) -> Result<Vec<Oid>, git2::Error> {
    let odb = repo.odb()?;
    let mut missing = Vec::new();
    let root = repo.find_commit(commit)?.tree()?;
    root.walk(TreeWalkMode::PreOrder, |at, entry| {
        let top = at.is_empty() && entry.name_bytes() != dir.as_bytes();
        if top {
            return TreeWalkResult::Skip;
        }
        if entry.kind() == Some(ObjectType::Blob) && !odb.exists(entry.id()) {
            missing.push(entry.id());
        }
        TreeWalkResult::Ok
    })?;
    missing.sort_unstable();
    missing.dedup();
    Ok(missing)
}

/// Brings what is missing of the state at `commit`.
pub(super) fn complete(
    state: &GitStateRepo,
    repo: &Repository,
    commit: Oid,
) -> Result<(), StateRepoError> {
    let Some(remote) = state.remote.as_ref().filter(|_| state.partial) else {
        return Ok(());
    };
    let missing = missing(repo, commit, &state.options.dir)
        .map_err(|error| read_error(&commit.to_string(), &error))?;
    if missing.is_empty() {
        return Ok(());
    }
    match remote.fetch_objects(&missing, LIMIT)? {
        Fetched::Fresh { .. } => Ok(()),
        Fetched::Failed { cause } => Err(StateRepoError::Read(StateReadError {
            path: commit.to_string(),
            cause: format!(
                "this is a partial clone, and the contents of {} state files could not be fetched \
                 from {}: {cause}",
                missing.len(),
                remote.name()
            ),
        })),
    }
}
