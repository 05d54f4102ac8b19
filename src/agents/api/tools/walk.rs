//! A walk over the files of the workspace that ends, whatever lies there: it follows no link, and
//! opens ignore files beneath the workspace only, plain ones, up to a size, and never waiting.

use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustix::fs::{AtFlags, Dir, FileType};

use crate::agents::api::beneath::Beneath;
use crate::ports::runner::Cancel;

/// Most entries that are looked at.
const ENTRIES: usize = 200_000;
/// Longest time of a search.
const SEARCH: Duration = Duration::from_secs(20);
/// Largest file of ignore rules that is read; a larger one rules nothing.
const IGNORE_BYTES: u64 = 256 << 10;
/// Files of ignore rules, the stronger first.
const IGNORE_FILES: [&str; 2] = [".ignore", ".gitignore"];

/// When a search ends at the latest.
#[derive(Clone, Copy)]
pub(super) struct Till<'a> {
    until: Instant,
    cancel: Option<&'a Cancel>,
}

impl<'a> Till<'a> {
    pub(super) fn new(left: Duration, cancel: Option<&'a Cancel>) -> Self {
        Self {
            until: Instant::now() + SEARCH.min(left),
            cancel,
        }
    }

    /// Why it has to end now.
    pub(super) fn over(&self) -> Option<&'static str> {
        if Instant::now() >= self.until {
            return Some("it took too long: only a part was looked at; name a `path`");
        }
        let asked = self.cancel.is_some_and(Cancel::is_asked);
        asked.then_some("stopped on request")
    }
}

/// A walk with an end.
pub(super) struct Walk<'a> {
    files: &'a Beneath,
    till: Till<'a>,
    seen: usize,
    /// Why it ended before it was done.
    pub(super) cut: Option<&'static str>,
}

/// What a folder's ignore files say, each of [`IGNORE_FILES`].
struct Rules {
    folder: PathBuf,
    of: [Option<Gitignore>; 2],
}

/// Something in a folder.
struct Entry {
    path: PathBuf,
    kind: FileType,
}

impl<'a> Walk<'a> {
    pub(super) fn new(files: &'a Beneath, till: Till<'a>) -> Self {
        Self {
            files,
            till,
            seen: 0,
            cut: None,
        }
    }

    /// Shows every plain file at or below `start`, in the order of names, until `each` has enough.
    pub(super) fn files(&mut self, start: &Path, each: &mut dyn FnMut(&Path) -> bool) {
        let about = self.files.open_read(start).and_then(|file| file.metadata());
        let Ok(about) = about else { return };
        if about.is_file() {
            each(start);
            return;
        }
        // Rules of the folders above what is looked at; those above `start` do not hold.
        let mut rules: Vec<Rules> = Vec::new();
        let mut open = vec![Entry {
            path: start.to_owned(),
            kind: FileType::Directory,
        }];
        while let Some(entry) = open.pop() {
            self.seen += 1;
            if self.seen > ENTRIES {
                self.cut = Some("too many files: only a part was looked at; name a `path`");
            } else {
                self.cut = self.till.over();
            }
            if self.cut.is_some() {
                return;
            }
            let folder = entry.kind == FileType::Directory;
            rules.retain(|above| entry.path.starts_with(&above.folder));
            if entry.path != start && ignored(&rules, &entry.path, folder) {
                continue;
            }
            if folder {
                self.enter(&entry.path, &mut open, &mut rules);
            } else if !each(&entry.path) {
                return;
            }
        }
    }

    /// Puts what lies in a folder on top of `open`, the last name first.
    fn enter(&self, folder: &Path, open: &mut Vec<Entry>, rules: &mut Vec<Rules>) {
        let Ok(listed) = self.files.open_read(folder) else {
            return;
        };
        let Ok(dir) = Dir::read_from(&listed) else {
            return;
        };
        let mut found = Vec::new();
        for one in dir.flatten() {
            let name = OsStr::from_bytes(one.file_name().to_bytes());
            if name == "." || name == ".." || name == ".git" {
                continue;
            }
            let kind = match one.file_type() {
                FileType::Unknown => {
                    let about = rustix::fs::statat(&listed, name, AtFlags::SYMLINK_NOFOLLOW);
                    about.map_or(FileType::Unknown, |s| FileType::from_raw_mode(s.st_mode))
                }
                known => known,
            };
            // Links, pipes and devices are nothing to look into, nor to take rules from.
            if matches!(kind, FileType::RegularFile | FileType::Directory) {
                let path = folder.join(name);
                found.push(Entry { path, kind });
            }
            if found.len() > ENTRIES {
                break;
            }
        }
        found.sort_by(|a, b| b.path.cmp(&a.path));
        let of = IGNORE_FILES.map(|name| {
            let path = folder.join(name);
            let plain = |e: &Entry| e.kind == FileType::RegularFile && e.path == path;
            found.iter().any(plain).then(|| self.rules(&path)).flatten()
        });
        if of.iter().any(Option::is_some) {
            let folder = folder.to_owned();
            rules.push(Rules { folder, of });
        }
        open.append(&mut found);
    }

    /// The rules of one file. What is no rule is passed over, as git does.
    fn rules(&self, path: &Path) -> Option<Gitignore> {
        // It may be another file by now than the one that was listed: so it is looked at again.
        let file = self.files.open_read(path).ok()?;
        let about = file.metadata().ok()?;
        if !about.is_file() || about.len() > IGNORE_BYTES {
            return None;
        }
        let mut bytes = Vec::new();
        file.take(IGNORE_BYTES).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let mut builder = GitignoreBuilder::new("/");
        for line in text.trim_start_matches('\u{feff}').lines() {
            let _ = builder.add_line(None, line);
        }
        builder.build().ok().filter(|rules| !rules.is_empty())
    }
}

/// Whether the rules leave a path out. Of each kind of file the nearest that says something counts;
/// `.ignore` counts before `.gitignore`.
fn ignored(rules: &[Rules], path: &Path, folder: bool) -> bool {
    for at in 0..IGNORE_FILES.len() {
        for above in rules.iter().rev() {
            let (Some(of), Ok(below)) = (&above.of[at], path.strip_prefix(&above.folder)) else {
                continue;
            };
            match of.matched(below, folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => {}
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn put(top: &Path, path: &str, text: &str) {
        let path = top.join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn seen(top: &Path, start: &str) -> Vec<String> {
        let files = Beneath::open(top).expect("a workspace");
        let mut walk = Walk::new(&files, Till::new(Duration::from_secs(60), None));
        let mut found = Vec::new();
        walk.files(Path::new(start), &mut |path| {
            found.push(path.display().to_string());
            true
        });
        assert_eq!(walk.cut, None);
        found
    }

    #[test]
    fn nested_and_negated_rules_hold_and_what_is_above_the_start_does_not() {
        let top = tempfile::tempdir().expect("a folder");
        let t = top.path();
        put(t, ".gitignore", "*.log\n/target/\n!keep.log\n# word\n");
        put(t, "a.log", "");
        put(t, "keep.log", "");
        put(t, "target/x", "");
        put(t, "src/target/y", "");
        put(t, "src/.gitignore", "!b.log\n/gen\n");
        put(t, "src/b.log", "");
        put(t, "src/deep/b.log", "");
        put(t, "src/deep/c.log", "");
        put(t, "src/gen/z", "");
        put(t, "src/deep/gen/z", "");
        put(t, "src/.ignore", "!c.log\nlast\n");
        put(t, "src/last", "");
        put(t, ".git/config", "");
        let all = [
            ".gitignore",
            "keep.log",
            "src/.gitignore",
            "src/.ignore",
            "src/b.log",
            "src/deep/b.log",
            "src/deep/c.log",
            "src/deep/gen/z",
            "src/target/y",
        ];
        assert_eq!(seen(t, ""), all);
        assert_eq!(seen(t, "target"), ["target/x"]);
        assert_eq!(seen(t, "a.log"), ["a.log"]);
    }

    #[test]
    fn an_ignore_file_that_is_a_pipe_a_link_or_huge_is_passed_over() {
        let top = tempfile::tempdir().expect("a folder");
        let t = top.path();
        put(t, "a/x", "");
        put(t, "b/x", "");
        put(t, "c/x", "");
        put(t, "d/x", "");
        let pipe = t.join("a/.gitignore");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.is_ok_and(|status| status.success()));
        symlink("/dev/zero", t.join("b/.gitignore")).expect("a link");
        put(t, "c/.ignore", &format!("x\n{}", " \n".repeat(200_000)));
        put(t, "d/rules", "x\n");
        symlink("rules", t.join("d/.gitignore")).expect("a link");
        let all = ["a/x", "b/x", "c/.ignore", "c/x", "d/rules", "d/x"];
        assert_eq!(seen(t, ""), all);
    }

    #[test]
    fn a_walk_ends_with_its_time_and_on_request() {
        let top = tempfile::tempdir().expect("a folder");
        put(top.path(), "x", "");
        let files = Beneath::open(top.path()).expect("a workspace");
        let mut walk = Walk::new(&files, Till::new(Duration::ZERO, None));
        walk.files(Path::new(""), &mut |_| true);
        assert!(walk.cut.is_some_and(|cut| cut.contains("too long")));
        let cancel = Cancel::default();
        cancel.ask();
        let till = Till::new(Duration::from_secs(60), Some(&cancel));
        let mut walk = Walk::new(&files, till);
        walk.files(Path::new(""), &mut |_| true);
        assert_eq!(walk.cut, Some("stopped on request"));
    }
}
