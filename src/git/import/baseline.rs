//! What fleet put into a working directory, as its own index remembers it.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// A flag of an index entry: not checked out (git's index format, `skip-worktree`).
const SKIP_WORKTREE: u16 = 1 << 14;

/// Mode of a symbolic link.
pub(in crate::git) const LINK: u32 = 0o120_000;

/// Mode of a submodule.
pub(super) const GITLINK: u32 = 0o160_000;

/// One file that fleet put there.
#[derive(Debug, Clone)]
pub(in crate::git) struct Tracked {
    pub(in crate::git) id: git2::Oid,
    pub(in crate::git) mode: u32,
    size: u32,
    mtime: (i32, u32),
    ctime: (i32, u32),
    ino: u32,
    /// Not checked out (sparse).
    pub(super) skipped: bool,
}

impl Tracked {
    /// Whether a file of this size can have the bytes that were checked out.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the index stores the low 32 bits of the size"
    )]
    pub(in crate::git) const fn may_hold(&self, bytes: u64) -> bool {
        self.size == bytes as u32
    }
}

/// What fleet's index says was checked out.
pub(in crate::git) struct Baseline {
    pub(super) files: HashMap<Vec<u8>, Tracked>,
    pub(super) dirs: HashSet<Vec<u8>>,
    /// When the index was written: a file that changed later in the same instant looks the same.
    written: (i64, i64),
}

impl Baseline {
    /// Reads the index of the git dir `side`.
    pub(in crate::git) fn read(side: &Path) -> Result<Self, git2::Error> {
        let path = side.join("index");
        let index = git2::Index::open(&path)?;
        let written = fs::symlink_metadata(&path)
            .map(|meta| (meta.mtime(), meta.mtime_nsec()))
            .map_err(|error| git2::Error::from_str(&format!("read {}: {error}", path.display())))?;
        let mut files = HashMap::with_capacity(index.len());
        let mut dirs = HashSet::new();
        for entry in index.iter() {
            let mut dir = entry.path.as_slice();
            while let Some(at) = dir.iter().rposition(|byte| *byte == b'/') {
                dir = &dir[..at];
                if !dirs.insert(dir.to_vec()) {
                    break;
                }
            }
            let tracked = Tracked {
                id: entry.id,
                mode: entry.mode,
                size: entry.file_size,
                mtime: (entry.mtime.seconds(), entry.mtime.nanoseconds()),
                ctime: (entry.ctime.seconds(), entry.ctime.nanoseconds()),
                ino: entry.ino,
                skipped: entry.flags_extended & SKIP_WORKTREE != 0,
            };
            files.insert(entry.path, tracked);
        }
        Ok(Self {
            files,
            dirs,
            written,
        })
    }

    /// What is recorded about `path`.
    pub(in crate::git) fn get(&self, path: &[u8]) -> Option<&Tracked> {
        self.files.get(path)
    }

    /// Whether a new path would push out something that was never checked out: a file where a
    /// folder is, or a folder where a file is.
    pub(in crate::git) fn hides(&self, path: &[u8]) -> bool {
        let below = |(other, tracked): (&Vec<u8>, &Tracked)| {
            tracked.skipped
                && other.len() > path.len()
                && other.starts_with(path)
                && other[path.len()] == b'/'
        };
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let mut above = slashes.filter_map(|(at, _)| self.files.get(&path[..at]));
        above.any(|tracked| tracked.skipped || tracked.mode == GITLINK)
            || (self.dirs.contains(path) && self.files.iter().any(below))
    }

    /// As git decides it (`ie_match_stat`): equal stat data, older than the index, is equal content.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the index stores the low 32 bits of each field"
    )]
    pub(super) fn unchanged(&self, tracked: &Tracked, meta: &Metadata) -> bool {
        let racy = (meta.mtime(), meta.mtime_nsec()) >= self.written;
        !racy
            && tracked.mode == git_mode(meta)
            && tracked.size == meta.size() as u32
            && tracked.ino == meta.ino() as u32
            && tracked.mtime == (meta.mtime() as i32, meta.mtime_nsec() as u32)
            && tracked.ctime == (meta.ctime() as i32, meta.ctime_nsec() as u32)
    }
}

/// The git mode of a file or link.
pub(in crate::git) fn git_mode(meta: &Metadata) -> u32 {
    if meta.file_type().is_symlink() {
        LINK
    } else if meta.mode() & 0o100 != 0 {
        0o100_755
    } else {
        0o100_644
    }
}
