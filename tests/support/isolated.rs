//! Programs with nothing of the owner's environment.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

/// `program` in `dir`, with a home and a folder for temporary files of the test's own, git's identity,
/// and no configuration of git but the repository's.
pub(crate) fn isolated(
    program: impl AsRef<OsStr>,
    dir: &Path,
    (path, home, temp): (OsString, &Path, &Path),
) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", home)
        .env("TMPDIR", temp)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .current_dir(dir)
        .stdin(Stdio::null());
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Ada");
        command.env(format!("GIT_{who}_EMAIL"), "ada@example.org");
    }
    command
}
