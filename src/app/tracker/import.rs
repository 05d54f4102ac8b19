//! Taking issues of other trackers in: one publish or none, and again without doubling anything.
//!
//! A task is found again by its reference (`external_ref`, such as `beads:bd-12`). What an issue
//! says is compared with what it said at the last import and with what the task says now: what
//! changed on one side only is taken from there, what changed on both from the later one.

mod knots;
mod plan;
mod report;

use std::cell::LazyCell;
use std::collections::BTreeMap;

pub use crate::exchange::{
    Batch, Form, Format, Note, Options, Origin, Place, SourceFile, detect, read,
};
pub use crate::ports::files::{Files, FilesError, Found, NamedFile, Whereabouts};
pub use report::{ImportReport, ImportRow, NoteRow};

use crate::app::publish::{Decision, How, Terms};
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::import::plan::{Outcome, Plan};
use crate::app::tracker::names::name_among;
use crate::app::tracker::request::Mode;
use crate::domain::handles::Handles;
use crate::domain::policy::PushMode;
use crate::domain::time::DurationMs;
use crate::ports::state_repo::Freshness;
use crate::store::{Checkpoint, Scope};

/// How long the remote may take: there is more to send than usual.
const PATIENCE: DurationMs = DurationMs::secs(120);
/// Rows and notes that a report lists.
const LISTED: usize = 10_000;

/// What is to be imported, and how.
#[derive(Debug, Clone, Copy)]
pub struct ImportRequest<'a> {
    /// What was read.
    pub batch: &'a Batch,
    /// Texts of outsiders may be run at once.
    pub admit: bool,
    /// What is broken is left out, instead of refusing everything.
    pub skip_bad: bool,
    /// Whether to record.
    pub mode: Mode,
}

/// Records issues as tasks, whole or not at all.
///
/// # Errors
/// Something of the input cannot be read and was not to be left out; a failed publish.
pub fn import(desk: Desk<'_>, request: ImportRequest<'_>) -> Result<ImportReport, TrackerError> {
    let batch = request.batch;
    if !batch.damage.is_empty() && !request.skip_bad {
        return Err(refused(batch, &batch.damage));
    }
    let how = match desk.policy.state.push {
        PushMode::Auto => How::Prefer(PATIENCE),
        PushMode::Always => How::Must(PATIENCE),
        PushMode::Never => How::Local,
    };
    let terms = Terms {
        // Closed and archived tasks are found again, too.
        scope: Scope::All,
        freshness: Freshness::Local,
        how,
        // Many records at once: the next reader shall not have to fold them.
        checkpoint: Checkpoint::IfGrown,
    };
    let from = batch.format.name();
    let plan = Plan::new(request, desk.by_program());
    let done = desk.change_on("import", &terms, request.mode, |loaded, minter| {
        let decided = plan.decide(&loaded.state, minter);
        if !decided.damage.is_empty() && !request.skip_bad {
            return Err(refused(batch, &decided.damage));
        }
        let count = decided.changes();
        Ok(if count == 0 {
            Decision::Nothing(decided)
        } else {
            Decision::write(decided, format!("import {count} issues from {from}"))
        })
    })?;
    let mut delivery = done.delivery;
    delivery.records = counted(&delivery.records);
    let decided = done.value;
    let mut report = ImportReport::new(batch, delivery);
    let handles = LazyCell::new(|| Handles::of(&done.state));
    for (issue, outcome) in &decided.outcomes {
        let uid = outcome.uid();
        let id = uid
            .filter(|uid| done.state.tasks.get(uid).is_some())
            .map(|uid| name_among(&done.state, &handles, uid));
        report.add(batch, &batch.issues[*issue], id, outcome, LISTED);
    }
    report.deps = decided.deps;
    report.comments = decided.comments;
    let notes = batch.remarks.iter().chain(&decided.notes);
    report.note(batch, notes, LISTED);
    report.damage(batch, LISTED);
    drop(handles);
    desk.let_go((done.state, decided));
    Ok(report)
}

/// `task.added` a thousand times is said once.
fn counted(records: &[String]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for record in records {
        *counts.entry(record).or_default() += 1;
    }
    let told = counts.into_iter().map(|(name, count)| match count {
        1 => name.to_owned(),
        _ => format!("{count} × {name}"),
    });
    told.collect()
}

/// Damage as a refusal.
fn refused(batch: &Batch, damage: &[Note]) -> TrackerError {
    let told = |note: &Note| {
        let about = if note.about.is_empty() {
            String::new()
        } else {
            format!("{}: ", note.about)
        };
        format!("{}: {about}{}", batch.shown(note.place), note.what)
    };
    let problems: Vec<String> = damage.iter().take(LISTED).map(told).collect();
    let first = problems.first().cloned().unwrap_or_default();
    let more = damage.len().saturating_sub(1);
    let more = match more {
        0 => String::new(),
        n => format!(" (and {n} more; --json lists them)"),
    };
    let whole = std::ptr::eq(damage, batch.damage.as_slice());
    let rest = match whole {
        true => batch.issues.len(),
        false => batch.issues.len().saturating_sub(damage.len()),
    };
    let hint = if !whole {
        format!("nothing is taken for something else; the other {rest} come in with `--skip-bad`")
    } else if rest == 0 {
        format!(
            "nothing in it can be read as {}; `--from` names the format",
            batch.format
        )
    } else {
        format!("mend that, or import the other {rest} with `--skip-bad`")
    };
    TrackerError::Input {
        what: format!("nothing was imported: {first}{more}"),
        hint,
        problems,
    }
}

impl Outcome {
    /// The task, if there is one.
    const fn uid(&self) -> Option<crate::domain::ids::TaskUid> {
        match self {
            Self::Created(uid) | Self::Updated(uid, _) | Self::Unchanged(uid) => Some(*uid),
            Self::Skipped(uid, _) => *uid,
        }
    }
}
