//! Open reviews and what their branches change, for a person who reads and decides here: with the
//! forge `local`, `fleet review` is where reviews happen. fleet never merges (R10).

mod report;

pub use report::{CheckRow, FileRow, ReviewLine, ReviewList, ReviewPage, VerdictReport};

use crate::app::advice::advice;
use crate::app::publish::Decision;
use crate::app::tracker::desk::{Desk, Opened};
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::{name, resolve, title};
use crate::app::tracker::request::Mode;
use crate::app::tracker::values;
use crate::domain::ids::{Oid, ReviewUid, TaskSelector, TaskUid};
use crate::domain::money::MicroUsd;
use crate::domain::record::{Op, ReviewFeedback, SessionFinished};
use crate::domain::review::{FeedbackKind, Review, ReviewApproved};
use crate::domain::session::Session;
use crate::domain::state::{Index, State};
use crate::engine::history::History;
use crate::ports::code_repo::{CodeError, CodeRepo, MergeFacts};
use crate::ports::state_repo::{Freshness, RemoteState};
use crate::store::{Bodies, Scope};

/// Most bytes of a patch that is shown.
const PATCH_BYTES: u64 = 4 << 20;
/// The forge whose reviews are decided here.
const LOCAL: &str = "local";

/// What a person says of a review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may be merged.
    Approve,
    /// Another attempt is to deal with this.
    RequestChanges(String),
}

/// All open reviews, with advice on the order of merging.
///
/// # Errors
/// Unreadable state.
pub fn list(opened: &dyn Opened) -> Result<ReviewList, TrackerError> {
    let desk = opened.desk();
    let reading = desk.skim(Scope::Live)?;
    let state = &reading.loaded.state;
    let index = state.index();
    let mut reviews: Vec<ReviewLine> = state
        .reviews
        .values()
        .filter_map(|review| line(state, &index, review))
        .collect();
    reviews.sort_by_key(|line| line.since);
    let code = opened.code()?;
    Ok(ReviewList {
        total: reviews.len(),
        reviews,
        advice: advice(&*code, state, &index, None),
        has_more: false,
    })
}

/// One open review, with what its branch changes; `stat` leaves the patch out.
///
/// # Errors
/// No such task, no open review of it, or its commits cannot be read here.
pub fn show(
    opened: &dyn Opened,
    task: &TaskSelector,
    stat: bool,
) -> Result<ReviewPage, TrackerError> {
    let desk = opened.desk();
    let (reading, uid) = desk.read_until(Bodies::Read, |state| resolve(state, task))?;
    let state = &reading.loaded.state;
    let index = state.index();
    let (_, review) = open_review(state, &index, uid)?;
    let line = line(state, &index, review).ok_or_else(|| no_review(state, uid))?;
    let head = head_of(review).ok_or_else(|| no_review(state, uid))?;
    let code = opened.code()?;
    let base = bring(desk, &*code, head, &line.base_branch)?;
    let shown = code.shown(&base, head, PATCH_BYTES).map_err(unreadable)?;
    let merges = code.merge_facts(&base, head).ok().map(|facts| match facts {
        MergeFacts::Merged => "merged",
        MergeFacts::Clean => "clean",
        MergeFacts::Conflict => "conflict",
    });
    let made = made(state, &index, uid);
    let history = History::of(state, &index, uid);
    Ok(ReviewPage {
        summary: made.map(|f| f.summary.clone()).unwrap_or_default(),
        verify: made.map(checks).unwrap_or_default(),
        feedback: history
            .feedback
            .iter()
            .map(|(_, feedback)| feedback.text.clone())
            .collect(),
        files: shown
            .files
            .into_iter()
            .map(|file| FileRow {
                path: file.path,
                added: file.added,
                removed: file.removed,
                binary: file.binary,
            })
            .collect(),
        patch: (!stat).then_some(shown.patch),
        cut: shown.cut,
        advice: advice(&*code, state, &index, Some(uid)),
        merges,
        next: how_to_merge(desk, &line),
        line,
    })
}

/// Records what a person says of a review. Only where reviews are decided here.
///
/// # Errors
/// No open review, a forge of its own, an empty text, or a failed publish.
pub fn judge(
    desk: Desk<'_>,
    task: &TaskSelector,
    verdict: &Verdict,
    mode: Mode,
) -> Result<VerdictReport, TrackerError> {
    let said = match verdict {
        Verdict::Approve => None,
        Verdict::RequestChanges(text) => Some(values::said("text", text)?),
    };
    let done = desk.change("record the verdict", Scope::Live, mode, |loaded, minter| {
        let state = &loaded.state;
        let uid = resolve(state, task)?;
        let index = state.index();
        let (review, open) = open_review(state, &index, uid)?;
        ensure_local(state, uid, open)?;
        let head = head_of(open)
            .cloned()
            .ok_or_else(|| no_review(state, uid))?;
        let op = match &said {
            None if open.approved_by().is_some() => {
                return Ok(Decision::Nothing((uid, head)));
            }
            None => Op::ReviewApproved(ReviewApproved {
                review,
                head: head.clone(),
            }),
            Some(text) => Op::ReviewFeedback(ReviewFeedback {
                review,
                kind: FeedbackKind::ChangesRequested,
                head: head.clone(),
                text: text.clone(),
                key: format!("here:{}", minter.nonce()),
            }),
        };
        minter.add(op);
        let subject = match &said {
            None => format!("approve {}", state.name_of(uid)),
            Some(_) => format!("request changes of {}", state.name_of(uid)),
        };
        Ok(Decision::write((uid, head), subject))
    })?;
    let (uid, head) = done.value;
    let state = &done.state;
    let index = state.index();
    let (_, review) = open_review(state, &index, uid)?;
    let next = match (&said, line(state, &index, review)) {
        (None, Some(line)) => how_to_merge(desk, &line),
        _ => vec!["the next tick starts another attempt on the branch: `fleet tick`".to_owned()],
    };
    Ok(VerdictReport {
        id: name(state, uid),
        title: title(state, uid),
        verdict: if said.is_none() {
            "approved"
        } else {
            "changes_requested"
        },
        head: head.to_string(),
        next,
        delivery: done.delivery,
    })
}

fn ensure_local(state: &State, uid: TaskUid, review: &Review) -> Result<(), TrackerError> {
    let Some((opened, _)) = review.opened.as_ref().filter(|(o, _)| o.forge != LOCAL) else {
        return Ok(());
    };
    let place = opened.url.clone().unwrap_or_else(|| opened.forge.clone());
    Err(TrackerError::Invalid {
        what: format!("{} is reviewed at {place}, not here", state.name_of(uid)),
        hint: "approve or request changes on the pull request, where everybody sees it; the next \
               tick takes it in"
            .to_owned(),
    })
}

fn no_review(state: &State, uid: TaskUid) -> TrackerError {
    TrackerError::NotThere {
        what: format!("{} has no open review", state.name_of(uid)),
        hint: "`fleet review` lists the open ones".to_owned(),
    }
}

fn open_review<'a>(
    state: &'a State,
    index: &Index,
    uid: TaskUid,
) -> Result<(ReviewUid, &'a Review), TrackerError> {
    let history = History::of(state, index, uid);
    let review = history.open_review();
    review.ok_or_else(|| no_review(state, uid))
}

fn head_of(review: &Review) -> Option<&Oid> {
    let opened = review.opened.as_ref().map(|(o, _)| &o.head);
    review.head.value.as_ref().or(opened)
}

/// The attempt that made the head.
fn made<'a>(state: &'a State, index: &Index, uid: TaskUid) -> Option<&'a SessionFinished> {
    let all = index.sessions_of(uid).iter().rev();
    let mut ended = all.filter_map(|uid| state.sessions.get(uid)?.finished.as_ref());
    ended
        .find(|(finished, _)| finished.head.is_some())
        .map(|(finished, _)| finished)
}

fn checks(finished: &SessionFinished) -> Vec<CheckRow> {
    let all = finished.verify.iter();
    all.map(|check| CheckRow {
        command: check.command.clone(),
        passed: check.passed(),
        duration_ms: check.duration_ms,
    })
    .collect()
}

fn line(state: &State, index: &Index, review: &Review) -> Option<ReviewLine> {
    let (opened, since) = review.opened.as_ref().filter(|_| review.is_open())?;
    let uid = opened.task;
    let sessions: Vec<&Session> = index
        .sessions_of(uid)
        .iter()
        .filter_map(|uid| state.sessions.get(uid))
        .filter(|session| !session.is_unstarted())
        .collect();
    let checks = made(state, index, uid).map(checks).unwrap_or_default();
    let approved = review.approved_by();
    let history = History::of(state, index, uid);
    Some(ReviewLine {
        id: name(state, uid),
        title: title(state, uid),
        state: match approved {
            _ if history.wants_work() => "rework",
            Some(_) => "approved",
            None => "waiting",
        },
        approved_by: approved.map(str::to_owned),
        number: opened.number,
        url: opened.url.clone(),
        branch: opened.branch.clone(),
        base_branch: review.base_branch().unwrap_or_default().to_owned(),
        head: head_of(review)?.to_string(),
        attempts: sessions.len(),
        cost_usd_micros: sessions
            .iter()
            .fold(MicroUsd(0), |sum, session| sum.plus(session.cost())),
        verified: (!checks.is_empty()).then(|| checks.iter().all(|check| check.passed)),
        since: since.ts.wall(),
    })
}

/// The head of the base branch, once the commits are here: what another machine pushed is fetched.
fn bring(
    desk: Desk<'_>,
    code: &dyn CodeRepo,
    head: &Oid,
    base_branch: &str,
) -> Result<Oid, TrackerError> {
    if code.commit(head).is_err() {
        code.refresh().map_err(unreadable)?;
    }
    if base_branch == desk.policy.base_branch {
        return code.base().map_err(unreadable);
    }
    let names = [base_branch.to_owned()];
    let found = code.branches(&names).map_err(unreadable)?;
    let head = found.into_iter().find_map(|branch| branch.head);
    head.map_or_else(|| code.base().map_err(unreadable), Ok)
}

fn unreadable(error: CodeError) -> TrackerError {
    TrackerError::NotThere {
        what: format!("failed to {error}"),
        hint: "`git fetch` brings branches that were pushed elsewhere".to_owned(),
    }
}

fn how_to_merge(desk: Desk<'_>, line: &ReviewLine) -> Vec<String> {
    if let Some(url) = &line.url {
        return vec![format!("decide on it at {url}")];
    }
    let shared = desk
        .context
        .repo
        .view(Freshness::Local)
        .is_ok_and(|view| view.remote != RemoteState::None);
    let merge = if shared {
        format!(
            "git fetch && git switch {} && git merge --no-ff {}/{} && git push",
            line.base_branch, desk.policy.remote, line.branch
        )
    } else {
        format!(
            "git switch {} && git merge --no-ff {}",
            line.base_branch, line.branch
        )
    };
    vec![
        format!("merge it yourself: {merge}"),
        "the next tick sees the merge and closes the task".to_owned(),
    ]
}
