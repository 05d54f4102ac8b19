//! Looking at a working directory without trusting it: `lstat` only, bounded, nothing is followed,
//! opened or executed. What is found is compared with the stat data of fleet's own index.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::baseline::{Baseline, GITLINK, LINK, Tracked, git_mode};
use super::names;

/// Rule files that are read during the import may not be larger, in bytes.
const RULE_FILE_MAX: u64 = 1 << 20;

/// A file or symbolic link that differs from the baseline.
#[derive(Debug, Clone)]
pub(in crate::git) struct Found {
    pub(in crate::git) path: Vec<u8>,
    pub(in crate::git) mode: u32,
    pub(in crate::git) bytes: u64,
    /// Device and inode, to know it again when it is opened.
    pub(in crate::git) node: (u64, u64),
    /// True if the baseline has the path.
    pub(in crate::git) tracked: bool,
}

/// What differs.
#[derive(Debug, Default)]
pub(in crate::git) struct Scan {
    /// Changed and new files and links.
    pub(in crate::git) found: Vec<Found>,
    /// Paths of the baseline that are gone.
    pub(in crate::git) missing: Vec<Vec<u8>>,
    /// Paths that no import takes, with the rule.
    pub(in crate::git) refused: Vec<(Vec<u8>, &'static str)>,
    /// Untracked folders that were not entered (only without `ignored`).
    pub(in crate::git) folders: Vec<Vec<u8>>,
    /// True if something is there that a reused directory must not have: hard links, foreign
    /// owners or modes of folders.
    pub(in crate::git) suspicious: bool,
}

/// A working directory could not be looked at.
#[derive(Debug)]
pub(in crate::git) enum ScanError {
    /// Reading failed there.
    Io(PathBuf, io::Error),
    /// It holds more entries than this.
    TooMany(u64),
    /// The ignore rules, or a file, cannot be read.
    Git(git2::Error),
}

/// How to look.
pub(in crate::git) struct Look<'a> {
    /// The directory.
    pub(in crate::git) work: &'a Path,
    /// What was put there.
    pub(in crate::git) baseline: &'a Baseline,
    /// Whose ignore rules hold; without it nothing is ignored, and untracked folders are listed
    /// whole.
    pub(in crate::git) ignored: Option<&'a git2::Repository>,
    /// Most entries beyond those of the baseline.
    pub(in crate::git) max_entries: u64,
}

struct Entry {
    name: Vec<u8>,
    path: Vec<u8>,
    meta: Metadata,
}

impl Look<'_> {
    /// Looks at everything.
    pub(in crate::git) fn scan(&self) -> Result<Scan, ScanError> {
        let mut scan = Scan::default();
        let mut seen: HashSet<&[u8]> = HashSet::with_capacity(self.baseline.files.len());
        let top = directory(self.work)?;
        let limit = self.max_entries + self.baseline.files.len() as u64;
        let mut count = 0;
        let mut todo = vec![Vec::new()];
        while let Some(dir) = todo.pop() {
            let entries = self.list(&dir)?;
            count += entries.len() as u64;
            if count > limit {
                return Err(ScanError::TooMany(self.max_entries));
            }
            // Rule files are read below, so they are looked at before anything else.
            if !self.rules_are_files(&entries, &mut scan) {
                return Ok(scan);
            }
            for entry in entries {
                if dir.is_empty() && entry.name == b".git" {
                    continue;
                }
                if entry.meta.uid() != top.uid() {
                    scan.suspicious = true;
                }
                if let Some((path, tracked)) = self.baseline.files.get_key_value(&entry.path) {
                    if tracked.mode == GITLINK {
                        seen.insert(path);
                        if !entry.meta.is_dir() {
                            scan.refused.push((entry.path, "gitlink"));
                        }
                        continue;
                    }
                    if !entry.meta.is_dir() {
                        seen.insert(path);
                        self.compare(entry, tracked, &mut scan);
                        continue;
                    }
                }
                // Before the ignore rules: those of git pass over every `.git`.
                if std::str::from_utf8(&entry.name).is_ok_and(names::is_dot_git) {
                    scan.refused.push((entry.path, "nested-repository"));
                } else if entry.meta.is_dir() {
                    scan.suspicious |= entry.meta.mode() != top.mode();
                    if self.enter(&entry, &mut scan)? {
                        todo.push(entry.path);
                    }
                } else if !self.is_ignored(&entry)? {
                    untracked(entry, &mut scan);
                }
            }
        }
        let gone = |(path, tracked): (&Vec<u8>, &Tracked)| {
            let gone =
                !tracked.skipped && tracked.mode != GITLINK && !seen.contains(path.as_slice());
            gone.then(|| path.clone())
        };
        scan.missing = self.baseline.files.iter().filter_map(gone).collect();
        scan.missing.sort_unstable();
        scan.found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(scan)
    }

    /// Takes out of `scan` what was touched but has the bytes of the start tree, whatever the
    /// line-end rules would make of them now.
    pub(in crate::git) fn drop_untouched(&self, scan: &mut Scan) -> Result<(), ScanError> {
        let mut kept = Vec::new();
        for found in scan.found.drain(..) {
            if !self.is_untouched(&found)? {
                kept.push(found);
            }
        }
        scan.found = kept;
        Ok(())
    }

    fn is_untouched(&self, found: &Found) -> Result<bool, ScanError> {
        let Some(tracked) = self.baseline.get(&found.path) else {
            return Ok(false);
        };
        if tracked.mode != found.mode || !tracked.may_hold(found.bytes) {
            return Ok(false);
        }
        let path = absolute(self.work, &found.path);
        let id = if found.mode == LINK {
            let target = fs::read_link(&path).map_err(|error| ScanError::Io(path, error))?;
            git2::Oid::hash_object(git2::ObjectType::Blob, target.as_os_str().as_bytes())
        } else {
            git2::Oid::hash_file(git2::ObjectType::Blob, &path)
        };
        Ok(id.map_err(ScanError::Git)? == tracked.id)
    }

    fn list(&self, dir: &[u8]) -> Result<Vec<Entry>, ScanError> {
        let at = absolute(self.work, dir);
        let failed = |error| ScanError::Io(at.clone(), error);
        let mut entries = Vec::new();
        for entry in fs::read_dir(&at).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().into_vec();
            let mut path = dir.to_vec();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(&name);
            let meta = entry.metadata().map_err(failed)?;
            entries.push(Entry { name, path, meta });
            if entries.len() as u64 > self.max_entries + self.baseline.files.len() as u64 {
                return Err(ScanError::TooMany(self.max_entries));
            }
        }
        Ok(entries)
    }

    /// A FIFO named `.gitignore` would block who reads it, a huge one fill the memory.
    fn rules_are_files(&self, entries: &[Entry], scan: &mut Scan) -> bool {
        for entry in entries {
            if !matches!(entry.name.as_slice(), b".gitignore" | b".gitattributes") {
                continue;
            }
            let tracked = self.baseline.get(&entry.path);
            let link_of_start = tracked.is_some_and(|tracked| {
                entry.meta.file_type().is_symlink() && self.baseline.unchanged(tracked, &entry.meta)
            });
            let read = if link_of_start {
                fs::metadata(absolute(self.work, &entry.path)).ok()
            } else {
                Some(entry.meta.clone())
            };
            // A link of the start tree to nowhere is as good as no file.
            let fine = read.is_none_or(|meta| meta.is_file() && meta.len() <= RULE_FILE_MAX);
            if !fine {
                scan.refused.push((entry.path.clone(), "rule-file"));
            }
        }
        scan.refused.iter().all(|(_, rule)| *rule != "rule-file")
    }

    fn compare(&self, entry: Entry, tracked: &Tracked, scan: &mut Scan) {
        scan.suspicious |= entry.meta.nlink() > 1;
        let kind = entry.meta.file_type();
        if !kind.is_file() && !kind.is_symlink() {
            scan.refused.push((entry.path, special(&entry.meta)));
        } else if !self.baseline.unchanged(tracked, &entry.meta) {
            scan.found.push(found(entry, true));
        }
    }

    /// Whether to go into a folder.
    fn enter(&self, entry: &Entry, scan: &mut Scan) -> Result<bool, ScanError> {
        if self.baseline.dirs.contains(&entry.path) {
            return Ok(true);
        }
        if self.ignored.is_none() {
            scan.folders.push(entry.path.clone());
            return Ok(false);
        }
        Ok(!self.is_ignored(entry)?)
    }

    fn is_ignored(&self, entry: &Entry) -> Result<bool, ScanError> {
        let Some(repo) = self.ignored else {
            return Ok(false);
        };
        // No rule is asked about a name that git has no text for; it is refused later.
        let Ok(path) = std::str::from_utf8(&entry.path) else {
            return Ok(false);
        };
        let slash = if entry.meta.is_dir() { "/" } else { "" };
        repo.is_path_ignored(format!("{path}{slash}"))
            .map_err(ScanError::Git)
    }
}

fn untracked(entry: Entry, scan: &mut Scan) {
    scan.suspicious |= entry.meta.nlink() > 1;
    let kind = entry.meta.file_type();
    if kind.is_file() || kind.is_symlink() {
        scan.found.push(found(entry, false));
    } else {
        scan.refused.push((entry.path, special(&entry.meta)));
    }
}

fn found(entry: Entry, tracked: bool) -> Found {
    Found {
        mode: git_mode(&entry.meta),
        bytes: entry.meta.len(),
        node: (entry.meta.dev(), entry.meta.ino()),
        path: entry.path,
        tracked,
    }
}

fn special(meta: &Metadata) -> &'static str {
    let kind = meta.file_type();
    if kind.is_fifo() {
        "fifo"
    } else if kind.is_socket() {
        "socket"
    } else {
        "device"
    }
}

/// The working directory itself: a folder, and no link to one.
pub(in crate::git) fn directory(work: &Path) -> Result<Metadata, ScanError> {
    let failed = |error| ScanError::Io(work.to_owned(), error);
    let top = fs::symlink_metadata(work).map_err(failed)?;
    if top.is_dir() {
        Ok(top)
    } else {
        Err(failed(io::ErrorKind::NotADirectory.into()))
    }
}

/// The path on disk of a repository path.
pub(in crate::git) fn absolute(work: &Path, path: &[u8]) -> PathBuf {
    if path.is_empty() {
        return work.to_owned();
    }
    work.join(std::ffi::OsStr::from_bytes(path))
}
