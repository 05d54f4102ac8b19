//! What watches over sessions while they run.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::ids::SessionUid;
use crate::domain::money::MicroUsd;
use crate::engine::budget::account::{Account, Standing, Unit};

/// Spent and reserved on an account.
pub(super) fn taken(standing: &Standing, live: &BTreeMap<SessionUid, Unit>) -> MicroUsd {
    let units = standing.live.iter().filter_map(|uid| live.get(uid));
    units.fold(standing.settled, |sum, unit| sum.plus(unit.most()))
}

/// What watches over running sessions: the accounts that they count on, as they stood.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gauge {
    /// Cap on one session.
    #[serde(default)]
    pub per_session: Option<MicroUsd>,
    /// Their accounts.
    #[serde(default)]
    pub standings: Vec<Standing>,
    /// Everything that runs on these accounts, here and elsewhere.
    #[serde(default)]
    pub live: BTreeMap<SessionUid, Unit>,
}

/// Why a running session must stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdrawn {
    /// On which account.
    pub account: Account,
    /// What is spent on it.
    pub spent: MicroUsd,
    /// What may be.
    pub cap: MicroUsd,
}

impl fmt::Display for Overdrawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            account,
            spent,
            cap,
        } = self;
        write!(
            f,
            "the budget {account} is used up: {spent} of {cap} ({})",
            account.setting()
        )
    }
}

impl Gauge {
    /// Notes what a session has spent so far, and says whether it must stop: its own cap is passed,
    /// or what is known to be spent on one of its accounts passes the cap, or it has passed what was
    /// reserved for it and the rest of the account is reserved for others.
    pub fn note(&mut self, session: SessionUid, so_far: MicroUsd) -> Option<Overdrawn> {
        let unit = self.live.entry(session).or_default();
        unit.noted = unit.noted.max(so_far);
        let own = *unit;
        if let Some(cap) = self.per_session.filter(|cap| own.noted > *cap) {
            return Some(Overdrawn {
                account: Account::Session,
                spent: own.noted,
                cap,
            });
        }
        let mine = self.standings.iter().filter(|s| s.live.contains(&session));
        mine.filter_map(|standing| {
            let units = standing.live.iter().filter_map(|uid| self.live.get(uid));
            let known = units.fold(standing.settled, |sum, unit| sum.plus(unit.noted));
            let reserved = taken(standing, &self.live);
            let spent = if known > standing.cap {
                known
            } else if own.noted > own.reserved && reserved > standing.cap {
                reserved
            } else {
                return None;
            };
            Some(Overdrawn {
                account: standing.account.clone(),
                spent,
                cap: standing.cap,
            })
        })
        .next()
    }

    /// Takes a session off: it ended, at this cost.
    pub fn settle(&mut self, session: SessionUid, cost: MicroUsd) {
        self.live.remove(&session);
        for standing in &mut self.standings {
            if standing.live.remove(&session) {
                standing.settled = standing.settled.plus(cost);
            }
        }
    }
}
