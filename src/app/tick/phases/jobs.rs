//! What a claim phase tells CI: one job for each claim, and what the claims must be when they arrive;
//! and which of them a run phase takes.

use crate::app::tick::claims_file;
use crate::app::tick::documents::{ClaimDoc, folder};
use crate::app::tick::opening::read_result;
use crate::app::tick::report::{HandedJob, HandedOver, MOST_JOBS, TickReport};
use crate::app::tick::{TickError, TickOptions, World};
use crate::domain::time::Timestamp;
use crate::ports::handover::Hold;

/// How many claims may be made. Room is kept for what services hand over in this phase: that is a job
/// of the run phase as well.
pub(super) fn most_claims(world: &World<'_>, options: &TickOptions) -> u32 {
    let agents = world.policy.agents.values();
    let remote = agents.filter(|agent| agent.kind.service().is_some());
    let kept = remote.fold(0u32, |sum, agent| sum.saturating_add(agent.max_parallel));
    let room = u32::try_from(MOST_JOBS)
        .unwrap_or(u32::MAX)
        .saturating_sub(kept)
        .max(1);
    options.max.unwrap_or(u32::MAX).min(room)
}

/// Puts the jobs into the report; says so if there are more claims than one matrix may have.
pub(super) fn hand_out(report: &mut TickReport, docs: &[ClaimDoc]) {
    let jobs = docs.iter().take(MOST_JOBS).map(|doc| HandedJob {
        task: doc.task.clone(),
        session: doc.session,
    });
    report.handed = Some(HandedOver {
        jobs: jobs.collect(),
        claims_sha256: String::new(),
    });
    let left: Vec<_> = docs.iter().skip(MOST_JOBS).map(|d| &*d.task).collect();
    if !left.is_empty() {
        report.notes.push(format!(
            "more than {MOST_JOBS} claims wait to be run; no job was made for {}",
            left.join(", ")
        ));
    }
}

/// The claims that this process is to run.
pub(super) fn wanted(claims: Vec<ClaimDoc>, options: &TickOptions) -> Vec<ClaimDoc> {
    let only: Vec<String> = options.only.iter().map(ToString::to_string).collect();
    let mine = claims.into_iter().enumerate().filter(|(n, doc)| {
        options.job.is_none_or(|job| job == *n) && (only.is_empty() || only.contains(&doc.task))
    });
    mine.map(|(_, doc)| doc).collect()
}

/// Of these claims, those that this process is to run: they have no result yet, their leases have not
/// ended, and no other run phase is at them (I2). They are this process's as long as the holds live.
pub(super) fn to_run(
    world: &World<'_>,
    claims: Vec<ClaimDoc>,
    today: Timestamp,
    notes: &mut Vec<String>,
) -> Result<(Vec<ClaimDoc>, Vec<Hold>), TickError> {
    let (mut todo, mut held) = (Vec::new(), Vec::new());
    for doc in claims {
        if read_result(world, doc.session).is_some() {
            continue;
        }
        if doc.claim.lease_until <= today {
            let note = format!("{}: its lease has ended; it is not run", doc.task);
            notes.push(note);
            continue;
        }
        let Some(hold) = world.handover.hold(&folder(doc.session))? else {
            let note = format!("{}: another run phase on this machine is at it", doc.task);
            notes.push(note);
            continue;
        };
        // Whoever had it until now may just have ended it, or published that it has ended.
        if read_result(world, doc.session).is_some() || !claims_file::names(world, doc.session)? {
            continue;
        }
        // The hold proves an earlier phase dead, and nothing of its agent: that may have outlived it.
        let left = world.runner.end_leftovers(doc.session);
        if left > 0 {
            notes.push(format!(
                "{}: {left} processes of a run phase that died were ended",
                doc.task
            ));
        }
        held.push(hold);
        todo.push(doc);
    }
    Ok((todo, held))
}
