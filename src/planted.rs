//! Defects put in on purpose, to show that the simulation finds them (`tests/sim_planted.rs`).
//!
//! `planted!("name")` at a place in the product is `false`, known when compiling, unless the cargo
//! feature `planted` is on; then a test chooses at run time which one is true. A release, and every
//! profile that inherits from it, refuses the feature (build.rs).
//!
//! Invariants: nothing is chosen unless a test does it; without the feature nothing of this exists.
//!
//! May import: nothing of ours.

/// Whether this defect is to show here.
#[cfg(not(feature = "planted"))]
macro_rules! planted {
    ($name:literal) => {
        false
    };
}

/// Whether this defect is to show here.
#[cfg(feature = "planted")]
macro_rules! planted {
    ($name:literal) => {{
        const NUMBER: u64 = $crate::planted::number($name);
        $crate::planted::is(NUMBER)
    }};
}

#[cfg(feature = "planted")]
pub use chosen::{choose, is, number};

#[cfg(feature = "planted")]
mod chosen {
    use std::sync::atomic::{AtomicU64, Ordering};

    static CHOSEN: AtomicU64 = AtomicU64::new(0);

    /// A number that stands for the name, never 0 (FNV-1a).
    ///
    /// # Panics
    /// Never: a name is shorter than memory.
    #[must_use]
    pub const fn number(name: &str) -> u64 {
        let bytes = name.as_bytes();
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut at = 0;
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
            at += 1;
        }
        hash | 1
    }

    /// Whether the defect of this number is chosen.
    #[must_use]
    pub fn is(number: u64) -> bool {
        CHOSEN.load(Ordering::Relaxed) == number
    }

    /// From now on this defect shows in the whole process, or none.
    pub fn choose(name: Option<&str>) {
        CHOSEN.store(name.map_or(0, number), Ordering::Relaxed);
    }
}
