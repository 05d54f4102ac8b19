//! bubblewrap (bwrap(1)): an own file tree with nothing in it but what is named, an own process table,
//! and an own network that leads nowhere.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::sandbox::access::Access;

/// The program, and what this version of it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bubblewrap {
    /// Absolute path.
    pub(crate) program: PathBuf,
    /// `--disable-userns` is known (0.8 and newer): no further namespaces inside.
    pub(crate) seals: bool,
}

/// What a path is in the new tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    /// Empty, and gone afterwards.
    Scratch,
    /// Empty, and nothing can be written.
    Hidden,
}

impl Bubblewrap {
    /// The program with its arguments, up to and including the `--` before the confined one.
    pub(crate) fn argv(&self, access: &Access, network: bool, cwd: &Path) -> Vec<OsString> {
        let mut argv: Vec<OsString> = vec![self.program.clone().into()];
        let mut flag = |words: &[&str]| argv.extend(words.iter().map(OsString::from));
        flag(&["--unshare-user", "--unshare-pid", "--unshare-ipc"]);
        flag(&["--unshare-uts", "--unshare-cgroup-try"]);
        if !network {
            flag(&["--unshare-net"]);
        }
        if self.seals {
            flag(&["--disable-userns"]);
        }
        // As root it would keep every capability.
        flag(&["--cap-drop", "ALL"]);
        // No terminal to push letters into, and no life after fleet's.
        flag(&["--new-session", "--die-with-parent"]);
        argv.extend(["--proc", "/proc", "--dev", "/dev"].map(OsString::from));
        let entries = entries(access);
        for (path, kind) in &entries {
            let path = || OsString::from(path);
            match kind {
                Kind::Read => argv.extend(["--ro-bind".into(), path(), path()]),
                Kind::Write => argv.extend(["--bind".into(), path(), path()]),
                Kind::Scratch | Kind::Hidden => argv.extend(["--tmpfs".into(), path()]),
            }
        }
        for (link, target) in access.links() {
            if !access.covers(link) {
                argv.extend(["--symlink".into(), target.into(), link.into()]);
            }
        }
        let hidden = entries.iter().filter(|(_, kind)| *kind == Kind::Hidden);
        for path in hidden.map(|(path, _)| *path).chain([Path::new("/")]) {
            argv.extend(["--remount-ro".into(), path.into()]);
        }
        argv.extend(["--chdir".into(), cwd.into(), "--".into()]);
        argv
    }
}

/// What is mounted, what lies above first; nothing that is there already in the same way.
fn entries(access: &Access) -> Vec<(&Path, Kind)> {
    let scratch = ["/tmp", "/var/tmp"].map(|path| (Path::new(path), Kind::Scratch));
    let mut all: Vec<(&Path, Kind)> = scratch
        .into_iter()
        .chain(access.hidden().map(|path| (path, Kind::Hidden)))
        .chain(access.readable().map(|path| (path, Kind::Read)))
        .chain(access.writable().map(|path| (path, Kind::Write)))
        .collect();
    // A path that is named twice is what was named last: writable, if it is that at all.
    all.reverse();
    all.sort_by(|a, b| a.0.cmp(b.0));
    all.dedup_by(|later, first| later.0 == first.0);
    let mut kept: Vec<(&Path, Kind)> = Vec::new();
    for (path, kind) in all {
        let above = kept.iter().rev().find(|(above, _)| path.starts_with(above));
        if above.is_none_or(|(_, same)| *same != kind) {
            kept.push((path, kind));
        }
    }
    kept
}
