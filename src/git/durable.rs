//! Writing the objects of one commit so that a power cut cannot take them back.
//!
//! libgit2 can do this too, but it flushes every object and its folder on its own: some sixteen
//! flushes per publish, one after the other. Here the objects are made in memory and become one pack
//! (`pack`), which takes over those of the last small writes (`rollup`). Where packs must be left alone a
//! few objects are loose, flushed by a few threads at once, which the file system joins. An object or a
//! pack gets its name only when its bytes are on the disk, so a name never stands for a torn one.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread::{self, ScopedJoinHandle};

use git2::Oid;

use super::draft::{self, NewCommit, Object};
use super::held::Held;
use super::{pack, rollup, zlib};
use crate::ports::state_repo::StateRepoError;

/// Threads that flush: one for each loose object of a small write, as the file system joins what comes at
/// the same time.
const FLUSHERS: usize = 8;
/// Threads that work.
const THREADS: usize = 4;
/// So many objects are a pack: what an import or a new checkpoint writes, not what a command does.
const MANY: usize = 100;

/// Makes the commit and its trees and blobs, durably. No ref moves.
pub(super) fn commit(repo: &Held<'_>, new: &NewCommit<'_>) -> Result<Oid, StateRepoError> {
    let dir = repo.commondir().join("objects");
    let on = dir.display().to_string();
    let failed = |cause: String| StateRepoError::Write {
        on: on.clone(),
        cause,
    };
    let (commit, objects) =
        draft::commit(repo, new).map_err(|error| failed(error.message().to_owned()))?;
    store(&dir, &objects).map_err(|error| failed(error.to_string()))?;
    Ok(commit)
}

fn store(dir: &Path, objects: &[Object<'_>]) -> std::io::Result<()> {
    if objects.len() >= MANY && pack::fits(objects) {
        return pack::store(dir, "pack-", &[], objects).map(drop);
    }
    if rollup::store(dir, objects)? {
        return Ok(());
    }
    let mut folders = BTreeSet::new();
    let mut files = Vec::with_capacity(objects.len());
    for object in objects {
        files.push(write(dir, object, &mut folders)?);
    }
    flush(&files, |(file, _)| file.as_file().sync_all())?;
    for (file, path) in files {
        name(file, &path)?;
    }
    let folders: Vec<PathBuf> = folders.into_iter().collect();
    flush(&folders, |folder| sync_folder(folder))
}

/// Gives a file its name, which says what is in it: if there is one of that name, it is the same.
pub(super) fn name(file: tempfile::NamedTempFile, path: &Path) -> std::io::Result<()> {
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

/// Makes a folder unless it is there; whether it was made.
pub(super) fn folder(path: &Path) -> std::io::Result<bool> {
    match fs::create_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

type Pending = (tempfile::NamedTempFile, PathBuf);

/// Writes one loose object beside its place (gitformat-loose: zlib of `<kind> <length>\0<bytes>`).
/// Notes the folders whose names change.
fn write(
    objects: &Path,
    object: &Object<'_>,
    folders: &mut BTreeSet<PathBuf>,
) -> std::io::Result<Pending> {
    let digits = object.id.to_string();
    let (first, rest) = digits.split_at(2);
    let within = objects.join(first);
    if folder(&within)? {
        folders.insert(objects.to_owned());
    }
    // Git's own prefix: a left-over of a killed process is swept by `git gc`.
    let file = tempfile::Builder::new()
        .prefix("tmp_obj_")
        .permissions(fs::Permissions::from_mode(0o444))
        .tempfile_in(&within)?;
    let mut whole = format!("{} {}\0", object.kind.str(), object.bytes.len()).into_bytes();
    whole.extend_from_slice(&object.bytes);
    let mut stream = Vec::new();
    zlib::append(&mut stream, &whole)?;
    file.as_file().write_all(&stream)?;
    let path = within.join(rest);
    folders.insert(within);
    Ok((file, path))
}

/// Flushes a few files without a thread for each. The system begins to write all of them before the first is
/// waited for.
pub(super) fn flush_in_turn(files: &[&File]) -> std::io::Result<()> {
    // What Linux calls so starts the writing of what is not written yet (fadvise64(2)); a hint.
    #[cfg(target_os = "linux")]
    for file in files {
        let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
    }
    files.iter().try_for_each(|file| file.sync_all())
}

/// Flushes all of them, some at a time.
pub(super) fn flush<T: Sync>(
    items: &[T],
    one: impl Fn(&T) -> std::io::Result<()> + Sync,
) -> std::io::Result<()> {
    in_threads(FLUSHERS, items, one).into_iter().collect()
}

/// What `one` makes of each, in their order; as many at once as there are processors.
pub(super) fn side_by_side<T: Sync, R: Send>(items: &[T], one: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    in_threads(processors.min(THREADS), items, one)
}

/// What `one` makes of each, in their order; the first share on this thread.
fn in_threads<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    one: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let share = items.len().div_ceil(threads).max(1);
    let (mine, theirs) = items.split_at(share.min(items.len()));
    thread::scope(|scope| {
        let one = &one;
        let work = move |chunk: &[T]| chunk.iter().map(one).collect::<Vec<R>>();
        let others: Vec<_> = theirs
            .chunks(share)
            .map(|chunk| {
                let thread = thread::Builder::new().spawn_scoped(scope, move || work(chunk));
                (thread, chunk)
            })
            .collect();
        let mut made = work(mine);
        for (thread, chunk) in others {
            made.extend(match thread.map(ScopedJoinHandle::join) {
                Ok(Ok(theirs)) => theirs,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                // There are as many threads as are allowed.
                Err(_) => work(chunk),
            });
        }
        made
    })
}
