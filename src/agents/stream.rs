//! A filter: the stream of an agent in, unified events out, in real time and at the speed of a pipe.
//!
//! Lines are read in place from one buffer and events written into another. What came in with one
//! read goes out with one write, so that a slow stream is passed on line by line and a fast one in
//! large pieces, without a look at the clock.

use std::io::{self, ErrorKind, Read, Write};

use crate::agents::cli::claude::ClaudeParser;
use crate::agents::cli::codex::CodexParser;
use crate::agents::cli::gemini::GeminiParser;
use crate::agents::cli::jsonl::JsonlParser;
use crate::agents::cli::opencode::OpenCodeParser;
use crate::agents::lines::one_line;
pub use crate::agents::reading::CountTokens;
use crate::agents::reading::{Parser, Reading, Terminal};
use crate::agents::said::{Lines, Said};
use crate::ports::clock::Clock;
use crate::ports::stream::{Source, StreamReport, StreamRequest};

/// Bytes that are asked for at once.
const READ_BYTES: usize = 256 * 1024;
/// Longest line; a longer one is counted as broken.
const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;
/// Beginning of a broken line that is kept.
const SHOWN_BYTES: usize = 80;
/// What the last line says where the source said nothing.
const NO_END: &str = "the stream ended without its final event";

/// Reads `input` to its end and writes unified events to `output`.
///
/// # Errors
/// Either of the two fails. A reader of `output` that went away is no error; the report then covers
/// what was read so far.
pub fn filter(
    request: &StreamRequest,
    clock: &dyn Clock,
    counter: Option<CountTokens>,
    input: &mut dyn Read,
    output: &mut dyn Write,
) -> io::Result<StreamReport> {
    let mut filter = Filter::new(request, counter);
    let mut buffer = vec![0_u8; READ_BYTES];
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            if filled >= MAX_LINE_BYTES {
                filter.skip_line(&buffer);
                filled = 0;
            } else {
                buffer.resize(2 * filled, 0);
            }
        }
        let count = match input.read(&mut buffer[filled..]) {
            Ok(count) => count,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        filter.reading.now = clock.now();
        let done = count == 0;
        let used = filter.take(&buffer[..filled + count], filled, done);
        buffer.copy_within(used..filled + count, 0);
        filled = filled + count - used;
        if done {
            filter.end();
        }
        match filter.pass_on(output) {
            Err(e) if e.kind() == ErrorKind::BrokenPipe => {
                filter.report.unread = true;
                return Ok(filter.report);
            }
            passed => passed?,
        }
        if done {
            return Ok(filter.report);
        }
    }
}

struct Filter {
    parser: Box<dyn Parser>,
    reading: Reading,
    report: StreamReport,
    /// The rest of a line that was too long is passed over.
    skipping: bool,
}

impl Filter {
    fn new(request: &StreamRequest, counter: Option<CountTokens>) -> Self {
        let lines = Lines {
            session: request.session.clone().unwrap_or_default(),
            task: request.task.clone().unwrap_or_default(),
            given: (request.session.is_some(), request.task.is_some()),
            ..Lines::default()
        };
        Self {
            parser: parser(request.from),
            reading: Reading {
                lines: Some(lines),
                counter,
                ..Reading::default()
            },
            report: StreamReport::default(),
            skipping: false,
        }
    }

    /// Reads all complete lines; gives how many bytes they took. The first `known` bytes are known
    /// to hold no line end; at the end of input what is left is a line as well.
    fn take(&mut self, bytes: &[u8], known: usize, done: bool) -> usize {
        let mut from = 0;
        let mut look = known;
        while let Some(at) = memchr::memchr(b'\n', &bytes[look..]) {
            let end = look + at;
            self.line(&bytes[from..end]);
            from = end + 1;
            look = from;
        }
        if done && from < bytes.len() {
            self.line(&bytes[from..]);
            from = bytes.len();
        }
        from
    }

    fn line(&mut self, bytes: &[u8]) {
        self.report.lines += 1;
        if std::mem::take(&mut self.skipping) {
            return;
        }
        let text = String::from_utf8_lossy(bytes);
        let broken = self.reading.broken;
        self.parser.line(&text, &mut self.reading);
        if self.reading.broken > broken {
            self.broken(&text);
        }
    }

    /// A line that does not fit into the buffer; its end is still to come.
    fn skip_line(&mut self, bytes: &[u8]) {
        if !std::mem::replace(&mut self.skipping, true) {
            let text = String::from_utf8_lossy(&bytes[..SHOWN_BYTES]);
            self.report.lines += 1;
            self.broken(&text);
            self.report.lines -= 1;
        }
    }

    fn broken(&mut self, text: &str) {
        self.report.broken += 1;
        let line = self.report.lines;
        let first = || (line, one_line(text, SHOWN_BYTES));
        self.report.first_broken.get_or_insert_with(first);
    }

    /// The last line: how it ended, by the source's own word.
    fn end(&mut self) {
        self.parser.ended(&mut self.reading);
        let (ended, ok, summary) = match self.reading.terminal.take() {
            Some(Terminal::Good) => (true, true, self.reading.final_message.clone()),
            Some(Terminal::Bad { reason, .. }) => (true, false, reason),
            None => {
                let last = self.reading.last_error.take();
                let said = last.map_or(String::new(), |(_, text)| {
                    format!("; its last error: {text}")
                });
                (false, false, format!("{NO_END}{said}"))
            }
        };
        self.report.ended = ended;
        self.report.ok = ok;
        let summary = one_line(&summary, SUMMARY_BYTES);
        self.reading.emit(Said::Finished {
            summary: &summary,
            ok: Some(ok),
        });
    }

    /// Writes what there is, at once.
    fn pass_on(&mut self, output: &mut dyn Write) -> io::Result<()> {
        let Some(lines) = &mut self.reading.lines else {
            return Ok(());
        };
        self.report.events = lines.events;
        if lines.bytes.is_empty() {
            return Ok(());
        }
        output.write_all(&lines.bytes)?;
        lines.bytes.clear();
        output.flush()
    }
}

/// Longest summary of the end.
const SUMMARY_BYTES: usize = 400;

fn parser(from: Source) -> Box<dyn Parser> {
    match from {
        Source::Claude => Box::new(ClaudeParser::default()),
        Source::Codex => Box::new(CodexParser::default()),
        Source::Gemini => Box::new(GeminiParser::default()),
        Source::OpenCode => Box::new(OpenCodeParser::default()),
        Source::Jsonl => Box::new(JsonlParser),
    }
}
