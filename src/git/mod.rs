//! Git: the state branch, the code side, and workspaces, on a real repository.
//!
//! Objects and refs are read and written in process (libgit2: it runs no hooks, filters or
//! fsmonitor). Whatever touches a network, a checkout or a foreign tree goes through the git
//! program, and only by way of `process`, which fixes its environment.
//!
//! Invariants: no record and no decision is known here; bytes and oids move. No hook, filter or
//! fsmonitor of any repository runs (I10). No git configuration is written. Every process ends
//! within its limit and its whole group is killed otherwise (I9). Nothing is pushed without a lease
//! on an expected oid.
//!
//! May import: domain, ports.
#![expect(
    clippy::disallowed_methods,
    reason = "this room is the edge to git: it starts the git program and reads repositories"
)]

mod cache;
pub mod code_repo;
mod draft;
mod durable;
mod held;
pub mod hooks;
mod import;
mod index_lock;
mod leftover;
mod loose;
mod native;
mod object_store;
mod objects;
mod owned;
mod pack;
mod packs;
pub mod place;
pub mod process;
mod push_advice;
pub mod push_report;
mod redact;
mod refs;
pub mod remote;
mod rollup;
pub mod site;
pub mod state_repo;
mod whole;
pub mod workspaces;
mod zlib;
