//! What running sessions spend: known to all threads of a tick, and measured against the budgets.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::ids::SessionUid;
use crate::domain::money::{MicroUsd, Spent};
use crate::engine::budget::{Gauge, Overdrawn};

/// The till of one tick.
#[derive(Debug, Default)]
pub(super) struct Till(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    gauge: Gauge,
    so_far: BTreeMap<SessionUid, Spent>,
    /// What others can read of it in the records.
    told: BTreeMap<SessionUid, MicroUsd>,
}

impl Till {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Every change is one assignment, so a thread that died left nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the budgets as the newest state has them, with what is known here.
    pub(super) fn renew(&self, gauge: Gauge) {
        let mut inner = self.inner();
        inner.gauge = gauge;
        for (session, spent) in inner.so_far.clone() {
            if inner.gauge.live.contains_key(&session) {
                // Who must stop is told at its own next word.
                let _ = inner.gauge.note(session, spent.cost);
            }
        }
    }

    /// A session says what it has spent so far; gives the reason if it must stop.
    pub(super) fn note(&self, session: SessionUid, spent: Spent) -> Option<Overdrawn> {
        let mut inner = self.inner();
        inner.so_far.insert(session, spent);
        inner.gauge.note(session, spent.cost)
    }

    /// What a session is known to have spent.
    pub(super) fn so_far(&self, session: SessionUid) -> Option<Spent> {
        self.inner().so_far.get(&session).copied()
    }

    /// The records say so much of a session.
    pub(super) fn told(&self, session: SessionUid, cost: MicroUsd) {
        self.inner().told.insert(session, cost);
    }

    /// True if a session has spent more than others reckon it at by the records.
    pub(super) fn has_untold(&self) -> bool {
        let inner = self.inner();
        inner.so_far.iter().any(|(session, spent)| {
            let reserved = inner.gauge.live.get(session).map(|unit| unit.reserved);
            let told = inner.told.get(session).copied().unwrap_or_default();
            reserved.is_some_and(|reserved| spent.cost > reserved.max(told))
        })
    }

    /// A session ended at this cost.
    pub(super) fn settle(&self, session: SessionUid, cost: MicroUsd) {
        let mut inner = self.inner();
        inner.so_far.remove(&session);
        inner.told.remove(&session);
        inner.gauge.settle(session, cost);
    }
}
