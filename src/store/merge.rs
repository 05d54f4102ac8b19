//! Merge of two logs: a union of files, and of lines where both sides have one file.

use std::collections::{BTreeMap, BTreeSet};

use crate::ports::state_repo::{StateTree, StateView};
use crate::store::error::StoreError;
use crate::store::log::differing;

/// Segments of `local` that `base` lacks or has in another form: path → merged bytes, and only
/// those whose merge differs from what `base` has.
pub(crate) fn carry_over(
    base: &dyn StateTree,
    local: &dyn StateTree,
) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
    let mut carried = BTreeMap::new();
    // Problems were reported when the view was loaded.
    for (segment, _) in differing(base, local, &mut Vec::new())? {
        let Some(ours) = local.read(&segment.path)? else {
            continue;
        };
        let theirs = base.read(&segment.path)?;
        let merged = match &theirs {
            Some(theirs) => union(theirs, &ours),
            None => ours,
        };
        if theirs.as_ref() != Some(&merged) {
            carried.insert(segment.path, merged);
        }
    }
    Ok(carried)
}

/// Lines of local records that the published tree lacks: what `fleet sync` would publish.
///
/// # Errors
/// The storage cannot be read.
pub fn unpublished(view: &StateView) -> Result<Vec<String>, StoreError> {
    let Some(local) = &view.unpublished else {
        return Ok(Vec::new());
    };
    let mut lines = Vec::new();
    for (path, merged) in carry_over(&*view.tree, &**local)? {
        let there = view.tree.read(&path)?.unwrap_or_default();
        let known: BTreeSet<&[u8]> = there.split(|c| *c == b'\n').collect();
        let new = merged
            .split(|c| *c == b'\n')
            .filter(|line| !known.contains(line));
        lines.extend(
            new.filter(|line| !line.is_empty())
                .map(|line| String::from_utf8_lossy(line).into_owned()),
        );
    }
    Ok(lines)
}

/// Union of two versions of one segment: the longer if one begins with the other; else the lines
/// of `a`, then those of `b` that `a` lacks. Bytes of lines never change.
pub(crate) fn union(a: &[u8], b: &[u8]) -> Vec<u8> {
    if a.starts_with(b) {
        return a.to_vec();
    }
    if b.starts_with(a) {
        return b.to_vec();
    }
    let lines = |bytes: &'_ [u8]| -> Vec<Vec<u8>> {
        let mut lines: Vec<_> = bytes.split(|c| *c == b'\n').map(<[u8]>::to_vec).collect();
        if lines.last().is_some_and(Vec::is_empty) {
            lines.pop();
        }
        lines
    };
    let mut merged = lines(a);
    let known: BTreeSet<_> = merged.iter().cloned().collect();
    merged.extend(lines(b).into_iter().filter(|line| !known.contains(line)));
    let mut out = merged.join(&b'\n');
    out.push(b'\n');
    out
}
