//! What is wrong with the state's bytes: named, located, bounded. A problem never hides the rest.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest excerpt, in characters of escaped text.
const EXCERPT_CHARS: usize = 120;

/// What is wrong. The wire names stand in the checkpoint and in `--json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// The last line has no end and is not a whole record: a write was cut.
    TornLine,
    /// The last line has no end but is a whole record; it was read.
    NoFinalNewline,
    /// The file begins with a byte order mark; it was read without it.
    ByteOrderMark,
    /// Lines end in CR LF; they were read without the CR.
    CarriageReturns,
    /// The line has a NUL byte.
    NulByte,
    /// The line is a marker of a merge conflict; what is around it was read.
    ConflictMarker,
    /// The line is not UTF-8.
    NotUtf8,
    /// The line is not JSON.
    NotJson,
    /// More than one JSON value on the line.
    TrailingData,
    /// JSON, but not a record: a field is missing, doubled, or of a wrong type or value.
    NotARecord,
    /// Two different records have one id; the other one counts.
    DuplicateId,
    /// A symlink, executable or submodule; never read.
    ForeignEntry,
    /// A file that has no place in the layout; never read.
    UnexpectedFile,
    /// The file cannot be read: damaged object, or over the size limit.
    Unreadable,
    /// A file of the checkpoint or archive is damaged; the state was folded from the log instead.
    BadCheckpoint,
    /// Lines that the checkpoint covers are gone or changed; what is there was read again.
    CoveredChanged,
    /// A line of the checkpoint differs from the log's fold (found by a full check only).
    CheckpointDiffers,
    /// More lines of the same file are damaged than are listed.
    More,
}

impl ProblemKind {
    /// The wire name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TornLine => "torn-line",
            Self::NoFinalNewline => "no-final-newline",
            Self::ByteOrderMark => "byte-order-mark",
            Self::CarriageReturns => "carriage-returns",
            Self::NulByte => "nul-byte",
            Self::ConflictMarker => "conflict-marker",
            Self::NotUtf8 => "not-utf8",
            Self::NotJson => "not-json",
            Self::TrailingData => "trailing-data",
            Self::NotARecord => "not-a-record",
            Self::DuplicateId => "duplicate-id",
            Self::ForeignEntry => "foreign-entry",
            Self::UnexpectedFile => "unexpected-file",
            Self::Unreadable => "unreadable",
            Self::BadCheckpoint => "bad-checkpoint",
            Self::CoveredChanged => "covered-changed",
            Self::CheckpointDiffers => "checkpoint-differs",
            Self::More => "more",
        }
    }

    /// What it means, as a sentence fragment.
    const fn words(self) -> &'static str {
        match self {
            Self::TornLine => "the last line is cut off; it is kept and not read",
            Self::NoFinalNewline => "the last line has no end; it was read",
            Self::ByteOrderMark => "begins with a byte order mark; it was read",
            Self::CarriageReturns => "has CR LF line ends; it was read",
            Self::NulByte => "has a NUL byte; the line is kept and not read",
            Self::ConflictMarker => "a merge conflict's marker; the line is kept and not read",
            Self::NotUtf8 => "not UTF-8; the line is kept and not read",
            Self::NotJson => "not JSON; the line is kept and not read",
            Self::TrailingData => "more than one value; the line is kept and not read",
            Self::NotARecord => "not a record; the line is kept and not read",
            Self::DuplicateId => "another record has the same id; this one is kept and not read",
            Self::ForeignEntry => "a symlink, executable or submodule; not read",
            Self::UnexpectedFile => "has no place here; not read",
            Self::Unreadable => "cannot be read; writing is refused",
            Self::BadCheckpoint => "the checkpoint is damaged; the log was folded instead",
            Self::CoveredChanged => {
                "lines that the checkpoint covers are gone or changed; what is there was read again"
            }
            Self::CheckpointDiffers => "the checkpoint differs from the log",
            Self::More => "more damaged lines than are listed",
        }
    }
}

/// One thing that is wrong, and where. `fleet doctor` shows them all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Problem {
    /// Path in the tree.
    pub path: String,
    /// Line, from 1; 0 = the file as a whole.
    pub line: u64,
    /// What.
    pub what: ProblemKind,
    /// The cause in detail and the beginning of the line; escaped, at most 120 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub excerpt: String,
}

impl Problem {
    /// A problem of a whole file.
    pub(crate) fn file(path: &str, what: ProblemKind, detail: &str) -> Self {
        Self::line(path, 0, what, detail.as_bytes())
    }

    /// A problem of one line.
    pub(crate) fn line(path: &str, line: u64, what: ProblemKind, bytes: &[u8]) -> Self {
        Self {
            path: escape(path.as_bytes()),
            line,
            what,
            excerpt: escape(bytes),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}", self.what.words())?;
        if !self.excerpt.is_empty() {
            write!(f, " [{}]", self.excerpt)?;
        }
        Ok(())
    }
}

/// Escapes all that is not plain printable ASCII or a letter, and cuts to the limit (R7).
fn escape(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut count = 0;
    for chunk in bytes[..bytes.len().min(4 * EXCERPT_CHARS)].utf8_chunks() {
        let bad = chunk.invalid().iter().map(|b| format!("\\x{b:02x}"));
        let good = chunk.valid().chars().map(|c| match c {
            '\\' => "\\\\".to_owned(),
            ' '..='~' => c.to_string(),
            _ if c.is_alphanumeric() => c.to_string(),
            _ => format!("\\u{{{:x}}}", u32::from(c)),
        });
        for piece in good.chain(bad) {
            count += piece.chars().count();
            if count > EXCERPT_CHARS {
                out.push('…');
                return out;
            }
            out.push_str(&piece);
        }
    }
    if bytes.len() > 4 * EXCERPT_CHARS {
        out.push('…');
    }
    out
}
