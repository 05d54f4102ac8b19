//! Tables: CSV with a line of headings, read by rows.

mod forms;
mod plain;

use std::collections::BTreeMap;

use crate::domain::dep::DepKind;
use crate::exchange::batch::{Batch, Incoming, Link, Place};
use crate::exchange::fit;
use crate::exchange::kept::{FNV_START, KeptLink, Rest, fnv};
use crate::exchange::text::{small, whole};

pub(crate) use forms::{gitlab, jira, linear};
pub(crate) use plain::plain;

/// Most columns of a table.
const COLUMNS_MAX: usize = 4096;

/// One row, by the names of its columns in lower case.
pub(super) struct Row<'a> {
    names: &'a BTreeMap<String, Vec<usize>>,
    headings: &'a [String],
    cells: Vec<&'a str>,
    pub(super) place: Place,
}

impl<'a> Row<'a> {
    /// The first cell below `name` that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.all(name).into_iter().next()
    }

    /// The first of several names that has a cell.
    pub(super) fn any(&self, names: &[&str]) -> Option<&'a str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// All cells below `name` that are not empty: some exports repeat a column.
    pub(super) fn all(&self, name: &str) -> Vec<&'a str> {
        let columns = self.names.get(name).map(Vec::as_slice).unwrap_or_default();
        let cells = columns.iter().filter_map(|at| self.cells.get(*at));
        cells
            .copied()
            .filter(|cell| !cell.trim().is_empty())
            .collect()
    }

    /// True if there is such a column.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// Columns whose names begin with `start`.
    pub(super) fn starting(&self, start: &str) -> Vec<(&'a str, &'a str)> {
        let named = self.names.range(start.to_owned()..);
        let named = named.take_while(|(name, _)| name.starts_with(start));
        let names: Vec<&str> = named.map(|(name, _)| name.as_str()).collect();
        let cells = names
            .iter()
            .flat_map(|name| self.all(name).into_iter().map(|c| (*name, c)));
        cells.collect()
    }

    /// What is in the columns that are not `taken`, as a JSON object.
    pub(super) fn rest(&self, taken: &[&str]) -> String {
        let mut rest = Rest::default();
        for (at, heading) in self.headings.iter().enumerate() {
            let cell = self.cells.get(at).copied().unwrap_or_default();
            let name = heading.trim().to_lowercase();
            if !cell.is_empty() && !taken.contains(&name.as_str()) {
                rest.add(heading, &serde_json::to_string(cell).unwrap_or_default());
            }
        }
        rest.finish()
    }
}

/// The line of headings.
struct Header {
    headings: Vec<String>,
    names: BTreeMap<String, Vec<usize>>,
}

impl Header {
    fn of(record: &csv::StringRecord) -> Self {
        let headings = record.iter().take(COLUMNS_MAX).map(str::to_owned);
        let headings: Vec<String> = headings.collect();
        let mut names: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, heading) in headings.iter().enumerate() {
            let name = heading.trim().to_lowercase();
            names.entry(name).or_default().push(at);
        }
        Self { headings, names }
    }

    /// A row below it; none if the row is empty, or broken and told.
    fn row<'a>(
        &'a self,
        batch: &mut Batch,
        record: &'a csv::StringRecord,
        place: Place,
    ) -> Option<Row<'a>> {
        // Only a table that fleet wrote guards its cells.
        let own = self.names.contains_key("uid");
        let plain = |cell| if own { unguarded(cell) } else { cell };
        let cells: Vec<&str> = record.iter().map(plain).collect();
        let (count, wanted) = (cells.len(), self.headings.len());
        let extra = cells.iter().skip(wanted).any(|cell| !cell.is_empty());
        if extra || count == 1 && wanted > 2 && !cells[0].is_empty() {
            let what = format!("{count} cells below {wanted} headings");
            batch.broken(place, "", what);
            return None;
        }
        let empty = cells.iter().all(|cell| cell.trim().is_empty());
        (!empty).then_some(Row {
            names: &self.names,
            headings: &self.headings,
            cells,
            place,
        })
    }
}

/// Reads the rows of a table. `take` sees them in order.
pub(super) fn rows(
    batch: &mut Batch,
    file: u32,
    bytes: &[u8],
    mut take: impl FnMut(&mut Batch, &Row<'_>),
) {
    let Some(text) = whole(batch, file, bytes) else {
        return;
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(&text))
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    let mut header: Option<Header> = None;
    loop {
        let start = reader.position().clone();
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) => {
                let line = small(usize::try_from(start.line()).unwrap_or(usize::MAX));
                batch.broken(Place::line(file, line), "", format!("not CSV: {error}"));
                break;
            }
        }
        let from = usize::try_from(start.byte())
            .unwrap_or(usize::MAX)
            .min(text.len());
        let to = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        let raw = &text.as_bytes()[from..to.clamp(from, text.len())];
        let blank = raw
            .iter()
            .take_while(|b| matches!(b, b'\n' | b'\r'))
            .filter(|b| **b == b'\n');
        let line = usize::try_from(start.line()).unwrap_or(usize::MAX) + blank.count();
        let place = Place::line(file, small(line));
        // Inside a field a quote is doubled, so a whole record has an even number of them.
        if memchr::memchr_iter(b'"', raw).count() % 2 == 1 {
            let what = "a quote that begins in this row is not closed";
            batch.broken(place, "", what);
            continue;
        }
        match &header {
            None => header = Some(Header::of(&record)),
            Some(header) => {
                if let Some(row) = header.row(batch, &record, place) {
                    take(batch, &row);
                }
            }
        }
    }
    if header.is_none() && batch.damage.is_empty() {
        batch.broken(Place::line(file, 0), "", "no line of headings");
    }
}

/// True if a spreadsheet would compute the cell instead of showing it, or if it looks like one that
/// is guarded against that.
pub(super) fn is_formula(cell: &str) -> bool {
    let bare = cell.trim_start_matches('\'');
    bare.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// A cell as it was before it was guarded with an apostrophe.
fn unguarded(cell: &str) -> &str {
    let guarded = cell.strip_prefix('\'').filter(|rest| is_formula(rest));
    guarded.unwrap_or(cell)
}

/// What the first line is divided by.
fn delimiter(text: &str) -> u8 {
    let line = text.lines().next().unwrap_or_default();
    let count = |mark: u8| memchr::memchr_iter(mark, line.as_bytes()).count();
    let marks = [b',', b';', b'\t'];
    marks
        .into_iter()
        .max_by_key(|mark| (count(*mark), u8::from(*mark == b',')))
        .unwrap_or(b',')
}

/// Adds an edge, and notes it.
pub(super) fn link(issue: &mut Incoming, kind: DepKind, to: String, reversed: bool) {
    if !reversed {
        let kept = KeptLink(kind.name().to_owned(), to.clone(), String::new());
        issue.kept.links.push(kept);
    }
    issue.links.push(Link { kind, to, reversed });
}

/// Labels in one cell.
pub(super) fn labels(issue: &mut Incoming, cell: &str) {
    for label in cell.split([',', ';']) {
        if let Some(label) = fit::word(label) {
            issue.labels.push(label.into_owned());
        }
    }
}

/// A name made of words, for rows without one.
pub(super) fn name_of(words: &str, twin: u32) -> String {
    let hash = fnv(fnv(FNV_START, words.as_bytes()), &twin.to_le_bytes());
    format!("{:012x}", hash >> 16)
}
