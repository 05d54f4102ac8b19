//! Taking a task: its holder works on it, and no agent starts it.

use crate::app::context::Minter;
use crate::app::publish::{Decision, How, Terms};
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::resolve;
use crate::app::tracker::report::{ClaimReport, TaskRow};
use crate::app::tracker::request::Mode;
use crate::app::tracker::values;
use crate::app::tracker::views::row;
use crate::domain::ids::{TaskSelector, TaskUid};
use crate::domain::record::{Op, TaskFields, TaskUpdated};
use crate::engine::phase::Phase;
use crate::engine::ready::Board;
use crate::engine::routing::Router;
use crate::engine::why::Why;
use crate::ports::state_repo::Freshness;
use crate::store::{Checkpoint, Scope};

/// Takes a task for a person, or for a program that acts for one: the one named, else the best that
/// is ready. With a remote the claim must reach it: a claim that only this clone knows would have
/// two winners (I3). Taking again what one holds changes nothing.
///
/// # Errors
/// The named task is not there, not ready, or somebody else's; lost again and again; a remote that
/// refuses or does not answer; unreadable state.
pub fn claim(
    desk: Desk<'_>,
    task: Option<&TaskSelector>,
    claimant: Option<&str>,
    mode: Mode,
) -> Result<ClaimReport, TrackerError> {
    let actor = desk.context.actor;
    let who = claimant.unwrap_or_else(|| actor.split_once(':').map_or(actor, |(_, name)| name));
    let who = values::person(who)?;
    let terms = Terms {
        scope: Scope::Live,
        freshness: Freshness::Local,
        how: How::Must(desk.policy.state.push_timeout),
        checkpoint: Checkpoint::Never,
    };
    let done = desk.change_on("claim a task", &terms, mode, |loaded, minter| {
        let state = &loaded.state;
        let index = state.index();
        let board = Board::new(state, &index, desk.policy, minter.now());
        let ready = board.ready();
        let (uid, held) = match task {
            Some(task) => {
                let uid = resolve(state, task)?;
                (uid, may_take(&board, uid, &who)?)
            }
            None => match Router::new(&board, &ready).order(&ready).first() {
                Some(uid) => (*uid, false),
                None => return Ok(Decision::Nothing((None, 0))),
            },
        };
        let mut taken = row(state, uid, &state.tasks[&uid], Phase::Waiting, true);
        taken.assignee = Some(who.clone());
        let remaining = ready.iter().filter(|other| **other != uid).count();
        Ok(decide(minter, uid, held, &who, (Some(taken), remaining)))
    })?;
    let (task, remaining) = done.value;
    Ok(ClaimReport {
        task,
        remaining,
        delivery: done.delivery,
    })
}

fn decide(
    minter: &mut Minter<'_>,
    uid: TaskUid,
    held: bool,
    who: &str,
    value: (Option<TaskRow>, usize),
) -> Decision<(Option<TaskRow>, usize)> {
    if held {
        return Decision::Nothing(value);
    }
    minter.add(Op::TaskUpdated(TaskUpdated {
        task: uid,
        set: TaskFields {
            assignee: Some(Some(who.to_owned())),
            ..TaskFields::default()
        },
        add_labels: Vec::new(),
        rm_labels: Vec::new(),
        add_paths: Vec::new(),
        rm_paths: Vec::new(),
        check: Vec::new(),
        uncheck: Vec::new(),
    }));
    let id = value.0.as_ref().map_or("", |row| &row.id);
    let subject = format!("claim {id} for {who}");
    Decision::write(value, subject)
}

/// Whether `who` holds the task already.
fn may_take(board: &Board<'_>, uid: TaskUid, who: &str) -> Result<bool, TrackerError> {
    let (_, whys) = board.phase(uid);
    let name = || crate::app::tracker::names::name(board.state, uid);
    let holder = whys.iter().find_map(|why| match why {
        Why::AssignedToHuman { who } => Some(who),
        _ => None,
    });
    match holder {
        Some(holder) if holder == who => Ok(true),
        Some(holder) => Err(TrackerError::Claimed {
            task: name(),
            holder: holder.clone(),
        }),
        None if whys.is_empty() => Ok(false),
        None => {
            let whys: Vec<_> = whys.iter().map(ToString::to_string).collect();
            Err(TrackerError::NotReady {
                task: name(),
                why: whys.join("; "),
            })
        }
    }
}
