//! `read`: a file with line numbers, by ranges.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Desk, SNIFF_BYTES, find, is_binary, not_opened, parsed};
use crate::agents::lines::clip;

/// Lines of one answer.
pub(super) const USUAL_LINES: usize = 1500;
/// Longest line that is shown.
const LINE_BYTES: usize = 2000;
/// Larger files are not counted to their end.
const SCAN_BYTES: u64 = 64 << 20;

#[derive(Deserialize)]
struct Input {
    path: String,
    #[serde(default)]
    offset: Option<usize>,
    #[serde(default)]
    limit: Option<usize>,
}

/// Shows a part of a file.
pub(super) fn read(desk: &mut Desk<'_>, input: &Value) -> Result<Answer, String> {
    let input: Input = parsed("read", input)?;
    let relative = desk.files.relative(&input.path)?;
    let file = desk
        .files
        .open_read(&relative)
        .map_err(|e| not_opened(desk, &relative, &e))?;
    let about = file
        .metadata()
        .map_err(|e| format!("cannot read `{}`: {e}", relative.display()))?;
    if about.is_dir() {
        return Ok(find::folder(desk, &relative));
    }
    if !about.is_file() {
        return Err(format!("`{}` is no plain file", relative.display()));
    }
    let first = input.offset.unwrap_or(1).max(1);
    let most = input.limit.unwrap_or(USUAL_LINES).clamp(1, USUAL_LINES);
    let window = Window {
        first,
        most,
        bytes: desk.answer_bytes,
    };
    let shown = window.show(file, &relative, about.len())?;
    desk.known.insert(relative);
    Ok(shown)
}

/// Which part is wanted.
struct Window {
    first: usize,
    most: usize,
    bytes: usize,
}

impl Window {
    fn show(&self, file: File, relative: &Path, size: u64) -> Result<Answer, String> {
        let shown = relative.display();
        let failed = |e: std::io::Error| format!("cannot read `{shown}`: {e}");
        let mut reader =
            BufReader::with_capacity(SNIFF_BYTES.max(64 * 1024), file.take(SCAN_BYTES));
        let head = reader.fill_buf().map_err(failed)?;
        if is_binary(&head[..head.len().min(SNIFF_BYTES)]) {
            let what = head.iter().take(8).fold(String::new(), |mut text, byte| {
                // Writing to a String cannot fail.
                let _ = write!(text, "{byte:02x} ");
                text
            });
            return Err(format!(
                "`{shown}` is not text: {size} bytes that begin with {}. `bash` has tools for it \
                 (`file`, `xxd`)",
                what.trim_end()
            ));
        }
        let mut text = String::new();
        let (mut at, mut last, mut lossy) = (0, 0, false);
        let mut line = Vec::new();
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line).map_err(failed)? == 0 {
                break;
            }
            at += 1;
            let wanted = at >= self.first && at - self.first < self.most;
            if !wanted || text.len() >= self.bytes {
                continue;
            }
            let plain = String::from_utf8_lossy(&line);
            lossy |= matches!(plain, std::borrow::Cow::Owned(_));
            let plain = plain.trim_end_matches('\n').trim_end_matches('\r');
            let _ = writeln!(text, "{at:>6}\t{}", clip(plain, LINE_BYTES));
            last = at;
        }
        if at == 0 {
            return Ok(Answer::new(
                "(the file is empty)",
                format!("{shown}: empty"),
            ));
        }
        if last == 0 {
            return Err(format!(
                "`{shown}` has only {at} lines; `offset` is {}",
                self.first
            ));
        }
        if last < at {
            let more = if size > SCAN_BYTES { "more than " } else { "" };
            let _ = writeln!(
                text,
                "[lines {} to {last} of {more}{at}; go on with offset = {}]",
                self.first,
                last + 1
            );
        }
        if lossy {
            text.push_str("[some bytes are not UTF-8 and are shown as \u{fffd}]\n");
        }
        Ok(Answer::new(
            text,
            format!("{shown}: lines {} to {last} of {at}", self.first),
        ))
    }
}
