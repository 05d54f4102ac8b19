//! Makes foreign values fit the rules of this tracker, and says when something changed on the way.

use std::borrow::Cow;

/// Longest title, in characters.
const TITLE_MAX_CHARS: usize = 500;
/// Longest label, assignee or reference, in characters.
const WORD_MAX_CHARS: usize = 200;
/// Longest type, in characters.
const KIND_MAX_CHARS: usize = 40;

/// One line of at most 500 characters; borrowed if nothing had to change. Empty if there is nothing
/// to see in it.
pub(crate) fn title(text: &str) -> Cow<'_, str> {
    line(text, TITLE_MAX_CHARS)
}

/// The title of an issue, which every one has.
pub(crate) fn heading(text: &str) -> Cow<'_, str> {
    let title = title(text);
    if title.is_empty() {
        Cow::Borrowed("(untitled)")
    } else {
        title
    }
}

/// A label or name; `None` if nothing is left of it.
pub(crate) fn word(text: &str) -> Option<Cow<'_, str>> {
    let word = line(text, WORD_MAX_CHARS);
    (!word.is_empty()).then_some(word)
}

fn line(text: &str, max: usize) -> Cow<'_, str> {
    let trimmed = text.trim();
    // A text of so many bytes has no more characters.
    let short = trimmed.len() <= max || trimmed.chars().count() <= max;
    if short && !trimmed.chars().any(char::is_control) {
        return Cow::Borrowed(trimmed);
    }
    let mut fit = String::new();
    let mut count = 0;
    for word in trimmed.split(|c: char| c.is_control() || c == ' ') {
        if word.is_empty() {
            continue;
        }
        if count > 0 {
            fit.push(' ');
            count += 1;
        }
        fit.push_str(word);
        count += word.chars().count();
        if count > max {
            fit = fit.chars().take(max - 1).collect();
            fit.push('…');
            break;
        }
    }
    Cow::Owned(fit)
}

/// A type: lower-case letters, digits, `-` and `_`; borrowed if nothing had to change, `None` if
/// nothing is left.
pub(crate) fn kind(text: &str) -> Option<Cow<'_, str>> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if (1..=KIND_MAX_CHARS).contains(&text.len()) && text.chars().all(plain) {
        return Some(Cow::Borrowed(text));
    }
    let mut fit = String::new();
    for c in text.trim().to_lowercase().chars().take(KIND_MAX_CHARS) {
        fit.push(if plain(c) { c } else { '-' });
    }
    let fit = fit.trim_matches('-');
    (!fit.is_empty()).then(|| Cow::Owned(fit.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_left_alone_and_the_rest_is_made_to_fit() {
        assert!(matches!(title("Parse dates"), Cow::Borrowed("Parse dates")));
        assert_eq!(title(" a\nb\u{1b}[31m  c "), "a b [31m c");
        let long = title(&"wörd ".repeat(200)).into_owned();
        assert_eq!(long.chars().count(), 500);
        assert!(long.ends_with('…'));
        assert_eq!(title(" \n "), "");
        assert_eq!(word("\u{0}"), None);
        assert_eq!(kind("User Story").as_deref(), Some("user-story"));
        assert_eq!(kind("bug").as_deref(), Some("bug"));
        assert_eq!(kind("!!"), None);
    }
}
