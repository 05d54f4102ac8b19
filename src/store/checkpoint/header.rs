//! The header and the archive's index.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::time::Hlc;
use crate::ports::state_repo::StateTree;
use crate::store::checkpoint::header_text::header;
use crate::store::error::StoreError;
use crate::store::fingerprint::fingerprint;
use crate::store::memo::Memo;

/// Path of the header.
pub(crate) const HEADER_PATH: &str = ".orchestra/checkpoint.json";
/// Path of the archive's index.
pub(crate) const ARCHIVE_PATH: &str = ".orchestra/archive/index.json";

/// What the rows of a checkpoint made here can hold. Raised with every new kind of record, and with
/// every new field of a record or a row: a build that does not know a field would drop it in rewriting
/// the rows, so it leaves a checkpoint with a greater number as it is and only appends to the log.
pub(crate) const FOLD: u32 = 4;

/// One file of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRef {
    /// Path in the tree.
    pub(crate) path: String,
    /// Least task number that belongs into it; the next file's is the end.
    pub(crate) first: u32,
    /// Length.
    pub(crate) bytes: u64,
    /// Fingerprint.
    pub(crate) print: String,
}

impl FileRef {
    /// Describes a file.
    pub(crate) fn of(path: String, first: u32, bytes: &[u8]) -> Self {
        Self {
            path,
            first,
            bytes: bytes.len() as u64,
            print: fingerprint(bytes),
        }
    }

    /// True if these are the bytes.
    pub(crate) fn fits(&self, bytes: &[u8]) -> bool {
        self.bytes == bytes.len() as u64 && self.print == fingerprint(bytes)
    }
}

/// Files by table, each list by `first`.
pub(crate) type Tables = BTreeMap<String, Vec<FileRef>>;

/// A segment that is covered in part, or whose id was not known when the header was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenSegment {
    /// Its number.
    pub(crate) seg: u32,
    /// Covered bytes from its start.
    pub(crate) bytes: u64,
    /// Lines in them.
    pub(crate) lines: u64,
    /// Their fingerprint.
    pub(crate) print: String,
    /// Identity of the file if all of it is covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
}

/// What is covered of one writer's segments in one month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WriterCover {
    /// Segments with a lower number are wholly covered …
    pub(crate) below: u32,
    /// … if their numbers and ids have this fingerprint.
    pub(crate) ids: String,
    /// The others.
    pub(crate) open: Vec<OpenSegment>,
}

/// What is covered of one month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MonthCover {
    /// All, as long as the folder has this id.
    Tree(String),
    /// By writer.
    Writers(BTreeMap<String, WriterCover>),
}

/// Identity of the archive's index file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArchiveRef {
    /// Fingerprint of the index.
    pub(crate) print: String,
    /// Tasks in the archive.
    pub(crate) tasks: u64,
}

/// Content of `checkpoint.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// [`FOLD`] of the build that made it.
    #[serde(default = "first_fold")]
    pub(crate) fold: u32,
    /// `State::clock` of all that is covered.
    pub(crate) clock: Hlc,
    /// `State::max_number` of all that is covered; archived numbers count.
    pub(crate) max_number: u32,
    /// Rows by table, for people.
    pub(crate) counts: BTreeMap<String, u64>,
    /// What is covered of the log, by month.
    pub(crate) covers: BTreeMap<String, MonthCover>,
    /// The live rows. Builds that knew them as `tables` looked for texts with the tasks: these fold
    /// the log instead, and leave the checkpoint alone.
    #[serde(rename = "files", alias = "tables")]
    pub(crate) tables: Tables,
    /// The archive, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) archive: Option<ArchiveRef>,
}

/// Headers from before there was the number.
fn first_fold() -> u32 {
    1
}

/// The one field of a header that every build must be able to read.
#[derive(Deserialize)]
struct Folded {
    #[serde(default = "first_fold")]
    fold: u32,
}

impl Header {
    /// True if a newer build made the checkpoint.
    pub(crate) fn is_newer(&self) -> bool {
        self.fold > FOLD
    }

    /// The same for a tree, whatever else its header says.
    pub(crate) fn newer_at(tree: &dyn StateTree) -> Result<bool, StoreError> {
        let bytes = tree.read(HEADER_PATH)?.unwrap_or_default();
        let folded = serde_json::from_slice::<Folded>(&bytes);
        Ok(folded.is_ok_and(|header| header.fold > FOLD))
    }

    /// Reads the header; `None` if there is none. The inner error says what is wrong with it.
    pub(crate) fn read(
        tree: &dyn StateTree,
        memo: Option<&Memo>,
    ) -> Result<Option<Result<Self, String>>, StoreError> {
        let Some(bytes) = tree.read(HEADER_PATH)? else {
            return Ok(None);
        };
        if let Some(known) = memo.and_then(|memo| memo.header(&bytes)) {
            return Ok(Some(Ok(known)));
        }
        let header = header(&bytes).map_err(|e| e.to_string());
        if let (Some(memo), Ok(header)) = (memo, &header) {
            memo.keep_header(bytes, header);
        }
        Ok(Some(header))
    }
}

/// Content of `archive/index.json`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct ArchiveIndex {
    /// The archived rows.
    pub(crate) tables: Tables,
}

impl ArchiveIndex {
    /// Reads the index that the header names. The inner error says what is wrong with it.
    pub(crate) fn read(
        tree: &dyn StateTree,
        wanted: Option<&ArchiveRef>,
    ) -> Result<Result<Self, String>, StoreError> {
        let Some(wanted) = wanted else {
            return Ok(Ok(Self::default()));
        };
        let Some(bytes) = tree.read(ARCHIVE_PATH)? else {
            return Ok(Err(format!("{ARCHIVE_PATH} is missing")));
        };
        if fingerprint(&bytes) != wanted.print {
            return Ok(Err(format!("{ARCHIVE_PATH} is not what the header says")));
        }
        let index = serde_json::from_slice(&bytes).map_err(|e| format!("{ARCHIVE_PATH}: {e}"));
        Ok(index)
    }
}
