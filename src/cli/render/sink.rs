//! Where output goes: data to stdout, words to stderr. The only place that writes to either.

use std::io::{self, ErrorKind, IoSlice, IsTerminal as _, Write as _};

use anstream::{AutoStream, ColorChoice};

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    const fn choice(self) -> ColorChoice {
        match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::AlwaysAnsi,
            Self::Never => ColorChoice::Never,
        }
    }
}

/// The two streams.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sink {
    color: Color,
}

impl Sink {
    /// Streams that colour as `color` says.
    #[must_use]
    pub const fn new(color: Color) -> Self {
        Self { color }
    }

    /// Columns of the terminal that stdout is, if it is one.
    #[must_use]
    pub fn width(self) -> Option<usize> {
        if !io::stdout().is_terminal() {
            return None;
        }
        terminal_size::terminal_size().map(|(w, _)| usize::from(w.0))
    }

    /// Columns of the terminal that stderr is, if it is one.
    #[must_use]
    pub fn words_width(self) -> Option<usize> {
        if !io::stderr().is_terminal() {
            return None;
        }
        terminal_size::terminal_size_of(io::stderr()).map(|(w, _)| usize::from(w.0))
    }

    /// Writes data.
    ///
    /// # Errors
    /// The stream refuses. A reader that went away (EPIPE) is no error: nobody is left to tell.
    pub fn data(self, text: &str) -> io::Result<()> {
        quiet_if_closed(write_all(io::stdout().lock(), self.color, text))
    }

    /// Writes data that is in pieces, as they follow each other.
    ///
    /// # Errors
    /// As [`Self::data`].
    pub fn pieces(self, pieces: &[String]) -> io::Result<()> {
        if pieces.iter().any(|one| is_colored(one)) {
            return pieces.iter().try_for_each(|one| self.data(one));
        }
        let rest = pieces.iter().map(|one| IoSlice::new(one.as_bytes()));
        let mut rest: Vec<_> = rest.collect();
        let mut stream = io::stdout().lock();
        let mut rest = &mut rest[..];
        // All at once: piece by piece the stream looks for the last line's end in each of them.
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            match stream.write_vectored(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                failed => return quiet_if_closed(failed.map(|_| ())),
            }
        }
        quiet_if_closed(stream.flush())
    }

    /// Writes data while there is somebody to read it; false once there is nobody.
    ///
    /// # Errors
    /// The stream refuses, as [`Self::data`].
    pub fn live(self, text: &str) -> io::Result<bool> {
        match write_all(io::stdout().lock(), self.color, text) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            done => done.map(|()| true),
        }
    }

    /// Whether a person sits at both ends: stdin and stdout are a terminal.
    #[must_use]
    pub fn is_interactive(self) -> bool {
        io::stdin().is_terminal() && io::stdout().is_terminal()
    }

    /// Writes words. What cannot be told is not an error of its own.
    pub fn words(self, text: &str) {
        drop(write_all(io::stderr().lock(), self.color, text));
    }
}

/// Whether there is anything that a terminal would take for an order.
fn is_colored(text: &str) -> bool {
    memchr::memchr(0x1b, text.as_bytes()).is_some()
}

fn write_all(
    stream: impl anstream::stream::RawStream + anstream::stream::AsLockedWrite,
    color: Color,
    text: &str,
) -> io::Result<()> {
    if !is_colored(text) {
        let mut stream = stream;
        stream.write_all(text.as_bytes())?;
        return stream.flush();
    }
    let mut out = AutoStream::new(stream, color.choice());
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn quiet_if_closed(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
