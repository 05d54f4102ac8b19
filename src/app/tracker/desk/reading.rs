//! Reading what is known locally, as far as a command needs it.

use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::domain::ids::{TaskSelector, TaskUid};
use crate::domain::state::State;
use crate::ports::state_repo::{Freshness, StateView};
use crate::store::{self, Bodies, Loaded, Scope};

/// A view and what it says.
pub(in crate::app::tracker) struct Reading {
    pub(in crate::app::tracker) view: StateView,
    pub(in crate::app::tracker) loaded: Loaded,
    one_shot: bool,
}

impl Drop for Reading {
    fn drop(&mut self) {
        let state = std::mem::take(&mut self.loaded.state);
        if self.one_shot {
            std::mem::forget(state);
        }
    }
}

impl Desk<'_> {
    /// Reads what is known locally, without network.
    pub(in crate::app::tracker) fn read(self, scope: Scope) -> Result<Reading, TrackerError> {
        self.look(scope, Bodies::Read)
    }

    /// The same for what shows no bodies: they may be empty.
    pub(in crate::app::tracker) fn skim(self, scope: Scope) -> Result<Reading, TrackerError> {
        self.look(scope, Bodies::MayBeMissing)
    }

    /// The same for what shows tasks only as lists do: nothing of what [`Bodies::OnlyRows`] leaves out.
    pub(in crate::app::tracker) fn glance(self, scope: Scope) -> Result<Reading, TrackerError> {
        self.look(scope, Bodies::OnlyRows)
    }

    /// As told.
    pub(in crate::app::tracker) fn look(
        self,
        scope: Scope,
        bodies: Bodies,
    ) -> Result<Reading, TrackerError> {
        let view = self.seek(self.context.repo.view(Freshness::Local)?)?;
        let loaded = store::load_cached(&view, scope, self.context.repo.cache(), bodies)?;
        self.remarks.damage(&loaded);
        Ok(Reading {
            view,
            loaded,
            one_shot: self.one_shot,
        })
    }

    /// Reads live work; everything, if `found` says that this is not enough.
    pub(in crate::app::tracker) fn read_until<T>(
        self,
        bodies: Bodies,
        find: impl Fn(&State) -> Result<T, TrackerError>,
    ) -> Result<(Reading, T), TrackerError> {
        let mut reading = self.look(Scope::Live, bodies)?;
        match find(&reading.loaded.state) {
            Ok(value) => Ok((reading, value)),
            Err(TrackerError::UnknownTask { .. }) => {
                reading.loaded = store::load(&reading.view, Scope::All)?;
                let value = find(&reading.loaded.state)?;
                Ok((reading, value))
            }
            Err(other) => Err(other),
        }
    }

    /// Reads what a glance left out of these tasks, from the few files that hold them.
    pub(in crate::app::tracker) fn complete(
        self,
        reading: &mut Reading,
        uids: &[TaskUid],
    ) -> Result<(), TrackerError> {
        if reading.loaded.bodies == Bodies::Read {
            return Ok(());
        }
        let state = &reading.loaded.state;
        let numbers = uids.iter().map(|uid| state.number_of(*uid));
        let scope = match numbers.collect::<Option<Vec<_>>>() {
            Some(numbers) => {
                Scope::WithoutEdges(numbers.into_iter().map(TaskSelector::Number).collect())
            }
            None => Scope::All,
        };
        let mut whole = store::load_more(&reading.view, &reading.loaded, scope)?;
        let known = |uid| whole.tasks.get(uid).is_some_and(|t| t.added.is_some());
        if !uids.iter().all(known) {
            whole = store::load_more(&reading.view, &reading.loaded, Scope::All)?;
        }
        for uid in uids {
            reading.loaded.state.complete_task(*uid, &whole);
        }
        Ok(())
    }
}
