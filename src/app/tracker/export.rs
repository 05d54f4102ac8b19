//! Writing the tasks down for other trackers and for people.

use std::path::Path;

use serde::Serialize;

use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::name;
use crate::domain::state::State;
pub use crate::exchange::{Form, Target};
use crate::exchange::{Format, Options, Outgoing, OutgoingTask, SourceFile, read, write};
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
    let outgoing = collect(&reading.loaded.state, request.open_only);
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

fn collect(state: &State, open_only: bool) -> Outgoing<'_> {
    let mut tasks = Vec::new();
    for (uid, task) in &state.tasks {
        if task.added.is_none() || (open_only && !task.is_open()) {
            continue;
        }
        let edges = state
            .deps_from(*uid)
            .map(|key| (key.kind, key.to, state.deps[&key].at))
            .collect();
        tasks.push(OutgoingTask::new(*uid, name(state, *uid), task, edges));
    }
    let names = state.tasks.keys().map(|uid| (*uid, name(state, *uid)));
    Outgoing {
        names: names.collect(),
        tasks,
    }
}

/// Refuses to replace a file that holds issues which would be gone.
fn refuse_loss(
    path: &Path,
    before: &[u8],
    after: &str,
    target: Target,
) -> Result<(), TrackerError> {
    let refused = |what: String| TrackerError::Input {
        what: format!("{} was left as it is: {what}", path.display()),
        hint: "import it first, write to another file, or say --overwrite".to_owned(),
        problems: Vec::new(),
    };
    if before.trim_ascii().is_empty() {
        return Ok(());
    }
    if target != Target::Beads {
        let (old, new) = (target.count(before), target.count(after.as_bytes()));
        return match old {
            Some(old) if old <= new.unwrap_or_default() => Ok(()),
            Some(old) => Err(refused(format!(
                "it holds {old} tasks, and {} would be written",
                new.unwrap_or_default()
            ))),
            None => Err(refused(format!("it is no {} file", target.name()))),
        };
    }
    let keys = |bytes: &[u8]| {
        let form = Form {
            format: Format::Beads,
            csv: false,
        };
        let file = SourceFile { name: "", bytes };
        read(&[file], form, &Options::default())
    };
    let (old, new) = (keys(before), keys(after.as_bytes()));
    if let Some(note) = old.damage.first() {
        let what = format!("line {} cannot be read: {}", note.place.line, note.what);
        return Err(refused(what));
    }
    let known: std::collections::BTreeSet<&str> =
        new.issues.iter().map(|issue| issue.key.as_str()).collect();
    let mut gone = old
        .issues
        .iter()
        .filter(|issue| !known.contains(issue.key.as_str()));
    match gone.next() {
        None => Ok(()),
        Some(first) => {
            let what = match gone.count() {
                0 => format!("{} would be gone", first.key),
                more => format!("{} and {more} more would be gone", first.key),
            };
            Err(refused(what))
        }
    }
}
