//! What a checkpoint covers of the log: computed when it is written, subtracted when it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::domain::time::Timestamp;
use crate::ports::state_repo::StateTree;
use crate::store::checkpoint::header::{MonthCover, OpenSegment, WriterCover};
use crate::store::error::StoreError;
use crate::store::fingerprint::fingerprint;
use crate::store::layout::{LOG, SegmentName};
use crate::store::lines::parse;
use crate::store::log::{Covered, Seen, Segment, months, segments};
use crate::store::problem::{Problem, ProblemKind};

/// Covers by month.
pub(crate) type Covers = BTreeMap<String, MonthCover>;

/// The segments that `covers` does not cover, each with the part that it does.
///
/// Reading too much is always right, since the fold is repeat-safe: whatever does not fit is read
/// again as a whole and reported.
pub(crate) fn uncovered(
    tree: &dyn StateTree,
    covers: &Covers,
    problems: &mut Vec<Problem>,
) -> Result<Vec<(Segment, Covered)>, StoreError> {
    let mut wanted = Vec::new();
    let listed = months(tree, problems)?;
    for name in covers.keys() {
        if !listed.iter().any(|m| m.name == *name) {
            let dir = format!("{LOG}/{name}");
            problems.push(Problem::file(&dir, ProblemKind::CoveredChanged, "gone"));
        }
    }
    for month in listed {
        let writers = match covers.get(&month.name) {
            Some(MonthCover::Tree(id)) if *id == month.id => continue,
            // Late records in a month that was done: the fold takes the whole month again.
            Some(MonthCover::Tree(_)) | None => &BTreeMap::new(),
            Some(MonthCover::Writers(writers)) => writers,
        };
        let mut by_writer: BTreeMap<String, Vec<Segment>> = BTreeMap::new();
        let mut listed = segments(tree, &month.name, problems)?;
        while let Some(first) = listed.first() {
            let writer = first.name.writer.clone();
            let own = listed.partition_point(|segment| segment.name.writer == writer);
            let later = listed.split_off(own);
            by_writer.insert(writer, std::mem::replace(&mut listed, later));
        }
        for writer in writers.keys().filter(|w| !by_writer.contains_key(*w)) {
            let path = format!("{LOG}/{}/{writer}-*", month.name);
            problems.push(Problem::file(&path, ProblemKind::CoveredChanged, "gone"));
        }
        for (writer, list) in by_writer {
            match writers.get(&writer) {
                None => wanted.extend(list.into_iter().map(|s| (s, Covered::default()))),
                Some(cover) => {
                    let dir = format!("{LOG}/{}", month.name);
                    of_writer(&dir, &writer, cover, list, &mut wanted, problems);
                }
            }
        }
    }
    Ok(wanted)
}

fn of_writer(
    dir: &str,
    writer: &str,
    cover: &WriterCover,
    list: Vec<Segment>,
    wanted: &mut Vec<(Segment, Covered)>,
    problems: &mut Vec<Problem>,
) {
    let ids = list.iter().map(|s| (s.name.seg, s.id.as_str()));
    let skip_below = ids_print(ids, cover.below) == cover.ids;
    if !skip_below {
        let path = format!("{dir}/{writer}-*");
        let detail = format!("segments below {} are not what they were", cover.below);
        problems.push(Problem::file(&path, ProblemKind::CoveredChanged, &detail));
    }
    let present: BTreeSet<u32> = list.iter().map(|s| s.name.seg).collect();
    for open in cover.open.iter().filter(|o| !present.contains(&o.seg)) {
        let name = SegmentName {
            writer: writer.to_owned(),
            seg: open.seg,
        };
        let path = format!("{dir}/{}", name.file_name());
        problems.push(Problem::file(&path, ProblemKind::CoveredChanged, "gone"));
    }
    for segment in list {
        if segment.name.seg < cover.below {
            if !skip_below {
                wanted.push((segment, Covered::default()));
            }
            continue;
        }
        match cover.open.iter().find(|o| o.seg == segment.name.seg) {
            Some(open) if open.id.as_ref() == Some(&segment.id) => {}
            Some(open) => {
                let covered = Covered {
                    bytes: open.bytes,
                    lines: open.lines,
                    print: open.print.clone(),
                };
                wanted.push((segment, covered));
            }
            None => wanted.push((segment, Covered::default())),
        }
    }
}

/// Fingerprint of the numbers and ids of the segments below a number.
fn ids_print<'a>(list: impl Iterator<Item = (u32, &'a str)>, below: u32) -> String {
    let mut text = String::new();
    for (seg, id) in list.filter(|(seg, _)| *seg < below) {
        // A text takes whatever is written into it.
        let _ = writeln!(text, "{seg} {id}");
    }
    fingerprint(text.as_bytes())
}

/// Everything in the log of `base` with `written` over it: what a new checkpoint covers. `seen`
/// and `before` spare reading segments again.
pub(crate) fn cover_all(
    base: &dyn StateTree,
    written: &BTreeMap<String, Vec<u8>>,
    seen: &BTreeMap<String, Seen>,
    before: Option<&Covers>,
    now: Timestamp,
) -> Result<Covers, StoreError> {
    let mut ignored = Vec::new();
    let listed: BTreeMap<_, _> = months(base, &mut ignored)?
        .into_iter()
        .map(|m| (m.name, m.id))
        .collect();
    let mut changed: BTreeMap<String, BTreeMap<SegmentName, &Vec<u8>>> = BTreeMap::new();
    for (path, bytes) in written {
        let parts = path.strip_prefix(LOG).and_then(|p| p[1..].split_once('/'));
        if let Some((month, file)) = parts
            && let Some(name) = SegmentName::parse(file)
        {
            let month = changed.entry(month.to_owned()).or_default();
            month.insert(name, bytes);
        }
    }
    let this_month = now.month();
    let names: BTreeSet<_> = listed.keys().chain(changed.keys()).cloned().collect();
    let mut covers = Covers::new();
    for name in names {
        let cover = match (listed.get(&name), changed.get(&name)) {
            (Some(id), None) if name < this_month => MonthCover::Tree(id.clone()),
            (_, changed) => {
                let none = BTreeMap::new();
                let list = segments(base, &name, &mut ignored)?;
                let known = Known {
                    base,
                    seen,
                    before: before.and_then(|b| b.get(&name)),
                };
                MonthCover::Writers(by_writer(list, changed.unwrap_or(&none), &known)?)
            }
        };
        covers.insert(name, cover);
    }
    Ok(covers)
}

/// Where lengths and fingerprints of unchanged segments may be known from.
struct Known<'a> {
    base: &'a dyn StateTree,
    seen: &'a BTreeMap<String, Seen>,
    before: Option<&'a MonthCover>,
}

impl Known<'_> {
    fn whole(&self, segment: &Segment) -> Result<Covered, StoreError> {
        if let Some(seen) = self.seen.get(&segment.path).filter(|s| s.id == segment.id) {
            return Ok(seen.whole.clone());
        }
        if let Some(MonthCover::Writers(writers)) = self.before
            && let Some(cover) = writers.get(&segment.name.writer)
            && let Some(open) = cover.open.iter().find(|o| o.seg == segment.name.seg)
            && open.id.as_ref() == Some(&segment.id)
        {
            return Ok(Covered {
                bytes: open.bytes,
                lines: open.lines,
                print: open.print.clone(),
            });
        }
        let bytes = self.base.read(&segment.path)?.unwrap_or_default();
        Ok(whole(&segment.path, &bytes))
    }
}

fn whole(path: &str, bytes: &[u8]) -> Covered {
    let parsed = parse(path, bytes, bytes.len(), 1);
    let lines = bytes[..parsed.whole].iter().filter(|b| **b == b'\n');
    Covered {
        bytes: parsed.whole as u64,
        lines: lines.count() as u64,
        print: fingerprint(&bytes[..parsed.whole]),
    }
}

fn by_writer(
    list: Vec<Segment>,
    changed: &BTreeMap<SegmentName, &Vec<u8>>,
    known: &Known<'_>,
) -> Result<BTreeMap<String, WriterCover>, StoreError> {
    let writers: BTreeSet<_> = list
        .iter()
        .map(|s| s.name.writer.clone())
        .chain(changed.keys().map(|name| name.writer.clone()))
        .collect();
    let mut covers = BTreeMap::new();
    for writer in writers {
        let own: Vec<_> = list.iter().filter(|s| s.name.writer == writer).collect();
        let new: BTreeMap<_, _> = changed.iter().filter(|(n, _)| n.writer == writer).collect();
        let mut ids: BTreeMap<u32, Option<String>> = own
            .iter()
            .map(|s| (s.name.seg, Some(s.id.clone())))
            .collect();
        // What is being written is listed under the identity of its bytes, if that can be told.
        let written = new.iter();
        ids.extend(written.map(|(name, bytes)| (name.seg, known.base.id_of(bytes))));
        // The last one will grow.
        let last = ids.keys().next_back().copied();
        let unknown = ids.iter().find(|(_, id)| id.is_none()).map(|(seg, _)| *seg);
        let below = unknown.into_iter().chain(last).min().unwrap_or(0);
        let mut open = Vec::new();
        for segment in own
            .iter()
            .filter(|s| s.name.seg >= below && !new.contains_key(&s.name))
        {
            let whole = known.whole(segment)?;
            open.push(open_segment(&segment.name, whole, Some(segment.id.clone())));
        }
        for (name, bytes) in new.iter().filter(|(name, _)| name.seg >= below) {
            let id = ids.get(&name.seg).cloned().flatten();
            open.push(open_segment(name, whole(&name.file_name(), bytes), id));
        }
        open.sort_by_key(|o| o.seg);
        let told = ids
            .iter()
            .filter_map(|(seg, id)| Some((*seg, id.as_deref()?)));
        let ids = ids_print(told, below);
        covers.insert(writer, WriterCover { below, ids, open });
    }
    Ok(covers)
}

fn open_segment(name: &SegmentName, whole: Covered, id: Option<String>) -> OpenSegment {
    OpenSegment {
        seg: name.seg,
        bytes: whole.bytes,
        lines: whole.lines,
        print: whole.print,
        id,
    }
}
