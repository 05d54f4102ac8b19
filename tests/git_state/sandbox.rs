//! Repositories in a folder of their own, and git without the machine's configuration.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use fleet::domain::time::DurationMs;
use fleet::git::process::Git;
use fleet::git::state_repo::{GitStateRepo, StateOptions};
use fleet::ports::state_repo::{
    FileChange, Freshness, Proposal, PublishOutcome, Published, Reach, StateRepo as _, StateView,
};

pub(crate) const FETCH: Freshness = Freshness::Fetch(DurationMs(20_000));
pub(crate) const REMOTE: Reach = Reach::Remote(DurationMs(20_000));
pub(crate) const FILE: &str = ".orchestra/log/2026-11/aaaa-0000.jsonl";

pub(crate) struct Sandbox {
    dir: tempfile::TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("home")).unwrap();
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The environment of every git here.
    pub(crate) fn git_env(&self) -> Vec<(OsString, OsString)> {
        let home = self.path("home").into_os_string();
        let path = std::env::var_os("PATH").unwrap();
        [
            ("PATH", path),
            ("HOME", home),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_CONFIG_GLOBAL", "/dev/null".into()),
        ]
        .map(|(name, value)| (OsString::from(name), value))
        .to_vec()
    }

    /// Git as fleet starts it.
    pub(crate) fn git(&self) -> Git {
        Git::with_env("git", self.git_env())
    }

    /// Runs git as a person would, and expects success.
    pub(crate) fn run(&self, dir: &Path, args: &[&str]) -> String {
        let (ok, text) = self.try_run(dir, args);
        assert!(ok, "git {args:?}: {text}");
        text
    }

    pub(crate) fn try_run(&self, dir: &Path, args: &[&str]) -> (bool, String) {
        let output = Command::new("git")
            .env_clear()
            .envs(self.git_env())
            .args(["-c", "user.name=T", "-c", "user.email=t@localhost"])
            .args([
                "-c",
                "init.defaultBranch=main",
                "-c",
                "protocol.file.allow=always",
            ])
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

    /// A bare repository to share.
    pub(crate) fn bare(&self, name: &str) -> PathBuf {
        self.run(self.dir.path(), &["init", "-q", "--bare", name]);
        self.path(name)
    }

    /// A repository with one commit on `main` and no remote.
    pub(crate) fn init(&self, name: &str) -> PathBuf {
        self.run(self.dir.path(), &["init", "-q", name]);
        let dir = self.path(name);
        self.identify(&dir);
        self.commit(&dir, "README", "hello\n");
        dir
    }

    fn identify(&self, dir: &Path) {
        self.run(dir, &["config", "user.name", "T"]);
        self.run(dir, &["config", "user.email", "t@localhost"]);
    }

    /// Commits one file on the branch that is checked out.
    pub(crate) fn commit(&self, dir: &Path, file: &str, text: &str) -> String {
        write(&dir.join(file), text);
        self.run(dir, &["add", "--", file]);
        self.run(dir, &["commit", "-q", "-m", file]);
        self.run(dir, &["rev-parse", "HEAD"])
    }

    pub(crate) fn clone(&self, from: &Path, name: &str) -> PathBuf {
        let from = from.to_str().unwrap();
        self.run(self.dir.path(), &["clone", "-q", from, name]);
        let dir = self.path(name);
        self.identify(&dir);
        dir
    }

    /// A bare remote `hub` that has `main`, and `count` clones of it, `c0` …
    pub(crate) fn team(&self, count: usize) -> (PathBuf, Vec<PathBuf>) {
        let hub = self.bare("hub");
        let seed = self.init("seed");
        self.run(&seed, &["push", "-q", hub.to_str().unwrap(), "main"]);
        let clones = (0..count).map(|n| self.clone(&hub, &format!("c{n}")));
        let clones = clones.collect();
        (hub, clones)
    }

    pub(crate) fn open(&self, dir: &Path) -> GitStateRepo {
        self.open_with(dir, StateOptions::default())
    }

    pub(crate) fn open_with(&self, dir: &Path, options: StateOptions) -> GitStateRepo {
        GitStateRepo::open(dir, self.git(), options).unwrap()
    }

    /// The oid of a ref, if it exists.
    pub(crate) fn rev(&self, dir: &Path, name: &str) -> Option<String> {
        let (ok, text) = self.try_run(dir, &["rev-parse", "-q", "--verify", name]);
        ok.then_some(text)
    }
}

pub(crate) fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Puts an executable script at `path`.
pub(crate) fn script(path: &Path, body: &str) {
    write(path, &format!("#!/bin/sh\n{body}\n"));
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) fn proposal(view: &StateView, files: &[(&str, &str)], reach: Reach) -> Proposal {
    static NONCE: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let nonce = NONCE.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    Proposal {
        based_on: view.tip.clone(),
        unpublished: view.unpublished_tip.clone(),
        files: files
            .iter()
            .map(|(path, text)| FileChange {
                path: (*path).to_owned(),
                bytes: Some(text.as_bytes().to_vec()),
            })
            .collect(),
        refs: Vec::new(),
        subject: "test".to_owned(),
        nonce: format!("{nonce:032x}"),
        reach,
        settles_unpublished: true,
    }
}

pub(crate) fn won(outcome: PublishOutcome) -> Published {
    match outcome {
        PublishOutcome::Published(published) => published,
        other => panic!("expected a publish, got {other:?}"),
    }
}

/// Fetches, writes one file, and expects to win.
pub(crate) fn put(repo: &GitStateRepo, path: &str, text: &str) -> Published {
    let view = repo.view(FETCH).unwrap();
    won(repo
        .publish(&proposal(&view, &[(path, text)], REMOTE))
        .unwrap())
}

pub(crate) fn read(view: &StateView, path: &str) -> Option<String> {
    let bytes = view.tree.read(path).unwrap();
    bytes.map(|bytes| String::from_utf8(bytes).unwrap())
}
