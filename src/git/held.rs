//! The repository in the hands of one thread. What a publish reads of commits and trees is read from the
//! object store as a state is (`object_store`), and by libgit2 only where that finds nothing.

use std::ops::Deref;
use std::sync::MutexGuard;

use git2::{ErrorClass, ErrorCode, Repository};

use super::object_store::{Damaged, Kind, NamedEntry, ObjectStore, Room};
use super::objects::{FILE_MAX, mode_of};

/// The repository in the hands of one thread, with its objects.
pub(super) struct Held<'a> {
    repo: MutexGuard<'a, Repository>,
    store: &'a ObjectStore,
}

impl Deref for Held<'_> {
    type Target = Repository;

    fn deref(&self) -> &Repository {
        &self.repo
    }
}

impl<'a> Held<'a> {
    pub(super) const fn new(repo: MutexGuard<'a, Repository>, store: &'a ObjectStore) -> Self {
        Self { repo, store }
    }

    /// Whether this object is a commit that is whole; false, too, if only libgit2 can say.
    pub(super) fn is_commit(&self, id: git2::Oid) -> Result<bool, Damaged> {
        let mut room = Room::default();
        let found = self.store.read(id, Kind::Commit, FILE_MAX, &mut room)?;
        Ok(found.is_some())
    }

    /// The tree of a commit.
    pub(super) fn root_of(&self, id: git2::Oid) -> Result<git2::Oid, git2::Error> {
        let found = self.store.root_of(id, FILE_MAX);
        match found.map_err(|damaged| said(&damaged))? {
            Some(root) => Ok(root),
            None => Ok(self.repo.find_commit(id)?.tree_id()),
        }
    }

    /// Name, mode and id of each entry of a tree.
    pub(super) fn entries_of(&self, id: git2::Oid) -> Result<Vec<NamedEntry>, git2::Error> {
        let found = self.store.entries_of(id, FILE_MAX);
        if let Some(entries) = found.map_err(|damaged| said(&damaged))? {
            return Ok(entries);
        }
        let tree = self.repo.find_tree(id)?;
        let named = |entry: git2::TreeEntry<'_>| {
            (entry.name_bytes().to_vec(), (mode_of(&entry), entry.id()))
        };
        Ok(tree.iter().map(named).collect())
    }
}

/// What is damaged is not read by libgit2 again, which one that is cut off keeps busy for ever.
fn said(damaged: &Damaged) -> git2::Error {
    git2::Error::new(
        ErrorCode::GenericError,
        ErrorClass::Odb,
        damaged.to_string(),
    )
}
