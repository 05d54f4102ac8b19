//! Bytes → lines, bounded: what a program prints decides nothing about our memory.

/// Longest line that is kept. Results of agents carry whole files, so it is not small.
pub(crate) const MAX_LINE_BYTES: usize = 512 * 1024;

/// One line of output, without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// The bytes that were kept.
    pub(crate) bytes: &'a [u8],
    /// Bytes that were longer than the limit and are lost.
    pub(crate) lost: u64,
}

impl Line<'_> {
    /// The text, with what is not UTF-8 replaced.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes).into_owned()
    }
}

/// Collects bytes and hands out lines.
#[derive(Debug, Default)]
pub(crate) struct LineBuffer {
    kept: Vec<u8>,
    lost: u64,
}

impl LineBuffer {
    /// Takes a chunk and calls `each` once per complete line in it.
    pub(crate) fn push(&mut self, mut chunk: &[u8], each: &mut dyn FnMut(Line<'_>)) {
        while let Some(end) = chunk.iter().position(|b| *b == b'\n') {
            let (head, rest) = (&chunk[..end], &chunk[end + 1..]);
            if self.kept.is_empty() && self.lost == 0 && head.len() <= MAX_LINE_BYTES {
                // The common case: a whole line within one chunk is not copied.
                each(Line {
                    bytes: trim_cr(head),
                    lost: 0,
                });
            } else {
                self.keep(head);
                self.flush(each);
            }
            chunk = rest;
        }
        self.keep(chunk);
    }

    /// Hands out an unfinished last line, if there is one.
    pub(crate) fn flush(&mut self, each: &mut dyn FnMut(Line<'_>)) {
        if !self.kept.is_empty() || self.lost > 0 {
            each(Line {
                bytes: trim_cr(&self.kept),
                lost: self.lost,
            });
        }
        self.kept.clear();
        // A long line must not hold its memory for the rest of the run.
        self.kept.shrink_to(16 * 1024);
        self.lost = 0;
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MAX_LINE_BYTES.saturating_sub(self.kept.len());
        let fits = room.min(bytes.len());
        self.kept.extend_from_slice(&bytes[..fits]);
        self.lost += (bytes.len() - fits) as u64;
    }
}

fn trim_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The last bytes of a stream.
#[derive(Debug)]
pub(crate) struct Tail {
    kept: Vec<u8>,
    limit: usize,
}

impl Tail {
    /// Keeps at most `limit` bytes.
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            kept: Vec::new(),
            limit,
        }
    }

    /// Appends a line.
    pub(crate) fn push(&mut self, line: &[u8]) {
        let line = &line[line.len().saturating_sub(self.limit)..];
        self.kept.extend_from_slice(line);
        self.kept.push(b'\n');
        // Cutting only at twice the limit makes the cost per line constant.
        if self.kept.len() > 2 * self.limit {
            self.kept.drain(..self.kept.len() - self.limit);
        }
    }

    /// The text, lossy, without the cut first character.
    pub(crate) fn text(&self) -> String {
        let from = self.kept.len().saturating_sub(self.limit);
        let text = String::from_utf8_lossy(&self.kept[from..]);
        text.trim_start_matches('\u{fffd}').trim().to_owned()
    }
}

/// Cuts `text` to at most `max` bytes at a character, with a mark where it was cut.
pub(crate) fn clip(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// The first `max` bytes, cut at a character.
pub(crate) fn head(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// One line for people: colours go, white space and control characters become single spaces.
pub(crate) fn one_line(text: &str, max: usize) -> String {
    let mut line = String::new();
    one_line_onto(&mut line, text, max);
    line
}

/// Appends `text` to a line, as [`one_line`], until the line has `max` bytes. Costs what is kept, not
/// what is given: answers of tools carry whole files.
pub(crate) fn one_line_onto(line: &mut String, text: &str, max: usize) {
    let mut gap = !line.is_empty();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let tail = &rest[c.len_utf8()..];
        if let Some(sequence) = rest.strip_prefix("\u{1b}[") {
            rest = after_sequence(sequence);
            continue;
        }
        rest = tail;
        if c.is_whitespace() || c.is_control() {
            gap = !line.is_empty();
            continue;
        }
        if line.len() + usize::from(gap) + c.len_utf8() > max {
            line.push('…');
            return;
        }
        if std::mem::take(&mut gap) {
            line.push(' ');
        }
        line.push(c);
    }
}

/// A text without terminal sequences of the form `ESC [ … letter`.
pub(crate) fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, sequence)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after_sequence(sequence);
    }
    plain.push_str(rest);
    plain
}

/// What follows a terminal sequence of the form `ESC [ … letter`, without its beginning.
fn after_sequence(sequence: &str) -> &str {
    let end = sequence.find(|c: char| !matches!(c, '0'..='9' | ';' | '?'));
    let mut rest = end.map_or("", |e| &sequence[e..]).chars();
    rest.next();
    rest.as_str()
}

/// The last lines of a text, as one line.
pub(crate) fn last_lines(text: &str, lines: usize, max: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    one_line(&all[all.len().saturating_sub(lines)..].join(" "), max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(chunks: &[&[u8]]) -> Vec<(String, u64)> {
        let mut buffer = LineBuffer::default();
        let mut seen = Vec::new();
        for chunk in chunks {
            buffer.push(chunk, &mut |l| seen.push((l.text(), l.lost)));
        }
        buffer.flush(&mut |l| seen.push((l.text(), l.lost)));
        seen
    }

    #[test]
    fn lines_are_put_together_across_chunks_and_a_last_one_without_end_counts() {
        let seen = lines_of(&[b"a", b"b\r\nc\n\n", b"\xff", b"z"]);
        let want = [("ab", 0), ("c", 0), ("", 0), ("\u{fffd}z", 0)];
        assert_eq!(seen, want.map(|(t, n)| (t.to_owned(), n)));
    }

    #[test]
    fn a_line_longer_than_the_limit_is_cut_and_the_next_one_is_whole() {
        let big = vec![b'x'; MAX_LINE_BYTES];
        let seen = lines_of(&[&big, &big, b"\nnext\n"]);
        assert_eq!(seen[0].0.len(), MAX_LINE_BYTES);
        assert_eq!(seen[0].1, MAX_LINE_BYTES as u64);
        assert_eq!(seen[1], ("next".to_owned(), 0));
    }

    #[test]
    fn a_tail_keeps_the_end() {
        let mut tail = Tail::new(10);
        for n in 0..100 {
            tail.push(format!("line {n}").as_bytes());
        }
        assert_eq!(tail.text(), "8\nline 99");
    }

    #[test]
    fn clipping_never_splits_a_character() {
        assert_eq!(clip("äöü", 3), "ä…");
        assert_eq!(one_line(" a\tb\n\u{1b}[31mc ", 80), "a b c");
        assert_eq!(one_line("\u{1b}[1;31mä\u{1b}[0m\u{1b}[", 80), "ä");
        assert_eq!(one_line("ab cd ef", 5), "ab cd…");
        assert_eq!(head("äö", 3), "ä");
    }
}
