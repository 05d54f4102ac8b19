//! Records of one ended session: its end, its lock, what it asked, said and proposed.

use crate::app::context::Minter;
use crate::app::tick::World;
use crate::app::tick::documents::ResultDoc;
use crate::domain::dep::DepKind;
use crate::domain::escalation::Trigger;
use crate::domain::ids::{RecordId, SessionUid, TaskUid};
use crate::domain::record::{
    AgentPaused, CloseOutcome, CommentAdded, DepEdge, EscalationOpened, FindingAdded, LockReleased,
    Op, SessionFinished, SessionReleased, TaskAdded, TaskClosed, TaskFields,
};
use crate::domain::session::{FailureClass, Outcome};
use crate::domain::task::{Acceptance, Deliverable};
use crate::domain::time::Timestamp;
use crate::engine::history::is_split;
use crate::engine::holdings::{Hold, conflicts_of_diff};
use crate::engine::outbox::{self, Saying, Subtask};
use crate::engine::retry;
use crate::store::Loaded;

/// Most bad lines of an outbox that are told.
const SHOWN_PROBLEMS: usize = 10;

/// Mints the records of one ended session.
pub(super) fn record(
    world: &World<'_>,
    minter: &mut Minter<'_>,
    result: &ResultDoc,
    finished: SessionFinished,
    held: Option<(Trigger, String)>,
    loaded: &Loaded,
) {
    let session = finished.session;
    let task = result.claim.claim.task;
    let agent = result.claim.claim.agent.clone();
    let succeeded = finished.outcome == Outcome::Succeeded;
    let class = match finished.outcome {
        Outcome::Failed { class } => Some(class),
        Outcome::Succeeded | Outcome::Escalated => None,
    };
    minter.add(Op::SessionFinished(finished));
    release_lock(minter, loaded, session);
    if let Some((trigger, context)) = held {
        let options = if trigger == Trigger::ProtectedPaths {
            vec![
                "allow these paths".to_owned(),
                "retry without touching them".to_owned(),
            ]
        } else {
            vec!["retry".to_owned()]
        };
        minter.add(Op::EscalationOpened(EscalationOpened {
            task,
            session: Some(session),
            agent: Some(agent.clone()),
            trigger,
            context,
            options,
        }));
    }
    if class == Some(FailureClass::RateLimited) {
        minter.add(Op::AgentPaused(pause(minter.now(), result, loaded)));
    }
    overlaps(minter, result, loaded);
    minter.act_as(format!("agent:{agent}"));
    let split = is_split(&loaded.state, &result.claim.claim);
    outbox_records(world, minter, result, split);
    if succeeded && result.claim.deliverable != Deliverable::Pr {
        // A plan may be its subtasks alone.
        if !result.final_message.trim().is_empty() {
            minter.add(Op::CommentAdded(CommentAdded {
                task,
                text: result.final_message.clone(),
            }));
        }
        // A task that was split goes on as its parts.
        if !split {
            minter.add(Op::TaskClosed(TaskClosed {
                task,
                outcome: CloseOutcome::Done,
                reason: "handed over".to_owned(),
            }));
        }
    }
    minter.act_as("fleet");
}

/// The pause after a rate limit. One without a time does not shorten another whose time was said.
fn pause(now: Timestamp, result: &ResultDoc, loaded: &Loaded) -> AgentPaused {
    let claim = &result.claim.claim;
    let cause = result.finished.summary.lines().next().unwrap_or("");
    let mut pause = retry::pause(claim, result.retry_at, cause, now);
    let standing = loaded
        .state
        .pause_of(&claim.agent, claim.provider.as_deref());
    if let (None, Some((standing, _))) = (result.retry_at, standing) {
        pause.until = pause.until.max(standing.until);
    }
    pause
}

/// Gives a claim back whose agent was never started; the proof is the word of the process that
/// holds it.
pub(super) fn give_back(minter: &mut Minter<'_>, result: &ResultDoc, loaded: &Loaded) -> String {
    let session = result.finished.session;
    let proof = format!("no agent was started: {}", result.finished.summary);
    minter.add(Op::SessionReleased(SessionReleased {
        session,
        proof: proof.clone(),
        unstarted: true,
        spent: None,
    }));
    release_lock(minter, loaded, session);
    proof
}

fn release_lock(minter: &mut Minter<'_>, loaded: &Loaded, session: SessionUid) {
    let lock = loaded.state.locks.get(&session);
    let held = lock.is_some_and(|lock| lock.released.is_none());
    if held && !planted!("lock-never-released") {
        minter.add(Op::LockReleased(LockReleased { session }));
    }
}

/// The lock check at publish: what the branch really changes against what others hold now. The work
/// is done and paid for, so it is shown all the same, with a word to whoever merges.
fn overlaps(minter: &mut Minter<'_>, result: &ResultDoc, loaded: &Loaded) {
    let task = result.claim.claim.task;
    let found = conflicts_of_diff(
        &loaded.state,
        &loaded.state.index(),
        task,
        &result.finished.paths,
        minter.now(),
    );
    if found.is_empty() {
        return;
    }
    let lines: Vec<String> = found
        .iter()
        .take(10)
        .map(|c| {
            let what = match c.hold {
                Hold::Lock { .. } => "is being worked on for",
                Hold::Review => "is also changed, in review, by",
            };
            format!("- {} {what} {}", c.ours, loaded.state.name_of(c.by))
        })
        .collect();
    let text = format!(
        "This change overlaps with others; mind the order of merging:\n{}",
        lines.join("\n")
    );
    minter.add(Op::CommentAdded(CommentAdded { task, text }));
}

/// What the agent said through its outbox, validated.
fn outbox_records(world: &World<'_>, minter: &mut Minter<'_>, result: &ResultDoc, split: bool) {
    let (task, session) = (result.claim.claim.task, result.finished.session);
    let said = outbox::parse(result.outbox.as_bytes());
    for saying in said.sayings {
        match saying {
            Saying::Escalate { context, options } => {
                minter.add(Op::EscalationOpened(EscalationOpened {
                    task,
                    session: Some(session),
                    agent: Some(result.claim.claim.agent.clone()),
                    trigger: Trigger::Question,
                    context,
                    options,
                }));
            }
            Saying::Subtask(sub) => {
                let kind = if split {
                    DepKind::ParentChild
                } else {
                    DepKind::DiscoveredFrom
                };
                let id = propose(minter, sub, world.policy.admit_subtasks);
                minter.add(Op::DepAdded(DepEdge {
                    from: TaskUid::created_by(id),
                    to: task,
                    kind,
                }));
            }
            Saying::Finding { text } => {
                minter.add(Op::FindingAdded(FindingAdded {
                    task,
                    session,
                    text,
                }));
            }
            Saying::Note { text } => {
                minter.add(Op::CommentAdded(CommentAdded { task, text }));
            }
            Saying::Progress { .. } => {}
        }
    }
    if !said.problems.is_empty() {
        let lines: Vec<String> = said
            .problems
            .iter()
            .take(SHOWN_PROBLEMS)
            .map(|problem| format!("- {problem}"))
            .collect();
        let text = format!(
            "Left out of what was said in the outbox:\n{}",
            lines.join("\n")
        );
        minter.add(Op::CommentAdded(CommentAdded { task, text }));
    }
}

/// A task that the agent proposes.
fn propose(minter: &mut Minter<'_>, sub: Subtask, admitted: bool) -> RecordId {
    let points = sub.acceptance.into_iter();
    let points = points.map(|text| Acceptance { text, done: false });
    minter.add(Op::TaskAdded(TaskAdded {
        n: None,
        key: None,
        set: TaskFields {
            title: Some(sub.title),
            body: Some(sub.body),
            kind: (!sub.kind.is_empty()).then_some(sub.kind),
            priority: sub.priority,
            complexity: sub.complexity,
            acceptance: Some(points.collect()),
            ..TaskFields::default()
        },
        labels: Vec::new(),
        paths: sub.paths,
        admitted: admitted || planted!("part-admitted"),
    }))
}
