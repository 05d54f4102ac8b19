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
    /// The most of its tightest account that a session may spend whose watch hears nothing of the
    /// others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shares: BTreeMap<SessionUid, Share>,
}

/// What one session may take from an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The account.
    pub account: Account,
    /// The most.
    pub most: MicroUsd,
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
    /// True if these are of one session's share of it.
    pub share: bool,
}

impl fmt::Display for Overdrawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            account,
            spent,
            cap,
            share,
        } = self;
        let share = if *share { "its share of " } else { "" };
        write!(
            f,
            "{share}the budget {account} is used up: {spent} of {cap} ({})",
            account.setting()
        )
    }
}

impl Gauge {
    /// Gives each of these sessions a share of its own: what is reserved for it, and as much of what
    /// nobody has reserved as every other one of them. Together they keep to every cap, though none
    /// hears of another's spend.
    #[must_use]
    pub fn shared_out(mut self, sessions: &[SessionUid]) -> Self {
        let share = |session: &SessionUid| {
            let own = self.live.get(session)?.most();
            let mine = self.standings.iter().filter(|s| s.live.contains(session));
            let shares = mine.map(|standing| {
                let free = standing.cap.0;
                let free = free.saturating_sub(taken(standing, &self.live).0);
                let among = sessions.iter().filter(|s| standing.live.contains(s));
                let among = u64::try_from(among.count()).unwrap_or(u64::MAX).max(1);
                Share {
                    account: standing.account.clone(),
                    most: own.plus(MicroUsd(free / among)),
                }
            });
            Some((*session, shares.min_by_key(|share| share.most)?))
        };
        self.shares = sessions.iter().filter_map(share).collect();
        self
    }

    /// Notes what a session has spent so far, and says whether it must stop: its own cap or share is passed,
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
                share: false,
            });
        }
        let share = self.shares.get(&session);
        if let Some(share) = share.filter(|share| own.noted > share.most) {
            return Some(Overdrawn {
                account: share.account.clone(),
                spent: own.noted,
                cap: share.most,
                share: true,
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
                share: false,
            })
        })
        .next()
    }

    /// Takes a session off: it ended, at this cost.
    pub fn settle(&mut self, session: SessionUid, cost: MicroUsd) {
        self.live.remove(&session);
        self.shares.remove(&session);
        for standing in &mut self.standings {
            if standing.live.remove(&session) {
                standing.settled = standing.settled.plus(cost);
            }
        }
    }
}
