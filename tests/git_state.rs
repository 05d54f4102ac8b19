//! The state branch on real git: the contract of every state repository, and stories that only real
//! repositories, remotes and hooks can tell.

#[path = "git_state/blobs.rs"]
mod blobs;
#[path = "support/state_repo_contract.rs"]
mod contract;
#[path = "git_state/fetches.rs"]
mod fetches;
#[path = "support/gits.rs"]
mod gits;
#[path = "git_state/keeps.rs"]
mod keeps;
#[path = "git_state/kinds.rs"]
mod kinds;
#[path = "git_state/packs.rs"]
mod packs;
#[path = "git_state/refs.rs"]
mod refs;
#[path = "git_state/remotes.rs"]
mod remotes;
#[path = "git_state/rollups.rs"]
mod rollups;
#[path = "git_state/sandbox.rs"]
mod sandbox;
#[path = "git_state/turns.rs"]
mod turns;
#[path = "git_state/with_code.rs"]
mod with_code;
