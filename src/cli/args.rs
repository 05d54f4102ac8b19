//! Values on the command line: how they are read, and what a wrong one is told.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::app::tracker::request::{DepSpec, When};
use crate::cli::render::sink::Color;
use crate::domain::dates::Spoken;
use crate::domain::dep::DepKind;
use crate::domain::ids::TaskSelector;
use crate::domain::record::CloseOutcome;
use crate::domain::task::{Complexity, Deliverable, MAX_PRIORITY};
use crate::domain::time::DurationMs;

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Work in this directory's repository
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true)]
    pub directory: Option<PathBuf>,
    /// Answer with one line of JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colours; NO_COLOR is respected
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto", value_parser = color())]
    pub color: Color,
}

fn color() -> impl TypedValueParser<Value = Color> {
    PossibleValuesParser::new(["auto", "always", "never"]).map(|text| match text.as_str() {
        "always" => Color::Always,
        "never" => Color::Never,
        _ => Color::Auto,
    })
}

/// `low`, `medium`, `high`.
pub fn complexity() -> impl TypedValueParser<Value = Complexity> {
    PossibleValuesParser::new(["low", "medium", "high"]).map(|text| match text.as_str() {
        "low" => Complexity::Low,
        "high" => Complexity::High,
        _ => Complexity::Medium,
    })
}

/// `pr`, `report`, `plan`.
pub fn deliverable() -> impl TypedValueParser<Value = Deliverable> {
    PossibleValuesParser::new(["pr", "report", "plan"]).map(|text| match text.as_str() {
        "report" => Deliverable::Report,
        "plan" => Deliverable::Plan,
        _ => Deliverable::Pr,
    })
}

/// `done`, `wontdo`, `duplicate`, `failed`.
pub fn outcome() -> impl TypedValueParser<Value = CloseOutcome> {
    PossibleValuesParser::new(["done", "wontdo", "duplicate", "failed"]).map(|text| {
        match text.as_str() {
            "wontdo" => CloseOutcome::Wontdo,
            "duplicate" => CloseOutcome::Duplicate,
            "failed" => CloseOutcome::Failed,
            _ => CloseOutcome::Done,
        }
    })
}

/// A kind of edge.
pub fn dep_kind() -> impl TypedValueParser<Value = DepKind> {
    PossibleValuesParser::new(DepKind::ALL.map(DepKind::name))
        .try_map(|text| text.parse::<DepKind>())
}

/// `2` or `P2`.
///
/// # Errors
/// Anything else.
pub fn priority(text: &str) -> Result<u8, String> {
    let digits = text.strip_prefix(['P', 'p']).unwrap_or(text);
    match digits.parse::<u8>() {
        Ok(n) if n <= MAX_PRIORITY && digits.len() == 1 => Ok(n),
        _ => Err(format!(
            "`{text}` is not a priority; priorities are 0 (most urgent) to {MAX_PRIORITY}, or P0 to P{MAX_PRIORITY}"
        )),
    }
}

/// How long work takes: `90m`, `4h`, `1d` (a day of work has 8 hours, a week 5 days), as minutes.
///
/// # Errors
/// Anything else.
pub fn effort(text: &str) -> Result<u64, String> {
    let refused = || {
        format!(
            "`{text}` is no effort; write minutes, hours, days or weeks: 90m, 4h, 1d, 2w, 1h30m"
        )
    };
    let mut minutes = 0u64;
    let mut digits = String::new();
    for c in text.trim().chars().filter(|c| *c != ' ') {
        let unit = match c {
            '0'..='9' => {
                digits.push(c);
                continue;
            }
            'm' => 1,
            'h' => 60,
            'd' => 8 * 60,
            'w' => 5 * 8 * 60,
            _ => return Err(refused()),
        };
        let count: u64 = digits.parse().map_err(|_| refused())?;
        minutes = count
            .checked_mul(unit)
            .and_then(|more| minutes.checked_add(more))
            .filter(|sum| *sum <= 10_000_000)
            .ok_or_else(refused)?;
        digits.clear();
    }
    if digits.is_empty() && minutes > 0 {
        Ok(minutes)
    } else {
        Err(refused())
    }
}

/// `[KIND:]T-n`; without a kind it is `blocks`.
///
/// # Errors
/// An unknown kind, or no task id.
pub fn dep_spec(text: &str) -> Result<DepSpec, String> {
    let (kind, on) = match text.split_once(':') {
        Some((kind, on)) => (kind.parse()?, on),
        None => (DepKind::Blocks, text),
    };
    let on = on.parse::<TaskSelector>().map_err(|e| e.to_string())?;
    Ok(DepSpec { kind, on })
}

/// A name and its value, `version=1.4.0`.
///
/// # Errors
/// No name, or no `=`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// A moment as people say it: `tomorrow 9am`, `in 3 days`, `next monday`, or an ISO form.
///
/// # Errors
/// Anything else.
pub fn when(text: &str) -> Result<When, String> {
    Ok(match Spoken::read(text)? {
        Spoken::Instant(at) => When::At(at),
        Spoken::After(span) => When::In(span),
        said => When::Said(said),
    })
}

/// A time in the past: an RFC 3339 time in UTC, a date, or a span back from now such as `7d`.
///
/// # Errors
/// Anything else.
pub fn since(text: &str) -> Result<When, String> {
    if let Ok(at) = text.parse() {
        return Ok(When::At(at));
    }
    if let Ok(at) = format!("{text}T00:00:00Z").parse() {
        return Ok(When::At(at));
    }
    if let Ok(span) = humantime::parse_duration(text) {
        let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        return Ok(When::In(DurationMs(ms)));
    }
    Err(format!(
        "`{text}` is no time; write 2026-11-21T08:00:00Z (UTC), 2026-11-21, or a span back from now such as 7d or 2h"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    #[test]
    fn times_are_read_in_three_ways() {
        let day: Timestamp = "2026-11-21T00:00:00Z".parse().expect("a time");
        assert_eq!(since("2026-11-21"), Ok(When::At(day)));
        assert_eq!(when("2026-11-21T00:00:00Z"), Ok(When::At(day)));
        assert_eq!(since("3d"), Ok(When::In(DurationMs::secs(3 * 86_400))));
        assert_eq!(when("3d"), Ok(When::In(DurationMs::secs(3 * 86_400))));
        assert!(matches!(when("tomorrow"), Ok(When::Said(_))));
        assert!(since("soon").is_err());
        assert!(when("2026-02-30").is_err());
    }

    #[test]
    fn efforts_are_minutes_of_work() {
        for (text, want) in [
            ("90m", 90),
            ("4h", 240),
            ("1d", 480),
            ("2w", 4_800),
            ("1h 30m", 90),
        ] {
            assert_eq!(effort(text), Ok(want), "{text}");
        }
        for bad in [
            "",
            "h",
            "90",
            "0m",
            "1y",
            "-1h",
            "99999999999999999999h",
            "99999999w",
        ] {
            assert!(effort(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn priorities_and_edges_say_what_they_want() {
        assert_eq!(priority("P0"), Ok(0));
        assert_eq!(priority("4"), Ok(4));
        assert!(priority("5").is_err());
        assert!(priority("04").is_err());
        assert_eq!(dep_spec("T-7").map(|d| d.kind), Ok(DepKind::Blocks));
        assert_eq!(
            dep_spec("related:T-7").map(|d| d.kind),
            Ok(DepKind::Related)
        );
        assert!(dep_spec("relates:T-7").is_err());
        assert!(dep_spec("7").is_err());
    }
}
