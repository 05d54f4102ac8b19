//! Which agent would take a task.

use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::resolve;
use crate::app::tracker::report::{Reason, RouteReport, RouteRow, SkippedRow};
use crate::app::tracker::views::reasons;
use crate::domain::ids::TaskSelector;
use crate::engine::facts::Facts;
use crate::engine::ready::Board;
use crate::engine::routing::{Load, Router, Skipped};
use crate::engine::why::Why;
use crate::store::Bodies;

/// Who would take the task as its next attempt, and what keeps others from it. Whether programs
/// are installed here is not looked at: `fleet doctor` does.
///
/// # Errors
/// An unknown or ambiguous task, or unreadable state.
pub fn route(desk: Desk<'_>, task: &TaskSelector) -> Result<RouteReport, TrackerError> {
    let (reading, uid) = desk.read_until(Bodies::OnlyRows, |state| resolve(state, task))?;
    let state = &reading.loaded.state;
    let index = state.index();
    let board = Board::new(state, &index, desk.policy, desk.now());
    let ready = board.ready();
    let router = Router::new(&board, &ready);
    let last = index.sessions_of(uid).iter();
    let attempt = 1 + last
        .filter_map(|id| state.sessions.get(id))
        .map(crate::domain::session::Session::attempt)
        .max()
        .unwrap_or(0);
    let (phase, whys) = board.phase(uid);
    let mut waits_for = reasons(&whys);
    let load = Load::of(&board, &Facts::default());
    let (taken_by, skipped) = match router.route(uid, attempt, &load) {
        Ok(routed) => {
            let skipped = routed.skipped.iter().map(skipped_row).collect();
            let taken = RouteRow {
                agent: routed.agent,
                model: routed.model,
                role: routed.role,
                route: routed.route.map(|at| at + 1),
                score: routed.score,
                factors: routed.explained,
            };
            (Some(taken), skipped)
        }
        Err(whys) => {
            waits_for.extend(reasons(&whys));
            (None, Vec::new())
        }
    };
    Ok(RouteReport {
        task: desk.row(state, uid, &state.tasks[&uid], phase, false),
        attempt,
        taken_by,
        skipped,
        waits_for,
    })
}

fn skipped_row(skipped: &Skipped) -> SkippedRow {
    let why: &Why = &skipped.why;
    SkippedRow {
        agent: skipped.agent.clone(),
        reason: Reason {
            code: why.code(),
            text: why.to_string(),
        },
    }
}
