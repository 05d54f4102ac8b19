//! Changes as they arrive.

use std::collections::BTreeSet;

use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::history::words_of;
use crate::app::tracker::names::{name, title};
use crate::app::tracker::report::WatchRow;
use crate::app::tracker::request::When;
use crate::domain::ids::RecordId;
use crate::domain::record::{Op, Record};
use crate::domain::state::State;
use crate::domain::time::{DurationMs, Timestamp};
use crate::ports::state_repo::Freshness;
use crate::store::{self, HistoryOf, Scope};

/// How often is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchRequest {
    /// Changes since then are told first; without it, only new ones are.
    pub since: Option<When>,
    /// Time between two looks; at least a second.
    pub every: DurationMs,
    /// Look once and end.
    pub once: bool,
}

/// Shortest time between two looks: a remote is asked each time.
pub const SHORTEST: DurationMs = DurationMs::secs(1);

/// Tells records of tasks as they arrive, until `tell` says that it is enough (`false`), or once. A
/// remote that does not answer is asked again at the next look.
///
/// # Errors
/// Unreadable state.
pub fn watch(
    desk: Desk<'_>,
    request: WatchRequest,
    tell: &mut dyn FnMut(&WatchRow) -> bool,
) -> Result<usize, TrackerError> {
    let clock = desk.context.clock;
    let since = request.since.map(|when| when.back(clock));
    let mut seen: Option<BTreeSet<RecordId>> = None;
    let mut tips = None;
    let mut told = 0;
    loop {
        let limit = desk.policy.state.push_timeout;
        let view = desk.context.repo.view(Freshness::Fetch(limit))?;
        desk.ensure_initialised(&view)?;
        if tips.as_ref() != Some(&view.cache_key) {
            tips = Some(view.cache_key.clone());
            let records = store::history(&view, HistoryOf::All)?;
            let state = store::load(&view, Scope::All)?.state;
            for record in &records {
                let new = match (&seen, since) {
                    (Some(seen), _) => !seen.contains(&record.id),
                    (None, Some(since)) => record.ts.wall() >= since,
                    (None, None) => false,
                };
                if let Some(row) = Some(record).filter(|_| new).and_then(|r| row(&state, r)) {
                    told += 1;
                    if !tell(&row) {
                        return Ok(told);
                    }
                }
            }
            seen = Some(records.iter().map(|record| record.id).collect());
        }
        if request.once {
            return Ok(told);
        }
        clock.pause(request.every.max(SHORTEST));
    }
}

/// A record as a line; none for what is told with another record, or is no news.
fn row(state: &State, record: &Record) -> Option<WatchRow> {
    if matches!(record.op, Op::SessionRenewed(_) | Op::TaskNumbered(_)) {
        return None;
    }
    let task = record.about().task.or_else(|| {
        let session = record.about().session?;
        state.sessions.get(&session)?.task()
    });
    Some(WatchRow {
        at: at(record),
        by: record.by.clone(),
        op: record.op.name().to_owned(),
        task: task.map(|uid| name(state, uid)),
        title: task.map(|uid| title(state, uid)),
        what: task.map_or_else(String::new, |uid| words_of(state, uid, &record.op)),
        record: record.id.to_string(),
    })
}

fn at(record: &Record) -> Timestamp {
    record.ts.wall()
}
