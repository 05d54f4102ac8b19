//! A page of text for people: aligned columns, colour, and cutting to the terminal's width.

use anstyle::{AnsiColor, Style};

use crate::app::tracker::text::display_safe;

/// Emphasis of a piece of text. Few on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// Names that are typed again: ids.
    Id,
    /// Less important.
    Dim,
    /// A heading.
    Strong,
    /// Finished well.
    Good,
    /// Waits for somebody.
    Warn,
    /// Failed.
    Bad,
}

impl Tone {
    /// The terminal style; the sink drops it where there is no terminal.
    #[must_use]
    pub const fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Id => AnsiColor::Cyan.on_default(),
            Self::Dim => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Warn => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
        }
    }
}

/// One cell: text that is shown escaped, and its tone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

/// A cell of `text`, made safe for display and put on one line.
pub fn cell(text: impl AsRef<str>, tone: Tone) -> Cell {
    let text = display_safe(text.as_ref()).replace('\n', " ");
    Cell { text, tone }
}

/// Text under construction.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
    width: Option<usize>,
}

impl Page {
    /// An empty page, cut to `width` columns if it is shown on a terminal.
    #[must_use]
    pub const fn new(width: Option<usize>) -> Self {
        Self {
            text: String::new(),
            width,
        }
    }

    /// What was written.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// One line of plain text, escaped.
    pub fn line(&mut self, text: impl AsRef<str>) {
        self.text.push_str(&display_safe(text.as_ref()));
        self.text.push('\n');
    }

    /// One line in a tone, escaped and not cut.
    pub fn toned(&mut self, text: &str, tone: Tone) {
        self.styled(&cell(text, tone), 0);
        self.text.push('\n');
    }

    /// An empty line, unless the page is empty.
    pub fn gap(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// A heading.
    pub fn heading(&mut self, text: &str) {
        self.styled(&cell(text, Tone::Strong), 0);
        self.text.push('\n');
    }

    /// Many lines of text, escaped, each behind `indent` blanks.
    pub fn block(&mut self, text: &str, indent: usize) {
        for line in text.lines() {
            let line = display_safe(line);
            if !line.is_empty() {
                self.text.push_str(&" ".repeat(indent));
            }
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    /// Rows of cells in aligned columns with two blanks between; the last column is not padded,
    /// and is cut on a terminal.
    pub fn table(&mut self, indent: usize, rows: &[Vec<Cell>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut widths = vec![0usize; columns];
        for row in rows {
            for (at, cell) in row.iter().enumerate() {
                widths[at] = widths[at].max(columns_of(&cell.text));
            }
        }
        for row in rows {
            self.text.push_str(&" ".repeat(indent));
            let mut used = indent;
            let last = row.iter().rposition(|c| !c.text.is_empty()).unwrap_or(0);
            for (at, cell) in row.iter().enumerate().take(last + 1) {
                if at == last {
                    let room = self.width.map(|w| w.saturating_sub(used).max(20));
                    let cut = Cell {
                        text: cut(&cell.text, room),
                        tone: cell.tone,
                    };
                    self.styled(&cut, 0);
                } else {
                    self.styled(cell, widths[at] + 2);
                    used += widths[at] + 2;
                }
            }
            self.text.push('\n');
        }
    }

    /// Pairs of label and value, the values aligned; pairs without a value are left out.
    pub fn pairs(&mut self, pairs: &[(&str, String)]) {
        let rows: Vec<_> = pairs
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(label, value)| vec![cell(label, Tone::Dim), cell(value, Tone::Plain)])
            .collect();
        let width = self.width.take();
        self.table(0, &rows);
        self.width = width;
    }

    fn styled(&mut self, cell: &Cell, pad_to: usize) {
        let style = cell.tone.style();
        let pad = pad_to.saturating_sub(columns_of(&cell.text));
        self.text
            .push_str(&format!("{style}{}{style:#}", cell.text));
        self.text.push_str(&" ".repeat(pad));
    }
}

/// Columns that `text` takes on a terminal: wide East Asian letters and emoji take two.
fn columns_of(text: &str) -> usize {
    text.chars()
        .map(|c| match u32::from(c) {
            0x300..=0x36F | 0x200D | 0xFE00..=0xFE0F => 0,
            0x1100..=0x115F
            | 0x2E80..=0xA4CF
            | 0xAC00..=0xD7A3
            | 0xF900..=0xFAFF
            | 0xFE30..=0xFE6F
            | 0xFF00..=0xFF60
            | 0xFFE0..=0xFFE6
            | 0x1F300..=0x1FAFF
            | 0x2_0000..=0x3_FFFD => 2,
            _ => 1,
        })
        .sum()
}

fn cut(text: &str, room: Option<usize>) -> String {
    let Some(room) = room.filter(|room| columns_of(text) > *room) else {
        return text.to_owned();
    };
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = columns_of(c.encode_utf8(&mut [0; 4]));
        if used + wide + 1 > room {
            break;
        }
        used += wide;
        kept.push(c);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_the_last_one_is_cut_only_on_a_terminal() {
        let rows = |page: &mut Page| {
            page.table(
                0,
                &[
                    vec![
                        cell("T-7", Tone::Plain),
                        cell("a title that is long", Tone::Plain),
                    ],
                    vec![cell("T-1000", Tone::Plain), cell("漢字", Tone::Plain)],
                ],
            );
        };
        let mut wide = Page::new(None);
        rows(&mut wide);
        assert_eq!(
            wide.into_text(),
            "T-7     a title that is long\nT-1000  漢字\n"
        );
        assert_eq!(cut("a title that is long", Some(8)), "a title…");
        assert_eq!(cut("漢字漢字", Some(6)), "漢字…");
    }

    #[test]
    fn a_row_ends_at_its_last_word() {
        let mut page = Page::new(None);
        page.table(2, &[vec![cell("a", Tone::Plain), cell("", Tone::Plain)]]);
        assert_eq!(page.into_text(), "  a\n");
    }
}
