//! Events of a run on their way out: bounded, redacted, into the journal and to whoever listens.

use crate::agents::Setup;
use crate::agents::journal::{Journal, scrub};
use crate::ports::runner::AgentEvent;

/// After so many events of a run only money, errors and the end are passed on.
const MAX_EVENTS: u32 = 5000;

/// Tells what happens.
pub(crate) struct Telling<'a> {
    setup: &'a Setup,
    journal: Journal,
    events: &'a mut dyn FnMut(AgentEvent),
    passed: u32,
}

impl<'a> Telling<'a> {
    pub(crate) fn new(
        setup: &'a Setup,
        journal: Journal,
        events: &'a mut dyn FnMut(AgentEvent),
    ) -> Self {
        Self {
            setup,
            journal,
            events,
            passed: 0,
        }
    }

    /// One event; of very many only those that count are told.
    pub(crate) fn tell(&mut self, event: AgentEvent) {
        let matters = matches!(
            event,
            AgentEvent::SessionStarted { .. }
                | AgentEvent::Usage { .. }
                | AgentEvent::SessionFinished { .. }
        );
        self.passed = self.passed.saturating_add(1);
        let event = match self.passed.cmp(&MAX_EVENTS) {
            std::cmp::Ordering::Less => event,
            _ if matters => event,
            std::cmp::Ordering::Equal => AgentEvent::Status {
                text: "it says a great deal; what follows is not shown".to_owned(),
            },
            std::cmp::Ordering::Greater => return,
        };
        let event = scrub(event, &self.setup.redact);
        self.journal.write(self.setup.clock.now(), &event);
        (self.events)(event);
    }
}
