//! Hooks: the folder in which git looks for them, and what a commit or a push would change.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use git2::{Index, ObjectType, Oid, Repository, RepositoryOpenFlags, Tree};

use super::process::Git;
use crate::ports::hooks::{HookFile, HookFolder, Hooks, StagedFile};

/// Everything that fleet keeps.
const FOLDER: &str = ".orchestra/";
/// The records in it.
const RECORDS: &str = ".orchestra/log/";
/// What says that there is a state.
const FORMAT: &str = ".orchestra/format.json";
/// Largest message and hook that is read.
const MOST_BYTES: u64 = 1 << 20;

/// The hooks of the repository around a folder.
pub struct RepositoryHooks {
    dir: PathBuf,
    git: Git,
    /// The index of the commit that is being made, as git names it to its hooks.
    index: Option<PathBuf>,
}

fn sentence(what: &str, error: impl std::fmt::Display) -> String {
    format!("{what}: {error}")
}

fn cannot(what: &str, path: &Path) -> impl Fn(std::io::Error) -> String {
    let what = format!("cannot {what} {}", path.display());
    move |error| sentence(&what, error)
}

impl RepositoryHooks {
    /// Hooks of the work tree at `dir`.
    #[must_use]
    pub fn new(dir: &Path, git: Git, index: Option<&str>) -> Self {
        Self {
            dir: dir.to_owned(),
            git,
            index: index.map(|path| dir.join(path)),
        }
    }

    /// This work tree, which may be a linked one.
    fn open(&self) -> Result<Repository, String> {
        let none: &[&Path] = &[];
        Repository::open_ext(&self.dir, RepositoryOpenFlags::empty(), none)
            .map_err(|error| sentence("cannot open the repository", error.message()))
    }

    /// `core.hooksPath` of the user's configuration. Our own calls switch hooks off on the command
    /// line, which is the one scope that does not count.
    fn configured(&self) -> Result<Option<PathBuf>, String> {
        let asked = self.git.user().dir(&self.dir);
        let asked = asked.args([
            "config",
            "-z",
            "--show-scope",
            "--path",
            "--get-all",
            "core.hooksPath",
        ]);
        let out = asked
            .run()
            .map_err(|error| sentence("cannot ask git for core.hooksPath", error))?;
        let text = out.text();
        let words: Vec<&str> = text.split('\0').collect();
        let mut pairs = words.chunks_exact(2).filter(|pair| pair[0] != "command");
        Ok(pairs.next_back().map(|pair| PathBuf::from(pair[1])))
    }

    /// A file of this work tree; a link on the way out of it is not followed.
    fn setting(&self, path: &str) -> Result<PathBuf, String> {
        let repo = self.open()?;
        let top = repo
            .workdir()
            .ok_or("cannot write settings: there is no work tree")?;
        let file = top.join(path);
        let link = file
            .ancestors()
            .take_while(|part| *part != top)
            .find(|part| part.is_symlink());
        match link {
            None => Ok(file),
            Some(link) => Err(format!(
                "cannot use {}: it is a link to another place",
                link.display()
            )),
        }
    }

    fn file(&self, name: &str) -> Result<PathBuf, String> {
        Ok(Path::new(&self.folder()?.path).join(name))
    }
}

/// A file as it is, with its mode.
fn read_at(path: &Path) -> Result<Option<HookFile>, String> {
    let told = cannot("read", path);
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(told(error)),
    };
    if !meta.is_file() || meta.len() > MOST_BYTES {
        return Err(format!(
            "cannot read {}: it is no plain file of that size",
            path.display()
        ));
    }
    Ok(Some(HookFile {
        bytes: fs::read(path).map_err(told)?,
        executable: meta.permissions().mode() & 0o111 != 0,
    }))
}

/// A text in a file beside `path`, complete.
fn written(path: &Path, text: &str, mode: u32) -> Result<NamedTempFile, String> {
    let told = cannot("write", path);
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(&told)?;
    let mut file = tempfile::Builder::new()
        .prefix(".fleet-new-")
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(folder)
        .map_err(&told)?;
    file.write_all(text.as_bytes()).map_err(&told)?;
    Ok(file)
}

fn put_at(path: &Path, text: &str, mode: u32) -> Result<(), String> {
    written(path, text, mode)?
        .persist_noclobber(path)
        .map_err(|error| cannot("write", path)(error.error))?;
    Ok(())
}

fn ensure_holds(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if read_at(path)?.is_some_and(|file| file.bytes == bytes) {
        return Ok(());
    }
    Err(format!(
        "{} was changed meanwhile, and is left",
        path.display()
    ))
}

fn remove_at(path: &Path, bytes: &[u8]) -> Result<(), String> {
    ensure_holds(path, bytes)?;
    fs::remove_file(path).map_err(cannot("remove", path))
}

impl Hooks for RepositoryHooks {
    fn folder(&self) -> Result<HookFolder, String> {
        let repo = self.open()?;
        let path = match self.configured()? {
            // A relative path is seen from where git runs hooks.
            Some(path) => repo.workdir().unwrap_or_else(|| repo.path()).join(path),
            None => repo.commondir().join("hooks"),
        };
        let path: PathBuf = path.components().collect();
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let inside = |top: Option<&Path>| top.is_some_and(|top| real(&path).starts_with(real(top)));
        Ok(HookFolder {
            in_work_tree: inside(repo.workdir()) && !inside(Some(repo.commondir())),
            own: inside(Some(repo.commondir())),
            path: path.display().to_string(),
        })
    }

    fn read(&self, name: &str) -> Result<Option<HookFile>, String> {
        read_at(&self.file(name)?)
    }

    fn put_new(&self, name: &str, text: &str) -> Result<(), String> {
        put_at(&self.file(name)?, text, 0o755)
    }

    fn link(&self, from: &str, to: &str) -> Result<(), String> {
        let (from, to) = (self.file(from)?, self.file(to)?);
        fs::hard_link(&from, &to).map_err(cannot("keep", &from))
    }

    fn put_over(&self, name: &str, was: &[u8], text: &str) -> Result<(), String> {
        let path = self.file(name)?;
        let file = written(&path, text, 0o755)?;
        ensure_holds(&path, was)?;
        file.persist(&path)
            .map_err(|error| cannot("write", &path)(error.error))?;
        Ok(())
    }

    fn put_back(&self, from: &str, to: &str, was: Option<&[u8]>) -> Result<(), String> {
        let (from, path) = (self.file(from)?, self.file(to)?);
        if let Some(was) = was {
            ensure_holds(&path, was)?;
            return fs::rename(&from, &path).map_err(cannot("rename", &from));
        }
        // A link first: a rename would take the place of a file that came in between.
        fs::hard_link(&from, &path).map_err(cannot("rename", &from))?;
        fs::remove_file(&from).map_err(cannot("remove", &from))
    }

    fn remove(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        remove_at(&self.file(name)?, bytes)
    }

    fn read_setting(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(read_at(&self.setting(path)?)?.map(|file| file.bytes))
    }

    fn put_setting(&self, path: &str, text: &str) -> Result<(), String> {
        put_at(&self.setting(path)?, text, 0o644)
    }

    fn remove_setting(&self, path: &str, bytes: &[u8]) -> Result<(), String> {
        let file = self.setting(path)?;
        remove_at(&file, bytes)?;
        if let Some(folder) = file.parent() {
            // One that holds something else stays.
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }

    fn branch(&self) -> Option<String> {
        let repo = self.open().ok()?;
        let head = repo.find_reference("HEAD").ok()?;
        let target = head.symbolic_target().ok().flatten()?;
        target.strip_prefix("refs/heads/").map(str::to_owned)
    }

    fn staged(&self) -> Result<Vec<StagedFile>, String> {
        let repo = self.open()?;
        let told = |error: git2::Error| sentence("cannot read what is staged", error.message());
        let index = match &self.index {
            Some(path) => Index::open(path),
            None => repo.index(),
        };
        let index = index.map_err(told)?;
        let head = repo.head().ok().and_then(|head| head.peel_to_tree().ok());
        let mut before = records_of(&repo, head.as_ref());
        let mut staged = Vec::new();
        for entry in index.iter() {
            let Ok(path) = String::from_utf8(entry.path.clone()) else {
                continue;
            };
            if !path.starts_with(FOLDER) {
                continue;
            }
            let old = before.iter().position(|(name, _)| *name == path);
            let old = old.map(|at| before.swap_remove(at).1);
            if old == Some(entry.id) {
                continue;
            }
            staged.push(StagedFile {
                path,
                before: old.and_then(|id| content(&repo, id)),
                after: content(&repo, entry.id),
            });
        }
        staged.extend(before.into_iter().map(|(path, id)| StagedFile {
            path,
            before: content(&repo, id),
            after: None,
        }));
        staged.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(staged)
    }

    fn has_state(&self, branch: &str) -> bool {
        let Ok(repo) = self.open() else { return false };
        branches(&repo, branch).into_iter().any(|tip| {
            let tree = repo.find_commit(tip).and_then(|commit| commit.tree());
            tree.is_ok_and(|tree| tree.get_path(Path::new(FORMAT)).is_ok())
        })
    }

    fn touches_records(&self, commit: &str, base: &str, there: &str) -> Result<bool, String> {
        let repo = self.open()?;
        let told = |error: git2::Error| sentence(&format!("cannot read {commit}"), error.message());
        let id = Oid::from_str(commit).map_err(told)?;
        let object = repo.find_object(id, None).map_err(told)?;
        let Ok(commit) = object.peel_to_commit() else {
            // A tag of a tree or blob carries no branch's records.
            return Ok(false);
        };
        let records = |id: Oid| {
            let tree = repo.find_commit(id).and_then(|commit| commit.tree()).ok();
            let all = records_of(&repo, tree.as_ref());
            let records = all
                .into_iter()
                .filter(|(path, _)| path.starts_with(RECORDS));
            records.collect::<BTreeSet<(String, Oid)>>()
        };
        let own = records(commit.id());
        let (mut known, mut forks) = (BTreeSet::new(), Vec::new());
        let there = Oid::from_str(there).ok().filter(|id| !id.is_zero());
        for tip in branches(&repo, base).into_iter().chain(there) {
            known.extend(records(tip));
            let bases = repo.merge_bases(tip, commit.id());
            forks.extend(bases.iter().flat_map(|bases| bases.iter().copied()));
        }
        let forks: Vec<_> = forks.into_iter().map(records).collect();
        if forks.contains(&own) || (forks.is_empty() && own.is_empty()) {
            return Ok(false);
        }
        // Records of several lines of the base, as a merge brings them: none that is new, and none
        // that is gone.
        known.extend(forks.iter().flatten().cloned());
        let has = |path: &String| own.iter().any(|(there, _)| there == path);
        let whole = forks.iter().flatten().all(|(path, _)| has(path));
        Ok(!whole || !own.is_subset(&known))
    }

    fn message(&self, file: &str) -> Result<String, String> {
        let path = self.dir.join(file);
        let bytes = fs::read(&path);
        let bytes =
            bytes.map_err(|error| sentence(&format!("cannot read {}", path.display()), error))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn add_trailer(&self, file: &str, trailer: &str) -> Result<(), String> {
        let call = self.git.user().dir(&self.dir).args([
            "interpret-trailers",
            "--in-place",
            "--if-exists",
            "doNothing",
            "--trailer",
            trailer,
            file,
        ]);
        let out = call
            .run()
            .map_err(|error| sentence("cannot add the trailer", error))?;
        if out.ok() {
            return Ok(());
        }
        Err(sentence("cannot add the trailer", out.cause()))
    }
}

/// Tips of the branch of this name, here and at every remote, as far as they are known.
fn branches(repo: &Repository, name: &str) -> Vec<Oid> {
    let mut names = vec![format!("refs/heads/{name}")];
    if let Ok(remotes) = repo.remotes() {
        let remotes = remotes.iter().flatten().flatten();
        names.extend(remotes.map(|remote| format!("refs/remotes/{remote}/{name}")));
    }
    let tip = |name: String| repo.find_reference(&name)?.peel_to_commit();
    let tips = names.into_iter().filter_map(|name| tip(name).ok());
    tips.map(|commit| commit.id()).collect()
}

/// Files below `.orchestra/` of a tree.
fn records_of(repo: &Repository, tree: Option<&Tree<'_>>) -> Vec<(String, Oid)> {
    let mut found = Vec::new();
    let folder = tree.and_then(|tree| {
        let entry = tree
            .get_path(Path::new(FOLDER.trim_end_matches('/')))
            .ok()?;
        repo.find_tree(entry.id()).ok()
    });
    if let Some(folder) = folder {
        let walked = folder.walk(git2::TreeWalkMode::PreOrder, |root, entry| {
            if entry.kind() == Some(ObjectType::Blob)
                && let Ok(name) = entry.name()
            {
                found.push((format!("{FOLDER}{root}{name}"), entry.id()));
            }
            git2::TreeWalkResult::Ok
        });
        if walked.is_err() {
            found.clear();
        }
    }
    found
}

fn content(repo: &Repository, id: Oid) -> Option<Vec<u8>> {
    repo.find_blob(id).ok().map(|blob| blob.content().to_vec())
}
