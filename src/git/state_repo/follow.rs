//! Keeping work trees in step when the branch that moves is checked out there.
//!
//! Only files that change, only where both the index and the work tree hold exactly the old bytes.
//! What a person edited is left alone.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use git2::{Index, IndexEntry, IndexTime, ObjectType, Oid, Repository};

use crate::git::index_lock::IndexLock;
use crate::git::place::Place;

/// Work trees in which a branch is checked out.
pub(super) struct Checkouts {
    tops: Vec<PathBuf>,
    /// Fleet's folder in the git dir.
    owned: PathBuf,
}

/// What following came to.
pub(super) struct Followed {
    /// A sentence per work tree that was left as it is.
    pub(super) left: Vec<String>,
}

/// One file that differs between two commits.
struct Change {
    path: PathBuf,
    old: Option<(u32, Oid)>,
    new: Option<(u32, Oid)>,
}

/// Whether the `HEAD` file in `git_dir` names `branch`.
fn is_at(git_dir: &Path, branch: &str) -> bool {
    fs::read_to_string(git_dir.join("HEAD")).is_ok_and(|head| {
        head.strip_prefix("ref:")
            .is_some_and(|name| name.trim() == branch)
    })
}

impl Checkouts {
    /// Looks at the main work tree and at every linked one.
    pub(super) fn of(place: &Place, branch: &str) -> Self {
        let mut tops = Vec::new();
        if !place.is_bare() && is_at(place.common_dir(), branch) {
            tops.push(place.top().to_owned());
        }
        let linked = fs::read_dir(place.common_dir().join("worktrees"));
        for entry in linked.into_iter().flatten().flatten() {
            let git_dir = entry.path();
            if !is_at(&git_dir, branch) {
                continue;
            }
            // `gitdir` names the `.git` file of the work tree, absolute or from here.
            if let Ok(link) = fs::read_to_string(git_dir.join("gitdir"))
                && let Some(top) = git_dir.join(link.trim()).parent()
                && top.is_dir()
            {
                tops.push(top.to_owned());
            }
        }
        let owned = place.owned_dir();
        Self { tops, owned }
    }

    /// Brings the files and index entries that differ between `old` and `new` to `new`, in every
    /// work tree where they are clean.
    pub(super) fn follow(&self, repo: &Repository, old: Option<Oid>, new: Oid) -> Followed {
        let mut left = Vec::new();
        if self.tops.is_empty() {
            return Followed { left };
        }
        let changes = changes(repo, old, new);
        for top in &self.tops {
            let done = match &changes {
                Ok(changes) => update(repo, top, &self.owned, changes),
                Err(error) => Err(error.message().to_owned()),
            };
            if let Err(why) = done {
                left.push(format!(
                    "the state files in {} were left as they are: {why}",
                    top.display()
                ));
            }
        }
        Followed { left }
    }
}

fn changes(repo: &Repository, old: Option<Oid>, new: Oid) -> Result<Vec<Change>, git2::Error> {
    let tree = |id: Oid| repo.find_commit(id)?.tree();
    let old = old.map(tree).transpose()?;
    let diff = repo.diff_tree_to_tree(old.as_ref(), Some(&tree(new)?), None)?;
    let side = |file: git2::DiffFile<'_>| {
        let there = file.exists() && !file.id().is_zero();
        there.then(|| (u32::from(file.mode()), file.id()))
    };
    Ok(diff
        .deltas()
        .filter_map(|delta| {
            let path = delta
                .new_file()
                .path()
                .or_else(|| delta.old_file().path())?;
            Some(Change {
                path: path.to_owned(),
                old: side(delta.old_file()),
                new: side(delta.new_file()),
            })
        })
        .collect())
}

/// The id that the file at `path` would have as a blob; `None` if there is no file.
fn on_disk(top: &Path, path: &Path) -> Result<Option<Oid>, String> {
    let mut at = top.to_owned();
    for part in path.parent().into_iter().flat_map(Path::components) {
        at.push(part);
        match fs::symlink_metadata(&at) {
            Ok(facts) if facts.is_dir() => {}
            Ok(_) => return Err(format!("{} is not a folder", at.display())),
            Err(_) => return Ok(None),
        }
    }
    let file = top.join(path);
    match fs::symlink_metadata(&file) {
        Ok(facts) if facts.is_file() => Oid::hash_file(ObjectType::Blob, &file)
            .map(Some)
            .map_err(|error| error.message().to_owned()),
        Ok(_) => Err(format!("{} is not a regular file", path.display())),
        Err(_) => Ok(None),
    }
}

fn is_clean(index: &Index, top: &Path, change: &Change) -> Result<(), String> {
    let entry = index.get_path(change.path.as_ref(), 0);
    let staged = entry.map(|entry| (entry.mode, entry.id));
    let conflict = (1..=3).any(|stage| index.get_path(&change.path, stage).is_some());
    // Already there: a publish that was cut short after this step.
    let fits = staged == change.old || staged == change.new;
    if conflict || !fits {
        return Err(format!(
            "{} is staged with other content",
            change.path.display()
        ));
    }
    let there = on_disk(top, &change.path)?;
    let ids = [&change.old, &change.new].map(|side| side.map(|(_, id)| id));
    if ids.contains(&there) {
        Ok(())
    } else {
        Err(format!("{} was edited", change.path.display()))
    }
}

fn said(error: git2::Error) -> String {
    error.message().to_owned()
}

/// Changes files and index of one work tree, under git's lock on that index.
fn update(repo: &Repository, top: &Path, owned: &Path, changes: &[Change]) -> Result<(), String> {
    let here = Repository::open(top).map_err(said)?;
    let path = here.path().join("index");
    let lock = match IndexLock::take(owned, &path) {
        Ok(lock) => lock,
        // Without second names libgit2 takes the lock, and a kill may leave it.
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            let mut index = here.index().map_err(said)?;
            return bring(repo, (top, owned), &mut index, changes);
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(format!(
                "{}.lock is there; if no git process runs here, it is a left-over",
                path.display()
            ));
        }
        Err(error) => return Err(format!("the index cannot be locked: {error}")),
    };
    let failed = |error: std::io::Error| format!("the index cannot be written: {error}");
    let mut index = Index::open(lock.copy().map_err(failed)?).map_err(said)?;
    // Makes libgit2 treat it as the index of this work tree, which is what it will be.
    here.set_index(&mut index).map_err(said)?;
    bring(repo, (top, owned), &mut index, changes)?;
    lock.commit().map_err(failed)
}

fn bring(
    repo: &Repository,
    (top, owned): (&Path, &Path),
    index: &mut Index,
    changes: &[Change],
) -> Result<(), String> {
    for change in changes {
        is_clean(index, top, change)?;
    }
    for change in changes {
        match change.new {
            Some((mode @ (0o100_644 | 0o100_755), id)) => {
                let blob = repo.find_blob(id).map_err(said)?;
                write(top, owned, &change.path, blob.content(), mode).map_err(|error| {
                    format!("{} cannot be written: {error}", change.path.display())
                })?;
                let size = u32::try_from(blob.content().len()).unwrap_or(0);
                index
                    .add(&entry(&change.path, mode, id, size))
                    .map_err(said)?;
            }
            Some((mode, _)) => {
                return Err(format!("{} has mode {mode:o}", change.path.display()));
            }
            None => {
                let gone = fs::remove_file(top.join(&change.path));
                if let Err(error) = gone
                    && error.kind() != std::io::ErrorKind::NotFound
                {
                    return Err(format!("{} stays: {error}", change.path.display()));
                }
                index.remove_path(&change.path).map_err(said)?;
            }
        }
    }
    index.write().map_err(said)
}

/// An index entry without facts about the file: git looks at the content once, and then knows.
fn entry(path: &Path, mode: u32, id: Oid, size: u32) -> IndexEntry {
    let zero = IndexTime::new(0, 0);
    IndexEntry {
        ctime: zero,
        mtime: zero,
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: size,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_os_str().as_encoded_bytes().to_vec(),
    }
}

/// Puts a file in its place, whole or not at all. It grows in fleet's own folder, so that a kill
/// leaves nothing in the user's work tree; the next write takes over what it left there. Needs
/// fleet's lock.
fn write(top: &Path, owned: &Path, path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let to = top.join(path);
    let dir = to.parent().unwrap_or(top);
    fs::create_dir_all(dir)?;
    let mode = mode & 0o777;
    let next = owned.join("file.next");
    match fs::remove_file(&next) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // As git does: the user's umask has the last word.
    let mut file = fs::File::options()
        .create_new(true)
        .write(true)
        .mode(mode)
        .open(&next)?;
    file.write_all(bytes)?;
    match fs::rename(&next, &to) {
        // A linked work tree may lie on another file system.
        Err(error) if error.kind() == ErrorKind::CrossesDevices => fs::remove_file(&next)?,
        done => return done,
    }
    let mut file = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(dir)?;
    file.write_all(bytes)?;
    file.persist(&to).map_err(|error| error.error)?;
    Ok(())
}
