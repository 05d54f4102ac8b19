//! What one phase left for the next: results, and what came of the steps at services.

use crate::app::end::End;
use crate::app::tick::documents::{self, ClaimDoc, HANDOVER_VERSION, ResultDoc};
use crate::app::tick::opening;
use crate::app::tick::remote::{self, Done};
use crate::app::tick::report::{TickEvent, TickReport};
use crate::app::tick::{TickError, World, results};
use crate::domain::ids::SessionUid;
use crate::domain::money::Spent;
use crate::domain::record::SessionFinished;
use crate::domain::session::{FailureClass, Outcome};

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

/// The result of a claim: as the run phase left it, or "it left none".
pub(super) fn result_of(
    world: &World<'_>,
    doc: ClaimDoc,
    noted: Option<Spent>,
    notes: &mut Vec<String>,
) -> ResultDoc {
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
        return missing(world, doc, noted, "the run phase left no result");
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
            return missing(
                world,
                doc,
                noted,
                &format!("its work could not be taken over: failed to {error}"),
            );
        }
    }
    result
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
