//! Packs what lies loose. Every record and every attempt leaves some loose objects, and fleet's calls of
//! git do no maintenance of their own (`gc.auto=0`): where nobody else uses git, they would grow for ever.
//!
//! Nothing is deleted but loose objects that are in a pack, and nothing is asked about what is
//! reachable: another process may be about to use an object that nothing points at yet.

use std::fs;
use std::path::Path;

use crate::domain::time::DurationMs;
use crate::git::process::Git;

/// So many loose objects are packed; as in `gc.auto`, they are counted in one folder of 256.
const MANY: usize = 6_700;
/// Most of them in one pack.
const MOST: usize = 50_000;
/// What is not packed in this time stays loose.
const LIMIT: DurationMs = DurationMs::mins(1);

/// Packs the loose objects of the object store of `common` if there are many. What goes wrong leaves
/// them loose, which harms nobody; a later tick tries again.
pub(super) fn pack(git: &Git, common: &Path) {
    let objects = common.join("objects");
    if names(&objects, "17").len() * 256 < MANY {
        return;
    }
    let mut ids = String::new();
    let folders = (0..=u8::MAX).map(|first| format!("{first:02x}"));
    for id in folders.flat_map(|first| names(&objects, &first)).take(MOST) {
        ids.push_str(&id);
        ids.push('\n');
    }
    let base = objects.join("pack").join("loose");
    let call = || git.user().git_dir(common).limit(LIMIT);
    let packed = call()
        .args(["pack-objects", "--quiet", "--non-empty"])
        .arg(base)
        .stdin(ids)
        .run();
    if packed.is_ok_and(|out| out.ok()) {
        // Fails only where they are loose and packed, which is as good.
        let _ = call().args(["prune-packed", "--quiet"]).run();
    }
}

/// Ids of the loose objects that begin so.
fn names(objects: &Path, first: &str) -> Vec<String> {
    let entries = fs::read_dir(objects.join(first));
    let names = entries.into_iter().flatten().flatten();
    names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|rest| rest.len() >= 38 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
        .map(|rest| format!("{first}{rest}"))
        .collect()
}
