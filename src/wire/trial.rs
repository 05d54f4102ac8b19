//! The place where an agent is tried out: an empty repository in a folder that goes with it.
#![expect(
    clippy::disallowed_methods,
    reason = "the composition root makes the folder of a trial"
)]

use std::path::Path;

use crate::app::tracker::error::TrackerError;
use crate::git::process::Git;

/// A folder with an empty repository `work`; removed when this is dropped.
pub(super) struct Room(tempfile::TempDir);

impl Room {
    pub(super) fn make(below: &Path, git: &Git) -> Result<Self, TrackerError> {
        let failed = |cause: String| {
            TrackerError::Write(format!("make a folder in {}: {cause}", below.display()))
        };
        std::fs::create_dir_all(below).map_err(|error| failed(error.to_string()))?;
        let dir = tempfile::TempDir::with_prefix_in("trial-", below)
            .map_err(|error| failed(error.to_string()))?;
        let work = dir.path().join("work");
        // Some agents refuse to work outside of a repository.
        let made = git.isolated().args(["init", "-q"]).arg(&work).run();
        match made {
            Ok(output) if output.ok() => Ok(Self(dir)),
            Ok(output) => Err(failed(output.cause())),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}
