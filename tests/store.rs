//! The state's bytes: folding, checkpoints, the archive, damage, versions and merges, through the
//! store's public API on trees in memory.

#[path = "store/archive.rs"]
mod archive;
#[path = "store/damage.rs"]
mod damage;
#[path = "store/doctor.rs"]
mod doctor;
#[path = "store/memo.rs"]
mod memo;
#[path = "store/naming.rs"]
mod naming;
#[path = "store/properties.rs"]
mod properties;
#[path = "store/records.rs"]
mod records;
#[path = "store/segments.rs"]
mod segments;
#[path = "store/snapshot.rs"]
mod snapshot;
#[path = "store/support.rs"]
mod support;
#[path = "store/two_clones.rs"]
mod two_clones;
#[path = "store/versions.rs"]
mod versions;
