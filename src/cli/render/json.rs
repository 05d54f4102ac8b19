//! The JSON envelope: `{schema_version, ok, data | error{code, message, hint, retryable, details}}`.

use std::io::{self, Write};

use serde::Serialize;

use crate::app::tracker::report::TaskList;
use crate::cli::error::CliError;
use crate::domain::halves::in_halves;

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

/// The same for a list of tasks, in pieces that follow each other: many rows are written in two halves.
///
/// # Errors
/// As [`answer`].
pub fn list(report: &TaskList) -> Result<Vec<String>, serde_json::Error> {
    let frame = answer(&TaskList {
        tasks: Vec::new(),
        ..*report
    })?;
    let hole = frame.split_once("\"tasks\":[");
    let (head, tail) = hole.expect("a list has rows");
    let mut pieces = vec![format!("{head}\"tasks\":")];
    for (at, rows) in in_halves(&report.tasks, |rows| text(&rows))
        .into_iter()
        .enumerate()
    {
        let mut rows = rows?;
        rows.truncate(rows.len() - "]\n".len());
        if at > 0 {
            rows.replace_range(..1, ",");
        }
        pieces.push(rows);
    }
    pieces.push(tail.to_owned());
    Ok(pieces)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tracker::report::TaskRow;
    use crate::domain::halves::WORTH;
    use crate::domain::ids::TaskUid;

    fn row(n: usize) -> TaskRow {
        TaskRow {
            id: format!("T-{n}"),
            uid: TaskUid::LEAST,
            title: "\"tasks\":[]".to_owned(),
            kind: "task".to_owned(),
            priority: 2,
            complexity: "medium",
            status: "open",
            phase: "ready",
            assignee: None,
            labels: vec!["a".to_owned(); n % 3],
            milestone: None,
            checklist: None,
            reasons: Vec::new(),
            withheld: false,
            full: None,
        }
    }

    #[test]
    fn a_list_in_pieces_is_the_same_text_as_in_one() {
        for count in [0, 1, 2, WORTH - 1, WORTH, WORTH + 1] {
            let list = TaskList {
                tasks: (0..count).map(row).collect(),
                total: count + 7,
                has_more: true,
            };
            assert_eq!(super::list(&list).unwrap().concat(), answer(&list).unwrap());
        }
    }
}
