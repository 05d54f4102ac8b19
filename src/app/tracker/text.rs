//! Text for display. Faces take it from here, so that the escaping has one home.

/// `text` with everything escaped that could move the cursor, change colours, reorder or hide
/// letters (R7): control characters but line breaks and tabs, bidirectional and invisible ones.
#[must_use]
pub fn display_safe(text: &str) -> String {
    if text
        .bytes()
        .all(|b| matches!(b, b' '..=b'~' | b'\n' | b'\t'))
    {
        return text.to_owned();
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => safe.push(c),
            c if c.is_control() || hides(c) => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
    }
    safe
}

/// Letters that show nothing, or change how others are shown.
const fn hides(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::display_safe;

    #[test]
    fn what_would_deceive_a_reader_is_shown_escaped() {
        assert_eq!(display_safe("a\tb\nc é 漢"), "a\tb\nc é 漢");
        assert_eq!(display_safe("\u{1b}[31mred"), "\\u{1b}[31mred");
        assert_eq!(
            display_safe("a\u{202e}b\u{200b}\r"),
            "a\\u{202e}b\\u{200b}\\u{d}"
        );
        assert_eq!(display_safe("\u{9b}31m\u{7f}"), "\\u{9b}31m\\u{7f}");
    }
}
