//! Where the state is.

use crate::domain::policy::Policy;
use crate::git::remote::RemoteChoice;
use crate::git::state_repo::StateOptions;

/// How the state branch is found. A remote that the repository does not have is no remote.
pub(in crate::wire) fn state_options(policy: &Policy, remotes: &[String]) -> StateOptions {
    let remote = if remotes.contains(&policy.remote) {
        RemoteChoice::Named(policy.remote.clone())
    } else {
        RemoteChoice::Off
    };
    StateOptions {
        branch: policy.state.branch.clone(),
        with_code: policy.state.branch == policy.base_branch,
        remote,
        ..StateOptions::default()
    }
}
