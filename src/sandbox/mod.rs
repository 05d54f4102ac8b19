//! What confines agents and checks: bubblewrap, Landlock, or nothing but limits, found by a probe that
//! starts something confined and looks at what it could do.
//!
//! ```text
//! fleet ─ __confine {walls} ─ exec ─▶ the program                    Landlock, or limits alone
//! fleet ─ __confine {limits} ─ exec ─▶ bwrap … ─▶ init ─▶ the program  bubblewrap
//! ```
//! The launcher is this binary: it takes away from itself what the program shall not have, and becomes
//! the program. So no code runs between `fork` and `exec` in fleet, and there is no unsafe block here.
//!
//! Invariants: what is not named is not there (files by allow-list); a wall that cannot be put up means
//! that nothing runs; no environment ever stands in arguments; a level is claimed only after something
//! confined by it was refused what it tried.
//!
//! May import: domain, ports.
#![expect(
    clippy::disallowed_methods,
    reason = "this edge puts up walls: it looks at files, starts the probe and becomes the program"
)]

mod access;
mod bubblewrap;
mod cgroup;
#[cfg(target_os = "linux")]
mod landlock;
mod launcher;
mod limits;
mod probe;
#[cfg(target_os = "linux")]
mod sockets;
mod walls;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::domain::policy::{SandboxMode, SandboxPolicy};
use crate::ports::sandbox::{
    Confined, Confinement, Launchable, Sandbox, SandboxError, SandboxFacts, SandboxLevel,
    Unconfined,
};
use crate::sandbox::access::{Access, Base};
use crate::sandbox::bubblewrap::Bubblewrap;
use crate::sandbox::cgroup::Groups;
use crate::sandbox::walls::{Landlocked, Walls};

pub use crate::sandbox::launcher::{CONFINE, PROBE, launch};

/// What the composition root hands to [`HostSandbox`].
#[derive(Debug, Clone)]
pub struct SandboxSetup {
    /// This binary, which is also the launcher.
    pub exe: PathBuf,
    /// `PATH` of fleet: programs are found there, and its folders may be read.
    pub path: OsString,
    /// HOME of whoever runs fleet.
    pub home: Option<PathBuf>,
    /// What stays hidden even where a folder above it may be read: the repository, HOME.
    pub private: Vec<PathBuf>,
    /// What the owner of the repository decided.
    pub policy: SandboxPolicy,
    /// Nothing stronger is used. [`SandboxLevel::Bubblewrap`] unless a test wants to see a weaker one.
    pub ceiling: SandboxLevel,
}

/// The sandbox of this machine.
pub struct HostSandbox {
    setup: SandboxSetup,
    base: OnceLock<Base>,
    groups: OnceLock<Groups>,
    found: OnceLock<Found>,
}

/// What the probe came to.
struct Found {
    facts: SandboxFacts,
    bubblewrap: Option<Bubblewrap>,
    /// Whether the network can be switched off at the level.
    cuts_network: bool,
}

impl HostSandbox {
    /// Nothing is looked at before it is needed.
    #[must_use]
    pub const fn new(setup: SandboxSetup) -> Self {
        Self {
            setup,
            base: OnceLock::new(),
            groups: OnceLock::new(),
            found: OnceLock::new(),
        }
    }

    fn base(&self) -> &Base {
        self.base.get_or_init(|| Base::look(&self.setup))
    }

    fn groups(&self) -> &Groups {
        self.groups.get_or_init(Groups::find)
    }

    fn found(&self) -> &Found {
        self.found.get_or_init(|| probe::run(self))
    }

    /// The launch at one level; the probe asks for levels that are not known to work yet.
    fn launch_at(
        &self,
        level: SandboxLevel,
        bubblewrap: Option<&Bubblewrap>,
        what: Confined,
    ) -> Result<Launchable, SandboxError> {
        let group = self.groups().make(&what.run, &self.setup.policy.limits);
        let mut walls = Walls {
            limits: limits::of(&self.setup.policy.limits, group.is_some()),
            groups: group.as_ref().map(|g| g.doors()).unwrap_or_default(),
            landlock: None,
            report: false,
        };
        let mut rest = vec![what.program.clone().into_os_string()];
        rest.extend(what.args.iter().cloned());
        let wrapped = level == SandboxLevel::Bubblewrap;
        if level != SandboxLevel::None {
            let mut access = Access::new(self.base());
            access.add(&what);
            if let (SandboxLevel::Bubblewrap, Some(bubblewrap)) = (level, bubblewrap) {
                let inner = bubblewrap.argv(&access, what.network, &what.cwd);
                rest = inner.into_iter().chain(rest).collect();
            } else {
                walls.landlock = Some(Landlocked {
                    read: access.readable().map(PathBuf::from).collect(),
                    write: access.writable().map(PathBuf::from).collect(),
                    network: what.network,
                    unix_sockets: self.setup.policy.unix_sockets,
                });
            }
        }
        let walls = walls
            .encode()
            .map_err(|what| SandboxError::Setup { what })?;
        let mut args = vec![CONFINE.into(), walls.into(), "--".into()];
        args.append(&mut rest);
        Ok(Launchable {
            program: self.setup.exe.clone(),
            args,
            env: what.env,
            cwd: what.cwd,
            confinement: Confinement {
                level,
                network: what.network || level == SandboxLevel::None,
            },
            wrapped,
            guard: group.map(|group| Box::new(group) as _),
        })
    }
}

impl Sandbox for HostSandbox {
    fn facts(&self) -> &SandboxFacts {
        &self.found().facts
    }

    fn admits(&self, mode: SandboxMode) -> Result<(), SandboxError> {
        if mode != SandboxMode::Require || self.facts().level != SandboxLevel::None {
            return Ok(());
        }
        Err(SandboxError::Unavailable {
            why: self.facts().shortfalls.join("; "),
            hint: "install bubblewrap, or set `sandbox = \"auto\"` to run without one".to_owned(),
        })
    }

    fn confine(&self, what: Confined) -> Result<Launchable, SandboxError> {
        if what.mode == SandboxMode::Off {
            return Ok(Unconfined::pass(what));
        }
        self.admits(what.mode)?;
        let found = self.found();
        let cut = !what.network && found.facts.level != SandboxLevel::None;
        if cut && !found.cuts_network && what.mode == SandboxMode::Require {
            return Err(SandboxError::Unavailable {
                why: format!("{} cannot switch the network off here", found.facts.level),
                hint: "install bubblewrap, or set `network = true`".to_owned(),
            });
        }
        let mut launch = self.launch_at(found.facts.level, found.bubblewrap.as_ref(), what)?;
        if cut && !found.cuts_network {
            launch.confinement.network = true;
        }
        Ok(launch)
    }
}
