//! The heartbeat: leases are extended, and the records told what runs have spent.

use std::collections::BTreeMap;
use std::convert::Infallible;

use super::{Drive, Step, half};
use crate::app::publish::{self, Decision, How, Terms};
use crate::domain::ids::{SessionUid, TaskUid};
use crate::domain::money::Spent;
use crate::domain::record::{LockAcquired, Op, SessionRenewed};
use crate::domain::state::State;
use crate::ports::state_repo::Freshness;
use crate::store::{Checkpoint, Scope};

impl Drive<'_, '_, '_> {
    /// Extends the leases and locks of what runs; stops what lost its lease or was told to stop.
    pub(super) fn renew(&mut self) -> Step {
        let now = self.world.context.clock.now();
        if self.pool.running() == 0 || now < self.heartbeat || !self.may_ask() {
            return Ok(());
        }
        let leases = self.world.policy.leases;
        let mine: Vec<_> = self
            .pool
            .sessions()
            .map(|(uid, running)| (*uid, running.lease.task()))
            .collect();
        let till = self.pool.till();
        let spent: BTreeMap<SessionUid, Spent> = mine
            .iter()
            .filter_map(|(uid, _)| Some((*uid, till.so_far(*uid)?)))
            .collect();
        let terms = Terms {
            scope: Scope::Live,
            freshness: Freshness::Local,
            // A renewal kept here alone tells nobody anything. If it cannot be published it is made
            // anew soon, and time alone frees no lease meanwhile.
            how: How::Must(self.limit()),
            checkpoint: Checkpoint::Never,
        };
        let changed = publish::change(self.world.context, &terms, |loaded, minter| {
            let (held, lost) = sort_out(&loaded.state, &mine);
            for (session, task) in held {
                let lease_until = minter.now().plus(leases.lease);
                minter.add(Op::SessionRenewed(SessionRenewed {
                    session,
                    lease_until,
                    spent: spent.get(&session).copied(),
                }));
                if let Some(lock) = loaded
                    .state
                    .locks
                    .get(&session)
                    .filter(|l| l.released.is_none())
                {
                    minter.add(Op::LockAcquired(LockAcquired {
                        session,
                        task,
                        globs: lock.globs.clone(),
                        until: minter.now().plus(leases.lock),
                    }));
                }
            }
            if minter.records().is_empty() {
                return Ok::<_, Infallible>(Decision::Nothing(lost));
            }
            Ok(Decision::write(lost, "renew leases"))
        })?;
        self.heartbeat = now.plus(half(leases.lease));
        self.told = self.world.context.clock.moment();
        for (session, spent) in spent {
            self.pool.till().told(session, spent.cost);
        }
        for session in changed.value {
            self.pool.stop(session);
        }
        Ok(())
    }
}

/// Sessions whose lease is renewed, and those that are ended: who lost its lease, and whose task
/// somebody said stop to.
fn sort_out(
    state: &State,
    mine: &[(SessionUid, TaskUid)],
) -> (Vec<(SessionUid, TaskUid)>, Vec<SessionUid>) {
    let index = state.index();
    let goes_on = |(uid, task): &(SessionUid, TaskUid)| {
        let stopped = state.tasks.get(task);
        let stopped = stopped.is_some_and(|task| task.details.held_by.value.is_some());
        !stopped && index.lease_holder(state, *task) == Some(*uid)
    };
    let (held, lost): (Vec<_>, Vec<_>) = mine.iter().copied().partition(goes_on);
    (held, lost.into_iter().map(|(uid, _)| uid).collect())
}
