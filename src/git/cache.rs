//! `fleet/cache/` in the git dir: what was derived from the state and can be derived again.

use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread::JoinHandle;

use super::native;
use super::place::Place;
use crate::ports::state_repo::Cache;

/// A file that is worth preparing memory for, in bytes.
const LARGE: u64 = 256 << 10;
/// What the values of a file take in memory, at most, in lengths of the file.
const MEMORY_OF_BYTES: usize = 6;
/// Files that stay when one is added.
const KEPT: usize = 2;

/// The folder. Writing happens beside the reader's work and is done when this is dropped.
pub(super) struct DiskCache {
    dir: PathBuf,
    writing: Mutex<Vec<JoinHandle<()>>>,
}

impl DiskCache {
    pub(super) fn new(place: &Place) -> Self {
        Self {
            dir: place.owned_dir().join("cache"),
            writing: Mutex::default(),
        }
    }
}

impl Cache for DiskCache {
    fn get(&self, name: &str) -> Option<(Box<dyn Read + Send>, u64)> {
        let file = File::open(self.dir.join(name)).ok()?;
        let length = file.metadata().map_or(0, |meta| meta.len());
        Some((Box::new(file), length))
    }

    fn prepare(&self, bytes: u64) {
        if bytes >= LARGE {
            let bytes = usize::try_from(bytes).unwrap_or(0);
            native::expect_memory(bytes.saturating_mul(MEMORY_OF_BYTES));
        }
    }

    fn put(&self, name: &str, pieces: Vec<Vec<u8>>) {
        let (dir, path) = (self.dir.clone(), self.dir.join(name));
        let work = move || {
            // A cache that cannot be written is no trouble: the repository may be read-only.
            let _ = replace(&dir, &path, &pieces);
        };
        // Without a thread for it, it is not kept.
        let writing = std::thread::Builder::new().spawn(work);
        let mut all = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(writing);
    }
}

impl Drop for DiskCache {
    fn drop(&mut self) {
        let all = std::mem::take(
            self.writing
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for one in all {
            // A writer that panicked has written nothing that counts.
            let _ = one.join();
        }
    }
}

/// Writes one file whole or not at all, and removes the oldest others.
fn replace(dir: &Path, path: &Path, pieces: &[Vec<u8>]) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    pieces.iter().try_for_each(|piece| file.write_all(piece))?;
    file.persist(path).map_err(|error| error.error)?;
    let mut others = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.path() != path {
            others.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    others.sort();
    others.reverse();
    for (_, old) in others.iter().skip(KEPT - 1) {
        fs::remove_file(old)?;
    }
    Ok(())
}
