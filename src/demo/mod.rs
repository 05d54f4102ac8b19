//! The demonstration: a small real repository with a bare remote, and a human who merges.
//!
//! Everything in it is what a user has too: git, files, a shell. Only the agent is scripted (by
//! `agents::demo`, from the script that is put into the repository).
//!
//! Invariants: writes only below the directory it is given; no network; nothing decides here.
//!
//! May import: domain, ports.
#![expect(
    clippy::disallowed_methods,
    reason = "this edge makes a repository: files and the git program"
)]

mod files;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A demonstration repository.
#[derive(Debug, Clone)]
pub struct DemoRepo {
    /// The bare remote.
    pub remote: PathBuf,
    /// The clone that the maintainer works in.
    pub clone: PathBuf,
}

/// The demonstration cannot be built. Fits after "failed to ".
#[derive(Debug, thiserror::Error)]
#[error("{what} in {on}: {cause}")]
pub struct DemoError {
    /// What was tried.
    pub what: String,
    /// Where.
    pub on: String,
    /// Why.
    pub cause: String,
}

fn error(what: impl Into<String>, on: &Path, cause: impl ToString) -> DemoError {
    DemoError {
        what: what.into(),
        on: on.display().to_string(),
        cause: cause.to_string(),
    }
}

/// A fresh directory for a demonstration, in the system's place for temporary files. It stays: a
/// reader is invited to look around in it.
///
/// # Errors
/// It cannot be made.
pub fn fresh_dir() -> Result<PathBuf, DemoError> {
    tempfile::Builder::new()
        .prefix("fleet-demo-")
        .tempdir()
        .map(tempfile::TempDir::keep)
        .map_err(|cause| error("make a temporary directory", &std::env::temp_dir(), cause))
}

impl DemoRepo {
    /// Makes the remote and the clone below `dir`, which must be empty or not exist.
    ///
    /// # Errors
    /// `dir` is in use, or git or the disk refuses.
    pub fn build(dir: &Path) -> Result<Self, DemoError> {
        fs::create_dir_all(dir).map_err(|cause| error("make a directory", dir, cause))?;
        // Ticks run in other directories, and the places made here must mean the same there.
        let dir = &fs::canonicalize(dir).map_err(|cause| error("look", dir, cause))?;
        let used = fs::read_dir(dir)
            .map_err(|cause| error("look", dir, cause))?
            .next()
            .is_some();
        if used {
            return Err(error(
                "make the demonstration",
                dir,
                "the directory is not empty",
            ));
        }
        let repo = Self {
            remote: dir.join("remote.git"),
            clone: dir.join("greeter"),
        };
        git(
            dir,
            &[
                "init",
                "--quiet",
                "--bare",
                "--initial-branch=main",
                "remote.git",
            ],
        )?;
        git(
            dir,
            &["init", "--quiet", "--initial-branch=main", "greeter"],
        )?;
        for (path, text) in files::FILES {
            write(&repo.clone, path, text)?;
        }
        let remote = repo.remote.display().to_string();
        git(&repo.clone, &["remote", "add", "origin", &remote])?;
        git(&repo.clone, &["add", "--all"])?;
        git(
            &repo.clone,
            &[
                "commit",
                "--quiet",
                "-m",
                "A greeter that knows one language",
            ],
        )?;
        git(
            &repo.clone,
            &["push", "--quiet", "--set-upstream", "origin", "main"],
        )?;
        Ok(repo)
    }

    /// What a human does who likes a branch: merges it into main and pushes.
    ///
    /// # Errors
    /// It does not merge, or git refuses.
    pub fn merge(&self, branch: &str) -> Result<(), DemoError> {
        git(&self.clone, &["fetch", "--quiet", "origin"])?;
        git(
            &self.clone,
            &["merge", "--quiet", "--ff-only", "origin/main"],
        )?;
        let theirs = format!("origin/{branch}");
        let message = format!("Merge {branch}");
        git(
            &self.clone,
            &["merge", "--quiet", "--no-ff", "-m", &message, &theirs],
        )?;
        git(&self.clone, &["push", "--quiet", "origin", "main"])
    }

    /// One line per commit of `branch` that main does not have, and the change's size.
    ///
    /// # Errors
    /// The branch does not exist.
    pub fn summary(&self, branch: &str) -> Result<String, DemoError> {
        let range = format!("origin/main...origin/{branch}");
        output(&self.clone, &["diff", "--shortstat", &range])
    }
}

fn write(root: &Path, path: &str, text: &str) -> Result<(), DemoError> {
    let file = root.join(path);
    let parent = file.parent().unwrap_or(root);
    fs::create_dir_all(parent)
        .and_then(|()| fs::File::create(&file))
        .and_then(|mut f| f.write_all(text.as_bytes()))
        .map_err(|cause| error("write a file", &file, cause))
}

fn git(dir: &Path, args: &[&str]) -> Result<(), DemoError> {
    output(dir, args).map(|_| ())
}

/// Runs git with an identity of its own and without anybody's configuration or hooks.
fn output(dir: &Path, args: &[&str]) -> Result<String, DemoError> {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    let out = command
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "Mia Maintainer")
        .env("GIT_AUTHOR_EMAIL", "mia@example.org")
        .env("GIT_COMMITTER_NAME", "Mia Maintainer")
        .env("GIT_COMMITTER_EMAIL", "mia@example.org")
        .output()
        .map_err(|cause| error(format!("run git {}", args.join(" ")), dir, cause))?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&out.stderr);
    Err(error(
        format!("run git {}", args.join(" ")),
        dir,
        said.trim(),
    ))
}
