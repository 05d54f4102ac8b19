//! Differences between trees, by libgit2: no external diff, no text conversion, no attributes.

use git2::{Delta, DiffOptions, Patch, Repository, Tree};

use crate::domain::ids::Oid;
use crate::ports::workspaces::PathChange;

/// libgit2's id as ours.
pub(in crate::git) fn to_oid(id: git2::Oid) -> Oid {
    id.to_string()
        .parse()
        .expect("libgit2 prints ids as 40 or 64 lower-case hexadecimal digits")
}

/// Our id as libgit2's.
pub(in crate::git) fn from_oid(id: &Oid) -> Result<git2::Oid, git2::Error> {
    git2::Oid::from_str(id.as_str())
}

fn options() -> DiffOptions {
    let mut options = DiffOptions::new();
    // A file that became a link is a change of one path, not two.
    options
        .include_typechange(true)
        .ignore_submodules(false)
        .context_lines(0)
        .skip_binary_check(true);
    options
}

/// Mode of one side; 0 if it is not there.
fn mode(file: &git2::DiffFile<'_>) -> u32 {
    if file.exists() {
        u32::from(file.mode())
    } else {
        0
    }
}

/// Paths that differ, sorted, without rename detection; equal folders are not opened.
pub(in crate::git) fn changes(
    repo: &Repository,
    old: Option<&Tree<'_>>,
    new: &Tree<'_>,
) -> Result<Vec<PathChange>, git2::Error> {
    let diff = repo.diff_tree_to_tree(old, Some(new), Some(&mut options()))?;
    let odb = repo.odb()?;
    let mut changes = Vec::with_capacity(diff.deltas().len());
    for delta in diff.deltas() {
        let (before, after) = (delta.old_file(), delta.new_file());
        let path = after
            .path_bytes()
            .or(before.path_bytes())
            .unwrap_or_default();
        let new_mode = mode(&after);
        // A submodule's commit is in another repository.
        let bytes = match new_mode {
            0 | 0o160_000 => 0,
            _ => odb.read_header(after.id())?.0 as u64,
        };
        changes.push(PathChange {
            path: String::from_utf8_lossy(path).into_owned(),
            old_mode: mode(&before),
            new_mode,
            bytes,
        });
    }
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(changes)
}

/// What `new` adds: names of new paths, added lines of text files, whole binary files; each ends
/// with a line end. Cut at `max` bytes.
pub(super) fn added_text(
    repo: &Repository,
    old: &Tree<'_>,
    new: &Tree<'_>,
    max: usize,
) -> Result<Vec<u8>, git2::Error> {
    let mut options = options();
    options.skip_binary_check(false);
    let diff = repo.diff_tree_to_tree(Some(old), Some(new), Some(&mut options))?;
    let mut text = Vec::new();
    for at in 0..diff.deltas().len() {
        if text.len() >= max {
            break;
        }
        let Some(delta) = diff.get_delta(at) else {
            continue;
        };
        let after = delta.new_file();
        if delta.status() == Delta::Added
            && let Some(path) = after.path_bytes()
        {
            text.extend_from_slice(path);
            text.push(b'\n');
        }
        if !after.exists() || mode(&after) == 0o160_000 {
            continue;
        }
        match Patch::from_diff(&diff, at)? {
            Some(patch) if !patch.delta().flags().is_binary() => add_lines(&patch, max, &mut text)?,
            _ => {
                let blob = repo.find_blob(after.id())?;
                let room = max.saturating_sub(text.len()).min(blob.size());
                text.extend_from_slice(&blob.content()[..room]);
                text.push(b'\n');
            }
        }
    }
    text.truncate(max);
    Ok(text)
}

fn add_lines(patch: &Patch<'_>, max: usize, text: &mut Vec<u8>) -> Result<(), git2::Error> {
    for hunk in 0..patch.num_hunks() {
        for line in 0..patch.num_lines_in_hunk(hunk)? {
            let line = patch.line_in_hunk(hunk, line)?;
            if line.origin() == '+' {
                text.extend_from_slice(line.content());
                if !text.ends_with(b"\n") {
                    text.push(b'\n');
                }
            }
            if text.len() >= max {
                return Ok(());
            }
        }
    }
    Ok(())
}
