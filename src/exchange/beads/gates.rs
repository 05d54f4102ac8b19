//! Issues of type `gate`: what they wait for, where it means the same here.
//!
//! In beads an issue waits by an edge to the gate, which is closed when what it awaits is there. Here the
//! gate stays a task that nobody works on, with a gate of fleet's in front of it; whoever waits for it
//! may go on as soon as that is open (`engine::ready`).

use serde_json::value::RawValue;

use crate::domain::time::{DurationMs, Timestamp};
use crate::domain::tracking::GateKind;
use crate::exchange::batch::IncomingGate;
use crate::exchange::json;
use crate::exchange::times::time;

/// Fields of a gate, as they were found.
#[derive(Debug, Default)]
pub(super) struct Waits {
    kind: Option<String>,
    id: String,
    /// Nanoseconds.
    timeout: Option<u64>,
    since: Option<Timestamp>,
}

impl Waits {
    /// Takes a field in.
    pub(super) fn hear(&mut self, name: &str, raw: &RawValue) {
        match name {
            "await_type" => self.kind = json::text(raw).map(Into::into),
            "await_id" => self.id = json::word(raw).unwrap_or_default().trim().to_owned(),
            "timeout" => self.timeout = raw.get().parse().ok(),
            _ => self.since = json::text(raw).as_deref().and_then(time),
        }
    }

    /// What it is here; none if it says nothing.
    ///
    /// # Errors
    /// Why it has no equal here, as a remark.
    pub(super) fn mapped(&self) -> Result<Option<IncomingGate>, String> {
        let Some(kind) = self.kind.as_deref().filter(|kind| !kind.is_empty()) else {
            return Ok(None);
        };
        let subject = |kind: GateKind| IncomingGate {
            kind,
            until: None,
            subject: Some(self.id.clone()),
        };
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let gate = match kind {
            "human" => IncomingGate {
                kind: GateKind::Human,
                until: None,
                subject: None,
            },
            "timer" => self.timer()?,
            "gh:pr" if number(self.id.trim_start_matches('#')) || self.is_at("/pull/") => {
                subject(GateKind::Pr)
            }
            "gh:run" if number(&self.id) || self.is_at("/actions/runs/") => subject(GateKind::Ci),
            "gh:run" if !self.id.is_empty() => {
                return Err(self.unlike(
                    "a gate `ci` by name waits for a run on the base branch; `fleet gate add` puts \
                     one up where that is meant",
                ));
            }
            _ => return Err(self.unlike("`fleet gate add` puts one up that fits")),
        };
        Ok(Some(gate))
    }

    fn timer(&self) -> Result<IncomingGate, String> {
        match (self.since, self.timeout.filter(|nanos| *nanos > 0)) {
            (Some(since), Some(nanos)) => Ok(IncomingGate {
                kind: GateKind::Timer,
                until: Some(since.plus(DurationMs(nanos.div_ceil(1_000_000)))),
                subject: None,
            }),
            (None, _) => Err(self.unlike("it has no `created_at` to count from")),
            (_, None) => Err(self.unlike("it has no `timeout`")),
        }
    }

    /// Whether the id is an address at GitHub with this in it.
    fn is_at(&self, part: &str) -> bool {
        self.id.starts_with("https://") && self.id.contains(part)
    }

    fn unlike(&self, why: &str) -> String {
        let kind = self.kind.as_deref().unwrap_or_default();
        let of = if self.id.is_empty() {
            String::new()
        } else {
            format!(" of `{}`", self.id)
        };
        format!("the gate `{kind}`{of} has no equal here, so a human closes it: {why}")
    }
}
