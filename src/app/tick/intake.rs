//! Issues, as the first step of a tick.

use crate::app::end::End;
use crate::app::intake::report::TakenIn;
use crate::app::intake::tell::{self, Telling};
use crate::app::intake::{Intake, IntakeError, IntakeOptions, take_in};
use crate::app::tick::report::{TickEvent, TickReport};
use crate::app::tick::{TickError, TickOptions, World};
use crate::domain::time::{DurationMs, Moment};
use crate::ports::state_repo::{Freshness, StateView};

/// How long a phase that runs no agent may go on saying things.
pub(super) const SAYING_LIMIT: DurationMs = DurationMs::mins(2);

/// Takes issues in, if that is configured. Trouble with the forge is a note: work that is known goes
/// on without it. Gives the view to go on with.
pub(super) fn step(
    world: &World<'_>,
    options: &TickOptions,
    end: End,
    view: StateView,
    report: &mut TickReport,
    on: &mut dyn FnMut(TickEvent),
) -> Result<StateView, TickError> {
    let Some(tickets) = world.tickets.filter(|_| world.policy.intake.enabled) else {
        return Ok(view);
    };
    on(TickEvent::Step("take issues in"));
    let intake = Intake {
        context: world.context,
        policy: world.policy,
        tickets,
    };
    let how = IntakeOptions {
        dry_run: options.dry_run,
        limit: None,
        // The newest state was fetched a moment ago.
        freshness: Freshness::Local,
        publish_limit: end.left(world.context),
    };
    let taken = match take_in(&intake, how) {
        Ok(taken) => taken,
        Err(IntakeError::ForgeDenied(why) | IntakeError::ForgeLater(why)) => {
            let note = format!("issues were not taken in: {why}");
            report.notes.push(note);
            return Ok(view);
        }
        Err(IntakeError::Change(error)) => return Err(error.into()),
        Err(IntakeError::Store(error)) => return Err(error.into()),
        Err(IntakeError::Repo(error)) => return Err(error.into()),
        Err(IntakeError::Unreachable { cause }) => return Err(TickError::Unreachable { cause }),
        Err(IntakeError::NotInitialised { branch }) => {
            return Err(TickError::NotInitialised { branch });
        }
        Err(IntakeError::NoTickets) => return Ok(view),
    };
    let changed = [&taken.created, &taken.updated, &taken.closed];
    let lines = changed.into_iter().flatten().map(line);
    report.reconciled.extend(lines);
    report.reconciled.extend(taken.answered.iter().cloned());
    report.notes.extend(taken.notes.iter().cloned());
    let quiet = taken.is_quiet();
    report.intake = Some(taken);
    if quiet || options.dry_run {
        return Ok(view);
    }
    Ok(world.context.repo.view(Freshness::Local)?)
}

/// Says at the forge what became of issues and what is asked, for as long as `until`. Trouble is a
/// note: a later tick says it.
pub(super) fn tell(world: &World<'_>, until: Moment, end: End, report: &mut TickReport) {
    let Some(tickets) = world.tickets.filter(|_| !report.dry_run) else {
        return;
    };
    let telling = Telling {
        context: world.context,
        policy: world.policy,
        tickets,
        forge: world.forge,
        secrets: world.secrets,
        until,
        end,
    };
    match tell::tell(&telling) {
        Ok(notes) => report.notes.extend(notes),
        Err(error) => report.notes.push(format!(
            "what was said at the forge is not on record yet: {error}"
        )),
    }
}

fn line(row: &TakenIn) -> String {
    format!("{} ({}): {}", row.task, row.reference, row.what)
}
