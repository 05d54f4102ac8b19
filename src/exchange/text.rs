//! Bytes → text. Says where the text ends to be text, and in which encoding it probably is.

use std::borrow::Cow;

use crate::exchange::batch::{Batch, Place};

/// Longest line that is read, in bytes; a record of fleet holds less.
pub(crate) const LINE_MAX_BYTES: usize = 1 << 20;

/// Makes a unit of two bytes.
type Join = fn([u8; 2]) -> u16;

/// The whole text of a file; `None` after a note of damage.
pub(crate) fn whole<'a>(batch: &mut Batch, file: u32, bytes: &'a [u8]) -> Option<Cow<'a, str>> {
    let text = match unicode(batch, file, bytes)? {
        Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(error) => {
                let place = place_of(file, bytes, error.valid_up_to());
                batch.broken(place, "", not_utf8(bytes, error.valid_up_to()));
                return None;
            }
        },
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
    };
    if let Some(at) = memchr::memchr(0, text.as_bytes()) {
        let place = place_of(file, text.as_bytes(), at);
        batch.broken(place, "", "a NUL byte: this is no text file");
        return None;
    }
    Some(text)
}

/// The bytes of a file as UTF-8 without a byte order mark, not checked yet; `None` after a note of
/// damage.
pub(crate) fn unicode<'a>(batch: &mut Batch, file: u32, bytes: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    let place = Place::line(file, 1);
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return Some(Cow::Borrowed(rest));
    }
    let wide: Option<(Join, usize)> = match bytes {
        [0xff, 0xfe, ..] => Some((u16::from_le_bytes, 2)),
        [0xfe, 0xff, ..] => Some((u16::from_be_bytes, 2)),
        // JSON, CSV and Markdown begin with ASCII, so a zero beside the first byte tells the order.
        [a, 0, ..] if *a != 0 => Some((u16::from_le_bytes, 0)),
        [0, b, ..] if *b != 0 => Some((u16::from_be_bytes, 0)),
        _ => None,
    };
    let Some((join, skip)) = wide else {
        return Some(Cow::Borrowed(bytes));
    };
    let pairs = bytes[skip..].chunks_exact(2);
    let odd = !pairs.remainder().is_empty();
    let units = pairs.map(|pair| join([pair[0], pair[1]]));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    match text {
        Ok(text) if !odd => {
            batch.remark(place, "", "read as UTF-16");
            Some(Cow::Owned(text.into_bytes()))
        }
        _ => {
            batch.broken(
                place,
                "",
                "looks like UTF-16, but is torn; save it as UTF-8",
            );
            None
        }
    }
}

/// What is wrong with a byte that is not UTF-8.
pub(crate) fn not_utf8(bytes: &[u8], at: usize) -> String {
    let byte = bytes.get(at).copied().unwrap_or_default();
    let guess = if byte >= 0xa0 {
        "; Latin-1 perhaps: `iconv -f latin1 -t utf-8` converts it"
    } else {
        ""
    };
    format!("not UTF-8 (byte 0x{byte:02x}){guess}")
}

/// The place of a byte.
pub(crate) fn place_of(file: u32, bytes: &[u8], at: usize) -> Place {
    let before = &bytes[..at.min(bytes.len())];
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let start = memchr::memrchr(b'\n', before).map_or(0, |n| n + 1);
    Place {
        file,
        line: small(line),
        column: small(before.len() - start + 1),
    }
}

/// A count as a place holds it.
pub(crate) fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Counts lines while places are asked for in ascending order.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
        }
    }

    /// Line of the byte `at` of the text; earlier ones than the last asked for give the last.
    pub(crate) fn line(&mut self, at: usize) -> u32 {
        let at = at.min(self.text.len());
        if at > self.at {
            let passed = &self.text.as_bytes()[self.at..at];
            self.line += memchr::memchr_iter(b'\n', passed).count();
            self.at = at;
        }
        small(self.line)
    }

    /// Line of `part`, which is a piece of the text.
    pub(crate) fn of(&mut self, part: &str) -> u32 {
        let at = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        self.line(at)
    }
}
