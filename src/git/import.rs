//! Importing what an agent left in a working directory (R2, security.md §4.3).
//!
//! The directory is compared with fleet's own index by `lstat`, what differs is read file by file,
//! and the new tree is grown from the start tree by those differences. No git program runs in it;
//! the agent's `.git`, its commits, hooks, filters and settings are never looked at. The project's
//! own `.gitignore` and `.gitattributes` hold (line ends are normalised as at checkout).
//!
//! New objects are kept in memory and carried over to the repository only when nothing was refused.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use git2::{AttrCheckFlags, ObjectType, Oid, Repository, Tree};

use crate::git::code_repo::diff::{changes, to_oid};
use crate::git::process::Git;
use crate::ports::workspaces::{Imported, PathChange};

pub(super) mod baseline;
mod grow;
mod names;
pub(super) mod scan;

use baseline::{Baseline, LINK};
use grow::{Branch, Leaf};
use scan::{Found, Look, Scan, ScanError, absolute};

/// What an import works on.
pub(super) struct Import<'a> {
    pub(super) git: &'a Git,
    /// The user's repository; receives the objects.
    pub(super) main: &'a Repository,
    /// Fleet's git dir beside the working directory.
    pub(super) side: &'a Path,
    /// The working directory, by its real path.
    pub(super) work: &'a Path,
    pub(super) start: Oid,
    pub(super) max_entries: u64,
    pub(super) max_bytes: u64,
}

/// Why an import failed: a cause with a hint, and whether the storage is at fault.
#[derive(Debug)]
pub(super) struct ImportError {
    pub(super) cause: String,
    pub(super) storage: bool,
}

impl ImportError {
    fn new(cause: impl Into<String>) -> Self {
        Self {
            cause: cause.into(),
            storage: false,
        }
    }
}

impl From<git2::Error> for ImportError {
    fn from(error: git2::Error) -> Self {
        let storage = ["No space left", "Read-only file system", "quota exceeded"];
        Self {
            storage: storage.iter().any(|word| error.message().contains(word)),
            cause: error.message().to_owned(),
        }
    }
}

impl From<ScanError> for ImportError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Io(path, cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                Self::new(format!("{} is gone: the agent removed it", path.display()))
            }
            ScanError::Io(path, cause) => Self::new(format!("read {}: {cause}", path.display())),
            ScanError::TooMany(max) => Self::new(format!(
                "the agent left more than {max} new entries; let the project ignore its build output in .gitignore"
            )),
            ScanError::Git(error) => error.into(),
        }
    }
}

impl Import<'_> {
    /// Runs the import.
    pub(super) fn run(&self) -> Result<Imported, ImportError> {
        scan::directory(self.work)?;
        let side = open_side(self.side, self.work)?;
        // New objects stay in memory until they are carried over.
        let odb = side.odb()?;
        let _memory = odb.add_new_mempack_backend(1000)?;
        let baseline = Baseline::read(self.side)?;
        let look = Look {
            work: self.work,
            baseline: &baseline,
            ignored: Some(&side),
            max_entries: self.max_entries,
        };
        let mut scan = look.scan()?;
        let start = side.find_commit(self.start)?.tree()?;
        self.refuse_by_rule(&baseline, &mut scan)?;
        if !scan.refused.is_empty() {
            return refused_outright(&start, &scan);
        }
        look.drop_untouched(&mut scan)?;
        self.weigh(&scan)?;
        let mut written = Vec::new();
        let tree = self.grow(&side, &baseline, &start, &scan, &mut written)?;
        let changes = changes(&side, Some(&start), &tree)?;
        let added: Vec<&str> = changes
            .iter()
            .filter(|change| change.old_mode == 0)
            .map(|change| change.path.as_str())
            .collect();
        let refused = grow::refuse_siblings(&side, &tree, &added)?;
        if refused.is_empty() {
            grow::carry_over(&side, self.main, &written)?;
        }
        Ok(Imported {
            tree: to_oid(if refused.is_empty() {
                tree.id()
            } else {
                start.id()
            }),
            changes,
            refused,
        })
    }

    fn refuse_by_rule(&self, baseline: &Baseline, scan: &mut Scan) -> Result<(), ImportError> {
        for found in &scan.found {
            let rule = if found.tracked {
                names::refuse_changed(&found.path)
            } else {
                names::refuse_added(&found.path).or_else(|| {
                    baseline
                        .hides(&found.path)
                        .then_some("outside-the-sparse-checkout")
                })
            };
            let rule = match rule {
                None if found.mode == LINK => self.refuse_link(baseline, found)?,
                rule => rule,
            };
            if let Some(rule) = rule {
                scan.refused.push((found.path.clone(), rule));
            }
        }
        for path in &scan.missing {
            if let Some(rule) = names::refuse_changed(path) {
                scan.refused.push((path.clone(), rule));
            }
        }
        Ok(())
    }

    /// A new or changed link is never taken: where it leads depends on other links and on the
    /// machine. The rule's name tells a person which sort it is.
    fn refuse_link(
        &self,
        baseline: &Baseline,
        found: &Found,
    ) -> Result<Option<&'static str>, ImportError> {
        let target = fs::read_link(absolute(self.work, &found.path))
            .map_err(|error| ScanError::Io(absolute(self.work, &found.path), error))?;
        let target = target.as_os_str().as_bytes();
        let same = baseline.get(&found.path).is_some_and(|tracked| {
            tracked.mode == found.mode
                && Oid::hash_object(ObjectType::Blob, target).is_ok_and(|id| id == tracked.id)
        });
        if same {
            return Ok(None);
        }
        let out = leaves_the_tree(&found.path, target);
        Ok(Some(if out { "symlink-out" } else { "symlink" }))
    }

    /// Sizes are added up before anything is read.
    fn weigh(&self, scan: &Scan) -> Result<(), ImportError> {
        let total: u64 = scan.found.iter().map(|found| found.bytes).sum();
        if total <= self.max_bytes {
            return Ok(());
        }
        let Some(largest) = scan.found.iter().max_by_key(|found| found.bytes) else {
            return Ok(());
        };
        Err(ImportError::new(format!(
            "the agent left {total} bytes in new and changed files, the most is {}; the largest is {:?} with {} bytes. Let the project ignore it in .gitignore, or raise diff.max_bytes",
            self.max_bytes,
            String::from_utf8_lossy(&largest.path),
            largest.bytes
        )))
    }

    fn grow<'r>(
        &self,
        side: &'r Repository,
        baseline: &Baseline,
        start: &Tree<'r>,
        scan: &Scan,
        written: &mut Vec<Oid>,
    ) -> Result<Tree<'r>, ImportError> {
        if scan.found.is_empty() && scan.missing.is_empty() {
            return Ok(start.clone());
        }
        let mut branch = Branch::default();
        for path in &scan.missing {
            branch.set(path, Leaf::Remove);
        }
        for found in &scan.found {
            let id = self.read(side, baseline, found)?;
            written.push(id);
            branch.set(&found.path, Leaf::Put(id, found.mode));
        }
        let id = match branch.write(side, Some(start), written)? {
            Some(id) => id,
            None => {
                let empty = side.treebuilder(None)?.write()?;
                written.push(empty);
                empty
            }
        };
        Ok(side.find_tree(id)?)
    }

    /// Reads one file into the side git dir, normalised as `git add` would.
    fn read(
        &self,
        side: &Repository,
        baseline: &Baseline,
        found: &Found,
    ) -> Result<Oid, ImportError> {
        let path = absolute(self.work, &found.path);
        let failed = |error| ImportError::from(ScanError::Io(path.clone(), error));
        if found.mode == LINK {
            let target = fs::read_link(&path).map_err(failed)?;
            return Ok(side.blob(target.as_os_str().as_bytes())?);
        }
        let file = open_plain(&path).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        if !meta.is_file() || (meta.dev(), meta.ino()) != found.node || meta.len() != found.bytes {
            return Err(ImportError::new(format!(
                "{} changed while it was read: a process of the agent is still running",
                path.display()
            )));
        }
        let mut bytes = Vec::new();
        file.take(found.bytes)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        let hint = Path::new(std::ffi::OsStr::from_bytes(&found.path));
        // Bytes of the start tree are kept even if the line-end rules would change them now: only
        // the mode can have changed then.
        if let Some(tracked) = baseline.get(&found.path)
            && Oid::hash_object(ObjectType::Blob, &bytes)? == tracked.id
        {
            return Ok(tracked.id);
        }
        let encoding = side.get_attr(
            hint,
            "working-tree-encoding",
            AttrCheckFlags::FILE_THEN_INDEX,
        )?;
        if encoding.is_some() {
            return self.read_by_git(hint, bytes);
        }
        let mut writer = side.blob_writer(Some(hint))?;
        writer
            .write_all(&bytes)
            .map_err(|error| ImportError::new(error.to_string()))?;
        Ok(writer.commit()?)
    }

    /// libgit2 knows no `working-tree-encoding`; the git program does.
    fn read_by_git(&self, path: &Path, bytes: Vec<u8>) -> Result<Oid, ImportError> {
        let mut option = std::ffi::OsString::from("--path=");
        option.push(path);
        let output = self
            .git
            .isolated()
            .git_dir(self.side)
            .work_tree(self.work)
            .dir(self.work)
            .args(["hash-object", "-w", "--stdin"])
            .arg(option)
            .stdin(bytes)
            .run()
            .map_err(|error| ImportError::new(error.to_string()))?;
        if !output.ok() {
            return Err(ImportError::new(output.cause()));
        }
        Ok(Oid::from_str(&output.text())?)
    }
}

/// The side git dir, looking at the working directory.
pub(super) fn open_side(side: &Path, work: &Path) -> Result<Repository, git2::Error> {
    let repo = Repository::open_ext(
        side,
        git2::RepositoryOpenFlags::NO_SEARCH | git2::RepositoryOpenFlags::NO_DOTGIT,
        std::iter::empty::<&Path>(),
    )?;
    repo.set_workdir(work, false)?;
    Ok(repo)
}

/// Opens without following a link and without waiting for a FIFO's writer.
fn open_plain(path: &Path) -> std::io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(open(path, flags, Mode::empty())?))
}

/// Whether a link at `path` with this text points out of the tree, or into a `.git`.
fn leaves_the_tree(path: &[u8], target: &[u8]) -> bool {
    if target.first().is_none_or(|byte| *byte == b'/') {
        return true;
    }
    let mut depth = path.iter().filter(|byte| **byte == b'/').count();
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if depth == 0 => return true,
            b".." => depth -= 1,
            name if std::str::from_utf8(name).is_ok_and(names::is_dot_git) => return true,
            _ => depth += 1,
        }
    }
    false
}

/// Nothing was read: the changes are what `lstat` says.
fn refused_outright(start: &Tree<'_>, scan: &Scan) -> Result<Imported, ImportError> {
    let lossy = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    let old_mode = |path: &[u8]| {
        let path = Path::new(std::ffi::OsStr::from_bytes(path));
        start
            .get_path(path)
            .map_or(0, |entry| u32::try_from(entry.filemode()).unwrap_or(0))
    };
    let put = scan.found.iter().map(|found| PathChange {
        path: lossy(&found.path),
        old_mode: old_mode(&found.path),
        new_mode: found.mode,
        bytes: found.bytes,
    });
    let gone = scan.missing.iter().map(|path| PathChange {
        path: lossy(path),
        old_mode: old_mode(path),
        new_mode: 0,
        bytes: 0,
    });
    let mut changes: Vec<PathChange> = put.chain(gone).collect();
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    let mut refused: Vec<(String, String)> = scan
        .refused
        .iter()
        .map(|(path, rule)| (lossy(path), (*rule).to_owned()))
        .collect();
    refused.sort();
    refused.dedup();
    Ok(Imported {
        tree: to_oid(start.id()),
        changes,
        refused,
    })
}
