//! The code side of a real repository: branches, diffs and merges by libgit2, which runs nothing;
//! fetches and bundles by the git program.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::{ErrorCode, Repository, Tree, TreeWalkMode, TreeWalkResult};

use crate::domain::ids::Oid;
use crate::domain::time::DurationMs;
use crate::git::place::Place;
use crate::git::process::Git;
use crate::git::remote::{Fetched, Remote};
use crate::git::workspaces::ground::Ground;
use crate::ports::code_repo::{
    BranchFacts, CodeError, CodeRepo, CommitFacts, CommitWords, MergeFacts, Merged, Shown,
};
use crate::ports::host::Host;
use crate::ports::workspaces::PathChange;

mod bundle;
pub(in crate::git) mod diff;
mod join;
mod merge;
mod pull;
mod show;

use diff::{from_oid, to_oid};

/// From so many branches on, their folders are listed instead of looking each one up.
const MANY_BRANCHES: usize = 16;

/// Longest wait for branches that are rarely needed.
const BRING_LIMIT: DurationMs = DurationMs::secs(20);

/// Who fetches the code branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// The fetch of the state brings them along; `refresh` does nothing.
    ByState,
    /// `refresh` fetches them, waiting at most this long.
    Own(DurationMs),
}

/// What the owner chose.
#[derive(Debug, Clone)]
pub struct CodeSettings {
    /// Base branch, `main`.
    pub base_branch: String,
    /// Who fetches.
    pub refresh: Refresh,
    /// Folder for short-lived repositories: the same as for workspaces.
    pub scratch: PathBuf,
    /// Largest bundle that is taken in, in bytes. It is held in memory.
    pub max_bundle_bytes: u64,
}

/// The code side of one repository.
pub struct GitCodeRepo {
    place: Place,
    git: Git,
    remote: Option<Remote>,
    host: Arc<dyn Host>,
    settings: CodeSettings,
}

impl GitCodeRepo {
    /// The code side of the repository at `place`; branches are those of `remote` if there is one.
    #[must_use]
    pub fn new(
        place: &Place,
        git: Git,
        remote: Option<Remote>,
        host: Arc<dyn Host>,
        settings: CodeSettings,
    ) -> Self {
        Self {
            place: place.clone(),
            git,
            remote,
            host,
            settings,
        }
    }

    fn open(&self) -> Result<Repository, CodeError> {
        let on = self.place.common_dir().display();
        self.place
            .open()
            .map_err(|error| failed("open the repository", on, error.message()))
    }

    /// The object store, by its real path.
    fn objects(&self) -> io::Result<PathBuf> {
        fs::canonicalize(self.place.common_dir().join("objects"))
    }

    /// Folder of short-lived repositories; made only when one is needed.
    fn ground(&self) -> io::Result<Arc<Ground>> {
        Ground::new(&self.settings.scratch, Arc::clone(&self.host)).map(Arc::new)
    }

    /// Where the head of a branch is looked up.
    fn reference(&self, branch: &str) -> String {
        self.remote.as_ref().map_or_else(
            || format!("refs/heads/{branch}"),
            |remote| remote.tracking(branch),
        )
    }

    /// Every ref in the folders that these branches are in: one look at each folder instead of one
    /// at each of a thousand branches, most of which do not exist.
    fn branches_below(
        &self,
        repo: &Repository,
        names: &[String],
    ) -> Result<BTreeSet<String>, git2::Error> {
        let folder = |name: &String| {
            let reference = self.reference(name);
            let end = reference.rfind('/').unwrap_or(0);
            reference[..end].to_owned()
        };
        let folders: BTreeSet<String> = names.iter().map(folder).collect();
        let mut all = BTreeSet::new();
        for folder in folders {
            for name in repo.references_glob(&format!("{folder}/*"))?.names() {
                all.insert(name?.to_owned());
            }
        }
        Ok(all)
    }

    fn why_no_base(&self, repo: &Repository) -> String {
        let branch = &self.settings.base_branch;
        if let Some(remote) = &self.remote {
            let remote = remote.name();
            return format!(
                "the remote {remote} has no such branch as far as fetched; push it once with `git push {remote} {branch}`, or set base_branch in .orchestra/config.toml"
            );
        }
        match repo.head() {
            Err(error) if error.code() == ErrorCode::UnbornBranch => {
                "the repository has no commit yet; make a first one with `git commit`".to_owned()
            }
            _ => format!(
                "there is no such branch; make it with `git branch {branch}`, or set base_branch in .orchestra/config.toml"
            ),
        }
    }
}

/// The commit that a ref names; `None` if there is no such ref.
fn head_of(repo: &Repository, reference: &str) -> Result<Option<Oid>, git2::Error> {
    let found = repo.find_reference(reference);
    match found.and_then(|found| found.peel_to_commit()) {
        Ok(commit) => Ok(Some(to_oid(commit.id()))),
        Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn failed(what: &str, on: impl ToString, cause: &str) -> CodeError {
    CodeError {
        what: what.to_owned(),
        on: on.to_string(),
        cause: cause.to_owned(),
        retryable: false,
    }
}

/// Says why an object is not there, and what to type.
pub(in crate::git) fn missing_object(repo: &Repository, error: &git2::Error) -> String {
    let cause = error.message();
    if error.code() != ErrorCode::NotFound && error.class() != git2::ErrorClass::Odb {
        return cause.to_owned();
    }
    if repo.is_shallow() {
        return format!(
            "{cause}; this is a shallow clone, and the commit may lie beyond its depth: run `git fetch --unshallow`"
        );
    }
    format!("{cause}; fetch the branch that holds it, or run `git fsck` if it should be here")
}

fn tree<'r>(repo: &'r Repository, id: &Oid) -> Result<Tree<'r>, git2::Error> {
    repo.find_commit(from_oid(id)?)?.tree()
}

fn pair(base: &Oid, head: &Oid) -> String {
    format!("{}..{}", base.short(), head.short())
}

impl CodeRepo for GitCodeRepo {
    fn refresh(&self) -> Result<(), CodeError> {
        let Refresh::Own(limit) = self.settings.refresh else {
            return Ok(());
        };
        let Some(remote) = &self.remote else {
            return Ok(());
        };
        let cause = |cause: String, retryable| CodeError {
            what: "fetch from".to_owned(),
            on: remote.name().to_owned(),
            cause,
            retryable,
        };
        let wanted = [
            remote.refspec(&self.settings.base_branch),
            remote.refspec("agent/*"),
        ];
        match remote.fetch(&wanted, limit) {
            // A missing base branch is reported by `base`, with what to do.
            Ok(Fetched::Fresh { .. }) => Ok(()),
            Ok(Fetched::Failed { cause: why }) => Err(cause(why, true)),
            Err(error) => Err(cause(error.to_string(), false)),
        }
    }

    fn bring(&self, names: &[String]) -> Result<(), CodeError> {
        let Some(remote) = self.remote.as_ref().filter(|_| !names.is_empty()) else {
            return Ok(());
        };
        let wanted: Vec<String> = names.iter().map(|name| remote.refspec(name)).collect();
        let cause = |cause: String, retryable| CodeError {
            what: "fetch".to_owned(),
            on: names.join(", "),
            cause,
            retryable,
        };
        match remote.fetch(&wanted, BRING_LIMIT) {
            Ok(Fetched::Fresh { .. }) => Ok(()),
            Ok(Fetched::Failed { cause: why }) => Err(cause(why, true)),
            Err(error) => Err(cause(error.to_string(), false)),
        }
    }

    fn messages(&self, limit: usize) -> Result<Vec<CommitWords>, CodeError> {
        let base = self.base()?;
        let repo = self.open()?;
        from_oid(&base)
            .and_then(|base| show::messages(&repo, base, limit))
            .map_err(|error| failed("read the commits of", base, &missing_object(&repo, &error)))
    }

    fn base(&self) -> Result<Oid, CodeError> {
        let repo = self.open()?;
        let name = self.reference(&self.settings.base_branch);
        let found = repo
            .find_reference(&name)
            .and_then(|found| found.peel_to_commit());
        found.map(|commit| to_oid(commit.id())).map_err(|error| {
            let cause = match error.code() {
                ErrorCode::NotFound => self.why_no_base(&repo),
                _ => error.message().to_owned(),
            };
            failed("find the base branch", &self.settings.base_branch, &cause)
        })
    }

    fn branches(&self, names: &[String]) -> Result<Vec<BranchFacts>, CodeError> {
        let repo = self.open()?;
        let there = if names.len() < MANY_BRANCHES {
            None
        } else {
            let listed = self.branches_below(&repo, names);
            Some(listed.map_err(|error| failed("list the branches", "refs", error.message()))?)
        };
        let one = |name: &String| {
            let reference = self.reference(name);
            let absent = there.as_ref().is_some_and(|all| !all.contains(&reference));
            let head = if absent {
                None
            } else {
                head_of(&repo, &reference)
                    .map_err(|error| failed("read the branch", name, error.message()))?
            };
            Ok(BranchFacts {
                name: name.clone(),
                head,
            })
        };
        names.iter().map(one).collect()
    }

    fn merge_facts(&self, base: &Oid, head: &Oid) -> Result<MergeFacts, CodeError> {
        let repo = self.open()?;
        from_oid(base)
            .and_then(|base| merge::facts(&repo, base, from_oid(head)?))
            .map_err(|error| failed("compare", pair(base, head), &missing_object(&repo, &error)))
    }

    fn diff(&self, base: &Oid, head: &Oid) -> Result<Vec<PathChange>, CodeError> {
        let repo = self.open()?;
        tree(&repo, base)
            .and_then(|base| diff::changes(&repo, Some(&base), &tree(&repo, head)?))
            .map_err(|error| failed("compare", pair(base, head), &missing_object(&repo, &error)))
    }

    fn added_text(&self, base: &Oid, head: &Oid, max_bytes: u64) -> Result<Vec<u8>, CodeError> {
        let repo = self.open()?;
        let max = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        tree(&repo, base)
            .and_then(|base| diff::added_text(&repo, &base, &tree(&repo, head)?, max))
            .map_err(|error| {
                failed(
                    "read what changed in",
                    pair(base, head),
                    &missing_object(&repo, &error),
                )
            })
    }

    fn pull_patch(&self, number: u64, onto: &Oid, max_bytes: u64) -> Result<String, CodeError> {
        let max = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        self.pull(number, onto, max)
            .map_err(|cause| failed("fetch pull request", number, &cause))
    }

    fn shown(&self, onto: &Oid, head: &Oid, max_bytes: u64) -> Result<Shown, CodeError> {
        let repo = self.open()?;
        let max = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        from_oid(onto)
            .and_then(|onto| show::shown(&repo, onto, from_oid(head)?, max))
            .map_err(|error| failed("show", pair(onto, head), &missing_object(&repo, &error)))
    }

    fn merge(&self, ours: &Oid, theirs: &Oid) -> Result<Merged, CodeError> {
        let repo = self.open()?;
        from_oid(ours)
            .and_then(|ours| join::merged(&repo, ours, from_oid(theirs)?))
            .map_err(|error| failed("merge", pair(ours, theirs), &missing_object(&repo, &error)))
    }

    fn unresolved(&self, tree: &Oid, paths: &[String]) -> Result<Vec<String>, CodeError> {
        let repo = self.open()?;
        from_oid(tree)
            .and_then(|tree| join::unresolved(&repo, tree, paths))
            .map_err(|error| failed("read", tree.short(), &missing_object(&repo, &error)))
    }

    fn commit(&self, id: &Oid) -> Result<CommitFacts, CodeError> {
        let repo = self.open()?;
        let read = || {
            let commit = repo.find_commit(from_oid(id)?)?;
            Ok(CommitFacts {
                parents: commit.parent_ids().map(to_oid).collect(),
                message: String::from_utf8_lossy(commit.message_raw_bytes()).into_owned(),
            })
        };
        read().map_err(|error: git2::Error| {
            failed("read", id.to_string(), &missing_object(&repo, &error))
        })
    }

    fn paths(&self, commit: &Oid, limit: usize) -> Result<Vec<String>, CodeError> {
        let repo = self.open()?;
        let cause = |error: git2::Error| {
            failed("list the files of", commit, &missing_object(&repo, &error))
        };
        let tree = tree(&repo, commit).map_err(cause)?;
        let mut paths = Vec::new();
        let walked = tree.walk(TreeWalkMode::PreOrder, |dir, entry| {
            if paths.len() >= limit {
                return TreeWalkResult::Abort;
            }
            if entry.kind() != Some(git2::ObjectType::Tree) {
                let name = String::from_utf8_lossy(entry.name_bytes());
                paths.push(format!("{dir}{name}"));
            }
            TreeWalkResult::Ok
        });
        match walked {
            Err(error) if paths.len() < limit => Err(cause(error)),
            _ => Ok(paths),
        }
    }

    fn export_bundle(&self, head: &Oid, exclude: &Oid, file: &Path) -> Result<(), CodeError> {
        let done = self.export(head, exclude, file);
        done.map_err(|cause| failed("write the bundle", file.display(), &cause))
    }

    fn import_bundle(&self, file: &Path, head: &Oid) -> Result<(), CodeError> {
        let done = self.take_in(file, head);
        done.map_err(|cause| failed("take in the bundle", file.display(), &cause))
    }
}
