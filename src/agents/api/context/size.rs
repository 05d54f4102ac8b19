//! How large a turn is, by whatever counts its texts.

use crate::ports::model::{Part, ToolInput, Turn};

/// Tokens around every part of a turn.
pub(super) const PART_TOKENS: u64 = 8;
/// Tokens around one argument of a call: quotes, colon, comma.
const ARGUMENT_TOKENS: u64 = 6;

/// The most tokens that a text can have.
pub(super) const fn bytes(text: &str) -> u64 {
    text.len() as u64
}

/// Size of one turn.
pub(super) fn turn_size(turn: &Turn, of: &dyn Fn(&str) -> u64) -> u64 {
    match turn {
        Turn::User(text) => of(text) + PART_TOKENS,
        Turn::Assistant(parts) => parts.iter().map(|part| part_size(part, of)).sum(),
        Turn::ToolResults(results) => results
            .iter()
            .map(|result| of(&result.content) + PART_TOKENS)
            .sum(),
    }
}

fn part_size(part: &Part, of: &dyn Fn(&str) -> u64) -> u64 {
    let own = match part {
        Part::Text { text, .. } => of(text),
        // Reasoning that comes back is counted by its signature where the text is hidden.
        Part::Thinking { text, signature } => {
            of(text).max(signature.as_ref().map_or(0, |s| of(&s.data)))
        }
        Part::ToolCall { name, input, .. } => {
            let written: u64 = match input {
                ToolInput::Object(map) => map
                    .iter()
                    .map(|(name, value)| {
                        let value = value.as_str().map_or_else(|| of(&value.to_string()), of);
                        of(name) + value + ARGUMENT_TOKENS
                    })
                    .sum(),
                ToolInput::Malformed { raw, .. } => of(raw),
            };
            of(name) + written
        }
    };
    own + PART_TOKENS
}
