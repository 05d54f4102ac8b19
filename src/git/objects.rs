//! State files as git objects: reading trees and blobs without an index or a work tree.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{MutexGuard, OnceLock};

use git2::{ErrorCode, FileMode, ObjectType, Repository};

use super::blobs::{Blobs, Room};
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
            blobs: OnceLock::new(),
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
    blobs: OnceLock<Blobs>,
    root: Option<git2::Oid>,
}

/// Mode and id of an entry of a tree.
type Entry = (u32, git2::Oid);

/// Mode and id of the entry at `path`; the root itself for an empty path.
fn entry_at(repo: &Repository, root: git2::Oid, path: &str) -> Result<Option<Entry>, git2::Error> {
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

/// The ids of regular files, by their place in `paths`; none for what is none.
fn files_at(
    repo: &Repository,
    root: git2::Oid,
    paths: &[String],
) -> Result<Vec<Option<git2::Oid>>, StateReadError> {
    // Neighbours are in one folder, which is unpacked and parsed once.
    let mut folder: Option<(&str, Option<git2::Tree<'_>>)> = None;
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        if folder.as_ref().is_none_or(|(known, _)| *known != dir) {
            let failed = |error: git2::Error| read_error(dir, &error);
            let tree = match entry_at(repo, root, dir).map_err(failed)? {
                Some((mode, id)) if kind_of(mode) == EntryKind::Dir => {
                    Some(repo.find_tree(id).map_err(failed)?)
                }
                _ => None,
            };
            folder = Some((dir, tree));
        }
        let tree = folder.as_ref().and_then(|(_, tree)| tree.as_ref());
        let entry = tree.and_then(|tree| tree.get_name(name));
        let entry = entry.map(|entry| (mode_of(&entry), entry.id()));
        files.push(regular(entry));
    }
    Ok(files)
}

/// The id of an entry that is a regular file.
fn regular(entry: Option<Entry>) -> Option<git2::Oid> {
    entry
        .filter(|(mode, _)| kind_of(*mode) == EntryKind::File)
        .map(|(_, id)| id)
}

/// Gives the bytes of a blob to `visit`, as libgit2 finds them; `None` for another kind of object.
fn read_blob<T>(
    repo: &Repository,
    path: &str,
    id: git2::Oid,
    visit: impl FnOnce(&[u8]) -> T,
) -> Result<Option<T>, StateReadError> {
    let failed = |error: git2::Error| read_error(path, &error);
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

/// Files to read, shared by who reads them.
struct Work<'a> {
    blobs: &'a Blobs,
    paths: &'a [String],
    files: Vec<Option<git2::Oid>>,
    next: AtomicUsize,
    visit: &'a (dyn Fn(usize, &[u8]) + Sync),
}

impl Work<'_> {
    /// Takes the next file until there is none: files cost differently.
    fn take_part(
        &self,
        by_libgit2: impl Fn(&str, git2::Oid, &dyn Fn(&[u8])) -> Result<(), StateReadError>,
    ) -> Result<(), StateReadError> {
        let mut room = Room::default();
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = self.files.get(at) else {
                return Ok(());
            };
            let Some(id) = *file else {
                continue;
            };
            let visit = |bytes: &[u8]| (self.visit)(at, bytes);
            match self.blobs.read(id, FILE_MAX, &mut room) {
                Some(bytes) => visit(bytes),
                None => by_libgit2(&self.paths[at], id, &visit)?,
            }
        }
    }
}

impl ObjectTree {
    fn blobs(&self) -> &Blobs {
        self.blobs
            .get_or_init(|| Blobs::of(self.objects.place.common_dir()))
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
        let Some(root) = self.root else {
            return Ok(None);
        };
        let repo = self.objects.lock();
        let entry = entry_at(&repo, root, path).map_err(|error| read_error(path, &error))?;
        let Some(id) = regular(entry) else {
            return Ok(None);
        };
        match self.blobs().read(id, FILE_MAX, &mut Room::default()) {
            Some(bytes) => Ok(Some(bytes.to_vec())),
            None => read_blob(&repo, path, id, <[u8]>::to_vec),
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
        let files = files_at(&self.objects.lock(), root, paths)?;
        let work = Work {
            blobs: self.blobs(),
            paths,
            files,
            next: AtomicUsize::new(0),
            visit,
        };
        let mine = |path: &str, id: git2::Oid, visit: &dyn Fn(&[u8])| {
            read_blob(&self.objects.lock(), path, id, visit).map(|_| ())
        };
        if paths.len() < THREAD_MIN {
            return work.take_part(mine);
        }
        let prepare = || {
            if paths.len() >= MANY {
                native::expect_memory(paths.len() * MEMORY_OF_FILE);
            }
        };
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                prepare();
                // To open a repository takes longer than to read a file: only if libgit2 is needed.
                let repo = OnceCell::new();
                work.take_part(|path, id, visit| {
                    let opened = repo.get_or_init(|| self.objects.place.open());
                    let opened = opened.as_ref().map_err(|error| read_error(path, error))?;
                    read_blob(opened, path, id, visit).map(|_| ())
                })
            });
            prepare();
            let mine = work.take_part(mine);
            let theirs = match other.join() {
                Ok(theirs) => theirs,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            mine.and(theirs)
        })
    }
}
