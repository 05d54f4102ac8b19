//! State → bytes: what an export writes, and in which forms.

mod csv;
mod github;
mod held;
mod json;
mod markdown;

use std::collections::BTreeMap;

pub use held::Identities;

use crate::domain::dep::DepKind;
use crate::domain::ids::TaskUid;
use crate::domain::record::CloseOutcome;
use crate::domain::register::Stamp;
use crate::domain::task::Task;
use crate::exchange::beads;
use crate::exchange::kept::Kept;
use crate::exchange::sums::{Field, Sums};

/// A form that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Target {
    Beads,
    Json,
    Csv,
    Markdown,
    Github,
}

impl Target {
    /// Every form, in the order of the help text.
    pub const ALL: [Self; 5] = [
        Self::Beads,
        Self::Json,
        Self::Csv,
        Self::Markdown,
        Self::Github,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Beads => "beads",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Markdown => "markdown",
            Self::Github => "github",
        }
    }

    /// The form with that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }
}

/// A task to write.
#[derive(Debug, Clone, PartialEq)]
pub struct OutgoingTask<'a> {
    /// Identity.
    pub uid: TaskUid,
    /// `T-7`, or a provisional handle.
    pub name: String,
    /// The task.
    pub task: &'a Task,
    /// What was kept of it, if it was imported.
    pub kept: Option<Kept>,
    /// Which of its values are those that the last import wanted.
    pub sums: Option<(Sums, Sums)>,
    /// Edges from it that are there, each with the record that added it.
    pub edges: Vec<(DepKind, TaskUid, Stamp)>,
}

impl<'a> OutgoingTask<'a> {
    /// A task with these edges.
    #[must_use]
    pub fn new(
        uid: TaskUid,
        name: String,
        task: &'a Task,
        edges: Vec<(DepKind, TaskUid, Stamp)>,
    ) -> Self {
        let kept = Kept::beside(task);
        let then = kept.as_ref().and_then(|kept| Sums::from_text(&kept.sums));
        Self {
            uid,
            name,
            task,
            sums: then.map(|then| (then, Sums::present(task))),
            kept,
            edges,
        }
    }

    /// True if the value is the one that the last import wanted.
    #[must_use]
    pub fn same(&self, field: Field) -> bool {
        self.sums
            .is_some_and(|(then, now)| then.get(field) == now.get(field))
    }

    /// True if anything of it was changed here since the last import, or if it was never imported.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        let known = self.kept.as_ref().map_or(0, |kept| kept.comments.len());
        let same = Field::ALL.iter().all(|field| self.same(*field));
        !same || self.task.details.comments.len() > known
    }

    /// The same, without what was kept for another format.
    fn for_format(&self, format: &str) -> Self {
        let foreign =
            self.task.details.external_ref.value.is_some() && self.source_id(format).is_none();
        let mut same = self.clone();
        if foreign {
            same.kept = None;
            same.sums = None;
        }
        same
    }

    /// What kept it apart from others at the source `format`, such as `bd-12`.
    #[must_use]
    pub fn source_id(&self, format: &str) -> Option<&str> {
        let key = self.task.details.external_ref.value.as_deref()?;
        key.strip_prefix(format)?.strip_prefix(':')
    }
}

/// All that an export writes.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing<'a> {
    /// The tasks, by identity.
    pub tasks: Vec<OutgoingTask<'a>>,
    /// Names of all tasks that edges may lead to.
    pub names: BTreeMap<TaskUid, String>,
    /// What those are called at their sources that come from elsewhere.
    pub references: BTreeMap<TaskUid, &'a str>,
}

impl Outgoing<'_> {
    /// What a task is called at its source, or here.
    fn reference(&self, uid: TaskUid) -> Option<String> {
        let told = self.references.get(&uid).map(|told| (*told).to_owned());
        told.or_else(|| self.names.get(&uid).cloned())
    }
}

/// How a task ended, in one word.
const fn outcome(outcome: CloseOutcome) -> &'static str {
    match outcome {
        CloseOutcome::Done => "done",
        CloseOutcome::Wontdo => "wontdo",
        CloseOutcome::Duplicate => "duplicate",
        CloseOutcome::Failed => "failed",
    }
}

/// Writes `outgoing` as `target`. Lines are sorted and keys have a fixed order, so that the same
/// state gives the same bytes.
#[must_use]
pub fn write(outgoing: &Outgoing<'_>, target: Target) -> String {
    match target {
        Target::Beads => beads(outgoing),
        Target::Json => json::write(outgoing),
        Target::Csv => csv::write(outgoing),
        Target::Markdown => markdown::write(outgoing),
        Target::Github => github::write(outgoing),
    }
}

fn beads(outgoing: &Outgoing<'_>) -> String {
    let ids = beads::Ids::of(outgoing);
    let mut lines: Vec<(bool, &str, String)> = outgoing
        .tasks
        .iter()
        .map(|task| {
            let id = ids.get(task.uid);
            let task = task.for_format("beads");
            (id.starts_with("memory/"), id, beads::line(&task, &ids))
        })
        .collect();
    lines.sort();
    lines.into_iter().map(|(_, _, line)| line + "\n").collect()
}
