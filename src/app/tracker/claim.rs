//! Taking a task: its holder works on it, and no agent starts it.

use crate::app::context::Minter;
use crate::app::publish::Decision;
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::resolve;
use crate::app::tracker::report::{ClaimReport, TaskRow};
use crate::app::tracker::request::Mode;
use crate::app::tracker::values;
use crate::domain::ids::{TaskSelector, TaskUid};
use crate::domain::record::{Op, TaskFields, TaskUpdated};
use crate::domain::time::Timestamp;
use crate::engine::phase::Phase;
use crate::engine::ready::Board;
use crate::engine::routing::Router;
use crate::engine::why::Why;
use crate::store::Scope;

/// Takes a task for a person, or for a program that acts for one: the one named, else the best that
/// is ready. With a remote the claim is decided on what the remote says now and must reach it: a
/// claim that only this clone knows would have two winners (I3).
///
/// Taking again what one holds changes nothing, if it is sure that the holder is the same
/// ([`Desk::own_name`]). Two programs of one git user have one name, so there it is refused.
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
    let own = holder_of(desk.context.actor);
    let who = values::person(holder_of(claimant.unwrap_or(own)))?;
    let sure = desk.own_name && who == own;
    let terms = desk.sure_terms(Scope::Live);
    let done = desk.change_on("claim a task", &terms, mode, |loaded, minter| {
        let state = &loaded.state;
        let index = state.index();
        let board = Board::new(state, &index, desk.policy, minter.now());
        let ready = board.ready();
        let (uid, held) = match task {
            Some(task) => {
                let uid = resolve(state, task)?;
                (uid, may_take(&board, minter, uid, (&who, sure))?)
            }
            None => match Router::new(&board, &ready).order(&ready).first() {
                Some(uid) => (*uid, Hold::None),
                None => return Ok(Decision::Nothing((None, 0, None))),
            },
        };
        let mut taken = desk.row(state, uid, &state.tasks[&uid], Phase::Waiting, true);
        taken.assignee = Some(who.clone());
        let remaining = ready.iter().filter(|other| **other != uid).count();
        let since = match held {
            Hold::Before(since) => Some(since),
            Hold::None | Hold::Now => None,
        };
        let value = (Some(taken), remaining, since);
        Ok(decide(minter, uid, held, &who, value))
    })?;
    let (task, remaining, held_since) = done.value;
    Ok(ClaimReport {
        task,
        remaining,
        already_held: held_since.is_some(),
        held_since,
        delivery: done.delivery,
    })
}

/// The row of the task, how many are ready besides, and since when it is held already.
type Taken = (Option<TaskRow>, usize, Option<Timestamp>);

/// Whether the claimant holds the task.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    None,
    /// By this very claim, which arrived although it seemed lost.
    Now,
    /// Since an earlier claim.
    Before(Timestamp),
}

/// The name under which an actor holds tasks. A person's has no kind; an agent's keeps it, as an
/// agent of the same name is somebody else.
pub(in crate::app::tracker) fn holder_of(actor: &str) -> &str {
    actor.strip_prefix("human:").unwrap_or(actor)
}

fn decide(
    minter: &mut Minter<'_>,
    uid: TaskUid,
    held: Hold,
    who: &str,
    value: Taken,
) -> Decision<Taken> {
    if held != Hold::None {
        return Decision::Nothing(value);
    }
    minter.add(Op::TaskUpdated(TaskUpdated::of(
        uid,
        TaskFields {
            assignee: Some(Some(who.to_owned())),
            ..TaskFields::default()
        },
    )));
    let id = value.0.as_ref().map_or("", |row| &row.id);
    let subject = format!("claim {id} for {who}");
    Decision::write(value, subject)
}

/// Whether `who` may take the task or holds it already; `sure` = who has that name is the same one.
fn may_take(
    board: &Board<'_>,
    minter: &Minter<'_>,
    uid: TaskUid,
    (who, sure): (&str, bool),
) -> Result<Hold, TrackerError> {
    let (_, whys) = board.phase(uid);
    let name = || crate::app::tracker::names::name(board.state, uid);
    let holder = whys.iter().find_map(|why| match why {
        Why::AssignedToHuman { who } => Some(who),
        _ => None,
    });
    let at = board.state.tasks[&uid].details.assignee.at;
    match holder {
        Some(holder) if holder == who && minter.has_minted(at.id) => Ok(Hold::Now),
        Some(holder) if holder == who && sure => Ok(Hold::Before(at.ts.wall())),
        Some(holder) if holder == who => Err(TrackerError::HeldUnderName {
            task: name(),
            holder: holder.clone(),
            since: at.ts.wall(),
        }),
        Some(holder) => Err(TrackerError::Claimed {
            task: name(),
            holder: holder.clone(),
        }),
        None if whys.is_empty() => Ok(Hold::None),
        None => {
            let whys: Vec<_> = whys.iter().map(ToString::to_string).collect();
            Err(TrackerError::NotReady {
                task: name(),
                why: whys.join("; "),
            })
        }
    }
}
