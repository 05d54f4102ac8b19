//! What a branch changes, for people: the patch, and lines by file.

use git2::{DiffFormat, DiffOptions, ErrorCode, Oid, Patch, Repository};

use crate::git::code_repo::diff::to_oid;
use crate::ports::code_repo::{CommitWords, FileLines, Shown};

/// Longest message that is looked at, in bytes.
const MESSAGE_MAX: usize = 64 * 1024;

/// What the newest commits that `tip` reaches say.
pub(super) fn messages(
    repo: &Repository,
    tip: Oid,
    limit: usize,
) -> Result<Vec<CommitWords>, git2::Error> {
    let mut walk = repo.revwalk()?;
    walk.push(tip)?;
    let mut found = Vec::new();
    for id in walk.take(limit) {
        let commit = repo.find_commit(id?)?;
        let message = commit.message_bytes();
        let message = &message[..message.len().min(MESSAGE_MAX)];
        found.push(CommitWords {
            id: to_oid(commit.id()),
            text: String::from_utf8_lossy(message).into_owned(),
        });
    }
    Ok(found)
}

/// What `head` changes since it left the history of `onto`.
pub(super) fn shown(
    repo: &Repository,
    onto: Oid,
    head: Oid,
    max: usize,
) -> Result<Shown, git2::Error> {
    let fork = match repo.merge_base(onto, head) {
        Ok(fork) => fork,
        Err(error) if error.code() == ErrorCode::NotFound => onto,
        Err(error) => return Err(error),
    };
    let tree = |id| repo.find_commit(id).and_then(|commit| commit.tree());
    let (before, after) = (tree(fork)?, tree(head)?);
    let mut options = DiffOptions::new();
    options.include_typechange(true);
    let diff = repo.diff_tree_to_tree(Some(&before), Some(&after), Some(&mut options))?;
    let mut text = Vec::new();
    let printed = diff.print(DiffFormat::Patch, |_, _, line| {
        if matches!(line.origin(), '+' | '-' | ' ') {
            text.push(line.origin() as u8);
        }
        text.extend_from_slice(line.content());
        text.len() <= max
    });
    let cut = text.len() > max;
    if !cut {
        printed?;
    }
    text.truncate(max);
    let mut files = Vec::new();
    for at in 0..diff.deltas().len() {
        let Some(delta) = diff.get_delta(at) else {
            continue;
        };
        let path = delta.new_file().path_bytes();
        let path = path.or(delta.old_file().path_bytes()).unwrap_or_default();
        let mut file = FileLines {
            path: String::from_utf8_lossy(path).into_owned(),
            added: 0,
            removed: 0,
            binary: true,
        };
        if let Some(patch) = Patch::from_diff(&diff, at)?
            && !patch.delta().flags().is_binary()
        {
            let (_, added, removed) = patch.line_stats()?;
            (file.added, file.removed, file.binary) = (added as u64, removed as u64, false);
        }
        files.push(file);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Shown {
        patch: String::from_utf8_lossy(&text).into_owned(),
        cut,
        files,
    })
}
