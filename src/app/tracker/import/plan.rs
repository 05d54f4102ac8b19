//! The decision of an import: issues and the present state → records.

mod merge;
mod twins;

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::app::context::Minter;
use crate::app::tracker::import::plan::twins::speaks_for_another;
use crate::app::tracker::import::{ImportRequest, knots};
use crate::app::tracker::names::name;
use crate::domain::dep::DepKind;
use crate::domain::ids::TaskUid;
use crate::domain::record::{CommentAdded, DepEdge, Op, TaskAdded, TaskClosed};
use crate::domain::state::State;
use crate::exchange::{Batch, Incoming, Kept, Note, SOURCE_FIELD, Said, Sums};

/// What came of one issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::app::tracker) enum Outcome {
    /// A new task.
    Created(TaskUid),
    /// These fields changed.
    Updated(TaskUid, Vec<String>),
    /// The task says so already.
    Unchanged(TaskUid),
    /// Passed over, and why.
    Skipped(Option<TaskUid>, String),
}

/// What one decision came to.
#[derive(Debug, Default)]
pub(super) struct Decided {
    /// By place in the batch.
    pub(super) outcomes: Vec<(usize, Outcome)>,
    /// What turned out to be strange.
    pub(super) notes: Vec<Note>,
    /// Edges added or taken away.
    pub(super) deps: usize,
    /// Comments added.
    pub(super) comments: usize,
}

impl Decided {
    /// Issues that lead to records.
    pub(super) fn changes(&self) -> usize {
        let changes =
            |outcome: &Outcome| matches!(outcome, Outcome::Created(_) | Outcome::Updated(..));
        self.outcomes.iter().filter(|(_, o)| changes(o)).count()
    }

    fn note(&mut self, issue: &Incoming, what: String) {
        self.notes.push(Note {
            place: issue.place,
            about: issue.key.clone(),
            what,
        });
    }
}

/// What does not depend on the state: which issue speaks for which reference.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    batch: &'a Batch,
    admit: bool,
    agent: bool,
    /// The issue that counts, by reference.
    speakers: HashMap<&'a str, usize>,
}

/// What is known while deciding.
struct Known<'a> {
    state: &'a State,
    /// Tasks by reference, present ones and those that are created now.
    by_key: HashMap<&'a str, TaskUid>,
}

impl<'a> Plan<'a> {
    /// Finds out which issues are there more than once.
    pub(super) fn new(request: ImportRequest<'a>, agent: bool) -> Self {
        let batch = request.batch;
        let mut speakers: HashMap<&str, usize> = HashMap::with_capacity(batch.issues.len());
        for (at, issue) in batch.issues.iter().enumerate() {
            let before = speakers.entry(&issue.key).or_insert(at);
            if batch.issues[*before].updated <= issue.updated {
                *before = at;
            }
        }
        Self {
            batch,
            admit: request.admit,
            agent,
            speakers,
        }
    }

    /// Mints the records of the import.
    pub(super) fn decide(&self, state: &State, minter: &mut Minter<'_>) -> Decided {
        let mut decided = Decided::default();
        let mut known = Known {
            state,
            by_key: HashMap::with_capacity(self.batch.issues.len()),
        };
        let present = self.present(state, &mut decided);
        known.by_key.extend(&present);
        for (at, issue) in self.batch.issues.iter().enumerate() {
            let speaker = self.speakers[issue.key.as_str()];
            if speaker != at {
                let other = self.batch.issues[speaker].place;
                let other = if other.file == issue.place.file {
                    format!("line {}", other.line)
                } else {
                    self.batch.shown(other)
                };
                let why = format!("{other} has a version of it that is as new or newer");
                decided.outcomes.push((at, Outcome::Skipped(None, why)));
                continue;
            }
            let hold = self.hold(issue, &present);
            let before = present.get(issue.key.as_str()).copied();
            let outcome = match before.or_else(|| adopted(state, issue)) {
                Some(uid) if speaks_for_another(state, uid, issue) => {
                    let why = format!("merged into {}, which is another issue's", name(state, uid));
                    Outcome::Skipped(Some(uid), why)
                }
                Some(uid) => self.update(state, minter, issue, uid, hold, &mut decided),
                None => Outcome::Created(self.create(minter, issue, hold, &mut decided)),
            };
            if let Outcome::Created(uid) | Outcome::Updated(uid, _) | Outcome::Unchanged(uid) =
                &outcome
            {
                known.by_key.insert(&issue.key, *uid);
            }
            decided.outcomes.push((at, outcome));
        }
        self.link(minter, &known, &mut decided);
        self.report_cycles(state, minter, &known, &mut decided);
        decided
    }

    /// Why the task is not to be started though its issue is open, in one line.
    fn hold(&self, issue: &Incoming, present: &HashMap<&str, TaskUid>) -> Option<String> {
        if issue.closed.is_some() {
            return None;
        }
        let mut whys = issue.holds.clone();
        for link in issue.links.iter().filter(|link| !link.reversed) {
            let blocks = matches!(link.kind, DepKind::Blocks | DepKind::WaitsFor);
            if blocks && !self.is_known(&link.to, present) {
                whys.push(format!("waits for {}, which is not here", link.to));
            }
        }
        if whys.is_empty() {
            return None;
        }
        let from = self.batch.format;
        let mut text = format!("{from} ({})", whys.join("; "));
        if let Some((end, _)) = text.char_indices().nth(400) {
            text.truncate(end);
            text.push('…');
        }
        Some(text)
    }

    fn is_known(&self, key: &str, present: &HashMap<&str, TaskUid>) -> bool {
        self.speakers.contains_key(key) || present.contains_key(key)
    }

    /// What is kept beside the task.
    fn kept(issue: &Incoming, hold: Option<&str>) -> Value {
        let kept = Kept {
            sums: Sums::wanted(issue, hold).to_text(),
            ..issue.kept.clone()
        };
        Value::String(kept.to_text())
    }

    fn create(
        &self,
        minter: &mut Minter<'_>,
        issue: &Incoming,
        hold: Option<String>,
        decided: &mut Decided,
    ) -> TaskUid {
        let mut set = issue.set.clone();
        set.external_ref = Some(Some(issue.key.clone()));
        let kept = Self::kept(issue, hold.as_deref());
        set.extra.insert(SOURCE_FIELD.to_owned(), kept);
        set.held_by = hold.map(Some);
        let id = minter.add(Op::TaskAdded(TaskAdded {
            n: None,
            key: None,
            set,
            labels: issue.labels.clone(),
            paths: Vec::new(),
            admitted: self.admits(issue),
        }));
        let task = TaskUid::created_by(id);
        for said in self.heard(issue, issue.comments.iter().collect(), decided) {
            self.say(minter, task, said, decided);
        }
        if let Some((outcome, reason)) = &issue.closed {
            minter.add(Op::TaskClosed(TaskClosed {
                task,
                outcome: *outcome,
                reason: reason.clone(),
            }));
        }
        task
    }

    /// Whether the text may be run without a further look (R4).
    fn admits(&self, issue: &Incoming) -> bool {
        !self.agent && (issue.trusted || self.admit)
    }

    /// The comments that come in: the agent of a task reads them, so those of outsiders stay out
    /// until somebody vouches for them (R4).
    fn heard<'i>(
        &self,
        issue: &Incoming,
        said: Vec<&'i Said>,
        decided: &mut Decided,
    ) -> Vec<&'i Said> {
        if said.is_empty() || self.admits(issue) {
            return said;
        }
        let count = said.len();
        let what = format!("{count} comments of outsiders were left out; `--admit` takes them in");
        decided.note(issue, what);
        Vec::new()
    }

    fn say(&self, minter: &mut Minter<'_>, task: TaskUid, said: &Said, decided: &mut Decided) {
        // Nobody here said it: it is said under the source's name.
        minter.act_as(format!("{}:{}", self.batch.format, said.by));
        minter.add(Op::CommentAdded(CommentAdded {
            task,
            text: said.text.clone(),
        }));
        minter.act_as_self();
        decided.comments += 1;
    }

    /// Adds and takes away edges, once all tasks are known.
    fn link(&self, minter: &mut Minter<'_>, known: &Known<'_>, decided: &mut Decided) {
        let mut seen: BTreeSet<DepEdgeKey> = BTreeSet::new();
        let outcomes: Vec<(usize, bool)> = decided
            .outcomes
            .iter()
            .filter_map(|(at, outcome)| match outcome {
                Outcome::Created(_) => Some((*at, true)),
                Outcome::Updated(..) => Some((*at, false)),
                Outcome::Unchanged(_) | Outcome::Skipped(..) => None,
            })
            .collect();
        for (at, _) in outcomes {
            let issue = &self.batch.issues[at];
            let Some(own) = known.by_key.get(issue.key.as_str()).copied() else {
                continue;
            };
            for link in &issue.links {
                let Some(other) = known.by_key.get(link.to.as_str()).copied() else {
                    decided.note(issue, unknown(link.kind, &link.to));
                    continue;
                };
                if own == other {
                    decided.note(issue, format!("{} on itself was left out", link.kind));
                    continue;
                }
                let (from, to) = if link.reversed {
                    (other, own)
                } else {
                    (own, other)
                };
                let kind = link.kind;
                let written = known
                    .state
                    .deps
                    .contains_key(&crate::domain::state::DepKey { from, to, kind });
                // What was taken away here stays away.
                if !written && seen.insert((from, to, kind)) {
                    minter.add(Op::DepAdded(DepEdge { from, to, kind }));
                    decided.deps += 1;
                }
            }
            self.unlink(minter, known, issue, own, decided);
        }
    }

    /// Takes away the edges that the last version of the issue had and this one has not.
    fn unlink(
        &self,
        minter: &mut Minter<'_>,
        known: &Known<'_>,
        issue: &Incoming,
        own: TaskUid,
        decided: &mut Decided,
    ) {
        let before = known.state.tasks.get(&own).and_then(Kept::beside);
        let Some(before) = before else { return };
        for old in &before.links {
            let Some((kind, key)) = old.edge(self.batch.format) else {
                continue;
            };
            if issue
                .links
                .iter()
                .any(|link| link.kind == kind && link.to == key)
            {
                continue;
            }
            let Some(to) = known.by_key.get(key.as_str()).copied() else {
                continue;
            };
            let there = known
                .state
                .deps_from(own)
                .any(|d| d.to == to && d.kind == kind);
            if there {
                let from = own;
                minter.add(Op::DepRemoved(DepEdge { from, to, kind }));
                decided.deps += 1;
            }
        }
    }

    /// A cycle is taken over as it is, as it holds its tasks back there, too.
    fn report_cycles(
        &self,
        state: &State,
        minter: &Minter<'_>,
        known: &Known<'_>,
        decided: &mut Decided,
    ) {
        let groups = knots::cycles(state, minter);
        if groups.is_empty() {
            return;
        }
        let keys: HashMap<TaskUid, &str> = known.by_key.iter().map(|(k, uid)| (*uid, *k)).collect();
        for group in groups {
            let mut path: Vec<&str> = group
                .iter()
                .filter_map(|uid| keys.get(uid).copied())
                .collect();
            path.extend(path.first().copied());
            let speaker = path.first().and_then(|key| self.speakers.get(key));
            let Some(at) = speaker else { continue };
            let what = format!(
                "these wait for each other, so none gets ready: {}; `fleet dep rm` takes an edge away",
                path.join(" -> ")
            );
            decided.note(&self.batch.issues[*at], what);
        }
    }
}

type DepEdgeKey = (TaskUid, TaskUid, DepKind);

fn unknown(kind: DepKind, to: &str) -> String {
    if matches!(kind, DepKind::Blocks | DepKind::WaitsFor) {
        format!("{kind} {to}, which is not here: held until it comes or `fleet undefer`")
    } else {
        format!("{kind} {to}, which is not here: kept, without effect")
    }
}

/// The task that the issue was exported from.
fn adopted(state: &State, issue: &Incoming) -> Option<TaskUid> {
    let uid = TaskUid::created_by(issue.uid.as_deref()?.parse().ok()?);
    let task = state.tasks.get(&uid)?;
    task.added.is_some().then_some(uid)
}
