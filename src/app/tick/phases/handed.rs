//! What one phase left for the next: results, and what came of the steps at services.

use std::collections::BTreeSet;

use crate::app::end::End;
use crate::app::tick::documents::{self, ClaimDoc, HANDOVER_VERSION, ResultDoc};
use crate::app::tick::opening;
use crate::app::tick::remote::{self, Done};
use crate::app::tick::report::{TickEvent, TickReport};
use crate::app::tick::{TickError, TickOptions, World, claims, claims_file, results};
use crate::domain::ids::SessionUid;
use crate::domain::money::{MicroUsd, Spent};
use crate::domain::record::SessionFinished;
use crate::domain::session::{FailureClass, Outcome};
use crate::domain::state::State;
use crate::ports::handover::Hold;

/// Writes down what the steps at services came to.
pub(super) fn settle_remote(
    world: &World<'_>,
    done: Vec<(SessionUid, Done)>,
    end: End,
    report: &mut TickReport,
    on: &mut dyn FnMut(TickEvent),
) -> Result<(), TickError> {
    let (mut bound, mut ended) = (Vec::new(), Vec::new());
    for (session, one) in done {
        match one {
            Done::Bound(created) => bound.push((session, created)),
            Done::Ended(result) => ended.push(*result),
            Done::Note(note) => report.notes.push(note),
            Done::Goes => {}
        }
    }
    if !bound.is_empty() {
        remote::bind(world, &mut bound, end.left(world.context))?;
    }
    if !ended.is_empty() {
        let finished = results::finish(world, &ended, end)?;
        for line in finished.lines {
            report.end(line, on);
        }
        report.notes.extend(finished.notes);
    }
    Ok(())
}

/// What a publish phase found in the folder.
#[derive(Default)]
pub(super) struct Taken {
    /// Results of what holds its lease.
    pub(super) found: Vec<ResultDoc>,
    /// Sessions that had ended before, and what each cost.
    pub(super) ended: Vec<(SessionUid, MicroUsd)>,
    /// No run phase begins one of these meanwhile.
    _held: Vec<Hold>,
}

/// The results of the claims that are named; what a run phase is at work on is left to that (I2).
pub(super) fn take(
    world: &World<'_>,
    options: &TickOptions,
    state: &State,
    notes: &mut Vec<String>,
) -> Result<Taken, TickError> {
    let index = state.index();
    let (mut taken, mut seen) = (Taken::default(), BTreeSet::new());
    for doc in claims_file::read(world, options.claims_sha256.as_deref())?.claims {
        let session = doc.session;
        let (Some(known), true) = (state.sessions.get(&session), seen.insert(session)) else {
            continue;
        };
        let Some(doc) = claims::as_published(world, state, &index, session, doc.deliverable) else {
            taken.ended.push((session, claims_file::cost_of(known)));
            continue;
        };
        let hold = world.handover.hold(&documents::folder(session))?;
        if hold.is_none() && opening::read_result(world, session).is_none() {
            notes.push(format!(
                "{}: a run phase is at work on it, and is left to it",
                doc.task
            ));
            continue;
        }
        taken._held.extend(hold);
        let noted = known.spent.value;
        taken.found.push(result_of(world, doc, noted, notes)?);
    }
    Ok(taken)
}

/// The result of a claim: as the run phase left it, or "it left none".
fn result_of(
    world: &World<'_>,
    doc: ClaimDoc,
    noted: Option<Spent>,
    notes: &mut Vec<String>,
) -> Result<ResultDoc, TickError> {
    let folder = documents::folder(doc.session);
    // The claim is the one published, whatever the result says of it.
    let result = opening::read_result(world, doc.session).map(|r| ResultDoc {
        claim: doc.clone(),
        // What costs no attempt is said by the process that holds the lease, not by a directory.
        unstarted: false,
        ..r
    });
    let Some(mut result) = result else {
        notes.push(format!("{}: the run phase left no result", doc.task));
        let none = missing(world, doc, noted, "the run phase left no result");
        // Before that is published: if this phase dies then, a run phase must not begin it.
        documents::put_result(world.handover, &none)?;
        return Ok(none);
    };
    result.start = doc.start();
    if let Some(head) = result.finished.head.clone() {
        let taken = world
            .handover
            .path(&format!("{folder}/work.bundle"))
            .map_err(|error| error.to_string())
            .and_then(|path| {
                world
                    .code
                    .import_bundle(&path, &head)
                    .map_err(|error| error.to_string())
            });
        if let Err(error) = taken {
            notes.push(format!(
                "{}: its work could not be taken over: failed to {error}",
                doc.task
            ));
            return Ok(missing(
                world,
                doc,
                noted,
                &format!("its work could not be taken over: failed to {error}"),
            ));
        }
    }
    Ok(result)
}

fn missing(world: &World<'_>, doc: ClaimDoc, noted: Option<Spent>, why: &str) -> ResultDoc {
    // What it cost is known from its note or the records, even if nothing else came of it.
    let spent = opening::read_spent(world, doc.session).or(noted);
    ResultDoc {
        version: HANDOVER_VERSION,
        finished: SessionFinished {
            session: doc.session,
            outcome: Outcome::Failed {
                class: FailureClass::Infrastructure,
            },
            summary: why.to_owned(),
            head: None,
            paths: Vec::new(),
            verify: Vec::new(),
            agent_session: None,
            model: None,
            usage: spent.unwrap_or_default().usage,
            cost: spent.map(|spent| spent.cost),
            cost_source: spent.unwrap_or_default().source,
            duration_ms: 0,
            sandbox: String::new(),
            journal: None,
        },
        start: doc.claim.base.clone(),
        claim: doc,
        final_message: String::new(),
        outbox: String::new(),
        held: None,
        bundled: false,
        retry_at: None,
        started_at: world.context.clock.now(),
        storage: None,
        unstarted: false,
    }
}
