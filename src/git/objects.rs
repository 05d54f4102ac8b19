//! State files as git objects: reading trees and blobs without an index or a work tree.

use std::path::Path;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicUsize, Ordering};

use git2::{ErrorCode, FileMode, ObjectType, Repository};

use super::native;
use super::place::Place;
use crate::domain::ids::Oid;
use crate::ports::state_repo::{EntryKind, StateReadError, StateTree, TreeEntry};

/// Largest file that is read as state, in bytes.
const FILE_MAX: usize = 32 << 20;

/// Below this many files a second thread costs more than it brings.
const THREAD_MIN: usize = 12;
/// From so many files on, memory is prepared for what they hold.
const MANY: usize = 60;
/// What the values of one file take in memory on one of two threads, in bytes.
const MEMORY_OF_FILE: usize = 80 << 10;

/// The repository, shared by the trees that are read from it.
#[derive(Clone)]
pub(super) struct Objects {
    place: Place,
}

impl Objects {
    pub(super) fn of(place: &Place) -> Self {
        Self {
            place: place.clone(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Repository> {
        self.place.repo()
    }

    /// The tree of `commit`; the empty tree without one.
    pub(super) fn tree_of(&self, commit: Option<git2::Oid>) -> Result<ObjectTree, StateReadError> {
        let root = match commit {
            None => None,
            Some(id) => {
                let repo = self.lock();
                let tree = repo.find_commit(id).map(|commit| commit.tree_id());
                Some(tree.map_err(|error| read_error(&id.to_string(), &error))?)
            }
        };
        Ok(ObjectTree {
            objects: self.clone(),
            root,
        })
    }
}

pub(super) fn read_error(path: &str, error: &git2::Error) -> StateReadError {
    StateReadError {
        path: path.to_owned(),
        cause: format!("{}; `git fsck` says what is damaged", error.message()),
    }
}

/// libgit2's id as the domain's.
pub(super) fn oid(id: git2::Oid) -> Oid {
    Oid::try_from(id.to_string()).expect("libgit2 prints 40 lower-case hex digits")
}

/// The domain's id as libgit2's.
pub(super) fn raw(id: &Oid) -> Result<git2::Oid, git2::Error> {
    git2::Oid::from_str(id.as_str())
}

/// A tree of state files in the object store.
pub(super) struct ObjectTree {
    objects: Objects,
    root: Option<git2::Oid>,
}

/// Mode and id of the entry at `path`; the root itself for an empty path.
fn entry_at(
    repo: &Repository,
    root: git2::Oid,
    path: &str,
) -> Result<Option<(u32, git2::Oid)>, git2::Error> {
    let path = path.trim_matches('/');
    if path.is_empty() {
        return Ok(Some((u32::from(FileMode::Tree), root)));
    }
    match repo.find_tree(root)?.get_path(Path::new(path)) {
        Ok(entry) => Ok(Some((mode_of(&entry), entry.id()))),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn mode_of(entry: &git2::TreeEntry<'_>) -> u32 {
    u32::from_ne_bytes(entry.filemode_raw().to_ne_bytes())
}

fn kind_of(mode: u32) -> EntryKind {
    match mode {
        0o100_644 => EntryKind::File,
        0o040_000 => EntryKind::Dir,
        other => EntryKind::Foreign(other),
    }
}

/// Gives the bytes of a regular file to `visit`; `None` if there is no such file.
fn read_in<T>(
    repo: &Repository,
    root: git2::Oid,
    path: &str,
    visit: impl FnOnce(&[u8]) -> T,
) -> Result<Option<T>, StateReadError> {
    let entry = entry_at(repo, root, path).map_err(|error| read_error(path, &error))?;
    read_entry(repo, path, entry, visit)
}

/// As [`read_in`], for a file that was found already.
fn read_entry<T>(
    repo: &Repository,
    path: &str,
    entry: Option<(u32, git2::Oid)>,
    visit: impl FnOnce(&[u8]) -> T,
) -> Result<Option<T>, StateReadError> {
    let failed = |error: git2::Error| read_error(path, &error);
    let Some((mode, id)) = entry else {
        return Ok(None);
    };
    if kind_of(mode) != EntryKind::File {
        return Ok(None);
    }
    let odb = repo.odb().map_err(failed)?;
    // The size stands at the front of an object: a huge one is refused before it is unpacked.
    let (size, kind) = odb.read_header(id).map_err(failed)?;
    if kind != ObjectType::Blob {
        return Ok(None);
    }
    if size > FILE_MAX {
        return Err(StateReadError {
            path: path.to_owned(),
            cause: format!("it has {size} bytes, the most is {FILE_MAX}"),
        });
    }
    let object = odb.read(id).map_err(failed)?;
    Ok(Some(visit(object.data())))
}

/// Reads files in turn, together with others who use the same counter.
fn read_each(
    repo: &Repository,
    root: git2::Oid,
    paths: &[String],
    next: &AtomicUsize,
    visit: &(dyn Fn(usize, &[u8]) + Sync),
) -> Result<(), StateReadError> {
    // Neighbours are in one folder, which is unpacked and parsed once.
    let mut folder: Option<(&str, git2::Tree<'_>)> = None;
    loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some(path) = paths.get(at) else {
            return Ok(());
        };
        let visit = |bytes: &[u8]| visit(at, bytes);
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        if folder.as_ref().is_none_or(|(known, _)| *known != dir) {
            let failed = |error: git2::Error| read_error(dir, &error);
            folder = match entry_at(repo, root, dir).map_err(failed)? {
                Some((mode, id)) if kind_of(mode) == EntryKind::Dir => {
                    Some((dir, repo.find_tree(id).map_err(failed)?))
                }
                _ => None,
            };
        }
        let Some((_, tree)) = &folder else {
            continue;
        };
        let entry = tree
            .get_name(name)
            .map(|entry| (mode_of(&entry), entry.id()));
        read_entry(repo, path, entry, visit)?;
    }
}

impl StateTree for ObjectTree {
    fn list(&self, dir: &str) -> Result<Vec<TreeEntry>, StateReadError> {
        let Some(root) = self.root else {
            return Ok(Vec::new());
        };
        let failed = |error: git2::Error| read_error(dir, &error);
        let repo = self.objects.lock();
        let Some((mode, id)) = entry_at(&repo, root, dir).map_err(failed)? else {
            return Ok(Vec::new());
        };
        if kind_of(mode) != EntryKind::Dir {
            return Ok(Vec::new());
        }
        let tree = repo.find_tree(id).map_err(failed)?;
        let mut entries: Vec<TreeEntry> = tree
            .iter()
            .map(|entry| TreeEntry {
                name: String::from_utf8_lossy(entry.name_bytes()).into_owned(),
                kind: kind_of(mode_of(&entry)),
                id: entry.id().to_string(),
            })
            .collect();
        // Git sorts folders as if their names ended in a slash.
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StateReadError> {
        match self.root {
            Some(root) => read_in(&self.objects.lock(), root, path, <[u8]>::to_vec),
            None => Ok(None),
        }
    }

    fn id_of(&self, bytes: &[u8]) -> Option<String> {
        let id = git2::Oid::hash_object(git2::ObjectType::Blob, bytes).ok()?;
        Some(id.to_string())
    }

    fn read_many(
        &self,
        paths: &[String],
        visit: &(dyn Fn(usize, &[u8]) + Sync),
    ) -> Result<(), StateReadError> {
        let Some(root) = self.root else {
            return Ok(());
        };
        if paths.len() < THREAD_MIN {
            let next = AtomicUsize::new(0);
            return read_each(&self.objects.lock(), root, paths, &next, visit);
        }
        // Both threads take the next file until there is none: files cost differently.
        let next = AtomicUsize::new(0);
        let prepare = || {
            if paths.len() >= MANY {
                native::expect_memory(paths.len() * MEMORY_OF_FILE);
            }
        };
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                prepare();
                let repo = self.objects.place.open();
                let repo = repo.map_err(|error| read_error(&paths[0], &error))?;
                read_each(&repo, root, paths, &next, visit)
            });
            prepare();
            let mine = read_each(&self.objects.lock(), root, paths, &next, visit);
            let theirs = match other.join() {
                Ok(theirs) => theirs,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            mine.and(theirs)
        })
    }
}
