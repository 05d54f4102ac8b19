//! A fast fingerprint of bytes. It tells accidents apart (a merge, a cut), not attacks: whoever can
//! write the state branch can write any state.

/// Multiplier with well spread bits (the 64-bit golden ratio, made odd).
const MUL: u64 = 0x9e37_79b9_7f4a_7c15;

/// 64 bits of fingerprint, as 16 hexadecimal digits.
pub(crate) fn fingerprint(bytes: &[u8]) -> String {
    let mut words = bytes.chunks_exact(8);
    let mut hash = bytes.len() as u64 ^ MUL;
    let mut mix = |word: u64| {
        hash = (hash.rotate_left(23) ^ word).wrapping_mul(MUL);
        hash ^= hash >> 29;
    };
    for word in words.by_ref() {
        let mut eight = [0; 8];
        eight.copy_from_slice(word);
        mix(u64::from_le_bytes(eight));
    }
    let mut rest = [0; 8];
    rest[..words.remainder().len()].copy_from_slice(words.remainder());
    mix(u64::from_le_bytes(rest));
    mix(MUL);
    format!("{hash:016x}")
}
