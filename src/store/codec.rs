//! One record ⇄ one line.

use std::borrow::Cow;

use serde::Deserialize;

use crate::domain::ids::RecordId;
use crate::domain::record::{Op, Record};
use crate::domain::time::Hlc;
use crate::store::error::StoreError;
use crate::store::problem::ProblemKind;

/// Longest line that is written, without its newline.
pub const MAX_LINE_BYTES: usize = 256 * 1024;

/// Why a line is not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct LineError {
    /// Class of the damage.
    pub what: ProblemKind,
    /// The parser's words.
    pub cause: String,
    /// The line's id, if that much could be read.
    pub id: Option<RecordId>,
}

/// The fields that every record has; the payload's are skipped.
#[derive(Deserialize)]
struct Envelope<'a> {
    v: u32,
    id: RecordId,
    ts: Hlc,
    #[serde(borrow)]
    by: Cow<'a, str>,
    #[serde(borrow, default)]
    run: Cow<'a, str>,
    #[serde(borrow)]
    op: Cow<'a, str>,
}

/// Reads one line (without its newline) as a record. An operation of a newer version is
/// `Op::Unknown`.
///
/// # Errors
/// [`LineError`] says in which way it is not a record. Never panics, whatever the bytes.
pub fn decode_line(line: &str) -> Result<Record, LineError> {
    let envelope: Envelope<'_> = serde_json::from_str(line).map_err(|e| LineError {
        what: class(&e),
        cause: e.to_string(),
        id: None,
    })?;
    if envelope.id.0.is_nil() {
        return Err(LineError {
            what: ProblemKind::NotARecord,
            cause: "the id is nil".to_owned(),
            id: None,
        });
    }
    let op = Op::from_line(&envelope.op, line).map_err(|e| LineError {
        what: class(&e),
        cause: e.to_string(),
        id: Some(envelope.id),
    })?;
    Ok(Record {
        v: envelope.v,
        id: envelope.id,
        ts: envelope.ts,
        by: envelope.by.into_owned(),
        run: envelope.run.into_owned(),
        op,
    })
}

fn class(error: &serde_json::Error) -> ProblemKind {
    if error.is_data() {
        return ProblemKind::NotARecord;
    }
    // serde_json has no code for this one; the text is pinned by a test.
    if error.to_string().starts_with("trailing characters") {
        return ProblemKind::TrailingData;
    }
    ProblemKind::NotJson
}

/// Writes one record as a line without newline: keys in the order v, id, ts, by, run, op, payload.
/// U+2028 and U+2029 are escaped, so that no tool sees a line end inside.
///
/// # Errors
/// The line would be longer than [`MAX_LINE_BYTES`], the operation is unknown, or the line would
/// not read back as the same record (a time after the year 9999, a nil id).
pub fn encode_record(record: &Record) -> Result<String, StoreError> {
    let line = line_of(record)?;
    if line.len() > MAX_LINE_BYTES {
        return Err(StoreError::LineTooLong {
            id: record.id.to_string(),
            bytes: line.len(),
        });
    }
    let cause = match decode_line(&line) {
        Ok(back) if back == *record => return Ok(line),
        Ok(_) => "its line would read back as another record".to_owned(),
        Err(error) => format!("its line would not read back: {error}"),
    };
    Err(StoreError::BadRecord {
        id: record.id.to_string(),
        cause,
    })
}

/// The line of a record, unchecked.
pub(crate) fn line_of(record: &Record) -> Result<String, StoreError> {
    let bad = |e: serde_json::Error| StoreError::BadRecord {
        id: record.id.to_string(),
        cause: e.to_string(),
    };
    let payload = record.op.payload_json().map_err(bad)?;
    let mut line = format!(
        "{{\"v\":{},\"id\":\"{}\",\"ts\":\"{}\",\"by\":{},\"run\":{},\"op\":\"{}\"",
        record.v,
        record.id,
        record.ts,
        serde_json::to_string(&record.by).map_err(bad)?,
        serde_json::to_string(&record.run).map_err(bad)?,
        record.op.name(),
    );
    match payload.strip_prefix('{') {
        Some("}") | None => line.push('}'),
        Some(fields) => {
            line.push(',');
            line.push_str(fields);
        }
    }
    Ok(escape_separators(line))
}

/// U+2028 and U+2029 can stand only inside JSON strings, so replacing them is safe.
pub(crate) fn escape_separators(line: String) -> String {
    // Both begin with the byte 0xe2, and looking for a byte costs next to nothing.
    let may = memchr::memchr(0xe2, line.as_bytes()).is_some();
    if may && line.contains(['\u{2028}', '\u{2029}']) {
        line.replace('\u{2028}', "\\u2028")
            .replace('\u{2029}', "\\u2029")
    } else {
        line
    }
}
