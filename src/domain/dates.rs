//! Times as people write them: `tomorrow 9am`, `in 3 days`, `next monday`, ISO forms.
//!
//! Reading ([`Spoken::read`]) needs no clock; [`Spoken::resolve`] gets the time and the user's
//! offset from UTC as arguments. A day without a time of day is its beginning. A weekday is the
//! next one after today.

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, NaiveTime, Utc, Weekday};

use crate::domain::time::{DurationMs, Timestamp};

/// A moment as it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoken {
    /// An instant, whatever the clock says.
    Instant(Timestamp),
    /// A span from now: `in 3 hours`, `2h30m`.
    After(DurationMs),
    /// A day of the user's calendar, at a time of day.
    Day(Day, Option<NaiveTime>),
    /// The next time that the user's clock shows this.
    Clock(NaiveTime),
}

/// A day, seen from today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// So many days from today, or before it.
    Days(i32),
    /// So many months from today, or the last day of that month.
    Months(u32),
    /// The first such weekday after today.
    Next(Weekday),
    /// This date.
    Date(NaiveDate),
    /// The first such date from today on: month and day.
    Yearly(u32, u32),
    /// The first day of the next week, month or year.
    Begin(Period),
    /// The last day of this one.
    End(Period),
}

/// A part of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// A day.
    Day,
    /// From Monday on.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

/// Longest span.
const MOST_YEARS: u32 = 200;
/// Years that can be written as a time.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9999;

/// What can be said, for error texts.
pub const FORMS: &str = "write `tomorrow 9am`, `in 3 days`, `next monday`, `2h30m`, `2026-11-21 17:00` or an RFC 3339 time";

impl Spoken {
    /// Reads a text.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it, and what can be written.
    pub fn read(text: &str) -> Result<Self, String> {
        let refused = || format!("`{text}` is no time; {FORMS}");
        if let Some(at) = instant(text.trim()) {
            return Ok(Self::Instant(at));
        }
        let mut plain = text.trim().to_lowercase().replace(',', " ");
        if plain.as_bytes().get(10) == Some(&b't')
            && plain.starts_with(|c: char| c.is_ascii_digit())
        {
            // An ISO time without a zone is the user's.
            plain.replace_range(10..11, " ");
        }
        let words: Vec<&str> = plain
            .split_whitespace()
            .filter(|word| !matches!(*word, "at" | "on" | "the" | "by" | "from"))
            .collect();
        if words.is_empty() {
            return Err(refused());
        }
        if let Some(span) = span(&words) {
            return Ok(span);
        }
        if let Some(time) = time_of(&words) {
            return Ok(Self::Clock(time));
        }
        // A day, then a time of day, or the other way round.
        for split in (1..=words.len()).rev() {
            let (head, tail) = words.split_at(split);
            for (day, time) in [(head, tail), (tail, head)] {
                let Some(day) = day_of(day) else { continue };
                if time.is_empty() {
                    return Ok(Self::Day(day, None));
                }
                if let Some(time) = time_of(time) {
                    return Ok(Self::Day(day, Some(time)));
                }
            }
        }
        Err(refused())
    }

    /// The instant, for somebody whose clock is `offset` seconds ahead of UTC at a given time.
    #[must_use]
    pub fn resolve(self, now: Timestamp, offset: &dyn Fn(Timestamp) -> i32) -> Timestamp {
        self.toward(now, offset, Day::after)
    }

    /// The instant, where a span means so long ago: `2 months` is the day two months before today.
    #[must_use]
    pub fn back(self, now: Timestamp, offset: &dyn Fn(Timestamp) -> i32) -> Timestamp {
        match self {
            Self::After(span) => now.minus(span),
            other => other.toward(now, offset, Day::before),
        }
    }

    fn toward(
        self,
        now: Timestamp,
        offset: &dyn Fn(Timestamp) -> i32,
        seen: fn(Day, NaiveDate) -> Option<NaiveDate>,
    ) -> Timestamp {
        let here = local(now, offset);
        let (day, time) = match self {
            Self::Instant(at) => return at,
            Self::After(span) => return now.plus(span),
            Self::Clock(time) => {
                let today = here.date_naive();
                let day = if time > here.time() {
                    Some(today)
                } else {
                    today.succ_opt()
                };
                (day.unwrap_or(today), time)
            }
            Self::Day(day, time) => {
                let end = matches!(day, Day::End(_));
                let default = if end { (23, 59) } else { (0, 0) };
                let time = time
                    .or_else(|| NaiveTime::from_hms_opt(default.0, default.1, 0))
                    .unwrap_or_default();
                // Reading bounds what can be said, so this ends before the calendar does.
                (seen(day, here.date_naive()).unwrap_or(NaiveDate::MAX), time)
            }
        };
        universal(day.and_time(time).and_utc(), offset)
    }
}

impl Day {
    /// The day, where a span means so long ago.
    fn before(self, today: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Months(count) => today.checked_sub_months(Months::new(count)),
            other => other.after(today),
        }
    }

    fn after(self, today: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Days(count) => {
                today.checked_add_signed(chrono::TimeDelta::days(i64::from(count)))
            }
            Self::Months(count) => today.checked_add_months(Months::new(count)),
            Self::Next(weekday) => {
                let ahead = weekday.days_since(today.weekday());
                let ahead = if ahead == 0 { 7 } else { ahead };
                today.checked_add_days(Days::new(u64::from(ahead)))
            }
            Self::Date(date) => Some(date),
            Self::Yearly(month, day) => {
                // 29 February is every fourth year, at worst every eighth.
                (today.year()..today.year() + 9)
                    .filter_map(|year| NaiveDate::from_ymd_opt(year, month, day))
                    .find(|date| *date >= today)
            }
            Self::Begin(period) => period.last_day(today)?.succ_opt(),
            Self::End(period) => period.last_day(today),
        }
    }
}

impl Period {
    fn last_day(self, today: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => Some(today),
            Self::Week => {
                let ahead = Weekday::Sun.days_since(today.weekday());
                today.checked_add_days(Days::new(u64::from(ahead)))
            }
            Self::Month => today
                .with_day(1)?
                .checked_add_months(Months::new(1))?
                .pred_opt(),
            Self::Year => NaiveDate::from_ymd_opt(today.year(), 12, 31),
        }
    }

    fn named(word: &str) -> Option<Self> {
        match word {
            "week" => Some(Self::Week),
            "month" => Some(Self::Month),
            "year" => Some(Self::Year),
            _ => None,
        }
    }
}

/// What a clock on the wall shows, as if it stood where UTC is.
fn local(at: Timestamp, offset: &dyn Fn(Timestamp) -> i32) -> DateTime<Utc> {
    let ms = i64::try_from(at.0).unwrap_or(0) + i64::from(offset(at)) * 1_000;
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

/// When a clock on the wall shows this. What it shows twice is the earlier one, what it never shows
/// (an hour is left out in spring) the time an hour later.
fn universal(shown: DateTime<Utc>, offset: &dyn Fn(Timestamp) -> i32) -> Timestamp {
    let as_utc = shown.timestamp_millis();
    let back = |secs: i32| {
        let ms = u64::try_from(as_utc - i64::from(secs) * 1_000).unwrap_or(0);
        Timestamp(ms).min(Timestamp::LATEST)
    };
    let day = DurationMs::secs(86_400);
    let about = Timestamp(u64::try_from(as_utc).unwrap_or(0));
    let (before, after) = (offset(about.minus(day)), offset(about.plus(day)));
    let fits = |secs: i32| offset(back(secs)) == secs;
    if fits(before) || !fits(after) {
        back(before)
    } else {
        back(after)
    }
}

/// RFC 3339, and the ISO forms that name a zone.
fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse() {
        return Some(at);
    }
    let spaced = text.replacen(' ', "T", 1);
    let at = DateTime::parse_from_rfc3339(&spaced).ok()?;
    let at = u64::try_from(at.timestamp_millis()).ok().map(Timestamp);
    // In another zone it may be a year that cannot be written.
    at.filter(|at| *at <= Timestamp::LATEST)
}

/// `in 3 days`, `2 weeks`, `2h30m`, `90 minutes from now`. Days and longer keep the time of day by
/// being so many times 24 hours; months go by the calendar.
fn span(words: &[&str]) -> Option<Spoken> {
    let words = words.strip_prefix(&["in"]).unwrap_or(words);
    let words = words.strip_suffix(&["now"]).unwrap_or(words);
    let joined = match words {
        ["a" | "an", rest @ ..] => format!("1{}", rest.concat()),
        _ => words.concat(),
    };
    if !joined.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if let Some(count) = joined
        .strip_suffix("months")
        .or_else(|| joined.strip_suffix("month"))
        .and_then(|n| n.parse().ok())
    {
        return (count <= MOST_YEARS * 12).then_some(Spoken::Day(Day::Months(count), None));
    }
    let span = humantime::parse_duration(&joined).ok()?;
    let ms = u64::try_from(span.as_millis()).ok()?;
    // Longer than a life is a slip of the hand, and would overflow what can be written.
    (ms <= u64::from(MOST_YEARS) * 366 * 86_400_000).then_some(Spoken::After(DurationMs(ms)))
}

/// `9am`, `9:30 pm`, `17:00`, `noon`, `midnight`.
fn time_of(words: &[&str]) -> Option<NaiveTime> {
    let joined = words.concat();
    match joined.as_str() {
        "noon" => return NaiveTime::from_hms_opt(12, 0, 0),
        "midnight" => return NaiveTime::from_hms_opt(0, 0, 0),
        _ => {}
    }
    let (digits, half) = match joined.strip_suffix("am") {
        Some(digits) => (digits, Some(0)),
        None => match joined.strip_suffix("pm") {
            Some(digits) => (digits, Some(12)),
            None => (joined.as_str(), None),
        },
    };
    let (hour, minute) = match digits.split_once(':') {
        Some((hour, minute)) if minute.len() == 2 => (hour, minute.parse::<u32>().ok()?),
        Some(_) => return None,
        None if half.is_some() => (digits, 0),
        None => return None,
    };
    let hour: u32 = hour.parse().ok()?;
    let hour = match half {
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(half) => hour % 12 + half,
        None => hour,
    };
    NaiveTime::from_hms_opt(hour, minute, 0)
}

fn day_of(words: &[&str]) -> Option<Day> {
    match words {
        ["today" | "now"] => Some(Day::Days(0)),
        ["yesterday"] => Some(Day::Days(-1)),
        ["tomorrow"] => Some(Day::Days(1)),
        ["day", "after", "tomorrow"] => Some(Day::Days(2)),
        ["next", word] | ["beginning", "of", "next", word] if Period::named(word).is_some() => {
            Period::named(word).map(Day::Begin)
        }
        ["end", "of", "day"] | ["eod"] => Some(Day::End(Period::Day)),
        ["end", "of", word] | ["end", "of", "this", word] => Period::named(word).map(Day::End),
        ["eow"] => Some(Day::End(Period::Week)),
        ["eom"] => Some(Day::End(Period::Month)),
        ["eoy"] => Some(Day::End(Period::Year)),
        [word] | ["next" | "this" | "coming", word] if weekday(word).is_some() => {
            weekday(word).map(Day::Next)
        }
        [word] => NaiveDate::parse_from_str(word, "%Y-%m-%d")
            .ok()
            .filter(|date| YEARS.contains(&date.year()))
            .map(Day::Date),
        [a, b] => {
            let (month, day) = match (month(a), month(b)) {
                (Some(month), _) => (month, b),
                (_, Some(month)) => (month, a),
                _ => return None,
            };
            let day = day.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '.');
            let day = day.parse().ok()?;
            // Year 2000 has every day that any year has.
            NaiveDate::from_ymd_opt(2000, month, day).map(|_| Day::Yearly(month, day))
        }
        _ => None,
    }
}

fn weekday(word: &str) -> Option<Weekday> {
    // chrono knows the full names and those of three letters.
    word.parse().ok()
}

fn month(word: &str) -> Option<u32> {
    let month: chrono::Month = word.trim_end_matches('.').parse().ok()?;
    Some(month.number_from_month())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Saturday, 08:00 UTC.
    const NOW: &str = "2026-11-21T08:00:00.000Z";

    fn at(text: &str, offset: &dyn Fn(Timestamp) -> i32) -> String {
        let now = NOW.parse().expect("a time");
        let spoken = Spoken::read(text).unwrap_or_else(|e| panic!("{e}"));
        let full = spoken.resolve(now, offset).to_string();
        full.trim_end_matches(":00.000Z").to_owned()
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let table = [
            ("in 3 days", "2026-11-24T08:00"),
            ("3d", "2026-11-24T08:00"),
            ("2h30m", "2026-11-21T10:30"),
            ("in 2 weeks", "2026-12-05T08:00"),
            ("an hour from now", "2026-11-21T09:00"),
            ("in 1 month", "2026-12-21T00:00"),
            ("today", "2026-11-21T00:00"),
            ("yesterday", "2026-11-20T00:00"),
            ("tomorrow", "2026-11-22T00:00"),
            ("tomorrow 9am", "2026-11-22T09:00"),
            ("Tomorrow at 9:30 PM", "2026-11-22T21:30"),
            ("9am tomorrow", "2026-11-22T09:00"),
            ("day after tomorrow noon", "2026-11-23T12:00"),
            ("monday", "2026-11-23T00:00"),
            ("next monday", "2026-11-23T00:00"),
            ("sat", "2026-11-28T00:00"),
            ("friday 17:00", "2026-11-27T17:00"),
            ("next week", "2026-11-23T00:00"),
            ("next month", "2026-12-01T00:00"),
            ("next year", "2027-01-01T00:00"),
            ("end of day", "2026-11-21T23:59"),
            ("end of week", "2026-11-22T23:59"),
            ("eom", "2026-11-30T23:59"),
            ("end of year", "2026-12-31T23:59"),
            ("9am", "2026-11-21T09:00"),
            ("7:15", "2026-11-22T07:15"),
            ("12am", "2026-11-22T00:00"),
            ("12pm", "2026-11-21T12:00"),
            ("2026-12-01", "2026-12-01T00:00"),
            ("2026-12-01 17:00", "2026-12-01T17:00"),
            ("2026-12-01T17:00", "2026-12-01T17:00"),
            ("2026-12-01T17:00:00Z", "2026-12-01T17:00"),
            ("2026-12-01T17:00:00+02:00", "2026-12-01T15:00"),
            ("dec 24", "2026-12-24T00:00"),
            ("24 december, 6pm", "2026-12-24T18:00"),
            ("3rd january", "2027-01-03T00:00"),
            ("feb 29", "2028-02-29T00:00"),
        ];
        for (text, want) in table {
            assert_eq!(at(text, &|_| 0), want, "{text}");
        }
    }

    #[test]
    fn days_and_times_of_day_are_those_of_the_user() {
        let berlin = |_: Timestamp| 3_600;
        assert_eq!(at("tomorrow 9am", &berlin), "2026-11-22T08:00");
        assert_eq!(at("2026-12-01", &berlin), "2026-11-30T23:00");
        assert_eq!(at("in 3 hours", &berlin), "2026-11-21T11:00");
        let auckland = |_: Timestamp| 13 * 3_600;
        assert_eq!(
            at("9am", &auckland),
            "2026-11-21T20:00",
            "it is 21:00 there"
        );
    }

    #[test]
    fn a_clock_that_changes_is_followed() {
        // An hour is left out on 30 November, 01:00 UTC.
        let change: Timestamp = "2026-11-30T01:00:00.000Z".parse().expect("a time");
        let forward = |at: Timestamp| if at < change { 3_600 } else { 7_200 };
        assert_eq!(at("2026-11-30 01:30", &forward), "2026-11-30T00:30");
        assert_eq!(at("2026-11-30 02:30", &forward), "2026-11-30T01:30");
        assert_eq!(at("2026-11-30 03:30", &forward), "2026-11-30T01:30");
        let back = |at: Timestamp| if at < change { 7_200 } else { 3_600 };
        assert_eq!(at("2026-11-30 02:30", &back), "2026-11-30T00:30");
        assert_eq!(at("2026-11-30 03:30", &back), "2026-11-30T02:30");
    }

    #[test]
    fn a_span_may_be_meant_backwards() {
        let now = NOW.parse().expect("a time");
        let back = |text: &str| {
            let spoken = Spoken::read(text).expect(text);
            spoken.back(now, &|_| 0).to_string()[..16].to_owned()
        };
        assert_eq!(back("2 months"), "2026-09-21T00:00");
        assert_eq!(back("3 days"), "2026-11-18T08:00");
        assert_eq!(back("yesterday"), "2026-11-20T00:00");
        assert_eq!(back("2400 months"), "1970-01-01T00:00");
    }

    #[test]
    fn the_last_day_can_be_written_wherever_the_user_is() {
        let west = |_: Timestamp| -12 * 3_600;
        assert_eq!(at("9999-12-31 23:59", &west), "9999-12-31T23:59:59.999Z");
        assert_eq!(at("200 years", &|_| 0), "2226-11-23T08:00");
    }

    #[test]
    fn what_is_no_time_is_refused_with_examples() {
        for text in [
            "",
            "soon",
            "2026-02-30",
            "25:00",
            "13pm",
            "in",
            "tomorrow yesterday",
            "feb 30",
            "99999999999999 years",
            "in 4294967295 months",
            "2401 months",
            "9999-12-31T23:59:59-23:59",
            "+262142-01-01",
            "10000-01-01",
            "1969-12-31",
            "next",
            "\u{1f}",
            "9:5",
            "-3 days",
        ] {
            let error = Spoken::read(text).expect_err(text);
            assert!(error.contains("tomorrow 9am"), "{error}");
        }
    }
}
