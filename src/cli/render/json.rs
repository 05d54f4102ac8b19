//! The JSON envelope: `{schema_version, ok, data | error{code, message, hint, retryable, details}}`.

use std::io::{self, Write};

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
    text(&Answer {
        schema_version: SCHEMA_VERSION,
        ok: true,
        data: report,
    })
}

/// One line.
fn text<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let mut out = Out(Vec::with_capacity(4096));
    serde_json::to_writer(&mut out, value)?;
    out.0.push(b'\n');
    String::from_utf8(out.0).map_err(|error| serde_json::Error::io(io::Error::other(error)))
}

/// Takes JSON in. Most of what a list is written in are single bytes: quotes, colons, commas.
struct Out(Vec<u8>);

impl Write for Out {
    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    #[inline(always)]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match bytes {
            [byte] => self.0.push(*byte),
            more => self.0.extend_from_slice(more),
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One line: a value alone, for commands that answer with many.
///
/// # Errors
/// As [`answer`].
pub fn line<T: Serialize>(value: &T) -> Result<String, CliError> {
    Ok(text(value)?)
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
    text(&refusal).expect("an envelope of texts and a JSON value is always JSON")
}
