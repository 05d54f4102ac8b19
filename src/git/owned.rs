//! The folder `fleet/` inside the git dir: the writer's name, the lock, and what was last seen at
//! the remote. All of it belongs to this one clone and none of it is state.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use super::place::Place;
use super::remote::Move;
use super::{index_lock, leftover, whole};
use crate::ports::state_repo::StateRepoError;

/// How long another fleet process may hold the lock before we give up.
const LOCK_LIMIT: Duration = Duration::from_secs(10);

/// Pause between two tries for the lock: the same for all who wait, or who came last would come first.
const PAUSE: Duration = Duration::from_millis(1);
/// The pause of who has waited for longer than a line of small writes takes.
const LONG_PAUSE: Duration = Duration::from_millis(16);
const LONG: Duration = Duration::from_secs(1);

/// Name of the lock file.
const LOCK: &str = "state.lock";

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Letters of a writer's name.
const WRITER_LEN: usize = 10;

/// Fleet's own folder in a git dir.
#[derive(Debug, Clone)]
pub(super) struct Owned {
    dir: PathBuf,
    common: PathBuf,
    /// The lock, while this process keeps it for more than one step.
    turn: Arc<Mutex<Weak<Mutex<LockFile>>>>,
}

/// Held while local refs are touched. The kernel frees it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct StateLock(Arc<Mutex<LockFile>>);

impl StateLock {
    /// Says which refs are about to move, for whoever must finish it if this process is killed.
    pub(super) fn announce(&mut self, moves: &[Move]) -> Result<(), StateRepoError> {
        let announced = leftover::announce(&mut held(&self.0).file, moves);
        announced.map_err(|error| failed(Path::new(LOCK), error))
    }

    /// Some of the announced refs have moved and the others could not: whoever holds the lock next
    /// finishes it, as if this process had been killed here.
    pub(super) fn leave_half_done(&mut self) {
        held(&self.0).half_done = true;
    }
}

#[derive(Debug)]
struct LockFile {
    file: File,
    /// What was announced is half done, and stays for the next holder to finish.
    half_done: bool,
}

impl LockFile {
    /// A file that was just locked: the last holder may have been killed.
    const fn new(file: File) -> Self {
        Self {
            file,
            half_done: true,
        }
    }

    /// Finishes what was left half done.
    fn finish(&mut self, owned: &Owned) {
        if self.half_done {
            index_lock::recover(&owned.dir);
            let _ = self.file.seek(SeekFrom::Start(0));
            leftover::finish(&mut self.file, &owned.common);
            self.half_done = false;
        }
    }

    /// Says what is done now to whoever waits; the lock works without that.
    fn begin(&mut self, owned: &Owned, doing: &str) {
        self.finish(owned);
        let note = format!("process {}: {doing}\n", std::process::id());
        let _ = self.file.set_len(0);
        let _ = self.file.seek(SeekFrom::Start(0));
        let _ = self.file.write_all(note.as_bytes());
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Closing the file unlocks it too; a child that inherited nothing cannot keep it.
        if !self.half_done {
            let _ = self.file.set_len(0);
        }
        let _ = fs2::FileExt::unlock(&self.file);
    }
}

/// What a mutex holds, whatever became of its last holder.
pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(on: &Path, cause: impl ToString) -> StateRepoError {
    StateRepoError::Write {
        on: on.display().to_string(),
        cause: cause.to_string(),
    }
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), StateRepoError> {
    whole::replace(path, bytes).map_err(|error| failed(path, error))
}

impl Owned {
    pub(super) fn new(place: &Place) -> Self {
        Self {
            dir: place.owned_dir(),
            common: place.common_dir().to_owned(),
            turn: Arc::default(),
        }
    }

    fn ready(&self) -> Result<(), StateRepoError> {
        fs::create_dir_all(&self.dir).map_err(|error| failed(&self.dir, error))
    }

    /// Takes the lock, waiting at most ten seconds for another fleet process.
    pub(super) fn lock(&self, doing: &str) -> Result<StateLock, StateRepoError> {
        if let Some(turn) = held(&self.turn).upgrade() {
            held(&turn).begin(self, doing);
            return Ok(StateLock(turn));
        }
        let mut lock = LockFile::new(self.locked()?);
        lock.begin(self, doing);
        Ok(StateLock(Arc::new(Mutex::new(lock))))
    }

    /// As [`Owned::lock`], for all that this process does until it is dropped.
    pub(super) fn turn(&self, doing: &str) -> Result<StateLock, StateRepoError> {
        let lock = self.lock(doing)?;
        *held(&self.turn) = Arc::downgrade(&lock.0);
        Ok(lock)
    }

    /// Whether another process holds the lock.
    pub(super) fn is_busy(&self) -> bool {
        let file = File::open(self.dir.join(LOCK));
        file.is_ok_and(|file| {
            let tried = fs2::FileExt::try_lock_shared(&file);
            tried.is_err_and(|error| error.kind() == fs2::lock_contended_error().kind())
        })
    }

    fn locked(&self) -> Result<File, StateRepoError> {
        self.ready()?;
        let path = self.dir.join(LOCK);
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|error| failed(&path, error))?;
        let began = Instant::now();
        while let Err(error) = fs2::FileExt::try_lock_exclusive(&file) {
            if error.kind() != fs2::lock_contended_error().kind() {
                return Err(failed(&path, error));
            }
            if began.elapsed() >= LOCK_LIMIT {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let holder = holder.trim();
                return Err(failed(
                    &path,
                    format!(
                        "another fleet process holds the lock ({}); try again when it is done",
                        if holder.is_empty() {
                            "it gives no name"
                        } else {
                            holder
                        }
                    ),
                ));
            }
            let long = began.elapsed() > LONG;
            std::thread::sleep(if long { LONG_PAUSE } else { PAUSE });
        }
        Ok(file)
    }

    /// Finishes what a killed process left half done. One look at a file where there is nothing;
    /// nothing while a living process holds the lock.
    pub(super) fn recover(&self) {
        let path = self.dir.join(LOCK);
        if !fs::metadata(&path).is_ok_and(|about| about.len() > 0) {
            return;
        }
        let Ok(file) = File::options().read(true).write(true).open(&path) else {
            return;
        };
        if fs2::FileExt::try_lock_exclusive(&file).is_ok() {
            LockFile::new(file).finish(self);
        }
    }

    /// What tells this clone from a copy of it: where its git dir is, and which one it is.
    fn identity(&self) -> Result<String, StateRepoError> {
        let path = fs::canonicalize(&self.common).map_err(|error| failed(&self.common, error))?;
        let facts = fs::metadata(&path).map_err(|error| failed(&path, error))?;
        let path = path.into_os_string();
        let mut hash = Sha256::new();
        hash.update(path.as_encoded_bytes());
        Ok(format!(
            "{:x} {}:{}",
            hash.finalize(),
            facts.dev(),
            facts.ino()
        ))
    }

    fn known_writer(&self, identity: &str) -> Option<String> {
        let text = fs::read_to_string(self.dir.join("writer")).ok()?;
        let (writer, of) = text.trim_end().split_once(' ')?;
        let well_formed =
            writer.len() == WRITER_LEN && writer.bytes().all(|byte| ALPHABET.contains(&byte));
        (well_formed && of == identity).then(|| writer.to_owned())
    }

    /// This clone's name as a writer; a new one for a new clone and for a copied one.
    pub(super) fn writer(&self) -> Result<String, StateRepoError> {
        let identity = self.identity()?;
        if let Some(writer) = self.known_writer(&identity) {
            return Ok(writer);
        }
        let _lock = self.lock("name this clone")?;
        if let Some(writer) = self.known_writer(&identity) {
            return Ok(writer);
        }
        let writer = fresh_name(&identity);
        let line = format!("{writer} {identity}\n");
        replace(&self.dir.join("writer"), line.as_bytes())?;
        Ok(writer)
    }

    fn seen_path(&self, key: &str) -> PathBuf {
        let mut hash = Sha256::new();
        hash.update(key.as_bytes());
        let digits = format!("{:x}", hash.finalize());
        self.dir.join("seen").join(&digits[..16])
    }

    /// The tip last seen under `key` (remote URL and branch).
    pub(super) fn seen(&self, key: &str) -> Option<git2::Oid> {
        let text = fs::read_to_string(self.seen_path(key)).ok()?;
        git2::Oid::from_str(text.trim()).ok()
    }

    /// Remembers the tip seen under `key`.
    pub(super) fn remember(&self, key: &str, tip: git2::Oid) -> Result<(), StateRepoError> {
        let path = self.seen_path(key);
        let dir = self.dir.join("seen");
        fs::create_dir_all(&dir).map_err(|error| failed(&dir, error))?;
        replace(&path, format!("{tip}\n").as_bytes())
    }

    /// Forgets what was seen under `key`.
    pub(super) fn forget(&self, key: &str) -> Result<(), StateRepoError> {
        let path = self.seen_path(key);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(&path, error)),
            _ => Ok(()),
        }
    }
}

/// Ten letters that no other clone draws.
fn fresh_name(identity: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut hash = Sha256::new();
    hash.update(uuid::Uuid::now_v7().as_bytes());
    hash.update(uuid::Uuid::now_v7().as_bytes());
    hash.update(now.unwrap_or_default().as_nanos().to_le_bytes());
    hash.update(std::process::id().to_le_bytes());
    hash.update(identity.as_bytes());
    let letter = |byte: &u8| char::from(ALPHABET[usize::from(byte % 32)]);
    hash.finalize()
        .iter()
        .take(WRITER_LEN)
        .map(letter)
        .collect()
}
