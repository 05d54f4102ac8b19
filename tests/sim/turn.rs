//! Whose turn it is in a process: that of the thread it began with, or of the one with an agent.
//!
//! The product lets both go on at once. Here one rests while the other acts, so that a seed has one
//! order: the first thread rests from its pulse on (it waits for the agents then, and sees the time
//! stand still if it wakes for nothing); the agent's thread begins only then, and may hand the turn
//! over with an event and wait for the next pulse, so that leases are renewed while it works.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use fleet::app::tick::report::TickEvent;
use fleet::domain::time::Timestamp;
use fleet::ports::runner::AgentEvent;

/// The event with which an agent's thread hands the turn over.
const OVER: &str = "the turn goes over";
/// In real time. Only a defect of the simulation makes anybody wait so long.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(crate) struct Turn {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    /// The first thread rests, and its clock stands still.
    rests: Option<Timestamp>,
    /// The agent's thread waits until the first one has had its turn.
    asked: bool,
    /// The process was killed: nobody waits any more.
    over: bool,
}

impl Turn {
    /// The first thread sees an event.
    pub(crate) fn sees(&self, event: &TickEvent) {
        let mut inner = self.inner.lock().unwrap();
        match event {
            TickEvent::Agent {
                event: AgentEvent::Status { text },
                ..
            } if text == OVER => {
                inner.asked = false;
                inner.rests = None;
            }
            TickEvent::Pulse { at } if !inner.asked && inner.rests.is_none() => {
                inner.rests = Some(*at);
                self.changed.notify_all();
            }
            _ => {}
        }
    }

    /// The first thread acts again.
    pub(crate) fn acts(&self) {
        self.inner.lock().unwrap().rests = None;
    }

    /// What the clock of the first thread shows, if it rests.
    pub(crate) fn time_at_rest(&self) -> Option<Timestamp> {
        self.inner.lock().unwrap().rests
    }

    /// An agent's thread waits until the first one rests.
    pub(crate) fn wait(&self) {
        let inner = self.inner.lock().unwrap();
        let waits = |inner: &mut Inner| !inner.over && (inner.asked || inner.rests.is_none());
        let (_inner, waited) = self
            .changed
            .wait_timeout_while(inner, PATIENCE, waits)
            .unwrap();
        assert!(
            !waited.timed_out(),
            "the first thread does not come to rest"
        );
    }

    /// An agent's thread lets the first one have its turn.
    pub(crate) fn hand_over(&self, events: &mut dyn FnMut(AgentEvent)) {
        self.inner.lock().unwrap().asked = true;
        events(AgentEvent::Status {
            text: OVER.to_owned(),
        });
        self.wait();
    }

    pub(crate) fn end(&self) {
        self.inner.lock().unwrap().over = true;
        self.changed.notify_all();
    }
}
