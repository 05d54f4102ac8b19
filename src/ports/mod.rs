//! Ports: the traits through which decisions reach the world, and the values that pass them.
//!
//! Every answer on which a choice depends is an enum, never a bool and never a string to parse.
//!
//! Invariants: no implementation that touches the world; no knowledge of git, HTTP or processes.
//!
//! May import: domain.

pub mod clock;
pub mod code_repo;
pub mod files;
pub mod forge;
pub mod forge_setup;
pub mod handover;
pub mod hooks;
pub mod host;
pub mod journal;
pub mod lease;
pub mod memory;
pub mod memory_tree;
pub mod model;
pub mod remote_session;
pub mod runner;
pub mod sandbox;
pub mod site;
pub mod state_repo;
pub mod stream;
pub mod template;
pub mod tickets;
pub mod vault;
pub mod workspaces;
