//! The folder in which git looks for hooks, and what a hook is asked about.

/// Where hooks are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookFolder {
    /// The folder, for people.
    pub path: String,
    /// It lies in a work tree: its files are the project's, and shared.
    pub in_work_tree: bool,
    /// It lies in what git keeps of this repository, so no other repository looks there.
    pub own: bool,
}

/// A file of that folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookFile {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// git runs it.
    pub executable: bool,
}

/// A file below `.orchestra/` that a commit would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedFile {
    /// Path from the top.
    pub path: String,
    /// As it is in HEAD.
    pub before: Option<Vec<u8>>,
    /// As it would be.
    pub after: Option<Vec<u8>>,
}

/// The hooks of one repository. Errors are sentences.
pub trait Hooks {
    /// Where git looks, with `core.hooksPath` and for every work tree.
    ///
    /// # Errors
    /// The repository cannot be read.
    fn folder(&self) -> Result<HookFolder, String>;

    /// A file of the folder; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read, or is no plain file.
    fn read(&self, name: &str) -> Result<Option<HookFile>, String>;

    /// Makes an executable file that is not there, whole or not at all.
    ///
    /// # Errors
    /// It is there, or cannot be written.
    fn put_new(&self, name: &str, text: &str) -> Result<(), String>;

    /// Gives a file a second name that is free.
    ///
    /// # Errors
    /// The name is taken, or the disk refuses.
    fn link(&self, from: &str, to: &str) -> Result<(), String>;

    /// Makes a file that holds exactly `was` an executable one with this text, in one step: git finds
    /// the one or the other at every moment.
    ///
    /// # Errors
    /// It holds something else, or cannot be written.
    fn put_over(&self, name: &str, was: &[u8], text: &str) -> Result<(), String>;

    /// Gives a file the name of another that holds exactly `was`, in one step, or a name that is
    /// free; what it holds and its mode stay.
    ///
    /// # Errors
    /// There is something else of that name, or the disk refuses.
    fn put_back(&self, from: &str, to: &str, was: Option<&[u8]>) -> Result<(), String>;

    /// Takes a file away that holds exactly these bytes.
    ///
    /// # Errors
    /// It holds something else, or the disk refuses.
    fn remove(&self, name: &str, bytes: &[u8]) -> Result<(), String>;

    /// A file of this work tree; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read, or is no plain file.
    fn read_setting(&self, path: &str) -> Result<Option<Vec<u8>>, String>;

    /// Makes a file of this work tree that is not there.
    ///
    /// # Errors
    /// It is there, or cannot be written.
    fn put_setting(&self, path: &str, text: &str) -> Result<(), String>;

    /// Takes a file of this work tree away that holds exactly these bytes, and its folder if that is
    /// empty then.
    ///
    /// # Errors
    /// It holds something else, or the disk refuses.
    fn remove_setting(&self, path: &str, bytes: &[u8]) -> Result<(), String>;

    /// Branch that is checked out; none if HEAD is detached.
    fn branch(&self) -> Option<String>;

    /// What the commit that is being made changes below `.orchestra/`.
    ///
    /// # Errors
    /// The index cannot be read.
    fn staged(&self) -> Result<Vec<StagedFile>, String>;

    /// Whether the repository has fleet's state on this branch, here or at a remote.
    fn has_state(&self, branch: &str) -> bool;

    /// Whether the records at this commit are others than those of the branch `base`, here or at any
    /// remote, or of the commit `there` that the push would replace: where the commit left it, or as
    /// it is now.
    ///
    /// # Errors
    /// The commit is not here.
    fn touches_records(&self, commit: &str, base: &str, there: &str) -> Result<bool, String>;

    /// The message that is being written.
    ///
    /// # Errors
    /// It cannot be read.
    fn message(&self, file: &str) -> Result<String, String>;

    /// Adds a trailer to the message, unless it has one of that name.
    ///
    /// # Errors
    /// git refuses.
    fn add_trailer(&self, file: &str, trailer: &str) -> Result<(), String>;
}
