//! Publishing what is kept locally.

use crate::app::publish::{Decision, How, Terms};
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::{name, title};
use crate::app::tracker::report::{Delivery, NumberedRow, SyncReport};
use crate::app::tracker::request::Mode;
use crate::domain::ids::TaskUid;
use crate::domain::state::State;
use crate::domain::time::DurationMs;
use crate::ports::state_repo::{Freshness, RemoteState};
use crate::store::{self, Checkpoint, Scope};

/// How long `sync` waits for the remote: it was asked for, so longer than other commands.
const PATIENCE: DurationMs = DurationMs::secs(60);

/// Fetches, and publishes what is kept locally; grants numbers to tasks without one.
///
/// # Errors
/// The remote refuses or does not answer; nothing is lost then.
pub fn sync(desk: Desk<'_>, mode: Mode) -> Result<SyncReport, TrackerError> {
    let view = desk.context.repo.view(Freshness::Fetch(PATIENCE))?;
    if let RemoteState::Unreachable { cause } = view.remote {
        let what = "fetch the state".to_owned();
        return Err(TrackerError::Unreachable { what, cause });
    }
    desk.ensure_initialised(&view)?;
    let remote = match view.remote {
        RemoteState::None => "none",
        _ => "fresh",
    };
    let waiting = store::unpublished(&view)?.len();
    let has_unpublished = view.unpublished.is_some();
    let before = store::load(&view, Scope::Live)?;
    let unnumbered = unnumbered(&before.state);
    let grown = store::checkpoint_is_due(&before);
    if !has_unpublished && unnumbered.is_empty() && !grown {
        return Ok(SyncReport {
            remote,
            records: 0,
            numbered: Vec::new(),
            delivery: Delivery {
                published: true,
                dry_run: mode == Mode::DryRun,
                ..Delivery::default()
            },
        });
    }
    let terms = Terms {
        scope: Scope::Live,
        freshness: Freshness::Local,
        how: How::Must(PATIENCE),
        // Who works without ticks need not wait until a change finds it overdue.
        checkpoint: Checkpoint::IfGrown,
    };
    let subject = match waiting {
        0 => "checkpoint".to_owned(),
        _ => format!("publish {waiting} records"),
    };
    let done = desk.change_on("publish local records", &terms, mode, |_, _| {
        Ok(Decision::write((), subject.clone()))
    })?;
    let numbered = unnumbered
        .iter()
        .map(|uid| NumberedRow {
            handle: uid.provisional(),
            id: name(&done.state, *uid),
            title: title(&done.state, *uid),
        })
        .collect();
    Ok(SyncReport {
        remote,
        records: waiting,
        numbered,
        delivery: done.delivery,
    })
}

/// Tasks without a number, oldest first: the order in which numbers are granted.
fn unnumbered(state: &State) -> Vec<TaskUid> {
    let mut tasks: Vec<_> = state
        .tasks
        .iter()
        .filter(|(_, task)| task.number.value.is_none())
        .filter_map(|(uid, task)| task.added.as_ref().map(|(_, at)| (*at, *uid)))
        .collect();
    tasks.sort_unstable();
    tasks.into_iter().map(|(_, uid)| uid).collect()
}
