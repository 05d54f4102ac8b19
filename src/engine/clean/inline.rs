//! Inside a line: code spans, links, images, formulas and entities. Tags are in `marks`.

use crate::engine::clean::lines::{Reader, unescaped};
use crate::engine::clean::{Kind, is_shapeless};

/// Names of characters without a shape.
const SHAPELESS: [&str; 12] = [
    "ZeroWidthSpace",
    "zwj",
    "zwnj",
    "lrm",
    "rlm",
    "shy",
    "NoBreak",
    "InvisibleTimes",
    "InvisibleComma",
    "ApplyFunction",
    "ic",
    "it",
];

/// Longest entity that is looked for.
const ENTITY_MAX_BYTES: usize = 40;

impl Reader<'_, '_> {
    /// Deals with what stands here; true if a line begins after it.
    pub(super) fn step(&mut self) -> bool {
        let rest = self.rest();
        let Some(c) = rest.chars().next() else {
            return false;
        };
        match c {
            '<' => self.angle(),
            '`' if !self.lax() => self.code_span(),
            '\\' if !self.lax() => self.escape(),
            '!' if rest.starts_with("![") => self.image(),
            ']' if rest.starts_with("](") => self.link_target(),
            '&' => self.entity(),
            '$' => self.formula(),
            _ => self.keep(c.len_utf8()),
        }
        c == '\n'
    }

    /// Takes the next `len` bytes as they are.
    pub(super) fn keep(&mut self, len: usize) {
        self.out.push_str(&self.rest()[..len]);
        self.at += len;
    }

    /// Leaves the next `len` bytes out.
    pub(super) fn leave_out(&mut self, len: usize, kind: Kind) {
        self.left_out.add(kind);
        self.pass_over(self.at + len);
    }

    fn escape(&mut self) {
        let next = self.rest()[1..].chars().next();
        let escaped = next.is_some_and(|c| c.is_ascii_punctuation());
        self.keep(if escaped { 2 } else { 1 });
    }

    /// A code span is kept as it is if it is certain: on one line, in no table, and with no other
    /// begun before it.
    fn code_span(&mut self) {
        let line = self.line();
        let run = line.len() - line.trim_start_matches('`').len();
        let end = (!self.ticks_open)
            .then(|| closing_run(&line[run..], run))
            .flatten()
            .map(|at| run + at + run);
        match end {
            Some(end) if !line[..end].contains('|') => self.keep(end),
            _ => {
                self.ticks_open = true;
                self.keep(run);
            }
        }
    }

    /// `![text](address "title")`: the page shows a picture, or nothing.
    fn image(&mut self) {
        let paragraph = self.paragraph();
        let Some(end) = unescaped(&paragraph[2..], ']').map(|at| at + 2) else {
            return self.keep(2);
        };
        let text = &paragraph[2..end];
        let plain = !text.contains(['`', '\\', '<', '[', '\n']);
        // An odd text may end elsewhere than it seems: then at the last place where it may.
        let end = if plain {
            end
        } else {
            let ends = ["](", "]["].into_iter().filter_map(|e| paragraph.rfind(e));
            ends.max().unwrap_or(end).max(end)
        };
        self.out.push_str("![");
        self.pass_over(self.at + 2);
        if end > 2 {
            self.leave_out(end - 2, Kind::ImageText);
        }
        if self.rest().starts_with("](") {
            self.target(false);
        }
    }

    /// `](address "title")` of a link: of the address a part stays as text, the title does not.
    fn link_target(&mut self) {
        self.target(true);
    }

    fn target(&mut self, of_link: bool) {
        let paragraph = self.paragraph();
        if let Some(target) = Target::read(paragraph) {
            if target.titled {
                self.left_out.add(Kind::LinkTitle);
            }
            let shown = if of_link {
                shown_address(target.address)
            } else {
                String::new()
            };
            if shown != target.address {
                self.left_out.add(Kind::Address);
            }
            self.out.push_str("](");
            self.out.push_str(&shown);
            self.out.push(')');
            return self.pass_over(self.at + target.len);
        }
        // No link by this reading; by another one everything up to the last bracket may be a title.
        match paragraph.rfind(')') {
            Some(last) if paragraph[..last].contains(['"', '\'', '<']) => {
                self.out.push_str("]()");
                self.leave_out(last + 1, Kind::LinkTitle);
            }
            _ => self.keep(2),
        }
    }

    /// `&#8203;` and its like.
    fn entity(&mut self) {
        let rest = self.rest();
        let near = &rest[1..rest.floor_char_boundary(ENTITY_MAX_BYTES)];
        let (name, whole) = match near.split_once(';') {
            Some((name, _)) => (name, true),
            None => (near, false),
        };
        let number = name.strip_prefix('#').and_then(|number| {
            let hex = number.strip_prefix(['x', 'X']);
            hex.map_or_else(
                || number.parse().ok(),
                |hex| u32::from_str_radix(hex, 16).ok(),
            )
        });
        let shapeless = match number {
            Some(code) => char::from_u32(code)
                .is_none_or(|c| is_shapeless(c) || (c.is_control() && !matches!(c, '\n' | '\t'))),
            None => SHAPELESS.contains(&name),
        };
        if whole && shapeless {
            self.leave_out(name.len() + 2, Kind::Invisible);
        } else {
            self.keep(1);
        }
    }

    /// A formula can hold text that its drawing does not show.
    fn formula(&mut self) {
        let rest = self.rest();
        if let Some(inside) = rest.strip_prefix("$$") {
            if let Some(end) = inside.find("$$").filter(|_| !inside.starts_with('$')) {
                self.out.push_str("$$…$$");
                return self.leave_out(end + 4, Kind::Formula);
            }
            return self.keep(2);
        }
        let line = &self.line()[1..];
        let end = line.find('$').filter(|end| {
            let inside = &line[..*end];
            let mut chars = inside.chars().zip(inside.chars().skip(1));
            let commands = chars.any(|(a, b)| a == '\\' && b.is_ascii_alphabetic());
            commands || inside.contains('%') || inside.starts_with('`')
        });
        match end {
            Some(end) => {
                self.out.push_str("$…$");
                self.leave_out(end + 2, Kind::Formula);
            }
            None => self.keep(1),
        }
    }
}

/// Where a run of exactly `run` backticks begins.
fn closing_run(text: &str, run: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(start) = text[at..].find('`').map(|n| at + n) {
        let len = text[start..].len() - text[start..].trim_start_matches('`').len();
        if len == run {
            return Some(start);
        }
        at = start + len;
    }
    None
}

/// What stands in the brackets after a link's text.
struct Target<'t> {
    address: &'t str,
    titled: bool,
    /// From the `]` to the closing bracket.
    len: usize,
}

impl<'t> Target<'t> {
    fn read(text: &'t str) -> Option<Self> {
        let blank = |from: usize| text.len() - text[from..].trim_start().len();
        let start = blank(2);
        let (address, mut at) = if text[start..].starts_with('<') {
            let end = start + 1 + unescaped(&text[start + 1..], '>')?;
            (&text[start + 1..end], end + 1)
        } else {
            let end = start + bare_address(&text[start..]);
            (&text[start..end], end)
        };
        let after = blank(at);
        let opens = text[after..].chars().next()?;
        let titled = after > at && matches!(opens, '"' | '\'' | '(');
        if titled {
            let closes = if opens == '(' { ')' } else { opens };
            at = after + 1 + unescaped(&text[after + 1..], closes)? + 1;
        }
        let end = blank(at);
        let closed = text[end..].starts_with(')');
        closed.then_some(Self {
            address,
            titled,
            len: end + 1,
        })
    }
}

/// Length of an address without blanks, with its brackets in pairs.
fn bare_address(text: &str) -> usize {
    let (mut depth, mut escaped) = (0usize, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => {
                escaped = false;
                continue;
            }
            c if c.is_whitespace() || c.is_control() => return at,
            '(' => depth += 1,
            ')' if depth == 0 => return at,
            ')' => depth -= 1,
            _ => {}
        }
        escaped = c == '\\';
    }
    text.len()
}

/// Most bytes of an address that are kept.
const ADDRESS_MAX_BYTES: usize = 120;

/// What is kept of a link's address, which the page does not show: host and path, or the path alone.
/// Nothing of one that holds blanks, and of another kind than these only its name.
pub(super) fn shown_address(address: &str) -> String {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"');
    if address.chars().any(odd) {
        return String::new();
    }
    let (scheme, rest) = match address.split_once(':') {
        Some((scheme, rest)) if !scheme.contains(['/', '?', '#']) => (Some(scheme), rest),
        _ => (None, address),
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let shown = match scheme.map(str::to_ascii_lowercase).as_deref() {
        None => without_user(rest),
        Some(web @ ("http" | "https")) => format!("{web}:{}", without_user(rest)),
        Some("mailto") => format!("mailto:{rest}"),
        Some(other) if other.len() <= 12 => return format!("{other}:…"),
        Some(_) => return String::new(),
    };
    shown[..shown.floor_char_boundary(ADDRESS_MAX_BYTES)].to_owned()
}

/// `//name:word@host/path` without what stands before the host.
fn without_user(rest: &str) -> String {
    let Some(after) = rest.strip_prefix("//") else {
        return rest.to_owned();
    };
    let (authority, path) = after.split_at(after.find('/').unwrap_or(after.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("//{host}{path}")
}
