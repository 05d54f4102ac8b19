//! What a killed process left half done under fleet's lock: git's lock files on refs, and moves of
//! several refs of which only some happened. Both are announced in the lock file before they are
//! made, so whoever holds the lock next can finish them.
//!
//! Git moves local refs one after the other. A publish that moves a branch and the state must be
//! all or nothing all the same, so the announcement is the intent: unless somebody else moved one of
//! its refs, all of them move. That is so if none has moved yet, too: a work tree that has the state
//! checked out is brought up to date first, and must not stay ahead of its branch.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use git2::{Oid, Repository};

use super::remote::Move;

/// How much later than its announcement a lock file of git may be made and still be ours.
const ANNOUNCED: Duration = Duration::from_secs(10);

/// Writes down which refs are about to move. Several are flushed, because then the intent must
/// outlive a power cut too.
pub(super) fn announce(file: &mut File, moves: &[Move]) -> std::io::Result<()> {
    let mut text = String::new();
    for step in moves {
        let expected = step.expected.unwrap_or(Oid::ZERO_SHA1);
        text.push_str(&format!("{} {expected} {}\n", step.name, step.new));
    }
    file.write_all(text.as_bytes())?;
    if moves.len() > 1 {
        file.sync_data()?;
    }
    Ok(())
}

/// Finishes what the last holder of `file` announced and did not end. What cannot be finished stays
/// as it is, and the next move of those refs says why.
pub(super) fn finish(file: &mut File, common: &Path) {
    let mut said = String::new();
    let read = file.read_to_string(&mut said);
    let (Ok(_), Ok(at)) = (read, file.metadata().and_then(|about| about.modified())) else {
        return;
    };
    // The first line names the holder. A last line that is not whole was never acted on.
    let whole = said.rfind('\n').map_or("", |end| &said[..end]);
    let moves: Vec<Move> = whole.lines().skip(1).filter_map(parse).collect();
    for step in &moves {
        remove_lock(common, &step.name, at);
    }
    if moves.is_empty() {
        return;
    }
    // Refused moves leave the refs as they are, which is what there is to say about them.
    let _ = roll_forward(common, &moves);
}

fn parse(line: &str) -> Option<Move> {
    let mut words = line.split(' ');
    let (name, expected, new) = (words.next()?, words.next()?, words.next()?);
    let plain = name.starts_with("refs/") && git2::Reference::is_valid_name(name);
    let expected = Oid::from_str(expected).ok()?;
    let new = Oid::from_str(new).ok()?;
    (plain && words.next().is_none()).then(|| Move {
        name: name.to_owned(),
        expected: (!expected.is_zero()).then_some(expected),
        new,
    })
}

/// Removes git's lock file on a ref, if it was made just after the announcement. An older or much
/// younger one belongs to a git process, not to fleet.
fn remove_lock(common: &Path, name: &str, at: SystemTime) {
    let lock = common.join(format!("{name}.lock"));
    let made = fs::symlink_metadata(&lock).and_then(|about| about.modified());
    if made.is_ok_and(|made| {
        made.duration_since(at)
            .is_ok_and(|after| after <= ANNOUNCED)
    }) {
        // If it stays, moving the ref says so.
        let _ = fs::remove_file(&lock);
    }
}

/// Removes lock files that are a second name of the ref itself. libgit2 moves a lock file in place by a
/// link and a removal, and does not look whether the removal failed. No process holds such a lock: one
/// that is held is a file of its own.
pub(super) fn remove_second_names(common: &Path, moves: &[Move]) -> std::io::Result<()> {
    let file = |path: &Path| {
        let about = fs::symlink_metadata(path).ok()?;
        Some((about.dev(), about.ino()))
    };
    for step in moves {
        let lock = common.join(format!("{}.lock", step.name));
        let there = file(&lock);
        if there.is_some() && there == file(&common.join(&step.name)) {
            fs::remove_file(&lock)?;
        }
    }
    Ok(())
}

fn roll_forward(common: &Path, moves: &[Move]) -> Result<(), git2::Error> {
    let repo = Repository::open(common)?;
    let at = |step: &Move| match repo.find_reference(&step.name) {
        Ok(reference) => Ok(reference.target()),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let now: Vec<Option<Oid>> = moves.iter().map(at).collect::<Result<_, _>>()?;
    let moved = |(step, now): (&Move, &Option<Oid>)| *now == Some(step.new);
    let open = |(step, now): (&Move, &Option<Oid>)| *now == step.expected;
    let mut pairs = moves.iter().zip(&now);
    if !pairs.all(|pair| moved(pair) || open(pair)) {
        return Ok(());
    }
    for (step, now) in moves.iter().zip(&now) {
        if *now != Some(step.new) {
            let was = step.expected.unwrap_or(Oid::ZERO_SHA1);
            repo.reference_matching(&step.name, step.new, true, was, "fleet: finish a publish")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i9_a_lock_file_that_is_the_ref_itself_goes_and_one_that_somebody_holds_stays() {
        let dir = tempfile::tempdir().unwrap();
        let heads = dir.path().join("refs/heads");
        fs::create_dir_all(&heads).unwrap();
        let moves = ["left", "held", "none"].map(|name| {
            fs::write(heads.join(name), "a commit").unwrap();
            Move {
                name: format!("refs/heads/{name}"),
                expected: None,
                new: Oid::ZERO_SHA1,
            }
        });
        fs::hard_link(heads.join("left"), heads.join("left.lock")).unwrap();
        fs::write(heads.join("held.lock"), "a commit").unwrap();
        remove_second_names(dir.path(), &moves).unwrap();
        assert!(!heads.join("left.lock").exists());
        assert!(heads.join("held.lock").exists());
    }
}
