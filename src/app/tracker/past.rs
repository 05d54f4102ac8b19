//! Tasks as they were: at a time, at a commit of the state, or before their texts decayed.

use crate::app::decay;
pub use crate::app::decay::Rule;
use crate::app::publish::Decision;
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::{name, resolve_all, title};
use crate::app::tracker::report::{ChangeReport, ChangedTask, ShowReport};
use crate::app::tracker::request::{Mode, When};
use crate::domain::ids::TaskSelector;
use crate::domain::record::{Op, Record};
use crate::domain::state::State;
use crate::domain::time::Timestamp;
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
        .map(|uid| desk.detail(&board, *uid, &state.tasks[uid]))
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

/// Replaces the texts of old closed tasks by summaries, by rule. Readers load less from then on; the
/// log keeps every word, and `show` with [`At::Full`] reads it there.
///
/// # Errors
/// Unreadable state, or a failed publish.
pub fn decay(desk: Desk<'_>, rule: Rule, mode: Mode) -> Result<ChangeReport, TrackerError> {
    let done = desk.change("summarise old tasks", Scope::All, mode, |loaded, minter| {
        let state = &loaded.state;
        let old = decay::due(state, rule, minter.now());
        decay::mint(state, &old, minter);
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
