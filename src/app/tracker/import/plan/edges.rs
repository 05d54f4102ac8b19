//! Edges of an import: made once all tasks are known, taken away where the source took them away, and
//! made for tasks of earlier imports whose blockers and parts have come now.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use crate::app::context::Minter;
use crate::app::tracker::import::plan::found::{Found, source_of};
use crate::app::tracker::import::plan::{Decided, Known, Outcome, Plan};
use crate::domain::dep::DepKind;
use crate::domain::ids::{TaskSelector, TaskUid};
use crate::domain::record::{Op, TaskFields, TaskUpdated};
use crate::domain::state::DepKey;
use crate::domain::task::Task;
use crate::exchange::{Field, Format, Incoming, Kept, SOURCE_FIELD, Sums};

/// Longest reason to hold a task, in characters.
const HELD_MAX_CHARS: usize = 400;

/// True if an edge of this kind to something unknown holds a task back.
pub(super) const fn blocks(kind: DepKind) -> bool {
    matches!(kind, DepKind::Blocks | DepKind::WaitsFor)
}

/// Why a task waits for what is not here.
pub(super) fn missing(key: &str) -> String {
    format!("waits for {key}, which is not here")
}

/// Why a task is held, in one line.
pub(super) fn held_text(from: Format, whys: &[String]) -> Option<String> {
    if whys.is_empty() {
        return None;
    }
    let mut text = format!("{from} ({})", whys.join("; "));
    if let Some((end, _)) = text.char_indices().nth(HELD_MAX_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    Some(text)
}

/// One issue whose edges count.
struct Row<'a> {
    /// Its place among the outcomes.
    at: usize,
    issue: &'a Incoming,
    own: TaskUid,
    /// What the last import kept of it; none if it came home.
    before: Option<Kept>,
    home: bool,
    /// A link of it leads to something unknown.
    loose: bool,
}

impl<'a> Plan<'a> {
    /// Adds and takes away edges, once all tasks are known.
    pub(super) fn link(
        &self,
        minter: &mut Minter<'_>,
        known: &Known<'_>,
        all: &[Found],
        decided: &mut Decided,
    ) {
        let mut rows = self.rows(known, all, decided);
        let mut wanted: BTreeSet<DepKey> = BTreeSet::new();
        let mut add: Vec<(usize, DepKey)> = Vec::new();
        for row in &mut rows {
            let fresh = !matches!(decided.outcomes[row.at].1, Outcome::Unchanged(_));
            for link in &row.issue.links {
                let Some(other) = resolve(known, row, &link.to) else {
                    row.loose = true;
                    if fresh {
                        decided.note(row.issue, unknown(link.kind, &link.to, row.home));
                    }
                    continue;
                };
                if row.own == other {
                    if fresh {
                        let what = format!("{} on itself was left out", link.kind);
                        decided.note(row.issue, what);
                    }
                    continue;
                }
                let (from, to) = match link.reversed {
                    true => (other, row.own),
                    false => (row.own, other),
                };
                let kind = link.kind;
                let key = DepKey { from, to, kind };
                if !stays_away(known, row, key) && wanted.insert(key) && !is_live(known, key) {
                    add.push((row.at, key));
                }
            }
        }
        for (at, key) in add {
            minter.add(Op::DepAdded(key.into()));
            decided.count_edge(at);
        }
        for row in &rows {
            for key in self.gone(known, row) {
                // The other side of it may name it on.
                if !wanted.contains(&key) && is_live(known, key) {
                    minter.add(Op::DepRemoved(key.into()));
                    decided.count_edge(row.at);
                }
            }
        }
    }

    fn rows(&self, known: &Known<'_>, all: &[Found], decided: &Decided) -> Vec<Row<'a>> {
        let outcomes = decided.outcomes.iter();
        let rows = outcomes.filter_map(|(at, outcome)| {
            let own = speaks_for(outcome)?;
            let issue = &self.batch.issues[*at];
            let home = matches!(all[*at], Found::Home(_));
            let changed = matches!(outcome, Outcome::Updated(..));
            let task = known.state.tasks.get(&own).filter(|_| changed && !home);
            // Nearly all that did not change have nothing to compare.
            Some(Row {
                at: *at,
                issue,
                own,
                before: task.and_then(Kept::beside),
                home,
                loose: false,
            })
        });
        rows.collect()
    }

    /// Edges that the last version of the issue had; what this one still has is among them.
    fn gone(&self, known: &Known<'_>, row: &Row<'_>) -> Vec<DepKey> {
        let own = row.own;
        if row.home {
            let since = row.issue.updated.filter(|_| !row.loose);
            let Some(since) = since else {
                return Vec::new();
            };
            let live = known.state.deps_from(own);
            let of_table = live.filter(|key| row.issue.whole.contains(&key.kind));
            let older = |key: &DepKey| known.state.deps[key].at.ts.wall() <= since;
            return of_table.filter(older).collect();
        }
        let Some(before) = &row.before else {
            return Vec::new();
        };
        let edge = |kind, to| DepKey {
            from: own,
            to,
            kind,
        };
        let led = before.links.iter().filter_map(|old| {
            let (kind, key) = old.edge(self.batch.format)?;
            Some(edge(kind, *known.by_key.get(key.as_str())?))
        });
        let came = before.back.iter().filter_map(|(kind, key)| {
            let from = *known.by_key.get(key.as_str())?;
            let kind = kind.parse().ok()?;
            Some(DepKey {
                from,
                to: own,
                kind,
            })
        });
        led.chain(came).collect()
    }

    /// Tasks of earlier imports that wait for, or belong to, what came now.
    pub(super) fn revisit(
        &self,
        minter: &mut Minter<'_>,
        known: &Known<'_>,
        decided: &mut Decided,
    ) {
        let is_new = |key: &str| !known.present.contains_key(key) && known.by_key.contains_key(key);
        let new: HashSet<&str> = known.by_key.keys().copied().filter(|k| is_new(k)).collect();
        if new.is_empty() {
            return;
        }
        let outcomes = decided.outcomes.iter();
        let done: HashSet<TaskUid> = outcomes.filter_map(|(_, o)| speaks_for(o)).collect();
        for (uid, task) in &known.state.tasks {
            let source = task.details.extra.get(SOURCE_FIELD);
            let source = source.and_then(|reg| reg.value.as_str());
            let told = task.details.external_ref.value.as_deref();
            // A look at the text is much cheaper than to read it.
            let linked = source.is_some_and(|t| t.contains("\"links\"") || t.contains("\"back\""));
            let Some(format) = told.and_then(source_of).filter(|_| linked) else {
                continue;
            };
            if done.contains(uid) {
                continue;
            }
            let kept = source.map(Kept::from_text).unwrap_or_default();
            let came = self.arrived(known, &new, *uid, &kept, format);
            if came.is_empty() {
                continue;
            }
            for (named, key) in came {
                let kind = key.kind;
                minter.add(Op::DepAdded(key.into()));
                decided.deps += 1;
                if let Some(at) = self.speakers.get(named.as_str()) {
                    let name = told.unwrap_or_default();
                    let what = format!("{name} came before and named it: {kind}, from now on");
                    decided.note(&self.batch.issues[*at], what);
                }
            }
            release(minter, known, *uid, task, &kept, format);
        }
    }

    /// Edges that the source named when it had not come yet.
    fn arrived(
        &self,
        known: &Known<'_>,
        new: &HashSet<&str>,
        own: TaskUid,
        kept: &Kept,
        format: Format,
    ) -> Vec<(String, DepKey)> {
        let led = kept.links.iter().filter_map(|link| link.edge(format));
        let led = led.map(|(kind, key)| (kind, key, false));
        let came = kept.back.iter();
        let came = came.filter_map(|(kind, key)| Some((kind.parse().ok()?, key.clone(), true)));
        let mut edges: Vec<(String, DepKey)> = Vec::new();
        for (kind, key, reversed) in led.chain(came) {
            if !new.contains(key.as_str()) {
                continue;
            }
            let other = known.by_key[key.as_str()];
            let (from, to) = if reversed { (other, own) } else { (own, other) };
            let edge = DepKey { from, to, kind };
            let there = known.state.deps.contains_key(&edge);
            if from != to && !there && edges.iter().all(|(_, e)| *e != edge) {
                edges.push((key, edge));
            }
        }
        edges
    }
}

impl Decided {
    /// An edge of the issue changed.
    fn count_edge(&mut self, at: usize) {
        self.deps += 1;
        // Outcomes are in the order of the batch, one for each issue.
        let outcome = &mut self.outcomes[at].1;
        match outcome {
            Outcome::Unchanged(uid) => *outcome = Outcome::Updated(*uid, vec!["deps".to_owned()]),
            Outcome::Updated(_, fields) if !fields.iter().any(|field| field == "deps") => {
                fields.push("deps".to_owned());
            }
            _ => {}
        }
    }
}

/// The task for which an issue of this outcome speaks; none if it was left out.
const fn speaks_for(outcome: &Outcome) -> Option<TaskUid> {
    match outcome {
        Outcome::Created(uid) | Outcome::Updated(uid, _) | Outcome::Unchanged(uid) => Some(*uid),
        Outcome::Skipped(..) => None,
    }
}

fn is_live(known: &Known<'_>, key: DepKey) -> bool {
    known.state.deps.get(&key).is_some_and(|reg| reg.value)
}

/// The task that a link leads to. A table that was written here calls tasks by their names here, and
/// need not hold all of them.
fn resolve(known: &Known<'_>, row: &Row<'_>, key: &str) -> Option<TaskUid> {
    let found = known.by_key.get(key).copied();
    found.or_else(|| {
        let (_, name) = key.rsplit_once('#').filter(|_| row.home)?;
        let selector: TaskSelector = name.parse().ok()?;
        known.state.resolve(&selector).ok()
    })
}

/// True if the edge was there when the source was last heard, and was taken away here since: then it
/// stays away for as long as the source goes on to name it.
fn stays_away(known: &Known<'_>, row: &Row<'_>, key: DepKey) -> bool {
    let Some(reg) = known.state.deps.get(&key).filter(|reg| !reg.value) else {
        return false;
    };
    if row.home {
        let since = row.issue.updated;
        return since.is_none_or(|since| reg.at.ts.wall() > since);
    }
    // Either side may have named it.
    let kept = |uid: TaskUid| known.state.tasks.get(&uid).and_then(Kept::beside);
    let format = |uid: TaskUid| {
        let told = &known.state.tasks.get(&uid)?.details.external_ref;
        source_of(told.value.as_deref()?)
    };
    let at = |name: &str| known.by_key.get(name).copied();
    let led = kept(key.from)
        .zip(format(key.from))
        .is_some_and(|(kept, format)| {
            let mut edges = kept.links.iter().filter_map(|link| link.edge(format));
            edges.any(|(kind, name)| kind == key.kind && at(&name) == Some(key.to))
        });
    led || kept(key.to).is_some_and(|kept| {
        let mut edges = kept.back.iter();
        edges.any(|(kind, name)| kind == key.kind.name() && at(name) == Some(key.from))
    })
}

fn unknown(kind: DepKind, to: &str, home: bool) -> String {
    if blocks(kind) && !home {
        format!("{kind} {to}, which is not here: held until it comes or `fleet undefer`")
    } else {
        format!("{kind} {to}, which is not here: kept, without effect")
    }
}

/// Lets a task go that was held only for what has come, and was not touched here since.
fn release(
    minter: &mut Minter<'_>,
    known: &Known<'_>,
    uid: TaskUid,
    task: &Task,
    kept: &Kept,
    format: Format,
) {
    let Some(then) = Sums::from_text(&kept.sums) else {
        return;
    };
    let untouched = then.get(Field::Held) == Sums::present(task).get(Field::Held);
    let Some(held) = task.details.held_by.value.as_deref().filter(|_| untouched) else {
        return;
    };
    let targets = kept.links.iter().filter_map(|link| link.edge(format));
    let waits: Vec<String> = targets
        .filter(|(kind, _)| blocks(*kind))
        .map(|(_, key)| key)
        .collect();
    // What the source says itself stands before what it waits for.
    let start = format!("{format} (");
    let Some(inner) = held.strip_prefix(start.as_str()) else {
        return;
    };
    let first = waits
        .iter()
        .filter_map(|key| inner.find(&missing(key)))
        .min();
    let Some(first) = first else { return };
    let said = inner[..first].trim_end_matches("; ");
    let mut whys: Vec<String> = Vec::new();
    whys.extend((!said.is_empty()).then(|| said.to_owned()));
    let missed = waits
        .iter()
        .filter(|key| !known.by_key.contains_key(key.as_str()));
    whys.extend(missed.map(|key| missing(key)));
    let hold = held_text(format, &whys);
    if hold.as_deref() == Some(held) {
        return;
    }
    let kept = Kept {
        sums: then.holding(hold.as_deref()).to_text(),
        ..kept.clone()
    };
    let mut set = TaskFields {
        held_by: Some(hold),
        ..TaskFields::default()
    };
    let kept = Value::String(kept.to_text());
    set.extra.insert(SOURCE_FIELD.to_owned(), kept);
    minter.add(Op::TaskUpdated(TaskUpdated::of(uid, set)));
}
