//! `fleet intake` by itself, outside a tick.

use crate::app::intake::report::IntakeReport;
use crate::app::intake::{Intake, IntakeError, IntakeOptions, take_in};
use crate::app::tick::World;
use crate::domain::time::DurationMs;
use crate::ports::state_repo::Freshness;

/// Longest wait for the remote in one call.
const REMOTE_LIMIT: DurationMs = DurationMs::secs(30);

pub(super) fn run(
    world: &World<'_>,
    dry_run: bool,
    limit: Option<u32>,
) -> Result<IntakeReport, IntakeError> {
    let intake = Intake {
        context: world.context,
        policy: world.policy,
        tickets: world.tickets.ok_or(IntakeError::NoTickets)?,
    };
    let how = IntakeOptions {
        dry_run,
        limit,
        freshness: Freshness::Fetch(REMOTE_LIMIT),
        publish_limit: REMOTE_LIMIT,
    };
    take_in(&intake, how)
}
