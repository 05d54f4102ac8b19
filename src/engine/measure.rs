//! How many tokens a text may cost, told at once and on the upper side.
//!
//! An exact count needs a tokenizer's table, which takes a tenth of a second to build: too long for
//! something that runs at the start of every session of an agent. This counts by kinds of
//! characters what o200k would make of them, and errs upwards; `tests/cli/prime.rs` holds it
//! against the real tokenizer on prose, code, noise and foreign scripts.

/// Letters that a made-up word may have before it is taken for noise.
const LONGEST_WORD: usize = 16;
/// Consonants in a row, likewise.
const MOST_CONSONANTS: usize = 3;

/// At most so many tokens.
#[must_use]
pub fn tokens_at_most(text: &str) -> usize {
    let mut total = 0;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let kind = Kind::of(first);
        let len = rest.find(|c| Kind::of(c) != kind).unwrap_or(rest.len());
        let (run, after) = rest.split_at(len);
        total += match kind {
            Kind::Letters => letters(run),
            // Groups of up to three, and the blank before them stands alone.
            Kind::Digits => run.len().div_ceil(3) + 1,
            Kind::Blank => blank(run),
            Kind::Sign => run.len(),
            Kind::Other => run.chars().map(foreign).sum(),
        };
        rest = after;
    }
    total
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letters,
    Digits,
    Blank,
    Sign,
    Other,
}

impl Kind {
    const fn of(c: char) -> Self {
        match c {
            'a'..='z' | 'A'..='Z' => Self::Letters,
            '0'..='9' => Self::Digits,
            ' ' | '\n' | '\t' | '\r' => Self::Blank,
            '\0'..='\u{7f}' => Self::Sign,
            _ => Self::Other,
        }
    }
}

/// A single blank goes with the word behind it; what is more is a token for each line and run.
fn blank(run: &str) -> usize {
    if run == " " {
        return 0;
    }
    let breaks = run.bytes().filter(|b| *b != b' ').count();
    breaks + (run.len() - breaks).div_ceil(16)
}

/// A run of letters: words of a language are cut in pieces of four letters and more, noise in two.
fn letters(run: &str) -> usize {
    let bytes = run.as_bytes();
    let is_vowel = |b: &u8| {
        matches!(
            b.to_ascii_lowercase(),
            b'a' | b'e' | b'i' | b'o' | b'u' | b'y'
        )
    };
    let hard = bytes.split(is_vowel).map(<[u8]>::len).max().unwrap_or(0);
    let turns = bytes
        .windows(2)
        .filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
        .count();
    let capitals = bytes.iter().filter(|b| b.is_ascii_uppercase()).count();
    let odd = hard > MOST_CONSONANTS
        || bytes.len() > LONGEST_WORD && turns * LONGEST_WORD < bytes.len()
        || capitals > 1 + turns;
    if odd {
        (bytes.len() * 2).div_ceil(3)
    } else {
        bytes.len().div_ceil(3) + turns
    }
}

/// A character outside of ASCII: frequent scripts have tokens of their own, the others cost bytes.
const fn foreign(c: char) -> usize {
    match c as u32 {
        // Latin with accents, Cyrillic, quotes and dashes.
        0xA0..=0xFF | 0x410..=0x44F | 0x2010..=0x2026 => 1,
        // Kana, frequent Chinese, Korean.
        0x3040..=0x30FF | 0x4E00..=0x9FFF | 0xAC00..=0xD7A3 => 2,
        _ => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::tokens_at_most;

    #[test]
    fn words_cost_less_than_noise_of_the_same_length() {
        assert_eq!(tokens_at_most(""), 0);
        assert!(tokens_at_most("parse the dates") < tokens_at_most("xqzjkwvbnmpqrst"));
        assert!(tokens_at_most("parse the dates") <= 7);
        assert_eq!(tokens_at_most("T-7"), 4);
        assert!(tokens_at_most(&" ".repeat(1000)) < 100);
    }
}
