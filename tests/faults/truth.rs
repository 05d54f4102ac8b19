//! The repository that decides, read with plain git: one process that gives objects, and one that
//! checks them all. Where refs are is read from the files that git keeps them in.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::Value;

use crate::limit::Ends as _;
use crate::world::World;

/// The repository that decides, as plain git shows it.
pub(crate) struct Truth {
    /// Lines of the log at the tip, in order of `(ts, id)`.
    pub(crate) records: Vec<Value>,
    /// Branches `agent/T-n` and their commits.
    pub(crate) branches: BTreeMap<String, String>,
    /// What is wrong with the bytes alone.
    pub(crate) wrong: Vec<String>,
}

/// The records at the tip, in order.
pub(crate) fn records(world: &World) -> Vec<Value> {
    read(world).records
}

pub(crate) fn read(world: &World) -> Truth {
    let (at, _) = world.truth();
    let mut truth = Truth {
        records: Vec::new(),
        branches: BTreeMap::new(),
        wrong: Vec::new(),
    };
    for (name, oid) in refs(&world.git_dir(at)) {
        let branch = name.strip_prefix("refs/heads/");
        if let Some(branch) = branch.filter(|branch| branch.starts_with("agent/")) {
            truth.branches.insert(branch.to_owned(), oid);
        }
    }
    let mut objects = Objects::of(world, at);
    let tip = world.tip();
    truth.take_format(&mut objects, &tip);
    let mut lines = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for blob in objects.log(&tip) {
        truth.take_log(&objects.bytes(&blob), &mut lines);
        seen.insert(blob);
    }
    truth.nothing_vanished(&mut objects, tip, seen, &lines);
    objects.end();
    let key = |r: &Value| (text(r, "ts").to_owned(), text(r, "id").to_owned());
    truth.records.sort_by_key(key);
    let ids: BTreeSet<&str> = truth.records.iter().map(|r| text(r, "id")).collect();
    if ids.len() != truth.records.len() {
        truth.wrong.push("I6: two lines have one id".to_owned());
    }
    truth.wrong.extend(checked(world, at));
    truth
}

/// A field of a record; the empty text if it has none of that name.
pub(crate) fn text<'a>(record: &'a Value, field: &str) -> &'a str {
    record[field].as_str().unwrap_or("")
}

/// What `git fsck` says against the repository.
fn checked(world: &World, at: &str) -> Option<String> {
    let mut fsck = world.isolated("git", at);
    // It starts a process for each of these files, whether it is there or not.
    let objects = world.git_dir(at).join("objects");
    let graphs = ["info/commit-graph", "info/commit-graphs"];
    if !graphs.iter().any(|name| objects.join(name).exists()) {
        fsck.args(["-c", "core.commitGraph=false"]);
    }
    if !objects.join("pack/multi-pack-index").exists() {
        fsck.args(["-c", "core.multiPackIndex=false"]);
    }
    let out = fsck
        .args(["fsck", "--connectivity-only", "--no-dangling"])
        .ends();
    let said = String::from_utf8_lossy(&out.stderr);
    (!out.status.success()).then(|| format!("I6: git fsck: {said}"))
}

/// All refs of a git dir and where they are, symbolic ones apart.
pub(crate) fn refs(git_dir: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let packed = fs::read_to_string(git_dir.join("packed-refs")).unwrap_or_default();
    for line in packed.lines().filter(|line| !line.starts_with(['#', '^'])) {
        let (oid, name) = line.split_once(' ').expect("a packed ref");
        all.insert(name.to_owned(), oid.to_owned());
    }
    loose(git_dir, "refs", &mut all);
    all
}

fn loose(git_dir: &Path, folder: &str, into: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(git_dir.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            loose(git_dir, &name, into);
        } else if !name.ends_with(".lock") {
            // Moved between the two looks: nothing runs any more, so that it was removed.
            let oid = fs::read_to_string(entry.path()).unwrap_or_default();
            if !oid.starts_with("ref: ") {
                into.insert(name, oid.trim_end().to_owned());
            }
        }
    }
}

impl Truth {
    fn take_format(&mut self, objects: &mut Objects, tip: &str) {
        let file = ".orchestra/format.json";
        let format = objects.find(&format!("{tip}:{file}"));
        if format.is_none_or(|(_, bytes)| serde_json::from_slice::<Value>(&bytes).is_err()) {
            self.wrong.push(format!("I6: {file} is no JSON"));
        }
    }

    /// Takes in one file of the log at the tip, and adds its lines to `lines`.
    fn take_log(&mut self, bytes: &[u8], lines: &mut BTreeSet<Vec<u8>>) {
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            self.wrong
                .push("I6: a file of the log has a torn last line".to_owned());
        }
        for line in lines_of(bytes) {
            match serde_json::from_slice::<Value>(line) {
                Ok(record) if !text(&record, "op").is_empty() => self.records.push(record),
                _ => {
                    let line = String::from_utf8_lossy(line);
                    let what = format!("I6: the log has a bad line: {line}");
                    self.wrong.push(what);
                }
            }
            lines.insert(line.to_vec());
        }
    }

    /// The log is never rewritten (I6, I12): each line of each commit that led to the tip is there
    /// at the tip.
    fn nothing_vanished(
        &mut self,
        objects: &mut Objects,
        tip: String,
        mut seen: BTreeSet<String>,
        lines: &BTreeSet<Vec<u8>>,
    ) {
        let mut next = vec![tip];
        while let Some(commit) = next.pop() {
            if !seen.insert(commit.clone()) {
                continue;
            }
            next.extend(objects.parents(&commit));
            for blob in objects.log(&commit) {
                if !seen.insert(blob.clone()) {
                    continue;
                }
                let bytes = objects.bytes(&blob);
                for gone in lines_of(&bytes).filter(|line| !lines.contains(*line)) {
                    let line = String::from_utf8_lossy(gone);
                    self.wrong.push(format!("I6: this record is gone: {line}"));
                }
            }
        }
    }
}

fn lines_of(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
}

/// One `git cat-file --batch`, which is asked for one object after the other.
struct Objects {
    git: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Files below each folder of the log that was read: many commits share them.
    folders: BTreeMap<String, Vec<String>>,
}

impl Objects {
    fn of(world: &World, at: &str) -> Self {
        let mut git = world.isolated("git", at);
        git.args(["cat-file", "--batch"]);
        git.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut git = git.spawn().unwrap();
        Self {
            ask: git.stdin.take().unwrap(),
            answers: BufReader::new(git.stdout.take().unwrap()),
            git,
            folders: BTreeMap::new(),
        }
    }

    /// The name and the bytes of `what`, if there is such an object.
    fn find(&mut self, what: &str) -> Option<(String, Vec<u8>)> {
        self.ask.write_all(format!("{what}\n").as_bytes()).unwrap();
        let mut head = String::new();
        self.answers.read_line(&mut head).unwrap();
        let mut words = head.split_whitespace();
        let oid = words.next().expect("an answer").to_owned();
        if head.ends_with("missing\n") {
            return None;
        }
        let size: usize = words.nth(1).expect("a size").parse().unwrap();
        let mut bytes = vec![0; size + 1];
        self.answers.read_exact(&mut bytes).unwrap();
        bytes.pop();
        Some((oid, bytes))
    }

    #[track_caller]
    fn bytes(&mut self, oid: &str) -> Vec<u8> {
        self.find(oid).expect(oid).1
    }

    fn parents(&mut self, commit: &str) -> Vec<String> {
        let bytes = self.bytes(commit);
        let head = lines_of(&bytes).take_while(|line| !line.starts_with(b"author "));
        let parents = head.filter_map(|line| line.strip_prefix(b"parent "));
        parents
            .map(|oid| String::from_utf8(oid.to_vec()).unwrap())
            .collect()
    }

    /// Names of all files of the log in a commit.
    fn log(&mut self, commit: &str) -> Vec<String> {
        let top = self.find(&format!("{commit}:.orchestra/log"));
        top.map_or_else(Vec::new, |(oid, bytes)| self.below(&oid, &bytes))
    }

    fn below(&mut self, oid: &str, tree: &[u8]) -> Vec<String> {
        if let Some(known) = self.folders.get(oid) {
            return known.clone();
        }
        let mut files = Vec::new();
        for (folder, inner) in entries(tree) {
            if folder {
                let tree = self.bytes(&inner);
                files.extend(self.below(&inner, &tree));
            } else {
                files.push(inner);
            }
        }
        self.folders.insert(oid.to_owned(), files.clone());
        files
    }

    fn end(self) {
        let Self {
            mut git,
            ask,
            answers,
            ..
        } = self;
        drop((ask, answers));
        assert!(git.wait().unwrap().success());
    }
}

/// What a tree names: whether it is a folder, and which object.
fn entries(mut tree: &[u8]) -> Vec<(bool, String)> {
    let mut all = Vec::new();
    while let Some(end) = tree.iter().position(|byte| *byte == 0) {
        let folder = tree.starts_with(b"40000 ");
        let oid = &tree[end + 1..end + 21];
        all.push((folder, oid.iter().map(|b| format!("{b:02x}")).collect()));
        tree = &tree[end + 21..];
    }
    all
}
