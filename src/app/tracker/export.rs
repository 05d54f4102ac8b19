//! Writing the tasks down for other trackers and for people.

use std::path::Path;

use serde::Serialize;

use crate::app::tracker::desk::{Desk, Reading};
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::name;
use crate::app::tracker::past::undecayed;
use crate::domain::register::Stamp;
use crate::domain::state::State;
use crate::domain::task::Task;
pub use crate::exchange::{Form, Target};
use crate::exchange::{Outgoing, OutgoingTask, write};
use crate::ports::files::{Files, FilesError};
use crate::store::{Bodies, Scope};

/// What is to be written, and where.
#[derive(Clone, Copy)]
pub struct ExportRequest<'a> {
    /// In which form.
    pub target: Target,
    /// The file; none for an answer in text.
    pub file: Option<&'a Path>,
    /// Open tasks alone.
    pub open_only: bool,
    /// Replace a file that holds more than is written now.
    pub overwrite: bool,
    /// Say what would be written, and write nothing.
    pub dry_run: bool,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportReport {
    /// Form.
    pub format: &'static str,
    /// Tasks.
    pub tasks: usize,
    /// Bytes.
    pub bytes: usize,
    /// The file, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// True if the file held these bytes already.
    pub unchanged: bool,
    /// True if nothing was written because only a plan was asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// The text itself, if there is no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

impl From<FilesError> for TrackerError {
    fn from(error: FilesError) -> Self {
        Self::Input {
            what: error.what,
            hint: error.hint,
            problems: Vec::new(),
        }
    }
}

/// Writes all tasks, closed and archived ones too.
///
/// # Errors
/// The state cannot be read, or the file is not to be replaced.
pub fn export(
    desk: Desk<'_>,
    files: &dyn Files,
    request: ExportRequest<'_>,
) -> Result<ExportReport, TrackerError> {
    let reading = desk.look(Scope::All, Bodies::Read)?;
    let full = in_full(&reading)?;
    let state = full.as_ref().unwrap_or(&reading.loaded.state);
    let outgoing = collect(state, |task| task.is_open() || !request.open_only);
    let text = write(&outgoing, request.target);
    let mut report = ExportReport {
        format: request.target.name(),
        tasks: outgoing.tasks.len(),
        bytes: text.len(),
        file: None,
        unchanged: false,
        dry_run: request.dry_run,
        content: None,
    };
    let Some(path) = request.file else {
        report.content = Some(text);
        return Ok(report);
    };
    report.file = Some(path.display().to_string());
    let before = files.present(path)?;
    if before.as_deref() == Some(text.as_bytes()) {
        report.unchanged = true;
        return Ok(report);
    }
    if let Some(before) = before.filter(|_| !request.overwrite) {
        refuse_loss(path, &before, &text, request.target)?;
    }
    if !request.dry_run {
        files.replace(path, text.as_bytes())?;
    }
    Ok(report)
}

/// The state with the texts that decay took away, if it took any: others have no use for summaries,
/// and what was theirs goes back to them as it was.
fn in_full(reading: &Reading) -> Result<Option<State>, TrackerError> {
    let decayed = |task: &Task| task.details.decayed != Stamp::NOBODY;
    if !reading.loaded.state.tasks.values().any(decayed) {
        return Ok(None);
    }
    undecayed(&reading.view).map(Some)
}

/// The tasks to write, and what edges of theirs may lead to.
pub(in crate::app::tracker) fn collect(
    state: &State,
    wanted: impl Fn(&Task) -> bool,
) -> Outgoing<'_> {
    let mut tasks = Vec::new();
    for (uid, task) in &state.tasks {
        if task.added.is_none() || !wanted(task) {
            continue;
        }
        let edges = state
            .deps_from(*uid)
            .map(|key| (key.kind, key.to, state.deps[&key].at))
            .collect();
        tasks.push(OutgoingTask::new(*uid, name(state, *uid), task, edges));
    }
    let names = state.tasks.keys().map(|uid| (*uid, name(state, *uid)));
    let references = state.tasks.iter().filter_map(|(uid, task)| {
        let told = task.details.external_ref.value.as_deref()?;
        Some((*uid, told))
    });
    Outgoing {
        names: names.collect(),
        references: references.collect(),
        tasks,
    }
}

/// Refuses to replace a file that holds anything which would be gone: tasks that are not written now,
/// or what fleet did not write.
fn refuse_loss(
    path: &Path,
    before: &[u8],
    after: &str,
    target: Target,
) -> Result<(), TrackerError> {
    if before.trim_ascii().is_empty() {
        return Ok(());
    }
    let refused = |what: String| TrackerError::Input {
        what: format!("{} was left as it is: {what}", path.display()),
        hint: "import it first, write to another file, or say --overwrite".to_owned(),
        problems: Vec::new(),
    };
    let old = target.identities(before).map_err(refused)?;
    // Nothing at all is written for no tasks, and holds none.
    let new = target.identities(after.as_bytes()).unwrap_or_default();
    let mut gone = old.iter().filter(|one| !new.contains(*one));
    let Some(first) = gone.next() else {
        return Ok(());
    };
    Err(refused(match gone.count() {
        0 => format!("{first} would be gone"),
        more => format!("{first} and {more} more would be gone"),
    }))
}
