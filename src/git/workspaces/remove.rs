//! Removing directories that somebody else filled: nothing is followed, read-only is no obstacle.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Removes a file, link or whole directory; what does not exist is no error.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let Some(meta) = found(fs::symlink_metadata(path))? else {
        return Ok(());
    };
    if !meta.is_dir() {
        return found(fs::remove_file(path)).map(drop);
    }
    match found(fs::remove_dir_all(path)) {
        Ok(_) => return Ok(()),
        // A folder without the right to write or search it, or one that was being filled.
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::DirectoryNotEmpty
            ) =>
        {
            return Err(error);
        }
        Err(_) => {}
    }
    open_up(path)?;
    found(fs::remove_dir_all(path)).map(drop)
}

/// Gives the owner all rights on every folder.
fn open_up(top: &Path) -> io::Result<()> {
    let mut todo = vec![top.to_owned()];
    while let Some(dir) = todo.pop() {
        // Only what `lstat` calls a folder comes here, so no link is followed.
        found(fs::set_permissions(&dir, Permissions::from_mode(0o700)))?;
        let Some(entries) = found(fs::read_dir(&dir))? else {
            continue;
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                todo.push(entry.path());
            }
        }
    }
    Ok(())
}

/// Bytes of the files below, as far as they can be read; an estimate for the report.
pub(super) fn bytes_below(top: &Path) -> u64 {
    let mut sum = 0;
    let mut todo = vec![top.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => todo.push(entry.path()),
                Ok(meta) => sum += meta.len(),
                Err(_) => {}
            }
        }
    }
    sum
}

/// `None` if it is not there.
pub(super) fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
