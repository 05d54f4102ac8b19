//! What every use-case needs: the state repository, time, identities, and who is asking.

use crate::domain::ids::RecordId;
use crate::domain::record::{Op, RECORD_VERSION, Record};
use crate::domain::time::{Hlc, Timestamp};
use crate::ports::clock::{Clock, Ids};
use crate::ports::state_repo::{StateRepo, StateView};
use crate::store::{self, Loaded, Memo, Scope, StoreError};

/// Ports and identity shared by all use-cases.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Where state lives.
    pub repo: &'a dyn StateRepo,
    /// Wall clock.
    pub clock: &'a dyn Clock,
    /// Fresh identities.
    pub ids: &'a dyn Ids,
    /// Who acts: `human:<name>` or `fleet`; goes into every record.
    pub actor: &'a str,
    /// Short random name of this process run; goes into every record.
    pub run: &'a str,
    /// What this process has parsed of the state before.
    pub memo: &'a Memo,
}

impl Context<'_> {
    /// Reads a view. For whatever a command or a tick decides on.
    ///
    /// # Errors
    /// As [`store::load`].
    pub fn load(&self, view: &StateView, scope: Scope) -> Result<Loaded, StoreError> {
        store::load_again(view, scope, self.memo)
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("actor", &self.actor)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

/// Makes the records of one decision.
///
/// When a decision is made again after a lost publish, the same ids come out in the same order, so
/// that a publish whose loss was only apparent does not leave two of everything.
#[derive(Debug)]
pub struct Minter<'a> {
    context: Context<'a>,
    now: Timestamp,
    clock: Hlc,
    ids: Vec<RecordId>,
    records: Vec<Record>,
    frozen: Vec<Record>,
    actor: Option<String>,
}

impl<'a> Minter<'a> {
    pub(in crate::app) fn new(context: Context<'a>) -> Self {
        let now = context.clock.now();
        Self {
            context,
            now,
            clock: Hlc::default(),
            ids: Vec::new(),
            records: Vec::new(),
            frozen: Vec::new(),
            actor: None,
        }
    }

    /// Starts the decision again on a state whose logical clock is `seen`.
    pub(in crate::app) fn restart(&mut self, seen: Hlc) {
        self.now = self.context.clock.now();
        self.clock = seen;
        self.records.clear();
        self.actor = None;
    }

    /// From now on a record that says the same as before at its place is the same, time included.
    pub(in crate::app) fn freeze(&mut self) {
        self.frozen.clone_from(&self.records);
    }

    /// The instant of this decision.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// 128 random bits in hex.
    #[must_use]
    pub fn nonce(&self) -> String {
        self.context.ids.nonce()
    }

    /// Who the following records are by, instead of the context's actor.
    pub fn act_as(&mut self, actor: impl Into<String>) {
        self.actor = Some(actor.into());
    }

    /// Ends [`Minter::act_as`].
    pub fn act_as_self(&mut self) {
        self.actor = None;
    }

    /// Adds a record and gives its id, which is also the identity of what it creates.
    pub fn add(&mut self, op: Op) -> RecordId {
        let at = self.records.len();
        if at == self.ids.len() {
            self.ids.push(self.context.ids.record(self.now));
        }
        if let Some(before) = self.frozen.get(at).filter(|before| before.op == op) {
            self.clock = self.clock.max(before.ts);
            self.records.push(before.clone());
            return before.id;
        }
        if self.frozen.get(at).is_some() {
            // What may have arrived under the old id says something else: one id, one content.
            self.ids[at] = self.context.ids.record(self.now);
        }
        self.clock = self.clock.next(self.now);
        let id = self.ids[at];
        self.records.push(Record {
            v: RECORD_VERSION,
            id,
            ts: self.clock,
            by: self
                .actor
                .clone()
                .unwrap_or_else(|| self.context.actor.to_owned()),
            run: self.context.run.to_owned(),
            op,
        });
        id
    }

    /// Whether a record with that id was made here, in this try or an earlier one.
    #[must_use]
    pub fn has_minted(&self, id: RecordId) -> bool {
        self.ids.contains(&id)
    }

    /// The records so far.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }
}
