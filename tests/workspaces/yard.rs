//! A repository, its workspaces, and git without the machine's configuration.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use fleet::domain::ids::{Oid, SessionUid, TaskUid};
use fleet::domain::record::SessionClaimed;
use fleet::domain::session::RunnerIdentity;
use fleet::domain::time::Timestamp;
use fleet::git::code_repo::{CodeSettings, GitCodeRepo, Refresh};
use fleet::git::place::Place;
use fleet::git::process::Git;
use fleet::git::remote::{Remote, RemoteChoice};
use fleet::git::workspaces::{GitWorkspaces, WorkspaceSettings};
use fleet::ports::host::{Host, Life};
use fleet::ports::lease::Lease;
use fleet::ports::workspaces::{Imported, WorkspaceRequest, Workspaces as _};
use uuid::Uuid;

pub(crate) const MAX: u64 = 1 << 20;

/// A host on which exactly the processes with an even pid are alive.
pub(crate) struct Pretend(pub(crate) u32);

impl Host for Pretend {
    fn identity(&self) -> RunnerIdentity {
        RunnerIdentity {
            host: "here".to_owned(),
            boot: "b".to_owned(),
            pid: self.0,
            pid_start: 1,
            ci: None,
        }
    }

    fn life(&self, runner: &RunnerIdentity) -> Life {
        if runner.pid.is_multiple_of(2) {
            Life::Alive
        } else {
            Life::Dead {
                proof: "its pid is odd".to_owned(),
            }
        }
    }
}

pub(crate) struct Yard {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) repo: PathBuf,
}

pub(crate) fn uid(n: u128) -> SessionUid {
    SessionUid(Uuid::from_u128(
        0x0190_0000_0000_7000_8000_0000_0000_0000 + n,
    ))
}

impl Yard {
    /// A repository with these files committed on `main`.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("home")).unwrap();
        let repo = dir.path().join("repo");
        fs::create_dir(&repo).unwrap();
        let yard = Self { dir, repo };
        yard.git(&yard.repo, &["init", "-q"]);
        yard.commit(files);
        yard
    }

    /// The usual one.
    pub(crate) fn small() -> Self {
        Self::new(&[
            (".gitignore", "target/\n*.log\n"),
            ("README.md", "hello\n"),
            ("src/api/a.rs", "fn a() {}\n"),
            ("src/lib.rs", "mod api;\n"),
            ("docs/guide.md", "read me\n"),
        ])
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn env(&self) -> Vec<(OsString, OsString)> {
        [
            ("PATH", std::env::var_os("PATH").unwrap()),
            ("HOME", self.path("home").into_os_string()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_CONFIG_GLOBAL", "/dev/null".into()),
        ]
        .map(|(name, value)| (OsString::from(name), value))
        .to_vec()
    }

    pub(crate) fn fleet_git(&self) -> Git {
        Git::with_env("git", self.env())
    }

    pub(crate) fn try_git(&self, dir: &Path, args: &[&str]) -> (bool, String) {
        let output = Command::new("git")
            .env_clear()
            .envs(self.env())
            .args([
                "-c",
                "init.defaultBranch=main",
                "-c",
                "protocol.file.allow=always",
            ])
            .args(["-c", "user.name=T", "-c", "user.email=t@localhost"])
            .args(args)
            .current_dir(dir)
            .output()
            .unwrap();
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            text.push_str(&String::from_utf8_lossy(&output.stderr));
        }
        (output.status.success(), text.trim_end().to_owned())
    }

    pub(crate) fn git(&self, dir: &Path, args: &[&str]) -> String {
        let (ok, text) = self.try_git(dir, args);
        assert!(ok, "git {args:?} in {}: {text}", dir.display());
        text
    }

    /// Writes files and commits everything in the user's repository.
    pub(crate) fn commit(&self, files: &[(&str, &str)]) -> Oid {
        for (path, text) in files {
            write(&self.repo, path, text);
        }
        self.git(&self.repo, &["add", "-A"]);
        self.git(
            &self.repo,
            &["commit", "-q", "--allow-empty", "-m", "a step"],
        );
        self.head()
    }

    pub(crate) fn head(&self) -> Oid {
        self.git(&self.repo, &["rev-parse", "HEAD"])
            .parse()
            .unwrap()
    }

    pub(crate) fn place(&self) -> Place {
        Place::discover(&self.repo).unwrap()
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.path("ws")
    }

    pub(crate) fn workspaces(&self) -> GitWorkspaces {
        self.workspaces_as(2, 4)
    }

    pub(crate) fn workspaces_as(&self, pid: u32, pool_max: usize) -> GitWorkspaces {
        let mut settings = WorkspaceSettings::new(self.root());
        settings.pool_max = pool_max;
        GitWorkspaces::new(
            &self.place(),
            self.fleet_git(),
            Arc::new(Pretend(pid)),
            settings,
        )
        .unwrap()
    }

    pub(crate) fn code(&self) -> GitCodeRepo {
        let place = self.place();
        let git = self.fleet_git();
        let remote = Remote::choose(&git, &place, &RemoteChoice::Auto).unwrap();
        let settings = CodeSettings {
            base_branch: "main".to_owned(),
            refresh: Refresh::Own(fleet::domain::time::DurationMs::secs(20)),
            scratch: self.root(),
            max_bundle_bytes: 4 << 20,
        };
        GitCodeRepo::new(&place, git, remote, Arc::new(Pretend(2)), settings)
    }

    pub(crate) fn lease(&self, n: u128) -> Lease {
        let claim = SessionClaimed {
            role: "writer".to_owned(),
            nonce: "00".to_owned(),
            runner: Pretend(2).identity(),
            ..SessionClaimed::first(TaskUid(Uuid::from_u128(7)), "a", self.head(), Timestamp(0))
        };
        Lease::found_live(uid(n), claim)
    }

    /// The whole tree at the user's HEAD.
    pub(crate) fn want(&self) -> WorkspaceRequest {
        WorkspaceRequest {
            start: self.head(),
            paths: Vec::new(),
            sparse: false,
        }
    }

    /// Prepares, lets `agent` work in the directory, and imports.
    pub(crate) fn round(&self, agent: impl FnOnce(&Path)) -> Imported {
        let all = self.workspaces();
        let workspace = all.prepare(&self.lease(1), &self.want()).unwrap();
        agent(&workspace.dir);
        let imported = all.import(&workspace, MAX).unwrap();
        all.discard(&workspace);
        imported
    }

    /// `path` of an imported tree, from the user's repository.
    pub(crate) fn show(&self, tree: &Oid, path: &str) -> String {
        self.git(&self.repo, &["show", &format!("{tree}:{path}")])
    }

    /// Every object that the user's repository has.
    pub(crate) fn objects(&self) -> String {
        let args = [
            "cat-file",
            "--batch-all-objects",
            "--batch-check=%(objectname)",
        ];
        self.git(&self.repo, &args)
    }

    /// Everything of the user's that must not change: files with their times, refs, configuration.
    pub(crate) fn users_things(&self) -> Vec<(PathBuf, String)> {
        let mut seen = Vec::new();
        let mut todo = vec![self.repo.clone(), self.path("home")];
        while let Some(dir) = todo.pop() {
            for entry in fs::read_dir(&dir).unwrap() {
                let entry = entry.unwrap();
                let meta = entry.metadata().unwrap();
                let path = entry.path();
                if meta.is_dir() && entry.file_name() != "objects" {
                    todo.push(path);
                } else if meta.is_file() {
                    let text = fs::read(&path).unwrap();
                    let stamp = meta.modified().unwrap();
                    seen.push((path, format!("{stamp:?} {text:?}")));
                }
            }
        }
        seen.sort();
        seen
    }

    /// Names below the folder of workspaces, without its own bookkeeping.
    pub(crate) fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        for dir in ["", "pool", "trash"] {
            for entry in fs::read_dir(self.root().join(dir)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if !matches!(name.as_str(), ".lock" | "pool" | "trash") {
                    left.push(format!("{dir}/{name}"));
                }
            }
        }
        left
    }
}

pub(crate) fn write(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

pub(crate) fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    mode(path, 0o755);
}

/// `path old>new` of every change.
pub(crate) fn changed(imported: &Imported) -> Vec<String> {
    let one = |change: &fleet::ports::workspaces::PathChange| {
        format!(
            "{} {:o}>{:o}",
            change.path, change.old_mode, change.new_mode
        )
    };
    imported.changes.iter().map(one).collect()
}

/// `path: rule` of every refusal.
pub(crate) fn refused(imported: &Imported) -> Vec<String> {
    let one = |(path, rule): &(String, String)| format!("{path}: {rule}");
    imported.refused.iter().map(one).collect()
}
