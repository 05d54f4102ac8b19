//! The JSON envelope: `{schema_version, ok, data | error{code, message, hint, retryable, details}}`.

mod row;

use std::io::{self, Write};

use serde::Serialize;

use crate::app::tracker::list::Taken;
use crate::app::tracker::report::{TaskList, TaskRow};
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

/// Rows of a list, each with a comma behind it.
///
/// # Errors
/// As [`answer`].
pub fn rows(rows: &mut dyn Iterator<Item = TaskRow>) -> Result<String, serde_json::Error> {
    let mut out = Out(Vec::with_capacity(4096));
    for row in rows {
        row::write(&row, &mut out)?;
        out.0.push(b',');
    }
    out.into_text()
}

/// The same answer as [`answer`] gives with a list, in pieces that follow each other.
///
/// # Errors
/// As [`answer`], or the rows could not be written.
pub fn list(
    taken: Taken<Result<String, serde_json::Error>>,
) -> Result<Vec<String>, serde_json::Error> {
    let frame = answer(&TaskList {
        tasks: Vec::new(),
        total: taken.total,
        has_more: taken.shown < taken.total,
    })?;
    let (head, tail) = frame.split_once("\"tasks\":[").expect("a list has rows");
    let mut pieces = vec![format!("{head}\"tasks\":[")];
    for part in taken.parts {
        pieces.push(part?);
    }
    let mut written = pieces[1..].iter_mut();
    if let Some(last) = written.rfind(|rows| !rows.is_empty()) {
        last.pop();
    }
    pieces.push(tail.to_owned());
    Ok(pieces)
}

/// One line.
fn text<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let mut out = Out(Vec::with_capacity(4096));
    serde_json::to_writer(&mut out, value)?;
    out.0.push(b'\n');
    out.into_text()
}

/// Takes JSON in. Most of what a list is written in are single bytes: quotes, colons, commas.
struct Out(Vec<u8>);

impl Out {
    fn into_text(self) -> Result<String, serde_json::Error> {
        String::from_utf8(self.0).map_err(|error| serde_json::Error::io(io::Error::other(error)))
    }
}

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
    use crate::cli::render::json::row::tests::row;
    use crate::domain::halves::{WORTH, in_halves};

    #[test]
    fn a_list_in_pieces_is_the_same_text_as_in_one() {
        for count in [0, 1, 2, 5, WORTH - 1, WORTH, WORTH + 1] {
            let list = TaskList {
                tasks: (0..count).map(row).collect(),
                total: count + 7,
                has_more: true,
            };
            let written = |part: &[TaskRow]| rows(&mut part.iter().cloned());
            let (first, second) = list.tasks.split_at(count / 2);
            for parts in [
                in_halves(&list.tasks, written),
                vec![written(first), written(second)],
                vec![written(&list.tasks), written(&[])],
            ] {
                let taken = Taken {
                    parts,
                    shown: count,
                    total: list.total,
                };
                assert_eq!(super::list(taken).unwrap().concat(), answer(&list).unwrap());
            }
        }
    }
}
