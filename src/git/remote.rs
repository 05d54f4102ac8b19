//! The remote: one fetch, one push, each a single git process within a time limit.

use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use super::place::Place;
use super::process::{Call, Git, Output};
use super::push_report::{Verdict, judge};
use super::site::version;
use crate::domain::time::DurationMs;
use crate::ports::site::{OLDEST_GIT, is_too_old};
use crate::ports::state_repo::StateRepoError;

/// Which remote a repository publishes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RemoteChoice {
    /// `origin` if there is one, else the only one, else none.
    #[default]
    Auto,
    /// This one; it is an error if it does not exist.
    Named(String),
    /// None, whatever is configured: the local ref decides.
    Off,
}

/// A configured remote.
#[derive(Debug, Clone)]
pub struct Remote {
    git: Git,
    place: Place,
    name: String,
    url: String,
}

/// What became of a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The remote answered; these source refs of the request do not exist there.
    Fresh {
        /// Full names, such as `refs/heads/fleet/state`.
        missing: Vec<String>,
    },
    /// It did not answer or refused.
    Failed {
        /// What git said, redacted.
        cause: String,
    },
}

/// A ref that a push moves: what it must be on the remote now (`None`: absent), and what it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) name: String,
    pub(super) expected: Option<git2::Oid>,
    pub(super) new: git2::Oid,
}

/// Tries of a fetch that finds the same lock on a tracking ref. One that stays was left behind.
const TRIES: u32 = 6;
/// Longest wait before the next try.
const PAUSE: Duration = Duration::from_millis(200);

/// A lock file, by its inode and the nanosecond of its making.
type Lock = (u64, i64, i64);

/// The lock that git names, if it names one; nothing in it if that is gone by now.
fn lock_file(said: &str) -> Option<Option<Lock>> {
    let (_, rest) = said.split_once("Unable to create '")?;
    let (path, _) = rest.split_once('\'')?;
    let about = std::fs::symlink_metadata(path).ok();
    Some(about.map(|about| (about.ino(), about.mtime(), about.mtime_nsec())))
}

impl Remote {
    /// The remote that `choice` means in the repository at `place`; `None` if there is none.
    ///
    /// # Errors
    /// It is named and does not exist, its name is not usable, or several could be meant.
    pub fn choose(
        git: &Git,
        place: &Place,
        choice: &RemoteChoice,
    ) -> Result<Option<Self>, StateRepoError> {
        let unusable = |cause: String| StateRepoError::Unusable {
            on: place.common_dir().display().to_string(),
            cause,
        };
        if *choice == RemoteChoice::Off {
            return Ok(None);
        }
        let repo = place.repo();
        let names = repo
            .remotes()
            .map_err(|error| unusable(error.message().to_owned()))?;
        let names: Vec<&str> = names
            .iter()
            .filter_map(|name| name.ok().flatten())
            .collect();
        let name = match choice {
            RemoteChoice::Off => return Ok(None),
            RemoteChoice::Named(name) if names.contains(&name.as_str()) => name.as_str(),
            RemoteChoice::Named(name) => {
                return Err(unusable(format!(
                    "it has no remote `{name}`; `git remote -v` lists those it has"
                )));
            }
            RemoteChoice::Auto => match names[..] {
                [] => return Ok(None),
                [only] => only,
                _ if names.contains(&"origin") => "origin",
                _ => {
                    return Err(unusable(format!(
                        "it has several remotes ({}) and none is `origin`; name one in the \
                         configuration",
                        names.join(", ")
                    )));
                }
            },
        };
        if name.starts_with('-') {
            return Err(unusable(format!(
                "the remote `{name}` begins with a dash; rename it"
            )));
        }
        let remote = repo.find_remote(name);
        let url = remote.and_then(|remote| remote.url().map(str::to_owned));
        Ok(Some(Self {
            git: git.clone(),
            place: place.clone(),
            name: name.to_owned(),
            url: url.unwrap_or_default(),
        }))
    }

    /// Its name, `origin`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its URL as configured. It may hold credentials: not to be shown.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The tracking ref of a branch: `refs/remotes/origin/main`.
    #[must_use]
    pub fn tracking(&self, branch: &str) -> String {
        format!("refs/remotes/{}/{branch}", self.name)
    }

    /// The refspec that brings a branch, or a pattern such as `agent/*`, into its tracking ref.
    #[must_use]
    pub fn refspec(&self, branch: &str) -> String {
        format!("+refs/heads/{branch}:{}", self.tracking(branch))
    }

    fn call(&self, limit: Duration) -> Call {
        self.git
            .user()
            .git_dir(self.place.common_dir())
            .dir(self.place.top())
            .config("fetch.writeCommitGraph=false")
            .config("push.negotiate=false")
            // A mirror clone refuses to push single refs.
            .config(&format!("remote.{}.mirror=false", self.name))
            .limit(DurationMs(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Fetches exactly these refspecs, in one process; tracking refs of patterns follow deletions.
    /// A source ref that the remote lacks costs one more process, and is reported, not an error.
    ///
    /// # Errors
    /// Git cannot be started.
    pub fn fetch(&self, refspecs: &[String], limit: DurationMs) -> Result<Fetched, StateRepoError> {
        let deadline = Instant::now() + limit.std();
        let mut wanted = refspecs.to_vec();
        let mut missing = Vec::new();
        let (mut tries, mut held) = (0, None);
        while !wanted.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            let output = self.run(
                self.call(left)
                    .args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"])
                    .args(["--prune", "--refmap=", "--no-recurse-submodules"])
                    .arg("--")
                    .arg(&self.name)
                    .args(&wanted),
            )?;
            if output.ok() {
                break;
            }
            tries += 1;
            if let Some(name) = missing_ref(&output.stderr) {
                let before = wanted.len();
                wanted.retain(|spec| source(spec) != name);
                if wanted.len() < before {
                    missing.push(name.to_owned());
                    continue;
                }
            }
            // Many processes of one clone fetch at once. Who moved the ref first may know less than
            // was answered here: it is asked again, for as long as others are faster.
            let busy = output.stderr.contains("cannot lock ref");
            let overtaken = busy && output.stderr.contains("but expected");
            let lock = lock_file(&output.stderr);
            if overtaken || lock.is_some_and(|lock| lock.is_none() || lock != held) {
                tries = 1;
            }
            held = lock.flatten();
            if busy && tries < TRIES && Instant::now() < deadline {
                std::thread::sleep(PAUSE.min(Duration::from_millis(u64::from(tries) * 20)));
                continue;
            }
            let cause = output.cause();
            return Ok(Fetched::Failed { cause });
        }
        Ok(Fetched::Fresh { missing })
    }

    /// Fetches these objects and nothing that they refer to, as git does for partial clones.
    pub(super) fn fetch_objects(
        &self,
        objects: &[git2::Oid],
        limit: DurationMs,
    ) -> Result<Fetched, StateRepoError> {
        let wanted: String = objects.iter().map(|id| format!("{id}\n")).collect();
        let output = self.run(
            self.call(limit.std())
                .config("fetch.negotiationAlgorithm=noop")
                .args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"])
                .args(["--filter=blob:none", "--refmap=", "--no-recurse-submodules"])
                .args(["--stdin", "--", &self.name])
                .stdin(wanted),
        )?;
        Ok(if output.ok() {
            Fetched::Fresh {
                missing: Vec::new(),
            }
        } else {
            Fetched::Failed {
                cause: output.cause(),
            }
        })
    }

    /// Moves refs of the remote, all or none, each only from what it is expected to be.
    pub(super) fn push(
        &self,
        state: &str,
        moves: &[Move],
        limit: Duration,
    ) -> Result<Verdict, StateRepoError> {
        let mut call = self.call(limit).args([
            "push",
            "--porcelain",
            "--no-verify",
            "--no-follow-tags",
            "--no-signed",
            "--recurse-submodules=no",
        ]);
        // One ref is atomic by itself, also on servers that do not know the word.
        if moves.len() > 1 {
            call = call.arg("--atomic");
        }
        for step in moves {
            let expected = step.expected.map_or_else(String::new, |id| id.to_string());
            call = call.arg(format!("--force-with-lease={}:{expected}", step.name));
        }
        call = call.arg("--").arg(&self.name);
        for step in moves {
            call = call.arg(format!("{}:{}", step.new, step.name));
        }
        Ok(judge(&self.run(call)?, state))
    }

    fn run(&self, call: Call) -> Result<Output, StateRepoError> {
        let output = call.run().map_err(|error| StateRepoError::Git {
            unfit: error.missing,
            cause: error.to_string(),
        })?;
        // How git says that it does not know an option.
        if output.code == Some(129)
            && let Ok(version) = version(&self.git)
            && is_too_old(&version)
        {
            let said = output.stderr.lines().next().unwrap_or_default();
            let said = said.trim_start_matches("error: ");
            return Err(StateRepoError::Git {
                unfit: true,
                cause: format!(
                    "run git: git {version} is too old ({said}); install git {}.{} or later, or \
                     name it in FLEET_GIT",
                    OLDEST_GIT.0, OLDEST_GIT.1
                ),
            });
        }
        Ok(output)
    }
}

/// `refs/heads/x` of `+refs/heads/x:refs/remotes/origin/x`.
fn source(refspec: &str) -> &str {
    let spec = refspec.strip_prefix('+').unwrap_or(refspec);
    spec.split_once(':').map_or(spec, |(source, _)| source)
}

fn missing_ref(stderr: &str) -> Option<&str> {
    let words = "couldn't find remote ref ";
    let line = stderr.lines().find(|line| line.contains(words))?;
    line.split_once(words).map(|(_, name)| name.trim())
}
