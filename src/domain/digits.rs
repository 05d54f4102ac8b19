//! Eight digits at once: a large state has dozens of ids and times per task, and a branch for each
//! digit of them is most of what reading them takes.

/// One in every byte.
const ONES: u64 = 0x0101_0101_0101_0101;

/// The number that eight hexadecimal digits write, in either case.
#[inline(always)]
pub(super) const fn hexadecimal(digits: [u8; 8]) -> Option<u32> {
    let x = u64::from_be_bytes(digits);
    // Letters are at 0x41 and 0x61, figures at 0x30: bit 6 tells them apart, the low half counts.
    let letters = (x >> 6) & ONES;
    let values = (x & (0x0f * ONES)) + letters * 9;
    let halves = (x | (letters << 5)) & (0xf0 * ONES);
    let in_place = halves == 0x30 * ONES + letters * 0x30;
    let in_range = values & (0xf0 * ONES) == 0;
    let above_nine = ((values + 6 * ONES) >> 4) & ONES;
    if !in_place || !in_range || above_nine != letters {
        return None;
    }
    let pairs = (values | (values >> 4)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | (pairs >> 8)) & 0x0000_ffff_0000_ffff;
    Some((fours | (fours >> 16)) as u32)
}

/// The number that eight decimal digits write.
#[inline(always)]
pub(super) const fn decimal(digits: [u8; 8]) -> Option<u64> {
    let x = u64::from_le_bytes(digits);
    let values = x.wrapping_sub(0x30 * ONES);
    if (x.wrapping_add(0x46 * ONES) | values) & (0x80 * ONES) != 0 {
        return None;
    }
    // Neighbours become numbers of two digits, these of four, and these of eight.
    let pairs = (values * 10 + (values >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_byte_in_every_place_counts_as_the_library_counts_it() {
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                let mut digits = *b"10293847";
                digits[place] = byte;
                let text = std::str::from_utf8(&digits).ok();
                let plain = text.filter(|text| !text.starts_with('+'));
                let wanted = plain.and_then(|text| u32::from_str_radix(text, 16).ok());
                assert_eq!(hexadecimal(digits), wanted, "{digits:?}");
                let wanted = plain.and_then(|text| text.parse().ok());
                assert_eq!(decimal(digits), wanted, "{digits:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn digits_are_read_as_the_library_reads_them(digits in "[0-9]{8}|[0-9a-fA-F]{8}|[ -~]{8}") {
            let bytes: [u8; 8] = digits.as_bytes().try_into().unwrap();
            let plain = Some(&digits).filter(|digits| !digits.starts_with('+'));
            prop_assert_eq!(hexadecimal(bytes), plain.and_then(|digits| u32::from_str_radix(digits, 16).ok()));
            prop_assert_eq!(decimal(bytes), plain.and_then(|digits| digits.parse().ok()));
        }
    }
}
