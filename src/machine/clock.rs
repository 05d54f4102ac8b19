//! The system's wall clock, and a fixed one for tests of the whole program.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::domain::time::{DurationMs, Moment, Timestamp};
use crate::ports::clock::Clock;

/// The system's wall clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)))
    }

    fn moment(&self) -> Moment {
        static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
        let passed = BEGIN.elapsed().as_millis();
        Moment(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    fn offset_secs(&self, at: Timestamp) -> i32 {
        local_offset(at)
    }

    fn pause(&self, span: DurationMs) {
        std::thread::sleep(span.std());
    }
}

/// By `TZ`, else by the system's time zone.
// What a person says is meant in his own time zone, and stored in UTC.
fn local_offset(at: Timestamp) -> i32 {
    use chrono::Offset as _;
    use chrono::TimeZone as _;

    let ms = i64::try_from(at.0).unwrap_or(0);
    let here = chrono::Local.timestamp_millis_opt(ms).single();
    here.map_or(0, |at| at.offset().fix().local_minus_utc())
}

/// A clock that starts at a given instant and moves only when it is told to wait.
#[derive(Debug)]
pub struct FixedClock(AtomicU64);

impl FixedClock {
    /// A clock that shows `start`.
    #[must_use]
    pub const fn new(start: Timestamp) -> Self {
        Self(AtomicU64::new(start.0))
    }

    /// Moves it forward.
    pub fn advance(&self, span: DurationMs) {
        self.0.fetch_add(span.0, Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    fn offset_secs(&self, at: Timestamp) -> i32 {
        local_offset(at)
    }

    fn pause(&self, span: DurationMs) {
        self.advance(span);
    }
}
