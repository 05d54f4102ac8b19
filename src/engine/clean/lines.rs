//! Line by line: what is certainly a block of code, and what is not.

use std::ops::Range;

use crate::engine::clean::{INPUT_MAX_BYTES, Kind, LeftOut, is_shapeless};

/// Languages that the page draws instead of showing their source.
const DRAWN: [&str; 5] = ["mermaid", "math", "geojson", "topojson", "stl"];
/// How far all looks ahead may reach together: what is still unread then is left out, so that no text
/// takes long.
const LOOK_AHEAD_BYTES: usize = 128 * INPUT_MAX_BYTES;
/// Longest name of a language.
const LANGUAGE_MAX_BYTES: usize = 24;

/// Reads a text from its beginning to its end.
pub(super) struct Reader<'t, 'l> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    pub(super) out: String,
    pub(super) left_out: &'l mut LeftOut,
    /// False once a fence was met of which it is not certain what it is: nothing after it is
    /// certainly code.
    fences: bool,
    /// The lines since the last blank one may be an HTML block, in which the laxer grammar of HTML
    /// holds and Markdown does not.
    pub(super) html: bool,
    /// Inside `<pre>`, where blank lines do not end an HTML block.
    pub(super) pre: bool,
    /// A code span may have begun before, so that it is unknown what is inside of one.
    pub(super) ticks_open: bool,
    look_ahead: usize,
    /// Cells that no page shows, from here on, and whether the first of them was told.
    pub(super) surplus: &'t [Range<usize>],
    pub(super) surplus_told: bool,
}

impl<'t, 'l> Reader<'t, 'l> {
    pub(super) const fn new(
        text: &'t str,
        surplus: &'t [Range<usize>],
        left_out: &'l mut LeftOut,
    ) -> Self {
        Self {
            surplus,
            surplus_told: false,
            text,
            at: 0,
            out: String::new(),
            left_out,
            fences: true,
            html: false,
            pre: false,
            ticks_open: false,
            look_ahead: LOOK_AHEAD_BYTES,
        }
    }

    pub(super) fn read(mut self) -> String {
        let mut line_start = true;
        while self.at < self.text.len() {
            if self.look_ahead == 0 {
                self.left_out.cut();
                break;
            }
            if line_start && self.begin_line() {
                continue;
            }
            let (from, written) = (self.at, self.out.len());
            line_start = self.step();
            self.drop_surplus(from, written);
        }
        self.out
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// What is left of this paragraph.
    pub(super) fn paragraph(&mut self) -> &'t str {
        let paragraph = paragraph(self.rest());
        self.look_ahead = self.look_ahead.saturating_sub(paragraph.len());
        paragraph
    }

    /// What is left of this line.
    pub(super) fn line(&mut self) -> &'t str {
        let line = first_line(self.rest());
        self.look_ahead = self.look_ahead.saturating_sub(line.len());
        line
    }

    /// True if the laxer grammar of HTML may hold here.
    pub(super) const fn lax(&self) -> bool {
        self.html || self.pre
    }

    /// What is special at the beginning of a line; true if the whole line was dealt with.
    fn begin_line(&mut self) -> bool {
        let line = first_line(self.rest());
        if line.trim().is_empty() {
            (self.html, self.ticks_open) = (false, false);
            self.out.push('\n');
            self.at += (line.len() + 1).min(self.rest().len());
            return true;
        }
        let inside = inside(line);
        self.html |= inside.starts_with('<');
        if is_fence(inside) {
            let certain = self.fences && !self.lax();
            if certain && let Some(fence) = Fence::opened_by(line) {
                self.code(&fence, line);
                return true;
            }
            self.fences = false;
        }
        if inside.starts_with('[') && self.is_definition(inside.len(), line) {
            self.left_out.add(Kind::Definition);
            self.drop_paragraph();
            return true;
        }
        false
    }

    /// A block of code: as it is, without what the page does not show of its first line.
    fn code(&mut self, fence: &Fence, opening: &str) {
        let info = opening[fence.len..].trim();
        let language = info.split_whitespace().next().unwrap_or_default();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"+#-_.".contains(&b);
        let named = language.len() <= LANGUAGE_MAX_BYTES && language.bytes().all(plain);
        let language = if named { language } else { "" };
        if language != info {
            self.left_out.add(Kind::FenceInfo);
        }
        let drawn = DRAWN.contains(&language.to_ascii_lowercase().as_str());
        if drawn {
            self.left_out.add(Kind::Drawing);
        }
        self.out.push_str(&opening[..fence.len]);
        self.out.push_str(language);
        self.out.push('\n');
        self.next_line(opening);
        while self.at < self.text.len() {
            let line = first_line(self.rest());
            let closes = fence.is_closed_by(line);
            if closes || !drawn {
                self.out.push_str(line);
                self.out.push('\n');
            }
            self.next_line(line);
            if closes {
                break;
            }
        }
    }

    fn next_line(&mut self, line: &str) {
        self.at = (self.at + line.len() + 1).min(self.text.len());
    }

    /// `[label]: address "title"`, of which the page shows nothing; a footnote is taken for one.
    fn is_definition(&mut self, inside: usize, line: &str) -> bool {
        let paragraph = &self.paragraph()[line.len() - inside..];
        let Some(end) = unescaped(&paragraph[1..], ']').map(|at| at + 1) else {
            return false;
        };
        let Some(after) = paragraph[end + 1..].strip_prefix(':') else {
            return false;
        };
        let same_line = first_line(after).trim();
        let mut words = same_line.splitn(2, [' ', '\t']);
        let (target, title) = (words.next(), words.next().unwrap_or_default().trim());
        let footnote = paragraph.starts_with("[^");
        // Words after the address are no title: then the page shows all of it.
        footnote
            || target.is_none_or(|target| target.starts_with('<'))
            || title.is_empty()
            || title.starts_with(['"', '\'', '('])
    }

    fn drop_paragraph(&mut self) {
        while self.at < self.text.len() {
            let line = first_line(self.rest());
            if line.trim().is_empty() || is_fence(inside(line)) {
                break;
            }
            self.next_line(line);
        }
    }

    /// Goes on at `to`. A fence in what is passed over makes all later ones uncertain.
    pub(super) fn pass_over(&mut self, to: usize) {
        let passed = &self.text[self.at..to];
        let mut lines = passed.split('\n').skip(1);
        if lines.any(|line| is_fence(inside(line))) {
            self.fences = false;
        }
        // The line on which it ends may be a fence from its beginning.
        if passed.contains('\n') {
            let start = self.text[..to].rfind('\n').map_or(0, |n| n + 1);
            if is_fence(inside(first_line(&self.text[start..]))) {
                self.fences = false;
            }
        }
        self.at = to;
    }
}

/// The text up to its first newline.
pub(super) fn first_line(text: &str) -> &str {
    text.split('\n').next().unwrap_or_default()
}

/// The text up to its first blank line.
fn paragraph(text: &str) -> &str {
    let mut end = 0;
    for line in text.split('\n') {
        if end > 0 && line.trim().is_empty() {
            break;
        }
        end += line.len() + 1;
    }
    &text[..end.min(text.len())]
}

/// Where `wanted` stands first without a backslash before it.
pub(super) fn unescaped(text: &str, wanted: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c == wanted && !escaped {
            return Some(at);
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

/// A line without what may stand before its content: blanks, marks of quotes and lists, and what has
/// no shape.
fn inside(line: &str) -> &str {
    line.trim_start_matches(|c: char| {
        c.is_whitespace()
            || c.is_ascii_digit()
            || is_shapeless(c)
            || c.is_control()
            || matches!(c, '>' | '-' | '*' | '+' | '.' | ')' | '|')
    })
}

/// True for a line that may open or close a block of code.
fn is_fence(inside: &str) -> bool {
    inside.starts_with("```") || inside.starts_with("~~~")
}

/// The beginning of a block of code.
pub(super) struct Fence {
    mark: char,
    len: usize,
}

impl Fence {
    /// Only at the very beginning of the line, so that it is in no list and no quote.
    pub(super) fn opened_by(line: &str) -> Option<Self> {
        let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let len = line.len() - line.trim_start_matches(mark).len();
        let info = &line[len..];
        let shapeless = info.chars().any(|c| is_shapeless(c) || c.is_control());
        (len >= 3 && !info.contains(['`', '~']) && !shapeless).then_some(Self { mark, len })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let bare = line.trim_start_matches(' ');
        let run = bare.len() - bare.trim_start_matches(self.mark).len();
        line.len() - bare.len() <= 3
            && run >= self.len
            && bare[run..].chars().all(|c| matches!(c, ' ' | '\t'))
    }
}
