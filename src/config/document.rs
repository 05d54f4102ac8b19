//! A document under reading, and where in it something is wrong.

use std::cell::RefCell;
use std::ops::Range;

use crate::config::problems::Problem;

/// A document and what is wrong with it so far.
pub(super) struct Document<'t> {
    file: &'t str,
    text: &'t str,
    /// Where each is, in bytes, and what.
    problems: RefCell<Vec<(usize, String)>>,
}

impl<'t> Document<'t> {
    pub(super) const fn new(file: &'t str, text: &'t str) -> Self {
        Self {
            file,
            text,
            problems: RefCell::new(Vec::new()),
        }
    }

    /// Line and column of a byte, from 1.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(at.min(self.text.len()))];
        let line = before.rfind('\n').map_or(0, |end| end + 1);
        let lines = before.bytes().filter(|b| *b == b'\n').count();
        (lines + 1, before[line..].chars().count() + 1)
    }

    /// Notes a problem at a byte range.
    pub(super) fn problem(&self, span: Range<usize>, what: String) {
        let at = self
            .text
            .floor_char_boundary(span.start.min(self.text.len()));
        self.problems.borrow_mut().push((at, what));
    }

    /// What was noted, in that order. Lines are counted once for all: a file may have as many
    /// problems as lines.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut noted: Vec<_> = self.problems.into_inner().into_iter().enumerate().collect();
        noted.sort_by_key(|(_, (at, _))| *at);
        let (mut from, mut line, mut column) = (0, 1, 1);
        let located = noted.into_iter().map(|(nth, (at, what))| {
            for c in self.text[from..at].chars() {
                (line, column) = if c == '\n' {
                    (line + 1, 1)
                } else {
                    (line, column + 1)
                };
            }
            from = at;
            let file = self.file.to_owned();
            let problem = Problem {
                file,
                line,
                column,
                what,
            };
            (nth, problem)
        });
        let mut located: Vec<_> = located.collect();
        located.sort_by_key(|(nth, _)| *nth);
        located.into_iter().map(|(_, problem)| problem).collect()
    }
}
