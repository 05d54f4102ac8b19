//! What a session may cost: its time and its money.

use crate::domain::money::{CostSource, MicroUsd, Spent};
use crate::domain::prices;
use crate::domain::remote::{RemotePhase, RemoteView, RemoteWord};
use crate::domain::session::FailureClass;
use crate::domain::time::Timestamp;
use crate::engine::remote::Case;

impl Case<'_> {
    /// Why the session is not wanted any more, before it was seen.
    pub(super) fn unwanted(&self) -> Option<(FailureClass, String)> {
        self.closed().or_else(|| self.late())
    }

    fn late(&self) -> Option<(FailureClass, String)> {
        let limit = self.agent.total_timeout;
        let began = self.began()?;
        (began.plus(limit) <= self.now).then(|| {
            (
                FailureClass::Timeout,
                format!("it ran longer than {} min", limit.0 / 60_000),
            )
        })
    }

    /// Its time counts from its creation; the time that a human took to answer is not its own.
    fn began(&self) -> Option<Timestamp> {
        let remote = &self.session.remote;
        let told = remote.told.values();
        told.filter(|(word, _)| matches!(word, RemoteWord::Message | RemoteWord::Approve))
            .map(|(_, at)| *at)
            .chain(remote.since)
            .max()
            .map(|at| at.ts.wall())
    }

    /// Over its time or its money. Waiting for a human costs neither.
    pub(super) fn over(&mut self, view: &RemoteView) -> Option<(FailureClass, String)> {
        let waits = matches!(
            view.phase,
            RemotePhase::AwaitingAnswer | RemotePhase::AwaitingApproval
        );
        if !waits && let Some(late) = self.late() {
            return Some(late);
        }
        // What has no price is not measured by what it is reckoned at.
        let known = self.priced(view).map(|(cost, _)| cost);
        let over = self.gauge.note(self.uid, known.unwrap_or_default())?;
        Some((FailureClass::Budget, over.to_string()))
    }

    fn priced(&self, view: &RemoteView) -> Option<(MicroUsd, CostSource)> {
        let claim = self.session.claim.as_ref().map(|(claim, _)| claim);
        let claimed = claim.and_then(|claim| claim.model.as_deref());
        let model = view.model.as_deref().or(claimed);
        let model = model.or(self.agent.model.as_deref());
        let provider = claim.and_then(|claim| claim.provider.as_deref());
        let model = model.map(|model| prices::sold_by(provider, model));
        let table = &self.policy.prices;
        table.cost_of(view.cost, model.as_deref(), view.usage, self.now)
    }

    /// What it has spent so far, if the service tells any of it; what has no price as its agent is
    /// reckoned.
    pub(super) fn spent(&self, view: &RemoteView) -> Option<Spent> {
        let usage = view.usage;
        let priced = self.priced(view);
        if priced.is_none() && usage.total() == 0 {
            return None;
        }
        let reckoned = (self.agent.cost_estimate, CostSource::Estimated);
        let (cost, source) = priced.unwrap_or(reckoned);
        Some(Spent {
            usage,
            cost,
            source,
        })
    }
}
