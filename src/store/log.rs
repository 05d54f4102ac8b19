//! The log: months, segments, and reading them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::ids::{EscalationUid, RecordId, ReviewUid, SessionUid, TaskUid};
use crate::domain::record::Record;
use crate::ports::state_repo::{EntryKind, StateTree, StateView};
use crate::store::error::StoreError;
use crate::store::fingerprint::fingerprint;
use crate::store::layout::{Format, LOG, SegmentName, is_month};
use crate::store::lines::{LogLine, Parsed, parse};
use crate::store::memo::Memo;
use crate::store::problem::{Problem, ProblemKind};

/// One month's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Month {
    /// `yyyy-mm`.
    pub(crate) name: String,
    /// Identity of the folder's content.
    pub(crate) id: String,
}

/// One segment as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Writer and number.
    pub(crate) name: SegmentName,
    /// Path in the tree.
    pub(crate) path: String,
    /// Identity of the content.
    pub(crate) id: String,
}

/// A part of a segment that a checkpoint covers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Covered {
    /// Bytes from the start, all whole lines.
    pub(crate) bytes: u64,
    /// Lines in them.
    pub(crate) lines: u64,
    /// Their fingerprint.
    pub(crate) print: String,
}

/// A segment that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Identity of the content.
    pub(crate) id: String,
    /// Its whole lines.
    pub(crate) whole: Covered,
}

/// The months of the log, in order.
pub(crate) fn months(
    tree: &dyn StateTree,
    problems: &mut Vec<Problem>,
) -> Result<Vec<Month>, StoreError> {
    let mut months = Vec::new();
    for entry in tree.list(LOG)? {
        let path = format!("{LOG}/{}", entry.name);
        match entry.kind {
            EntryKind::Dir if is_month(&entry.name) => months.push(Month {
                name: entry.name,
                id: entry.id,
            }),
            kind => problems.push(misplaced(&path, kind)),
        }
    }
    Ok(months)
}

/// The segments of one month, by writer and number.
pub(crate) fn segments(
    tree: &dyn StateTree,
    month: &str,
    problems: &mut Vec<Problem>,
) -> Result<Vec<Segment>, StoreError> {
    let dir = format!("{LOG}/{month}");
    let listed = tree.list(&dir)?;
    let mut segments = Vec::with_capacity(listed.len());
    for entry in listed {
        // A busy month has thousands.
        let path = [&dir, "/", &entry.name].concat();
        match (entry.kind, SegmentName::parse(&entry.name)) {
            (EntryKind::File, Some(name)) => segments.push(Segment {
                name,
                path,
                id: entry.id,
            }),
            (kind, _) => problems.push(misplaced(&path, kind)),
        }
    }
    segments.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(segments)
}

fn misplaced(path: &str, kind: EntryKind) -> Problem {
    match kind {
        EntryKind::Foreign(mode) => {
            Problem::file(path, ProblemKind::ForeignEntry, &format!("mode {mode:o}"))
        }
        EntryKind::File | EntryKind::Dir => Problem::file(path, ProblemKind::UnexpectedFile, ""),
    }
}

/// A readable line and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    /// The line.
    pub(crate) line: Arc<LogLine>,
    /// Its file.
    pub(crate) path: Arc<str>,
}

/// Records read from the log: each id once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail {
    /// By id.
    pub(crate) held: BTreeMap<RecordId, Held>,
    /// Lines that are records, but not for this version, by id and bytes.
    pub(crate) unread: Vec<(RecordId, Box<str>)>,
    /// Segments of the published tree that were read.
    pub(crate) seen: BTreeMap<String, Seen>,
    /// What is wrong.
    pub(crate) problems: Vec<Problem>,
    /// Bytes parsed.
    pub(crate) bytes: u64,
}

impl Tail {
    /// The records, in no meaningful order: the fold needs none.
    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        self.held.values().map(|held| &held.line.record)
    }

    /// Reads segments, each from where its covered part ends, and takes in their lines. With
    /// `remember`, they count as segments of the published tree. What `memo` knows is not read again.
    pub(crate) fn read(
        &mut self,
        tree: &dyn StateTree,
        wanted: &[(Segment, Covered)],
        remember: bool,
        memo: Option<&Memo>,
    ) -> Result<(), StoreError> {
        let known = wanted.iter().enumerate();
        let known: BTreeMap<usize, Arc<Part>> = known
            .filter_map(|(at, (segment, covered))| Some((at, memo?.same(segment, covered)?)))
            .collect();
        let unknown = (0..wanted.len()).filter(|at| !known.contains_key(at));
        let unknown: Vec<usize> = unknown.collect();
        let paths: Vec<_> = unknown
            .iter()
            .map(|at| wanted[*at].0.path.clone())
            .collect();
        let parts = Mutex::new(known);
        let visit = |at: usize, bytes: &[u8]| {
            let at = unknown[at];
            let (segment, covered) = &wanted[at];
            let before = memo.and_then(|memo| memo.before(segment));
            let part = Arc::new(part(segment, covered, bytes, before.as_deref()));
            if let Some(memo) = memo {
                memo.keep(&segment.path, &part);
            }
            parts
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(at, part);
        };
        if tree.read_many(&paths, &visit).is_err() {
            // One bad file must not hide the others.
            for (at, path) in paths.iter().enumerate() {
                match tree.read(path) {
                    Ok(Some(bytes)) => visit(at, &bytes),
                    Ok(None) => {}
                    Err(error) => self.problems.push(Problem::file(
                        path,
                        ProblemKind::Unreadable,
                        &error.cause,
                    )),
                }
            }
        }
        let parts = parts.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (at, part) in parts {
            let path = &wanted[at].0.path;
            if remember {
                self.seen.insert(path.clone(), part.seen.clone());
            }
            self.bytes += part.bytes;
            self.problems.extend(part.parsed.problems.iter().cloned());
            self.unread.extend(part.parsed.unread.iter().cloned());
            let path: Arc<str> = path.as_str().into();
            for line in &part.parsed.lines {
                self.take(Held {
                    line: Arc::clone(line),
                    path: Arc::clone(&path),
                });
            }
        }
        Ok(())
    }

    /// Takes a line in. Of two different lines with one id the lower bytes count, whatever the
    /// order of reading; the other is quarantined.
    fn take(&mut self, new: Held) {
        let mut slot = match self.held.entry(new.line.record.id) {
            Entry::Vacant(slot) => {
                slot.insert(new);
                return;
            }
            Entry::Occupied(slot) => slot,
        };
        if slot.get().line.record == new.line.record {
            return;
        }
        let loser = if new.line.raw < slot.get().line.raw {
            slot.insert(new)
        } else {
            new
        };
        self.problems.push(Problem::line(
            &loser.path,
            loser.line.line,
            ProblemKind::DuplicateId,
            loser.line.raw.as_bytes(),
        ));
    }
}

/// What one segment gave, from where its covered part ends.
#[derive(Debug)]
pub(crate) struct Part {
    /// The part of it that a checkpoint covers.
    pub(crate) covered: Covered,
    /// The rest.
    parsed: Parsed,
    /// The segment as it was.
    pub(crate) seen: Seen,
    /// Bytes that were not covered.
    bytes: u64,
}

impl Part {
    /// What is known of `bytes` from an earlier reading, if that was these bytes up to some line, all
    /// sound: then only what follows has to be parsed.
    fn begins(&self, covered: &Covered, bytes: &[u8]) -> bool {
        let sound = self.parsed.problems.is_empty() && self.parsed.unread.is_empty();
        let Covered {
            bytes: length,
            print,
            ..
        } = &self.seen.whole;
        let length = usize::try_from(*length).unwrap_or(usize::MAX);
        let same = sound && self.covered == *covered && (1..=bytes.len()).contains(&length);
        same && fingerprint(&bytes[..length]) == *print
    }
}

/// Parses one file, skipping what is covered if that is still what it was.
fn part(segment: &Segment, covered: &Covered, bytes: &[u8], before: Option<&Part>) -> Part {
    let start = usize::try_from(covered.bytes).unwrap_or(usize::MAX);
    let before = before.filter(|before| before.begins(covered, bytes));
    let unchanged = before.is_some()
        || start > 0 && bytes.len() >= start && fingerprint(&bytes[..start]) == covered.print;
    let mut parsed = match before {
        Some(before) => {
            let Covered {
                bytes: from, lines, ..
            } = before.seen.whole;
            let mut parsed = parse(&segment.path, bytes, from as usize, lines + 1);
            let old = before.parsed.lines.iter().map(Arc::clone);
            parsed.lines = old.chain(parsed.lines).collect();
            parsed
        }
        None if unchanged => parse(&segment.path, bytes, start, covered.lines + 1),
        None => parse(&segment.path, bytes, 0, 1),
    };
    if start > 0 && !unchanged {
        let detail = format!("expected at least {start} bytes, found {}", bytes.len());
        let what = ProblemKind::CoveredChanged;
        let problem = Problem::file(&segment.path, what, &detail);
        parsed.problems.push(problem);
    }
    let seen = Seen {
        id: segment.id.clone(),
        whole: Covered {
            bytes: parsed.whole as u64,
            lines: parsed.count,
            print: fingerprint(&bytes[..parsed.whole]),
        },
    };
    let read = bytes.len() - if unchanged { start } else { 0 };
    Part {
        covered: covered.clone(),
        parsed,
        seen,
        bytes: read as u64,
    }
}

/// Reads the whole log of a view, published and not, without any checkpoint.
pub(crate) fn read_all(view: &StateView, memo: Option<&Memo>) -> Result<Tail, StoreError> {
    let mut tail = Tail::default();
    let trees = [Some(&view.tree), view.unpublished.as_ref()];
    for (tree, published) in trees.into_iter().flatten().zip([true, false]) {
        let mut wanted = Vec::new();
        for month in months(&**tree, &mut tail.problems)? {
            let listed = segments(&**tree, &month.name, &mut tail.problems)?;
            wanted.extend(listed.into_iter().map(|s| (s, Covered::default())));
        }
        tail.read(&**tree, &wanted, published, memo)?;
    }
    Ok(tail)
}

/// Segments of `local` that `base` does not have in the same form.
pub(crate) fn differing(
    base: &dyn StateTree,
    local: &dyn StateTree,
    problems: &mut Vec<Problem>,
) -> Result<Vec<(Segment, Covered)>, StoreError> {
    // What is wrong with the base is reported when the base is read.
    let mut ignored = Vec::new();
    let there = months(base, &mut ignored)?;
    let mut wanted = Vec::new();
    for month in months(local, problems)? {
        if there.contains(&month) {
            continue;
        }
        let known: BTreeMap<_, _> = segments(base, &month.name, &mut ignored)?
            .into_iter()
            .map(|s| (s.path, s.id))
            .collect();
        let listed = segments(local, &month.name, problems)?.into_iter();
        let new = listed.filter(|s| known.get(&s.path) != Some(&s.id));
        wanted.extend(new.map(|s| (s, Covered::default())));
    }
    Ok(wanted)
}

/// Whose history is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryOf {
    /// Every record.
    All,
    /// A task, with its edges, sessions, locks, reviews, escalations and findings.
    Task(TaskUid),
    /// A session, with its lock, reviews and findings.
    Session(SessionUid),
}

/// The records about something, in (ts, id) order, read from the whole log.
///
/// # Errors
/// The storage cannot be read, or the format is too new.
pub fn history(view: &StateView, of: HistoryOf) -> Result<Vec<Record>, StoreError> {
    Format::read(&*view.tree)?;
    let tail = read_all(view, None)?;
    let mut records: Vec<_> = match of {
        HistoryOf::All => tail.records().cloned().collect(),
        HistoryOf::Task(task) => {
            let of_task = |r: &Record| {
                let about = r.about();
                about.task == Some(task) || about.other == Some(task)
            };
            about(&tail, of_task)
        }
        HistoryOf::Session(session) => about(&tail, |r| r.about().session == Some(session)),
    };
    records.sort_by_key(Record::stamp);
    Ok(records)
}

/// Records that fit `wanted`, and those that name only a session, review or escalation of theirs.
fn about(tail: &Tail, wanted: impl Fn(&Record) -> bool) -> Vec<Record> {
    let mut sessions: Vec<SessionUid> = Vec::new();
    let mut reviews: Vec<ReviewUid> = Vec::new();
    let mut escalations: Vec<EscalationUid> = Vec::new();
    for record in tail.records().filter(|r| wanted(r)) {
        let about = record.about();
        // Only what the record itself creates: it may name another task's session.
        sessions.extend(about.session.filter(|s| s.record() == record.id));
        reviews.extend(about.review.filter(|r| r.record() == record.id));
        escalations.extend(about.escalation.filter(|e| e.record() == record.id));
    }
    let follows = |r: &Record| {
        let about = r.about();
        about.session.is_some_and(|s| sessions.contains(&s))
            || about.review.is_some_and(|r| reviews.contains(&r))
            || about.escalation.is_some_and(|e| escalations.contains(&e))
    };
    tail.records()
        .filter(|r| wanted(r) || follows(r))
        .cloned()
        .collect()
}
