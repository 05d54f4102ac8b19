//! The JSON envelope: `{schema_version, ok, data | error{code, message, hint, retryable, details}}`.

use serde::Serialize;

use crate::cli::error::CliError;

/// Version of what programs may rely on. Grows when a field changes its meaning or goes away;
/// new fields come without notice.
pub const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Answer<'a, T: Serialize> {
    schema_version: u32,
    ok: bool,
    data: &'a T,
}

#[derive(Serialize)]
struct Refusal<'a> {
    schema_version: u32,
    ok: bool,
    error: Details<'a>,
}

#[derive(Serialize)]
struct Details<'a> {
    code: &'a str,
    message: &'a str,
    hint: &'a str,
    retryable: bool,
    details: &'a serde_json::Value,
}

/// One line: the report as `data`.
///
/// # Errors
/// The report cannot be written as JSON, which is a bug.
pub fn answer<T: Serialize>(report: &T) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string(&Answer {
        schema_version: SCHEMA_VERSION,
        ok: true,
        data: report,
    })?;
    text.push('\n');
    Ok(text)
}

/// One line: a value alone, for commands that answer with many.
///
/// # Errors
/// As [`answer`].
pub fn line<T: Serialize>(value: &T) -> Result<String, CliError> {
    let mut text = serde_json::to_string(value)?;
    text.push('\n');
    Ok(text)
}

/// One line: the error.
#[must_use]
pub fn refusal(error: &CliError) -> String {
    let refusal = Refusal {
        schema_version: SCHEMA_VERSION,
        ok: false,
        error: Details {
            code: error.code,
            message: &error.message,
            hint: &error.hint,
            retryable: error.retryable,
            details: &error.details,
        },
    };
    let mut text = serde_json::to_string(&refusal)
        .expect("an envelope of texts and a JSON value is always JSON");
    text.push('\n');
    text
}
