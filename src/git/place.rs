//! Finding the repository, from anywhere inside it, and saying plainly why one cannot be used.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use git2::{ErrorCode, Repository, RepositoryOpenFlags};

use super::native;
use crate::ports::state_repo::StateRepoError;

/// Where a repository keeps its things. Linked worktrees of one repository share one place.
#[derive(Clone)]
pub struct Place {
    common: PathBuf,
    top: PathBuf,
    bare: bool,
    /// Opening reads four configuration files and looks for packs: done once for all who take turns.
    shared: Arc<Mutex<Repository>>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("common", &self.common)
            .field("top", &self.top)
            .field("bare", &self.bare)
            .finish_non_exhaustive()
    }
}

impl Place {
    /// Looks for a repository at `dir` and above, as git does.
    ///
    /// # Errors
    /// There is none, or it is of a kind that fleet cannot use; the cause says what to do.
    pub fn discover(dir: &Path) -> Result<Self, StateRepoError> {
        let unusable = |error: &git2::Error| StateRepoError::Unusable {
            on: dir.display().to_string(),
            cause: explain(error, dir),
        };
        native::prepare().map_err(|error| unusable(&error))?;
        let none: &[&Path] = &[];
        let here = Repository::open_ext(dir, RepositoryOpenFlags::empty(), none)
            .map_err(|error| unusable(&error))?;
        let common: PathBuf = here.commondir().components().collect();
        let linked = here.path() != here.commondir();
        let main = linked.then(|| Repository::open(&common)).transpose();
        let main = main.map_err(|error| unusable(&error))?;
        let main_or_here = main.as_ref().unwrap_or(&here);
        // Where git itself would stand: relative URLs of remotes are seen from there.
        let top = main_or_here.workdir().or_else(|| here.workdir());
        let top = top.filter(|top| top.is_dir());
        Ok(Self {
            top: top.map_or_else(|| common.clone(), |top| top.components().collect()),
            bare: main_or_here.is_bare(),
            common,
            shared: Arc::new(Mutex::new(main.unwrap_or(here))),
        })
    }

    /// The git dir that all worktrees share.
    #[must_use]
    pub fn common_dir(&self) -> &Path {
        &self.common
    }

    /// Top of the main work tree; the git dir if there is none.
    #[must_use]
    pub fn top(&self) -> &Path {
        &self.top
    }

    /// Whether the repository has no main work tree.
    #[must_use]
    pub const fn is_bare(&self) -> bool {
        self.bare
    }

    /// The folder inside the git dir that belongs to fleet. It may not exist yet.
    #[must_use]
    pub fn owned_dir(&self) -> PathBuf {
        self.common.join("fleet")
    }

    /// The repository as it was opened when it was found, for short looks in turn. Whoever holds it
    /// must not call what takes it again.
    pub(super) fn repo(&self) -> MutexGuard<'_, Repository> {
        // A panicking reader leaves no half-done work in a handle that only reads and appends.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the repository for one thread.
    ///
    /// # Errors
    /// It is gone or damaged.
    pub fn open(&self) -> Result<Repository, git2::Error> {
        native::prepare()?;
        Repository::open(&self.common)
    }
}

/// What libgit2's refusal means for the user.
fn explain(error: &git2::Error, dir: &Path) -> String {
    let said = error.message();
    let lower = said.to_ascii_lowercase();
    match error.code() {
        ErrorCode::NotFound => {
            "it is not inside a git repository; run `git init` there, or name one with -C"
                .to_owned()
        }
        ErrorCode::Owner => format!(
            "the folder belongs to another user, and git treats such repositories as unsafe \
             (\"dubious ownership\"); run fleet as its owner, or, if you trust it, add the path \
             printed by `git -C {} status` to your own safe.directory setting",
            dir.display()
        ),
        _ if lower.contains("refstorage") => {
            "it stores refs as reftable, which fleet cannot read yet; use a clone with the files \
             format (`git clone --ref-format=files`)"
                .to_owned()
        }
        _ if lower.contains("objectformat") || lower.contains("object format") => {
            "it uses SHA-256 object ids, which fleet cannot read yet; use a SHA-1 repository"
                .to_owned()
        }
        _ if lower.contains("extension") => {
            format!("it uses a git extension that fleet does not know ({said})")
        }
        _ => format!("{said}; `git fsck` in it says more"),
    }
}
