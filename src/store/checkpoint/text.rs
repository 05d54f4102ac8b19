//! Lines of the checkpoint: one JSON object each, as UTF-8 with `\n` ends.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::ids::TaskNumber;
use crate::store::codec::escape_separators;

/// Writes one row. The row types hold only strings, numbers, lists and maps with string keys.
pub(crate) fn line<T: Serialize>(row: &T) -> String {
    let text = serde_json::to_string(row).expect("rows have only string keys and finite numbers");
    let mut text = escape_separators(text);
    // All rows of a state are there at once, and half of what a text grew into may be room.
    text.shrink_to_fit();
    text
}

/// Reads all rows of a file, each through `take`.
pub(crate) fn rows_as<T: DeserializeOwned, U>(
    bytes: &[u8],
    take: impl Fn(T) -> Result<U, String>,
) -> Result<Vec<U>, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| e.to_string())?;
    // Rows are large: a list that grows would copy them again and again.
    let mut rows = Vec::with_capacity(memchr::memchr_iter(b'\n', bytes).count());
    // The parser sees where a row ends; to look for the line's end first would be a second reading.
    for row in serde_json::Deserializer::from_str(text).into_iter() {
        rows.push(take(row.map_err(|e| e.to_string())?)?);
    }
    Ok(rows)
}

/// Reads all rows of a file.
pub(crate) fn rows<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>, String> {
    rows_as(bytes, Ok)
}

/// The rows of these numbers, and what is not in the form that fleet writes.
pub(super) fn lines_of(bytes: &[u8], numbers: &[TaskNumber]) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (line, later) = rest.split_at(end);
        rest = later;
        let is_other = number_of(line).is_some_and(|n| !numbers.iter().any(|own| own.get() == n));
        if !is_other {
            kept.extend_from_slice(line);
        }
    }
    kept
}

/// The number that a row begins with.
fn number_of(line: &[u8]) -> Option<u32> {
    let rest = line.strip_prefix(b"{\"n\":")?;
    let end = rest.iter().take(10).position(|byte| *byte == b',')?;
    std::str::from_utf8(&rest[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_other_numbers_are_left_out_and_what_is_in_another_form_stays() {
        let text = "{\"n\":7,\"id\":1}\n{\"n\":70,\"id\":2}\n{\"id\":3}\n{ \"n\": 8 }\n{\"n\":7,\"id\":4}\n{\"n\":8}\n{\"n\":9,";
        let own = [TaskNumber::new(7).unwrap()];
        let wanted =
            "{\"n\":7,\"id\":1}\n{\"id\":3}\n{ \"n\": 8 }\n{\"n\":7,\"id\":4}\n{\"n\":8}\n";
        assert_eq!(lines_of(text.as_bytes(), &own), wanted.as_bytes());
    }
}
