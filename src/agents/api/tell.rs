//! Events of the loop: bounded, redacted, into the journal and to whoever listens.

use crate::agents::Setup;
use crate::agents::journal::{Journal, scrub};
use crate::agents::run::MAX_EVENTS;
use crate::domain::money::{MicroUsd, Usage};
use crate::ports::runner::AgentEvent;

/// Tells what happens.
pub(crate) struct Teller<'a> {
    setup: &'a Setup,
    journal: Journal,
    events: &'a mut dyn FnMut(AgentEvent),
    passed: u32,
}

impl<'a> Teller<'a> {
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
        self.passed += 1;
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

    pub(crate) fn status(&mut self, text: impl Into<String>) {
        self.tell(AgentEvent::Status { text: text.into() });
    }

    pub(crate) fn error(&mut self, text: impl Into<String>) {
        self.tell(AgentEvent::Error { text: text.into() });
    }

    pub(crate) fn spent(&mut self, usage: Usage, cost: Option<MicroUsd>) {
        self.tell(AgentEvent::Usage { usage, cost });
    }
}
