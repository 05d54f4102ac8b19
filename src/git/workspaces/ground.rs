//! The folder in which workspaces live, and who owns what in it.
//!
//! ```text
//! <root>/.lock                 held while ownership changes; dies with its process
//! <root>/<session uid>/        a workspace; meta.json names the process that owns it
//! <root>/scratch-<n>/          a short-lived repository; meta.json as well
//! <root>/pool/<session uid>/   a clean checkout for reuse; warm.json says of what
//! <root>/trash/<n>/            being removed
//! ```
//! A folder without a readable owner is the trace of a crash, because owners are written under the
//! lock.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::ids::{Oid, SessionUid};
use crate::domain::session::RunnerIdentity;
use crate::ports::host::{Host, Life};
use crate::ports::workspaces::Swept;

use super::remove::{bytes_below, found, remove};

/// What nobody used for this long is removed even if its owner cannot be asked (another host).
const STALE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Makes names in the trash differ within one process.
static COUNTER: AtomicU64 = AtomicU64::new(0);

#[derive(Debug, Serialize, Deserialize)]
struct Meta {
    version: u32,
    owner: RunnerIdentity,
}

/// What a parked checkout holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Warm {
    /// Tree of the index beside it.
    pub(super) tree: Oid,
    /// True if files must be restored before use.
    pub(super) dirty: bool,
}

/// The folder.
pub(in crate::git) struct Ground {
    root: PathBuf,
    host: Arc<dyn Host>,
}

impl Ground {
    /// Makes the folder, private to the user.
    pub(in crate::git) fn new(root: &Path, host: Arc<dyn Host>) -> io::Result<Self> {
        for dir in [root.to_owned(), root.join("pool"), root.join("trash")] {
            fs::create_dir_all(&dir)?;
        }
        fs::set_permissions(root, Permissions::from_mode(0o700))?;
        // Paths of files are compared with real paths later.
        let root = fs::canonicalize(root)?;
        Ok(Self { root, host })
    }

    /// Where a session's workspace is.
    pub(super) fn of(&self, session: SessionUid) -> PathBuf {
        self.root.join(session.to_string())
    }

    fn locked<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.root.join(".lock"))?;
        fs2::FileExt::lock_exclusive(&lock)?;
        work()
    }

    fn sign(&self, dir: &Path) -> io::Result<()> {
        let meta = Meta {
            version: 1,
            owner: self.host.identity(),
        };
        fs::write(dir.join("meta.json"), serde_json::to_vec(&meta)?)
    }

    /// An empty folder of that name, owned by this process; a left-over is put away first.
    pub(super) fn claim(&self, name: &str) -> io::Result<PathBuf> {
        let dir = self.root.join(name);
        self.remove(&dir)?;
        self.locked(|| {
            fs::create_dir(&dir)?;
            fs::set_permissions(&dir, Permissions::from_mode(0o700))?;
            self.sign(&dir)
        })?;
        Ok(dir)
    }

    /// A short-lived folder, removed when the guard is dropped.
    pub(in crate::git) fn scratch(self: &Arc<Self>) -> io::Result<Scratch> {
        let dir = self.claim(&format!("scratch-{}", self.unique()))?;
        Ok(Scratch {
            ground: Arc::clone(self),
            dir,
        })
    }

    fn unique(&self) -> String {
        let me = self.host.identity();
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        format!("{}-{}-{count}", me.pid, me.pid_start)
    }

    /// Takes a parked checkout, preferably one of `tree`, as the folder `name`.
    pub(super) fn take_warm(&self, name: &str, tree: &Oid) -> io::Result<Option<(PathBuf, Warm)>> {
        let dir = self.root.join(name);
        self.remove(&dir)?;
        self.locked(|| {
            let mut best: Option<(PathBuf, Warm)> = None;
            for entry in fs::read_dir(self.root.join("pool"))? {
                let path = entry?.path();
                let Some(warm) = read_json::<Warm>(&path.join("warm.json")) else {
                    continue;
                };
                let fits = |warm: &Warm| (warm.tree == *tree, !warm.dirty);
                if best
                    .as_ref()
                    .is_none_or(|(_, other)| fits(other) < fits(&warm))
                {
                    best = Some((path, warm));
                }
            }
            let Some((path, warm)) = best else {
                return Ok(None);
            };
            fs::remove_file(path.join("warm.json"))?;
            self.sign(&path)?;
            fs::rename(&path, &dir)?;
            Ok(Some((dir, warm)))
        })
    }

    /// Parks the folder of a session, unless `max` are parked already.
    pub(super) fn park(&self, dir: &Path, warm: &Warm, max: usize) -> io::Result<bool> {
        let Some(name) = dir.file_name() else {
            return Ok(false);
        };
        let pool = self.root.join("pool");
        self.locked(|| {
            if fs::read_dir(&pool)?.count() >= max {
                return Ok(false);
            }
            remove(&dir.join("meta.json"))?;
            fs::rename(dir, pool.join(name))?;
            fs::write(pool.join(name).join("warm.json"), serde_json::to_vec(warm)?)?;
            Ok(true)
        })
    }

    /// Puts a folder away and removes it. A rename comes first, so that an interruption leaves
    /// nothing that looks like a workspace.
    pub(super) fn remove(&self, dir: &Path) -> io::Result<()> {
        if found(fs::symlink_metadata(dir))?.is_none() {
            return Ok(());
        }
        let trash = self.root.join("trash").join(self.unique());
        match found(fs::rename(dir, &trash))? {
            Some(()) => remove(&trash),
            None => Ok(()),
        }
    }

    /// Removes what no living process owns, but for the sessions in `keep`.
    pub(super) fn sweep(&self, keep: &[SessionUid], pool_max: usize) -> io::Result<Swept> {
        let keep: Vec<String> = keep.iter().map(ToString::to_string).collect();
        let mut swept = Swept::default();
        self.locked(|| {
            let mut parked = 0;
            for entry in fs::read_dir(&self.root)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let ours = name.starts_with("scratch-") || name.parse::<SessionUid>().is_ok();
                if ours && !keep.contains(&name) && self.is_dead(&entry.path()) {
                    swept.workspaces += 1;
                    fs::rename(entry.path(), self.root.join("trash").join(self.unique()))?;
                }
            }
            for entry in fs::read_dir(self.root.join("pool"))? {
                let path = entry?.path();
                parked += 1;
                let warm = read_json::<Warm>(&path.join("warm.json")).is_some();
                if !warm || parked > pool_max || is_stale(&path.join("warm.json")) {
                    fs::rename(&path, self.root.join("trash").join(self.unique()))?;
                }
            }
            Ok(())
        })?;
        let mut failed = None;
        for entry in fs::read_dir(self.root.join("trash"))? {
            let path = entry?.path();
            let bytes = bytes_below(&path);
            match remove(&path) {
                Ok(()) => swept.bytes += bytes,
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(swept), Err)
    }

    fn is_dead(&self, dir: &Path) -> bool {
        let file = dir.join("meta.json");
        let Some(meta) = read_json::<Meta>(&file) else {
            return true;
        };
        match self.host.life(&meta.owner) {
            Life::Alive => false,
            Life::Dead { .. } => true,
            Life::Unknown { .. } => is_stale(&file),
        }
    }
}

/// `None` if it is not there or damaged.
fn read_json<T: for<'de> Deserialize<'de>>(file: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

fn is_stale(file: &Path) -> bool {
    let age = fs::symlink_metadata(file).and_then(|meta| meta.modified());
    age.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > STALE))
}

/// A short-lived folder.
pub(in crate::git) struct Scratch {
    ground: Arc<Ground>,
    dir: PathBuf,
}

impl Scratch {
    /// Where it is.
    pub(in crate::git) fn path(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is swept later.
        let _ = self.ground.remove(&self.dir);
    }
}
