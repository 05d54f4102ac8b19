//! A merge as objects: the tree that two commits make together, with marks where they do not.
//!
//! No ref moves, nothing is checked out, no merge driver or attribute of the repository takes part.

use std::path::Path;

use git2::{
    FileMode, IndexConflict, IndexEntry, MergeFileInput, MergeFileOptions, ObjectType, Oid,
    Repository, Signature, Time, merge_file,
};

use crate::git::code_repo::diff::to_oid;
use crate::ports::code_repo::Merged;

/// Names of the two sides of a conflict, behind its marks.
const SIDES: [&str; 2] = ["this branch", "its base"];
/// Marks of a conflict, at the beginning of a line, with these names: a file may well hold others.
const MARKS: [&[u8]; 2] = [b"<<<<<<< this branch", b">>>>>>> its base"];
/// Largest file that is searched for marks.
const MAX_SEARCHED: usize = 16 << 20;

/// Merges `theirs` into `ours`. The commit is the same in every clone: its time is the younger of
/// the two, and its author is fleet.
pub(super) fn merged(repo: &Repository, ours: Oid, theirs: Oid) -> Result<Merged, git2::Error> {
    let (our, their) = (repo.find_commit(ours)?, repo.find_commit(theirs)?);
    // Histories without a common commit are not merged, as git itself would not.
    repo.merge_base(ours, theirs)?;
    let mut index = repo.merge_commits(&our, &their, None)?;
    let found = index.conflicts()?.collect::<Result<Vec<_>, _>>()?;
    let mut conflicts = Vec::new();
    for conflict in &found {
        let sides = [&conflict.our, &conflict.their, &conflict.ancestor];
        let Some(path) = sides
            .iter()
            .find_map(|s| s.as_ref().map(|e| e.path.clone()))
        else {
            continue;
        };
        let name = String::from_utf8_lossy(&path).into_owned();
        let entry = resolved(repo, conflict)?;
        for stage in 1..=3 {
            // A side that has no such file has no such stage.
            let _ = index.remove(Path::new(&name), stage);
        }
        if let Some(entry) = entry {
            index.add(&entry)?;
        }
        conflicts.push(name);
    }
    let tree = repo.find_tree(index.write_tree_to(repo)?)?;
    let secs = our.time().seconds().max(their.time().seconds());
    let who = Signature::new("fleet", "fleet@localhost", &Time::new(secs, 0))?;
    let message = format!("Merge {theirs} into {ours}\n");
    let commit = repo.commit(None, &who, &who, &message, &tree, &[&our, &their])?;
    conflicts.sort();
    conflicts.dedup();
    Ok(Merged {
        commit: to_oid(commit),
        conflicts,
    })
}

/// The file that stands in the place of a conflict: both versions between marks, or the one that is
/// left where the other side took the file away.
fn resolved(
    repo: &Repository,
    conflict: &IndexConflict,
) -> Result<Option<IndexEntry>, git2::Error> {
    let (our, their) = match (&conflict.our, &conflict.their) {
        (Some(our), Some(their)) => (our, their),
        (Some(one), None) | (None, Some(one)) => return Ok(Some(plain(one, one.id))),
        (None, None) => return Ok(None),
    };
    let text = |entry: &IndexEntry| {
        let is_file = matches!(entry.mode, 0o100_644 | 0o100_755);
        let blob = if is_file {
            repo.find_blob(entry.id).ok()
        } else {
            None
        };
        blob.filter(|blob| !blob.is_binary())
    };
    let (Some(ours), Some(theirs)) = (text(our), text(their)) else {
        // Links and binary files cannot stand side by side: the branch's own one is kept.
        return Ok(Some(plain(our, our.id)));
    };
    let base = conflict.ancestor.as_ref().and_then(text);
    let mut options = MergeFileOptions::new();
    options.our_label(SIDES[0]).their_label(SIDES[1]);
    let input = |content| {
        let mut input = MergeFileInput::new();
        input
            .content(content)
            .path("file")
            .mode(Some(FileMode::Blob));
        input
    };
    let base = base.as_ref().map_or(&[][..], |blob| blob.content());
    let merged = merge_file(
        &input(base),
        &input(ours.content()),
        &input(theirs.content()),
        Some(&mut options),
    )?;
    let id = repo.blob(merged.content())?;
    Ok(Some(plain(our, id)))
}

/// The entry with another content, and no conflict.
fn plain(entry: &IndexEntry, id: Oid) -> IndexEntry {
    IndexEntry {
        ctime: entry.ctime,
        mtime: entry.mtime,
        dev: 0,
        ino: 0,
        mode: entry.mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        // The stage is in the flags; none is the stage of what is merged.
        flags: 0,
        flags_extended: 0,
        path: entry.path.clone(),
    }
}

/// Those of `paths` that still have a line with a mark.
pub(super) fn unresolved(
    repo: &Repository,
    id: Oid,
    paths: &[String],
) -> Result<Vec<String>, git2::Error> {
    let tree = repo.find_object(id, None)?.peel_to_tree()?;
    let mut found = Vec::new();
    for path in paths {
        let Ok(entry) = tree.get_path(Path::new(path)) else {
            continue;
        };
        if entry.kind() != Some(ObjectType::Blob) {
            continue;
        }
        let blob = repo.find_blob(entry.id())?;
        let content = &blob.content()[..blob.size().min(MAX_SEARCHED)];
        let marked = content
            .split(|byte| *byte == b'\n')
            .any(|line| MARKS.iter().any(|mark| line.starts_with(mark)));
        if marked {
            found.push(path.clone());
        }
    }
    Ok(found)
}
