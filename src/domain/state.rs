//! The state: everything that the records say, folded. Built only by `fold`, read by all.

mod index;

pub use index::Index;

use std::collections::BTreeMap;

use crate::domain::dep::DepKind;
use crate::domain::escalation::Escalation;
use crate::domain::ids::{
    EscalationUid, RecordId, ReviewUid, SessionUid, TaskNumber, TaskSelector, TaskUid,
};
use crate::domain::lock::Lock;
use crate::domain::money::MicroUsd;
use crate::domain::record::DepEdge;
use crate::domain::register::{Reg, Stamp};
use crate::domain::review::Review;
use crate::domain::session::Session;
use crate::domain::sorted::Sorted;
use crate::domain::task::{Task, TaskName};
use crate::domain::tasks::Tasks;
use crate::domain::time::{Hlc, Timestamp};
use crate::domain::tracking::Milestone;

/// Key of an edge: `from` depends on `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub struct DepKey {
    pub from: TaskUid,
    pub to: TaskUid,
    pub kind: DepKind,
}

impl DepKey {
    /// Before every edge from this task.
    const fn least(from: TaskUid) -> Self {
        Self {
            from,
            to: TaskUid::LEAST,
            kind: DepKind::Blocks,
        }
    }
}

impl From<DepKey> for DepEdge {
    fn from(DepKey { from, to, kind }: DepKey) -> Self {
        Self { from, to, kind }
    }
}

impl From<&DepEdge> for DepKey {
    fn from(edge: &DepEdge) -> Self {
        let DepEdge { from, to, kind } = *edge;
        Self { from, to, kind }
    }
}

/// Something an agent noticed besides its task.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Finding {
    pub task: TaskUid,
    pub session: SessionUid,
    pub text: String,
    pub at: Stamp,
}

/// An agent, or all agents of a provider, not to be used for a while.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Pause {
    pub until: Timestamp,
    pub reason: String,
}

/// Everything that the records say.
///
/// Two folds of the same set of records, in any order and with repeats, are equal (I14).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// Tasks by identity.
    pub tasks: Tasks,
    /// Edges; `true` = present.
    pub deps: Sorted<DepKey, Reg<bool>>,
    /// Sessions by identity.
    pub sessions: BTreeMap<SessionUid, Session>,
    /// Locks by the session that holds them.
    pub locks: BTreeMap<SessionUid, Lock>,
    /// Reviews by identity.
    pub reviews: BTreeMap<ReviewUid, Review>,
    /// Escalations by identity.
    pub escalations: BTreeMap<EscalationUid, Escalation>,
    /// Findings by record.
    pub findings: BTreeMap<RecordId, Finding>,
    /// Pauses by agent or provider; see [`State::pause_key`].
    pub pauses: BTreeMap<String, Reg<Pause>>,
    /// Saved queries by name; `None` was taken away.
    pub queries: BTreeMap<String, Reg<Option<String>>>,
    /// What is known of milestones, by name.
    pub milestones: BTreeMap<String, Milestone>,
    /// Records of operations that this build does not know, by id: the operation's name.
    pub unknown: BTreeMap<RecordId, String>,
    /// Greatest logical time seen.
    pub clock: Hlc,
    /// Greatest number ever granted; never reused.
    pub max_number: u32,
    /// Numbers and the tasks that claim them; one by more than one task only after a forced merge.
    pub(in crate::domain) numbers: Sorted<(TaskNumber, TaskUid), ()>,
    /// Idempotency keys; the earliest task keeps a contested one.
    pub(in crate::domain) keys: BTreeMap<String, TaskUid>,
}

/// Why a selector names no task. The hints are built by the caller, who knows the verb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unresolved {
    /// Nothing has that name; what was meant may be among these.
    NotFound {
        /// Up to three existing names that look alike.
        near: Vec<TaskName>,
    },
    /// Several have it: a number claimed twice after a forced merge, or a short handle.
    Ambiguous {
        /// All that have it; for a number, the first keeps it.
        candidates: Vec<TaskUid>,
    },
}

impl State {
    /// Where a pause stands in `pauses`: under the provider that limits, if it is known, else under
    /// the agent. No agent has a colon in its name.
    #[must_use]
    pub fn pause_key(agent: &str, provider: Option<&str>) -> String {
        provider.map_or_else(|| agent.to_owned(), |name| format!("provider:{name}"))
    }

    /// The pause that holds an agent longest: its own, or its provider's, then with its name.
    #[must_use]
    pub fn pause_of<'a>(
        &'a self,
        agent: &str,
        provider: Option<&'a str>,
    ) -> Option<(&'a Pause, Option<&'a str>)> {
        let own = self.pauses.get(agent).map(|reg| (&reg.value, None));
        let shared = provider.and_then(|provider| {
            let reg = self.pauses.get(&Self::pause_key(agent, Some(provider)))?;
            Some((&reg.value, Some(provider)))
        });
        own.into_iter().chain(shared).max_by_key(|(p, _)| p.until)
    }

    /// The task that keeps number `n`: the lowest (added, uid) of those that claim it.
    #[must_use]
    pub fn holder_of(&self, n: TaskNumber) -> Option<TaskUid> {
        let mut uids = self.claims_of(n);
        let first = uids.next()?;
        if uids.next().is_none() {
            // Nearly always; asked for every name on screen.
            return Some(first);
        }
        self.claimants(n).first().copied()
    }

    /// Tasks that claim `n`, by identity.
    fn claims_of(&self, n: TaskNumber) -> impl Iterator<Item = TaskUid> {
        let mut numbers = self.numbers.iter();
        // Nearly always every number is there once.
        let first = numbers.next().map_or(n, |((first, _), ())| *first);
        let guess = n.get().saturating_sub(first.get());
        self.numbers
            .range_near(guess as usize, &(n, TaskUid::LEAST))
            .take_while(move |((m, _), ())| *m == n)
            .map(|((_, uid), ())| *uid)
    }

    /// All tasks that claim `n`, the keeper first.
    #[must_use]
    pub fn claimants(&self, n: TaskNumber) -> Vec<TaskUid> {
        let mut all: Vec<_> = self.claims_of(n).collect();
        all.sort_by_key(|uid| {
            let added = self
                .tasks
                .get(uid)
                .and_then(|t| t.added.as_ref())
                .map(|(_, at)| *at);
            (added.is_none(), added, *uid)
        });
        all
    }

    /// Numbers claimed by more than one task, for `doctor`.
    pub fn collisions(&self) -> impl Iterator<Item = (TaskNumber, Vec<TaskUid>)> {
        let numbers = || self.numbers.iter().map(|(claim, ())| claim);
        let twice = numbers().zip(numbers().skip(1));
        let mut twice: Vec<_> = twice
            .filter(|((n, _), (next, _))| n == next)
            .map(|((n, _), _)| *n)
            .collect();
        twice.dedup();
        twice.into_iter().map(|n| (n, self.claimants(n)))
    }

    /// The number in force: the one the task claims, if it keeps it.
    #[must_use]
    pub fn number_of(&self, task: TaskUid) -> Option<TaskNumber> {
        let n = self.tasks.get(&task)?.number.value?;
        (self.holder_of(n) == Some(task)).then_some(n)
    }

    /// What the task is called on screen.
    #[must_use]
    pub fn name_of(&self, task: TaskUid) -> TaskName {
        self.number_of(task)
            .map_or(TaskName::Provisional(task), TaskName::Number)
    }

    /// As [`Self::name_of`], for who has the task at hand.
    #[must_use]
    pub fn name_with(&self, uid: TaskUid, task: &Task) -> TaskName {
        let number = task
            .number
            .value
            .filter(|n| self.holder_of(*n) == Some(uid));
        number.map_or(TaskName::Provisional(uid), TaskName::Number)
    }

    /// The task with idempotency key `key`.
    #[must_use]
    pub fn by_key(&self, key: &str) -> Option<TaskUid> {
        self.keys.get(key).copied()
    }

    /// Resolves a selector exactly; never guesses.
    ///
    /// # Errors
    /// [`Unresolved`] when no task, or more than one, has that name.
    pub fn resolve(&self, selector: &TaskSelector) -> Result<TaskUid, Unresolved> {
        match selector {
            TaskSelector::Number(n) => match self.claimants(*n).as_slice() {
                [] => Err(Unresolved::NotFound {
                    near: self.near(*n),
                }),
                [one] => Ok(*one),
                several => Err(Unresolved::Ambiguous {
                    candidates: several.to_vec(),
                }),
            },
            TaskSelector::Handle(handle) => {
                let hits: Vec<_> = self
                    .tasks
                    .keys()
                    .filter(|uid| uid.handle().starts_with(handle))
                    .collect();
                match hits.as_slice() {
                    [] => Err(Unresolved::NotFound { near: Vec::new() }),
                    [one] => Ok(**one),
                    several => Err(Unresolved::Ambiguous {
                        candidates: several.iter().map(|uid| **uid).collect(),
                    }),
                }
            }
        }
    }

    /// Numbers that look like `n`: neighbours in typing (prefix, one digit more), then the last one.
    fn near(&self, n: TaskNumber) -> Vec<TaskName> {
        let wanted = n.get().to_string();
        let mut numbers = self.numbers.iter().map(|((n, _), ())| *n);
        let mut near: Vec<_> = numbers
            .clone()
            .filter(|m| {
                let m = m.get().to_string();
                m.starts_with(&wanted) || wanted.starts_with(&m)
            })
            .chain(numbers.next_back())
            .map(TaskName::Number)
            .collect();
        near.dedup();
        near.truncate(3);
        near
    }

    /// Edges that are present.
    pub fn live_deps(&self) -> impl Iterator<Item = DepKey> {
        self.deps
            .iter()
            .filter(|(_, reg)| reg.value)
            .map(|(key, _)| *key)
    }

    /// The same, from the edges of this task on.
    pub fn live_deps_since(&self, first: TaskUid) -> impl Iterator<Item = DepKey> {
        self.deps
            .range(&DepKey::least(first))
            .filter(|(_, reg)| reg.value)
            .map(|(key, _)| *key)
    }

    /// Edges from `task`.
    pub fn deps_from(&self, task: TaskUid) -> impl Iterator<Item = DepKey> {
        self.deps
            .range(&DepKey::least(task))
            .take_while(move |(key, _)| key.from == task)
            .filter(|(_, reg)| reg.value)
            .map(|(key, _)| *key)
    }

    /// Money spent on sessions that finished in `[from, to)`.
    #[must_use]
    pub fn spent_between(&self, from: Timestamp, to: Timestamp) -> MicroUsd {
        self.sessions
            .values()
            .filter_map(|s| s.finished.as_ref())
            .filter(|(_, at)| (from..to).contains(&at.ts.wall()))
            .fold(MicroUsd(0), |sum, (f, _)| {
                sum.plus(f.cost.unwrap_or_default())
            })
    }
}
