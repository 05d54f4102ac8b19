//! The checkpoint: the fold written down, with what it covers of the log.
//!
//! `.orchestra/checkpoint.json` is the header. The rows lie in one file per table, or in a folder
//! of shards by the number of the task that a row belongs to (0 = none). Finished work moves to
//! `.orchestra/archive/`, which has the same tables and an index of its own, so that reading costs
//! what is live. A file whose fingerprint differs from the header's makes the whole checkpoint
//! invalid: the log is folded again.

mod cover;
mod dep_text;
mod header;
mod header_text;
mod install;
mod keys;
mod row_types;
mod rows;
mod save;
mod scan;
mod shard;
mod task_row;
mod task_text;
mod text;

pub(crate) use cover::uncovered;
pub(crate) use header::{ArchiveIndex, FileRef, HEADER_PATH, Header};
pub(crate) use install::{Luggage, Part, Wanted, apply_kept, install, read_refs};
pub(crate) use keys::find_key;
pub(crate) use row_types::DepRow;
pub(crate) use rows::TEXTS;
pub(crate) use save::{Changes, checkpoint, differences};
pub(crate) use shard::{all_refs, refs_of};
