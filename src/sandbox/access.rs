//! Which files a confined program sees: the system's own, what its program needs, and what the run and
//! the owner name. All else is not there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use crate::ports::sandbox::Confined;
use crate::sandbox::SandboxSetup;

/// Folders of programs and libraries; nothing in them is private.
const SYSTEM: [&str; 11] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/opt",
    "/nix/store",
    "/gnu/store",
    "/run/current-system/sw",
];

/// What programs ask of `/etc`: names, addresses, certificates. Not `shadow`, no keys, no tokens.
const ETC: [&str; 37] = [
    "/etc/alternatives",
    "/etc/bash.bashrc",
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/crypto-policies",
    "/etc/debian_version",
    "/etc/fonts",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/inputrc",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/locale.alias",
    "/etc/locale.conf",
    "/etc/localtime",
    "/etc/magic",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/openssl.cnf",
    "/etc/profile",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/shells",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/terminfo",
    "/etc/timezone",
];

/// Links followed in one path before it is given up, as the kernel does.
const MAX_LINKS: u32 = 40;

/// What every run sees.
#[derive(Debug, Clone, Default)]
pub(crate) struct Base {
    paths: Paths,
    /// HOME, the repository: never opened because a folder above it is.
    private: Vec<PathBuf>,
}

/// What one run sees.
#[derive(Debug)]
pub(crate) struct Access {
    paths: Paths,
    private: Vec<PathBuf>,
}

/// Real paths, and the links that lead to them.
#[derive(Debug, Clone, Default)]
struct Paths {
    links: BTreeMap<PathBuf, PathBuf>,
    read: BTreeSet<PathBuf>,
    write: BTreeSet<PathBuf>,
}

impl Base {
    /// Looks at this machine and at the configuration.
    pub(crate) fn look(setup: &SandboxSetup) -> Self {
        let real = |path: &PathBuf| resolve(path).map(|found| found.real);
        let private: Vec<PathBuf> = setup
            .home
            .iter()
            .chain(&setup.private)
            .filter_map(real)
            .filter(|path| path.parent().is_some())
            .collect();
        let mut base = Self {
            paths: Paths::default(),
            private,
        };
        for path in SYSTEM.iter().chain(&ETC) {
            base.paths.add(Path::new(path), false);
        }
        for dir in std::env::split_paths(&setup.path) {
            base.add_program_folder(&dir);
        }
        for path in &setup.policy.read {
            base.paths.add(path, false);
        }
        for path in &setup.policy.write {
            base.paths.add(path, true);
        }
        base
    }

    /// A folder of `PATH`, with the installation that it is part of.
    fn add_program_folder(&mut self, dir: &Path) {
        let Some(found) = resolve(dir) else { return };
        if dir.is_absolute() && found.real.is_dir() && !self.opens_private(&found.real) {
            self.paths.add(dir, false);
            if let Some(prefix) = self.prefix_of(&found.real.join("x")) {
                self.paths.add(&prefix, false);
            }
        }
    }

    /// True for HOME, the repository, and folders above them.
    fn opens_private(&self, dir: &Path) -> bool {
        self.private.iter().any(|private| private.starts_with(dir))
    }

    /// The installation that a program belongs to: `<prefix>/bin/x` with a `<prefix>/lib` beside it.
    /// A version manager, a virtual environment and a toolchain look like this; HOME and `~/.local`
    /// do not count.
    fn prefix_of(&self, program: &Path) -> Option<PathBuf> {
        let bin = program.parent()?;
        let prefix = bin.parent()?;
        let shared = self
            .private
            .iter()
            .any(|home| prefix == home.join(".local"));
        let fits = bin.file_name()? == "bin"
            && prefix.join("lib").is_dir()
            && !shared
            && !self.opens_private(prefix);
        fits.then(|| prefix.to_owned())
    }
}

impl Access {
    /// What every run sees.
    pub(crate) fn new(base: &Base) -> Self {
        Self {
            paths: base.paths.clone(),
            private: base.private.clone(),
        }
    }

    /// What this run sees besides.
    pub(crate) fn add(&mut self, what: &Confined) {
        // What the agent can write may name anything as its target or interpreter.
        let own = |path: &Path| what.writable.iter().any(|folder| path.starts_with(folder));
        if !own(&what.program) {
            self.add_program(&what.program, 2);
        }
        for path in &what.readable {
            self.paths.add(path, false);
        }
        for path in &what.writable {
            self.paths.add(path, true);
        }
    }

    /// A program with its installation and, for a script, its interpreter.
    fn add_program(&mut self, program: &Path, depth: u32) {
        let Some(found) = resolve(program) else {
            return;
        };
        self.paths.add(program, false);
        let base = Base {
            paths: Paths::default(),
            private: self.private.clone(),
        };
        let places = found.links.iter().map(|(link, _)| link.as_path());
        for place in places.chain([found.real.as_path()]) {
            for folder in [base.prefix_of(place), modules_of(place)]
                .into_iter()
                .flatten()
            {
                self.paths.add(&folder, false);
            }
        }
        if depth > 0
            && let Some(interpreter) = interpreter_of(&found.real)
        {
            self.add_program(&interpreter, depth - 1);
        }
    }

    /// Links on the way to what is seen, with what they say.
    pub(crate) fn links(&self) -> impl Iterator<Item = (&Path, &Path)> {
        let links = self.paths.links.iter();
        links.map(|(link, target)| (link.as_path(), target.as_path()))
    }

    /// What may be read and executed.
    pub(crate) fn readable(&self) -> impl Iterator<Item = &Path> {
        self.paths.read.iter().map(PathBuf::as_path)
    }

    /// What may be changed.
    pub(crate) fn writable(&self) -> impl Iterator<Item = &Path> {
        self.paths.write.iter().map(PathBuf::as_path)
    }

    /// What must be hidden because something above it is seen, and nobody asked for it by its name.
    pub(crate) fn hidden(&self) -> impl Iterator<Item = &Path> {
        let named =
            |path: &PathBuf| self.paths.read.contains(path) || self.paths.write.contains(path);
        self.private
            .iter()
            .filter(move |path| !named(path) && self.paths.covers(path))
            .map(PathBuf::as_path)
    }

    /// True if a folder above `path` is seen.
    pub(crate) fn covers(&self, path: &Path) -> bool {
        self.paths.covers(path)
    }
}

impl Paths {
    /// Adds what is there; what is not there is passed over.
    fn add(&mut self, path: &Path, write: bool) {
        let Some(found) = resolve(path) else { return };
        self.links.extend(found.links);
        let set = if write {
            &mut self.write
        } else {
            &mut self.read
        };
        set.insert(found.real);
    }

    fn covers(&self, path: &Path) -> bool {
        path.ancestors()
            .skip(1)
            .any(|above| self.read.contains(above) || self.write.contains(above))
    }
}

/// A path without links, and the links that were on the way.
#[derive(Debug, PartialEq, Eq)]
struct Resolved {
    real: PathBuf,
    links: Vec<(PathBuf, PathBuf)>,
}

/// Follows a path. `None` if it is not absolute or not there.
fn resolve(path: &Path) -> Option<Resolved> {
    if !path.is_absolute() {
        return None;
    }
    let mut links = Vec::new();
    let mut real = PathBuf::from("/");
    let mut rest: VecDeque<OsString> = parts(path).collect();
    let mut hops = 0;
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            real.pop();
            continue;
        }
        let next = real.join(&part);
        if !fs::symlink_metadata(&next).ok()?.is_symlink() {
            real = next;
            continue;
        }
        hops += 1;
        if hops > MAX_LINKS {
            return None;
        }
        let target = fs::read_link(&next).ok()?;
        if target.is_absolute() {
            real = PathBuf::from("/");
        }
        for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
            rest.push_front(part);
        }
        links.push((next, target));
    }
    Some(Resolved { real, links })
}

fn parts(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

/// The folder in which a package of Node.js finds itself and what it needs.
fn modules_of(program: &Path) -> Option<PathBuf> {
    let modules = |dir: &&Path| dir.file_name().is_some_and(|name| name == "node_modules");
    let outermost = program.ancestors().filter(modules).last()?;
    Some(outermost.to_owned())
}

/// The interpreter that the first line of a script names.
fn interpreter_of(program: &Path) -> Option<PathBuf> {
    let mut start = Vec::new();
    let file = fs::File::open(program).ok()?;
    file.take(256).read_to_end(&mut start).ok()?;
    let line = start.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?;
    let first = std::str::from_utf8(line)
        .ok()?
        .split_ascii_whitespace()
        .next()?;
    Some(PathBuf::from(first))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::domain::policy::SandboxPolicy;
    use crate::ports::sandbox::SandboxLevel;

    fn setup(root: &Path, path: &str) -> SandboxSetup {
        SandboxSetup {
            exe: "/bin/false".into(),
            path: path.into(),
            home: Some(root.join("home")),
            private: vec![root.join("repo")],
            policy: SandboxPolicy::default(),
            ceiling: SandboxLevel::Bubblewrap,
        }
    }

    fn folders(names: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        for name in names {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        (dir, root)
    }

    #[test]
    fn every_link_on_the_way_is_kept() {
        let (_dir, root) = folders(&["real/sub"]);
        symlink("real", root.join("one")).unwrap();
        symlink(root.join("one/sub"), root.join("two")).unwrap();
        let found = resolve(&root.join("two")).unwrap();
        assert_eq!(found.real, root.join("real/sub"));
        assert_eq!(
            found.links,
            [
                (root.join("two"), root.join("one/sub")),
                (root.join("one"), PathBuf::from("real")),
            ]
        );
        symlink("round", root.join("round")).unwrap();
        assert_eq!(resolve(&root.join("round")), None);
        assert_eq!(resolve(&root.join("nowhere")), None);
        assert_eq!(resolve(Path::new("real")), None);
    }

    #[test]
    fn a_path_that_holds_home_opens_neither_home_nor_the_repository() {
        let (_dir, root) = folders(&["home/.local/bin", "home/.local/lib", "repo", "home/bin"]);
        let at = |name: &str| root.join(name).display().to_string();
        let path = [at("home"), at(""), at("home/.local/bin"), at("home/bin")].join(":");
        let base = Base::look(&setup(&root, &path));
        let seen: Vec<_> = base
            .paths
            .read
            .iter()
            .filter(|p| p.starts_with(&root))
            .collect();
        assert_eq!(
            seen,
            [&root.join("home/.local/bin"), &root.join("home/bin")]
        );
    }

    #[test]
    fn a_program_brings_its_installation_and_its_interpreter() {
        let (_dir, root) = folders(&["home/bin", "home/node/bin", "home/node/lib", "repo"]);
        let real = root.join("home/node/lib/tool.js");
        let node = root.join("home/node/bin/node");
        fs::write(&real, format!("#!{} -x\n", node.display())).unwrap();
        fs::write(&node, "").unwrap();
        symlink(&real, root.join("home/bin/tool")).unwrap();
        let base = Base::look(&setup(&root, ""));
        let mut access = Access::new(&base);
        access.add_program(&root.join("home/bin/tool"), 2);
        let seen: Vec<_> = access.readable().filter(|p| p.starts_with(&root)).collect();
        assert_eq!(seen, [&root.join("home/node"), &node, &real]);
        assert!(
            access
                .links()
                .any(|(link, _)| link == root.join("home/bin/tool"))
        );
        assert!(!access.covers(&root.join("home")));
    }

    #[test]
    fn a_private_folder_below_a_seen_one_is_hidden_unless_it_is_named() {
        let (_dir, root) = folders(&["home/x", "repo"]);
        let mut setup = setup(&root, "");
        setup.policy.read = vec![root.clone()];
        let access = Access::new(&Base::look(&setup));
        let hidden: Vec<_> = access.hidden().collect();
        assert_eq!(hidden, [&root.join("home"), &root.join("repo")]);
        setup.policy.read.push(root.join("home"));
        let access = Access::new(&Base::look(&setup));
        assert_eq!(access.hidden().collect::<Vec<_>>(), [&root.join("repo")]);
    }
}
