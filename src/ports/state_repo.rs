//! The state as files in a tree, and the one protocol by which it changes (DESIGN §3, Publishing).
//!
//! A repository hands out a [`StateView`]: the newest known tree of state files. A change is a
//! [`Proposal`] made on that view. Publishing answers with an enum; `Lost` means fold and decide
//! again. The repository knows nothing of records: it moves bytes.

use std::any::Any;
use std::fmt;
use std::io::Read;

use crate::domain::ids::Oid;
use crate::domain::time::DurationMs;

/// What an entry of a tree is. Only `File` may be read as state (R2, A14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A regular file, mode 100644.
    File,
    /// A folder.
    Dir,
    /// Executable, symlink or submodule: never read, always reported. The git mode.
    Foreign(u32),
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Name in the folder, lossy if not UTF-8.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Identity of the content; equal ids mean equal bytes below.
    pub id: String,
}

/// A read-only tree of state files. Paths are relative to the tree's root: `.orchestra/format.json`.
pub trait StateTree: Send + Sync {
    /// Entries of a folder, sorted by name; empty if it does not exist.
    ///
    /// # Errors
    /// The storage cannot be read.
    fn list(&self, dir: &str) -> Result<Vec<TreeEntry>, StateReadError>;

    /// Bytes of a regular file; `None` if it does not exist or is not a regular file.
    ///
    /// # Errors
    /// The storage cannot be read, or the file is larger than 32 MiB.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StateReadError>;

    /// The identity that a file of these bytes has where it is listed; `None` if that cannot be told
    /// before it is written.
    fn id_of(&self, bytes: &[u8]) -> Option<String>;

    /// Reads many files; may call `visit` from several threads, in any order, once per path that
    /// exists, with the path's position.
    ///
    /// # Errors
    /// As [`StateTree::read`].
    fn read_many(
        &self,
        paths: &[String],
        visit: &(dyn Fn(usize, &[u8]) + Sync),
    ) -> Result<(), StateReadError> {
        for (at, path) in paths.iter().enumerate() {
            if let Some(bytes) = self.read(path)? {
                visit(at, &bytes);
            }
        }
        Ok(())
    }
}

/// Reading state failed. Fits after "failed to ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read {path} from the state: {cause}")]
pub struct StateReadError {
    /// Path in the tree, or the ref.
    pub path: String,
    /// Why.
    pub cause: String,
}

/// The newest state that is known, and what is known about the remote.
pub struct StateView {
    /// What a proposal is based on: the tip that the push will be compared with. `None` while the
    /// state branch does not exist.
    pub tip: Option<Oid>,
    /// The files at that tip.
    pub tree: Box<dyn StateTree>,
    /// Files of local commits that are not published yet, if there are any: same layout. Their
    /// records are not in `tree` (or are, after a union merge; records are sets, so both is fine).
    pub unpublished: Option<Box<dyn StateTree>>,
    /// Tip of those local commits; a proposal repeats it.
    pub unpublished_tip: Option<Oid>,
    /// Whether a remote is in play.
    pub remote: RemoteState,
    /// Key under which anything derived from this view may be cached; changes with any content.
    pub cache_key: String,
}

impl fmt::Debug for StateView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateView")
            .field("tip", &self.tip)
            .field("unpublished", &self.unpublished.is_some())
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

/// What is known about the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteState {
    /// The repository has none; the local ref decides.
    None,
    /// There is one; this view is what was last fetched.
    NotAsked,
    /// Fetched just now.
    Fresh,
    /// It did not answer; this view is what was last fetched.
    Unreachable {
        /// What git said, redacted.
        cause: String,
    },
}

/// How fresh a view must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Local refs only: no network.
    Local,
    /// Ask the remote first, waiting at most this long.
    Fetch(DurationMs),
}

/// How far a publish must go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To the remote if there is one; else the local ref.
    Remote(DurationMs),
    /// Only to the local ref: the change stays unpublished while a remote exists.
    LocalOnly,
}

/// One change of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Path in the tree.
    pub path: String,
    /// New bytes; `None` deletes.
    pub bytes: Option<Vec<u8>>,
}

/// A change of another ref that must happen together with the state (step 6: the agent branch).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefChange {
    /// Full name, `refs/heads/agent/T-7`.
    pub name: String,
    /// What it must be now; `None` = must not exist.
    pub expected: Option<Oid>,
    /// What it becomes; the object is in the local repository.
    pub new: Oid,
}

/// A change of the state, made on a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// `StateView::tip` of the view that it was decided on.
    pub based_on: Option<Oid>,
    /// `StateView::unpublished_tip` of that view. A local-only proposal answers `Lost` if local
    /// commits moved since (another process added something); a settling one then publishes, but
    /// keeps the local commits as unpublished.
    pub unpublished: Option<Oid>,
    /// Files to write and delete.
    pub files: Vec<FileChange>,
    /// Other refs that move in the same atomic push.
    pub refs: Vec<RefChange>,
    /// First line of the commit message: what was decided, such as `claim T-7`.
    pub subject: String,
    /// Random, so that two equal decisions make different commits (security.md §0.3).
    pub nonce: String,
    /// How far it must go.
    pub reach: Reach,
    /// True if `files` already contain all unpublished local records, so that a successful publish
    /// settles the local branch.
    pub settles_unpublished: bool,
}

/// Proof that a proposal became the state. Only a `StateRepo` makes one; a lease is made from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The new tip.
    pub tip: Oid,
    /// True if it reached the remote, or there is none.
    pub settled: bool,
}

/// What became of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishOutcome {
    /// It is the state now.
    Published(Published),
    /// Somebody else was first; nothing changed. Fetch, fold, decide again.
    Lost {
        /// What git said.
        cause: String,
    },
    /// The remote refuses and will refuse again: rights, rules, hooks. Nothing changed.
    Denied {
        /// True if a rule or right of the remote is why: asking again will not help. False if
        /// something stands in the way there that may pass, such as a lock file left behind.
        by_rule: bool,
        /// What git said, redacted.
        cause: String,
    },
    /// The remote did not answer, even when asked afterwards what it holds. Nothing is known.
    Unreachable {
        /// What git said, redacted.
        cause: String,
    },
}

/// Bytes that can be made again at any time, kept beside the repository. Never truth: what is read
/// here may be missing, old, cut or foreign, and only readings that decide nothing may use it.
pub trait Cache: Send + Sync {
    /// The bytes kept under `name` (letters and digits), and how many they are.
    fn get(&self, name: &str) -> Option<(Box<dyn Read + Send>, u64)>;

    /// Keeps the bytes of all pieces; may do so in the background, may fail in silence, may forget others.
    fn put(&self, name: &str, pieces: Vec<Vec<u8>>);

    /// Prepares the calling thread for the values of so many bytes. A hint.
    fn prepare(&self, _bytes: u64) {}
}

/// When to wait for a turn (see [`StateRepo::turn`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakeTurn {
    /// If another process of this clone is writing now.
    IfBusy,
    /// In any case.
    Now,
}

/// The turn of a process to write; it ends when this is dropped.
pub struct Turn(#[expect(dead_code, reason = "it is kept to be dropped")] Box<dyn Any>);

impl Turn {
    /// A turn that ends when `held` is dropped.
    #[must_use]
    pub fn new(held: impl Any) -> Self {
        Self(Box::new(held))
    }
}

/// The repository that holds the state.
pub trait StateRepo: Send + Sync {
    /// The newest view.
    ///
    /// # Errors
    /// The repository or its state branch cannot be read, or was rewound.
    fn view(&self, freshness: Freshness) -> Result<StateView, StateRepoError>;

    /// What one commit of the state holds, by its id or the beginning of it; `None` if there is no
    /// such commit here, or no state in it. A repository without commits has none.
    ///
    /// # Errors
    /// The repository cannot be read.
    fn view_of(&self, _commit: &str) -> Result<Option<StateView>, StateRepoError> {
        Ok(None)
    }

    /// What the parents of a commit of the state hold, those without state left out. A commit that is
    /// not here has none.
    ///
    /// # Errors
    /// The repository cannot be read.
    fn views_before(&self, _commit: &str) -> Result<Vec<StateView>, StateRepoError> {
        Ok(Vec::new())
    }

    /// Publishes a proposal: commit on its base with the nonce, compare-and-swap. After a failed
    /// push the remote is read again, and the answer is what it holds.
    ///
    /// # Errors
    /// The commit cannot be made (disk full, read-only, damaged repository). Nothing changed.
    fn publish(&self, proposal: &Proposal) -> Result<PublishOutcome, StateRepoError>;

    /// Waits until it is the turn of this process to write in this clone, and keeps it until what comes
    /// back is dropped: no other fleet process of the clone moves the state between a view and a publish
    /// then. Nothing comes back where writers do not wait for each other: where the remote decides.
    ///
    /// # Errors
    /// Another process has kept it for too long.
    fn turn(&self, _when: TakeTurn, _reach: Reach) -> Result<Option<Turn>, StateRepoError> {
        Ok(None)
    }

    /// Stable name of this clone as a writer of segments: 10 lower-case letters and digits.
    ///
    /// # Errors
    /// It cannot be read or made.
    fn writer(&self) -> Result<String, StateRepoError>;

    /// Where things derived from the state may be kept, if anywhere.
    fn cache(&self) -> Option<&dyn Cache> {
        None
    }
}

/// The repository cannot serve. Fits after "failed to ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateRepoError {
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] StateReadError),
    /// The remote's state branch no longer contains what was seen there before.
    #[error(
        "trust the state branch {branch}: it was rewound from {seen} to {now}; somebody rewrote its history. Compare both commits, then run `fleet doctor`"
    )]
    Rewound {
        /// Branch.
        branch: String,
        /// Tip seen before.
        seen: String,
        /// Tip now.
        now: String,
    },
    /// The remote had a state branch and has none any more.
    #[error(
        "trust the state branch {branch}: the remote had it at {seen} and has it no more; somebody deleted it there"
    )]
    Gone {
        /// Branch.
        branch: String,
        /// Name of the remote.
        remote: String,
        /// Tip seen there last; it is still here.
        seen: String,
    },
    /// Writing objects or refs failed.
    #[error("write the state to {on}: {cause}")]
    Write {
        /// Which repository path or ref.
        on: String,
        /// Why.
        cause: String,
    },
    /// The git program did not run.
    #[error("{cause}")]
    Git {
        /// Which call and why.
        cause: String,
        /// True if it is not there, or too old: another one has to be installed or named.
        unfit: bool,
    },
    /// This is not a repository, or not one that fleet can use.
    #[error("use {on} as a repository: {cause}")]
    Unusable {
        /// Path.
        on: String,
        /// Why, with the next command.
        cause: String,
    },
}
