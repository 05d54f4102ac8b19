//! Text of outsiders, as a human sees it on the page: what the page does not show is left out (R4).
//!
//! A human reads a rendered page and admits what is read there; the agent gets bytes. Everything that
//! is in the bytes and not on the page is a way past the human: HTML comments, attributes and unknown
//! tags, collapsed sections, link definitions and titles, addresses beyond host and path, images'
//! addresses and alternative texts, surplus cells of tables, sources of diagrams and formulas,
//! characters without a shape. Where the page's own parser may see it one way
//! or the other, the text is taken as hidden. What was left out is counted, so that it can be told.
//!
//! Blocks of code are kept as they are, but only those that are certainly blocks of code.

mod inline;
mod lines;
mod marks;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use crate::engine::clean::lines::Reader;
use crate::engine::text::is_hidden;

/// Most bytes that are looked at; what comes after is left out.
pub(in crate::engine::clean) const INPUT_MAX_BYTES: usize = 64 << 10;

/// A text without its hidden parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clean {
    /// What a human sees.
    pub text: String,
    /// What is not in it.
    pub left_out: LeftOut,
}

/// What was left out of a text, by kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeftOut(BTreeMap<Kind, usize>);

/// Kinds of hidden things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine::clean) enum Kind {
    Comment,
    Collapsed,
    Element,
    Tag,
    Attributes,
    Definition,
    LinkTitle,
    Address,
    ImageText,
    Cell,
    Drawing,
    Formula,
    FenceInfo,
    Invisible,
    Direction,
    Control,
    Rest,
}

impl Kind {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Comment => ("HTML comment", "HTML comments"),
            Self::Collapsed => ("collapsed section", "collapsed sections"),
            Self::Element => ("hidden HTML element", "hidden HTML elements"),
            Self::Tag => ("unknown HTML tag", "unknown HTML tags"),
            Self::Attributes => ("tag's attributes", "tags' attributes"),
            Self::Definition => ("link definition", "link definitions"),
            Self::LinkTitle => ("link title", "link titles"),
            Self::Address => ("hidden address", "hidden addresses"),
            Self::ImageText => ("image's text", "images' texts"),
            Self::Cell => ("table row's surplus", "table rows' surpluses"),
            Self::Drawing => ("diagram's source", "diagrams' sources"),
            Self::Formula => ("formula", "formulas"),
            Self::FenceInfo => ("code block's remark", "code blocks' remarks"),
            Self::Invisible => ("invisible character", "invisible characters"),
            Self::Direction => ("direction character", "direction characters"),
            Self::Control => ("control character", "control characters"),
            Self::Rest => ("over-long end", "over-long ends"),
        }
    }
}

impl LeftOut {
    /// True if nothing was left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in crate::engine::clean) fn add(&mut self, kind: Kind) {
        *self.0.entry(kind).or_default() += 1;
    }

    /// Adds what was left out elsewhere.
    pub fn and(&mut self, other: &Self) {
        for (kind, count) in &other.0 {
            *self.0.entry(*kind).or_default() += count;
        }
    }

    /// Says that the end of the text was cut off.
    pub fn cut(&mut self) {
        self.add(Kind::Rest);
    }
}

impl fmt::Display for LeftOut {
    /// `2 HTML comments, 1 collapsed section`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (kind, count)) in self.0.iter().enumerate() {
            let (one, many) = kind.words();
            let comma = if at == 0 { "" } else { ", " };
            let word = if *count == 1 { one } else { many };
            write!(f, "{comma}{count} {word}")?;
        }
        Ok(())
    }
}

/// A title: one line, shown as it is written.
#[must_use]
pub fn line(raw: &str) -> Clean {
    let mut left_out = LeftOut::default();
    let visible = without_shapeless(raw, &mut left_out);
    let words: Vec<&str> = visible.split_whitespace().collect();
    Clean {
        text: words.join(" "),
        left_out,
    }
}

/// Markdown.
#[must_use]
pub fn markdown(raw: &str) -> Clean {
    let mut left_out = LeftOut::default();
    let bounded = &raw[..raw.floor_char_boundary(INPUT_MAX_BYTES)];
    if bounded.len() < raw.len() {
        left_out.cut();
    }
    let plain = bounded.replace("\r\n", "\n").replace('\r', "\n");
    let surplus = tables::surplus(&plain);
    let shown = Reader::new(&plain, &surplus, &mut left_out).read();
    let text = without_shapeless(&shown, &mut left_out);
    Clean {
        text: text.trim_matches('\n').trim_end().to_owned(),
        left_out,
    }
}

const fn is_direction(c: char) -> bool {
    matches!(c as u32, 0x061C | 0x200E..=0x200F | 0x202A..=0x202E | 0x2066..=0x2069)
}

/// Characters that have no shape, beyond those that [`is_hidden`] knows.
const fn is_shapeless(c: char) -> bool {
    is_hidden(c) || matches!(c as u32, 0x2800 | 0xFFFC)
}

/// Takes out characters without a shape, and control characters other than newline and tab.
fn without_shapeless(text: &str, left_out: &mut LeftOut) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            // Some readers end a line here, the page does not.
            '\u{2028}' | '\u{2029}' | '\u{85}' | '\u{b}' | '\u{c}' => {
                left_out.add(Kind::Control);
                out.push(' ');
            }
            c if c.is_control() => left_out.add(Kind::Control),
            c if is_direction(c) => left_out.add(Kind::Direction),
            c if is_shapeless(c) => left_out.add(Kind::Invisible),
            c => out.push(c),
        }
    }
    out
}
