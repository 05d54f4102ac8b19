//! Server-sent events (WHATWG HTML §9.2), from bytes that arrive cut anywhere.

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Its `event` field; empty if there was none.
    pub(super) name: String,
    /// Its `data` lines, joined by line feeds.
    pub(super) data: String,
}

/// Bytes of the stream are no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotText;

/// A parser that keeps what is not whole yet. The caller bounds how many bytes it is given.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    name: String,
    data: Option<String>,
    /// The last byte was a carriage return: a line feed after it belongs to it.
    after_cr: bool,
    /// A line was read: only before the first one may a byte order mark stand.
    begun: bool,
}

impl Parser {
    /// Takes the next bytes and gives the events that are whole now.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, NotText> {
        let mut events = Vec::new();
        for &byte in bytes {
            let after_cr = std::mem::take(&mut self.after_cr);
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    events.extend(self.line_end()?);
                }
                other => self.line.push(other),
            }
        }
        Ok(events)
    }

    /// The last event, if the stream ended after its last line but without the blank one. A line
    /// that was cut is not given.
    pub(super) fn end(&mut self) -> Option<Event> {
        self.line.clear();
        self.dispatch()
    }

    fn line_end(&mut self) -> Result<Option<Event>, NotText> {
        let line = std::mem::take(&mut self.line);
        let mut line = std::str::from_utf8(&line).map_err(|_| NotText)?;
        if !std::mem::replace(&mut self.begun, true) {
            line = line.trim_start_matches('\u{feff}');
        }
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // Comments (an empty field), `id`, `retry` and what is not known.
            _ => {}
        }
        Ok(None)
    }

    fn dispatch(&mut self) -> Option<Event> {
        let name = std::mem::take(&mut self.name);
        let data = self.data.take()?;
        Some(Event { name, data })
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, NotText, Parser};

    const STREAM: &str = "\u{feff}: hello\r\nevent: one\r\ndata: {\"a\":\"zwölf — 漢字\"}\r\n\r\n\
        data:first\ndata: second\ndata\n\nid: 7\rretry: 10\r\r: only a comment\n\nevent: none\n\n\
        data: [DONE]\n\n";

    fn whole() -> Vec<Event> {
        let event = |name: &str, data: &str| Event {
            name: name.into(),
            data: data.into(),
        };
        vec![
            event("one", "{\"a\":\"zwölf — 漢字\"}"),
            event("", "first\nsecond\n"),
            event("", "[DONE]"),
        ]
    }

    #[test]
    fn a_stream_means_the_same_wherever_it_is_cut() {
        let bytes = STREAM.as_bytes();
        for size in 1..=bytes.len() {
            let mut parser = Parser::default();
            let mut events = Vec::new();
            for piece in bytes.chunks(size) {
                events.extend(parser.push(piece).unwrap());
            }
            assert_eq!(events, whole(), "pieces of {size} bytes");
            assert_eq!(parser.end(), None);
        }
    }

    #[test]
    fn the_last_event_needs_its_lines_whole_but_not_the_blank_one() {
        let mut parser = Parser::default();
        assert_eq!(parser.push(b"data: [DONE]\n"), Ok(vec![]));
        assert_eq!(parser.end().unwrap().data, "[DONE]");
        let mut parser = Parser::default();
        assert_eq!(parser.push(b"data: {\"a\":1}"), Ok(vec![]));
        assert_eq!(parser.end(), None);
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error_and_not_replaced() {
        assert_eq!(Parser::default().push(b"data: \xff\xfe\n\n"), Err(NotText));
    }
}
