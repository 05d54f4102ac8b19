//! Time and randomness, so that tests fix both.

use crate::domain::ids::RecordId;
use crate::domain::time::{DurationMs, Moment, Timestamp};

/// The wall clock, and the one that spans are measured with.
pub trait Clock: Send + Sync {
    /// Now, UTC. It may jump when somebody sets the clock.
    fn now(&self) -> Timestamp;

    /// This moment on a clock that never jumps. One that is only told the time goes by that.
    fn moment(&self) -> Moment {
        Moment(self.now().0)
    }

    /// How many seconds the clocks on the user's walls are ahead of UTC at that time.
    fn offset_secs(&self, _at: Timestamp) -> i32 {
        0
    }

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
