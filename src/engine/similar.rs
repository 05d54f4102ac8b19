//! Tasks that say nearly the same: MinHash over words, so that the time grows with the number of
//! tasks and not with its square.
//!
//! Each text becomes a set of words and of pairs of neighbouring words; words of the title count
//! twice by that. The signature has `ROWS` × `BANDS` minima. Two tasks are compared in full if
//! all rows of one band agree, which is nearly certain for texts that are alike by two thirds and
//! rare for others.

use std::collections::{BTreeMap, BTreeSet};

/// Minima per band.
const ROWS: usize = 3;
/// Bands of a signature.
const BANDS: usize = 12;
/// Most texts of one bucket that are compared with each other: a bucket that is fuller holds texts
/// without words of their own.
const MAX_BUCKET: usize = 50;
/// Words that say nothing about what a text is about.
const EMPTY_WORDS: &[&str] = &[
    "a", "an", "the", "and", "or", "of", "to", "in", "on", "for", "with", "is", "are", "be", "it",
    "this", "that", "as", "at", "by", "from",
];

/// What a text is about: words and pairs of words, hashed.
#[must_use]
pub fn shingles(title: &str, body: &str) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    let title = words(title);
    for word in &title {
        // The title says it best: its words count on their own, too.
        found.insert(hash(&["title", word]));
    }
    let all: Vec<String> = title.into_iter().chain(words(body)).take(400).collect();
    found.extend(all.iter().map(|word| hash(&[word])));
    found.extend(all.windows(2).map(|pair| hash(&[&pair[0], &pair[1]])));
    found
}

/// Lower-case words of a text, endings of the plural left out.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .filter(|word| !EMPTY_WORDS.contains(&word.as_str()))
        .map(|word| match word.strip_suffix('s') {
            Some(stem) if stem.len() > 3 && !stem.ends_with('s') => stem.to_owned(),
            _ => word,
        })
        .collect()
}

/// FNV-1a: the same in every build, as the answers are shown to people.
fn hash(parts: &[&str]) -> u64 {
    let mut value = 0xcbf2_9ce4_8422_2325u64;
    for part in parts {
        for byte in part.bytes().chain([0]) {
            value = (value ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    mix(value)
}

/// The finalizer of SplitMix64.
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// How much two sets have in common, in thousandths of all that is in them.
#[must_use]
pub fn likeness(a: &BTreeSet<u64>, b: &BTreeSet<u64>) -> usize {
    let common = a.intersection(b).count();
    let all = a.len() + b.len() - common;
    (common * 1_000).checked_div(all).unwrap_or(0)
}

/// Pairs of texts (by place, the earlier one first) that are alike by at least `least` thousandths,
/// most alike first.
#[must_use]
pub fn pairs(sets: &[BTreeSet<u64>], least: usize) -> Vec<(usize, usize, usize)> {
    let mut buckets: BTreeMap<(usize, u64), Vec<usize>> = BTreeMap::new();
    for (at, set) in sets.iter().enumerate().filter(|(_, set)| !set.is_empty()) {
        for band in 0..BANDS {
            let key = (0..ROWS).fold(0u64, |key, row| {
                let salt = mix((band * ROWS + row) as u64 + 1);
                let least = set.iter().map(|shingle| mix(shingle ^ salt)).min();
                mix(key ^ least.unwrap_or(0))
            });
            buckets.entry((band, key)).or_default().push(at);
        }
    }
    let mut candidates = BTreeSet::new();
    for bucket in buckets.values().filter(|bucket| bucket.len() > 1) {
        for (n, a) in bucket.iter().take(MAX_BUCKET).enumerate() {
            candidates.extend(bucket.iter().take(MAX_BUCKET).skip(n + 1).map(|b| (*a, *b)));
        }
    }
    let mut found: Vec<_> = candidates
        .into_iter()
        .map(|(a, b)| (a, b, likeness(&sets[a], &sets[b])))
        .filter(|(_, _, like)| *like >= least)
        .collect();
    found.sort_by_key(|(a, b, like)| (std::cmp::Reverse(*like), *a, *b));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_say_the_same_are_found_and_others_are_not() {
        let texts = [
            (
                "Parse dates with time zones",
                "All the formats of RFC 3339.",
            ),
            ("Write the release notes", "For version one."),
            ("Parse dates with time zone", "All formats of RFC 3339!"),
            ("Parse numbers", "Hex and octal ones too."),
            ("", ""),
            ("", ""),
        ];
        let sets: Vec<_> = texts.iter().map(|(t, b)| shingles(t, b)).collect();
        let found = pairs(&sets, 600);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].0, found[0].1), (0, 2));
    }

    #[test]
    fn ten_thousand_texts_are_looked_through_in_a_moment() {
        let sets: Vec<_> = (0..10_000)
            .map(|n| {
                shingles(
                    &format!("Make part {n} do thing {}", n * 7 % 1_000),
                    "As it says.",
                )
            })
            .collect();
        let begin = std::time::Instant::now();
        let found = pairs(&sets, 990);
        assert!(found.len() < 10_000, "{}", found.len());
        assert!(begin.elapsed().as_secs() < 60, "{:?}", begin.elapsed());
    }
}
