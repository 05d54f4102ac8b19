//! The code side of the repository: branches, diffs, merges, and the hand-over of commits.

use std::path::Path;

use crate::domain::ids::Oid;
use crate::ports::workspaces::PathChange;

/// What a branch is, on the remote if there is one, else locally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchFacts {
    /// Branch name, `agent/T-7`.
    pub name: String,
    /// Its head; `None` if it does not exist.
    pub head: Option<Oid>,
}

/// How two commits would merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeFacts {
    /// The work of `head` is in `base` already: an ancestor, or merging it would change nothing.
    Merged,
    /// It would merge without conflict.
    Clean,
    /// It would conflict.
    Conflict,
}

/// What a commit says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitFacts {
    /// Its parents, in order.
    pub parents: Vec<Oid>,
    /// Its message; bytes that are no text are replaced.
    pub message: String,
}

/// What a branch changes, for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    /// The patch; bytes that are no text are replaced.
    pub patch: String,
    /// The patch was longer, and its end is missing.
    pub cut: bool,
    /// Lines by file, sorted by path; not cut.
    pub files: Vec<FileLines>,
}

/// Lines that one file gains and loses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLines {
    /// Repository path.
    pub path: String,
    /// Lines that come.
    pub added: u64,
    /// Lines that go.
    pub removed: u64,
    /// No text: no lines are counted.
    pub binary: bool,
}

/// Two commits, merged as far as that goes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// A commit of the merged tree with both as parents; no ref names it. The same two commits give
    /// the same commit in every clone. In files of `conflicts` both versions stand between marks.
    pub commit: Oid,
    /// Paths that did not merge by themselves, sorted.
    pub conflicts: Vec<String>,
}

/// A code operation failed. Fits after "failed to ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {on}: {cause}")]
pub struct CodeError {
    /// What was tried.
    pub what: String,
    /// On what.
    pub on: String,
    /// Why, with a hint.
    pub cause: String,
    /// True if asking again later may work.
    pub retryable: bool,
}

/// What a commit says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitWords {
    /// Which commit.
    pub id: Oid,
    /// Its message; letters that are no UTF-8 are replaced.
    pub text: String,
}

/// Reads the code side. Nothing here runs repository code or moves a branch.
pub trait CodeRepo: Send + Sync {
    /// Fetches the base branch and all `agent/*` branches together with the state branch in one
    /// call (step 1). Without a remote it does nothing.
    ///
    /// # Errors
    /// The remote does not answer or refuses.
    fn refresh(&self) -> Result<(), CodeError>;

    /// The newest `limit` commits that the base branch reaches, newest first, without the state's.
    ///
    /// # Errors
    /// There is no base branch, or it cannot be read.
    fn messages(&self, limit: usize) -> Result<Vec<CommitWords>, CodeError>;

    /// Fetches branches that [`Self::refresh`] does not bring: bases that humans chose. Without a
    /// remote it does nothing.
    ///
    /// # Errors
    /// The remote does not answer, or has no such branch.
    fn bring(&self, names: &[String]) -> Result<(), CodeError>;

    /// Head of the base branch: the remote's if there is one, else the local one.
    ///
    /// # Errors
    /// It does not exist, or is unborn.
    fn base(&self) -> Result<Oid, CodeError>;

    /// Heads of these branches as last fetched.
    ///
    /// # Errors
    /// The repository cannot be read.
    fn branches(&self, names: &[String]) -> Result<Vec<BranchFacts>, CodeError>;

    /// How `head` relates to `base`.
    ///
    /// # Errors
    /// An object is missing (shallow clone).
    fn merge_facts(&self, base: &Oid, head: &Oid) -> Result<MergeFacts, CodeError>;

    /// Paths that `head` changes against `base`, by trees, without rename detection.
    ///
    /// # Errors
    /// An object is missing.
    fn diff(&self, base: &Oid, head: &Oid) -> Result<Vec<PathChange>, CodeError>;

    /// Text added by `head` against `base` (added lines of text files, bounded), for the secret scan.
    ///
    /// # Errors
    /// An object is missing.
    fn added_text(&self, base: &Oid, head: &Oid, max_bytes: u64) -> Result<Vec<u8>, CodeError>;

    /// What a pull request changes, as a patch against the point where it left the history of `onto`.
    /// Its head is fetched and no branch moves.
    ///
    /// # Errors
    /// There is no remote, no such pull request, or the patch is larger than `max_bytes`.
    fn pull_patch(&self, number: u64, onto: &Oid, max_bytes: u64) -> Result<String, CodeError>;

    /// What `head` changes since it left the history of `onto`, as a patch of at most `max_bytes`.
    ///
    /// # Errors
    /// An object is missing.
    fn shown(&self, onto: &Oid, head: &Oid, max_bytes: u64) -> Result<Shown, CodeError>;

    /// Merges `theirs` into `ours` as objects: no ref moves and nothing is checked out.
    ///
    /// # Errors
    /// An object is missing, the histories have nothing in common, or objects cannot be written.
    fn merge(&self, ours: &Oid, theirs: &Oid) -> Result<Merged, CodeError>;

    /// Those of `paths` in which `tree` (a commit or a tree) still has marks of a conflict.
    ///
    /// # Errors
    /// An object is missing.
    fn unresolved(&self, tree: &Oid, paths: &[String]) -> Result<Vec<String>, CodeError>;

    /// Parents and message of a commit.
    ///
    /// # Errors
    /// The object is missing.
    fn commit(&self, id: &Oid) -> Result<CommitFacts, CodeError>;

    /// All paths of a commit, for glob expansion; at most `limit`.
    ///
    /// # Errors
    /// The object is missing.
    fn paths(&self, commit: &Oid, limit: usize) -> Result<Vec<String>, CodeError>;

    /// Writes the commits `exclude..head` as a git bundle, for the hand-over between phases.
    ///
    /// # Errors
    /// Git or the disk refuses.
    fn export_bundle(&self, head: &Oid, exclude: &Oid, file: &Path) -> Result<(), CodeError>;

    /// Takes the objects of a bundle in, checked (`fsck`); no ref moves.
    ///
    /// # Errors
    /// The bundle is damaged, lacks a base, or does not contain `head`.
    fn import_bundle(&self, file: &Path, head: &Oid) -> Result<(), CodeError>;
}
