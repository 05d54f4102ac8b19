//! A tree of state files in memory, for tests and simulation.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::ports::state_repo::{EntryKind, StateReadError, StateTree, TreeEntry};

/// Largest file that is read, as in git's implementation.
const MAX_FILE_BYTES: usize = 32 * 1024 * 1024;

pub(crate) fn hash_of(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A file's bytes; they are hashed once, however often they are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Blob {
    bytes: Arc<Vec<u8>>,
    hash: u64,
}

impl Blob {
    fn new(bytes: Vec<u8>) -> Self {
        let hash = hash_of(&bytes);
        let bytes = Arc::new(bytes);
        Self { bytes, hash }
    }
}

impl Hash for Blob {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// An immutable tree of files in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryTree {
    files: BTreeMap<String, Blob>,
    foreign: BTreeMap<String, u32>,
}

impl MemoryTree {
    /// A tree of these files.
    #[must_use]
    pub fn new(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        Self {
            files: files.into_iter().map(|(p, b)| (p, Blob::new(b))).collect(),
            foreign: BTreeMap::new(),
        }
    }

    /// Writes or deletes one file.
    pub fn set(&mut self, path: &str, bytes: Option<Vec<u8>>) {
        match bytes {
            Some(bytes) => self.files.insert(path.to_owned(), Blob::new(bytes)),
            None => self.files.remove(path),
        };
    }

    /// Puts a symlink, executable or submodule (by git mode) at a path.
    pub fn set_foreign(&mut self, path: &str, mode: u32) {
        self.foreign.insert(path.to_owned(), mode);
    }

    /// All files.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files
            .iter()
            .map(|(path, blob)| (path.as_str(), blob.bytes.as_slice()))
    }

    /// Bytes of one file.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(|blob| blob.bytes.as_slice())
    }

    pub(crate) fn content(&self) -> u64 {
        hash_of((&self.files, &self.foreign))
    }

    fn below(&self, dir: &str) -> u64 {
        let prefix = format!("{dir}/");
        let files: Vec<_> = self
            .files
            .range(prefix.clone()..)
            .take_while(|(path, _)| path.starts_with(&prefix))
            .collect();
        let foreign: Vec<_> = self
            .foreign
            .iter()
            .filter(|(path, _)| path.starts_with(&prefix))
            .collect();
        hash_of((files, foreign))
    }
}

impl StateTree for MemoryTree {
    fn list(&self, dir: &str) -> Result<Vec<TreeEntry>, StateReadError> {
        let prefix = if dir.is_empty() {
            String::new()
        } else {
            format!("{dir}/")
        };
        let mut entries: BTreeMap<String, TreeEntry> = BTreeMap::new();
        let files = self
            .files
            .range(prefix.clone()..)
            .take_while(|(path, _)| path.starts_with(&prefix))
            .map(|(path, blob)| (path, EntryKind::File, blob.hash));
        let foreign = self
            .foreign
            .iter()
            .filter(|(path, _)| path.starts_with(&prefix))
            .map(|(path, mode)| (path, EntryKind::Foreign(*mode), u64::from(*mode)));
        for (path, kind, id) in files.chain(foreign) {
            let rest = &path[prefix.len()..];
            let (name, kind, id) = match rest.split_once('/') {
                // Already listed, and hashing a folder is not free.
                Some((name, _)) if entries.contains_key(name) => continue,
                Some((name, _)) => {
                    let id = self.below(&format!("{prefix}{name}"));
                    (name, EntryKind::Dir, id)
                }
                None => (rest, kind, id),
            };
            let entry = TreeEntry {
                name: name.to_owned(),
                kind,
                id: format!("{id:016x}"),
            };
            entries.insert(name.to_owned(), entry);
        }
        Ok(entries.into_values().collect())
    }

    fn id_of(&self, bytes: &[u8]) -> Option<String> {
        Some(format!("{:016x}", hash_of(bytes)))
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StateReadError> {
        match self.files.get(path).map(|blob| &blob.bytes) {
            Some(bytes) if bytes.len() > MAX_FILE_BYTES => Err(StateReadError {
                path: path.to_owned(),
                cause: format!("{} bytes, the limit is {MAX_FILE_BYTES}", bytes.len()),
            }),
            Some(bytes) => Ok(Some(bytes.to_vec())),
            None => Ok(None),
        }
    }
}
