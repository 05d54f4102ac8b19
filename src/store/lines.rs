//! The bytes of a segment → records and problems. Nothing is skipped in silence.

use std::sync::Arc;

use crate::domain::ids::RecordId;
use crate::domain::record::Record;
use crate::store::codec::decode_line;
use crate::store::problem::{Problem, ProblemKind};

/// Problems listed per file; a summary follows.
const MAX_PROBLEMS: usize = 100;

/// One readable line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogLine {
    /// What it says.
    pub(crate) record: Record,
    /// The line as it is, without its end.
    pub(crate) raw: Box<str>,
    /// Number in the file, from 1.
    pub(crate) line: u64,
}

/// What one file gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Parsed {
    /// Readable lines in order.
    pub(crate) lines: Vec<Arc<LogLine>>,
    /// What is wrong.
    pub(crate) problems: Vec<Problem>,
    /// Lines that are records, but not for this version: they go along in the checkpoint.
    pub(crate) unread: Vec<(RecordId, Box<str>)>,
    /// Bytes up to and with the last newline.
    pub(crate) whole: usize,
    /// Newlines in them.
    pub(crate) count: u64,
}

/// Parses `bytes` of the file `path` from byte `from`, which is the start of line `first`.
pub(crate) fn parse(path: &str, bytes: &[u8], from: usize, first: u64) -> Parsed {
    let mut out = Parsed {
        whole: bytes.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1),
        ..Parsed::default()
    };
    let mut file = FileState::new(path);
    let mut rest = &bytes[from.min(bytes.len())..];
    if from == 0 && rest.starts_with(b"\xef\xbb\xbf") {
        rest = &rest[3..];
        file.note(Problem::file(path, ProblemKind::ByteOrderMark, ""));
    }
    let mut number = first;
    // A file that is UTF-8 as a whole is checked once; else each line for itself.
    let text = std::str::from_utf8(rest).ok();
    let mut offset = 0;
    while offset < rest.len() {
        let end = rest[offset..].iter().position(|b| *b == b'\n');
        let stop = end.map_or(rest.len(), |n| offset + n);
        let mut line = &rest[offset..stop];
        if line.last() == Some(&b'\r') {
            line = &line[..line.len() - 1];
            file.crlf.get_or_insert(number);
        }
        if !line.iter().all(u8::is_ascii_whitespace) {
            let decoded = match text {
                Some(text) => text.get(offset..offset + line.len()),
                None => std::str::from_utf8(line).ok(),
            };
            one(&mut out, &mut file, line, decoded, number, end.is_some());
        }
        offset = stop + 1;
        number += u64::from(end.is_some());
    }
    out.count = number - 1;
    out.problems = file.finish();
    out
}

fn one(
    out: &mut Parsed,
    file: &mut FileState<'_>,
    line: &[u8],
    text: Option<&str>,
    number: u64,
    ended: bool,
) {
    let what = match text {
        None => ProblemKind::NotUtf8,
        Some(_) if line.contains(&0) => ProblemKind::NulByte,
        Some(text) if is_marker(text) => ProblemKind::ConflictMarker,
        Some(text) => match decode_line(text) {
            Ok(record) => {
                out.lines.push(Arc::new(LogLine {
                    record,
                    raw: text.into(),
                    line: number,
                }));
                if !ended {
                    let what = ProblemKind::NoFinalNewline;
                    file.note(Problem::line(file.path, number, what, b""));
                }
                return;
            }
            Err(error) => {
                if let Some(id) = error.id {
                    out.unread.push((id, text.into()));
                }
                if !ended && error.id.is_none() {
                    ProblemKind::TornLine
                } else {
                    file.note_line(number, error.what, &error.cause, line);
                    return;
                }
            }
        },
    };
    let what = if ended { what } else { ProblemKind::TornLine };
    file.note(Problem::line(file.path, number, what, line));
}

/// The lines that git puts around both sides of a conflict.
fn is_marker(text: &str) -> bool {
    ["<<<<<<< ", "||||||| ", ">>>>>>> "]
        .iter()
        .any(|m| text.starts_with(m))
        || text.trim_end() == "======="
}

/// Collects the problems of one file, bounded.
struct FileState<'a> {
    path: &'a str,
    crlf: Option<u64>,
    problems: Vec<Problem>,
    more: u64,
}

impl<'a> FileState<'a> {
    const fn new(path: &'a str) -> Self {
        Self {
            path,
            crlf: None,
            problems: Vec::new(),
            more: 0,
        }
    }

    fn note(&mut self, problem: Problem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        } else {
            self.more += 1;
        }
    }

    fn note_line(&mut self, number: u64, what: ProblemKind, cause: &str, line: &[u8]) {
        if self.problems.len() >= MAX_PROBLEMS {
            self.more += 1;
            return;
        }
        let mut detail = format!("{cause}: ").into_bytes();
        detail.extend_from_slice(&line[..line.len().min(480)]);
        self.note(Problem::line(self.path, number, what, &detail));
    }

    fn finish(mut self) -> Vec<Problem> {
        if let Some(line) = self.crlf {
            let what = ProblemKind::CarriageReturns;
            self.problems
                .push(Problem::line(self.path, line, what, b""));
        }
        if self.more > 0 {
            let detail = format!("{} more", self.more);
            let what = ProblemKind::More;
            self.problems.push(Problem::file(self.path, what, &detail));
        }
        self.problems
    }
}
