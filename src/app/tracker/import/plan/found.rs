//! Which task an issue speaks for: by its reference, by the identity that it was exported with, or by
//! a name of older versions. What contradicts itself is refused.

use std::collections::{HashMap, HashSet};

use crate::app::tracker::export::collect;
use crate::app::tracker::import::plan::twins::speaks_for_another;
use crate::app::tracker::import::plan::{Known, Plan};
use crate::domain::ids::TaskUid;
use crate::domain::state::State;
use crate::domain::task::Task;
use crate::engine::deps::living;
use crate::exchange::{
    Field, Form, Format, Incoming, Kept, NAMED, Options, SourceFile, Sums, Target, read, write,
};

/// What an issue is to this state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing yet.
    New,
    /// The task that it was imported as.
    Known(TaskUid),
    /// A task of here, or of another source, in a file that was written by an export: what is in the
    /// file is compared with what an export would write now.
    Home(TaskUid),
    /// A later issue of the batch, at this place, has its reference.
    Twin(usize),
    /// Its task was merged into this one, which is another issue's.
    Merged(TaskUid),
    /// Its name is that of this task, and it is not this task.
    Conflict(TaskUid, String),
}

impl Plan<'_> {
    /// What each issue of the batch is.
    pub(super) fn find(&self, known: &Known<'_>) -> Vec<Found> {
        let mut renamed = HashSet::new();
        let all = self.batch.issues.iter().enumerate();
        let found = all.map(|(at, issue)| {
            let speaker = self.speakers[issue.key.as_str()];
            if speaker != at {
                return Found::Twin(speaker);
            }
            let named = known.present.get(issue.key.as_str()).copied();
            let own = adopted(known.state, issue);
            match (named, own) {
                (Some(named), Some(own)) if named != own && named != living(known.state, own) => {
                    Found::Conflict(
                        named,
                        "its uid is that of another task than its name".to_owned(),
                    )
                }
                (_, Some(own)) => self.own(known.state, own),
                (Some(named), None) => self.named(known.state, issue, named),
                (None, None) => self
                    .formerly(known, issue)
                    .filter(|uid| renamed.insert(*uid))
                    .map_or(Found::New, Found::Known),
            }
        });
        found.collect()
    }

    /// A task that was written by an export of here.
    fn own(&self, state: &State, uid: TaskUid) -> Found {
        let task = &state.tasks[&uid];
        let imported = Kept::beside(task).is_some() && !self.is_foreign(task);
        if self.batch.format == Format::Beads && imported {
            Found::Known(uid)
        } else {
            Found::Home(uid)
        }
    }

    /// True if the task comes from a source of another format than the batch.
    pub(super) fn is_foreign(&self, task: &Task) -> bool {
        let told = task.details.external_ref.value.as_deref();
        told.is_some_and(|told| source_of(told).is_some_and(|format| format != self.batch.format))
    }

    /// A task that was imported under this name.
    fn named(&self, state: &State, issue: &Incoming, uid: TaskUid) -> Found {
        if speaks_for_another(state, uid, issue) {
            return Found::Merged(uid);
        }
        let task = &state.tasks[&uid];
        if self.is_foreign(task) {
            return Found::Home(uid);
        }
        let Some(kept) = Kept::beside(task) else {
            return Found::Known(uid);
        };
        if let (Some(then), Some(now)) = (&kept.uid, &issue.uid)
            && then != now
        {
            let what = "another task than the one that was imported under its name: the uids \
                        differ; `--repo NAME` tells their sources apart";
            return Found::Conflict(uid, what.to_owned());
        }
        let (then, now) = (&kept.from, &issue.kept.from);
        if !then.is_empty() && !now.is_empty() && then != now && now != NAMED {
            let what = "its name was imported from another file: `--repo NAME` tells the two apart, \
                        with the name of that file if they are the same";
            return Found::Conflict(uid, what.to_owned());
        }
        Found::Known(uid)
    }

    /// The task that an older version imported under the bare name of the file, if it is about the
    /// same thing: another file of that name may have been meant.
    fn formerly(&self, known: &Known<'_>, issue: &Incoming) -> Option<TaskUid> {
        let uid = known.present.get(issue.formerly.as_deref()?).copied()?;
        let task = &known.state.tasks[&uid];
        let kept = Kept::beside(task).unwrap_or_default();
        let then = Sums::from_text(&kept.sums).map(|sums| sums.get(Field::Title));
        let wanted = Sums::wanted(issue, None).get(Field::Title);
        let alike = then == Some(wanted) || Sums::present(task).get(Field::Title) == wanted;
        (kept.from.is_empty() && alike).then_some(uid)
    }

    /// What an export in the batch's format would say of the tasks that came home, read back.
    pub(super) fn echoes(&self, state: &State, all: &[Found]) -> HashMap<TaskUid, Incoming> {
        let home: HashSet<TaskUid> = all
            .iter()
            .filter_map(|found| match found {
                Found::Home(uid) => Some(*uid),
                _ => None,
            })
            .collect();
        let target = match self.batch.format {
            Format::Csv => Target::Csv,
            Format::Beads => Target::Beads,
            _ => return HashMap::new(),
        };
        if home.is_empty() {
            return HashMap::new();
        }
        let mut outgoing = collect(state, |_| true);
        outgoing.tasks.retain(|task| home.contains(&task.uid));
        let text = write(&outgoing, target);
        let form = Form {
            format: self.batch.format,
            csv: target == Target::Csv,
        };
        let bytes = text.as_bytes();
        let batch = read(&[SourceFile { name: "", bytes }], form, &Options::default());
        // Imported issues have no uid in Beads' lines; they are found by their references.
        let by_key: HashMap<&str, TaskUid> = outgoing
            .references
            .iter()
            .map(|(uid, key)| (*key, *uid))
            .collect();
        let echoes = batch.issues.into_iter().filter_map(|issue| {
            let uid = adopted(state, &issue).or_else(|| by_key.get(&*issue.key).copied())?;
            Some((uid, issue))
        });
        echoes.collect()
    }
}

/// The format that a reference belongs to.
pub(super) fn source_of(reference: &str) -> Option<Format> {
    let (name, _) = reference.split_once(':')?;
    Format::named(name)
}

/// The task that the issue was exported from.
fn adopted(state: &State, issue: &Incoming) -> Option<TaskUid> {
    let uid = TaskUid::created_by(issue.uid.as_deref()?.parse().ok()?);
    let task = state.tasks.get(&uid)?;
    task.added.is_some().then_some(uid)
}
