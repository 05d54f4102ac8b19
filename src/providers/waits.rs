//! How long a provider asks to wait: the many forms in which it says so. Pure.

use crate::domain::time::{DurationMs, Timestamp};

/// Longest wait that is believed: a month. A provider that says more has a broken clock.
const LONGEST: DurationMs = DurationMs(31 * 24 * 3_600_000);

/// Headers of an answer, names in lower case.
pub(super) type Headers = Vec<(String, String)>;

pub(super) fn header<'h>(headers: &'h Headers, name: &str) -> Option<&'h str> {
    let found = headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.trim())
}

/// What the headers say: `retry-after-ms`, `retry-after`, else the reset of a limit that is used up.
pub(super) fn asked(headers: &Headers, now: Timestamp) -> Option<DurationMs> {
    let ms = header(headers, "retry-after-ms").and_then(|text| positive(text, 1.0));
    ms.or_else(|| retry_after(header(headers, "retry-after")?, now))
        .or_else(|| used_up(headers, now))
        .map(|wait| wait.min(LONGEST))
}

/// `retry-after`: seconds, with or without decimals, or an HTTP date (RFC 9110 §10.2.3).
fn retry_after(text: &str, now: Timestamp) -> Option<DurationMs> {
    positive(text, 1000.0).or_else(|| {
        let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
        let at = u64::try_from(date.timestamp_millis()).ok()?;
        Some(Timestamp(at).since(now))
    })
}

fn positive(text: &str, ms_each: f64) -> Option<DurationMs> {
    let number: f64 = text.parse().ok()?;
    (number.is_finite() && number >= 0.0).then(|| DurationMs((number * ms_each).ceil() as u64))
}

/// The latest reset among limits of which nothing remains. The families: OpenAI and Groq
/// (`x-ratelimit-reset-tokens: 6m0s`), Anthropic (`anthropic-ratelimit-tokens-reset`, RFC 3339),
/// OpenRouter and others (`x-ratelimit-reset`, a time since the epoch or a number of seconds).
fn used_up(headers: &Headers, now: Timestamp) -> Option<DurationMs> {
    let mut longest = None;
    for (name, left) in headers {
        let reset = if let Some(kind) = name.strip_prefix("x-ratelimit-remaining") {
            format!("x-ratelimit-reset{kind}")
        } else if let Some(kind) = name
            .strip_prefix("anthropic-ratelimit-")
            .and_then(|rest| rest.strip_suffix("-remaining"))
        {
            format!("anthropic-ratelimit-{kind}-reset")
        } else {
            continue;
        };
        if left.trim() != "0" {
            continue;
        }
        let wait = header(headers, &reset).and_then(|text| reset_in(text, now));
        longest = longest.max(wait);
    }
    longest
}

fn reset_in(text: &str, now: Timestamp) -> Option<DurationMs> {
    if let Ok(number) = text.parse::<f64>() {
        // Seconds until, seconds since the epoch, or milliseconds since the epoch.
        return match number {
            n if !n.is_finite() || n < 0.0 => None,
            n if n < 1e9 => positive(text, 1000.0),
            n if n < 1e11 => Some(Timestamp((n * 1000.0) as u64).since(now)),
            n => Some(Timestamp(n as u64).since(now)),
        };
    }
    if let Ok(date) = chrono::DateTime::parse_from_rfc3339(text) {
        let at = u64::try_from(date.timestamp_millis()).ok()?;
        return Some(Timestamp(at).since(now));
    }
    spelled(text)
}

/// `6m0s`, `7m12.34s`, `59.56s`, `120ms`, `1h2m3s`, `34s`: as Go writes a duration.
pub(super) fn spelled(text: &str) -> Option<DurationMs> {
    let mut rest = text.trim();
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        total += number
            * match &rest[..unit] {
                "ms" => 1.0,
                "s" => 1000.0,
                "m" => 60_000.0,
                "h" => 3_600_000.0,
                "d" => 86_400_000.0,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    Some(DurationMs(f64::ceil(total) as u64).min(LONGEST))
}

/// `… try again in 7m12.34s …`, as some providers write it into their messages only.
pub(super) fn in_words(message: &str) -> Option<DurationMs> {
    let (_, after) = message.split_once("try again in ")?;
    let word = after.split_whitespace().next()?;
    spelled(word.trim_end_matches(['.', ',', ';', ')']))
}

#[cfg(test)]
mod tests {
    use super::{Headers, asked, in_words, spelled};
    use crate::domain::time::{DurationMs, Timestamp};

    /// 2026-11-21T08:00:00Z
    const NOW: Timestamp = Timestamp(1_795_248_000_000);

    fn said(headers: &[(&str, &str)]) -> Option<u64> {
        let headers: Headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        asked(&headers, NOW).map(|wait| wait.0)
    }

    #[test]
    fn every_form_of_a_wait_is_read() {
        assert_eq!(said(&[("retry-after", "2")]), Some(2000));
        assert_eq!(said(&[("retry-after", "0.25")]), Some(250));
        let date = "Sat, 21 Nov 2026 08:01:30 GMT";
        assert_eq!(said(&[("retry-after", date)]), Some(90_000));
        let past = "Sat, 21 Nov 2026 07:00:00 GMT";
        assert_eq!(said(&[("retry-after", past)]), Some(0));
        let both = [("retry-after", "9"), ("retry-after-ms", "1500.5")];
        assert_eq!(said(&both), Some(1501));
        let openai = [
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "6m0s"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "1.5s"),
        ];
        assert_eq!(said(&openai), Some(360_000));
        let anthropic = [
            ("anthropic-ratelimit-tokens-remaining", "0"),
            ("anthropic-ratelimit-tokens-reset", "2026-11-21T08:00:05Z"),
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("anthropic-ratelimit-requests-reset", "2026-11-21T09:00:00Z"),
        ];
        assert_eq!(said(&anthropic), Some(5000));
        for reset in ["1795248060000", "1795248060", "60"] {
            let router = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset)];
            assert_eq!(said(&router), Some(60_000), "{reset}");
        }
    }

    #[test]
    fn what_is_no_wait_is_none_and_nothing_waits_for_ever() {
        assert_eq!(said(&[]), None);
        for junk in ["", "soon", "-1", "NaN", "inf", "0x10"] {
            assert_eq!(said(&[("retry-after", junk)]), None, "{junk}");
        }
        let unused = [
            ("x-ratelimit-remaining-tokens", "12"),
            ("x-ratelimit-reset-tokens", "9m"),
        ];
        assert_eq!(said(&unused), None);
        assert_eq!(said(&[("retry-after", "1e300")]), Some(super::LONGEST.0));
    }

    #[test]
    fn durations_in_words_are_found_in_messages() {
        let text = "Rate limit reached. Please try again in 7m12.34s. Visit the console.";
        assert_eq!(in_words(text), Some(DurationMs(432_340)));
        assert_eq!(
            in_words("Please try again in 120ms."),
            Some(DurationMs(120))
        );
        assert_eq!(in_words("Please try again later"), None);
        assert_eq!(spelled("34s"), Some(DurationMs(34_000)));
        assert_eq!(spelled("5 apples"), None);
        assert_eq!(spelled(""), None);
    }
}
