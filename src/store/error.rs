//! Why the store refuses. What is merely damaged is a `Problem`, not an error.

use crate::ports::state_repo::StateReadError;
use crate::store::codec::MAX_LINE_BYTES;
use crate::store::layout::FORMAT;

/// The state cannot be read as a whole, or a write is refused. Fits after "failed to ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The storage below cannot be read.
    #[error(transparent)]
    Read(#[from] StateReadError),
    /// `format.json` asks for a newer reader.
    #[error(
        "read the state: it needs a fleet that reads format {min_reader}, this one reads up to {FORMAT}; install a newer fleet"
    )]
    TooNew {
        /// Least reader version that may read it.
        min_reader: u32,
    },
    /// The state is written by a newer fleet; reading is fine, writing is not.
    #[error(
        "write the state: it is in format {format}, this fleet writes {FORMAT}; install a newer fleet (reading works)"
    )]
    NewerFormat {
        /// The format on disk.
        format: u32,
    },
    /// `format.json` itself is damaged, so nothing may be assumed about the rest.
    #[error("read {path}: {cause}; repair it by hand from `git log` of the state branch")]
    BadFormat {
        /// Path in the tree.
        path: String,
        /// What is wrong with it.
        cause: String,
    },
    /// Some files could not be read at all: deciding on the rest could grant things twice.
    #[error(
        "write the state: {path} cannot be read ({cause}), so what is in it is not known; run `fleet doctor`"
    )]
    Unreadable {
        /// The first such file.
        path: String,
        /// Why.
        cause: String,
    },
    /// A file of the archive is damaged, so finished work cannot be added to it.
    #[error(
        "write the checkpoint: {path} is damaged ({cause}); `fleet doctor` folds the log again"
    )]
    DamagedArchive {
        /// Path in the tree.
        path: String,
        /// Why.
        cause: String,
    },
    /// The record does not fit on a line.
    #[error(
        "write record {id}: its line has {bytes} bytes, the limit is {MAX_LINE_BYTES}; shorten the text, or keep it in a file of the repository and name the file"
    )]
    LineTooLong {
        /// Record.
        id: String,
        /// Length of its line.
        bytes: usize,
    },
    /// The record cannot be written as a line that reads back as the same record.
    #[error("write record {id}: {cause}")]
    BadRecord {
        /// Record.
        id: String,
        /// Why.
        cause: String,
    },
    /// The writer's name cannot be part of a file name.
    #[error("write as `{writer}`: a writer's name is 1 to 32 lower-case letters and digits")]
    BadWriter {
        /// The name.
        writer: String,
    },
    /// A checkpoint was asked for on a partial reading.
    #[error("write a checkpoint from a partial reading; load the state with `Scope::Live` first")]
    PartialCheckpoint,
    /// A checkpoint was asked for on a local-only write beside unpublished records.
    #[error(
        "write a checkpoint while local records are unpublished; publish them first with `fleet sync`"
    )]
    UnsettledCheckpoint,
}
