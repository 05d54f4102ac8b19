//! Workspaces: a plain clone per session, and the import of what the agent left there (R1, R2).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::ids::{Oid, SessionUid};
use crate::ports::lease::Lease;

/// What a workspace must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceRequest {
    /// Commit to check out: the claim's base, or the branch head that the attempt continues.
    pub start: Oid,
    /// Path globs of the task; a sparse checkout is allowed if they make it possible and
    /// `sparse` is true.
    pub paths: Vec<String>,
    /// Whether a sparse checkout is wanted.
    pub sparse: bool,
}

/// A prepared workspace. All paths are absolute and belong to this session alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// Whose.
    pub session: SessionUid,
    /// The agent's working directory.
    pub dir: PathBuf,
    /// Empty HOME.
    pub home: PathBuf,
    /// TMPDIR.
    pub tmp: PathBuf,
    /// Folders elsewhere that its repository reads: object stores.
    #[serde(default)]
    pub borrowed: Vec<PathBuf>,
    /// Outbox file (exists, empty).
    pub outbox: PathBuf,
    /// Prompt file.
    pub prompt_file: PathBuf,
    /// What was checked out.
    pub start: Oid,
}

/// How one path changed between `start` and the imported tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathChange {
    /// Repository path; bytes that are not UTF-8 are shown lossy and flagged by the import.
    pub path: String,
    /// Git mode before, 0 if added.
    pub old_mode: u32,
    /// Git mode after, 0 if deleted.
    pub new_mode: u32,
    /// Bytes after; 0 if deleted.
    pub bytes: u64,
}

/// What an agent left, as objects in fleet's own object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The tree.
    pub tree: Oid,
    /// Changes against `start`, sorted by path; empty = the agent changed nothing.
    pub changes: Vec<PathChange>,
    /// Paths that the import refused outright (symlink out, gitlink, `.git*`, case clash, not
    /// UTF-8, FIFO): such a tree is not to be published. Each with the rule's name.
    pub refused: Vec<(String, String)>,
}

/// The message and parents of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitRequest {
    /// Tree.
    pub tree: Oid,
    /// Parent: `start`, or the head that the attempt continues.
    pub parent: Oid,
    /// Second parent: what was merged into the branch.
    pub merged: Option<Oid>,
    /// Whole message with trailers.
    pub message: String,
    /// Author and committer name.
    pub author_name: String,
    /// Author and committer email.
    pub author_email: String,
    /// Author and committer time, seconds since the epoch.
    pub time_secs: i64,
}

/// What a sweep removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Swept {
    pub workspaces: u32,
    pub bytes: u64,
}

/// A workspace operation failed. Fits after "failed to ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} in {on}: {cause}")]
pub struct WorkspaceError {
    /// What was tried.
    pub what: String,
    /// Where.
    pub on: String,
    /// Why, with a hint.
    pub cause: String,
    /// True if the disk is full, the file system read-only, or the folder not ours to write: every
    /// other workspace would fail the same way.
    pub storage: bool,
}

/// Makes, imports and removes workspaces.
pub trait Workspaces: Send + Sync {
    /// Makes the workspace of a lease; removes a left-over of the same session first.
    ///
    /// # Errors
    /// Git or the disk refuses.
    fn prepare(&self, lease: &Lease, want: &WorkspaceRequest) -> Result<Workspace, WorkspaceError>;

    /// The paths of a session's workspace, whether it is there or not: for work that outlives the
    /// process which made it.
    fn at(&self, session: SessionUid, start: &Oid) -> Workspace;

    /// Applies a patch to the working directory. Paths outside it, and through links, are refused.
    ///
    /// # Errors
    /// The patch is none, or does not fit.
    fn apply(&self, workspace: &Workspace, patch: &str) -> Result<(), WorkspaceError>;

    /// Imports the working directory through fleet's own git dir: no hooks, filters, fsmonitor,
    /// configuration or attributes of the agent's tree take part.
    ///
    /// # Errors
    /// The directory is gone, unreadable, or larger than `max_bytes`.
    fn import(&self, workspace: &Workspace, max_bytes: u64) -> Result<Imported, WorkspaceError>;

    /// Commits an imported tree to the repository's object store. No ref moves.
    ///
    /// # Errors
    /// Objects cannot be written.
    fn commit(&self, request: &CommitRequest) -> Result<Oid, WorkspaceError>;

    /// Removes a workspace; what cannot be removed now is removed by a later sweep.
    fn discard(&self, workspace: &Workspace);

    /// Removes workspaces of sessions other than `keep` that no living process uses.
    ///
    /// # Errors
    /// The folder cannot be read.
    fn sweep(&self, keep: &[SessionUid]) -> Result<Swept, WorkspaceError>;
}
