//! Control groups: limits of processes and memory that count a whole run, where the user may make them
//! (root, mostly; cgroups(7), both versions).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::domain::policy::SandboxLimits;

/// Where the file systems of control groups are mounted.
const ROOT: &str = "/sys/fs/cgroup";
/// Names of our groups begin so; the number of our process follows.
const PREFIX: &str = "fleet-";

/// Makes names of groups differ within this process.
static COUNTER: AtomicU32 = AtomicU32::new(0);

/// The folders in which groups can be made.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Groups {
    places: Vec<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    dir: PathBuf,
    /// Name of the limiting file and what it limits.
    files: Vec<(&'static str, Limited)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limited {
    Processes,
    Memory,
}

/// A group of one run; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Group {
    dirs: Vec<PathBuf>,
}

impl Groups {
    /// Looks where groups can be made by making one, and removes those of dead fleets.
    pub(crate) fn find() -> Self {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let mut places = candidates(Path::new(ROOT), &own);
        for place in &places {
            sweep(&place.dir);
        }
        let trial = SandboxLimits::default();
        places.retain(|place| {
            let alone = Self {
                places: vec![place.clone()],
            };
            alone.make("trial", &trial).is_some()
        });
        Self { places }
    }

    /// Whether processes are counted, and whether memory is.
    pub(crate) fn limited(&self) -> (bool, bool) {
        let has = |wanted| {
            let mut files = self.places.iter().flat_map(|place| &place.files);
            files.any(|(_, limited)| *limited == wanted)
        };
        (has(Limited::Processes), has(Limited::Memory))
    }

    /// Makes a group of one run. `None` if processes cannot be counted here.
    pub(crate) fn make(&self, run: &str, limits: &SandboxLimits) -> Option<Group> {
        if self.places.is_empty() {
            return None;
        }
        let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
        let run: String = run.chars().filter(plain).take(64).collect();
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{count}-{run}", std::process::id());
        let mut group = Group { dirs: Vec::new() };
        for place in &self.places {
            let dir = place.dir.join(&name);
            fs::create_dir(&dir).ok()?;
            group.dirs.push(dir.clone());
            for (file, limited) in &place.files {
                let value = match limited {
                    Limited::Processes => u64::from(limits.processes),
                    Limited::Memory => limits.memory,
                };
                fs::write(dir.join(file), value.to_string()).ok()?;
            }
        }
        Some(group)
    }
}

impl Group {
    /// Files through which a process enters.
    pub(crate) fn doors(&self) -> Vec<PathBuf> {
        let door = |dir: &PathBuf| dir.join("cgroup.procs");
        self.dirs.iter().map(door).collect()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for dir in &self.dirs {
            // Its last process may be leaving still. What stays is removed by a later fleet.
            for _ in 0..20 {
                match fs::remove_dir(dir) {
                    Err(e) if e.raw_os_error() == Some(rustix::io::Errno::BUSY.raw_os_error()) => {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    _ => break,
                }
            }
        }
    }
}

/// Where this process could make groups, from its `/proc/self/cgroup`. The places of version 2 come
/// with what their parent lets them limit.
fn candidates(root: &Path, own: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for line in own.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let below = path.trim_start_matches('/');
        for (controller, file, limited) in [
            ("pids", "pids.max", Limited::Processes),
            ("memory", "memory.limit_in_bytes", Limited::Memory),
        ] {
            if controllers.split(',').any(|name| name == controller) {
                places.push(Place {
                    dir: root.join(controllers).join(below),
                    files: vec![(file, limited)],
                });
            }
        }
        if controllers.is_empty() {
            places.extend(unified(root, below));
        }
    }
    // Memory alone would leave the count of processes to nobody.
    let counts = |place: &Place| place.files.iter().any(|(_, l)| *l == Limited::Processes);
    if places.iter().any(counts) {
        places
    } else {
        Vec::new()
    }
}

/// A group of version 2 lies beside our own: one that holds processes cannot have limited children.
fn unified(root: &Path, below: &str) -> Option<Place> {
    let own = root.join(below);
    let parent = if below.is_empty() {
        own
    } else {
        own.parent()?.to_owned()
    };
    let granted = fs::read_to_string(parent.join("cgroup.subtree_control")).ok()?;
    let granted: Vec<&str> = granted.split_ascii_whitespace().collect();
    let files: Vec<_> = [
        ("pids", "pids.max", Limited::Processes),
        ("memory", "memory.max", Limited::Memory),
    ]
    .into_iter()
    .filter(|(name, _, _)| granted.contains(name))
    .map(|(_, file, limited)| (file, limited))
    .collect();
    (!files.is_empty()).then_some(Place { dir: parent, files })
}

/// Removes empty groups of fleets that are gone.
fn sweep(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else {
            continue;
        };
        let pid = rest.split('-').next().unwrap_or_default();
        let known = !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit());
        if known && !Path::new("/proc").join(pid).exists() {
            // One that still holds processes refuses, and is looked at again.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_one_has_a_folder_for_each_controller() {
        let own = "8:pids:/a\n4:memory:/a/b\n1:cpu,cpuacct:/\n0::/\n";
        let dir = tempfile::tempdir().unwrap();
        let places = candidates(dir.path(), own);
        let dirs: Vec<_> = places.iter().map(|p| p.dir.clone()).collect();
        assert_eq!(
            dirs,
            [dir.path().join("pids/a"), dir.path().join("memory/a/b")]
        );
    }

    #[test]
    fn version_two_goes_beside_its_own_group_if_the_parent_grants_it() {
        let dir = tempfile::tempdir().unwrap();
        let slice = dir.path().join("system.slice");
        fs::create_dir_all(slice.join("cron.service")).unwrap();
        assert_eq!(
            candidates(dir.path(), "0::/system.slice/cron.service\n"),
            []
        );
        fs::write(slice.join("cgroup.subtree_control"), "cpu memory pids\n").unwrap();
        let places = candidates(dir.path(), "0::/system.slice/cron.service\n");
        assert_eq!(places.len(), 1);
        assert_eq!(places[0].dir, slice);
        assert_eq!(places[0].files.len(), 2);
        fs::write(slice.join("cgroup.subtree_control"), "memory\n").unwrap();
        assert_eq!(
            candidates(dir.path(), "0::/system.slice/cron.service\n"),
            []
        );
    }

    #[test]
    fn a_group_that_was_made_is_gone_when_it_is_dropped() {
        let groups = Groups::find();
        let Some(group) = groups.make("a-run", &SandboxLimits::default()) else {
            assert_eq!(groups.limited(), (false, false));
            return;
        };
        let doors = group.doors();
        assert!(doors.iter().all(|door| door.exists()), "{doors:?}");
        drop(group);
        assert!(doors.iter().all(|door| !door.parent().unwrap().exists()));
    }
}
