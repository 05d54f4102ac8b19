//! A line of the checkpoint read from the left, in the form that fleet writes: no spaces between
//! values. `None` means "not in this form", not "wrong": about that the parser decides.

use std::str::FromStr;

use serde::Deserialize;

use crate::domain::register::Stamp;

/// Length of a UUID, with its hyphens.
const UUID: usize = 36;
/// Length of a record's time.
const TIME: usize = 30;
/// Longest word.
const WORD: usize = 40;

/// A text, and how far it was read.
#[derive(Clone, Copy)]
pub(super) struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    /// All of a text.
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// True at the end.
    pub(super) const fn is_done(self) -> bool {
        self.at == self.text.len()
    }

    /// How far the text was read.
    pub(super) const fn at(self) -> usize {
        self.at
    }

    #[inline(always)]
    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// Passes over what must stand here.
    #[inline(always)]
    pub(super) fn skip(&mut self, wanted: &str) -> Option<()> {
        let found = self.rest().starts_with(wanted.as_bytes());
        found.then(|| self.at += wanted.len())
    }

    /// Passes over one byte that must stand here.
    #[inline(always)]
    pub(super) fn byte(&mut self, wanted: u8) -> Option<()> {
        let found = self.text.as_bytes().get(self.at) == Some(&wanted);
        found.then(|| self.at += 1)
    }

    #[inline(always)]
    fn take(&mut self, length: usize) -> Option<&'a str> {
        let taken = self.text.get(self.at..self.at + length)?;
        self.at += length;
        Some(taken)
    }

    /// A short word that stands before `end`, which is passed over.
    #[inline(always)]
    pub(super) fn until(&mut self, end: u8) -> Option<&'a str> {
        let length = self
            .rest()
            .iter()
            .take(WORD)
            .position(|byte| *byte == end)?;
        let word = self.take(length);
        self.at += 1;
        word
    }

    /// The name of a field.
    #[inline(always)]
    pub(super) fn name(&mut self) -> Option<&'a str> {
        self.byte(b'"')?;
        let name = self.until(b'"')?;
        self.byte(b':')?;
        Some(name)
    }

    /// A number as JSON has it: no sign, no zero before other digits.
    pub(super) fn number(&mut self) -> Option<u32> {
        let length = self.rest().iter().take_while(|byte| byte.is_ascii_digit());
        let digits = self.take(length.count())?;
        let zeros = digits.len() > 1 && digits.starts_with('0');
        (!zeros).then(|| digits.parse().ok()).flatten()
    }

    /// A UUID in quotes.
    #[inline(always)]
    pub(super) fn uuid<T: FromStr>(&mut self) -> Option<T> {
        self.byte(b'"')?;
        let uuid = self.take(UUID)?.parse().ok()?;
        self.byte(b'"')?;
        Some(uuid)
    }

    /// A time in quotes.
    #[inline(always)]
    pub(super) fn time<T: FromStr>(&mut self) -> Option<T> {
        self.byte(b'"')?;
        if self.rest().get(TIME) == Some(&b'"') {
            let time = self.take(TIME)?.parse().ok()?;
            self.at += 1;
            return Some(time);
        }
        self.until(b'"')?.parse().ok()
    }

    /// Who wrote something, and when.
    pub(super) fn stamp(&mut self) -> Option<Stamp> {
        self.byte(b'[')?;
        let ts = self.time()?;
        self.byte(b',')?;
        let id = self.uuid()?;
        self.byte(b']')?;
        Some(Stamp { ts, id })
    }

    /// A text.
    pub(super) fn text(&mut self) -> Option<String> {
        let end = end_of_text(self.rest(), 0)?;
        let quoted = self.take(end)?;
        let inner = &quoted[1..end - 1];
        let odd = |odd, byte| odd | (byte == b'\\') | (byte < b' ');
        if inner.bytes().fold(false, odd) {
            return serde_json::from_str(quoted).ok();
        }
        Some(inner.to_owned())
    }

    /// A list of texts.
    pub(super) fn texts(&mut self) -> Option<Vec<String>> {
        let mut texts = Vec::with_capacity(1);
        self.byte(b'[')?;
        if self.byte(b']').is_some() {
            return Some(texts);
        }
        loop {
            texts.push(self.text()?);
            if self.byte(b',').is_none() {
                return self.byte(b']').map(|()| texts);
            }
        }
    }

    /// A value of whatever kind, by the parser.
    pub(super) fn value<T: Deserialize<'a>>(&mut self) -> Option<T> {
        serde_json::from_str(self.pass()?).ok()
    }

    /// Passes over a value and gives its text. What is in it is looked at only as far as is needed
    /// to find its end.
    pub(super) fn pass(&mut self) -> Option<&'a str> {
        let bytes = self.rest();
        let (mut at, mut depth) = (0, 0_usize);
        loop {
            match bytes.get(at)? {
                b'"' => at = end_of_text(bytes, at)?,
                b'{' | b'[' => {
                    (at, depth) = (at + 1, depth + 1);
                    continue;
                }
                b'}' | b']' => (at, depth) = (at + 1, depth.checked_sub(1)?),
                b',' | b':' if depth > 0 => {
                    at += 1;
                    continue;
                }
                _ => {
                    let word = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                    let length = bytes[at..].iter().take_while(word).count();
                    at += (length > 0).then_some(length)?;
                }
            }
            if depth == 0 {
                return self.take(at);
            }
        }
    }
}

/// Where the text ends that begins with the quote at `at`.
#[inline(always)]
fn end_of_text(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut from = at + 1;
    loop {
        let quote = from + memchr::memchr(b'"', bytes.get(from..)?)?;
        let before = bytes[from..quote].iter().rev();
        let escapes = before.take_while(|byte| **byte == b'\\').count();
        from = quote + 1;
        if escapes % 2 == 0 {
            return Some(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(Value::from),
            "(\\PC|[\"\\\\\n{}\\[\\],:]){0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("(\\PC|[\"\\\\]){0,6}", inner, 0..4)
                    .prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_is_passed_over_to_where_the_parser_sees_its_end(value in json(), more in "[,}\\]\n][ -~]{0,20}") {
            let text = value.to_string();
            let whole = text.clone() + &more;
            let mut scan = Scan::new(&whole);
            prop_assert_eq!(scan.pass(), Some(text.as_str()));
            prop_assert_eq!(scan.rest(), more.as_bytes());
        }

        #[test]
        fn texts_are_read_as_the_parser_reads_them(texts in prop::collection::vec("(\\PC|[\"\\\\\n\t]){0,12}", 0..5)) {
            let written = serde_json::to_string(&texts).unwrap();
            prop_assert_eq!(Scan::new(&written).texts(), Some(texts));
        }

        #[test]
        fn whatever_the_bytes_no_reading_panics_or_goes_beyond_them(text in "(\\PC|[\"\\\\{}\\[\\],:0-9-]){0,30}") {
            let readings: [fn(&mut Scan<'_>) -> bool; 6] = [
                |scan| scan.pass().is_some(),
                |scan| scan.text().is_some(),
                |scan| scan.texts().is_some(),
                |scan| scan.stamp().is_some(),
                |scan| scan.name().is_some(),
                |scan| scan.number().is_some(),
            ];
            for read in readings {
                let mut scan = Scan::new(&text);
                let _ = read(&mut scan);
                prop_assert!(text.is_char_boundary(scan.at));
            }
        }
    }
}
