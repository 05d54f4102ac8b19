//! How many tokens a text has: exact for OpenAI's models since GPT-4o, an estimate for all others.
//!
//! The table of o200k is part of the program and is built at the first count (about 0.1 s); nothing
//! is loaded before. Other providers keep their tokenizers to themselves: for them the count is
//! scaled to the upper side, because it decides whether a prompt still fits. Only what a provider
//! reports goes into the ledger.

use std::sync::OnceLock;

use libdeflater::Decompressor;
use tiktoken_rs::{CoreBPE, O200K_BASE_PAT_STR};

use crate::ports::model::Tokens;
use crate::providers::families::bare;

/// Longest piece that is counted at once: a tokenizer may take quadratic time on runs without any
/// boundary.
const PIECE_BYTES: usize = 16 << 10;

/// Counts with OpenAI's o200k.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tiktoken;

impl Tokens for Tiktoken {
    fn count(&self, model: &str, text: &str) -> u64 {
        if text.is_empty() {
            return 0;
        }
        let exact = pieces(text).map(o200k).fold(0, u64::saturating_add);
        scaled(model, exact).min(text.len() as u64)
    }
}

fn o200k(piece: &str) -> u64 {
    static TABLE: OnceLock<CoreBPE> = OnceLock::new();
    let table = TABLE.get_or_init(|| load().expect("the packed table was read by a test"));
    table.encode_ordinary(piece).len() as u64
}

/// OpenAI's o200k_base (MIT), packed: one byte for the length of each token in the order of their
/// ranks, then their bytes, all in one zlib stream. A quarter of the text that tiktoken-rs carries;
/// a test compares the two.
const PACKED: &[u8] = include_bytes!("tokens/o200k.zlib");
const TOKENS: usize = 199_998;
/// What it unpacks to, in bytes.
const UNPACKED: usize = 1_597_668;

fn load() -> Option<CoreBPE> {
    let mut bytes = vec![0; UNPACKED];
    let mut decompressor = Decompressor::new();
    decompressor.zlib_decompress(PACKED, &mut bytes).ok()?;
    let (lengths, mut rest) = bytes.split_at_checked(TOKENS)?;
    let mut tokens = Vec::with_capacity(TOKENS);
    for (rank, length) in (0..).zip(lengths) {
        let (token, after) = rest.split_at_checked(usize::from(*length))?;
        tokens.push((token.to_vec(), rank));
        rest = after;
    }
    // Words such as `<|endoftext|>` have no meaning in a text that is counted.
    let special = std::iter::empty().collect();
    CoreBPE::new(tokens.into_iter().collect(), special, O200K_BASE_PAT_STR).ok()
}

/// Pieces that end at a line's end where there is one.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let most = rest.floor_char_boundary(PIECE_BYTES.min(rest.len()));
        let cut = if most == rest.len() {
            most
        } else {
            rest[..most].rfind('\n').map_or(most, |line| line + 1)
        };
        let (piece, after) = rest.split_at(cut);
        rest = after;
        Some(piece)
    })
}

/// Claude's tokenizer makes about a quarter more tokens of code, the others about a tenth.
fn scaled(model: &str, tokens: u64) -> u64 {
    let name = bare(model).to_ascii_lowercase();
    let openai = ["gpt-", "o1", "o3", "o4", "codex", "chatgpt"];
    let percent = if openai.iter().any(|prefix| name.starts_with(prefix)) {
        100
    } else if name.contains("claude") {
        125
    } else {
        110
    };
    tokens.saturating_mul(percent).div_ceil(100)
}

#[cfg(test)]
mod tests {
    use super::{PIECE_BYTES, Tiktoken, pieces};
    use crate::ports::model::Tokens as _;

    #[test]
    fn openai_counts_are_exact_and_others_are_on_the_upper_side() {
        // The second text and its count stand in OpenAI's cookbook.
        assert_eq!(Tiktoken.count("gpt-5", "hello world"), 2);
        assert_eq!(Tiktoken.count("openai/gpt-4o", "tiktoken is great!"), 6);
        assert_eq!(Tiktoken.count("gpt-5", ""), 0);
        let text = "fn main() { println!(\"{}\", 1 + 2); }";
        let exact = Tiktoken.count("o3", text);
        assert!(Tiktoken.count("claude-sonnet-4-5", text) > exact);
        assert!(Tiktoken.count("gemini-2.5-pro", text) > exact);
    }

    #[test]
    fn a_text_never_has_more_tokens_than_bytes_and_special_words_are_plain_text() {
        for text in ["a", "é", "\u{1f980}", "<|endoftext|>", "{}[]();"] {
            let count = Tiktoken.count("claude-opus-5", text);
            assert!(count >= 1 && count <= text.len() as u64, "{text}: {count}");
        }
        assert!(Tiktoken.count("gpt-5", "<|endoftext|>") > 1);
    }

    #[test]
    fn long_texts_are_counted_in_pieces_that_lose_nothing() {
        let text = format!(
            "{}\n{}é{}",
            "x".repeat(PIECE_BYTES - 9),
            "y".repeat(100),
            "z".repeat(PIECE_BYTES * 2)
        );
        assert_eq!(pieces(&text).collect::<String>(), text);
        assert!(pieces(&text).all(|piece| !piece.is_empty() && piece.len() <= PIECE_BYTES));
        assert_eq!(pieces("").count(), 0);
    }

    #[test]
    fn the_packed_table_is_the_one_of_the_crate() {
        let theirs = tiktoken_rs::o200k_base_singleton();
        let ours = super::load().unwrap();
        for rank in 0..u32::try_from(super::TOKENS).unwrap() {
            let token = theirs.decode_bytes(&[rank]).unwrap();
            assert_eq!(ours.decode_bytes(&[rank]).unwrap(), token, "{rank}");
        }
        let text = include_str!("tokens.rs");
        assert_eq!(ours.encode_ordinary(text), theirs.encode_ordinary(text));
    }

    #[test]
    fn runs_without_any_boundary_are_counted_all_the_same() {
        for unit in [
            "a", " ", "\n", " \n", "\u{200d}", "'s", "9", "-", "\u{301}", "漢",
        ] {
            let text = format!("{}x", unit.repeat(50_000));
            let count = Tiktoken.count("gpt-5", &text);
            assert!(count > 1 && count <= text.len() as u64, "{unit:?}: {count}");
        }
    }
}
