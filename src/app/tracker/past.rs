//! Tasks as they were: at a time, at a commit of the state, or before their texts decayed.

use crate::app::publish::Decision;
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::{name, resolve_all, title};
use crate::app::tracker::report::{ChangeReport, ChangedTask, ShowReport};
use crate::app::tracker::request::{Mode, When};
use crate::app::tracker::views::{detail, outcome_name};
use crate::domain::ids::{TaskSelector, TaskUid};
use crate::domain::record::{Op, Record};
use crate::domain::register::Stamp;
use crate::domain::state::State;
use crate::domain::task::{Status, Task};
use crate::domain::time::{DurationMs, Timestamp};
use crate::domain::tracking::TaskDecayed;
use crate::engine::ready::Board;
use crate::ports::state_repo::StateView;
use crate::store::{self, HistoryOf, Scope};

/// Which state is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// What was recorded by then, as far as it is known now.
    Time(When),
    /// What a commit of the state holds: its id or the beginning of it.
    Commit(String),
    /// Now, with the texts that decay took away.
    Full,
}

/// Everything about tasks, as it was.
///
/// # Errors
/// No such commit, a task that was not there then, or unreadable state.
pub fn show(desk: Desk<'_>, tasks: &[TaskSelector], at: &At) -> Result<ShowReport, TrackerError> {
    let (state, now) = match at {
        At::Time(when) => {
            let until = when.back(desk.context.clock);
            let records = all(desk)?;
            let by_then = records.iter().filter(|r| r.ts.wall() <= until);
            (State::fold(by_then), until)
        }
        At::Commit(id) => of_commit(desk, id)?,
        At::Full => {
            let reading = desk.skim(Scope::Live)?;
            (undecayed(&reading.view)?, desk.now())
        }
    };
    let uids = resolve_all(&state, tasks)?;
    let index = state.index();
    let board = Board::new(&state, &index, desk.policy, now);
    let tasks: Vec<_> = uids
        .iter()
        .map(|uid| detail(&board, *uid, &state.tasks[uid]))
        .collect();
    Ok(ShowReport {
        total: tasks.len(),
        tasks,
        has_more: false,
    })
}

/// The state with the texts that decay took away.
pub(in crate::app::tracker) fn undecayed(view: &StateView) -> Result<State, TrackerError> {
    let records = store::history(view, HistoryOf::All)?;
    let kept = |r: &&Record| !matches!(r.op, Op::TaskDecayed(_));
    Ok(State::fold(records.iter().filter(kept)))
}

fn all(desk: Desk<'_>) -> Result<Vec<Record>, TrackerError> {
    let reading = desk.skim(Scope::Live)?;
    Ok(store::history(&reading.view, HistoryOf::All)?)
}

fn of_commit(desk: Desk<'_>, id: &str) -> Result<(State, Timestamp), TrackerError> {
    let Some(view) = desk.context.repo.view_of(id)? else {
        return Err(TrackerError::NotThere {
            what: format!("no commit `{}` holds fleet's state", id.escape_debug()),
            hint: format!(
                "`git log {}` shows them; a date works too: --at 2026-11-21",
                desk.policy.state.branch
            ),
        });
    };
    let state = store::load(&view, Scope::All)?.state;
    let now = state.clock.wall();
    Ok((state, now))
}

/// Which tasks decay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Those closed longer ago than this.
    pub older_than: DurationMs,
    /// Those whose body and remarks have at least so many bytes together.
    pub least_bytes: usize,
}

/// Replaces the texts of old closed tasks by summaries, by rule. Readers load less from then on; the
/// log keeps every word, and `show` with [`At::Full`] reads it there.
///
/// # Errors
/// Unreadable state, or a failed publish.
pub fn decay(desk: Desk<'_>, rule: Rule, mode: Mode) -> Result<ChangeReport, TrackerError> {
    let done = desk.change("summarise old tasks", Scope::All, mode, |loaded, minter| {
        let state = &loaded.state;
        let before = minter.now().minus(rule.older_than);
        let old: Vec<(TaskUid, usize)> = state
            .tasks
            .iter()
            .filter(|(_, task)| !task.is_open() && task.status.at.ts.wall() < before)
            .map(|(uid, task)| (*uid, weight(task)))
            .filter(|(_, bytes)| *bytes >= rule.least_bytes)
            .collect();
        for (uid, _) in &old {
            minter.add(Op::TaskDecayed(TaskDecayed {
                task: *uid,
                summary: summary(&state.tasks[uid]),
            }));
        }
        let count = old.len();
        Ok(if old.is_empty() {
            Decision::Nothing(old)
        } else {
            Decision::write(old, format!("summarise {count} old tasks"))
        })
    })?;
    let tasks: Vec<_> = done
        .value
        .iter()
        .map(|(uid, bytes)| ChangedTask {
            id: name(&done.state, *uid),
            uid: uid.to_string(),
            title: title(&done.state, *uid),
            changed: true,
            note: format!("{bytes} bytes of text"),
        })
        .collect();
    Ok(ChangeReport {
        action: "summarised",
        total: tasks.len(),
        tasks,
        has_more: false,
        delivery: done.delivery,
    })
}

/// Bytes of text that decay would take away; 0 once it did.
fn weight(task: &Task) -> usize {
    let comments = task.details.comments.values();
    let comments: usize = comments.map(|comment| comment.text.len()).sum();
    let body = if task.details.decayed != Stamp::NOBODY && task.body.at == task.details.decayed {
        0
    } else {
        task.body.value.len()
    };
    body + comments
}

/// What stays: the first paragraph, how it ended, and how much there was.
fn summary(task: &Task) -> String {
    let mut lines = Vec::new();
    let first: Vec<&str> = task
        .body
        .value
        .trim()
        .lines()
        .take_while(|line| !line.trim().is_empty())
        .collect();
    if !first.is_empty() {
        let first = first.join(" ");
        lines.push(crate::engine::text::truncated(&first, 280).into_owned());
    }
    if let Status::Closed { outcome, reason } = &task.status.value {
        let reason = crate::engine::text::truncated(reason.lines().next().unwrap_or(""), 200);
        let colon = if reason.is_empty() { "" } else { ": " };
        lines.push(format!(
            "Closed as {}{colon}{reason}.",
            outcome_name(*outcome)
        ));
    }
    let (done, total) = task.checklist();
    if total > 0 {
        lines.push(format!("{done} of {total} acceptance points were met."));
    }
    let comments = match task.comments().len() {
        1 => "1 comment is".to_owned(),
        count => format!("{count} comments are"),
    };
    lines.push(format!(
        "(Summarised; {} bytes of text and {comments} in the history: \
         `fleet show --full`.)",
        task.body.value.len()
    ));
    lines.join("\n\n")
}
