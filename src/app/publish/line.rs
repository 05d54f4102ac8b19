//! Waiting: behind the other writers of this clone, and between two tries.

use super::{How, Terms};
use crate::app::context::Context;
use crate::domain::time::{DurationMs, Moment};
use crate::ports::state_repo::{StateRepoError, TakeTurn, Turn};
use crate::store::Checkpoint;

/// What takes longer to decide does not keep the other writers of the clone waiting meanwhile.
const TURN_LIMIT: DurationMs = DurationMs::secs(1);

/// The line of the writers of one clone. Small writes stand in it; what may rewrite the checkpoint (an
/// import, a step of a tick) would keep them waiting for as long as it decides, and competes as across
/// clones.
pub(super) struct Line {
    small: bool,
    began: Moment,
    turn: Option<Turn>,
}

impl Line {
    /// Who reads while another process writes is overtaken: it waits first.
    pub(super) fn join(context: Context<'_>, terms: &Terms) -> Result<Self, StateRepoError> {
        let small = terms.checkpoint == Checkpoint::Never;
        Ok(Self {
            small,
            began: context.clock.moment(),
            turn: match small {
                true => context.repo.turn(TakeTurn::IfBusy, terms.how.reach())?,
                false => None,
            },
        })
    }

    /// Waits before the next try. To be overtaken once is enough, unless others would wait for long.
    pub(super) fn overtaken(
        &mut self,
        context: Context<'_>,
        how: How,
        tries: u32,
    ) -> Result<(), StateRepoError> {
        let quick = self.small && context.clock.moment().since(self.began) < TURN_LIMIT;
        self.turn = match self.turn.take() {
            None if quick => context.repo.turn(TakeTurn::Now, how.reach())?,
            _ => None,
        };
        if self.turn.is_none() {
            back_off(context, tries);
        }
        Ok(())
    }
}

/// Random waiting that grows: contention is cured by spreading the tries (peers.md: 24 writers).
fn back_off(context: Context<'_>, tries: u32) {
    let random = u64::from_str_radix(&context.ids.nonce()[..8], 16).unwrap_or(0);
    let ceiling_ms = 10u64 << tries.min(6);
    context.clock.pause(DurationMs(random % ceiling_ms));
}
