//! What a child sees: a cleared environment with an allow-list, an empty HOME, its own TMPDIR (R1).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use crate::agents::tree::MARK;
use crate::domain::policy::AgentSpec;
use crate::ports::lease::Lease;
use crate::ports::runner::RunRequest;

/// Passed on from fleet's own environment if set. Nothing here can carry a credential.
const PASSED: [&str; 5] = ["PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ"];

/// Names that neither `env` nor `set_env` of an agent may change: they are what confines it and
/// what it answers through.
fn is_reserved(name: &str) -> bool {
    matches!(name, "HOME" | "TMPDIR") || name.starts_with("FLEET_")
}

/// The environment of a child of this run.
pub(crate) fn build(
    handed: &BTreeMap<String, OsString>,
    lease: &Lease,
    request: &RunRequest,
) -> BTreeMap<String, OsString> {
    let spec = &request.agent;
    let mut env: BTreeMap<String, OsString> = BTreeMap::new();
    let mut set = |name: &str, value: OsString| {
        env.insert(name.to_owned(), value);
    };
    set("TERM", "dumb".into());
    // Times that agents print are read as UTC unless the owner chose a zone.
    set("TZ", "UTC".into());
    // A prompt for a password would hang, and the machine's own git config may hold credentials.
    set("GIT_TERMINAL_PROMPT", "0".into());
    set("GIT_CONFIG_NOSYSTEM", "1".into());
    for (name, folder) in [
        ("XDG_CONFIG_HOME", ".config"),
        ("XDG_CACHE_HOME", ".cache"),
        ("XDG_DATA_HOME", ".local/share"),
        ("XDG_STATE_HOME", ".local/state"),
    ] {
        set(name, request.home.join(folder).into());
    }
    let named = spec.env.iter().map(String::as_str);
    for name in PASSED.into_iter().chain(named) {
        if let (false, Some(value)) = (is_reserved(name), handed.get(name)) {
            set(name, value.clone());
        }
    }
    for (name, value) in &spec.set_env {
        if !is_reserved(name) {
            set(name, value.into());
        }
    }
    set("HOME", request.home.clone().into());
    set("TMPDIR", request.tmp.clone().into());
    set("FLEET_OUTBOX", request.outbox.clone().into());
    set("FLEET_TASK", request.task.clone().into());
    set("FLEET_PROMPT", request.prompt_file.clone().into());
    set("FLEET_ATTEMPT", lease.claim().attempt.to_string().into());
    set(MARK, lease.session().to_string().into());
    env
}

/// Makes HOME and TMPDIR (0700), writes the prompt (0600) and copies `home_files` (0600).
///
/// # Errors
/// A sentence that names the file.
pub(crate) fn prepare(request: &RunRequest) -> Result<(), String> {
    for dir in [&request.home, &request.tmp] {
        private_dir(dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
    }
    for file in [&request.prompt_file, &request.outbox, &request.journal] {
        if let Some(parent) = file.parent() {
            private_dir(parent).map_err(|e| format!("cannot make {}: {e}", parent.display()))?;
        }
    }
    write_private(&request.prompt_file, request.prompt.as_bytes())
        .map_err(|e| format!("cannot write {}: {e}", request.prompt_file.display()))?;
    for (source, target) in &request.agent.home_files {
        let bytes = fs::read(source).map_err(|e| {
            format!(
                "cannot read {source}, which `home_files` of agent {} names: {e}",
                request.agent.name
            )
        })?;
        write_in_home(&request.home, target, &bytes)?;
    }
    Ok(())
}

/// Largest outbox that is read.
const MAX_OUTBOX_BYTES: u64 = 1024 * 1024;

/// Makes the outbox an empty file, so that what is read afterwards is of this run.
///
/// # Errors
/// A sentence that names the file.
pub(crate) fn fresh_outbox(path: &Path) -> Result<(), String> {
    write_private(path, b"").map_err(|e| format!("cannot write {}: {e}", path.display()))
}

/// What the agent left in its outbox, cut at a line end if it is too much. Whatever else it put in
/// that place (a link, a pipe, a folder) is no outbox and reads as empty.
pub(crate) fn read_outbox(path: &Path) -> Vec<u8> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let opened = fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path);
    let mut bytes = Vec::new();
    if let Ok(file) = opened
        && file.metadata().is_ok_and(|m| m.is_file())
        && file
            .take(MAX_OUTBOX_BYTES + 1)
            .read_to_end(&mut bytes)
            .is_err()
    {
        bytes.clear();
    }
    if bytes.len() as u64 > MAX_OUTBOX_BYTES {
        let end = bytes[..MAX_OUTBOX_BYTES as usize]
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        bytes.truncate(end);
    }
    bytes
}

/// Writes a file below HOME (0600), whose path may not lead out of it.
///
/// # Errors
/// A sentence that names the file.
pub(crate) fn write_in_home(home: &Path, target: &str, bytes: &[u8]) -> Result<(), String> {
    let relative = Path::new(target);
    let inside = relative
        .components()
        .all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if !inside || relative.as_os_str().is_empty() {
        return Err(format!(
            "`{target}` does not lie in the agent's HOME; name a relative path without `..`"
        ));
    }
    let path = home.join(relative);
    let write = || -> io::Result<()> {
        if let Some(parent) = relative.parent() {
            unlink_links(home, parent)?;
            private_dir(&home.join(parent))?;
        }
        write_private(&path, bytes)
    };
    write().map_err(|e| format!("cannot write {}: {e}", path.display()))
}

/// An earlier attempt may have left a link where we want a folder: we never write through it (I10).
fn unlink_links(home: &Path, relative: &Path) -> io::Result<()> {
    let mut path = home.to_owned();
    for part in relative.components() {
        path.push(part);
        if fs::symlink_metadata(&path).is_ok_and(|m| !m.is_dir()) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn private_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
}

/// Replaces the file: what an earlier attempt left there (a link, say) is not followed.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Err(e) = fs::remove_file(path)
        && e.kind() != io::ErrorKind::NotFound
    {
        return Err(e);
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)
}

/// Where a program lies: an absolute path as it is, one with a slash below `workdir`, a bare name
/// on `PATH` of the environment handed to fleet.
///
/// # Errors
/// A sentence that says where was looked.
pub(crate) fn find_program(
    name: &str,
    handed: &BTreeMap<String, OsString>,
    workdir: Option<&Path>,
) -> Result<PathBuf, String> {
    if name.is_empty() {
        return Err("the agent names no program".to_owned());
    }
    if name.contains('/') {
        let path = Path::new(name);
        let path = match (path.is_absolute(), workdir) {
            (true, _) => path.to_owned(),
            (false, Some(dir)) => dir.join(path),
            // Part of the repository: it is there once a workspace is.
            (false, None) => return Ok(path.to_owned()),
        };
        return if is_program(&path) {
            Ok(path)
        } else {
            Err(format!("{} is not an executable file", path.display()))
        };
    }
    let path = handed.get("PATH").cloned().unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(|candidate| is_program(candidate))
        .ok_or_else(|| format!("`{name}` was not found on PATH"))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// The `AgentSpec`'s own name for people: `agent claude-main (claude)`.
pub(crate) fn describe(spec: &AgentSpec, program: &str) -> String {
    if spec.name == program {
        format!("agent `{program}`")
    } else {
        format!("agent `{}` ({program})", spec.name)
    }
}
