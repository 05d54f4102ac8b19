//! The forms that are read, and which module reads which.

use crate::exchange::batch::{Batch, Format, Incoming, Place};
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

/// What the person who imports knows beside the files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Where the issues come from, such as `owner/repo`, where the files do not say it.
    pub repo: Option<String>,
    /// Columns of a CSV file: our field, their heading.
    pub columns: Vec<(String, String)>,
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

/// Why an issue cannot be recorded.
fn trouble(issue: &Incoming) -> Option<String> {
    let key = &issue.key;
    if key.chars().count() > KEY_MAX_CHARS || key.chars().any(char::is_control) {
        return Some("its name is too long, or has control characters".to_owned());
    }
    let body = issue.set.body.as_deref().unwrap_or_default();
    let points = issue
        .set
        .acceptance
        .iter()
        .flatten()
        .map(|point| point.text.len() + 32);
    let small = body.len() + points.sum::<usize>() + issue.kept.rest.len() + kept_bytes(issue);
    let bytes = if small * 6 <= RECORD_MAX_BYTES {
        small
    } else {
        // Escapes may make a text up to six times as long, twice for what is kept as text.
        let kept = serde_json::to_string(&issue.kept.to_text()).unwrap_or_default();
        let set = serde_json::to_string(&issue.set).unwrap_or_default();
        kept.len() + set.len()
    };
    if bytes > RECORD_MAX_BYTES {
        return Some(format!(
            "it has {bytes} bytes; a task holds {RECORD_MAX_BYTES}"
        ));
    }
    let long = issue
        .comments
        .iter()
        .map(|said| serde_json::to_string(&said.text).map_or(usize::MAX, |text| text.len()));
    let longest = long.max().unwrap_or_default();
    (longest > RECORD_MAX_BYTES)
        .then(|| format!("a comment has {longest} bytes; one may have {RECORD_MAX_BYTES}"))
}

fn kept_bytes(issue: &Incoming) -> usize {
    let links = issue
        .kept
        .links
        .iter()
        .map(|link| link.1.len() + link.2.len() + 40);
    let comments = issue.kept.comments.iter().map(|kept| kept.2.len() + 60);
    links.sum::<usize>() + comments.sum::<usize>()
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
        (Format::Markdown, _) => markdown::read(batch, at, file),
        (Format::Gitlab, true) => table::gitlab(batch, at, bytes, options),
        (Format::Jira, true) => table::jira(batch, at, bytes),
        (Format::Linear, true) => table::linear(batch, at, bytes),
        (Format::Csv | Format::Github, _) => table::plain(batch, at, bytes, options),
    }
}
