//! The forms that are read, and which module reads which.

use crate::exchange::batch::{Batch, Format, Incoming, Place};
use crate::exchange::kept::{FNV_START, HERE, NAMED, fnv};
use crate::exchange::{backlog, beads, github, gitlab, jira, linear, markdown, table, taskwarrior};

/// One file of the input.
#[derive(Debug, Clone, Copy)]
pub struct SourceFile<'a> {
    /// Its name: of the file that was given, or relative to the folder that was given.
    pub name: &'a str,
    /// What is in it.
    pub bytes: &'a [u8],
}

/// A format and, where it has several, its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// The format.
    pub format: Format,
    /// True if it is written as CSV.
    pub csv: bool,
}

/// Where the input lies: what its references are built from, if its issues have no names of their
/// own beyond it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    /// Not known; the bare name of the file has to do.
    #[default]
    Unknown,
    /// In the repository: the path of the file or folder from its top, with `/`.
    Repository(String),
    /// Somewhere else: its absolute path.
    Elsewhere(String),
    /// A pipe.
    Nameless,
}

/// What one file is called in references.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// Its name; none if it has none that would be the same tomorrow.
    pub(crate) name: Option<String>,
    /// What older versions called it, if that was something else.
    pub(crate) formerly: Option<String>,
    /// What tells it from other files of that name; see [`Kept::from`](crate::exchange::Kept).
    pub(crate) print: String,
}

/// Why a source without a name cannot be read.
pub(crate) const NAMELESS: &str =
    "what comes through a pipe has no name: say `--repo NAME`, which stands for it in references";

/// Longest path that is put into references, in bytes.
const PATH_MAX_BYTES: usize = 120;

impl Source {
    /// Of the file `file`, which is called so in messages.
    pub(crate) fn of(file: &str, options: &Options) -> Self {
        let base = file.rsplit('/').next().unwrap_or(file).to_owned();
        if let Some(name) = &options.repo {
            return Self {
                name: Some(name.clone()),
                formerly: None,
                print: NAMED.to_owned(),
            };
        }
        let inside = |root: &str| match options.folder {
            true => format!("{root}/{file}"),
            false => root.to_owned(),
        };
        let hash = |path: &str| format!("{:012x}", fnv(FNV_START, path.as_bytes()) >> 16);
        match &options.origin {
            Origin::Unknown => Self {
                name: Some(base),
                formerly: None,
                print: String::new(),
            },
            Origin::Nameless => Self {
                name: None,
                formerly: None,
                print: String::new(),
            },
            Origin::Repository(root) => {
                let path = inside(root);
                let path = path.trim_start_matches('/');
                let name = if path.len() > PATH_MAX_BYTES {
                    format!("{}/{base}", hash(path))
                } else {
                    path.to_owned()
                };
                Self {
                    formerly: Some(base).filter(|base| *base != name),
                    name: Some(name),
                    print: HERE.to_owned(),
                }
            }
            Origin::Elsewhere(root) => Self {
                name: Some(base),
                formerly: None,
                print: hash(&inside(root)),
            },
        }
    }
}

/// What the person who imports knows beside the files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Where the issues come from, such as `owner/repo`, where the files do not say it.
    pub repo: Option<String>,
    /// Columns of a CSV file: our field, their heading.
    pub columns: Vec<(String, String)>,
    /// Where the input lies.
    pub origin: Origin,
    /// True if that is a folder, and the names of the files are relative to it.
    pub folder: bool,
}

/// Reads files as `form`.
#[must_use]
pub fn read(files: &[SourceFile<'_>], form: Form, options: &Options) -> Batch {
    let mut batch = Batch::new(form.format);
    batch.files = files.iter().map(|file| file.name.to_owned()).collect();
    for (at, file) in files.iter().enumerate() {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        if file.bytes.trim_ascii().is_empty() {
            batch.broken(Place::line(at, 0), "", "the file is empty");
            continue;
        }
        one(&mut batch, at, file, form, options);
    }
    if form.format == Format::Backlog {
        backlog::settle(&mut batch);
    }
    for issue in std::mem::take(&mut batch.issues) {
        match trouble(&issue) {
            None => batch.issues.push(issue),
            Some(what) => {
                let about: String = issue.key.chars().take(KEY_MAX_CHARS).collect();
                batch.broken(issue.place, &about, what);
            }
        }
    }
    batch
}

/// Longest reference, in characters.
const KEY_MAX_CHARS: usize = 200;
/// Most bytes that the texts of one record may have; a record has at most 256 KiB.
const RECORD_MAX_BYTES: usize = 240 * 1024;
/// Bytes that a byte may become: an escape, and in what is kept as a text an escape of that.
const LONGEST_ESCAPE: usize = 7;

/// Why an issue cannot be recorded.
fn trouble(issue: &Incoming) -> Option<String> {
    let key = &issue.key;
    if key.chars().count() > KEY_MAX_CHARS || key.chars().any(char::is_control) {
        return Some("its name is too long, or has control characters".to_owned());
    }
    // Most issues are far below: one look at the lengths is enough.
    if rough(issue) * LONGEST_ESCAPE <= RECORD_MAX_BYTES {
        return None;
    }
    let bytes = recorded(issue);
    if bytes > RECORD_MAX_BYTES {
        return Some(format!(
            "it has {bytes} bytes; a task holds {RECORD_MAX_BYTES}"
        ));
    }
    let reason = issue.closed.as_ref().map_or(0, |(_, why)| encoded(why));
    if reason > RECORD_MAX_BYTES {
        return Some(format!(
            "it has {reason} bytes of close reason; it may have {RECORD_MAX_BYTES}"
        ));
    }
    let longest = issue.comments.iter().map(|said| encoded(&said.text)).max();
    let longest = longest.unwrap_or_default();
    (longest > RECORD_MAX_BYTES)
        .then(|| format!("a comment has {longest} bytes; one may have {RECORD_MAX_BYTES}"))
}

/// Bytes of all texts of an issue as they are, with room for what stands around each.
fn rough(issue: &Incoming) -> usize {
    const AROUND: usize = 64;
    let (set, kept) = (&issue.set, &issue.kept);
    let labels = issue.labels.iter().map(|label| 2 * label.len() + AROUND);
    let points = set.acceptance.iter().flatten();
    let points = points.map(|point| point.text.len() + AROUND);
    let links = issue.links.iter().map(|link| link.to.len() + AROUND);
    let kept_links = kept.links.iter();
    let kept_links = kept_links.map(|l| l.0.len() + l.1.len() + l.2.len() + AROUND);
    let comments = kept.comments.iter();
    let comments = comments.map(|c| c.0.len() + c.1.len() + c.2.len() + AROUND);
    let said = issue.comments.iter().map(|said| said.text.len());
    let body = set.body.as_ref().map_or(0, String::len);
    let reason = issue.closed.as_ref().map_or(0, |(_, why)| why.len());
    labels.sum::<usize>()
        + points.sum::<usize>()
        + links.sum::<usize>()
        + kept_links.sum::<usize>()
        + comments.sum::<usize>()
        + said.sum::<usize>()
        + kept.rest.len()
        + kept.status.len()
        + body
        + reason
        + 16 * AROUND
}

/// Bytes of the record that a task is added with.
fn recorded(issue: &Incoming) -> usize {
    let kept = issue.remembered().to_text();
    let set = encoded(&issue.set);
    encoded(&kept) + set + encoded(&issue.labels)
}

/// Bytes of a value as a line of the log holds it: two line ends of Unicode become escapes there.
fn encoded(value: &(impl serde::Serialize + ?Sized)) -> usize {
    let Ok(text) = serde_json::to_string(value) else {
        return usize::MAX / 4;
    };
    text.len() + 3 * text.matches(['\u{2028}', '\u{2029}']).count()
}

fn one(batch: &mut Batch, at: u32, file: &SourceFile<'_>, form: Form, options: &Options) {
    let bytes = file.bytes;
    match (form.format, form.csv) {
        (Format::Beads, _) => beads::read(batch, at, bytes),
        (Format::Github, false) => github::read(batch, at, bytes, options),
        (Format::Gitlab, false) => gitlab::read(batch, at, bytes, options),
        (Format::Jira, false) => jira::read(batch, at, bytes),
        (Format::Linear, false) => linear::read(batch, at, bytes),
        (Format::Taskwarrior, _) => taskwarrior::read(batch, at, bytes),
        (Format::Backlog, _) => backlog::read(batch, at, file),
        (Format::Markdown, _) => markdown::read(batch, at, file, options),
        (Format::Gitlab, true) => table::gitlab(batch, at, bytes, options),
        (Format::Jira, true) => table::jira(batch, at, bytes),
        (Format::Linear, true) => table::linear(batch, at, bytes),
        (Format::Csv | Format::Github, _) => table::plain(batch, at, bytes, options),
    }
}
