//! One file per command: its arguments with their help, and the way from them to a use-case.

pub mod add;
pub mod admit;
pub mod answer;
pub mod blocked;
pub mod close;
pub mod comment;
pub mod completions;
pub mod config;
pub mod defer;
pub mod dep;
pub mod doctor;
pub mod fields;
pub mod inbox;
pub mod init;
pub mod list;
pub mod log;
pub mod q;
pub mod ready;
pub mod reopen;
pub mod route;
pub mod show;
pub mod sync;
pub mod undefer;
pub mod update;
pub mod version;
