//! From the state to rows of a report.

use crate::app::tracker::gates;
use crate::app::tracker::names::{escalation as escalation_name, name, name_with, title};
use crate::app::tracker::report::{
    AcceptanceRow, Checklist, CommentRow, DepRow, EscalationRow, FindingRow, LockRow, Reason,
    RemoteRow, ReviewRow, SessionRow, TaskDetail, TaskFull, TaskRow,
};
use crate::app::tracker::rollup;
use crate::domain::dep::DepKind;
use crate::domain::ids::{EscalationUid, Oid, ReviewUid, SessionUid, TaskUid};
use crate::domain::register::Stamp;
use crate::domain::review::ReviewState;
use crate::domain::session::{Outcome, Session};
use crate::domain::state::State;
use crate::domain::task::{Complexity, Deliverable, Status, Task};
use crate::domain::time::Timestamp;
use crate::engine::admission::is_admitted;
use crate::engine::phase::Phase;
use crate::engine::ready::Board;
use crate::engine::why::Why;

pub(in crate::app::tracker) const fn complexity_name(complexity: Complexity) -> &'static str {
    match complexity {
        Complexity::Low => "low",
        Complexity::Medium => "medium",
        Complexity::High => "high",
    }
}

const fn deliverable_name(deliverable: Deliverable) -> &'static str {
    match deliverable {
        Deliverable::Pr => "pr",
        Deliverable::Report => "report",
        Deliverable::Plan => "plan",
    }
}

/// `open` or `closed`; `unknown` while only records about it are known.
fn status_name(task: Option<&Task>) -> &'static str {
    match task {
        Some(task) if !task.is_open() => "closed",
        Some(task) if task.added.is_some() => "open",
        _ => "unknown",
    }
}

/// Reasons as rows.
pub(in crate::app::tracker) fn reasons(whys: &[Why]) -> Vec<Reason> {
    whys.iter()
        .map(|why| Reason {
            code: why.code(),
            text: why.to_string(),
        })
        .collect()
}

/// A task in a list.
pub(in crate::app::tracker) fn row(
    state: &State,
    uid: TaskUid,
    task: &Task,
    phase: Phase,
    full: bool,
) -> TaskRow {
    TaskRow {
        id: name_with(state, uid, task),
        uid,
        title: task.title.value.clone(),
        kind: task.type_name().to_owned(),
        priority: task.priority(),
        complexity: complexity_name(task.details.complexity.value),
        status: if task.is_open() { "open" } else { "closed" },
        phase: phase.name(),
        assignee: task.details.assignee.value.clone(),
        labels: task.labels.iter().map(str::to_owned).collect(),
        milestone: task.details.milestone.value.clone(),
        checklist: checklist(task),
        reasons: Vec::new(),
        withheld: false,
        full: full.then(|| Box::new(full_row(task))),
    }
}

fn checklist(task: &Task) -> Option<Checklist> {
    if task.details.acceptance.value.is_empty() {
        return None;
    }
    let (done, total) = task.checklist();
    Some(Checklist { done, total })
}

fn full_row(task: &Task) -> TaskFull {
    let (outcome, close_reason) = match &task.status.value {
        Status::Open => (None, None),
        Status::Closed { outcome, reason } => {
            let reason = (!reason.is_empty()).then(|| reason.clone());
            (Some(outcome.name()), reason)
        }
    };
    TaskFull {
        body: task.body.value.clone(),
        acceptance: task
            .acceptance()
            .map(|(text, done)| AcceptanceRow {
                text: text.to_owned(),
                done,
            })
            .collect(),
        deliverable: deliverable_name(task.details.deliverable.value),
        paths: task.paths.iter().map(str::to_owned).collect(),
        due: task.details.due.value,
        defer_until: task.details.defer_until.value,
        external_ref: task.details.external_ref.value.clone(),
        held_by: task.details.held_by.value.clone(),
        budget_usd_micros: task.details.budget.value,
        estimate_minutes: task.details.estimate_minutes.value,
        decayed_at: (task.details.decayed != Stamp::NOBODY).then(|| task.details.decayed.ts.wall()),
        agent: task.details.agent.value.clone(),
        key: task.details.key.clone(),
        admitted: is_admitted(task),
        outcome,
        close_reason,
        added_by: task.added.as_ref().map(|(by, _)| by.clone()),
        added_at: task.added.as_ref().map(|(_, at)| at.ts.wall()),
        updated_at: task.updated.ts.wall(),
        extra: task
            .details
            .extra
            .iter()
            .map(|(field, reg)| (field.clone(), reg.value.clone()))
            .collect(),
    }
}

/// The other end of an edge.
pub(in crate::app::tracker) fn dep_row(state: &State, kind: DepKind, other: TaskUid) -> DepRow {
    DepRow {
        kind: kind.name(),
        id: name(state, other),
        title: title(state, other),
        status: status_name(state.tasks.get(&other)),
    }
}

/// Status of a task by name, for trees.
pub(in crate::app::tracker) fn status_of(state: &State, uid: TaskUid) -> &'static str {
    status_name(state.tasks.get(&uid))
}

/// Everything about a task.
pub(in crate::app::tracker) fn detail(board: &Board<'_>, uid: TaskUid, task: &Task) -> TaskDetail {
    let (state, index) = (board.state, board.index);
    let (phase, whys) = board.phase(uid);
    let mut shown = row(state, uid, task, phase, true);
    shown.reasons = reasons(&whys);
    let sessions = index.sessions_of(uid);
    TaskDetail {
        task: shown,
        deps: state
            .deps_from(uid)
            .map(|key| dep_row(state, key.kind, key.to))
            .collect(),
        dependents: index
            .deps_to(uid)
            .map(|key| dep_row(state, key.kind, key.from))
            .collect(),
        sessions: sessions
            .iter()
            .filter_map(|id| session_row(*id, state.sessions.get(id)?))
            .collect(),
        locks: sessions
            .iter()
            .filter_map(|id| {
                let lock = state.locks.get(id)?;
                Some(LockRow {
                    session: id.to_string(),
                    globs: lock.globs.clone(),
                    until: lock.until.value,
                    live: lock.is_live(board.now),
                })
            })
            .collect(),
        reviews: index
            .reviews_of(uid)
            .iter()
            .filter_map(|id| review_row(state, *id))
            .collect(),
        escalations: index
            .escalations_of(uid)
            .iter()
            .filter_map(|id| escalation_row(state, *id))
            .collect(),
        findings: state
            .findings
            .values()
            .filter(|finding| finding.task == uid)
            .map(|finding| FindingRow {
                at: finding.at.ts.wall(),
                text: finding.text.clone(),
            })
            .collect(),
        comments: comments(task),
        gates: gates::rows(state, uid, board.now),
        parts: rollup::parts_of(state, index, uid),
        withheld: Vec::new(),
    }
}

fn comments(task: &Task) -> Vec<CommentRow> {
    let comments = task.comments().into_iter().enumerate();
    comments
        .map(|(at, (id, comment))| CommentRow {
            at: comment.at.ts.wall(),
            by: comment.by.clone(),
            text: comment.text.clone(),
            number: at + 1,
            withheld: false,
            comment: id.to_string(),
            edited_by: comment.edited.as_ref().map(|(by, _)| by.clone()),
            edited_at: comment.edited.as_ref().map(|(_, at)| at.ts.wall()),
        })
        .collect()
}

fn session_state(session: &Session) -> (&'static str, Option<String>, Option<Timestamp>) {
    if let Some((finished, at)) = &session.finished {
        let at = Some(at.ts.wall());
        return match &finished.outcome {
            Outcome::Succeeded => ("succeeded", None, at),
            Outcome::Escalated => ("escalated", None, at),
            Outcome::Failed { class } => ("failed", Some(class.to_string()), at),
        };
    }
    if let Some((release, at)) = &session.released {
        return ("released", Some(release.proof.clone()), Some(at.ts.wall()));
    }
    let state = if session.started.is_some() || session.remote.id().is_some() {
        "running"
    } else {
        "claimed"
    };
    (state, None, None)
}

fn session_row(id: SessionUid, session: &Session) -> Option<SessionRow> {
    let (claim, at) = session.claim.as_ref()?;
    let (state, why, finished_at) = session_state(session);
    let finished = session.finished.as_ref().map(|(f, _)| f);
    Some(SessionRow {
        id: id.to_string(),
        attempt: claim.attempt,
        agent: claim.agent.clone(),
        model: finished
            .and_then(|f| f.model.clone())
            .or_else(|| claim.model.clone()),
        role: claim.role.clone(),
        state,
        why,
        claimed_at: at.ts.wall(),
        finished_at,
        lease_until: session.lease_until.value,
        branch: claim.branch.clone(),
        base: claim.base.to_string(),
        head: session.head().map(Oid::to_string),
        cost_usd_micros: session.cost(),
        cost_source: session.cost_source(),
        route: claim.route.clone(),
        provider: claim.provider.clone(),
        usage: session.usage(),
        agent_session: session.agent_session.value.clone(),
        sandbox: finished
            .map(|f| f.sandbox.clone())
            .filter(|level| !level.is_empty()),
        remote: remote_row(session),
        summary: finished.map_or_else(String::new, |f| f.summary.clone()),
    })
}

fn remote_row(session: &Session) -> Option<RemoteRow> {
    let remote = &session.remote;
    let (intended, _) = remote.intended.as_ref()?;
    let bound = remote.bound.as_ref().map(|(bound, _)| bound);
    let seen = remote.seen.as_ref();
    Some(RemoteRow {
        service: intended.service.clone(),
        id: remote.id().map(str::to_owned),
        url: bound.and_then(|bound| bound.url.clone()),
        since: remote.since.map(|at| at.ts.wall()),
        phase: seen.map(|(seen, _)| seen.phase.name()),
        phase_since: seen.and_then(|(seen, _)| seen.phase_since),
        detail: seen.map_or_else(String::new, |(seen, _)| seen.detail.clone()),
        looked_at: seen.map(|(_, at)| at.ts.wall()),
    })
}

fn review_row(state: &State, id: ReviewUid) -> Option<ReviewRow> {
    let review = state.reviews.get(&id)?;
    let (opened, _) = review.opened.as_ref()?;
    Some(ReviewRow {
        forge: opened.forge.clone(),
        number: opened.number,
        url: opened.url.clone(),
        branch: opened.branch.clone(),
        base_branch: opened.base_branch.clone(),
        head: review
            .head
            .value
            .as_ref()
            .unwrap_or(&opened.head)
            .to_string(),
        state: match review.state.value {
            ReviewState::Open => "open",
            ReviewState::Merged { .. } => "merged",
            ReviewState::Closed => "closed",
        },
        feedback: review.feedback.len(),
    })
}

/// A question.
pub(in crate::app::tracker) fn escalation_row(
    state: &State,
    id: EscalationUid,
) -> Option<EscalationRow> {
    let escalation = state.escalations.get(&id)?;
    let (opened, at) = escalation.opened.as_ref()?;
    let answer = escalation.answer.as_ref();
    Some(EscalationRow {
        id: escalation_name(state, id),
        uid: id.to_string(),
        task: name(state, opened.task),
        title: title(state, opened.task),
        priority: state
            .tasks
            .get(&opened.task)
            .map_or(crate::domain::task::DEFAULT_PRIORITY, Task::priority),
        trigger: opened.trigger.name(),
        agent: opened.agent.clone(),
        context: opened.context.clone(),
        options: opened.options.clone(),
        opened_at: at.ts.wall(),
        answer: answer.map(|(text, _, _)| text.clone()),
        answered_by: answer.map(|(_, by, _)| by.clone()),
    })
}
