//! `edit`: replaces an exact piece of a file, and says precisely why it could not.

use std::fmt::Write as _;
use std::io::Read as _;

use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Desk, SNIFF_BYTES, is_binary, near, not_opened, parsed};

/// Largest file that is edited.
const FILE_BYTES: u64 = 8 << 20;
/// Lines shown around a change.
const AROUND: usize = 3;
/// Most lines of a change that are shown.
const SHOWN_LINES: usize = 40;
/// Places named when a piece stands in several.
const NAMED: usize = 10;

#[derive(Deserialize)]
struct Input {
    path: String,
    old: String,
    new: String,
    #[serde(default)]
    all: bool,
}

/// Replaces a piece of a file.
pub(super) fn edit(desk: &mut Desk<'_>, input: &Value) -> Result<Answer, String> {
    let input: Input = parsed("edit", input)?;
    let relative = desk.files.relative(&input.path)?;
    let shown = relative.display().to_string();
    if input.old.is_empty() {
        return Err(
            "`old` is empty: `write` makes a new file; to insert, take a line that is there \
                    as `old` and repeat it in `new`"
                .to_owned(),
        );
    }
    if input.old == input.new {
        return Err("`old` and `new` are the same: that changes nothing".to_owned());
    }
    let file = desk
        .files
        .open_read(&relative)
        .map_err(|e| not_opened(desk, &relative, &e))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| format!("cannot read `{shown}`: {e}"))?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(format!(
            "`{shown}` is larger than {FILE_BYTES} bytes: change it with `bash`"
        ));
    }
    if is_binary(&bytes[..bytes.len().min(SNIFF_BYTES)]) {
        return Err(format!("`{shown}` is not text"));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| format!("`{shown}` is not UTF-8: change it with `bash`"))?;
    let (old, new) = line_ends(&text, &input);
    let places: Vec<usize> = text.match_indices(&old).map(|(at, _)| at).collect();
    match places.len() {
        0 => return Err(near::not_found(&shown, &text, &old)),
        1 => {}
        n if !input.all => return Err(several(&shown, &text, &places, n)),
        _ => {}
    }
    let changed =
        replaced(&text, &old, &new, places.len()).ok_or_else(|| too_large(&shown, places.len()))?;
    desk.files.replace(&relative, changed.as_bytes())?;
    desk.known.insert(relative);
    let first = line_of(&text, places[0]);
    let brief = match places.len() {
        1 => format!("{shown}: line {first}"),
        n => format!("{shown}: {n} places"),
    };
    Ok(Answer::new(
        after(&shown, &changed, first, &new, places.len()),
        brief,
    ))
}

/// The text with every piece replaced; `None` if it became larger than a file that is edited.
fn replaced(text: &str, old: &str, new: &str, places: usize) -> Option<String> {
    let left = text.len().saturating_sub(places.saturating_mul(old.len()));
    let size = left.saturating_add(places.saturating_mul(new.len()));
    (size as u64 <= FILE_BYTES).then(|| text.replace(old, new))
}

fn too_large(shown: &str, places: usize) -> String {
    format!(
        "`{shown}` would become larger than {FILE_BYTES} bytes ({places} places): nothing was \
         changed. Take a shorter `new`, or a piece that stands in fewer places"
    )
}

/// A file with CRLF is searched and changed with CRLF, whatever the model wrote.
fn line_ends(text: &str, input: &Input) -> (String, String) {
    let crlf = text.contains("\r\n") && !text.replace("\r\n", "").contains('\n');
    if crlf && !input.old.contains('\r') {
        let with = |s: &str| s.replace("\r\n", "\n").replace('\n', "\r\n");
        return (with(&input.old), with(&input.new));
    }
    (input.old.clone(), input.new.clone())
}

/// Number of the line at a byte, from 1.
fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn several(shown: &str, text: &str, places: &[usize], n: usize) -> String {
    let lines: Vec<String> = places
        .iter()
        .take(NAMED)
        .map(|at| line_of(text, *at).to_string())
        .collect();
    let more = if n > NAMED { ", …" } else { "" };
    format!(
        "`old` stands {n} times in {shown}, at lines {}{more}. Add lines around it until it is the \
         only one, or set `all` to change every one",
        lines.join(", ")
    )
}

/// The changed lines with a few around them, so that the model need not read again.
fn after(shown: &str, changed: &str, first: usize, new: &str, places: usize) -> String {
    let span = new.matches('\n').count() + 1;
    let from = first.saturating_sub(AROUND).max(1);
    let to = (first + span - 1 + AROUND).min(from + SHOWN_LINES);
    let mut out = if places == 1 {
        format!("changed {shown}; it now reads:\n")
    } else {
        format!("changed {places} places in {shown}; the first now reads:\n")
    };
    for (at, line) in changed.lines().enumerate().skip(from - 1) {
        if at + 1 > to {
            break;
        }
        let _ = writeln!(out, "{:>6}\t{line}", at + 1);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_would_make_the_file_huge_is_refused_before_it_takes_memory() {
        let text = "a".repeat(FILE_BYTES as usize);
        let new = "b".repeat(20_000);
        assert_eq!(replaced(&text, "a", &new, text.len()), None);
        assert_eq!(replaced("a-a", "a", "bc", 2).as_deref(), Some("bc-bc"));
        let same = replaced(&text, "a", "b", text.len());
        assert_eq!(same.map(|t| t.len()), Some(text.len()));
    }
}
