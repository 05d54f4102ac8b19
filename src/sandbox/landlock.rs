//! Landlock (landlock(7)): an allow-list of files that holds for this process and all it starts.

use ::landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, LandlockStatus,
    PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope,
};

use crate::sandbox::walls::Landlocked;

/// Everything that a kernel of today knows; an older one enforces what it can.
const NEWEST: ABI = ABI::V9;
/// Before this version nothing can be renamed from one folder to another, so no tool works.
const OLDEST: ABI = ABI::V2;

/// Devices that every program may use.
const DEVICES: [&str; 5] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
];

/// What the kernel took.
pub(crate) struct Enforced {
    /// Version of its interface.
    pub(crate) abi: ABI,
}

impl Enforced {
    /// Whether connecting to a Unix socket by its path is checked.
    pub(crate) fn checks_unix_sockets(&self) -> bool {
        self.abi >= ABI::V9
    }
}

/// Confines this process for good.
///
/// # Errors
/// What the kernel refused; then the process must not go on.
pub(crate) fn restrict(walls: &Landlocked) -> Result<Enforced, String> {
    let failed = |e: &dyn std::fmt::Display| format!("Landlock refuses: {e}");
    let all = AccessFs::from_all(NEWEST);
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(OLDEST))
        .map_err(|e| failed(&e))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)
        .map_err(|e| failed(&e))?
        .scope(Scope::from_all(NEWEST))
        .map_err(|e| failed(&e))?;
    if !walls.network {
        ruleset = ruleset
            .handle_access(AccessNet::from_all(NEWEST))
            .map_err(|e| failed(&e))?;
    }
    let mut created = ruleset.create().map_err(|e| failed(&e))?;
    // Of other processes' folders in /proc the kernel still refuses what ptrace(2) may not see.
    let read = walls.read.iter().map(|path| path.as_path());
    let read = read.chain([std::path::Path::new("/proc")]);
    let read = read.map(|path| (path, AccessFs::from_read(NEWEST)));
    let devices = DEVICES.iter().map(|path| (std::path::Path::new(path), all));
    let write = walls.write.iter().map(|path| (path.as_path(), all));
    for (path, access) in read.chain(devices).chain(write) {
        let Some(rule) = rule(path, access) else {
            continue;
        };
        created = created
            .add_rule(rule)
            .map_err(|e| format!("{} for {}", failed(&e), path.display()))?;
    }
    let status = created.restrict_self().map_err(|e| failed(&e))?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _)
        | (_, LandlockStatus::NotEnabled | LandlockStatus::NotImplemented) => {
            Err("Landlock is not part of this kernel, or switched off".to_owned())
        }
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok(Enforced { abi: effective_abi }),
    }
}

/// What is not there needs no rule.
fn rule(path: &std::path::Path, access: BitFlags<AccessFs>) -> Option<PathBeneath<PathFd>> {
    let folder = std::fs::metadata(path).ok()?.is_dir();
    let access = if folder {
        access
    } else {
        access & AccessFs::from_file(NEWEST)
    };
    Some(PathBeneath::new(PathFd::new(path).ok()?, access))
}
