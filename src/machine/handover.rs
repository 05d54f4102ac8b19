//! The hand-over directory as files.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::ports::handover::{Handover, HandoverError, Hold};

/// Largest document that is read.
const MAX_BYTES: u64 = 16 << 20;
/// Name of the artifact of a run job, before its session.
const RESULT_OF: &str = "fleet-result-";

/// A hand-over directory.
#[derive(Debug, Clone)]
pub struct HandoverDir {
    root: PathBuf,
    results: Option<PathBuf>,
}

impl HandoverDir {
    /// The directory `root`; it is made when something is put there.
    #[must_use]
    pub const fn new(root: PathBuf) -> Self {
        Self {
            root,
            results: None,
        }
    }

    /// Reads what sessions left from `results`, and from there only: a folder into which the artifacts
    /// of run jobs were unpacked, each into a folder of its name. What `fleet-result-<session>` holds
    /// counts for that session only, so no job can put its own work in the place of another's, or
    /// claims in the place of the claims. Sessions' folders in the directory itself are not looked at.
    #[must_use]
    pub fn with_results(self, results: Option<PathBuf>) -> Self {
        Self { results, ..self }
    }

    /// Where a document is that can be read: a session's among the results, if there are any.
    fn found(&self, name: &str) -> Result<PathBuf, HandoverError> {
        let here = self.resolve("read", name)?;
        Ok(match (&self.results, name.split_once('/')) {
            (Some(results), Some((session, rest))) => {
                results.join(format!("{RESULT_OF}{session}")).join(rest)
            }
            (None, _) | (_, None) => here,
        })
    }

    fn resolve(&self, what: &'static str, name: &str) -> Result<PathBuf, HandoverError> {
        let plain = name.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with('.')
                && part
                    .bytes()
                    .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
        });
        let path = self.root.join(name);
        if plain {
            Ok(path)
        } else {
            Err(error(what, &path, "not a name of a hand-over document"))
        }
    }
}

/// The lock beside a session's folder; not in it, since the folder travels.
fn held_by(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".running");
    name.into()
}

fn error(what: &'static str, on: &Path, cause: impl ToString) -> HandoverError {
    HandoverError {
        what,
        on: on.display().to_string(),
        cause: cause.to_string(),
    }
}

impl Handover for HandoverDir {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), HandoverError> {
        let path = self.resolve("write", name)?;
        let dir = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(dir).map_err(|cause| error("make", dir, cause))?;
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(dir)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            File::open(dir)?.sync_all()
        };
        write().map_err(|cause| error("write", &path, cause))
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, HandoverError> {
        let path = self.found(name)?;
        // A link is not followed, and a pipe does not make it wait.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::open(&path, OFlags::RDONLY | flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(cause) => return Err(error("read", &path, cause)),
        };
        let meta = file
            .metadata()
            .map_err(|cause| error("read", &path, cause))?;
        if !meta.is_file() || meta.len() > MAX_BYTES {
            return Err(error("read", &path, "not a regular file of at most 16 MiB"));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES)
            .read_to_end(&mut bytes)
            .map_err(|cause| error("read", &path, cause))?;
        Ok(Some(bytes))
    }

    fn path(&self, name: &str) -> Result<PathBuf, HandoverError> {
        let path = self.resolve("write", name)?;
        let found = self.found(name)?;
        if found != path {
            return Ok(found);
        }
        let dir = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(dir).map_err(|cause| error("make", dir, cause))?;
        Ok(path)
    }

    fn folders(&self) -> Result<Vec<String>, HandoverError> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(error("read", &self.root, cause)),
        };
        let mut names: Vec<String> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir()))
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        Ok(names)
    }

    fn remove(&self, folder: &str) {
        if let Ok(path) = self.resolve("remove", folder) {
            // What cannot be removed now is only old files in a directory of fleet's own.
            let _ = fs::remove_dir_all(&path);
            let _ = fs::remove_file(held_by(&path));
        }
    }

    fn hold(&self, folder: &str) -> Result<Option<Hold>, HandoverError> {
        let path = held_by(&self.resolve("take", folder)?);
        fs::create_dir_all(&self.root).map_err(|cause| error("make", &self.root, cause))?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|cause| error("take", &path, cause))?;
        // A lock of the system: it dies with its process, whatever that dies of.
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Hold::new(file))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(cause) => Err(error("take", &path, cause)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Handover as _, HandoverDir};

    #[test]
    fn a_document_comes_back_as_it_was_put_and_names_cannot_leave_the_directory() {
        let temp = tempfile::tempdir().unwrap();
        let dir = HandoverDir::new(temp.path().join("hand"));
        assert_eq!(dir.get("claims.json").unwrap(), None);
        dir.put("s-1/result.json", b"{}").unwrap();
        assert_eq!(
            dir.get("s-1/result.json").unwrap().as_deref(),
            Some(&b"{}"[..])
        );
        assert_eq!(dir.folders().unwrap(), ["s-1"]);
        for bad in ["../x", "/etc/passwd", "a//b", ".git/config", "a/../b", "A"] {
            assert!(dir.put(bad, b"").is_err(), "{bad}");
        }
        dir.remove("s-1");
        assert_eq!(dir.folders().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn threat_artifacts_results_are_taken_from_that_of_their_own_session_and_claims_from_none() {
        let temp = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = temp.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        // The job of s-1 sends a result for s-2 and claims along with its own; s-2 sends none.
        put("results/fleet-result-s-1/result.json", "one");
        put("results/fleet-result-s-1/s-2/result.json", "forged");
        put("results/fleet-result-s-1/claims.json", "forged");
        put("results/claims.json", "forged");
        put("hand/claims.json", "claims");
        let hand = HandoverDir::new(temp.path().join("hand"));
        let dir = hand.with_results(Some(temp.path().join("results")));
        let text = |name: &str| {
            dir.get(name)
                .unwrap()
                .map(|b| String::from_utf8(b).unwrap())
        };
        assert_eq!(text("s-1/result.json").as_deref(), Some("one"));
        assert_eq!(text("s-2/result.json"), None);
        assert_eq!(text("claims.json").as_deref(), Some("claims"));
        // The directory itself may come from where a job could write.
        put("hand/s-1/result.json", "forged");
        put("hand/s-2/result.json", "forged");
        assert_eq!(text("s-1/result.json").as_deref(), Some("one"));
        assert_eq!(text("s-2/result.json"), None);
        put("results/fleet-result-s-3/work.bundle", "three");
        let bundle = dir.path("s-3/work.bundle").unwrap();
        assert_eq!(std::fs::read(bundle).unwrap(), b"three");
        let none = dir.path("s-2/work.bundle").unwrap();
        assert!(none.starts_with(temp.path().join("results")), "{none:?}");
        assert!(!none.exists());
    }

    #[test]
    fn a_symlink_in_the_directory_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", temp.path().join("claims.json")).unwrap();
        assert!(
            HandoverDir::new(temp.path().to_owned())
                .get("claims.json")
                .is_err()
        );
    }
}
