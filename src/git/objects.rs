//! State files as git objects: reading trees and blobs without an index or a work tree.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use git2::{FileMode, ObjectType, Repository};

use super::held::Held;
use super::native;
use super::object_store::{Damaged, Kind, ObjectStore, Room};
use super::place::Place;
use crate::domain::halves::side_by_side;
use crate::domain::ids::Oid;
use crate::ports::state_repo::{EntryKind, StateReadError, StateTree, TreeEntry};

/// Largest file that is read as state, in bytes.
pub(super) const FILE_MAX: usize = 32 << 20;

/// Below this many files a second thread costs more than it brings.
const THREAD_MIN: usize = 12;
/// From so many files on, memory is prepared for what they hold.
const MANY: usize = 60;
/// Most folders that are kept: a process that runs for long sees many states.
const FOLDERS: usize = 200;
/// What the values of one file take in memory on one of two threads, in bytes.
const MEMORY_OF_FILE: usize = 80 << 10;

/// The repository, shared by the trees that are read from it.
#[derive(Clone)]
pub(super) struct Objects {
    place: Place,
    store: Arc<ObjectStore>,
    /// Folders that were read. Every path of a state leads through the same few.
    folders: Arc<Mutex<BTreeMap<git2::Oid, Arc<Folder>>>>,
}

impl Objects {
    pub(super) fn of(place: &Place) -> Self {
        Self {
            place: place.clone(),
            store: Arc::new(ObjectStore::of(place.common_dir())),
            folders: Arc::default(),
        }
    }

    pub(super) fn lock(&self) -> Held<'_> {
        Held::new(self.place.repo(), &self.store)
    }

    /// The tree of `commit`; the empty tree without one.
    pub(super) fn tree_of(&self, commit: Option<git2::Oid>) -> Result<ObjectTree, StateReadError> {
        let root = commit.map(|id| self.root_of(id)).transpose()?;
        Ok(ObjectTree {
            objects: self.clone(),
            root,
        })
    }

    fn root_of(&self, id: git2::Oid) -> Result<git2::Oid, StateReadError> {
        let name = id.to_string();
        let found = self.store.root_of(id, FILE_MAX);
        if let Some(root) = found.map_err(|damaged| damage(&name, &damaged))? {
            return Ok(root);
        }
        let repo = self.lock();
        let tree = repo.find_commit(id).map(|commit| commit.tree_id());
        tree.map_err(|error| read_error(&name, &error))
    }
}

/// The bytes of an object that `path` names, if the store finds it.
fn find<'room>(
    store: &ObjectStore,
    path: &str,
    kind: Kind,
    id: git2::Oid,
    room: &'room mut Room,
) -> Result<Option<&'room [u8]>, StateReadError> {
    let found = store.read(id, kind, FILE_MAX, room);
    found.map_err(|damaged| damage(path, &damaged))
}

pub(super) fn damage(path: &str, damaged: &Damaged) -> StateReadError {
    StateReadError {
        path: path.to_owned(),
        cause: format!("{damaged}; `git fsck` says what else is"),
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

/// Mode and id of an entry of a tree.
type Entry = (u32, git2::Oid);
/// A tree by the names of its entries. A list, as a busy month of the log has thousands of them and most
/// are never looked up.
#[derive(Default)]
struct Folder(Vec<(Vec<u8>, Entry)>);

impl Folder {
    /// Git has them in order but for folders, which it sorts as if their names ended in a slash.
    fn new(mut entries: Vec<(Vec<u8>, Entry)>) -> Self {
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self(entries)
    }

    fn get(&self, name: &[u8]) -> Option<Entry> {
        let at = self
            .0
            .binary_search_by(|(known, _)| known.as_slice().cmp(name));
        Some(self.0[at.ok()?].1)
    }
}

pub(super) fn mode_of(entry: &git2::TreeEntry<'_>) -> u32 {
    u32::from_ne_bytes(entry.filemode_raw().to_ne_bytes())
}

fn kind_of(mode: u32) -> EntryKind {
    match mode {
        0o100_644 => EntryKind::File,
        0o040_000 => EntryKind::Dir,
        other => EntryKind::Foreign(other),
    }
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
    store: &'a ObjectStore,
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
            let (path, Some(id)) = (&self.paths[at], *file) else {
                continue;
            };
            let visit = |bytes: &[u8]| (self.visit)(at, bytes);
            match find(self.store, path, Kind::Blob, id, &mut room)? {
                Some(bytes) => visit(bytes),
                None => by_libgit2(path, id, &visit)?,
            }
        }
    }
}

impl ObjectTree {
    fn folder(&self, path: &str, id: git2::Oid) -> Result<Arc<Folder>, StateReadError> {
        let known = || {
            let folders = self.objects.folders.lock();
            folders.unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(folder) = known().get(&id) {
            return Ok(Arc::clone(folder));
        }
        let folder = Arc::new(self.read_folder(path, id)?);
        let mut known = known();
        if known.len() >= FOLDERS {
            known.clear();
        }
        known.insert(id, Arc::clone(&folder));
        Ok(folder)
    }

    fn read_folder(&self, path: &str, id: git2::Oid) -> Result<Folder, StateReadError> {
        let found = self.objects.store.entries_of(id, FILE_MAX);
        if let Some(entries) = found.map_err(|damaged| damage(path, &damaged))? {
            return Ok(Folder::new(entries));
        }
        let repo = self.objects.lock();
        let tree = repo.find_tree(id);
        let tree = tree.map_err(|error| read_error(path, &error))?;
        let entries = tree.iter();
        let named =
            entries.map(|entry| (entry.name_bytes().to_vec(), (mode_of(&entry), entry.id())));
        Ok(Folder::new(named.collect()))
    }

    /// Mode and id of the entry at `path`; the root itself for an empty path.
    fn entry_at(&self, root: git2::Oid, path: &str) -> Result<Option<Entry>, StateReadError> {
        let mut entry = (u32::from(FileMode::Tree), root);
        let names = path.trim_matches('/').split('/');
        for name in names.filter(|name| !name.is_empty()) {
            if kind_of(entry.0) != EntryKind::Dir {
                return Ok(None);
            }
            match self.folder(path, entry.1)?.get(name.as_bytes()) {
                Some(found) => entry = found,
                None => return Ok(None),
            }
        }
        Ok(Some(entry))
    }

    fn folder_at(&self, root: git2::Oid, dir: &str) -> Result<Arc<Folder>, StateReadError> {
        match self.entry_at(root, dir)? {
            Some((mode, id)) if kind_of(mode) == EntryKind::Dir => self.folder(dir, id),
            _ => Ok(Arc::default()),
        }
    }

    /// The ids of regular files, by their place in `paths`; none for what is none.
    fn files_at(
        &self,
        root: git2::Oid,
        paths: &[String],
    ) -> Result<Vec<Option<git2::Oid>>, StateReadError> {
        // Neighbours are in one folder, which is unpacked and parsed once.
        let mut last: Option<(&str, Arc<Folder>)> = None;
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
            let folder = match &last {
                Some((known, folder)) if *known == dir => folder,
                _ => &last.insert((dir, self.folder_at(root, dir)?)).1,
            };
            files.push(regular(folder.get(name.as_bytes())));
        }
        Ok(files)
    }
}

/// An id as git prints it. A folder of the log has thousands in a busy month.
fn hex(id: git2::Oid) -> String {
    let digit = |value: u8| b"0123456789abcdef"[usize::from(value & 15)];
    let mut digits = Vec::with_capacity(2 * id.as_bytes().len());
    for byte in id.as_bytes() {
        digits.extend_from_slice(&[digit(byte >> 4), digit(*byte)]);
    }
    String::from_utf8(digits).expect("digits are ASCII")
}

impl StateTree for ObjectTree {
    fn list(&self, dir: &str) -> Result<Vec<TreeEntry>, StateReadError> {
        let Some(root) = self.root else {
            return Ok(Vec::new());
        };
        let folder = self.folder_at(root, dir)?;
        let entries = folder.0.iter();
        Ok(entries
            .map(|(name, (mode, id))| TreeEntry {
                name: String::from_utf8_lossy(name).into_owned(),
                kind: kind_of(*mode),
                id: hex(*id),
            })
            .collect())
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StateReadError> {
        let Some(root) = self.root else {
            return Ok(None);
        };
        let Some(id) = regular(self.entry_at(root, path)?) else {
            return Ok(None);
        };
        let mut room = Room::default();
        match find(&self.objects.store, path, Kind::Blob, id, &mut room)? {
            Some(bytes) => Ok(Some(bytes.to_vec())),
            None => read_blob(&self.objects.lock(), path, id, <[u8]>::to_vec),
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
        let work = Work {
            store: &self.objects.store,
            paths,
            files: self.files_at(root, paths)?,
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
        let (mine, theirs) = side_by_side(
            || {
                prepare();
                work.take_part(mine)
            },
            || {
                prepare();
                // To open a repository takes longer than to read a file: only if libgit2 is needed.
                let repo = OnceCell::new();
                work.take_part(|path, id, visit| {
                    let opened = repo.get_or_init(|| self.objects.place.open());
                    let opened = opened.as_ref().map_err(|error| read_error(path, error))?;
                    read_blob(opened, path, id, visit).map(|_| ())
                })
            },
        );
        mine.and(theirs)
    }
}
