//! The code side of a repository for commands that show it.

use std::sync::Arc;

use crate::app::tracker::error::TrackerError;
use crate::config::Env;
use crate::domain::policy::Policy;
use crate::git::code_repo::{CodeSettings, GitCodeRepo, Refresh};
use crate::git::place::Place;
use crate::git::process::Git;
use crate::git::remote::Remote;
use crate::machine::host::LocalHost;
use crate::wire::state_options;
use crate::wire::works::{MAX_BUNDLE_BYTES, ci_run, workspace_root};

/// The code side for commands that only read it. It fetches when it is asked to.
pub(super) fn code_to_read(
    place: &Place,
    git: &Git,
    env: &Env,
    policy: &Policy,
    remotes: &[String],
) -> Result<GitCodeRepo, TrackerError> {
    let options = state_options(policy, remotes);
    let remote = Remote::choose(git, place, &options.remote)?;
    let settings = CodeSettings {
        base_branch: policy.base_branch.clone(),
        refresh: Refresh::Own(policy.state.push_timeout),
        scratch: workspace_root(env, place),
        max_bundle_bytes: MAX_BUNDLE_BYTES,
    };
    let host = Arc::new(LocalHost::new(ci_run(env)));
    Ok(GitCodeRepo::new(place, git.clone(), remote, host, settings))
}
