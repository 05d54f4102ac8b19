//! Values with units: durations, sizes, money.

use crate::domain::money::MicroUsd;
use crate::domain::time::DurationMs;

/// `15m`, `1h 30m`, `3s`, `250ms`.
pub(super) fn duration(text: &str) -> Result<DurationMs, String> {
    let parsed = humantime::parse_duration(text)
        .map_err(|_| format!("`{text}` is not a duration; write \"30s\", \"15m\" or \"1h 30m\""))?;
    u64::try_from(parsed.as_millis())
        .map(DurationMs)
        .map_err(|_| format!("`{text}` is too long"))
}

/// `4 MiB`, `64KB`, `100`.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let bad =
        || format!("`{text}` is not a size; write \"4 MiB\", \"64 KiB\" or a number of bytes");
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| bad())?;
    let unit = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        _ => return Err(bad()),
    };
    number.checked_mul(unit).ok_or_else(bad)
}

/// Dollars, exactly: `5`, `5.00`, `$0.0042`; at most six decimals.
pub(super) fn money(text: &str) -> Result<MicroUsd, String> {
    let bad = || format!("`{text}` is not an amount of dollars; write \"5.00\"");
    let plain = text.trim().trim_start_matches('$').trim();
    let (whole, part) = plain.split_once('.').unwrap_or((plain, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return Err(bad());
    }
    if part.trim_end_matches('0').len() > 6 {
        return Err(format!("`{text}` has more than six decimals"));
    }
    let micros: String = part.chars().chain("000000".chars()).take(6).collect();
    let whole: u64 = whole.parse().map_err(|_| bad())?;
    let micros: u64 = micros.parse().map_err(|_| bad())?;
    whole
        .checked_mul(1_000_000)
        .and_then(|w| w.checked_add(micros))
        .map(MicroUsd)
        .ok_or_else(bad)
}
