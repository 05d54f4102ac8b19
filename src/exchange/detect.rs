//! Which format a file is in, by its name and its first issue.

use std::borrow::Cow;

use crate::exchange::batch::{Batch, Format};
use crate::exchange::forms::{Form, SourceFile};
use crate::exchange::json::{self, Fields};
use crate::exchange::text::unicode;

/// Bytes of a table that are looked at for its headings.
const HEAD_BYTES: usize = 64 * 1024;

/// Lines that are looked at first.
const LINES: usize = 100;

const fn form(format: Format) -> Form {
    Form { format, csv: false }
}

const fn table(format: Format) -> Form {
    Form { format, csv: true }
}

/// The form of the input, if it can be told; `folder` if the files are those of a folder.
#[must_use]
pub fn detect(files: &[SourceFile<'_>], folder: bool) -> Option<Form> {
    let first = files.first()?;
    let name = first.name.to_ascii_lowercase();
    if folder {
        return Some(form(Format::Backlog));
    }
    if name.ends_with(".csv") || name.ends_with(".tsv") {
        return Some(headings(first.bytes));
    }
    let mut scratch = Batch::new(Format::Beads);
    let bytes = unicode(&mut scratch, 0, first.bytes).unwrap_or(Cow::Borrowed(first.bytes));
    let start = bytes.trim_ascii_start();
    let is_text = name.ends_with(".md") || name.ends_with(".markdown");
    if is_text || start.starts_with(b"---\n") || start.starts_with(b"---\r\n") {
        let backlog = start.starts_with(b"---") && has_key(&bytes, b"id:");
        return Some(form(if backlog {
            Format::Backlog
        } else {
            Format::Markdown
        }));
    }
    if start.starts_with(b"{") || start.starts_with(b"[") && !is_checkbox(start) {
        return object(first.bytes).or_else(|| {
            // A torn or foreign file of that name is told so as what it wants to be.
            name.ends_with(".jsonl").then_some(form(Format::Beads))
        });
    }
    if name.ends_with(".jsonl") {
        return Some(form(Format::Beads));
    }
    if [&b"- ["[..], b"* [", b"+ [", b"# ", b"## "]
        .iter()
        .any(|mark| start.starts_with(mark))
    {
        return Some(form(Format::Markdown));
    }
    let line = start.split(|b| *b == b'\n').next().unwrap_or_default();
    (line.contains(&b',') && !line.is_empty()).then(|| headings(first.bytes))
}

fn is_checkbox(start: &[u8]) -> bool {
    start.starts_with(b"[ ]") || start.starts_with(b"[x]") || start.starts_with(b"[X]")
}

fn has_key(bytes: &[u8], key: &[u8]) -> bool {
    bytes[..bytes.len().min(HEAD_BYTES)]
        .split(|b| *b == b'\n')
        .skip(1)
        .take_while(|line| !line.starts_with(b"---"))
        .any(|line| line.starts_with(key))
}

/// By the fields of the first object that is one.
fn object(bytes: &[u8]) -> Option<Form> {
    let mut scratch = Batch::new(Format::Beads);
    let mut found = None;
    let mut look = |bytes: &[u8]| {
        json::each(&mut scratch, 0, bytes, |_, item| {
            if found.is_none() {
                found = of_fields(&item.fields);
            }
        });
        found
    };
    // Of many lines the first are enough; a list has to be read to its end.
    let end = memchr::memchr_iter(b'\n', bytes)
        .nth(LINES)
        .unwrap_or(bytes.len());
    look(&bytes[..end]).or_else(|| look(bytes)).map(form)
}

fn of_fields(fields: &Fields<'_>) -> Option<Format> {
    let has = |name: &str| fields.get(name).is_some();
    let all = |names: &[&str]| names.iter().all(|name| has(name));
    let plain = all(&["id", "title"]) && !has("iid") && !has("identifier");
    if has("_type") || plain && (has("issue_type") || has("priority")) {
        return Some(Format::Beads);
    }
    if has("uuid") && (has("entry") || has("description")) {
        return Some(Format::Taskwarrior);
    }
    if has("iid") {
        return Some(Format::Gitlab);
    }
    if all(&["key", "fields"]) {
        return Some(Format::Jira);
    }
    if has("identifier") {
        return Some(Format::Linear);
    }
    if all(&["number", "title"]) {
        return Some(Format::Github);
    }
    all(&["id", "title"]).then_some(Format::Beads)
}

/// By the headings of a table.
fn headings(bytes: &[u8]) -> Form {
    let mut scratch = Batch::new(Format::Csv);
    let bytes = unicode(&mut scratch, 0, bytes).unwrap_or(Cow::Borrowed(bytes));
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(&line[..line.len().min(HEAD_BYTES)]).to_ascii_lowercase();
    let names: Vec<&str> = line
        .split([',', ';', '\t'])
        .map(|n| n.trim_matches(['"', ' ', '\r']))
        .collect();
    let has = |name: &str| names.contains(&name);
    if has("issue key") && has("summary") {
        return table(Format::Jira);
    }
    if has("id") && has("title") && has("status") && has("team") {
        return table(Format::Linear);
    }
    if has("issue id") && has("title") && has("url") {
        return table(Format::Gitlab);
    }
    table(Format::Csv)
}
