//! Lines of the checkpoint: one JSON object each, as UTF-8 with `\n` ends.

use serde::Serialize;
use serde::de::DeserializeOwned;

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
