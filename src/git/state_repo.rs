//! The state branch on a real repository: views, and the publish protocol (DESIGN §3).
//!
//! Three refs take part. The branch on the remote decides if there is a remote. The tracking ref
//! says what it was when last asked, and proposals are made on it. The local branch holds what is
//! not published yet, and follows otherwise. Without a remote the local branch decides.

mod follow;
mod local;
mod partial;
mod past;
mod publish;
mod rewind;

use std::path::Path;
use std::sync::Mutex;

use git2::{ErrorCode, Repository};

use super::cache::DiskCache;
use super::held::Held;
use super::objects::{ObjectTree, Objects, damage, oid, read_error};
use super::owned::{Owned, held};
use super::place::Place;
use super::process::Git;
use super::remote::{Fetched, Remote, RemoteChoice};
use crate::domain::time::DurationMs;
use crate::ports::state_repo::{
    Cache, Freshness, Proposal, PublishOutcome, Reach, RemoteState, StateReadError, StateRepo,
    StateRepoError, StateTree, StateView, TakeTurn, Turn,
};

/// How to find and treat the state branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateOptions {
    /// Branch of the state, `fleet/state`, or the base branch for state in one place with the code.
    pub branch: String,
    /// True if `branch` also holds code: commits that are not fleet's are then never published, and
    /// the branch is moved forward locally only from exactly where the remote was.
    pub with_code: bool,
    /// Folder of the state in the tree, `.orchestra`.
    pub dir: String,
    /// Which remote.
    pub remote: RemoteChoice,
    /// Branches, or patterns of branches such as `agent/*`, that every fetch of a view brings
    /// along, so that a tick needs one fetch.
    pub extra_fetch: Vec<String>,
}

impl Default for StateOptions {
    fn default() -> Self {
        Self {
            branch: "fleet/state".to_owned(),
            with_code: false,
            dir: ".orchestra".to_owned(),
            remote: RemoteChoice::Auto,
            extra_fetch: Vec::new(),
        }
    }
}

/// The state branch of one repository. Cheap to keep, and to make (about 1 ms).
pub struct GitStateRepo {
    place: Place,
    objects: Objects,
    owned: Owned,
    cache: DiskCache,
    remote: Option<Remote>,
    options: StateOptions,
    partial: bool,
    warnings: Mutex<Vec<String>>,
}

/// The commit that a ref names; `None` if there is no such ref.
fn resolve(repo: &Held<'_>, name: &str) -> Result<Option<git2::Oid>, StateReadError> {
    let found = match repo.find_reference(name) {
        Ok(found) => {
            let id = found.target();
            // Nearly always: a ref that names a commit.
            if let Some(id) = id
                && repo
                    .is_commit(id)
                    .map_err(|damaged| damage(name, &damaged))?
            {
                return Ok(Some(id));
            }
            found.peel_to_commit().map(|commit| Some(commit.id()))
        }
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    found.map_err(|error| read_error(name, &error))
}

/// Whether `ancestor` is `tip` or one of its ancestors.
fn contains(
    repo: &Repository,
    tip: git2::Oid,
    ancestor: git2::Oid,
) -> Result<bool, StateReadError> {
    if tip == ancestor {
        return Ok(true);
    }
    match repo.graph_descendant_of(tip, ancestor) {
        // A commit that is not here cannot be an ancestor of one whose history is here.
        Err(error) if error.code() == ErrorCode::NotFound => Ok(false),
        answer => answer.map_err(|error| read_error(&tip.to_string(), &error)),
    }
}

impl GitStateRepo {
    /// The state branch of the repository at `dir` or above it. `git` does what needs a network.
    ///
    /// # Errors
    /// There is no repository that fleet can use, or the remote that is asked for.
    pub fn open(dir: &Path, git: Git, options: StateOptions) -> Result<Self, StateRepoError> {
        Self::at(&Place::discover(dir)?, git, options)
    }

    /// As [`GitStateRepo::open`], for a place that is known already.
    ///
    /// # Errors
    /// As there, and for a branch name that git does not allow.
    pub fn at(place: &Place, git: Git, options: StateOptions) -> Result<Self, StateRepoError> {
        let unusable = |cause: String| StateRepoError::Unusable {
            on: place.common_dir().display().to_string(),
            cause,
        };
        let local = format!("refs/heads/{}", options.branch);
        if options.branch.starts_with('-') || !git2::Reference::is_valid_name(&local) {
            return Err(unusable(format!(
                "`{}` is not a branch name; see `git help check-ref-format`",
                options.branch
            )));
        }
        let objects = Objects::of(place);
        let remote = Remote::choose(&git, place, &options.remote)?;
        let partial = remote
            .as_ref()
            .is_some_and(|remote| partial::is_partial(&objects.lock(), remote.name()));
        Ok(Self {
            objects,
            owned: Owned::new(place),
            cache: DiskCache::new(place),
            remote,
            partial,
            place: place.clone(),
            options,
            warnings: Mutex::default(),
        })
    }

    /// The repository.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// The remote that decides, if there is one.
    #[must_use]
    pub const fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    /// What could not be done beside a publish that worked, such as files of a checked-out state
    /// branch that were edited and therefore left alone. Sentences; each is told once.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        std::mem::take(&mut held(&self.warnings))
    }

    fn warn(&self, text: String) {
        held(&self.warnings).push(text);
    }

    /// Takes the remote's present history for good after somebody rewrote it: the next view does
    /// not compare with what was seen before. For a human who compared both commits.
    ///
    /// # Errors
    /// Fleet's folder in the git dir cannot be written.
    pub fn accept_rewind(&self) -> Result<(), StateRepoError> {
        match self.seen_key() {
            Some(key) => self
                .owned
                .forget(&key)
                .and_then(|()| self.owned.forget(&rewind::mark(&key))),
            None => Ok(()),
        }
    }

    fn local_ref(&self) -> String {
        format!("refs/heads/{}", self.options.branch)
    }

    fn tracking_ref(&self) -> Option<String> {
        let remote = self.remote.as_ref()?;
        Some(remote.tracking(&self.options.branch))
    }

    fn seen_key(&self) -> Option<String> {
        let remote = self.remote.as_ref()?;
        Some(format!("{}\n{}", remote.url(), self.options.branch))
    }

    /// Fetches the state branch and `extra_fetch`.
    fn refresh(&self, remote: &Remote, limit: DurationMs) -> Result<RemoteState, StateRepoError> {
        let mut branches = vec![self.options.branch.as_str()];
        for branch in &self.options.extra_fetch {
            if !branches.contains(&branch.as_str()) {
                branches.push(branch);
            }
        }
        let specs: Vec<String> = branches.iter().map(|name| remote.refspec(name)).collect();
        match remote.fetch(&specs, limit)? {
            Fetched::Failed { cause } => Ok(RemoteState::Unreachable { cause }),
            Fetched::Fresh { missing } => {
                if missing.contains(&self.local_ref()) {
                    self.gone_from_remote(remote)?;
                }
                Ok(RemoteState::Fresh)
            }
        }
    }

    /// The remote answered and has no state branch. That is how it begins, and a loss afterwards.
    fn gone_from_remote(&self, remote: &Remote) -> Result<(), StateRepoError> {
        if let Some(seen) = self.seen_key().and_then(|key| self.owned.seen(&key)) {
            return Err(StateRepoError::Gone {
                branch: self.options.branch.clone(),
                remote: remote.name().to_owned(),
                seen: seen.to_string(),
            });
        }
        let name = remote.tracking(&self.options.branch);
        let repo = self.objects.lock();
        if let Ok(mut stale) = repo.find_reference(&name) {
            let gone = stale.delete();
            gone.map_err(|error| StateRepoError::Write {
                on: name,
                cause: error.message().to_owned(),
            })?;
        }
        Ok(())
    }

    /// Whether both commits hold the same state files.
    fn same_state(&self, repo: &Repository, one: git2::Oid, other: git2::Oid) -> bool {
        let dir = |commit: git2::Oid| {
            let tree = repo.find_commit(commit).and_then(|commit| commit.tree())?;
            match tree.get_path(Path::new(&self.options.dir)) {
                Ok(entry) => Ok(Some(entry.id())),
                Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        };
        matches!((dir(one), dir(other)), (Ok(one), Ok(other)) if one == other)
    }

    /// The local branch, if state was changed there since it left the history of `tip`. Commits
    /// of code alone are nobody's business here.
    fn unpublished(
        &self,
        repo: &Repository,
        tip: Option<git2::Oid>,
        local: Option<git2::Oid>,
    ) -> Result<Option<git2::Oid>, StateReadError> {
        let (Some(local), true) = (local, self.remote.is_some()) else {
            return Ok(None);
        };
        let Some(tip) = tip else {
            return Ok(Some(local));
        };
        if contains(repo, tip, local)? || self.same_state(repo, tip, local) {
            return Ok(None);
        }
        let fork = repo.merge_base(tip, local);
        let changed = fork.map_or(true, |fork| !self.same_state(repo, fork, local));
        Ok(changed.then_some(local))
    }
}

impl StateRepo for GitStateRepo {
    fn view(&self, freshness: Freshness) -> Result<StateView, StateRepoError> {
        self.owned.recover();
        let (remote, tip) = match (&self.remote, freshness) {
            (None, _) => (RemoteState::None, None),
            (Some(remote), Freshness::Local) => (RemoteState::NotAsked, self.last_told(remote)?),
            (Some(remote), Freshness::Fetch(limit)) => self.ask(remote, limit)?,
        };
        let repo = self.objects.lock();
        let local = resolve(&repo, &self.local_ref())?;
        let tip = if self.remote.is_some() { tip } else { local };
        let unpublished = self.unpublished(&repo, tip, local)?;
        for commit in [tip, unpublished].into_iter().flatten() {
            partial::complete(self, &repo, commit)?;
        }
        drop(repo);
        let boxed = |tree: ObjectTree| Box::new(tree) as Box<dyn StateTree>;
        let name = |id: Option<git2::Oid>| id.map_or_else(|| "0".to_owned(), |id| id.to_string());
        Ok(StateView {
            tip: tip.map(oid),
            tree: boxed(self.objects.tree_of(tip)?),
            unpublished: match unpublished {
                Some(_) => Some(boxed(self.objects.tree_of(unpublished)?)),
                None => None,
            },
            unpublished_tip: unpublished.map(oid),
            remote,
            cache_key: format!("{}-{}", name(tip), name(unpublished)),
        })
    }

    fn view_of(&self, commit: &str) -> Result<Option<StateView>, StateRepoError> {
        self.named(commit)
            .map_or(Ok(None), |(id, _)| self.view_at(id))
    }

    fn views_before(&self, commit: &str) -> Result<Vec<StateView>, StateRepoError> {
        let mut views = Vec::new();
        for id in self
            .named(commit)
            .into_iter()
            .flat_map(|(_, before)| before)
        {
            views.extend(self.view_at(id)?);
        }
        Ok(views)
    }

    fn publish(&self, proposal: &Proposal) -> Result<PublishOutcome, StateRepoError> {
        publish::publish(self, proposal)
    }

    fn turn(&self, when: TakeTurn, reach: Reach) -> Result<Option<Turn>, StateRepoError> {
        let shared = self.remote.is_some() && reach != Reach::LocalOnly;
        if shared || when == TakeTurn::IfBusy && !self.owned.is_busy() {
            return Ok(None);
        }
        let lock = self.owned.turn("change the state")?;
        Ok(Some(Turn::new(lock)))
    }

    fn writer(&self) -> Result<String, StateRepoError> {
        self.owned.writer()
    }

    fn cache(&self) -> Option<&dyn Cache> {
        Some(&self.cache)
    }
}
