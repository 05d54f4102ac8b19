//! Reusing checkouts. On a large repository the checkout is nearly all that a workspace costs; the
//! next one may start from the files of the last one, brought to its tree and compared one by one.
//! Any doubt, and it is removed instead.

use std::path::{Path, PathBuf};

use super::ground::Warm;
use super::remove::remove;
use super::{GitWorkspaces, Made, layout};
use crate::domain::ids::{Oid, SessionUid};
use crate::git::import::baseline::Baseline;
use crate::git::import::scan::{Look, Scan, absolute};

/// A workspace dirtier than this many entries is removed rather than cleaned.
const CLEAN_MAX: usize = 2_000;

impl GitWorkspaces {
    /// A parked checkout brought to `tree` and compared file by file; `None` if there is none, or
    /// anything is odd about it.
    pub(super) fn warm(&self, session: SessionUid, tree: &Oid) -> Option<PathBuf> {
        let taken = self.ground.take_warm(&session.to_string(), tree);
        let (dir, warm) = taken.ok().flatten()?;
        let fit = || -> Option<()> {
            let side = dir.join("side");
            layout::write_side(&side, &self.shared_objects(), None).ok()?;
            if warm.dirty || warm.tree != *tree {
                self.check_out(&dir, tree).ok()?;
            }
            let scan = self.look_strictly(&dir)?;
            let equal = scan.found.is_empty()
                && scan.missing.is_empty()
                && scan.folders.is_empty()
                && scan.refused.is_empty();
            (equal && !scan.suspicious).then_some(())
        };
        if fit().is_some() {
            return Some(dir);
        }
        // Any doubt: a fresh one. What cannot be removed now is swept later.
        let _ = self.ground.remove(&dir);
        None
    }

    /// Everything that differs from fleet's index, ignored or not.
    fn look_strictly(&self, dir: &Path) -> Option<Scan> {
        let work = dir.join("work");
        let baseline = Baseline::read(&dir.join("side")).ok()?;
        let look = Look {
            work: &work,
            baseline: &baseline,
            ignored: None,
            max_entries: self.settings.max_entries,
        };
        let mut scan = look.scan().ok()?;
        look.drop_untouched(&mut scan).ok()?;
        Some(scan)
    }

    /// Parks the checkout of a session if it is worth it; true if it was parked.
    pub(super) fn park(&self, session: SessionUid, made: &Made) -> bool {
        if !made.clean || made.sparse.is_some() || self.settings.pool_max == 0 {
            return false;
        }
        let dir = self.ground.of(session);
        let cleaned = || -> Option<Warm> {
            let scan = self.look_strictly(&dir)?;
            let dirt = scan.found.len() + scan.folders.len();
            if scan.suspicious || !scan.refused.is_empty() || dirt > CLEAN_MAX {
                return None;
            }
            let work = dir.join("work");
            for path in scan
                .folders
                .iter()
                .chain(scan.found.iter().map(|found| &found.path))
            {
                remove(&absolute(&work, path)).ok()?;
            }
            for part in ["work/.git", "home", "tmp", "outbox.jsonl", "prompt.md"] {
                remove(&dir.join(part)).ok()?;
            }
            Some(Warm {
                tree: made.tree.clone(),
                dirty: !scan.missing.is_empty() || scan.found.iter().any(|found| found.tracked),
            })
        };
        cleaned().is_some_and(|warm| {
            let parked = self.ground.park(&dir, &warm, self.settings.pool_max);
            parked.unwrap_or(false)
        })
    }
}
