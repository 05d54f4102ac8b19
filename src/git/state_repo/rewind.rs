//! Telling a rewound state branch from an old answer.
//!
//! A tip that was seen on the remote must be in every later answer of it, or somebody rewrote its
//! history. Answers can be late, though: many processes of one clone share the tracking ref, and one
//! that asked before a push may write it after another has seen what was pushed. So an answer is held
//! against what had been seen when it was asked for, and an older one is asked for again.

use git2::Repository;

use super::{GitStateRepo, contains, resolve};
use crate::domain::time::DurationMs;
use crate::git::remote::Remote;
use crate::ports::state_repo::{RemoteState, StateRepoError};

/// How often the remote is asked when another process wrote an older answer over ours.
const TRIES: u32 = 5;

/// Under which key the tip is kept that was found to be rewound.
pub(super) fn mark(key: &str) -> String {
    format!("{key}\nrewound")
}

/// What an answer is worth.
enum Trust {
    /// This is the newest that is known.
    Tip(git2::Oid),
    /// Older than what was known when it was asked for, and in its history: it may be another
    /// process's answer.
    Old,
    /// What was known is not in it, and it is not in that.
    None,
}

impl GitStateRepo {
    /// Asks the remote: what it said, and its tip.
    pub(super) fn ask(
        &self,
        remote: &Remote,
        limit: DurationMs,
    ) -> Result<(RemoteState, Option<git2::Oid>), StateRepoError> {
        let mut tries = 0;
        loop {
            let before = self.seen();
            let said = self.refresh(remote, limit)?;
            if said != RemoteState::Fresh {
                return Ok((said, self.last_told(remote)?));
            }
            let repo = self.objects.lock();
            let Some(tip) = resolve(&repo, &remote.tracking(&self.options.branch))? else {
                return Ok((said, None));
            };
            tries += 1;
            match self.trust(&repo, tip, before)? {
                Trust::Tip(tip) => return Ok((said, Some(tip))),
                Trust::Old if tries < TRIES => {}
                Trust::Old | Trust::None => return Err(self.rewound(tip)),
            }
        }
    }

    /// The tip as it was when the remote was last asked.
    pub(super) fn last_told(&self, remote: &Remote) -> Result<Option<git2::Oid>, StateRepoError> {
        let repo = self.objects.lock();
        let Some(tip) = resolve(&repo, &remote.tracking(&self.options.branch))? else {
            return Ok(None);
        };
        match (self.trust(&repo, tip, self.seen())?, self.seen()) {
            (Trust::Tip(tip), _) => Ok(Some(tip)),
            // Nobody asked the remote since: what was seen last stands, unless the remote has been
            // found to be rewound to this.
            (Trust::Old, Some(seen)) if self.marked() != Some(tip) => Ok(Some(seen)),
            (Trust::Old | Trust::None, _) => Err(self.rewound(tip)),
        }
    }

    fn seen(&self) -> Option<git2::Oid> {
        self.owned.seen(&self.seen_key()?)
    }

    fn marked(&self) -> Option<git2::Oid> {
        self.owned.seen(&mark(&self.seen_key()?))
    }

    /// Holds a tip against what was `before` it was asked for, and remembers it if it is the newest.
    fn trust(
        &self,
        repo: &Repository,
        tip: git2::Oid,
        before: Option<git2::Oid>,
    ) -> Result<Trust, StateRepoError> {
        let Some(key) = self.seen_key() else {
            return Ok(Trust::Tip(tip));
        };
        let Some(seen) = self.owned.seen(&key) else {
            self.owned.remember(&key, tip)?;
            return Ok(Trust::Tip(tip));
        };
        if seen == tip {
            return Ok(Trust::Tip(tip));
        }
        if contains(repo, tip, seen)? || self.history_is_cut(repo, tip) {
            self.owned.remember(&key, tip)?;
            return Ok(Trust::Tip(tip));
        }
        // What was seen may be gone from here, too.
        if !contains(repo, seen, tip).unwrap_or(false) {
            return Ok(Trust::None);
        }
        Ok(match before {
            // Another process saw more meanwhile.
            Some(before) if before != seen && contains(repo, tip, before)? => Trust::Tip(seen),
            None => Trust::Tip(seen),
            Some(_) => Trust::Old,
        })
    }

    fn rewound(&self, tip: git2::Oid) -> StateRepoError {
        if let Some(key) = self.seen_key() {
            // Without the mark only a later question finds it again.
            let _ = self.owned.remember(&mark(&key), tip);
        }
        StateRepoError::Rewound {
            branch: self.options.branch.clone(),
            seen: self.seen().map(|seen| seen.to_string()).unwrap_or_default(),
            now: tip.to_string(),
        }
    }

    /// Whether the history of `tip` ends at the edge of a shallow clone, so that nothing can be
    /// said about what lies behind.
    fn history_is_cut(&self, repo: &Repository, tip: git2::Oid) -> bool {
        let edge = std::fs::read_to_string(self.place.common_dir().join("shallow"));
        let Ok(edge) = edge else {
            return false;
        };
        edge.lines()
            .filter_map(|line| git2::Oid::from_str(line.trim()).ok())
            .any(|id| contains(repo, tip, id).unwrap_or(true))
    }
}
