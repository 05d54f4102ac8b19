//! The steps of one session at a service, in the thread of that session.

use crate::app::tick::claims::Claimed;
use crate::app::tick::documents::{
    ClaimDoc, CollectedDoc, CutShort, HANDOVER_VERSION, ResultDoc, collected_name,
};
use crate::app::tick::remote::{Done, Job, hearing};
use crate::app::tick::till::Till;
use crate::app::tick::{World, work};
use crate::domain::ids::SessionUid;
use crate::domain::session::FailureClass;
use crate::domain::time::Timestamp;
use crate::engine::remote::RemoteAct;
use crate::ports::remote_session::{Collected, Fate, RemoteAt, RemoteError, RemoteRequest};
use crate::ports::runner::{AgentEvent, Cancel};
use crate::ports::workspaces::WorkspaceRequest;

/// The level of confinement that is recorded: the service's own, whatever that is.
const LEVEL: &str = "remote";

/// Does the acts of a job, one after another, until one of them ends the attempt.
pub(in crate::app::tick) fn perform(
    world: &World<'_>,
    till: &Till,
    job: &Job,
    cancel: &Cancel,
    events: &mut dyn FnMut(AgentEvent),
) -> Done {
    let mut notes = Vec::new();
    let mut bound = None;
    for act in &job.acts {
        match one(world, till, job, act, cancel, events) {
            Done::Ended(result) => return Done::Ended(result),
            Done::Bound(created) => bound = Some(created),
            Done::Note(note) => notes.push(note),
            Done::Goes => {}
        }
    }
    match (bound, notes.is_empty()) {
        (Some(created), _) => Done::Bound(created),
        (None, true) => Done::Goes,
        (None, false) => Done::Note(format!("{}: {}", job.claimed.doc.task, notes.join("; "))),
    }
}

fn one(
    world: &World<'_>,
    till: &Till,
    job: &Job,
    act: &RemoteAct,
    cancel: &Cancel,
    events: &mut dyn FnMut(AgentEvent),
) -> Done {
    let (lease, at) = (&job.claimed.lease, &job.at);
    match act {
        RemoteAct::Create => create(world, till, job, events),
        RemoteAct::Hear { said } => {
            hearing::pass_on(world, job, said, events);
            Done::Goes
        }
        RemoteAct::Begin => said(world.remotes.begin(lease, at, &request(world, job))),
        RemoteAct::Approve { plan } => said(world.remotes.approve(lease, at, plan)),
        RemoteAct::Tell { about, text } => said(world.remotes.tell(lease, at, about, text)),
        RemoteAct::Drop { id } => {
            let id = Some(id.clone());
            said(world.remotes.stop(lease, &RemoteAt { id, ..at.clone() }))
        }
        RemoteAct::Give { class, reason } => ended(world, till, job, *class, reason, None),
        RemoteAct::Stop { class, reason } => match stop(world, till, job, *class, reason) {
            Ok(made) => take_over(world, till, job, &made, cancel, events),
            Err(done) => done,
        },
        RemoteAct::Collect => match collect(world, till, job) {
            Ok(made) => take_over(world, till, job, &made, cancel, events),
            Err(done) => done,
        },
    }
}

fn said(done: Result<(), RemoteError>) -> Done {
    match done {
        Ok(()) => Done::Goes,
        Err(error) => Done::Note(format!("failed to {error}")),
    }
}

fn request(world: &World<'_>, job: &Job) -> RemoteRequest {
    let claim = &job.claimed.doc.claim;
    let continued = claim.continues.as_ref().and(claim.branch.clone());
    RemoteRequest {
        task: job.claimed.doc.task.clone(),
        title: job.claimed.doc.title.clone(),
        prompt: job.claimed.doc.prompt.clone(),
        model: claim.model.clone().or_else(|| job.at.agent.model.clone()),
        branch: continued.unwrap_or_else(|| world.policy.base_branch.clone()),
    }
}

/// Makes the session. After an answer that was lost nothing is repeated: a later tick looks for the
/// mark, and creates again only when the service has shown for long that there is none.
fn create(world: &World<'_>, till: &Till, job: &Job, events: &mut dyn FnMut(AgentEvent)) -> Done {
    let late = || world.context.clock.now() > job.create_until;
    let too_late = || {
        Done::Note(
            "the right to create its session ran out before it could be used; a later tick takes \
             it anew"
                .to_owned(),
        )
    };
    if late() {
        return too_late();
    }
    if job.at.place.is_some() {
        let want = WorkspaceRequest {
            start: job.claimed.doc.start(),
            paths: job.claimed.doc.paths.clone(),
            sparse: false,
        };
        if let Err(error) = world.workspaces.prepare(&job.claimed.lease, &want) {
            let reason = format!("failed to {error}");
            return ended(
                world,
                till,
                job,
                FailureClass::Infrastructure,
                &reason,
                None,
            );
        }
        if late() {
            return too_late();
        }
    }
    let request = request(world, job);
    let created = match world.remotes.create(&job.claimed.lease, &job.at, &request) {
        Ok(created) => created,
        Err(error) => {
            return match error.fate {
                Fate::Refused { class, until } => ended(
                    world,
                    till,
                    job,
                    class,
                    &format!("failed to {error}"),
                    until,
                ),
                Fate::Unknown => Done::Note(format!(
                    "failed to {error}; whether it exists is not known, a later tick looks for it"
                )),
            };
        }
    };
    let at = RemoteAt {
        id: Some(created.id.clone()),
        ..job.at.clone()
    };
    // If this fails, a look finds the session without a prompt.
    let _ = world.remotes.begin(&job.claimed.lease, &at, &request);
    let begins = AgentEvent::SessionStarted {
        agent_session: Some(created.id.clone()),
        model: request.model,
    };
    hearing::tell(world, job, begins, events);
    Done::Bound(created)
}

fn handed_over(job: &Job, collected: Collected, cut_short: Option<CutShort>) -> CollectedDoc {
    CollectedDoc {
        version: HANDOVER_VERSION,
        session: job.session(),
        collected,
        cut_short,
        since: job.since,
        spent: job.spent,
    }
}

/// Stops a session. What one had done whose time or money ran out is read before that, because it
/// may be gone with it.
fn stop(
    world: &World<'_>,
    till: &Till,
    job: &Job,
    class: FailureClass,
    reason: &str,
) -> Result<CollectedDoc, Done> {
    let kept = matches!(class, FailureClass::Budget | FailureClass::Timeout);
    let so_far = kept.then(|| world.remotes.collect(&job.at).ok()).flatten();
    let stopped = world.remotes.stop(&job.claimed.lease, &job.at);
    stopped
        .map_err(|error| Done::Note(format!("it is to end ({reason}), but failed to {error}")))?;
    let Some(collected) = so_far else {
        return Err(ended(world, till, job, class, reason, None));
    };
    let reason = reason.to_owned();
    Ok(handed_over(
        job,
        collected,
        Some(CutShort { class, reason }),
    ))
}

fn collect(world: &World<'_>, till: &Till, job: &Job) -> Result<CollectedDoc, Done> {
    let collected = world.remotes.collect(&job.at).map_err(|error| {
        let reason = format!("failed to {error}");
        match error.fate {
            Fate::Refused { class, .. } if class != FailureClass::RateLimited => {
                ended(world, till, job, class, &reason, None)
            }
            Fate::Refused { .. } | Fate::Unknown => Done::Note(reason),
        }
    })?;
    Ok(handed_over(job, collected, None))
}

fn take_over(
    world: &World<'_>,
    till: &Till,
    job: &Job,
    made: &CollectedDoc,
    cancel: &Cancel,
    events: &mut dyn FnMut(AgentEvent),
) -> Done {
    let taken = work::take_over(world, till, &job.claimed, made, cancel, events);
    let Some(mut result) = taken else {
        return Done::Note("its work is taken over by the next tick".to_owned());
    };
    result.finished.agent_session.clone_from(&job.at.id);
    LEVEL.clone_into(&mut result.finished.sandbox);
    result.finished.journal = Some(World::journal_name(job.session()));
    Done::Ended(Box::new(result))
}

/// The attempt ends without work.
fn ended(
    world: &World<'_>,
    till: &Till,
    job: &Job,
    class: FailureClass,
    reason: &str,
    until: Option<Timestamp>,
) -> Done {
    let reason = reason.to_owned();
    let account = (job.spent, job.at.id.is_some());
    let cause = CutShort { class, reason };
    let mut result = work::failed(world, till, &job.claimed, account, cause, &mut |_| {});
    result.retry_at = until;
    result.finished.duration_ms = world.context.clock.now().since(job.since).0;
    result.finished.agent_session.clone_from(&job.at.id);
    LEVEL.clone_into(&mut result.finished.sandbox);
    result.finished.journal = Some(World::journal_name(job.session()));
    Done::Ended(Box::new(result))
}

/// The steps of the claim phase, which may publish and runs nothing: what is to be taken over is put
/// where the run phase finds it. Gives what that phase is to do, and what else came of the steps.
pub(in crate::app::tick) fn in_claim_phase(
    world: &World<'_>,
    jobs: Vec<Job>,
) -> (Vec<ClaimDoc>, Vec<(SessionUid, Done)>) {
    let till = Till::default();
    let (mut docs, mut done) = (Vec::new(), Vec::new());
    for mut job in jobs {
        let session = job.session();
        let (last, others): (Vec<_>, Vec<_>) = job
            .acts
            .into_iter()
            .partition(|act| matches!(act, RemoteAct::Collect | RemoteAct::Stop { .. }));
        job.acts = others;
        done.push((
            session,
            perform(world, &till, &job, &Cancel::default(), &mut |_| {}),
        ));
        let made = match last.first() {
            Some(RemoteAct::Stop { class, reason }) => stop(world, &till, &job, *class, reason),
            Some(_) => collect(world, &till, &job),
            None => continue,
        };
        let stored = made.and_then(|made| {
            let bytes = serde_json::to_vec(&made).map_err(|error| error.to_string());
            let put = bytes.and_then(|bytes| {
                let put = world.handover.put(&collected_name(session), &bytes);
                put.map_err(|error| error.to_string())
            });
            put.map_err(|error| Done::Note(format!("failed to {error}")))
        });
        match stored {
            Ok(()) => {
                let mut doc = job.claimed.doc;
                // The run phase sees no records: it is told how long the lease holds now.
                doc.claim.lease_until = job.lease_until;
                docs.push(doc);
            }
            Err(other) => done.push((session, other)),
        }
    }
    (docs, done)
}

/// Takes over, in the run phase, what the claim phase collected.
pub(in crate::app::tick) fn in_run_phase(
    world: &World<'_>,
    till: &Till,
    claimed: &Claimed,
    cancel: &Cancel,
    events: &mut dyn FnMut(AgentEvent),
) -> ResultDoc {
    let session = claimed.lease.session();
    let bytes = world.handover.get(&collected_name(session));
    let made = bytes
        .ok()
        .flatten()
        .and_then(|bytes| serde_json::from_slice::<CollectedDoc>(&bytes).ok())
        .filter(|made| made.version == HANDOVER_VERSION && made.session == session);
    let spent = made.as_ref().and_then(|made| made.spent);
    let taken = made
        .as_ref()
        .map(|made| work::take_over(world, till, claimed, made, cancel, events));
    let cause = match taken {
        Some(Some(mut result)) => {
            LEVEL.clone_into(&mut result.finished.sandbox);
            result.finished.journal = Some(World::journal_name(session));
            tidy(world, claimed);
            return result;
        }
        Some(None) => CutShort {
            class: FailureClass::Cancelled,
            reason: "stopped while its work was taken over".to_owned(),
        },
        None => CutShort {
            class: FailureClass::Infrastructure,
            reason: "what its service handed over is not in the hand-over directory".to_owned(),
        },
    };
    work::failed(world, till, claimed, (spent, true), cause, events)
}

/// Removes the workspace of an attempt that ended, once its result is stored.
pub(in crate::app::tick) fn tidy(world: &World<'_>, claimed: &Claimed) {
    let session = claimed.lease.session();
    let workspace = world.workspaces.at(session, &claimed.doc.start());
    world.workspaces.discard(&workspace);
}
