//! The sandbox of this machine, and the launcher that this program also is.

use std::path::PathBuf;

use crate::config::Env;
use crate::domain::policy::SandboxPolicy;
use crate::git::place::Place;
use crate::ports::sandbox::SandboxLevel;
use crate::sandbox::{HostSandbox, SandboxSetup};

pub use crate::sandbox::launch;

/// Confines what runs for the repository at `place`. Nothing is probed before something asks.
pub(super) fn of(env: &Env, place: &Place, exe: PathBuf, policy: &SandboxPolicy) -> HostSandbox {
    HostSandbox::new(SandboxSetup {
        exe,
        path: env.get("PATH").unwrap_or_default().into(),
        home: env.get("HOME").map(PathBuf::from),
        private: vec![place.top().to_owned(), place.common_dir().to_owned()],
        policy: policy.clone(),
        ceiling: SandboxLevel::Bubblewrap,
    })
}
