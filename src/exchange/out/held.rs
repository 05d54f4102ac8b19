//! What a file holds that an export is to take the place of: whose tasks, if fleet wrote it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::exchange::batch::Format;
use crate::exchange::forms::{Form, Options, SourceFile, read};
use crate::exchange::out::{Target, csv};

/// Identities of the tasks in a file, as far as its form has them: uids, references, names.
pub type Identities = BTreeSet<String>;

impl Target {
    /// The tasks that a file of this form holds.
    ///
    /// # Errors
    /// It holds something that fleet does not write in this form, and that would be lost; what, as
    /// the rest of a sentence about the file.
    pub fn identities(self, bytes: &[u8]) -> Result<Identities, String> {
        match self {
            Self::Beads => beads(bytes),
            Self::Json => json(bytes),
            Self::Github => github(bytes),
            Self::Csv => table(bytes),
            Self::Markdown => checklist(bytes),
        }
    }
}

fn text(bytes: &[u8], form: &str) -> Result<String, String> {
    let text = std::str::from_utf8(bytes);
    text.map(str::to_owned)
        .map_err(|_| format!("it is no {form} file"))
}

/// Beads' own files are taken over too: what they hold comes back out as it was, once it is
/// imported.
fn beads(bytes: &[u8]) -> Result<Identities, String> {
    let form = Form {
        format: Format::Beads,
        csv: false,
    };
    let file = SourceFile { name: "", bytes };
    let batch = read(&[file], form, &Options::default());
    if let Some(note) = batch.damage.first() {
        let (line, what) = (note.place.line, &note.what);
        return Err(format!("line {line} cannot be read: {what}"));
    }
    if batch.issues.is_empty() {
        return Err("no issue can be read from it".to_owned());
    }
    let all = batch.issues.into_iter();
    Ok(all.map(|issue| issue.uid.unwrap_or(issue.key)).collect())
}

fn uid(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn json(bytes: &[u8]) -> Result<Identities, String> {
    let foreign = || "it is no JSON file that fleet wrote".to_owned();
    let value: Value = serde_json::from_slice(bytes).map_err(|_| foreign())?;
    if value["format"] != "fleet" {
        return Err(foreign());
    }
    let tasks = value["tasks"].as_array().ok_or_else(foreign)?;
    let uids = tasks
        .iter()
        .map(|task| uid(&task["uid"]).ok_or_else(foreign));
    uids.collect()
}

fn github(bytes: &[u8]) -> Result<Identities, String> {
    let foreign = || "it is no list of issues that fleet wrote".to_owned();
    let value: Value = serde_json::from_slice(bytes).map_err(|_| foreign())?;
    let all = value.as_array().ok_or_else(foreign)?;
    let uids = all
        .iter()
        .map(|one| uid(&one["fleet"]["uid"]).ok_or_else(foreign));
    uids.collect()
}

fn table(bytes: &[u8]) -> Result<Identities, String> {
    let foreign = || "it is no table that fleet wrote".to_owned();
    let mut reader = ::csv::ReaderBuilder::new().from_reader(bytes);
    let headings = reader.headers().map_err(|_| foreign())?;
    if !headings.iter().eq(csv::HEADINGS.iter().copied()) {
        return Err(foreign());
    }
    let mut found = Identities::new();
    for record in reader.records() {
        let record = record.map_err(|error| format!("it cannot be read: {error}"))?;
        let line = record.position().map_or(0, ::csv::Position::line);
        let uid = record.iter().next_back().filter(|uid| !uid.is_empty());
        let uid = uid.ok_or_else(|| format!("line {line} is none that fleet wrote"))?;
        found.insert(uid.to_owned());
    }
    Ok(found)
}

/// Names: a checklist has nothing else, and every line of it ends in one.
fn checklist(bytes: &[u8]) -> Result<Identities, String> {
    let mut found = Identities::new();
    for (number, line) in text(bytes, "Markdown")?.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let name = name_of(line);
        let number = number + 1;
        let name = name.ok_or_else(|| format!("line {number} is none that fleet wrote"))?;
        found.insert(name.to_owned());
    }
    Ok(found)
}

/// `T-7` of `  - [ ] words (T-7) (after T-1, T-2)`.
fn name_of(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(' ');
    let words = line
        .strip_prefix("- [ ] ")
        .or_else(|| line.strip_prefix("- [x] "))?;
    let named = |text: &str| text.starts_with("T-") && !text.contains([' ', '(', ')']);
    let all = |text: &str| text.split(", ").all(named);
    let inner = words.strip_suffix(')')?;
    let (before, last) = inner.rsplit_once(" (")?;
    if named(last) {
        return Some(last);
    }
    if !last.strip_prefix("after ").is_some_and(all) {
        return None;
    }
    let (_, name) = before.strip_suffix(')')?.rsplit_once(" (")?;
    named(name).then_some(name)
}
