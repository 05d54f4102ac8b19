//! The hooks of a repository, and the policy that they keep.

use std::path::Path;

use crate::app::tracker::error::TrackerError;
use crate::app::tracker::hooks::Hooks;
use crate::app::tracker::init::first_trouble;
use crate::config::{self, CommitFiles, Env};
use crate::domain::policy::Policy;
use crate::git::hooks::RepositoryHooks;
use crate::ports::site::Site as _;
use crate::wire::Wire;
use crate::wire::site::working_directory;

/// Hooks of the work tree at `dir`. A wrong configuration does not keep it from being mended and
/// committed: the usual policy stands in for it.
pub(in crate::wire) fn open(
    wire: &Wire,
    dir: Option<&Path>,
) -> Result<(Box<dyn Hooks>, Policy), TrackerError> {
    let place = wire.place(dir)?;
    let policy = place.site.configured().map(|found| found.policy);
    let policy = policy.or_else(|troubles| {
        let usual = config::load(None, &CommitFiles::new(), &Env::default());
        usual
            .map(|settings| settings.policy)
            .map_err(|_| first_trouble(&troubles))
    })?;
    let here = working_directory();
    let dir = dir.map_or_else(|| here.clone(), |dir| here.join(dir));
    let index = wire.env.get("GIT_INDEX_FILE");
    let hooks = RepositoryHooks::new(&dir, place.site.git().clone(), index);
    Ok((Box::new(hooks), policy))
}
