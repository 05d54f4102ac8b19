//! Text for display. Faces take it from here, so that the escaping has one home.

/// `text` with everything escaped that could move the cursor, change colours, reorder or hide
/// letters (R7).
#[must_use]
pub fn display_safe(text: &str) -> String {
    crate::engine::text::display_safe(text).into_owned()
}

/// `text` so that Markdown shows it as it is, on one line; mentions and closing keywords do
/// nothing.
#[must_use]
pub fn markdown_safe(text: &str) -> String {
    crate::engine::text::neutralise_markdown(&crate::engine::text::one_line(text))
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
