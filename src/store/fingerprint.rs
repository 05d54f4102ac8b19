//! A fast fingerprint of bytes. It tells accidents apart (a merge, a cut), not attacks: whoever can
//! write the state branch can write any state.

/// Multiplier with well spread bits (the 64-bit golden ratio, made odd).
const MUL: u64 = 0x9e37_79b9_7f4a_7c15;

/// Lanes that are mixed side by side, so that the processor need not wait for each multiplication.
const LANES: usize = 4;

/// 64 bits of fingerprint, as 16 hexadecimal digits.
pub(crate) fn fingerprint(bytes: &[u8]) -> String {
    format!("{:016x}", spread(bytes))
}

/// 64 bits of fingerprint.
pub(crate) fn spread(bytes: &[u8]) -> u64 {
    let mut lanes = [MUL, MUL ^ 1, MUL ^ 2, bytes.len() as u64];
    // Megabytes go through this loop at each start: written so that it is as fast where a build
    // asks for small code, which does not take iterators apart.
    let (blocks, rest) = bytes.as_chunks::<{ 8 * LANES }>();
    let mut at = 0;
    while at < blocks.len() {
        let (words, _) = blocks[at].as_chunks::<8>();
        let mut lane = 0;
        while lane < LANES {
            lanes[lane] = mix(lanes[lane], u64::from_le_bytes(words[lane]));
            lane += 1;
        }
        at += 1;
    }
    let mut hash = lanes.into_iter().fold(MUL, mix);
    for word in rest.chunks(8) {
        hash = mix(hash, word_of(word));
    }
    mix(hash, MUL)
}

const fn mix(hash: u64, word: u64) -> u64 {
    let hash = (hash.rotate_left(23) ^ word).wrapping_mul(MUL);
    hash ^ (hash >> 29)
}

/// Up to eight bytes as a number.
fn word_of(bytes: &[u8]) -> u64 {
    let mut eight = [0; 8];
    eight[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(eight)
}
