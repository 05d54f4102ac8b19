//! Moving local refs that exist: git's own lock files, a comparison, and as few flushes as the promise
//! needs.
//!
//! What is flushed and why. A ref's new bytes are flushed before they take its name, always: else a
//! power cut could leave an empty file, which neither git nor fleet can read (I6). The name itself
//! is flushed where the local ref is what a publish is acknowledged by (I1): without a remote, or
//! for what is kept locally. Where a ref only follows a remote, a lost move costs nothing: the next
//! fetch makes it again. The reflog is for people, no part of the state, and is not flushed, as git
//! itself does not.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use git2::{Oid, Repository};

use super::draft::{author, signed};
use super::durable::{flush, sync_folder};
use super::remote::Move;

/// How long a lock file of git on a local ref is waited for.
const LOCK_LIMIT: Duration = Duration::from_secs(1);

/// Pause between two tries.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Whether a move must outlive a power cut once it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lasting {
    /// Yes: this ref is what the change is acknowledged by.
    Acknowledged,
    /// No: it follows what is safe elsewhere.
    Follows,
}

/// Whether these refs can be moved here: each exists and names an object. A ref that is made anew
/// may stand in the way of others, and one that names a ref is nothing of fleet's: libgit2 knows
/// what to do then.
pub(super) fn movable(repo: &Repository, moves: &[Move]) -> bool {
    moves.iter().all(|step| {
        let found = repo.find_reference(&step.name);
        found.is_ok_and(|found| found.target().is_some())
    })
}

/// A ref whose lock file is held; it goes when this is dropped.
pub(super) struct Locked {
    path: PathBuf,
    lock: PathBuf,
    file: File,
    /// The lock file became the ref: one that is there now is somebody else's.
    installed: bool,
    /// How many folders above the ref have new names.
    folders: usize,
}

impl Drop for Locked {
    fn drop(&mut self) {
        if !self.installed {
            // If it stays, the next move says so.
            let _ = fs::remove_file(&self.lock);
        }
    }
}

impl Locked {
    /// Takes git's lock on a ref.
    ///
    /// # Errors
    /// Of kind `AlreadyExists` if another process holds it for longer than a second.
    pub(super) fn take(repo: &Repository, name: &str) -> io::Result<Self> {
        let path = repo.commondir().join(name);
        let lock = repo.commondir().join(format!("{name}.lock"));
        let deadline = Instant::now() + LOCK_LIMIT;
        let mut folders = 1;
        loop {
            match File::create_new(&lock) {
                Ok(file) => {
                    return Ok(Self {
                        path,
                        lock,
                        file,
                        installed: false,
                        folders,
                    });
                }
                // The ref was packed, and its folder went.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    fs::create_dir_all(lock.parent().unwrap_or(&lock))?;
                    folders = name.matches('/').count();
                }
                Err(error)
                    if error.kind() != io::ErrorKind::AlreadyExists
                        || Instant::now() >= deadline =>
                {
                    return Err(error);
                }
                Err(_) => std::thread::sleep(LOCK_PAUSE),
            }
        }
    }

    /// Gives the ref its new bytes.
    fn install(&mut self) -> io::Result<()> {
        match fs::rename(&self.lock, &self.path) {
            // An empty folder that a deleted branch left behind.
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                fs::remove_dir(&self.path)?;
                fs::rename(&self.lock, &self.path)?;
            }
            done => done?,
        }
        self.installed = true;
        Ok(())
    }
}

/// Moves locked refs. `between` runs when all new bytes are on the disk, before the first ref moves.
pub(super) fn install(
    repo: &Repository,
    mut steps: Vec<(Locked, &Move)>,
    lasting: Lasting,
    between: impl FnOnce(),
) -> io::Result<()> {
    for (locked, step) in &mut steps {
        locked
            .file
            .write_all(format!("{}\n", step.new).as_bytes())?;
    }
    flush(&steps, |(locked, _)| locked.file.sync_all())?;
    between();
    for (locked, step) in &mut steps {
        // A move counts without its line in the reflog, which may be read-only.
        let _ = note(repo, step);
        locked.install()?;
    }
    if lasting == Lasting::Acknowledged {
        let above = steps
            .iter()
            .flat_map(|(locked, _)| locked.path.ancestors().skip(1).take(locked.folders));
        let mut folders: Vec<&Path> = above.collect();
        folders.sort_unstable();
        folders.dedup();
        flush(&folders, |folder| sync_folder(folder))?;
    }
    Ok(())
}

/// Writes a line into the ref's reflog, and into that of HEAD if HEAD names the ref, where git would.
fn note(repo: &Repository, step: &Move) -> Result<(), Box<dyn std::error::Error>> {
    let logs = repo.commondir().join("logs");
    let new_too = begins_logs(repo)?;
    let line = |who: &[u8]| {
        let was = step.expected.unwrap_or(Oid::ZERO_SHA1);
        let mut line = format!("{was} {} ", step.new).into_bytes();
        line.extend_from_slice(who);
        line.extend_from_slice(b"\tfleet\n");
        line
    };
    let head = fs::read_to_string(repo.commondir().join("HEAD"))?;
    let at_head = head.strip_prefix("ref:").map(str::trim) == Some(step.name.as_str());
    let names = std::iter::once(step.name.as_str()).chain(at_head.then_some("HEAD"));
    let mut line_of_all = None;
    for name in names {
        let path = logs.join(name);
        let mut options = File::options();
        let opened = match options.append(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && new_too => {
                fs::create_dir_all(path.parent().unwrap_or(&logs))?;
                options.create(true).open(&path)
            }
            opened => opened,
        };
        let mut file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        let line = match line_of_all.take() {
            Some(line) => line,
            None => line(&signed(&author(repo)?)),
        };
        file.write_all(&line)?;
        line_of_all = Some(line);
    }
    Ok(())
}

/// Whether a ref without a reflog gets one (`core.logAllRefUpdates`; branches and tracking refs).
fn begins_logs(repo: &Repository) -> Result<bool, git2::Error> {
    let config = repo.config()?.snapshot()?;
    Ok(match config.get_str("core.logallrefupdates") {
        Ok("always") => true,
        Ok(_) => config.get_bool("core.logallrefupdates")?,
        Err(_) => !repo.is_bare(),
    })
}
