//! Text from outsiders and agents, made safe to show (R7; security.md A16). Records keep it raw.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters that change how text is shown without showing themselves: bidirectional controls,
/// zero-width and format characters, variation selectors, tags, line and paragraph separators.
#[must_use]
pub const fn is_hidden(c: char) -> bool {
    matches!(c as u32,
        0x00AD
        | 0x034F
        | 0x061C
        | 0x115F..=0x1160
        | 0x17B4..=0x17B5
        | 0x180B..=0x180F
        | 0x200B..=0x200F
        | 0x2028..=0x202E
        | 0x2060..=0x206F
        | 0x3164
        | 0xFE00..=0xFE0F
        | 0xFEFF
        | 0xFFA0
        | 0xFFF0..=0xFFFB
        | 0x13430..=0x1345F
        | 0x1BCA0..=0x1BCA3
        | 0x1D173..=0x1D17A
        | 0xE0000..=0xE0FFF)
}

/// Format characters that show themselves, but change how what follows them is shown: signs that
/// stand below or around a number. With [`is_hidden`] these are all of Unicode's category Cf.
const fn is_enclosing_sign(c: char) -> bool {
    matches!(
        c as u32,
        0x0600..=0x0605 | 0x06DD | 0x070F | 0x0890..=0x0891 | 0x08E2 | 0x110BD | 0x110CD
    )
}

/// Escapes what a terminal or reader would obey or not see: control characters other than newline
/// and tab, and hidden characters, as `\u{…}`.
#[must_use]
pub fn display_safe(text: &str) -> Cow<'_, str> {
    let unsafe_here = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t')) || is_hidden(c) || is_enclosing_sign(c)
    };
    if !text.contains(unsafe_here) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if unsafe_here(c) {
            // Writing to a string cannot fail.
            let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// As [`display_safe`], and on one line: newlines and tabs become spaces.
#[must_use]
pub fn one_line(text: &str) -> String {
    let flat: Vec<&str> = text.split_whitespace().collect();
    display_safe(&flat.join(" ")).into_owned()
}

/// The beginning of `text`, at most `max` bytes, cut between characters and marked with `…`.
#[must_use]
pub fn truncated(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let room = max.saturating_sub('…'.len_utf8());
    Cow::Owned(format!("{}…", &text[..text.floor_char_boundary(room)]))
}

/// The end of `text`, at most `max` bytes, cut between characters and marked with `…`.
#[must_use]
pub fn tail(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let room = max.saturating_sub('…'.len_utf8());
    let from = text.ceil_char_boundary(text.len() - room);
    Cow::Owned(format!("…{}", &text[from..]))
}

/// Words with which GitHub closes issues.
const CLOSING: [&str; 9] = [
    "close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved",
];

/// Breaks a mark without being seen. An HTML entity would not do: GitHub looks for mentions and
/// references in the rendered text, and entities stand as they are in code.
const BREAK: char = '\u{200b}';

/// Makes text from outside harmless in a pull request: no mention notifies, no keyword closes an
/// issue, no comment hides, no image loads, no HTML runs. It still reads the same.
#[must_use]
pub fn neutralise_markdown(text: &str) -> String {
    let safe = display_safe(text);
    let mut out = String::with_capacity(safe.len() + 32);
    let mut before = '\n';
    let mut chars = safe.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        let next = chars.peek().copied().unwrap_or('\n');
        let acts = match c {
            // Comments, tags, autolinks.
            '<' => next.is_ascii_alphabetic() || matches!(next, '!' | '/' | '?'),
            // An image is a link with a `!` before it.
            '!' => next == '[',
            // A mention, unless it is the middle of an address.
            '@' => next.is_ascii_alphanumeric() && !before.is_ascii_alphanumeric(),
            // A reference: `#9` or `owner/name#9`.
            '#' => next.is_ascii_digit(),
            _ => false,
        };
        if acts {
            out.push(BREAK);
        }
        before = c;
    }
    break_closing(&out)
}

/// `fixes https://…/issues/9` and `fixes GH-9` close an issue too: their keyword is broken.
fn break_closing(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic()) {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if CLOSING.iter().any(|k| k.eq_ignore_ascii_case(word)) && refers(after) {
            out.push_str(&word[..1]);
            out.push(BREAK);
            out.push_str(&word[1..]);
        } else {
            out.push_str(word);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Most bytes between a keyword and the end of what it names: names of owner and repository are
/// bounded, and a text made of keywords is read once.
const REACH_BYTES: usize = 1_000;

/// True if what comes after a keyword names an issue.
fn refers(after: &str) -> bool {
    let near = &after[..after.floor_char_boundary(REACH_BYTES)];
    let target = near.trim_start_matches([':', ' ', '\t', '\n']);
    let gh = |s: &str| s.eq_ignore_ascii_case("gh-");
    // Nothing but blanks within reach: it counts as naming something.
    target.is_empty() && near.len() < after.len()
        || target.starts_with("http")
        || target.starts_with('#')
        || target.get(..3).is_some_and(gh)
        || names_a_repository(target)
}

/// True if text begins with `owner/name#`.
fn names_a_repository(text: &str) -> bool {
    let word = text.split_whitespace().next().unwrap_or_default();
    word.split_once('#')
        .is_some_and(|(repo, _)| repo.contains('/'))
}
