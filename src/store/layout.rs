//! Where things lie in the tree, and how segments are named.

use serde::{Deserialize, Serialize};

use crate::domain::time::Timestamp;
use crate::ports::state_repo::{FileChange, StateTree};
use crate::store::error::StoreError;

/// Folder of all state.
pub const ROOT: &str = ".orchestra";
/// Path of the version file.
pub const FORMAT_PATH: &str = ".orchestra/format.json";
/// Folder of the log.
pub(crate) const LOG: &str = ".orchestra/log";
/// The format that this build writes, and the newest that it reads fully.
pub const FORMAT: u32 = 1;
/// A segment takes no more lines than this.
pub const SEGMENT_MAX_LINES: usize = 500;
/// A segment takes no more bytes than this, except for one larger record alone in it.
pub const SEGMENT_MAX_BYTES: usize = 64 * 1024;

/// Content of `format.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Format {
    /// Version of the layout and records.
    pub(crate) format: u32,
    /// Least reader that understands it well enough to read.
    pub(crate) min_reader: u32,
}

/// What this build writes.
pub(crate) const OURS: Format = Format {
    format: FORMAT,
    min_reader: 1,
};

impl Format {
    /// Reads the version file; `None` if there is none (no state yet).
    pub(crate) fn read(tree: &dyn StateTree) -> Result<Option<Self>, StoreError> {
        let Some(bytes) = tree.read(FORMAT_PATH)? else {
            return Ok(None);
        };
        let format: Self = serde_json::from_slice(&bytes).map_err(|e| StoreError::BadFormat {
            path: FORMAT_PATH.to_owned(),
            cause: e.to_string(),
        })?;
        if format.min_reader > FORMAT {
            return Err(StoreError::TooNew {
                min_reader: format.min_reader,
            });
        }
        Ok(Some(format))
    }

    /// The file's bytes.
    pub(crate) fn bytes(self) -> Vec<u8> {
        format!(
            "{{\"format\":{},\"min_reader\":{}}}\n",
            self.format, self.min_reader
        )
        .into_bytes()
    }
}

/// The file that makes an empty tree a state: what `fleet init` publishes.
#[must_use]
pub fn first_file() -> FileChange {
    FileChange {
        path: FORMAT_PATH.to_owned(),
        bytes: Some(OURS.bytes()),
    }
}

/// Name of a segment, `<writer>-<seg>.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentName {
    /// The clone that writes it.
    pub(crate) writer: String,
    /// From 0.
    pub(crate) seg: u32,
}

impl SegmentName {
    /// Parses a file name; `None` if it is no segment.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (writer, seg) = name.strip_suffix(".jsonl")?.rsplit_once('-')?;
        let digits = (4..=9).contains(&seg.len()) && seg.bytes().all(|b| b.is_ascii_digit());
        // A number has one name: four digits, or more without a zero in front.
        let one_name = seg.len() == 4 || !seg.starts_with('0');
        if !digits || !one_name || !is_writer(writer) {
            return None;
        }
        Some(Self {
            writer: writer.to_owned(),
            seg: seg.parse().ok()?,
        })
    }

    /// The file name.
    pub(crate) fn file_name(&self) -> String {
        format!("{}-{:04}.jsonl", self.writer, self.seg)
    }
}

/// True for 1 to 32 lower-case letters and digits.
pub(crate) fn is_writer(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// True for `yyyy-mm`.
pub(crate) fn is_month(name: &str) -> bool {
    let b = name.as_bytes();
    b.len() == 7
        && b[4] == b'-'
        && b.iter()
            .enumerate()
            .all(|(i, c)| i == 4 || c.is_ascii_digit())
}

/// Folder of the log's month that `now` lies in.
pub(crate) fn month_dir(now: Timestamp) -> String {
    format!("{LOG}/{}", now.month())
}
