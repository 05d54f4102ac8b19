//! Git's own lock on the index of a user's work tree, taken so that a kill leaves nothing behind that
//! blocks git: the lock file is a second name (hard link) of a file of fleet's, and whoever holds
//! fleet's lock next can prove by that that nobody else made it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The file of fleet's: it holds the path of the lock file that it is the first name of.
const MARK: &str = "index.mark";
/// The index as it will be.
const NEXT: &str = "index.next";
const NEXT_LOCK: &str = "index.next.lock";

/// Git's lock on one index. Dropping it gives the lock back; needs fleet's lock.
#[derive(Debug)]
pub(super) struct IndexLock {
    index: PathBuf,
    lock: PathBuf,
    mark: PathBuf,
    next: PathBuf,
}

impl IndexLock {
    /// Takes git's lock on `index`; `owned` is fleet's folder in the git dir.
    ///
    /// # Errors
    /// `AlreadyExists` if git holds it; `Unsupported` where files can have one name only.
    pub(super) fn take(owned: &Path, index: &Path) -> io::Result<Self> {
        recover(owned);
        let mut lock = index.as_os_str().to_owned();
        lock.push(".lock");
        let it = Self {
            index: index.to_owned(),
            lock: lock.into(),
            mark: owned.join(MARK),
            next: owned.join(NEXT),
        };
        fs::write(&it.mark, it.lock.as_os_str().as_bytes())?;
        if let Err(error) = fs::hard_link(&it.mark, &it.lock) {
            // Not ours: dropping must not remove it.
            let mark = it.mark.clone();
            std::mem::forget(it);
            let _ = fs::remove_file(mark);
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists => error,
                _ => io::Error::new(io::ErrorKind::Unsupported, error),
            });
        }
        Ok(it)
    }

    /// A copy of the index to be changed, with its time: git tells by that which entries were
    /// written in the same moment and must be looked at again.
    ///
    /// # Errors
    /// It cannot be copied.
    pub(super) fn copy(&self) -> io::Result<&Path> {
        match fs::copy(&self.index, &self.next) {
            Ok(_) => {
                let at = fs::metadata(&self.index)?.modified()?;
                fs::File::options()
                    .write(true)
                    .open(&self.next)?
                    .set_modified(at)?;
            }
            // No index yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(&self.next)
    }

    /// Puts the changed copy in the place of the index.
    ///
    /// # Errors
    /// It cannot be moved; the index is as it was.
    pub(super) fn commit(self) -> io::Result<()> {
        fs::rename(&self.next, &self.index)
    }
}

impl Drop for IndexLock {
    fn drop(&mut self) {
        // The mark goes last: while the lock is there, it proves whose it is.
        if fs::remove_file(&self.lock).is_ok() {
            let _ = fs::remove_file(&self.mark);
        }
        let _ = fs::remove_file(&self.next);
    }
}

/// Gives back a lock that a killed process left, if it is provably fleet's. Needs fleet's lock.
pub(super) fn recover(owned: &Path) {
    // Copies that nobody works on any more, and libgit2's own lock on one.
    for stale in [NEXT, NEXT_LOCK] {
        let _ = fs::remove_file(owned.join(stale));
    }
    let mark = owned.join(MARK);
    let Ok(path) = fs::read(&mark) else {
        return;
    };
    let lock = PathBuf::from(OsString::from_vec(path));
    let same = fs::metadata(&mark)
        .ok()
        .zip(fs::symlink_metadata(&lock).ok())
        .is_some_and(|(ours, there)| (ours.dev(), ours.ino()) == (there.dev(), there.ino()));
    if same && fs::remove_file(&lock).is_err() {
        return;
    }
    let _ = fs::remove_file(&mark);
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{IndexLock, recover};

    #[test]
    fn a_lock_that_a_killed_process_left_is_given_back_and_one_of_git_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let owned = dir.path().join("fleet");
        fs::create_dir(&owned).unwrap();
        let index = dir.path().join("index");
        fs::write(&index, "old").unwrap();
        let lock = dir.path().join("index.lock");

        // As a kill leaves it: nothing is dropped.
        let killed = IndexLock::take(&owned, &index).unwrap();
        killed.copy().unwrap();
        fs::write(owned.join("index.next.lock"), "half").unwrap();
        std::mem::forget(killed);
        assert!(lock.exists());
        recover(&owned);
        assert!(!lock.exists());
        assert_eq!(fs::read_dir(&owned).unwrap().count(), 0);

        // Git's lock file under the same name, and a mark that was killed before it was linked.
        fs::write(owned.join("index.mark"), lock.to_str().unwrap()).unwrap();
        fs::write(&lock, "").unwrap();
        recover(&owned);
        assert!(lock.exists());
        let error = IndexLock::take(&owned, &index).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
        assert!(lock.exists());
        fs::remove_file(&lock).unwrap();

        let taken = IndexLock::take(&owned, &index).unwrap();
        let next = taken.copy().unwrap().to_owned();
        fs::write(&next, "new").unwrap();
        taken.commit().unwrap();
        assert_eq!(fs::read_to_string(&index).unwrap(), "new");
        assert!(!lock.exists());
        assert_eq!(fs::read_dir(&owned).unwrap().count(), 0);
    }
}
