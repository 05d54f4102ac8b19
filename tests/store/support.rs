//! A state tree in memory that is written and read through the store's API.

use std::sync::{Arc, Mutex};

use fleet::domain::record::Record;
use fleet::domain::time::Timestamp;
use fleet::ports::memory_tree::MemoryTree;
use fleet::ports::state_repo::{
    FileChange, RemoteState, StateReadError, StateTree, StateView, TreeEntry,
};
use fleet::store::{Checkpoint, Loaded, Scope, Write, load, plan_write};

use crate::records::NOON;

/// A view of one tree.
pub(crate) fn view(tree: MemoryTree) -> StateView {
    StateView {
        tip: None,
        tree: Box::new(tree),
        unpublished: None,
        unpublished_tip: None,
        remote: RemoteState::None,
        cache_key: String::new(),
    }
}

pub(crate) fn apply(tree: &mut MemoryTree, changes: Vec<FileChange>) {
    for change in changes {
        tree.set(&change.path, change.bytes);
    }
}

/// Mixes bits, for shuffling.
pub(crate) fn scramble(n: u64) -> u64 {
    let n = (n ^ (n >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (n ^ (n >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// One writer and its tree.
pub(crate) struct Log {
    pub(crate) tree: MemoryTree,
    pub(crate) writer: &'static str,
    pub(crate) now: u64,
}

impl Log {
    pub(crate) fn new(writer: &'static str) -> Self {
        Self {
            tree: MemoryTree::default(),
            writer,
            now: NOON,
        }
    }

    pub(crate) fn view(&self) -> StateView {
        view(self.tree.clone())
    }

    pub(crate) fn load(&self, scope: Scope) -> Loaded {
        load(&self.view(), scope).unwrap()
    }

    /// Writes and returns the changed paths.
    pub(crate) fn write(&mut self, records: &[Record], checkpoint: Checkpoint) -> Vec<String> {
        let view = self.view();
        let loaded = load(&view, Scope::Live).unwrap();
        let write = Write {
            writer: self.writer,
            now: Timestamp(self.now),
            records,
            settle: false,
            checkpoint,
        };
        let changes = plan_write(&view, &loaded, &write).unwrap();
        let paths = changes.iter().map(|c| c.path.clone()).collect();
        apply(&mut self.tree, changes);
        paths
    }

    /// Paths of the log.
    pub(crate) fn segments(&self) -> Vec<String> {
        let files = self.tree.files().map(|(path, _)| path.to_owned());
        files.filter(|p| p.contains("/log/")).collect()
    }
}

/// A tree that remembers which files were read.
pub(crate) struct Watched {
    pub(crate) tree: MemoryTree,
    pub(crate) read: Arc<Mutex<Vec<String>>>,
}

impl StateTree for Watched {
    fn list(&self, dir: &str) -> Result<Vec<TreeEntry>, StateReadError> {
        self.tree.list(dir)
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StateReadError> {
        self.read.lock().unwrap().push(path.to_owned());
        self.tree.read(path)
    }

    fn id_of(&self, bytes: &[u8]) -> Option<String> {
        self.tree.id_of(bytes)
    }
}
