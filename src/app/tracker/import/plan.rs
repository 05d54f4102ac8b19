//! The decision of an import: issues and the present state → records.

mod edges;
mod found;
mod gates;
mod merge;
mod twins;

use std::collections::HashMap;

use serde_json::Value;

use crate::app::context::Minter;
use crate::app::tracker::import::plan::found::Found;
use crate::app::tracker::import::plan::gates::new_gate;
use crate::app::tracker::import::plan::merge::Meeting;
use crate::app::tracker::import::{ImportRequest, knots};
use crate::app::tracker::names::name;
use crate::domain::ids::TaskUid;
use crate::domain::record::{CommentAdded, Op, TaskAdded, TaskClosed};
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
    /// What speaks for another task than the one that has its name: nothing is imported then.
    pub(super) damage: Vec<Note>,
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
    /// Tasks that were there before, by reference.
    present: HashMap<&'a str, TaskUid>,
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
    pub(super) fn decide(&'a self, state: &'a State, minter: &mut Minter<'_>) -> Decided {
        let mut decided = Decided::default();
        let present = self.present(state, &mut decided);
        let mut known = Known {
            state,
            by_key: present.clone(),
            present,
        };
        let all = self.find(&known);
        let echoes = self.echoes(state, &all);
        for (at, issue) in self.batch.issues.iter().enumerate() {
            let outcome = match &all[at] {
                Found::Twin(other) => Outcome::Skipped(None, self.twin(issue, *other)),
                Found::Conflict(uid, what) => {
                    decided.damage.push(Note {
                        place: issue.place,
                        about: issue.key.clone(),
                        what: what.clone(),
                    });
                    Outcome::Skipped(Some(*uid), what.clone())
                }
                Found::Merged(uid) => {
                    let why = format!(
                        "merged into {}, which is another issue's",
                        name(state, *uid)
                    );
                    Outcome::Skipped(Some(*uid), why)
                }
                Found::New => {
                    let hold = self.hold(issue, &known);
                    Outcome::Created(self.create(minter, issue, hold, &mut decided))
                }
                Found::Known(uid) | Found::Home(uid) => {
                    let home = matches!(all[at], Found::Home(_));
                    let met = Meeting {
                        issue,
                        uid: *uid,
                        hold: match home {
                            true => self.said_hold(issue),
                            false => self.hold(issue, &known),
                        },
                        home,
                        echo: echoes.get(uid).filter(|_| home),
                    };
                    self.update(state, minter, &met, &mut decided)
                }
            };
            if let Outcome::Created(uid) | Outcome::Updated(uid, _) | Outcome::Unchanged(uid) =
                &outcome
            {
                known.by_key.insert(&issue.key, *uid);
            }
            decided.outcomes.push((at, outcome));
        }
        self.link(minter, &known, &all, &mut decided);
        self.revisit(minter, &known, &mut decided);
        self.report_cycles(state, minter, &known, &mut decided);
        decided
    }

    fn twin(&self, issue: &Incoming, other: usize) -> String {
        let other = self.batch.issues[other].place;
        let other = if other.file == issue.place.file {
            format!("line {}", other.line)
        } else {
            self.batch.shown(other)
        };
        format!("{other} has a version of it that is as new or newer")
    }

    /// Why the task is not to be started though its issue is open, in one line.
    fn hold(&self, issue: &Incoming, known: &Known<'_>) -> Option<String> {
        if issue.closed.is_some() {
            return None;
        }
        let mut whys = issue.holds.clone();
        for link in issue.links.iter().filter(|link| !link.reversed) {
            let here = self.speakers.contains_key(link.to.as_str())
                || known.present.contains_key(link.to.as_str());
            if edges::blocks(link.kind) && !here {
                whys.push(edges::missing(&link.to));
            }
        }
        edges::held_text(self.batch.format, &whys)
    }

    /// The same, of what the source says in so many words.
    fn said_hold(&self, issue: &Incoming) -> Option<String> {
        if issue.closed.is_some() {
            return None;
        }
        edges::held_text(self.batch.format, &issue.holds)
    }

    /// What is kept beside the task.
    fn kept(issue: &Incoming, hold: Option<&str>) -> Value {
        let kept = Kept {
            sums: Sums::wanted(issue, hold).to_text(),
            ..issue.remembered()
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
        if let Some(op) = new_gate(task, None, issue) {
            minter.add(op);
        }
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
