//! Time as data: wall-clock instants, and the hybrid logical clock that orders records.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::digits;

/// An instant in milliseconds since 1970-01-01 UTC; written as RFC 3339 with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

/// A span in whole milliseconds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct DurationMs(pub u64);

impl DurationMs {
    /// A span of `n` seconds.
    #[must_use]
    pub const fn secs(n: u64) -> Self {
        Self(n.saturating_mul(1000))
    }

    /// A span of `n` minutes.
    #[must_use]
    pub const fn mins(n: u64) -> Self {
        Self(n.saturating_mul(60_000))
    }

    /// The same span for std's timers.
    #[must_use]
    pub const fn std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }
}

/// A moment of one process, in milliseconds since some fixed one of it: spans are measured with it,
/// because a wall clock may be set while they pass. It says nothing to any other process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// `self + span`, saturating.
    #[must_use]
    pub const fn plus(self, span: DurationMs) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// Time passed since `earlier`; zero if `earlier` lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> DurationMs {
        DurationMs(self.0.saturating_sub(earlier.0))
    }
}

impl Timestamp {
    /// 9999-12-31T23:59:59.999Z, the last instant that can be written.
    pub const LATEST: Self = Self(253_402_300_799_999);

    /// `self + span`, saturating.
    #[must_use]
    pub const fn plus(self, span: DurationMs) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// `self - span`, saturating at the epoch.
    #[must_use]
    pub const fn minus(self, span: DurationMs) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// Time passed since `earlier`; zero if `earlier` lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> DurationMs {
        DurationMs(self.0.saturating_sub(earlier.0))
    }

    /// The month of this instant as `yyyy-mm` (UTC), the folder name of log segments.
    #[must_use]
    pub fn month(self) -> String {
        let (y, m, _) = civil_from_days(self.0 / 86_400_000);
        format!("{y:04}-{m:02}")
    }

    /// The day of this instant as `yyyy-mm-dd` (UTC).
    #[must_use]
    pub fn day(self) -> String {
        let (y, m, d) = civil_from_days(self.0 / 86_400_000);
        format!("{y:04}-{m:02}-{d:02}")
    }
}

/// Days since the epoch → (year, month, day), proleptic Gregorian (Howard Hinnant's algorithm).
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let doe = z % 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let d = doy - (153 * mp + 2) / 5 + 1;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + u64::from(m <= 2), m, d)
}

/// (year, month, day) → days since the epoch; `None` before 1970 or for an impossible date.
fn days_from_civil(y: u64, m: u64, d: u64) -> Option<u64> {
    const DAYS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    let last = DAYS.get(m.checked_sub(1)? as usize)? + u64::from(leap && m == 2);
    if !(1..=last).contains(&d) || !(1970..=9999).contains(&y) {
        return None;
    }
    let y2 = y - u64::from(m <= 2);
    let era = y2 / 400;
    let yoe = y2 % 400;
    let mp = if m > 2 { m - 3 } else { m + 9 };
    let doy = (153 * mp + 2) / 5 + d - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    Some(era * 146_097 + doe - 719_468)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, mo, d) = civil_from_days(self.0 / 86_400_000);
        let ms = self.0 % 86_400_000;
        let (h, mi, s, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
        write!(f, "{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}.{ms:03}Z")
    }
}

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 time in UTC such as 2026-11-21T08:00:00.000Z")]
pub struct TimeError(pub String);

/// Parses `yyyy-mm-ddThh:mm:ss[.f{1,9}]Z` into milliseconds since the epoch and the nanoseconds
/// beyond them.
fn parse_utc(text: &str) -> Option<(u64, u64)> {
    let (head, rest) = text.as_bytes().split_first_chunk::<19>()?;
    let (end, fraction) = rest.split_last()?;
    let separators = [head[4], head[7], head[10], head[13], head[16], *end];
    if separators != *b"--T::Z" {
        return None;
    }
    let h = head;
    let date = digits::decimal([h[0], h[1], h[2], h[3], h[5], h[6], h[8], h[9]])?;
    let time = digits::decimal([b'0', b'0', h[11], h[12], h[14], h[15], h[17], h[18]])?;
    let (y, mo, d) = (date / 10_000, date / 100 % 100, date % 100);
    let (h, mi, s) = (time / 10_000, time / 100 % 100, time % 100);
    let nanos = match fraction {
        [] => 0,
        [b'.', written @ ..] if (1..=9).contains(&written.len()) => {
            let mut nine = [b'0'; 9];
            nine[..written.len()].copy_from_slice(written);
            let [eight @ .., last] = nine;
            let last = Some(last.wrapping_sub(b'0')).filter(|digit| *digit < 10)?;
            digits::decimal(eight)? * 10 + u64::from(last)
        }
        _ => return None,
    };
    if h > 23 || mi > 59 || s > 59 {
        return None;
    }
    let seconds = (days_from_civil(y, mo, d)? * 24 + h) * 3600 + mi * 60 + s;
    Some((seconds * 1000 + nanos / 1_000_000, nanos % 1_000_000))
}

impl FromStr for Timestamp {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        parse_utc(text)
            .map(|(ms, _)| Self(ms))
            .ok_or_else(|| TimeError(text.to_owned()))
    }
}

/// Reads a time from the parser's own text, without a copy of it.
struct Text<T>(PhantomData<T>);

impl<T: FromStr<Err = TimeError>> serde::de::Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an RFC 3339 time in UTC")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(Text(PhantomData))
    }
}

/// Hybrid logical clock: wall milliseconds and a counter of events within them.
///
/// Written as an RFC 3339 time with nine decimals: three of milliseconds and six of counter, so
/// that it is a valid time, sorts as text, and reads well: `2026-11-21T08:00:00.123000004Z`.
/// In memory it is that number of nanoseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hlc(pub u64);

impl Hlc {
    /// The first moment of a wall-clock millisecond.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self(now.0.saturating_mul(1_000_000))
    }

    /// The stamp for a new record: after everything seen (`self`), and not before `now`.
    #[must_use]
    pub fn next(self, now: Timestamp) -> Self {
        // Adding one carries into the milliseconds after a million events in one of them,
        // which keeps the order and only borrows a little from the future.
        Self(self.0.saturating_add(1).max(Self::at(now).0))
    }

    /// The wall-clock part.
    #[must_use]
    pub const fn wall(self) -> Timestamp {
        Timestamp(self.0 / 1_000_000)
    }
}

impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wall = self.wall().to_string();
        write!(f, "{}{:06}Z", &wall[..wall.len() - 1], self.0 % 1_000_000)
    }
}

impl FromStr for Hlc {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        parse_utc(text)
            // Nanoseconds reach to the year 2554.
            .and_then(|(ms, rest)| ms.checked_mul(1_000_000)?.checked_add(rest))
            .map(Self)
            .ok_or_else(|| TimeError(text.to_owned()))
    }
}

impl Serialize for Hlc {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hlc {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(Text(PhantomData))
    }
}
