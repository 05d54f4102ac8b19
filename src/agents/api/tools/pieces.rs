//! A text in pieces of whole lines, and by its lines.

/// Bytes that are searched in one go, in whole lines; a longer line is not searched.
pub(super) const CHUNK: usize = 64 << 10;

/// Whole lines from the beginning, at most [`CHUNK`] bytes; `None` if the first alone is longer.
pub(super) fn piece(rest: &[u8]) -> Option<&[u8]> {
    if rest.len() <= CHUNK {
        return Some(rest);
    }
    let end = memchr::memrchr(b'\n', &rest[..CHUNK])?;
    Some(&rest[..=end])
}

/// A text by its lines.
pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    starts: Vec<u32>,
}

impl<'a> Lines<'a> {
    /// Of a text that is far below 4 GiB.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let after = memchr::memchr_iter(b'\n', bytes).map(|at| at + 1);
        let starts = std::iter::once(0)
            .chain(after)
            .filter(|at| *at < bytes.len());
        let starts = starts.filter_map(|at| u32::try_from(at).ok()).collect();
        Self { bytes, starts }
    }

    /// How many.
    pub(super) fn count(&self) -> usize {
        self.starts.len()
    }

    /// One of them, from 0, without its end.
    pub(super) fn line(&self, n: usize) -> &'a [u8] {
        let start = |n: usize| {
            self.starts
                .get(n)
                .map_or(self.bytes.len(), |at| *at as usize)
        };
        let line = &self.bytes[start(n)..start(n + 1)];
        line.strip_suffix(b"\n").unwrap_or(line)
    }
}
