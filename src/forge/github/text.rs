//! Text that goes to and comes from GitHub, cut to size.

/// The longest prefix of at most `max` bytes that ends on a character.
pub(super) fn head(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let end = (0..=max).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// The longest suffix of at most `max` bytes that begins on a character.
pub(super) fn tail(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let from = text.len() - max;
    let start = (from..=text.len()).find(|at| text.is_char_boundary(*at));
    &text[start.unwrap_or(text.len())..]
}

/// `text`, or its beginning and a line that says so, together at most `max` bytes.
pub(super) fn bounded(text: &str, max: usize) -> String {
    const CUT: &str = "\n… (cut)";
    if text.len() <= max {
        return text.to_owned();
    }
    format!("{}{CUT}", head(text, max.saturating_sub(CUT.len())))
}

/// A message of the forge as part of a sentence: one line, no control or direction characters, at
/// most 200 bytes, no full stop at its end.
pub(super) fn fragment(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let plain: String = text
        .chars()
        .map(|c| if hidden(c) { ' ' } else { c })
        .collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    head(&words.join(" "), 200)
        .trim_end_matches('.')
        .trim_end()
        .to_owned()
}

/// Percent-encodes for a query value or a path segment.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{bounded, encode, fragment, head, tail};

    #[test]
    fn a_cut_never_splits_a_character() {
        let text = "aä€😀";
        for max in 0..=text.len() + 1 {
            assert!(text.starts_with(head(text, max)) && head(text, max).len() <= max);
            assert!(text.ends_with(tail(text, max)) && tail(text, max).len() <= max);
        }
        assert_eq!(bounded("abc", 3), "abc");
        let cut = bounded(&"ä".repeat(100), 50);
        assert!(cut.len() <= 50 && cut.ends_with("(cut)"));
    }

    #[test]
    fn a_message_becomes_one_plain_line() {
        assert_eq!(fragment("a\u{1b}[31m\n b\u{202e}.\r\n"), "a [31m b");
        assert_eq!(encode("octo:agent/T-7&x"), "octo%3Aagent%2FT-7%26x");
    }
}
