//! Real git and real processes under faults: every call of git, every effect on the disk, every
//! signal, hostile repositories, many machines at once. Behind each, a judge that knows nothing of
//! fleet's own reading.
//!
//! `FLEET_FAULTS=all` tries every place instead of some; docs/testing.md says more.

#[path = "faults/calls.rs"]
mod calls;
#[path = "faults/checker.rs"]
mod checker;
#[path = "faults/crowd.rs"]
mod crowd;
#[path = "faults/disk.rs"]
mod disk;
#[path = "support/fake_github/mod.rs"]
mod fake_github;
#[path = "faults/forge.rs"]
mod forge;
#[path = "support/gits.rs"]
mod gits;
#[path = "faults/hostile.rs"]
mod hostile;
#[path = "faults/import.rs"]
mod import;
#[path = "support/isolated.rs"]
mod isolated;
#[path = "faults/kinds.rs"]
mod kinds;
#[path = "support/limit.rs"]
mod limit;
#[path = "faults/load.rs"]
mod load;
#[path = "faults/soak.rs"]
mod soak;
#[path = "faults/steps.rs"]
mod steps;
#[path = "faults/sweep.rs"]
mod sweep;
#[path = "faults/together.rs"]
mod together;
#[path = "faults/truth.rs"]
mod truth;
#[path = "faults/world.rs"]
mod world;
