//! Tables: of a row the page shows as many cells as its header has, and drops the rest.

use std::ops::Range;

use crate::engine::clean::Kind;
use crate::engine::clean::lines::{Fence, Reader};

/// Where cells stand that no page shows, in the order of the text. A line of dashes is believed to
/// begin a table whatever its header holds, and a table to go on until it certainly ends.
pub(super) fn surplus(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut start, mut header) = (0, false);
    let mut table: Option<Table> = None;
    for line in text.split('\n') {
        if ends_table(line) {
            (table, header) = (None, false);
        } else {
            if let Some(new) = Table::begun_by(line).filter(|_| header) {
                let columns = table.map_or(new.columns, |old| old.columns.min(new.columns));
                table = Some(Table { columns, ..new });
            }
            let cut = table.and_then(|table| table.end_of_row(line));
            found.extend(cut.map(|cut| start + cut..start + line.len()));
            header = true;
        }
        start += line.len() + 1;
    }
    found
}

#[derive(Clone, Copy)]
struct Table {
    columns: usize,
    /// How many quotes it stands in.
    quotes: usize,
}

impl Table {
    /// `|---|:-:|`.
    fn begun_by(line: &str) -> Option<Self> {
        let blank = |c: char| matches!(c, ' ' | '\t' | '\u{b}' | '\u{c}');
        let row = line.trim_start_matches(|c| c == '>' || blank(c));
        let quotes = line[..line.len() - row.len()].matches('>').count();
        let row = row.trim_end_matches(blank);
        if !row.contains(['|', ':']) {
            return None;
        }
        let row = row.strip_prefix('|').unwrap_or(row);
        let row = row.strip_suffix('|').unwrap_or(row);
        let dashes = |cell: &str| {
            let cell = cell.trim_matches(blank);
            let cell = cell.strip_prefix(':').unwrap_or(cell);
            let cell = cell.strip_suffix(':').unwrap_or(cell);
            !cell.is_empty() && cell.chars().all(|c| c == '-')
        };
        let columns = row.split('|').count();
        row.split('|')
            .all(dashes)
            .then_some(Self { columns, quotes })
    }

    /// Where the cells of a row begin that are too many, if it has such.
    fn end_of_row(self, line: &str) -> Option<usize> {
        let mut row = line;
        for _ in 0..self.quotes {
            let inside = row.trim_start_matches([' ', '\t']).strip_prefix('>');
            row = inside.unwrap_or(row);
        }
        row = row.trim_start_matches([' ', '\t', '\u{b}', '\u{c}']);
        row = row.strip_prefix('|').unwrap_or(row);
        let (mut left, mut backslashes) = (self.columns, 0);
        for (at, c) in row.char_indices() {
            // After two of them it is not certain that the bar is a letter.
            if c == '|' && backslashes != 1 {
                left -= 1;
                if left == 0 {
                    let rest = &row[at + 1..];
                    let empty = rest.chars().all(|c| matches!(c, ' ' | '\t' | '|'));
                    return (!empty).then_some(line.len() - rest.len());
                }
            }
            backslashes = if c == '\\' { backslashes + 1 } else { 0 };
        }
        None
    }
}

/// A blank line, also in quotes, and the beginning of a block of code.
fn ends_table(line: &str) -> bool {
    let mut inside = line;
    while let Some(quoted) = inside.strip_prefix('>') {
        inside = quoted.strip_prefix(' ').unwrap_or(quoted);
    }
    inside.chars().all(|c| matches!(c, ' ' | '\t')) || Fence::opened_by(line).is_some()
}

impl Reader<'_, '_> {
    /// Takes back what was written of `from` up to here, if a part of it is surplus.
    pub(super) fn drop_surplus(&mut self, from: usize, written: usize) {
        while let Some(range) = self.surplus.first() {
            if range.start >= self.at {
                return;
            }
            if range.end > from {
                self.out.truncate(written);
                if !self.surplus_told {
                    self.left_out.add(Kind::Cell);
                    self.surplus_told = true;
                }
            }
            if range.end > self.at {
                return;
            }
            self.surplus = &self.surplus[1..];
            self.surplus_told = false;
        }
    }
}
