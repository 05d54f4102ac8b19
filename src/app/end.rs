//! When a tick, or a phase of one, must have ended: one moment for the whole of it, and each call of
//! the remote gets what is left (I9).

use crate::app::context::Context;
use crate::domain::time::{DurationMs, Moment};

/// Longest wait for the remote in one call.
pub(in crate::app) const REMOTE_LIMIT: DurationMs = DurationMs::secs(30);
/// Shortest: with less a call is sure to fail.
const LEAST: DurationMs = DurationMs::secs(1);
/// How long the end of a tick may take after its time is up (I9: budget + 10 s).
pub(in crate::app) const END_SLACK: DurationMs = DurationMs::secs(8);

/// That moment.
#[derive(Debug, Clone, Copy)]
pub(in crate::app) struct End(Moment);

impl End {
    /// The end of what may work from `started` for `budget`.
    pub(in crate::app) const fn of(started: Moment, budget: DurationMs) -> Self {
        Self(started.plus(budget).plus(END_SLACK))
    }

    /// Exactly then.
    pub(in crate::app) const fn at(moment: Moment) -> Self {
        Self(moment)
    }

    /// How long one call of the remote may take now.
    pub(in crate::app) fn left(self, context: Context<'_>) -> DurationMs {
        let left = self.0.since(context.clock.moment());
        DurationMs(left.0.clamp(LEAST.0, REMOTE_LIMIT.0))
    }

    /// Nothing that can wait for the next tick is begun any more.
    pub(in crate::app) fn is_over(self, context: Context<'_>) -> bool {
        context.clock.moment() >= self.0
    }
}
