//! `glob` and `grep`: files by name and lines by content, without what `.gitignore` leaves out.
//!
//! Names come from a walk that follows no link; contents are opened beneath the workspace only.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use globset::{GlobBuilder, GlobMatcher};
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::Value;

use super::pieces::{CHUNK, Lines, piece};
use super::walk::{Till, Walk};
use super::{Answer, Desk, SNIFF_BYTES, Within, is_binary, parsed};
use crate::agents::api::beneath::Beneath;
use crate::agents::lines::clip;

/// Most names in an answer.
const NAMES: usize = 200;
/// Largest file that is searched.
const FILE_BYTES: u64 = 8 << 20;
/// Most lines in an answer, and the longest of them.
const LINES: usize = 200;
const LINE_BYTES: usize = 300;
/// Most lines of context.
const CONTEXT: usize = 10;
/// Memory that a pattern may compile to.
const PATTERN_BYTES: usize = 256 << 10;

#[derive(Deserialize)]
struct GlobInput {
    pattern: String,
    #[serde(default)]
    path: Option<String>,
}

#[derive(Deserialize)]
struct GrepInput {
    pattern: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    glob: Option<String>,
    #[serde(default)]
    literal: bool,
    #[serde(default)]
    ignore_case: bool,
    #[serde(default)]
    context: Option<usize>,
    #[serde(default)]
    files_only: bool,
}

/// A pattern without a slash is looked for at any depth, as git does.
fn matcher(pattern: &str) -> Result<GlobMatcher, String> {
    let pattern = pattern.trim().trim_start_matches("./");
    let deep = if pattern.contains('/') {
        pattern.to_owned()
    } else {
        format!("**/{pattern}")
    };
    GlobBuilder::new(&deep)
        .literal_separator(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|e| format!("`{pattern}` is no glob: {}", e.kind()))
}

/// Where a search begins: the workspace, or a file or folder in it.
fn place(desk: &Desk<'_>, path: Option<&str>) -> Result<PathBuf, String> {
    let relative = desk.files.relative(path.unwrap_or("."))?;
    desk.files
        .open_read(&relative)
        .map_err(|e| format!("there is no `{}`: {e}", relative.display()))?;
    Ok(relative)
}

/// Finds files by name.
pub(super) fn glob(desk: &Desk<'_>, input: &Value, within: Within<'_>) -> Result<Answer, String> {
    let input: GlobInput = parsed("glob", input)?;
    let wanted = matcher(&input.pattern)?;
    let start = place(desk, input.path.as_deref())?;
    let mut walk = Walk::new(&desk.files, Till::new(within.left, Some(within.cancel)));
    let (mut out, mut found) = (String::new(), 0);
    walk.files(&start, &mut |relative| {
        let below = relative.strip_prefix(&start).unwrap_or(relative);
        if wanted.is_match(below) || wanted.is_match(relative) {
            found += 1;
            if found <= NAMES {
                let _ = writeln!(out, "{}", relative.display());
            }
        }
        true
    });
    if found == 0 {
        out.push_str("no file matches (what .gitignore names is not looked at)\n");
    } else if found > NAMES {
        let _ = writeln!(out, "[and {} more: narrow the pattern]", found - NAMES);
    }
    if let Some(cut) = walk.cut {
        let _ = writeln!(out, "[{cut}]");
    }
    Ok(Answer::new(out, format!("{found} files")))
}

/// Finds lines by content.
pub(super) fn grep(desk: &Desk<'_>, input: &Value, within: Within<'_>) -> Result<Answer, String> {
    let input: GrepInput = parsed("grep", input)?;
    if input.pattern.is_empty() {
        return Err("`pattern` is empty".to_owned());
    }
    let pattern = pattern(&input)?;
    let only = input.glob.as_deref().map(matcher).transpose()?;
    let start = place(desk, input.path.as_deref())?;
    let mut hits = Hits::new(pattern, &input, desk.answer_bytes);
    let till = Till::new(within.left, Some(within.cancel));
    let mut walk = Walk::new(&desk.files, till);
    walk.files(&start, &mut |relative| {
        if only.as_ref().is_none_or(|only| only.is_match(relative)) {
            hits.file(&desk.files, relative, till);
        }
        !hits.full() && hits.cut.is_none()
    });
    let cut = hits.cut.or(walk.cut);
    Ok(hits.answer(cut))
}

fn pattern(input: &GrepInput) -> Result<Regex, String> {
    let text = if input.literal {
        regex::escape(&input.pattern)
    } else {
        input.pattern.clone()
    };
    RegexBuilder::new(&text)
        .case_insensitive(input.ignore_case)
        .multi_line(true)
        .crlf(true)
        .size_limit(PATTERN_BYTES)
        .build()
        .map_err(|e| {
            if let regex::Error::CompiledTooBig(_) = e {
                return "`pattern` is too large for a search: shorten it, or use smaller repeats \
                        and fewer classes such as \\w (an ASCII class such as [a-z] is small)"
                    .to_owned();
            }
            let why = e.to_string();
            let why = why.lines().last().unwrap_or_default();
            format!(
                "`{}` is no regular expression ({}). Set `literal` to look for the text as it is",
                input.pattern,
                why.trim_start_matches("error: ")
            )
        })
}

/// Lines that were found.
struct Hits {
    pattern: Regex,
    context: usize,
    files_only: bool,
    room: usize,
    out: String,
    files: usize,
    lines: usize,
    skipped: usize,
    long: usize,
    cut: Option<&'static str>,
}

/// Lines of one file that were found: the first of them, and how many.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    at: Vec<usize>,
    count: usize,
}

impl Hits {
    fn new(pattern: Regex, input: &GrepInput, room: usize) -> Self {
        Self {
            pattern,
            context: input.context.unwrap_or(0).min(CONTEXT),
            files_only: input.files_only,
            room,
            out: String::new(),
            files: 0,
            lines: 0,
            skipped: 0,
            long: 0,
            cut: None,
        }
    }

    fn full(&self) -> bool {
        self.lines >= LINES || self.out.len() >= self.room
    }

    fn file(&mut self, files: &Beneath, relative: &Path, till: Till<'_>) {
        let Ok(file) = files.open_read(relative) else {
            return;
        };
        let mut bytes = Vec::new();
        if file.take(FILE_BYTES + 1).read_to_end(&mut bytes).is_err() {
            return;
        }
        if bytes.len() as u64 > FILE_BYTES {
            self.skipped += 1;
            return;
        }
        if is_binary(&bytes[..bytes.len().min(SNIFF_BYTES)]) {
            return;
        }
        let found = self.search(&bytes, till);
        if found.count == 0 {
            return;
        }
        self.files += 1;
        if self.files_only {
            self.lines += 1;
            let _ = writeln!(self.out, "{} ({})", relative.display(), found.count);
            return;
        }
        self.show(relative, &Lines::of(&bytes), &found.at);
    }

    /// Searches piece by piece, so that no pattern on no file outlasts the time.
    fn search(&mut self, bytes: &[u8], till: Till<'_>) -> Found {
        let mut found = Found::default();
        let (mut from, mut number) = (0, 0);
        while from < bytes.len() {
            self.cut = till.over();
            if self.cut.is_some() {
                break;
            }
            let rest = &bytes[from..];
            let Some(piece) = piece(rest) else {
                self.long += 1;
                number += 1;
                from += memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
                continue;
            };
            from += piece.len();
            if !self.pattern.is_match(piece) {
                number += memchr::memchr_iter(b'\n', piece).count();
                continue;
            }
            for line in piece
                .strip_suffix(b"\n")
                .unwrap_or(piece)
                .split(|b| *b == b'\n')
            {
                if self.pattern.is_match(line) {
                    found.count += 1;
                    if found.at.len() < LINES {
                        found.at.push(number);
                    }
                }
                number += 1;
            }
            if found.count >= LINES && !self.files_only {
                break;
            }
        }
        found
    }

    fn show(&mut self, relative: &Path, lines: &Lines<'_>, found: &[usize]) {
        let mut next = 0;
        for at in found {
            if self.full() {
                return;
            }
            self.lines += 1;
            let from = at.saturating_sub(self.context).max(next);
            if self.context > 0 && next > 0 && from > next {
                self.out.push_str("--\n");
            }
            let to = (at + self.context + 1).min(lines.count());
            for n in from..to {
                let mark = if found.binary_search(&n).is_ok() {
                    ':'
                } else {
                    '-'
                };
                let text = String::from_utf8_lossy(lines.line(n));
                let text = clip(text.trim_end_matches('\r'), LINE_BYTES);
                let _ = writeln!(
                    self.out,
                    "{}{mark}{}{mark}{text}",
                    relative.display(),
                    n + 1
                );
            }
            next = next.max(to);
        }
    }

    fn answer(mut self, cut: Option<&str>) -> Answer {
        if self.files == 0 {
            self.out
                .push_str("nothing found (what .gitignore names is not looked at)\n");
        }
        if self.full() {
            self.out
                .push_str("[there may be more: narrow the pattern, or name `path` or `glob`]\n");
        }
        if self.skipped > 0 {
            let _ = writeln!(
                self.out,
                "[{} very large files were not looked at]",
                self.skipped
            );
        }
        if self.long > 0 {
            let _ = writeln!(
                self.out,
                "[{} lines longer than {CHUNK} bytes were not looked at]",
                self.long
            );
        }
        if let Some(cut) = cut {
            let _ = writeln!(self.out, "[{cut}]");
        }
        let brief = format!("{} lines in {} files", self.lines, self.files);
        Answer::new(self.out, brief)
    }
}

/// Files that are called like a path which is not there.
pub(super) fn same_name(desk: &Desk<'_>, relative: &Path) -> Vec<String> {
    let Some(name) = relative.file_name() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut walk = Walk::new(&desk.files, Till::new(Duration::from_secs(2), None));
    walk.files(Path::new(""), &mut |path| {
        if path.file_name() == Some(name) {
            found.push(format!("`{}`", path.display()));
        }
        found.len() < 5
    });
    found
}

/// What lies in a folder, for a model that reads one.
pub(super) fn folder(desk: &Desk<'_>, relative: &Path) -> Answer {
    let shown = desk.files.path().join(relative);
    let mut names: Vec<String> = std::fs::read_dir(&shown)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| {
            let mark = if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                "/"
            } else {
                ""
            };
            format!("{}{mark}", entry.file_name().to_string_lossy())
        })
        .collect();
    names.sort();
    let more = names.len().saturating_sub(NAMES);
    names.truncate(NAMES);
    let mut out = format!("a folder:\n{}\n", names.join("\n"));
    if more > 0 {
        let _ = writeln!(out, "[and {more} more]");
    }
    Answer::new(
        out,
        format!("{}/: {} entries", relative.display(), names.len() + more),
    )
}

#[cfg(test)]
mod tests;
