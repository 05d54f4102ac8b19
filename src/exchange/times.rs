//! Times as other trackers write them.

use chrono::{DateTime, NaiveDate};

use crate::domain::time::Timestamp;
use crate::exchange::batch::{Batch, Place};

/// Forms without a zone; they are taken for UTC.
const PLAIN: &[&str] = &[
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%d/%b/%y %I:%M %p",
    "%d/%b/%y %H:%M",
    "%d/%b/%Y %H:%M",
];
/// Forms with a zone.
const ZONED: &[&str] = &[
    // Jira
    "%Y-%m-%dT%H:%M:%S%.f%z",
    // GitLab's CSV
    "%Y-%m-%d %H:%M:%S %z",
    // Linear's CSV is what JavaScript's `Date` prints
    "%a %b %d %Y %H:%M:%S GMT%z",
];

/// Reads a time: RFC 3339, a date, or one of the forms that exports are known to have. `None` for
/// everything else, and for times before 1970 or after the year 9999.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(at) = text.parse() {
        return Some(at).filter(|at| *at <= LAST);
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return millis(at.timestamp_millis());
    }
    // JavaScript adds the zone's name in parentheses.
    let bare = text.split(" (").next().unwrap_or(text);
    let bare = bare
        .strip_suffix(" UTC")
        .map_or_else(|| bare.to_owned(), |t| format!("{t} +0000"));
    if let Some(at) = ZONED
        .iter()
        .find_map(|form| DateTime::parse_from_str(&bare, form).ok())
    {
        return millis(at.timestamp_millis());
    }
    let in_utc = format!("{text} +0000");
    if let Some(at) = PLAIN
        .iter()
        .find_map(|form| DateTime::parse_from_str(&in_utc, &format!("{form} %z")).ok())
    {
        return millis(at.timestamp_millis());
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    millis(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
}

/// Reads a time of an issue; what is no time is told with its place.
pub(crate) fn told(
    batch: &mut Batch,
    place: Place,
    about: &str,
    name: &str,
    text: Option<&str>,
) -> Option<Timestamp> {
    let text = text.map(str::trim).filter(|text| !text.is_empty())?;
    let at = time(text);
    if at.is_none() {
        let what = format!("`{name}` is no time that is known here");
        batch.remark(place, about, what);
    }
    at
}

/// Reads Taskwarrior's `20260124T214152Z`.
pub(crate) fn compact(text: &str) -> Option<Timestamp> {
    let in_utc = format!("{} +0000", text.strip_suffix('Z')?);
    let at = DateTime::parse_from_str(&in_utc, "%Y%m%dT%H%M%S %z").ok()?;
    millis(at.timestamp_millis())
}

/// The last instant that a record can hold: its years have four digits.
const LAST: Timestamp = Timestamp(253_402_300_799_999);

fn millis(ms: i64) -> Option<Timestamp> {
    u64::try_from(ms)
        .ok()
        .map(Timestamp)
        .filter(|at| *at <= LAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_every_known_form_are_read() {
        let at: Timestamp = "2026-01-24T21:41:52.000Z".parse().expect("a time");
        for text in [
            "2026-01-24T21:41:52Z",
            "2026-01-24T13:41:52-08:00",
            "2026-01-24T21:41:52.000+0000",
            "2026-01-24 21:41:52 UTC",
            "2026-01-24 21:41:52",
            "Sat Jan 24 2026 21:41:52 GMT+0000 (GMT)",
        ] {
            assert_eq!(time(text), Some(at), "{text}");
        }
        assert_eq!(compact("20260124T214152Z"), Some(at));
        assert_eq!(
            time("2026-01-24").map(|t| t.day()),
            Some("2026-01-24".into())
        );
        assert_eq!(
            time("24/Jan/26 9:41 PM").map(|t| t.to_string()),
            Some("2026-01-24T21:41:00.000Z".into())
        );
        for bad in [
            "",
            "soon",
            "0001-01-01T00:00:00Z",
            "2026-02-30",
            "9999-12-31T23:59:59-12:00",
            "9999-12-31T23:59:59.000-1200",
        ] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }
}
