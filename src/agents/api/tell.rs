//! What the loop has to say, in short.

use crate::agents::telling::Telling;
use crate::domain::money::{MicroUsd, Usage};
use crate::ports::runner::AgentEvent;

impl Telling<'_> {
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
