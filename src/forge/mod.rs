//! Forges: where humans review. GitHub (and what speaks its REST API), or local review records.
//!
//! Invariants: nothing here merges, approves, closes or deletes anything (R10); no branch is read
//! or moved; the environment is not read; a token reaches one HTTP header and nothing else, no
//! error, note, file or `Debug` text, and an App's key not even that. The only files are answers
//! that may be removed at any time. Text from the forge is data: bounded, and never run.
//!
//! May import: domain, ports.
#![expect(
    clippy::disallowed_methods,
    reason = "this room is the edge to the forge: it waits between two writes"
)]

pub mod github;
pub mod local;
