//! What is kept of an imported issue beside the task: enough to tell its next version from the last
//! one, and to write it again without loss.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::domain::dep::DepKind;
use crate::domain::task::Task;
use crate::domain::time::Timestamp;
use crate::exchange::batch::Format;
use crate::exchange::beads::links;

/// Name of the task's field (one of those that this build does not interpret) that holds [`Kept`] as
/// one text. A text, because JSON values lose the spelling of numbers and the order of keys.
pub const SOURCE_FIELD: &str = "source";

/// The file's name was told with the import.
pub const NAMED: &str = "=";
/// The file is one of the repository, and its name is its path there.
pub(super) const HERE: &str = ".";

/// An edge as the source has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLink(
    /// The source's kind.
    pub String,
    /// The source's name of the target.
    pub String,
    /// Its other fields, as written, braces included; empty if there are none.
    #[serde(default)]
    pub String,
);

/// A comment as the source has it, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptComment(
    /// Its name at the source.
    pub String,
    /// Fingerprint of author and text.
    pub String,
    /// Its other fields, as written, braces included.
    pub String,
);

/// What is kept beside an imported task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// Last change at the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// Status at the source, where open and closed do not say it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// Edges.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<KeptLink>,
    /// Comments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comments: Vec<KeptComment>,
    /// Lengths in bytes of the texts that the body was put together from, in the format's order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Option<u32>>,
    /// All other fields of the source, as written, braces included; empty if there are none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rest: String,
    /// Fingerprints of its labels, sorted, one after the other; see [`Kept::had`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub labels: String,
    /// Edges that the source names on the side that they lead to: kind, and reference of the task
    /// that they come from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub back: Vec<(String, String)>,
    /// Which of all files that bear the name in its reference it came from, where the reference
    /// alone does not tell: [`NAMED`], `HERE`, or a fingerprint of a place outside.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// Identity of the task that it is at its source, if that is fleet, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Fingerprints of the values that the last import wanted; see [`Sums`](crate::exchange::Sums).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sums: String,
}

impl KeptLink {
    /// What an edge that an import of `format` noted means here: kind, and reference of the target.
    #[must_use]
    pub fn edge(&self, format: Format) -> Option<(DepKind, String)> {
        if self.1.is_empty() {
            return None;
        }
        match format {
            Format::Beads => Some((links::kind(&self.0).0, links::key(&self.1))),
            _ => Some((self.0.parse().ok()?, self.1.clone())),
        }
    }
}

impl Kept {
    /// The text that is stored.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// True if it has a comment of these words.
    #[must_use]
    pub fn heard(&self, by: &str, text: &str) -> bool {
        let print = print(by, text);
        self.comments.iter().any(|kept| kept.1 == print)
    }

    /// What tells whether the source had a label.
    pub fn had(&self) -> impl Fn(&str) -> bool + use<> {
        let digits = self.labels.as_bytes().chunks_exact(LABEL_DIGITS);
        let prints = digits.filter_map(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u64::from_str_radix(digits, 16).ok()
        });
        let prints: HashSet<u64> = prints.collect();
        move |label| prints.contains(&label_print(label))
    }

    /// What is kept beside `task`, if it was imported.
    #[must_use]
    pub fn beside(task: &Task) -> Option<Self> {
        let field = task.details.extra.get(SOURCE_FIELD)?;
        field.value.as_str().map(Self::from_text)
    }

    /// Reads it back; what does not fit any more counts as nothing.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// Builds a JSON object from fields as they are written, sorted by name: the order of fields means
/// nothing, and an export need not remember it.
#[derive(Debug, Default)]
pub(crate) struct Rest(Vec<(String, String)>);

impl Rest {
    pub(crate) fn add(&mut self, name: &str, raw: &str) {
        self.0.push((name.to_owned(), raw.to_owned()));
    }

    /// The object; empty if it has no fields.
    pub(crate) fn finish(mut self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut text = String::new();
        for (name, raw) in &self.0 {
            text.push(if text.is_empty() { '{' } else { ',' });
            let name = serde_json::to_string(name).unwrap_or_default();
            let _ = write!(text, "{name}:{raw}");
        }
        text.push('}');
        text
    }
}

/// Hexadecimal digits of a label's fingerprint.
const LABEL_DIGITS: usize = 8;

/// The fingerprints of labels.
pub(crate) fn label_prints<'a>(labels: impl Iterator<Item = &'a str>) -> String {
    let prints: BTreeSet<u64> = labels.map(label_print).collect();
    let mut text = String::with_capacity(prints.len() * LABEL_DIGITS);
    for print in prints {
        let _ = write!(text, "{print:08x}");
    }
    text
}

/// The upper bits of this hash are mixed best.
fn label_print(label: &str) -> u64 {
    fnv(FNV_START, label.as_bytes()) >> 32
}

/// Fingerprint of a comment: 64 bits of FNV-1a in hex, which only has to tell a few texts apart.
#[must_use]
pub(crate) fn print(by: &str, text: &str) -> String {
    let hash = fnv(fnv(fnv(FNV_START, by.as_bytes()), &[0]), text.as_bytes());
    format!("{hash:016x}")
}

/// Where an FNV-1a hash of 64 bits begins.
pub(crate) const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

/// Goes on with an FNV-1a hash.
pub(crate) fn fnv(mut hash: u64, bytes: &[u8]) -> u64 {
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}
