//! Markdown checklists: every box is a task, a box below a box is a part of it.
//!
//! A box has no name, so its place in the headings and boxes above it, and its words, are its name:
//! ticking it is a change, rewording it makes another task.

use crate::domain::dep::DepKind;
use crate::domain::record::CloseOutcome;
use crate::exchange::batch::{Batch, Incoming, Link, Place};
use crate::exchange::fit;
use crate::exchange::forms::{NAMELESS, Options, Source, SourceFile};
use crate::exchange::kept::{FNV_START, KeptLink, fnv};
use crate::exchange::text::{small, whole};

/// A box that others may be part of.
struct Above {
    indent: usize,
    key: String,
    hash: u64,
}

/// A line that is a box: its indent, whether it is ticked, and its words.
pub(super) fn boxed(line: &str) -> Option<(usize, bool, &str)> {
    let text = line.trim_start_matches([' ', '\t']);
    let indent = line[..line.len() - text.len()]
        .chars()
        .map(|c| if c == '\t' { 4 } else { 1 })
        .sum();
    let rest = text.strip_prefix(['-', '*', '+']).or_else(|| {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        (digits > 0).then(|| text[digits..].strip_prefix(['.', ')']))?
    })?;
    let rest = rest.trim_start();
    for (mark, done) in [("[ ]", false), ("[x]", true), ("[X]", true)] {
        if let Some(words) = rest.strip_prefix(mark) {
            return Some((indent, done, words.trim()));
        }
    }
    None
}

/// Reads a file.
pub(crate) fn read(batch: &mut Batch, file: u32, source: &SourceFile<'_>, options: &Options) {
    let Some(text) = whole(batch, file, source.bytes) else {
        return;
    };
    let origin = Source::of(source.name, options);
    let Some(name) = &origin.name else {
        batch.broken(Place::line(file, 0), "", NAMELESS);
        return;
    };
    let mut headings: Vec<(usize, String)> = Vec::new();
    let mut above: Vec<Above> = Vec::new();
    let mut fence = false;
    let before = batch.issues.len();
    let mut seen = std::collections::BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let start = line.trim_start();
        if start.starts_with("```") || start.starts_with("~~~") {
            fence = !fence;
            continue;
        }
        if fence {
            continue;
        }
        if let Some((level, words)) = heading(line) {
            headings.retain(|(other, _)| *other < level);
            headings.push((level, words.to_owned()));
            above.clear();
            continue;
        }
        let place = Place::line(file, small(number + 1));
        let Some((indent, done, words)) = boxed(line) else {
            note(batch, before, &above, line);
            continue;
        };
        if words.is_empty() {
            batch.remark(place, "", "an empty box was left out");
            continue;
        }
        above.retain(|box_above| box_above.indent < indent);
        let root = headings
            .iter()
            .fold(FNV_START, |hash, (_, h)| fnv(hash, h.as_bytes()));
        let hash = above.last().map_or(root, |box_above| box_above.hash);
        let mut hash = fnv(fnv(hash, &[0]), words.as_bytes());
        let twins: &mut u32 = seen.entry(hash).or_default();
        hash = fnv(hash, &twins.to_le_bytes());
        *twins += 1;
        let key = format!("markdown:{name}#{:012x}", hash >> 16);
        let mut issue = issue(place, &key, done, words, &headings, above.last());
        issue.kept.from.clone_from(&origin.print);
        issue.formerly = origin
            .formerly
            .as_ref()
            .map(|name| format!("markdown:{name}#{:012x}", hash >> 16));
        batch.issues.push(issue);
        above.push(Above { indent, key, hash });
    }
    if batch.issues.len() == before {
        batch.broken(
            Place::line(file, 0),
            "",
            "no check boxes (`- [ ] words`) in it",
        );
    }
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let words = line.trim_start_matches('#');
    let level = line.len() - words.len();
    ((1..=6).contains(&level) && words.starts_with(' ')).then(|| (level, words.trim()))
}

/// Text that is indented below a box belongs to it.
fn note(batch: &mut Batch, before: usize, above: &[Above], line: &str) {
    let indent = line.len() - line.trim_start().len();
    let Some(last) = above.last().filter(|box_above| indent > box_above.indent) else {
        return;
    };
    if line.trim().is_empty() || batch.issues.len() == before {
        return;
    }
    let Some(issue) = batch
        .issues
        .last_mut()
        .filter(|issue| issue.key == last.key)
    else {
        return;
    };
    let body = issue.set.body.get_or_insert_default();
    if !body.is_empty() {
        body.push('\n');
    }
    body.push_str(line.trim());
}

fn issue(
    place: Place,
    key: &str,
    done: bool,
    words: &str,
    headings: &[(usize, String)],
    above: Option<&Above>,
) -> Incoming {
    let mut issue = Incoming {
        place,
        key: key.to_owned(),
        trusted: true,
        ..Incoming::default()
    };
    let title = fit::title(words);
    if title != words {
        issue.set.body = Some(words.to_owned());
    }
    issue.set.title = Some(title.into_owned());
    if done {
        issue.closed = Some((CloseOutcome::Done, String::new()));
    }
    if let (None, Some((_, heading))) = (above, headings.last())
        && let Some(label) = fit::word(heading)
    {
        issue.labels.push(label.into_owned());
    }
    if let Some(above) = above {
        let kind = DepKind::ParentChild;
        let to = above.key.clone();
        let kept = KeptLink(kind.name().to_owned(), to.clone(), String::new());
        issue.kept.links.push(kept);
        issue.links.push(Link {
            kind,
            to,
            reversed: false,
        });
    }
    issue
}
