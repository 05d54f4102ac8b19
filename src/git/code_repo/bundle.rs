//! Handing commits over as a file (gitformat-bundle(5)). Who reads one trusts nothing in it: sizes
//! are capped, the pack is checked object by object in a repository of its own, and only then do
//! its bytes come into the repository.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use git2::Repository;

use crate::domain::ids::Oid;
use crate::git::code_repo::GitCodeRepo;
use crate::git::code_repo::diff::from_oid;
use crate::git::process::{Call, Output};
use crate::git::workspaces::layout;

/// Branch of the scratch repository that a bundle carries.
const BRANCH: &str = "refs/heads/hand-over";

/// Longest header that is read, in bytes.
const HEADER_MAX: usize = 64 << 10;

/// What a bundle says about itself.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    /// Commits that must be there already.
    needs: Vec<Oid>,
    /// Heads that it brings.
    heads: Vec<Oid>,
    /// Where the pack begins.
    length: usize,
}

/// Reads the header of a version 2 bundle, or of version 3 with SHA-1 and no filter.
fn header(bytes: &[u8]) -> Option<Header> {
    let head = &bytes[..bytes.len().min(HEADER_MAX)];
    let length = head.windows(2).position(|pair| pair == b"\n\n")? + 2;
    let text = std::str::from_utf8(&head[..length - 2]).ok()?;
    let mut lines = text.split('\n');
    let version = lines.next()?;
    if !matches!(version, "# v2 git bundle" | "# v3 git bundle") {
        return None;
    }
    let mut header = Header {
        needs: Vec::new(),
        heads: Vec::new(),
        length,
    };
    for line in lines {
        if version.contains("v3") && line == "@object-format=sha1" {
            continue;
        }
        let (list, line) = match line.strip_prefix('-') {
            Some(rest) => (&mut header.needs, rest),
            None => (&mut header.heads, line),
        };
        let id = line.split(' ').next()?;
        list.push(id.parse().ok()?);
    }
    Some(header)
}

fn said(run: Result<Output, crate::git::process::ProcessError>) -> Result<Output, String> {
    let output = run.map_err(|error| error.to_string())?;
    if output.ok() {
        Ok(output)
    } else {
        Err(output.cause())
    }
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

impl GitCodeRepo {
    fn scratch_call(&self, dir: &Path) -> Call {
        self.git.isolated().git_dir(dir).dir(dir)
    }

    /// Writes `exclude..head`.
    pub(super) fn export(&self, head: &Oid, exclude: &Oid, file: &Path) -> Result<(), String> {
        if head == exclude {
            return Err("there is no commit to hand over".to_owned());
        }
        let ground = self.ground().map_err(text)?;
        let scratch = ground.scratch().map_err(text)?;
        let dir = scratch.path().join("repo.git");
        layout::bare(&dir, &self.objects().map_err(text)?, BRANCH).map_err(text)?;
        let shallow = self.place.common_dir().join("shallow");
        if shallow.exists() {
            fs::copy(&shallow, dir.join("shallow")).map_err(text)?;
        }
        fs::write(dir.join(BRANCH), format!("{head}\n")).map_err(text)?;
        let made = scratch.path().join("made.bundle");
        said(
            self.scratch_call(&dir)
                .args(["bundle", "create", "--quiet"])
                .arg(&made)
                .arg(BRANCH)
                .arg(format!("^{exclude}"))
                .run(),
        )?;
        put(&made, file).map_err(text)
    }

    /// Takes the objects of a bundle in.
    pub(super) fn take_in(&self, file: &Path, head: &Oid) -> Result<(), String> {
        let repo = self.open().map_err(text)?;
        let id = from_oid(head).map_err(text)?;
        let max = self.settings.max_bundle_bytes;
        let bytes = read_bounded(file, max)?;
        let header =
            header(&bytes).ok_or("it is no git bundle of version 2, or its header is damaged")?;
        if !header.heads.contains(head) {
            return Err(format!("it does not bring {}", head.short()));
        }
        for need in &header.needs {
            let there = from_oid(need).and_then(|need| repo.find_commit(need));
            if there.is_err() {
                return Err(format!(
                    "it builds on commit {need}, which is not here; fetch the base branch (in a shallow clone: `git fetch --unshallow`)"
                ));
            }
        }
        let ground = self.ground().map_err(text)?;
        let scratch = ground.scratch().map_err(text)?;
        let dir = scratch.path().join("repo.git");
        layout::bare(&dir, &self.objects().map_err(text)?, BRANCH).map_err(text)?;
        said(
            self.scratch_call(&dir)
                .config("core.bigFileThreshold=16m")
                .config("pack.threads=1")
                .args(["index-pack", "--stdin", "--fix-thin", "--strict"])
                .arg(format!("--max-input-size={max}"))
                .stdin(&bytes[header.length..])
                .run(),
        )?;
        let checked = Repository::open_bare(&dir).map_err(text)?;
        checked
            .find_commit(id)
            .and_then(|commit| commit.tree())
            .map_err(|_| format!("commit {} is not in it", head.short()))?;
        // Everything that the head needs is in the pack or was here before.
        let mut revs = format!("{head}\n");
        for need in &header.needs {
            revs.push_str(&format!("^{need}\n"));
        }
        said(
            self.scratch_call(&dir)
                .args(["rev-list", "--objects", "--quiet", "--stdin"])
                .stdin(revs)
                .run(),
        )?;
        self.adopt_packs(&dir).map_err(text)
    }

    /// Moves checked packs over; the index comes last, because it makes a pack visible.
    fn adopt_packs(&self, from: &Path) -> io::Result<()> {
        let to = self.place.common_dir().join("objects/pack");
        fs::create_dir_all(&to)?;
        let mut files = Vec::new();
        for entry in fs::read_dir(from.join("objects/pack"))? {
            files.push(entry?.path());
        }
        files.sort_by_key(|path| path.extension().is_some_and(|end| end == "idx"));
        for path in files {
            if let Some(name) = path.file_name() {
                put(&path, &to.join(name))?;
            }
        }
        File::open(&to)?.sync_all()
    }
}

/// Copies a file so that under its name there is all of it or nothing, durably.
fn put(from: &Path, to: &Path) -> io::Result<()> {
    let dir = to.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut copy = tempfile::Builder::new()
        .prefix("tmp_fleet_")
        .tempfile_in(dir)?;
    io::copy(&mut File::open(from)?, &mut copy)?;
    copy.flush()?;
    copy.as_file().sync_all()?;
    copy.persist(to).map(drop).map_err(|error| error.error)
}

fn read_bounded(file: &Path, max: u64) -> Result<Vec<u8>, String> {
    let meta = fs::metadata(file).map_err(text)?;
    if !meta.is_file() {
        return Err("it is no regular file".to_owned());
    }
    if meta.len() > max {
        return Err(format!("it has {} bytes, the most is {max}", meta.len()));
    }
    let mut bytes = Vec::new();
    let source = File::open(file).map_err(text)?;
    source.take(max).read_to_end(&mut bytes).map_err(text)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::header;

    #[test]
    fn a_header_tells_what_is_needed_and_what_is_brought() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let text = format!("# v2 git bundle\n-{a} base\n{b} refs/heads/x\n\nPACK\n\n");
        let header = header(text.as_bytes()).expect("it is a bundle");
        assert_eq!(header.needs[0].as_str(), a);
        assert_eq!(header.heads[0].as_str(), b);
        assert_eq!(&text.as_bytes()[header.length..], b"PACK\n\n");
    }

    #[test]
    fn what_is_no_plain_bundle_is_refused() {
        let a = "a".repeat(40);
        for text in [
            "".to_owned(),
            "PACK".to_owned(),
            "# v2 git bundle\n".to_owned(),
            "# v2 git bundle\nxyz refs/heads/x\n\n".to_owned(),
            format!("# v3 git bundle\n@filter=blob:none\n{a} refs/heads/x\n\n"),
            format!("# v2 git bundle\n@object-format=sha1\n{a} refs/heads/x\n\n"),
        ] {
            assert_eq!(header(text.as_bytes()), None, "{text:?}");
        }
    }
}
