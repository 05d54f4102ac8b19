//! Real git and real processes under faults: every call of git, every effect on the disk, every
//! signal, hostile repositories, many machines at once. Behind each, a judge that knows nothing of
//! fleet's own reading.
//!
//! `FLEET_FAULTS=all` tries every place instead of some; docs/testing.md says more.

#[path = "faults/calls.rs"]
mod calls;
#[path = "faults/checker.rs"]
mod checker;
#[path = "faults/disk.rs"]
mod disk;
#[path = "faults/steps.rs"]
mod steps;
#[path = "faults/sweep.rs"]
mod sweep;
#[path = "faults/world.rs"]
mod world;
