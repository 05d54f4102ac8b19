//! fleet: a git-native issue queue that runs coding agents from cron or CI.
//!
//! The rooms, and who may import whom (kept by `tests/architecture.rs`):
//!
//! | room | purpose | may import |
//! |---|---|---|
//! | `domain` | ids, records, state = fold(records) | nothing of ours |
//! | `store` | records ⇄ bytes: codec, segments, checkpoint, merge | domain, ports (tree types) |
//! | `engine` | ready, routing, locks, retry, budgets, gates → plan (values) | domain |
//! | `exchange` | issues of other trackers ⇄ bytes | domain |
//! | `ports` | traits to the world and the values that pass them | domain |
//! | `app` | use-cases: tick, add, ready, sync, doctor … | domain, store, engine, exchange, ports |
//! | `config` `git` `forge` `agents` `providers` `sandbox` `machine` | edges, one foreign family each | domain, ports |
//! | `cli` | face: parse, call app, render | domain, app |
//! | `wire` | the only composition root | all |

#![cfg_attr(
    not(test),
    warn(
        clippy::disallowed_methods,
        clippy::panic,
        clippy::print_stderr,
        clippy::print_stdout,
        clippy::unwrap_used,
        missing_docs,
    )
)]

#[macro_use]
pub mod planted;

pub mod agents;
pub mod app;
pub mod cli;
pub mod config;
pub mod demo;
pub mod domain;
pub mod engine;
pub mod exchange;
pub mod forge;
pub mod git;
pub mod machine;
pub mod mcp;
pub mod ports;
pub mod providers;
pub mod sandbox;
pub mod store;
pub mod vault;
pub mod wire;
