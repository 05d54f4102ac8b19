//! Files that a person names: read with limits, replaced atomically.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::ports::files::{Files, FilesError, Found, NamedFile, Whereabouts};

/// Most that is read in all, in bytes.
const MAX_BYTES: u64 = 512 << 20;
/// Most files of a folder.
const MAX_FILES: usize = 100_000;
/// Deepest folder in a folder.
const MAX_DEPTH: usize = 8;
/// Files in a folder that hold all of its issues.
const WHOLE: &[&str] = &["issues.jsonl", ".beads/issues.jsonl", "beads.jsonl"];

/// The files of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalFiles;

fn failed(verb: &str, path: &Path, cause: impl std::fmt::Display) -> FilesError {
    FilesError {
        what: format!("failed to {verb} {}: {cause}", path.display()),
        hint: String::new(),
    }
}

impl Files for LocalFiles {
    fn read(&self, path: &Path) -> Result<Found, FilesError> {
        if path.as_os_str() == "-" {
            let bytes = limited(std::io::stdin().lock(), MAX_BYTES);
            return one(
                "stdin",
                bytes.map_err(|e| failed("read", Path::new("stdin"), e))?,
            );
        }
        let name = path.to_string_lossy();
        // A pipe is fine here: whoever names one waits for its writer.
        let about = fs::metadata(path).map_err(|e| failed("read", path, e))?;
        if !about.is_dir() {
            let file = File::open(path).map_err(|e| failed("read", path, e))?;
            let bytes = limited(file, MAX_BYTES).map_err(|e| failed("read", path, e))?;
            return one(&name, bytes);
        }
        for inner in WHOLE {
            let inner = path.join(inner);
            if let Ok(bytes) = regular(&inner, MAX_BYTES) {
                return one(&inner.to_string_lossy(), bytes);
            }
        }
        let mut walk = Walk {
            found: Found {
                folder: true,
                ..Found::default()
            },
            left: MAX_BYTES,
        };
        walk.folder(path, Path::new(""), 0)?;
        if walk.found.files.is_empty() {
            let mut error = failed(
                "read",
                path,
                "the folder has no .md files and no issues.jsonl",
            );
            "name the file itself".clone_into(&mut error.hint);
            return Err(error);
        }
        Ok(walk.found)
    }

    fn whereabouts(&self, path: &Path) -> Whereabouts {
        if path.as_os_str() == "-" {
            return Whereabouts::Pipe;
        }
        let whole = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let absolute = whole.to_string_lossy().into_owned();
        // A linked work tree has a file of that name, others a folder.
        let top = whole.ancestors().find(|dir| dir.join(".git").exists());
        match top.and_then(|top| Some((top, whole.strip_prefix(top).ok()?))) {
            Some((top, below)) => Whereabouts::InTree {
                top: top.to_path_buf(),
                path: below.to_string_lossy().into_owned(),
                absolute,
            },
            None => Whereabouts::Outside(absolute),
        }
    }

    fn present(&self, path: &Path) -> Result<Option<Vec<u8>>, FilesError> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("look at", path, error)),
            Ok(about) if !about.is_file() => Err(failed(
                "replace",
                path,
                "it is a link, folder or device, and no regular file",
            )),
            Ok(_) => regular(path, MAX_BYTES)
                .map(Some)
                .map_err(|cause| failed("read", path, cause)),
        }
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), FilesError> {
        let wrong = |e: std::io::Error| failed("write", path, e);
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mode = fs::symlink_metadata(path)
            .ok()
            .map(|about| about.permissions());
        let mut file = tempfile::Builder::new()
            .prefix(".fleet-export-")
            .tempfile_in(folder)
            .map_err(wrong)?;
        file.write_all(bytes).map_err(wrong)?;
        let mode = mode.unwrap_or_else(ordinary);
        file.as_file().set_permissions(mode).map_err(wrong)?;
        file.as_file().sync_all().map_err(wrong)?;
        file.persist(path).map_err(|e| wrong(e.error))?;
        Ok(())
    }
}

/// What a new file may be used for: temporary ones are for nobody else.
fn ordinary() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}

fn one(name: &str, bytes: Vec<u8>) -> Result<Found, FilesError> {
    Ok(Found {
        files: vec![NamedFile {
            name: name.to_owned(),
            bytes,
        }],
        ..Found::default()
    })
}

fn limited(from: impl std::io::Read, max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        let cause = format!("larger than {} MiB", max >> 20);
        return Err(std::io::Error::other(cause));
    }
    Ok(bytes)
}

/// Reads a regular file without following a link or waiting at a pipe.
fn regular(path: &Path, max: u64) -> Result<Vec<u8>, String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| e.to_string())?;
    let file = File::from(file);
    let about = file.metadata().map_err(|e| e.to_string())?;
    if !about.is_file() {
        return Err("no regular file".to_owned());
    }
    limited(file, max).map_err(|e| e.to_string())
}

/// A walk through a folder.
struct Walk {
    found: Found,
    left: u64,
}

impl Walk {
    fn folder(&mut self, root: &Path, inside: &Path, depth: usize) -> Result<(), FilesError> {
        let here = root.join(inside);
        let listed = fs::read_dir(&here).map_err(|e| failed("read", &here, e))?;
        let mut entries = Vec::new();
        for entry in listed {
            let entry = entry.map_err(|e| failed("read", &here, e))?;
            let kind = entry.file_type().map_err(|e| failed("read", &here, e))?;
            entries.push((entry.file_name(), kind));
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, kind) in entries {
            let path = inside.join(&name);
            let is_text = path.extension().is_some_and(|ext| ext == "md");
            if kind.is_dir() {
                let hidden = name.to_string_lossy().starts_with('.');
                if depth < MAX_DEPTH && !hidden {
                    self.folder(root, &path, depth + 1)?;
                }
            } else if kind.is_symlink() {
                self.leave_out(&path, "a link: links are not followed");
            } else if is_text {
                self.file(root, &path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, root: &Path, path: &PathBuf) -> Result<(), FilesError> {
        if self.found.files.len() >= MAX_FILES {
            let cause = format!("it has more than {MAX_FILES} files");
            return Err(failed("read", root, cause));
        }
        match regular(&root.join(path), self.left) {
            Ok(bytes) => {
                self.left -= bytes.len() as u64;
                self.found.files.push(NamedFile {
                    name: path.to_string_lossy().into_owned(),
                    bytes,
                });
            }
            Err(cause) if cause.starts_with("larger") => {
                let cause = format!("its files are larger than {} MiB in all", MAX_BYTES >> 20);
                return Err(failed("read", root, cause));
            }
            Err(cause) => self.leave_out(path, &cause),
        }
        Ok(())
    }

    fn leave_out(&mut self, path: &Path, why: &str) {
        let name = path.to_string_lossy().into_owned();
        self.found.left_out.push((name, why.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_texts_and_no_link_or_pipe_is_opened() {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("tasks")).expect("a folder can be made");
        fs::write(at("tasks/b.md"), "b").expect("a file can be written");
        fs::write(at("tasks/a.md"), "a").expect("a file can be written");
        fs::write(at("notes.txt"), "no").expect("a file can be written");
        fs::write(at("secret"), "no").expect("a file can be written");
        std::os::unix::fs::symlink(at("secret"), at("link.md")).expect("a link can be made");
        std::os::unix::fs::symlink("/", at("root")).expect("a link can be made");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("pipe.md"),
            rustix::fs::FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .expect("a pipe can be made");
        let found = LocalFiles.read(dir.path()).expect("it reads");
        assert!(found.folder);
        let names: Vec<_> = found.files.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["tasks/a.md", "tasks/b.md"]);
        let out: Vec<_> = found
            .left_out
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(out, ["link.md", "pipe.md", "root"]);
    }

    #[test]
    fn a_file_is_replaced_whole_and_a_link_is_not_written_through() {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let path = dir.path().join("out.jsonl");
        LocalFiles.replace(&path, b"one").expect("it writes");
        LocalFiles.replace(&path, b"two").expect("it writes");
        assert_eq!(LocalFiles.present(&path), Ok(Some(b"two".to_vec())));
        let left = fs::read_dir(dir.path()).expect("it lists").count();
        assert_eq!(left, 1, "no temporary file is left");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("a link can be made");
        assert!(LocalFiles.present(&link).is_err());
        assert_eq!(LocalFiles.present(&dir.path().join("none")), Ok(None));
    }
}
