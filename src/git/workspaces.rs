//! Workspaces on a real repository (R1, R2): a plain clone per session with borrowed objects, an
//! import that trusts nothing in it, and its removal.
//!
//! A checkout is made by the git program from fleet's own git dir (`side`), isolated: no smudge
//! filter runs, so large-file pointers stay pointers. Everything else is files written by hand.
//! A clean checkout that nothing suspicious happened in may be parked and used again.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use git2::Repository;

use crate::domain::ids::{Oid, SessionUid};
use crate::domain::time::DurationMs;
use crate::git::code_repo::diff::{from_oid, to_oid};
use crate::git::code_repo::missing_object;
use crate::git::import::Import;
use crate::git::loose;
use crate::git::place::Place;
use crate::git::process::Git;
use crate::ports::host::Host;
use crate::ports::lease::Lease;
use crate::ports::workspaces::{
    CommitRequest, Imported, Swept, Workspace, WorkspaceError, WorkspaceRequest, Workspaces,
};

mod cone;
pub(in crate::git) mod ground;
pub(in crate::git) mod layout;
mod patch;
mod pool;
mod remove;

use ground::Ground;
pub use layout::AgentIdentity;

/// A checkout of a very large repository on a slow disk.
const CHECKOUT_LIMIT: DurationMs = DurationMs::mins(15);

/// What the owner may choose.
#[derive(Debug, Clone)]
pub struct WorkspaceSettings {
    /// Folder in which workspaces are made: of this repository alone, on a local disk.
    pub root: PathBuf,
    /// Author of the agent's own commits.
    pub identity: AgentIdentity,
    /// Most clean checkouts that are parked for reuse; 0 parks none.
    pub pool_max: usize,
    /// Most new entries (files and folders, without ignored ones) that an import looks at.
    pub max_entries: u64,
}

impl WorkspaceSettings {
    /// Settings for this folder: up to 4 parked checkouts, 200,000 new entries.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            identity: AgentIdentity::default(),
            pool_max: 4,
            max_entries: 200_000,
        }
    }
}

/// What is known about a workspace that this process made.
#[derive(Debug, Clone)]
struct Made {
    tree: Oid,
    sparse: Option<BTreeSet<String>>,
    /// An import found nothing to refuse.
    clean: bool,
}

/// Workspaces of one repository.
pub struct GitWorkspaces {
    place: Place,
    /// Real path of the git dir: written into `alternates`.
    common: PathBuf,
    git: Git,
    ground: Arc<Ground>,
    settings: WorkspaceSettings,
    made: Mutex<HashMap<SessionUid, Made>>,
}

impl GitWorkspaces {
    /// Workspaces for the repository at `place`.
    ///
    /// # Errors
    /// The folder for workspaces cannot be made.
    pub fn new(
        place: &Place,
        git: Git,
        host: Arc<dyn Host>,
        settings: WorkspaceSettings,
    ) -> Result<Self, WorkspaceError> {
        let ground = Ground::new(&settings.root, host)
            .map_err(by_io("make the folder for workspaces", &settings.root))?;
        let common = fs::canonicalize(place.common_dir())
            .map_err(by_io("read the git dir", place.common_dir()))?;
        Ok(Self {
            place: place.clone(),
            common,
            git,
            ground: Arc::new(ground),
            settings,
            made: Mutex::default(),
        })
    }

    /// The object store that workspaces borrow from: a sandbox must let agents read it, and should
    /// let them write nothing there.
    #[must_use]
    pub fn shared_objects(&self) -> PathBuf {
        self.common.join("objects")
    }

    fn open(&self) -> Result<Repository, WorkspaceError> {
        self.place
            .open()
            .map_err(by_git("open the repository", &self.common))
    }

    fn tree_of(&self, start: &Oid) -> Result<Oid, WorkspaceError> {
        let repo = self.open()?;
        let tree = from_oid(start).and_then(|id| repo.find_commit(id)?.tree());
        let tree = tree.map_err(|error| WorkspaceError {
            what: format!("check out {}", start.short()),
            on: self.common.display().to_string(),
            cause: missing_object(&repo, &error),
            storage: false,
        })?;
        Ok(to_oid(tree.id()))
    }

    fn made(&self) -> MutexGuard<'_, HashMap<SessionUid, Made>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings index and files to `tree`. Files that are as the index says are not touched.
    fn check_out(&self, dir: &Path, tree: &Oid) -> Result<(), WorkspaceError> {
        let work = dir.join("work");
        let failed = |cause: String| {
            // Git does not say why a file of its own checkout could not be written.
            let unwritten = cause.contains("unable to write");
            let cause = match rustix::fs::statvfs(&work) {
                Ok(disk) if unwritten => {
                    let free = disk.f_bavail.saturating_mul(disk.f_frsize) / 1024;
                    format!("{cause}; {free} KiB are free there")
                }
                _ => cause,
            };
            WorkspaceError {
                what: "check out files".to_owned(),
                on: work.display().to_string(),
                storage: unwritten || is_storage(&cause),
                cause,
            }
        };
        let output = self
            .git
            .isolated()
            .git_dir(&dir.join("side"))
            .work_tree(&work)
            .dir(&work)
            .config("checkout.workers=2")
            .config("checkout.thresholdForParallelism=400")
            .args(["read-tree", "--reset", "-u", tree.as_str()])
            .limit(CHECKOUT_LIMIT)
            .run()
            .map_err(|error| failed(error.to_string()))?;
        if output.ok() {
            Ok(())
        } else {
            Err(failed(output.cause()))
        }
    }

    fn fresh(
        &self,
        session: SessionUid,
        tree: &Oid,
        sparse: Option<&BTreeSet<String>>,
    ) -> Result<PathBuf, WorkspaceError> {
        let dir = self.ground.of(session);
        let failed = || by_io("make the workspace", &dir);
        self.ground.claim(&session.to_string()).map_err(failed())?;
        let make = || {
            fs::create_dir(dir.join("work"))?;
            fs::create_dir(dir.join("side"))?;
            layout::write_side(&dir.join("side"), &self.shared_objects(), sparse)
        };
        make().map_err(failed())?;
        self.check_out(&dir, tree)?;
        Ok(dir)
    }

    /// What is the same for a fresh and a reused workspace.
    fn furnish(&self, dir: &Path, session: SessionUid, start: &Oid) -> io::Result<Workspace> {
        for part in ["home", "tmp"] {
            fs::create_dir(dir.join(part))?;
        }
        File::create_new(dir.join("outbox.jsonl"))?;
        layout::write_agents(
            &dir.join("work"),
            &self.shared_objects(),
            &self.common.join("shallow"),
            &dir.join("side"),
            start.as_str(),
            &self.settings.identity,
        )?;
        touch(&dir.join("side/index"))?;
        Ok(self.paths(dir, session, start))
    }

    /// The parts of a workspace.
    fn paths(&self, dir: &Path, session: SessionUid, start: &Oid) -> Workspace {
        Workspace {
            session,
            dir: dir.join("work"),
            home: dir.join("home"),
            tmp: dir.join("tmp"),
            borrowed: layout::stores(&self.shared_objects()),
            outbox: dir.join("outbox.jsonl"),
            prompt_file: dir.join("prompt.md"),
            start: start.clone(),
        }
    }
}

impl Workspaces for GitWorkspaces {
    fn prepare(&self, lease: &Lease, want: &WorkspaceRequest) -> Result<Workspace, WorkspaceError> {
        let session = lease.session();
        let tree = self.tree_of(&want.start)?;
        let sparse = if want.sparse {
            cone::folders(&want.paths)
        } else {
            None
        };
        let warm = match sparse {
            None => self.warm(session, &tree),
            Some(_) => None,
        };
        let made = warm
            .map_or_else(|| self.fresh(session, &tree, sparse.as_ref()), Ok)
            .and_then(|dir| {
                self.furnish(&dir, session, &want.start)
                    .map_err(by_io("make the workspace", &dir))
            });
        if made.is_err() {
            // The first error is what counts; a later sweep removes what stays.
            let _ = self.ground.remove(&self.ground.of(session));
            return made;
        }
        let known = Made {
            tree,
            sparse,
            clean: false,
        };
        self.made().insert(session, known);
        made
    }

    fn at(&self, session: SessionUid, start: &Oid) -> Workspace {
        self.paths(&self.ground.of(session), session, start)
    }

    fn apply(&self, workspace: &Workspace, patch: &str) -> Result<(), WorkspaceError> {
        self.apply_patch(workspace, patch)
    }

    fn import(&self, workspace: &Workspace, max_bytes: u64) -> Result<Imported, WorkspaceError> {
        let failed = |cause: String, storage| WorkspaceError {
            what: "import what the agent left".to_owned(),
            on: workspace.dir.display().to_string(),
            cause,
            storage,
        };
        let dir = self.ground.of(workspace.session);
        let (side, work) = (dir.join("side"), dir.join("work"));
        let known = self.made().get(&workspace.session).cloned();
        let sparse = known.and_then(|made| made.sparse);
        layout::write_side(&side, &self.shared_objects(), sparse.as_ref())
            .map_err(by_io("import what the agent left", &side))?;
        let main = self.open()?;
        let start = from_oid(&workspace.start).map_err(by_git("read the id", &dir))?;
        let import = Import {
            git: &self.git,
            main: &main,
            side: &side,
            work: &work,
            start,
            max_entries: self.settings.max_entries,
            max_bytes,
        };
        let imported = import
            .run()
            .map_err(|error| failed(error.cause, error.storage))?;
        if imported.refused.is_empty()
            && let Some(made) = self.made().get_mut(&workspace.session)
        {
            made.clean = true;
        }
        Ok(imported)
    }

    fn commit(&self, request: &CommitRequest) -> Result<Oid, WorkspaceError> {
        let repo = self.open()?;
        let commit = || -> Result<git2::Oid, git2::Error> {
            let tree = repo.find_tree(from_oid(&request.tree)?)?;
            let ids = std::iter::once(&request.parent).chain(&request.merged);
            let parents = ids
                .map(|id| repo.find_commit(from_oid(id)?))
                .collect::<Result<Vec<_>, _>>()?;
            let parents: Vec<_> = parents.iter().collect();
            let time = git2::Time::new(request.time_secs, 0);
            let who = git2::Signature::new(&request.author_name, &request.author_email, &time)?;
            repo.commit(None, &who, &who, &request.message, &tree, &parents)
        };
        let id = commit().map_err(by_git("commit what the agent made", &self.common))?;
        Ok(to_oid(id))
    }

    fn discard(&self, workspace: &Workspace) {
        let session = workspace.session;
        let known = self.made().remove(&session);
        if known.is_some_and(|made| self.park(session, &made)) {
            return;
        }
        // What cannot be removed now is removed by a later sweep.
        let _ = self.ground.remove(&self.ground.of(session));
    }

    fn sweep(&self, keep: &[SessionUid]) -> Result<Swept, WorkspaceError> {
        loose::pack(&self.git, &self.common);
        self.ground
            .sweep(keep, self.settings.pool_max)
            .map_err(by_io("sweep the folder of workspaces", &self.settings.root))
    }
}

/// Marks the index as written now: a file that was checked out earlier than this clock tick cannot
/// be changed later and look the same, so it need not be read again.
fn touch(index: &Path) -> io::Result<()> {
    use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    let file = File::options().write(true).open(index)?;
    futimens(
        &file,
        &Timestamps {
            last_access: now,
            last_modification: now,
        },
    )?;
    Ok(())
}

fn is_storage(cause: &str) -> bool {
    let words = [
        "No space left on device",
        "Read-only file system",
        "Disk quota exceeded",
        "Permission denied",
    ];
    words.iter().any(|word| cause.contains(word))
}

fn by_io<'a>(what: &'a str, on: &'a Path) -> impl Fn(io::Error) -> WorkspaceError + 'a {
    move |error| WorkspaceError {
        what: what.to_owned(),
        on: on.display().to_string(),
        storage: is_storage(&error.to_string()),
        cause: error.to_string(),
    }
}

fn by_git<'a>(what: &'a str, on: &'a Path) -> impl Fn(git2::Error) -> WorkspaceError + 'a {
    move |error| WorkspaceError {
        what: what.to_owned(),
        on: on.display().to_string(),
        storage: is_storage(error.message()),
        cause: error.message().to_owned(),
    }
}
