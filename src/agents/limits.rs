//! What an error text of an agent or provider means: come back later, mend the key, or a failure.

use crate::domain::session::FailureClass;
use crate::domain::time::{DurationMs, Timestamp};

/// Words of a provider that says stop until a time (wire.md §5.1, orchestrators.md).
const RATE_WORDS: [&str; 14] = [
    "rate limit",
    "rate_limit",
    "ratelimit",
    "usage limit",
    "session limit",
    "weekly limit",
    "hit your limit",
    "limit reached",
    "too many requests",
    "resource_exhausted",
    "resource has been exhausted",
    "quota exceeded",
    "exceeded your current quota",
    "overloaded",
];

/// Words of a refused or missing key.
const AUTH_WORDS: [&str; 12] = [
    "authentication",
    "unauthorized",
    "not logged in",
    "invalid api key",
    "invalid_api_key",
    "api key not valid",
    "incorrect api key",
    "missing environment variable",
    "must specify the gemini_api_key",
    "invalid auth method",
    "permission_error",
    "x-api-key",
];

/// Words of a network or provider that broke in between.
const BROKEN_WORDS: [&str; 14] = [
    "stream disconnected",
    "connection refused",
    "connection error",
    "error sending request",
    "enotfound",
    "econnrefused",
    "econnreset",
    "high demand",
    "socket connection was closed",
    "stream ended without",
    "operation timed out",
    "failed to parse json",
    "json parsing failed",
    "incomplete json",
];

/// What a failure text tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Come back later, at this time if known.
    RateLimited(Option<Timestamp>),
    /// A key is missing or refused.
    Auth,
    /// Network or provider broke.
    Broken,
    /// Anything else.
    Other,
}

impl Trouble {
    /// The class of an attempt that ended so.
    pub(crate) const fn class(self) -> FailureClass {
        match self {
            Self::RateLimited(_) => FailureClass::RateLimited,
            Self::Broken => FailureClass::Infrastructure,
            Self::Auth | Self::Other => FailureClass::AgentError,
        }
    }

    /// When to come back.
    pub(crate) const fn retry_at(self) -> Option<Timestamp> {
        match self {
            Self::RateLimited(at) => at,
            Self::Auth | Self::Broken | Self::Other => None,
        }
    }
}

/// Judges an HTTP status and an error text. Only for texts that the agent itself marked as an
/// error: what a model says about rate limits means nothing.
pub(crate) fn judge(status: Option<u16>, text: &str, now: Timestamp) -> Trouble {
    let lower = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|w| lower.contains(w));
    let says = |code: &str| has_number(&lower, code);
    match status {
        Some(429 | 529) => return Trouble::RateLimited(retry_time(&lower, now)),
        Some(401) => return Trouble::Auth,
        Some(500..=599) => return Trouble::Broken,
        _ => {}
    }
    if has(&RATE_WORDS) || says("429") || says("529") {
        Trouble::RateLimited(retry_time(&lower, now))
    } else if has(&AUTH_WORDS) || says("401") {
        Trouble::Auth
    } else if has(&BROKEN_WORDS) || ["500", "502", "503", "504"].iter().any(|c| says(c)) {
        Trouble::Broken
    } else {
        Trouble::Other
    }
}

/// True if `code` stands in `text` as a number of its own.
fn has_number(text: &str, code: &str) -> bool {
    text.match_indices(code).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + code.len()..].chars().next();
        let part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.');
        !part(before) && !after.is_some_and(|c| c.is_ascii_alphanumeric())
    })
}

/// Reads "resets 4pm", "resets at 16:30", "try again in 1h 5m 20s", "retry after 30" out of a
/// lower-case text. A clock time is read as UTC, which is the zone that agents are given, and not
/// at all if the text names another zone.
pub(crate) fn retry_time(lower: &str, now: Timestamp) -> Option<Timestamp> {
    for key in [
        "try again in ",
        "retry in ",
        "retry after ",
        "retry-after: ",
        "resets in ",
    ] {
        if let Some((_, rest)) = lower.split_once(key)
            && let Some(span) = span_of(rest)
        {
            return Some(now.plus(span));
        }
    }
    for key in ["resets at ", "resets ", "try again at ", "reset at "] {
        if let Some((_, rest)) = lower.split_once(key)
            && let Some(at) = clock_time(rest, now)
        {
            return Some(at);
        }
    }
    None
}

/// `1h 5m`, `20 seconds`, `3 days 2 hours`, `30` (seconds).
fn span_of(text: &str) -> Option<DurationMs> {
    let mut total: Option<f64> = None;
    let mut rest = text.trim_start();
    loop {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let Ok(number) = rest[..digits].trim_end_matches('.').parse::<f64>() else {
            break;
        };
        let after = rest[digits..].trim_start();
        let letters = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let factor = match &after[..letters] {
            "ms" | "millisecond" | "milliseconds" => 0.001,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
            "d" | "day" | "days" => 86_400.0,
            _ => 1.0,
        };
        total = Some(total.unwrap_or(0.0) + number * factor);
        rest = after[letters..].trim_start_matches([' ', ',']);
        rest = rest.strip_prefix("and ").unwrap_or(rest);
    }
    // A year is longer than any provider's window: more is a misreading.
    let seconds = total.filter(|s| *s <= 31_536_000.0)?;
    Some(DurationMs((seconds * 1000.0) as u64))
}

/// `4pm`, `4:30 pm`, `16:30`, optionally followed by `(utc)`: its next occurrence.
fn clock_time(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != ':')
        .unwrap_or(text.len());
    let (hour, minute) = match text[..end].split_once(':') {
        Some((h, m)) => (h.parse::<u64>().ok()?, m.parse::<u64>().ok()?),
        None => (text[..end].parse::<u64>().ok()?, 0),
    };
    let rest = text[end..].trim_start();
    let (hour, rest) = if let Some(rest) = rest.strip_prefix("pm") {
        ((hour % 12) + 12, rest)
    } else if let Some(rest) = rest.strip_prefix("am") {
        (hour % 12, rest)
    } else if text[..end].contains(':') {
        (hour, rest)
    } else {
        return None;
    };
    let zone = rest.trim_start();
    let foreign = zone.starts_with('(') && !zone.starts_with("(utc") && !zone.starts_with("(gmt");
    if hour > 23 || minute > 59 || foreign {
        return None;
    }
    let day = now.0 - now.0 % 86_400_000;
    let at = Timestamp(day + (hour * 60 + minute) * 60_000);
    Some(if at > now {
        at
    } else {
        at.plus(DurationMs(86_400_000))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_reset_time_is_read_from_what_providers_write() {
        let now = at("2026-11-21T14:00:00.000Z");
        let table = [
            (
                "you've hit your session limit · resets 4pm",
                "2026-11-21T16:00:00.000Z",
            ),
            ("resets 4:30am (utc)", "2026-11-22T04:30:00.000Z"),
            ("resets at 13:05", "2026-11-22T13:05:00.000Z"),
            ("please try again in 20s.", "2026-11-21T14:00:20.000Z"),
            (
                "try again in 1 hour, 5 minutes and 2 seconds",
                "2026-11-21T15:05:02.000Z",
            ),
            ("retry after 30", "2026-11-21T14:00:30.000Z"),
            ("try again in 1.5s", "2026-11-21T14:00:01.500Z"),
        ];
        for (text, want) in table {
            assert_eq!(retry_time(text, now), Some(at(want)), "{text}");
        }
        for text in [
            "resets 4pm (europe/berlin)",
            "resets soon",
            "try again in a while",
            "",
        ] {
            assert_eq!(retry_time(text, now), None, "{text}");
        }
    }

    #[test]
    fn a_status_wins_over_words_and_numbers_count_only_alone() {
        let now = Timestamp(0);
        assert_eq!(judge(Some(401), "rate limit", now), Trouble::Auth);
        assert_eq!(judge(None, "http 429", now), Trouble::RateLimited(None));
        assert_eq!(judge(None, "req_4291 line 14290", now), Trouble::Other);
        assert_eq!(judge(Some(503), "", now), Trouble::Broken);
        assert_eq!(judge(None, "Not logged in", now), Trouble::Auth);
    }
}
