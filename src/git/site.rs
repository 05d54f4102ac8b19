//! Facts of the place for `init` and `doctor`, and the files of a commit that configure fleet.

use std::collections::BTreeMap;

use git2::{ErrorCode, ObjectType, Repository, TreeWalkMode, TreeWalkResult};

use super::place::Place;
use super::process::Git;
use crate::ports::site::SiteFacts;

/// Largest file that is read from a commit, in bytes.
const MAX_FILE: usize = 1 << 20;

/// The repository as git sees it.
///
/// # Errors
/// Why it cannot be read.
pub fn facts(place: &Place) -> Result<SiteFacts, String> {
    let repo = place.repo();
    let (branch, unborn) = head(&repo);
    Ok(SiteFacts {
        top: place.top().display().to_string(),
        bare: place.is_bare(),
        shallow: repo.is_shallow(),
        branch,
        unborn,
        remotes: remotes(&repo),
    })
}

/// Branch that HEAD names (none if detached), and whether it has no commit.
fn head(repo: &Repository) -> (Option<String>, bool) {
    let symbolic = repo.find_reference("HEAD").ok();
    let target = symbolic.as_ref().and_then(|head| {
        let target = head.symbolic_target().ok().flatten()?;
        target.strip_prefix("refs/heads/").map(str::to_owned)
    });
    let unborn = matches!(repo.head(), Err(error) if error.code() == ErrorCode::UnbornBranch);
    (target, unborn)
}

fn remotes(repo: &Repository) -> Vec<String> {
    let names = repo.remotes().ok();
    names
        .iter()
        .flat_map(git2::string_array::StringArray::iter)
        .filter_map(|name| name.ok().flatten().map(str::to_owned))
        .collect()
}

/// Names of the remotes.
#[must_use]
pub fn remote_names(place: &Place) -> Vec<String> {
    remotes(&place.repo())
}

/// Whether a remote lies on github.com.
#[must_use]
pub fn is_on_github(place: &Place) -> bool {
    let repo = place.repo();
    remotes(&repo).iter().any(|name| {
        let remote = repo.find_remote(name);
        remote.is_ok_and(|remote| {
            let url = remote.url().unwrap_or_default();
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            let host = rest.split(['/', ':']).next().unwrap_or_default();
            host.rsplit('@').next() == Some("github.com")
        })
    })
}

/// `user.name` of git's configuration, as it would sign a commit here.
#[must_use]
pub fn user_name(place: &Place) -> Option<String> {
    let repo = place.repo();
    let config = repo.config().ok()?.snapshot().ok()?;
    let name = config.get_str("user.name").ok()?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Version of the git program.
///
/// # Errors
/// Why it does not run.
pub fn version(git: &Git) -> Result<String, String> {
    let output = git
        .isolated()
        .arg("version")
        .run()
        .map_err(|error| error.to_string())?;
    if !output.ok() {
        return Err(output.cause());
    }
    let text = output.text();
    Ok(text.trim().trim_start_matches("git version ").to_owned())
}

/// Plain files below `dir` of the first of these branches that exists, local before remote-tracking
/// of `remote`; by path. Empty if none has any.
///
/// # Errors
/// Why they cannot be read.
pub fn files_of_branch(
    place: &Place,
    branch: &str,
    remote: &str,
    dir: &str,
) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let said = |error: git2::Error| error.message().to_owned();
    let repo = place.repo();
    let names = [
        format!("refs/heads/{branch}"),
        format!("refs/remotes/{remote}/{branch}"),
    ];
    let commit = names.iter().find_map(|name| {
        let found = repo.find_reference(name).ok()?;
        found.peel_to_commit().ok()
    });
    let Some(commit) = commit else {
        return Ok(BTreeMap::new());
    };
    let tree = commit.tree().map_err(said)?;
    let below = match tree.get_path(std::path::Path::new(dir)) {
        Ok(entry) if entry.kind() == Some(ObjectType::Tree) => entry,
        _ => return Ok(BTreeMap::new()),
    };
    let below = repo.find_tree(below.id()).map_err(said)?;
    let mut files = BTreeMap::new();
    let walked = below.walk(TreeWalkMode::PreOrder, |folder, entry| {
        let plain = entry.filemode() == 0o100_644 || entry.filemode() == 0o100_755;
        if let (true, Ok(name)) = (plain, entry.name())
            && let Ok(blob) = repo.find_blob(entry.id())
            && blob.size() <= MAX_FILE
        {
            files.insert(format!("{dir}/{folder}{name}"), blob.content().to_vec());
        }
        // The records of an in-tree state are no configuration.
        if folder.is_empty() && matches!(entry.name(), Ok("log" | "archive")) {
            TreeWalkResult::Skip
        } else {
            TreeWalkResult::Ok
        }
    });
    walked.map_err(said)?;
    Ok(files)
}
