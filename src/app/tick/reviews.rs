//! Reviews: opened or adopted at the forge, then recorded. Safe to repeat at any point (I4, I7).

use crate::app::advice::advice;
use crate::app::context::Minter;
use crate::app::end::End;
use crate::app::publish::{self, ChangeError, Decision, How, Terms};
use crate::app::tick::{World, review_text};
use crate::domain::ids::{Oid, ReviewUid, SessionUid, TaskUid};
use crate::domain::record::{Op, ReviewOpened, ReviewUpdated, SessionClaimed};
use crate::domain::review::{Review, ReviewState};
use crate::domain::state::State;
use crate::engine::plan::Plan;
use crate::ports::forge::{ForgeError, ReviewDraft, ReviewHandle, ReviewStage};
use crate::ports::state_repo::Freshness;
use crate::store::{Checkpoint, Scope};

/// A review that is due: its branch is pushed.
#[derive(Debug, Clone)]
pub(super) struct Due {
    pub(super) task: TaskUid,
    pub(super) session: SessionUid,
    pub(super) review: Option<ReviewUid>,
    /// Another branch that it is to be merged into from now on.
    pub(super) onto: Option<String>,
    /// Head of the branch, if it is another one than the attempt's own: a human added to it.
    pub(super) head: Option<Oid>,
}

/// The reviews that a plan wants opened or brought up to date.
pub(super) fn due(plan: &Plan) -> Vec<Due> {
    let planned = plan.reviews.iter();
    planned
        .map(|r| Due {
            task: r.task,
            session: r.session,
            review: r.review,
            onto: r.onto.clone(),
            head: Some(r.head.clone()),
        })
        .collect()
}

/// A review that exists at the forge and is to be recorded.
#[derive(Debug, Clone)]
struct Opened {
    due: Due,
    branch: String,
    base_branch: String,
    head: Oid,
    handle: ReviewHandle,
}

/// What became of one due review.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) session: SessionUid,
    /// Where a human looks, or why not yet.
    pub(super) place: Result<String, String>,
}

/// Opens all due reviews and records them in one publish; the state after it, if it wrote.
pub(super) fn open(
    world: &World<'_>,
    state: &State,
    due: &[Due],
    end: End,
) -> Result<(Vec<Shown>, Option<State>), ChangeError<std::convert::Infallible>> {
    let mut shown = Vec::new();
    let mut opened = Vec::new();
    for due in due {
        if end.is_over(world.context) {
            shown.push(Shown {
                session: due.session,
                place: Err("the time of this one is up".to_owned()),
            });
            continue;
        }
        match open_one(world, state, due) {
            Ok(one) => {
                let place = one
                    .handle
                    .url
                    .clone()
                    .unwrap_or_else(|| format!("branch {}", one.branch));
                shown.push(Shown {
                    session: due.session,
                    place: Ok(place),
                });
                opened.push(one);
            }
            Err(Trouble::NotDue) => {}
            Err(Trouble::Forge(error)) => {
                shown.push(Shown {
                    session: due.session,
                    place: Err(error.to_string()),
                });
            }
        }
    }
    let mut newer = None;
    if !opened.is_empty() {
        let terms = Terms {
            scope: Scope::Live,
            freshness: Freshness::Local,
            how: How::Must(end.left(world.context)),
            checkpoint: Checkpoint::IfGrown,
        };
        let changed = publish::change(world.context, &terms, |loaded, minter| {
            for one in &opened {
                record(world, &loaded.state, minter, one);
            }
            if minter.records().is_empty() {
                return Ok(Decision::Nothing(()));
            }
            Ok(Decision::write((), "open reviews"))
        })?;
        newer = Some(changed.state);
    }
    Ok((shown, newer))
}

enum Trouble {
    NotDue,
    Forge(ForgeError),
}

fn open_one(world: &World<'_>, state: &State, due: &Due) -> Result<Opened, Trouble> {
    let session = state.sessions.get(&due.session).ok_or(Trouble::NotDue)?;
    let (claim, _) = session.claim.as_ref().ok_or(Trouble::NotDue)?;
    let (finished, _) = session.finished.as_ref().ok_or(Trouble::NotDue)?;
    let (branch, head) = claim
        .branch
        .clone()
        .zip(due.head.clone().or_else(|| finished.head.clone()))
        .ok_or(Trouble::NotDue)?;
    let task = state.tasks.get(&due.task).ok_or(Trouble::NotDue)?;
    let name = state.name_of(due.task).to_string();
    let review = due.review.and_then(|uid| state.reviews.get(&uid));
    let opened = review.and_then(|review| review.opened.as_ref());
    let number = opened.and_then(|(opened, _)| opened.number);
    // A review that only goes on to another base shows what it showed before.
    let shown = review.filter(|_| due.onto.is_some());
    let head = shown.and_then(|r| r.head.value.clone()).unwrap_or(head);
    let base_branch = due
        .onto
        .clone()
        .or_else(|| review.and_then(Review::base_branch).map(str::to_owned))
        .or_else(|| claim.onto.clone())
        .unwrap_or_else(|| world.policy.base_branch.clone());
    let order = advice(world.code, state, &state.index(), Some(due.task));
    let body = review_text::body(state, &name, task, due.session, (claim, finished), &order);
    let draft = ReviewDraft {
        title: world.secrets.redact(&review_text::title(&name, task)),
        body: world.secrets.redact(&body),
        branch: branch.clone(),
        base_branch: base_branch.clone(),
        rebase: due.onto.is_some(),
        head: head.clone(),
        number,
        stage: ReviewStage::AsConfigured,
    };
    let handle = world.forge.open_or_adopt(&draft).map_err(Trouble::Forge)?;
    Ok(Opened {
        due: due.clone(),
        branch,
        base_branch,
        head,
        handle,
    })
}

/// Records a review that exists in the records only.
pub(super) fn record_local(
    world: &World<'_>,
    state: &State,
    minter: &mut Minter<'_>,
    session: SessionUid,
    (branch, claim): (String, &SessionClaimed),
    head: Oid,
) {
    let handle = ReviewHandle {
        number: None,
        url: None,
        adopted: false,
    };
    let due = Due {
        task: claim.task,
        session,
        review: None,
        onto: None,
        head: None,
    };
    let base_branch = claim
        .onto
        .clone()
        .unwrap_or_else(|| world.policy.base_branch.clone());
    record(
        world,
        state,
        minter,
        &Opened {
            due,
            branch,
            base_branch,
            head,
            handle,
        },
    );
}

/// Records a review unless somebody else has done so meanwhile.
fn record(world: &World<'_>, state: &State, minter: &mut Minter<'_>, one: &Opened) {
    let known = state.reviews.iter().find(|(_, review)| {
        review.is_open()
            && !planted!("second-review")
            && review.opened.as_ref().is_some_and(|(o, _)| {
                o.task == one.due.task && (o.branch == one.branch || o.number == one.handle.number)
            })
    });
    let number = known.and_then(|(_, review)| review.opened.as_ref()?.0.number);
    let other = number.is_some() && one.handle.number.is_some() && number != one.handle.number;
    match known {
        Some((uid, review)) if !other => {
            let head = Some(&one.head).filter(|head| review.head.value.as_ref() != Some(*head));
            // The base is changed by whoever meant to; another attempt leaves it as it is.
            let base = one.due.onto.as_ref();
            let base = base.filter(|base| review.base_branch() != Some(base.as_str()));
            if head.is_some() || base.is_some() {
                minter.add(Op::ReviewUpdated(ReviewUpdated {
                    review: *uid,
                    head: head.cloned(),
                    base_branch: base.cloned(),
                    state: None,
                }));
            }
        }
        known => {
            // The forge shows this work elsewhere now: the one that was known is over (I4).
            if let Some((uid, _)) = known {
                minter.add(Op::ReviewUpdated(ReviewUpdated {
                    review: *uid,
                    head: None,
                    base_branch: None,
                    state: Some(ReviewState::Closed),
                }));
            }
            minter.add(Op::ReviewOpened(ReviewOpened {
                task: one.due.task,
                session: one.due.session,
                forge: world.forge.kind().to_owned(),
                number: one.handle.number,
                url: one.handle.url.clone(),
                branch: one.branch.clone(),
                base_branch: one.base_branch.clone(),
                head: one.head.clone(),
            }));
        }
    }
}
