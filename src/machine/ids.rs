//! Fresh identities: random ones, and seeded ones for tests of the whole program.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::{ContextV7, Uuid};

use crate::domain::ids::RecordId;
use crate::domain::time::Timestamp;
use crate::ports::clock::Ids;

/// Random identities; record ids of one process grow.
#[derive(Debug, Default)]
pub struct SystemIds {
    context: Mutex<ContextV7>,
}

impl Ids for SystemIds {
    fn record(&self, now: Timestamp) -> RecordId {
        let context = self
            .context
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let nanos = u32::try_from(now.0 % 1000 * 1_000_000).unwrap_or(0);
        let time = uuid::Timestamp::from_unix(&*context, now.0 / 1000, nanos);
        RecordId(Uuid::new_v7(time))
    }

    fn nonce(&self) -> String {
        // A v7 UUID has 62 to 74 random bits behind its time; two of them, turned so that the
        // random halves meet the times, fill all 128.
        let (a, b) = (Uuid::now_v7().as_u128(), Uuid::now_v7().as_u128());
        format!("{:032x}", a ^ b.rotate_left(64))
    }
}

/// Identities that depend only on a seed and on how many were asked for.
#[derive(Debug)]
pub struct SeededIds {
    seed: u64,
    count: AtomicU64,
}

impl SeededIds {
    /// Starts a sequence.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            count: AtomicU64::new(0),
        }
    }

    /// SplitMix64 over seed and position.
    fn next(&self) -> (u64, u64) {
        let n = self.count.fetch_add(1, Ordering::SeqCst);
        let mut z = self
            .seed
            .wrapping_add(n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (n, z ^ (z >> 31))
    }
}

impl Ids for SeededIds {
    fn record(&self, now: Timestamp) -> RecordId {
        let (n, random) = self.next();
        // Layout of RFC 9562 §5.7, the 12 bits of rand_a counting up.
        let high = (now.0 << 16) | 0x7000 | (n & 0x0fff);
        let low = (random & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
        RecordId(Uuid::from_u64_pair(high, low))
    }

    fn nonce(&self) -> String {
        let ((_, a), (_, b)) = (self.next(), self.next());
        format!("{a:016x}{b:016x}")
    }
}
