//! How two commits would merge, in memory: nothing is written and nothing is checked out.

use std::collections::BTreeMap;

use git2::{Delta, DiffOptions, Oid, Repository, Tree};

use crate::ports::code_repo::MergeFacts;

/// Path → what it became; `None` if it went.
type Became = BTreeMap<Vec<u8>, Option<(Oid, u32)>>;

/// How `head` relates to `base`. A squash or a cherry-pick of all of `head` counts as merged:
/// merging would change nothing although `head` changed something.
pub(super) fn facts(repo: &Repository, base: Oid, head: Oid) -> Result<MergeFacts, git2::Error> {
    if base == head || repo.graph_descendant_of(base, head)? {
        return Ok(MergeFacts::Merged);
    }
    let fork = match repo.merge_base(base, head) {
        Ok(fork) => fork,
        // Histories without a common commit: git refuses to merge them.
        Err(error) if error.code() == git2::ErrorCode::NotFound => return Ok(MergeFacts::Conflict),
        Err(error) => return Err(error),
    };
    if fork == base {
        return Ok(MergeFacts::Clean);
    }
    let tree = |id| repo.find_commit(id).and_then(|commit| commit.tree());
    let (fork, ours, theirs) = (tree(fork)?, tree(base)?, tree(head)?);
    match by_paths(&became(repo, &fork, &ours)?, &became(repo, &fork, &theirs)?) {
        Some(facts) => Ok(facts),
        None => by_content(repo, &fork, &ours, &theirs),
    }
}

fn became(repo: &Repository, from: &Tree<'_>, to: &Tree<'_>) -> Result<Became, git2::Error> {
    let mut options = DiffOptions::new();
    options.include_typechange(true).skip_binary_check(true);
    let diff = repo.diff_tree_to_tree(Some(from), Some(to), Some(&mut options))?;
    let one = |delta: git2::DiffDelta<'_>| {
        let after = delta.new_file();
        let path = after.path_bytes().or(delta.old_file().path_bytes());
        let gone = delta.status() == Delta::Deleted;
        let state = (!gone).then(|| (after.id(), u32::from(after.mode())));
        (path.unwrap_or_default().to_vec(), state)
    };
    Ok(diff.deltas().map(one).collect())
}

/// The answer from the changed paths alone, without opening a file; `None` if both sides changed
/// one path in different ways.
fn by_paths(ours: &Became, theirs: &Became) -> Option<MergeFacts> {
    if theirs.is_empty() {
        // An empty commit that is not part of the base.
        return Some(MergeFacts::Clean);
    }
    let mut news = false;
    for (path, state) in theirs {
        match ours.get(path) {
            Some(same) if same == state => {}
            Some(_) => return None,
            None if file_meets_folder(ours, path) => return None,
            None => news = true,
        }
    }
    Some(if news {
        MergeFacts::Clean
    } else {
        MergeFacts::Merged
    })
}

/// Whether `ours` changed a path above or below `path`.
fn file_meets_folder(ours: &Became, path: &[u8]) -> bool {
    let mut below = path.to_vec();
    below.push(b'/');
    let under = ours.range(below.clone()..).next();
    if under.is_some_and(|(other, _)| other.starts_with(&below)) {
        return true;
    }
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    slashes
        .into_iter()
        .any(|(at, _)| ours.contains_key(&path[..at]))
}

fn by_content(
    repo: &Repository,
    fork: &Tree<'_>,
    ours: &Tree<'_>,
    theirs: &Tree<'_>,
) -> Result<MergeFacts, git2::Error> {
    // Merged texts become blobs; this keeps them in memory.
    let odb = repo.odb()?;
    let _memory = odb.add_new_mempack_backend(1000)?;
    let merged = repo.merge_trees(fork, ours, theirs, None)?;
    if merged.has_conflicts() {
        return Ok(MergeFacts::Conflict);
    }
    let diff = repo.diff_tree_to_index(Some(ours), Some(&merged), None)?;
    let nothing_new = diff.deltas().len() == 0;
    Ok(if nothing_new {
        MergeFacts::Merged
    } else {
        MergeFacts::Clean
    })
}
