//! Writing a small file whole or not at all.
//!
//! The bytes go into a file beside it first, which then takes its name. That file has a name that is
//! always the same: what a killed writer left is taken over by the next one, and nothing gathers.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Writes `bytes` under the name `path`: a reader sees the old ones or the new ones.
///
/// # Errors
/// The folder is not there, or cannot be written.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let next = beside(path);
    let Some(mut file) = take(&next)? else {
        // Another process writes it at this moment.
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(path))?;
        file.write_all(bytes)?;
        return file.persist(path).map(drop).map_err(|error| error.error);
    };
    file.write_all(bytes)?;
    fs::rename(&next, path)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".next");
    name.into()
}

/// The file `next`, empty and for this process alone; `None` if another one has it.
fn take(next: &Path) -> io::Result<Option<File>> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(next)?;
    if fs2::FileExt::try_lock_exclusive(&file).is_err() {
        return Ok(None);
    }
    // Whoever had it until now may have given it its last name since it was opened here.
    let here = fs::metadata(next).is_ok_and(|there| {
        let mine = file.metadata();
        mine.is_ok_and(|mine| (mine.dev(), mine.ino()) == (there.dev(), there.ino()))
    });
    if !here {
        return Ok(None);
    }
    file.set_len(0)?;
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{replace, take};

    fn names(dir: &std::path::Path) -> Vec<String> {
        let all = fs::read_dir(dir).unwrap();
        let mut all: Vec<String> = all
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        all.sort();
        all
    }

    #[test]
    fn i9_what_a_killed_writer_left_is_taken_over_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seen");
        replace(&path, b"first").unwrap();
        fs::write(dir.path().join("seen.next"), "torn and longer").unwrap();
        replace(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(names(dir.path()), ["seen"]);
    }

    #[test]
    fn a_writer_that_is_at_work_is_not_disturbed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, next) = (dir.path().join("seen"), dir.path().join("seen.next"));
        let held = take(&next).unwrap().unwrap();
        replace(&path, b"by another way").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"by another way");
        assert_eq!(names(dir.path()), ["seen", "seen.next"]);
        drop(held);
        replace(&path, b"last").unwrap();
        assert_eq!(names(dir.path()), ["seen"]);
    }
}
