//! Files of the workspace, and no other: every path is resolved beneath one opened folder, so that
//! neither `..` nor a link that the model (or a program it started) made leads out (I10).
//!
//! Reading follows links that stay inside. Writing follows none, never enters `.git`, and replaces
//! a file by a new one, so that a hard link to somebody's file is cut and not written through.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

/// Name under which new bytes are written before they take a file's place.
const FRESH: &str = ".fleet-fresh";

/// The workspace, opened once.
pub(crate) struct Beneath {
    root: OwnedFd,
    path: PathBuf,
    real: PathBuf,
}

impl Beneath {
    /// Opens the folder.
    ///
    /// # Errors
    /// A sentence that names it.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let failed = |e: io::Error| format!("cannot open the workspace {}: {e}", path.display());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| failed(e.into()))?;
        Ok(Self {
            root,
            path: path.to_owned(),
            real: std::fs::canonicalize(path).map_err(failed)?,
        })
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path as one below the workspace, cleaned; an absolute path into it is understood. Empty
    /// for the workspace itself.
    ///
    /// # Errors
    /// A sentence for the model.
    pub(crate) fn relative(&self, said: &str) -> Result<PathBuf, String> {
        let outside =
            || format!("`{said}` is outside of the working directory, which is all you can reach");
        let said_path = Path::new(said.trim());
        let inner = if said_path.is_absolute() {
            said_path
                .strip_prefix(&self.path)
                .or_else(|_| said_path.strip_prefix(&self.real))
                .map_err(|_| outside())?
        } else {
            said_path
        };
        let mut clean = PathBuf::new();
        for part in inner.components() {
            match part {
                Component::Normal(name) => clean.push(name),
                Component::CurDir => {}
                Component::ParentDir => {
                    if !clean.pop() {
                        return Err(outside());
                    }
                }
                Component::RootDir | Component::Prefix(_) => return Err(outside()),
            }
        }
        if clean.as_os_str().as_encoded_bytes().contains(&0) {
            return Err("a path holds no NUL character".to_owned());
        }
        Ok(clean)
    }

    /// Opens a file or folder for reading. Never blocks on a pipe.
    ///
    /// # Errors
    /// As the system says; `EXDEV` and `ELOOP` where a link leads out.
    pub(crate) fn open_read(&self, relative: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let name = if relative.as_os_str().is_empty() {
            Path::new(".")
        } else {
            relative
        };
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::ResolveFlags;
            let within = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
            match rustix::fs::openat2(&self.root, name, flags, Mode::empty(), within) {
                // A kernel or a filter without the call: the careful way below.
                Err(Errno::NOSYS | Errno::PERM) => {}
                done => return Ok(done?.into()),
            }
        }
        let (dir, file) = self.parent(name, false)?;
        let flags = flags | OFlags::NOFOLLOW;
        Ok(rustix::fs::openat(&dir, file, flags, Mode::empty())?.into())
    }

    /// Puts a file in place of what is there, in one step; folders on the way are made. What is
    /// executable stays so.
    ///
    /// # Errors
    /// A sentence for the model.
    pub(crate) fn replace(&self, relative: &Path, bytes: &[u8]) -> Result<(), String> {
        let shown = relative.display();
        if relative.as_os_str().is_empty() {
            return Err("the path names the working directory, not a file in it".to_owned());
        }
        let is_git = |part: &OsStr| part.eq_ignore_ascii_case(".git");
        if relative.iter().any(is_git) {
            return Err(format!(
                "`{shown}` lies in .git, which is not yours to write: what lies in the working \
                 directory at the end is committed for you"
            ));
        }
        self.put(relative, bytes).map_err(|e| match e.raw_os_error().map(Errno::from_raw_os_error)
        {
            Some(Errno::LOOP | Errno::NOTDIR) => format!(
                "`{shown}`: a part of this path is a symbolic link or a file; files are written only \
                 through plain folders"
            ),
            Some(Errno::ISDIR) => format!("`{shown}` is a folder"),
            _ => format!("cannot write `{shown}`: {e}"),
        })
    }

    fn put(&self, relative: &Path, bytes: &[u8]) -> io::Result<()> {
        let (dir, name) = self.parent(relative, true)?;
        let mode = match rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Mode::from_raw_mode(stat.st_mode),
                FileType::Directory => return Err(Errno::ISDIR.into()),
                _ => return Err(Errno::LOOP.into()),
            },
            Err(Errno::NOENT) => Mode::from_raw_mode(0o644),
            Err(e) => return Err(e.into()),
        };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        // One left by a run that was killed in between is nobody's.
        let _ = rustix::fs::unlinkat(&dir, FRESH, AtFlags::empty());
        let fresh = rustix::fs::openat(&dir, FRESH, flags, Mode::from_raw_mode(0o600))?;
        let mut file = File::from(fresh);
        let written = file
            .write_all(bytes)
            .and_then(|()| Ok(rustix::fs::fchmod(file.as_fd(), mode)?))
            .and_then(|()| Ok(rustix::fs::renameat(&dir, FRESH, &dir, name)?));
        if written.is_err() {
            let _ = rustix::fs::unlinkat(&dir, FRESH, AtFlags::empty());
        }
        written
    }

    /// The opened folder that holds the last part, reached without following a link.
    fn parent<'p>(&self, relative: &'p Path, make: bool) -> io::Result<(OwnedFd, &'p OsStr)> {
        let name = relative.file_name().unwrap_or(OsStr::new("."));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut dir = self.root.try_clone()?;
        for part in relative.parent().into_iter().flat_map(Path::iter) {
            if make
                && let Err(e) = rustix::fs::mkdirat(&dir, part, Mode::from_raw_mode(0o755))
                && e != Errno::EXIST
            {
                return Err(e.into());
            }
            dir = rustix::fs::openat(&dir, part, flags, Mode::empty())?;
        }
        Ok((dir, name))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn ground() -> (tempfile::TempDir, Beneath) {
        let dir = tempfile::tempdir().unwrap();
        let work = dir.path().join("work");
        std::fs::create_dir_all(work.join("src")).unwrap();
        std::fs::write(work.join("src/a.rs"), "one\n").unwrap();
        std::fs::write(dir.path().join("secret"), "outside\n").unwrap();
        let beneath = Beneath::open(&work).unwrap();
        (dir, beneath)
    }

    #[test]
    fn paths_are_understood_inside_and_refused_outside() {
        let (dir, beneath) = ground();
        let inside = beneath.path().join("src/a.rs");
        for said in ["src/a.rs", "./src/../src/a.rs", inside.to_str().unwrap()] {
            assert_eq!(beneath.relative(said).unwrap(), Path::new("src/a.rs"));
        }
        for said in [
            "../secret",
            "src/../../secret",
            "/etc/passwd",
            dir.path().to_str().unwrap(),
        ] {
            let refused = beneath.relative(said).unwrap_err();
            assert!(
                refused.contains("outside of the working directory"),
                "{refused}"
            );
        }
    }

    #[test]
    fn i10_no_link_leads_out_of_the_workspace() {
        let (dir, beneath) = ground();
        let work = beneath.path();
        symlink("../secret", work.join("out")).unwrap();
        symlink(dir.path(), work.join("up")).unwrap();
        symlink("src/a.rs", work.join("in")).unwrap();
        for path in ["out", "up/secret"] {
            assert!(
                beneath.open_read(Path::new(path)).is_err(),
                "{path} was read"
            );
            let refused = beneath.replace(Path::new(path), b"x").unwrap_err();
            assert!(refused.contains("symbolic link"), "{refused}");
        }
        assert!(beneath.open_read(Path::new("in")).is_ok());
        let refused = beneath.replace(Path::new("in"), b"x").unwrap_err();
        assert!(refused.contains("symbolic link"), "{refused}");
        assert_eq!(
            std::fs::read_to_string(dir.path().join("secret")).unwrap(),
            "outside\n"
        );
    }

    #[test]
    fn i10_a_hard_link_to_a_file_outside_is_cut_and_not_written_through() {
        let (dir, beneath) = ground();
        let inside = beneath.path().join("linked");
        std::fs::hard_link(dir.path().join("secret"), &inside).unwrap();
        beneath.replace(Path::new("linked"), b"new\n").unwrap();
        assert_eq!(std::fs::read_to_string(&inside).unwrap(), "new\n");
        assert_eq!(
            std::fs::read_to_string(dir.path().join("secret")).unwrap(),
            "outside\n"
        );
    }

    #[test]
    fn a_file_is_replaced_whole_keeps_its_mode_and_folders_are_made() {
        let (_dir, beneath) = ground();
        let tool = beneath.path().join("tool.sh");
        std::fs::write(&tool, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
        beneath
            .replace(Path::new("tool.sh"), b"#!/bin/sh\ntrue\n")
            .unwrap();
        let mode = std::fs::metadata(&tool).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o755);
        beneath.replace(Path::new("new/deep/b.rs"), b"b\n").unwrap();
        assert_eq!(
            std::fs::read_to_string(beneath.path().join("new/deep/b.rs")).unwrap(),
            "b\n"
        );
        let left: Vec<_> = std::fs::read_dir(beneath.path())
            .unwrap()
            .flatten()
            .collect();
        assert!(left.iter().all(|e| e.file_name() != FRESH));
    }

    #[test]
    fn git_folders_are_not_written_in_any_spelling() {
        let (_dir, beneath) = ground();
        for path in [".git/config", "src/.GIT/hooks/x", ".Git"] {
            let refused = beneath.replace(Path::new(path), b"x").unwrap_err();
            assert!(refused.contains("lies in .git"), "{refused}");
        }
        let refused = beneath.replace(Path::new("src"), b"x").unwrap_err();
        assert_eq!(refused, "`src` is a folder");
    }
}
