//! Time and randomness, so that tests fix both.

use crate::domain::ids::RecordId;
use crate::domain::time::{DurationMs, Timestamp};

/// The wall clock.
pub trait Clock: Send + Sync {
    /// Now, UTC.
    fn now(&self) -> Timestamp;

    /// Waits: between two tries at a contended ref, never to let something "settle".
    fn pause(&self, span: DurationMs);
}

/// Fresh identities.
pub trait Ids: Send + Sync {
    /// A new record id (UUIDv7 whose time part is `now`), greater than the ones before.
    fn record(&self, now: Timestamp) -> RecordId;
    /// 128 random bits in hex.
    fn nonce(&self) -> String;
}
