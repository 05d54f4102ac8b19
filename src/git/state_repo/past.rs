//! What commits of the state hold, and what their parents did.

use git2::Oid;

use super::GitStateRepo;
use crate::git::objects::oid;
use crate::ports::state_repo::{RemoteState, StateRepoError, StateTree as _, StateView};

impl GitStateRepo {
    /// A commit by its id or the beginning of it, and its parents; none if it is not here.
    pub(super) fn named(&self, commit: &str) -> Option<(Oid, Vec<Oid>)> {
        if !(4..=64).contains(&commit.len()) || !commit.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let repo = self.objects.lock();
        let found = repo.revparse_single(commit).ok()?.peel_to_commit().ok()?;
        Some((found.id(), found.parent_ids().collect()))
    }

    /// What one commit holds; none if there is no state in it.
    pub(super) fn view_at(&self, id: Oid) -> Result<Option<StateView>, StateRepoError> {
        let tree = self.objects.tree_of(Some(id))?;
        if tree.read(".orchestra/format.json")?.is_none() {
            return Ok(None);
        }
        Ok(Some(StateView {
            tip: Some(oid(id)),
            tree: Box::new(tree),
            unpublished: None,
            unpublished_tip: None,
            remote: RemoteState::NotAsked,
            cache_key: id.to_string(),
        }))
    }
}
