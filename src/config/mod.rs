//! Configuration: `.orchestra/config.toml`, `.orchestra/roles/*.md` and the environment, read once
//! and validated into the policy.
//!
//! Invariants: nothing is half right: either every key is known and valid, or all that is wrong is
//! said in one report with file, line and column. Values of secrets are kept apart and never
//! printed. Files are read as plain files (a symbolic link is refused); nothing is written.
//!
//! May import: domain, ports.

#![expect(
    clippy::disallowed_methods,
    reason = "this room is the edge to the configuration files and the environment"
)]

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::domain::policy::Policy;

mod agents;
mod archive;
mod budget;
mod document;
mod edit;
mod env;
mod forge;
mod intake;
mod prices;
mod problems;
mod providers;
mod reader;
mod remote;
mod roles;
mod routes;
mod sandbox;
pub mod schema;
mod sections;
mod task_template;
mod template;
#[cfg(test)]
mod tests;
mod units;

pub use edit::change_agent;
pub use env::{Env, Secret};
pub use problems::{ConfigErrors, Problem};
pub use task_template::task_template;
pub use template::template;

/// The file, below the top of the repository.
pub const CONFIG_PATH: &str = ".orchestra/config.toml";
/// The table of prices, below the top of the repository.
pub const PRICES_PATH: &str = ".orchestra/prices.toml";
/// The folder of role prompts, below the top of the repository.
pub const ROLES_DIR: &str = ".orchestra/roles";
/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Everything configured.
#[derive(Clone)]
pub struct Settings {
    /// What the owner of the repository decided.
    pub policy: Policy,
    /// Token of the forge, from the variable that `forge.token_env` names.
    pub forge_token: Option<secrecy::SecretString>,
    /// Private key of the forge's App, PEM, from `forge.app_key_env` or `forge.app_key_file`.
    pub forge_app_key: Option<secrecy::SecretString>,
    /// Names and values that are scanned for and redacted: the forge's token, keys of providers,
    /// `secret_env`, and what agents are given that is named like a secret.
    pub secrets: Vec<Secret>,
    /// Where the policy came from, for `fleet config check`.
    pub origin: Origin,
    /// Sentences for a human: no agents configured, a secret too short.
    pub notes: Vec<String>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("policy", &self.policy)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// Where the policy came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Files of the work tree.
    WorkTree,
    /// Files of a commit.
    Commit,
    /// There is no file: the defaults hold.
    Defaults,
}

/// Files of a commit, by path, as an alternative to the work tree.
pub type CommitFiles = BTreeMap<String, Vec<u8>>;

/// Reads the configuration: from the work tree at `root` if it has one, else from `commit` (the
/// files below `.orchestra/` of the base branch), else the defaults.
///
/// # Errors
/// Everything that is wrong, with file, line and column.
pub fn load(
    root: Option<&Path>,
    commit: &CommitFiles,
    env: &Env,
) -> Result<Settings, ConfigErrors> {
    let mut problems = Vec::new();
    let (files, origin) = match root.map(|root| read_work_tree(root, &mut problems)) {
        Some(files) if files.contains_key(CONFIG_PATH) || !problems.is_empty() => {
            (files, Origin::WorkTree)
        }
        Some(_) | None if commit.contains_key(CONFIG_PATH) => (commit.clone(), Origin::Commit),
        Some(files) => (files, Origin::Defaults),
        None => (commit.clone(), Origin::Defaults),
    };
    read(&files, origin, env, problems)
}

/// Reads the configuration of the work tree at `root` as if its file had this text.
///
/// # Errors
/// As [`load`].
pub fn load_with(root: &Path, text: &str, env: &Env) -> Result<Settings, ConfigErrors> {
    let mut problems = Vec::new();
    let mut files = read_work_tree(root, &mut problems);
    problems.retain(|problem| problem.file != CONFIG_PATH);
    files.insert(CONFIG_PATH.to_owned(), text.as_bytes().to_vec());
    read(&files, Origin::WorkTree, env, problems)
}

/// Validates files that are in memory, by path; as [`load`].
///
/// # Errors
/// As [`load`].
fn read(
    files: &CommitFiles,
    origin: Origin,
    env: &Env,
    mut problems: Vec<Problem>,
) -> Result<Settings, ConfigErrors> {
    let roles = roles::overlay(files, &mut problems);
    let text = text_of(files, CONFIG_PATH, &mut problems);
    let mut policy = sections::policy(text, roles, env, &mut problems);
    policy.prices = prices::read(text_of(files, PRICES_PATH, &mut problems), &mut problems);
    if !problems.is_empty() {
        problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        return Err(ConfigErrors { problems });
    }
    let mut notes = Vec::new();
    budget::reckon_unknown(&policy.budget, &mut policy.agents, &mut notes);
    budget::unpriced(&policy.agents, &policy.prices, &mut notes);
    if policy.agents.is_empty() {
        notes.push(format!(
            "no agents are configured; add one to {CONFIG_PATH}, such as\n\
             [agents.claude]\nkind = \"cli\"\ncli = \"claude\""
        ));
    }
    let ((forge_token, forge_app_key), secrets) = env::secrets(env, &policy);
    Ok(Settings {
        policy,
        forge_token,
        forge_app_key,
        secrets,
        origin,
        notes,
    })
}

/// The text of a file; empty if there is none.
fn text_of<'f>(files: &'f CommitFiles, path: &str, problems: &mut Vec<Problem>) -> &'f str {
    match files.get(path).map(|bytes| std::str::from_utf8(bytes)) {
        None => "",
        Some(Ok(text)) => text.trim_start_matches('\u{feff}'),
        Some(Err(error)) => {
            let what = format!("it is not UTF-8 at byte {}", error.valid_up_to());
            problems.push(Problem::of_file(path, what));
            ""
        }
    }
}

/// The configuration and role files of a work tree; a file that cannot be read is a problem.
fn read_work_tree(root: &Path, problems: &mut Vec<Problem>) -> CommitFiles {
    let mut files = CommitFiles::new();
    let mut take = |path: String| match read_plain(&root.join(&path)) {
        Ok(Some(bytes)) => {
            files.insert(path, bytes);
        }
        Ok(None) => {}
        Err(what) => problems.push(Problem::of_file(&path, what)),
    };
    take(CONFIG_PATH.to_owned());
    take(PRICES_PATH.to_owned());
    let entries = std::fs::read_dir(root.join(ROLES_DIR))
        .into_iter()
        .flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".md"))
        .collect();
    names.sort();
    for name in names {
        take(format!("{ROLES_DIR}/{name}"));
    }
    files
}

/// The bytes of a plain file; `None` if there is none.
fn read_plain(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let about = match std::fs::symlink_metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("it cannot be read: {error}")),
    };
    if !about.is_file() {
        return Err("it is no plain file (a link or folder is not followed)".to_owned());
    }
    if about.len() > MAX_FILE {
        return Err(format!("it is larger than {MAX_FILE} bytes"));
    }
    std::fs::read(path)
        .map(Some)
        .map_err(|error| format!("it cannot be read: {error}"))
}
