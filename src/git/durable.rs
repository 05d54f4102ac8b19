//! Writing the objects of one commit so that a power cut cannot take them back.
//!
//! libgit2 can do this too, but it flushes every object and its folder on its own: some sixteen
//! flushes per publish, one after the other. Here the objects are made in memory, written side by
//! side, and flushed by a few threads at once, which the file system joins into one or two. An
//! object gets its name only when its bytes are on the disk, so a name never stands for a torn one.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use git2::{ObjectType, OdbLookupFlags, Oid, Repository};

use super::objects::{write_commit, write_tree};
use super::place::Place;
use crate::ports::state_repo::{FileChange, StateRepoError};

/// Threads that flush. More are not faster: the file system joins what comes at the same time.
const THREADS: usize = 4;

/// Above the backends that git itself has.
const MEMORY_FIRST: i32 = 1000;

/// A commit to make.
pub(super) struct NewCommit<'a> {
    /// Commit whose tree the files go over.
    pub(super) base: Option<Oid>,
    pub(super) files: &'a [FileChange],
    pub(super) parents: &'a [Oid],
    pub(super) message: &'a str,
}

/// Makes the commit and its trees and blobs, durably. No ref moves.
pub(super) fn commit(place: &Place, new: &NewCommit<'_>) -> Result<Oid, StateRepoError> {
    let dir = place.common_dir().join("objects");
    let on = dir.display().to_string();
    let git = |error: git2::Error| StateRepoError::Write {
        on: on.clone(),
        cause: error.message().to_owned(),
    };
    let disk = |error: std::io::Error| StateRepoError::Write {
        on: on.clone(),
        cause: error.to_string(),
    };
    let memory = place.open().map_err(git)?;
    let odb = memory.odb().map_err(git)?;
    odb.add_new_mempack_backend(MEMORY_FIRST).map_err(git)?;
    let tree = write_tree(&memory, new.base, new.files).map_err(git)?;
    let commit = write_commit(&memory, tree, new.parents, new.message).map_err(git)?;

    let stored = place.open().map_err(git)?;
    let mut wanted = BTreeSet::from([commit]);
    new_below(&memory, &stored, tree, &mut wanted).map_err(git)?;
    let mut files = Vec::new();
    for id in wanted {
        let object = odb.read(id).map_err(git)?;
        files.push(write(&dir, id, object.kind(), object.data()).map_err(disk)?);
    }
    flush(&files, |(file, _)| file.as_file().sync_all()).map_err(disk)?;
    let mut folders = BTreeSet::new();
    for (file, path) in files {
        folders.extend(path.parent().map(Path::to_owned));
        match file.persist_noclobber(&path) {
            Ok(_) => {}
            // Somebody wrote the same object meanwhile.
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(disk(error.error)),
        }
    }
    let folders: Vec<PathBuf> = folders.into_iter().collect();
    flush(&folders, |folder| File::open(folder)?.sync_all()).map_err(disk)?;
    Ok(commit)
}

/// Adds `tree` and all below it that is not stored yet.
fn new_below(
    memory: &Repository,
    stored: &Repository,
    tree: Oid,
    wanted: &mut BTreeSet<Oid>,
) -> Result<(), git2::Error> {
    let odb = stored.odb()?;
    let is_new = |id: Oid| !odb.exists_ext(id, OdbLookupFlags::NO_REFRESH);
    let mut todo = vec![tree];
    while let Some(id) = todo.pop() {
        if !is_new(id) || !wanted.insert(id) {
            continue;
        }
        for entry in &memory.find_tree(id)? {
            match entry.kind() {
                Some(ObjectType::Tree) => todo.push(entry.id()),
                Some(ObjectType::Blob) if is_new(entry.id()) => {
                    // In a partial clone a blob may be nowhere: then it is not ours to write.
                    let here = memory.odb()?;
                    if here.exists_ext(entry.id(), OdbLookupFlags::NO_REFRESH) {
                        wanted.insert(entry.id());
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

type Pending = (tempfile::NamedTempFile, PathBuf);

/// Writes one loose object beside its place (gitformat-loose: zlib of `<kind> <length>\0<bytes>`).
fn write(objects: &Path, id: Oid, kind: ObjectType, bytes: &[u8]) -> std::io::Result<Pending> {
    let digits = id.to_string();
    let (folder, name) = digits.split_at(2);
    let folder = objects.join(folder);
    fs::create_dir_all(&folder)?;
    // Git's own prefix: a left-over of a killed process is swept by `git gc`.
    let file = tempfile::Builder::new()
        .prefix("tmp_obj_")
        .permissions(fs::Permissions::from_mode(0o444))
        .tempfile_in(&folder)?;
    let mut encoder = ZlibEncoder::new(file.as_file(), Compression::fast());
    write!(encoder, "{} {}\0", kind.str(), bytes.len())?;
    encoder.write_all(bytes)?;
    encoder.finish()?;
    Ok((file, folder.join(name)))
}

/// Flushes all of them, a few at a time.
fn flush<T: Sync>(
    items: &[T],
    one: impl Fn(&T) -> std::io::Result<()> + Sync,
) -> std::io::Result<()> {
    let share = items.len().div_ceil(THREADS).max(1);
    std::thread::scope(|scope| {
        let one = &one;
        let others: Vec<_> = items
            .chunks(share)
            .map(|chunk| scope.spawn(move || chunk.iter().try_for_each(one)))
            .collect();
        for thread in others {
            match thread.join() {
                Ok(done) => done?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(())
    })
}
