//! Use-cases of the issue tracker: each takes a request, reads or publishes the state, and returns
//! a typed report. Reports serialise to what `--json` shows; their field names are a contract.
//!
//! Invariants: no output, no argument parsing; every write goes through `app::publish`, except that
//! `init` proposes the first, empty state itself.
//!
//! May import: domain, store, engine, exchange, ports.

pub mod add;
pub mod agents;
pub mod brief;
pub mod change;
pub mod changelog;
pub mod claim;
pub mod comments;
pub mod cost;
pub mod deps;
pub mod desk;
pub mod doctor;
pub mod editing;
pub mod error;
pub mod export;
pub mod figures;
pub mod find;
pub mod gates;
pub mod graph;
pub mod history;
pub mod hooks;
pub mod hygiene;
pub mod import;
pub mod inbox;
pub mod init;
pub mod list;
pub mod logs;
pub mod merge;
mod names;
pub mod network;
pub mod past;
pub mod prime;
pub mod ready;
pub mod report;
pub mod request;
pub mod review;
pub mod rollup;
pub mod route;
pub mod secret;
pub mod settings;
pub mod sheet;
pub mod show;
pub mod sync;
pub mod template;
pub mod text;
mod told;
pub mod undo;
pub mod values;
mod views;
pub mod watch;
