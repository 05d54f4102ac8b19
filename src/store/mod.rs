//! Records ⇄ bytes: the log's lines and segments, the checkpoint, the archive, and their merge.
//!
//! The log under `.orchestra/log/` is the truth: append-only, never moved, never rewritten. The
//! checkpoint is a fold of it written down; whatever is wrong with a checkpoint, the state is
//! folded from the log again and the trouble is reported. Reading is [`load`]; writing is
//! [`plan_write`], which answers with file changes and touches nothing.
//!
//! Invariants: no IO of its own (bytes come through `ports::state_repo::StateTree`), no clock, no
//! randomness; no line is ever dropped without a [`Problem`]; bad input never panics.
//!
//! May import: domain, and the tree types of ports.

mod checkpoint;
mod codec;
mod error;
mod fingerprint;
mod known;
mod layout;
mod lines;
mod loaded;
mod log;
mod memo;
mod merge;
mod problem;
mod reach;
mod read;
mod snapshot;
mod texts;
mod verify;
mod write;

pub use codec::{LineError, MAX_LINE_BYTES, decode_line, encode_record};
pub use error::StoreError;
pub use known::known_keys;
pub use layout::{FORMAT, FORMAT_PATH, ROOT, SEGMENT_MAX_BYTES, SEGMENT_MAX_LINES, first_file};
pub use loaded::{Loaded, Scope};
pub use log::{HistoryOf, history};
pub use memo::Memo;
pub use merge::unpublished;
pub use problem::{Problem, ProblemKind};
pub use read::{load, load_again, load_cached, load_log, load_more};
pub use snapshot::Bodies;
pub use verify::verify;
pub use write::{Checkpoint, Write, checkpoint_is_due, checkpoint_is_overdue, plan_write};
