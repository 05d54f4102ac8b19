//! The threat table of `docs/security.md`, row by row: each row has a test here whose name begins with
//! `threat_` and says the row, with the real program, real git and real processes.
//!
//! `page.rs` reads the table and fails if it names a test that is not there.

#[path = "threats/changes.rs"]
mod changes;
#[path = "threats/faces.rs"]
mod faces;
#[path = "threats/host.rs"]
mod host;
#[path = "support/isolated.rs"]
mod isolated;
#[path = "threats/keys.rs"]
mod keys;
#[path = "threats/limits.rs"]
mod limits;
#[path = "threats/outsiders.rs"]
mod outsiders;
#[path = "threats/page.rs"]
mod page;
#[expect(
    dead_code,
    reason = "the records belong to tests/store.rs, which uses all of it"
)]
#[path = "store/records.rs"]
mod records;
#[path = "threats/supply.rs"]
mod supply;
#[path = "threats/token.rs"]
mod token;
#[path = "threats/traces.rs"]
mod traces;
#[expect(
    dead_code,
    reason = "the world belongs to tests/tick_cli.rs, which uses all of it"
)]
#[path = "tick_cli/world.rs"]
mod world;
