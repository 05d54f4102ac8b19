//! Assigning a task by `update`: a claim for whoever is named, and as sure as one (I3).

use crate::app::publish::Terms;
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::name;
use crate::app::tracker::request::{Edits, TakeOver};
use crate::app::tracker::values::Checked;
use crate::domain::ids::TaskUid;
use crate::domain::state::State;
use crate::store::Scope;

/// What a change does to the holder of tasks.
pub(super) enum Holding<'a> {
    /// Nothing, or it gives them back.
    Untouched,
    /// It names who holds them from now on.
    Taken(&'a str, &'a TakeOver),
}

impl<'a> Holding<'a> {
    pub(super) fn of(checked: &'a Checked, edits: &'a Edits) -> Self {
        match &checked.set.assignee {
            Some(Some(who)) => Self::Taken(who, &edits.take_over),
            Some(None) | None => Self::Untouched,
        }
    }

    /// What is tried, after "failed to ".
    pub(super) fn what(&self, action: &str) -> String {
        match self {
            Self::Untouched => format!("record that the task is {action}"),
            Self::Taken(..) => "assign the task, as somebody else may hold it there".to_owned(),
        }
    }

    /// A holder is decided on what the remote says now, and reaches it: one that only this clone
    /// knows may be one of two.
    pub(super) fn terms(&self, desk: Desk<'_>, scope: Scope) -> Terms {
        match self {
            Self::Untouched => desk.usual_terms(scope),
            Self::Taken(..) => desk.sure_terms(scope),
        }
    }

    /// Refuses to take a task from somebody who holds it, unless that was asked for.
    pub(super) fn refuse(&self, state: &State, tasks: &[TaskUid]) -> Result<(), TrackerError> {
        let Self::Taken(who, take_over) = self else {
            return Ok(());
        };
        let index = state.index();
        for uid in tasks {
            let holder = state.tasks[uid].details.assignee.value.as_ref();
            let session = index.lease_holder(state, *uid);
            let agent = session
                .and_then(|session| state.sessions[&session].claim.as_ref())
                .map(|(claim, _)| &claim.agent);
            let other = holder.filter(|holder| holder != who && !take_over.from(holder));
            // Whoever takes a task from a running agent stops it first.
            if let Some(holder) = other.or(agent.filter(|_| holder.is_none_or(|h| h != who))) {
                return Err(TrackerError::Claimed {
                    task: name(state, *uid),
                    holder: holder.clone(),
                });
            }
        }
        Ok(())
    }
}
