//! The way to the API: one client, one call at a time, a budget, a pace for writes.
//!
//! octocrab without its retry: it would send a POST again after a 502 whose effect had happened.

use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::domain::time::Timestamp;
use crate::forge::github::GitHubConfig;
use crate::forge::github::client::{self, Client, scrub};
use crate::forge::github::refusal::{self, Answer, Names};
use crate::forge::github::text::fragment;
use crate::ports::clock::Clock;
use crate::ports::forge::ForgeError;

/// Below this many calls left in the quota of the hour, none are made: others need it too.
const QUOTA_FLOOR: u64 = 50;
/// A clock that differs from the forge's by more than this is noted.
const SKEW_MS: u64 = 120_000;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ask<'a> {
    Get,
    /// A read after the pause that is kept between two writes: for what follows with a delay.
    GetLater,
    Post(&'a serde_json::Value),
    Patch(&'a serde_json::Value),
}

/// One tick's conversation with the API.
pub(super) struct Session {
    client: Option<Client>,
    last_write: Option<Instant>,
    limited_until: Option<Timestamp>,
    pub(super) used: u32,
    pub(super) server_time: Option<Timestamp>,
    pub(super) notes: Vec<String>,
}

/// A session and what it works with.
pub(super) struct Api<'a> {
    pub(super) config: &'a GitHubConfig,
    pub(super) clock: &'a dyn Clock,
    pub(super) names: &'a Names,
    pub(super) session: &'a mut Session,
}

impl Session {
    pub(super) const fn new() -> Self {
        Self {
            client: None,
            last_write: None,
            limited_until: None,
            used: 0,
            server_time: None,
            notes: Vec::new(),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A plain drop of a runtime inside another one panics.
        if let Some(client) = self.client.take() {
            client.runtime.shutdown_background();
        }
    }
}

impl Api<'_> {
    /// Keeps a remark for the report, once.
    pub(super) fn note(&mut self, text: String) {
        if !self.session.notes.contains(&text) {
            self.session.notes.push(text);
        }
    }

    /// Calls that reading may still make; a quarter of the budget is kept for opening reviews.
    pub(super) const fn reads_left(&self) -> u32 {
        let max = self.config.max_calls;
        (max - max / 4).saturating_sub(self.session.used)
    }

    /// One call. `Ok` is a success, or a refusal that the asker has to look at (403, 404, 422 …);
    /// limits, a refused token, a moved repository and every failure on the way are errors.
    pub(super) fn call(
        &mut self,
        what: &str,
        ask: Ask<'_>,
        route: &str,
    ) -> Result<Answer, ForgeError> {
        self.admit(what)?;
        self.connect(what)?;
        self.session.used += 1;
        let answer = self.send(what, ask, route)?;
        let now = self.clock.now();
        if let Some(error) = refusal::always(what, &answer, self.names, now) {
            if let ForgeError::RateLimited { retry_at_ms, .. } = &error {
                self.session.limited_until = retry_at_ms.map(Timestamp);
            }
            return Err(error);
        }
        let low = answer.rate_remaining.is_some_and(|left| left < QUOTA_FLOOR)
            && answer
                .rate_limit
                .is_some_and(|limit| limit > 4 * QUOTA_FLOOR);
        if low && let Some(reset_s) = answer.rate_reset_s {
            self.session.limited_until = Some(Timestamp(reset_s.saturating_mul(1000)));
        }
        Ok(answer)
    }

    /// A GET whose answer is wanted.
    pub(super) fn get<T: DeserializeOwned>(
        &mut self,
        what: &str,
        route: &str,
    ) -> Result<T, ForgeError> {
        let answer = self.call(what, Ask::Get, route)?;
        if answer.is_success() {
            parse(what, &answer)
        } else {
            Err(refusal::refused(what, &answer, self.names))
        }
    }

    /// A GET that may fail without harm: `None`, and a note that says why. Errors that the next
    /// call would meet as well are errors here too.
    pub(super) fn get_if_possible<T: DeserializeOwned>(
        &mut self,
        what: &str,
        route: &str,
    ) -> Result<Option<T>, ForgeError> {
        let answer = self.call(what, Ask::Get, route)?;
        let read = if answer.is_success() {
            parse(what, &answer)
        } else {
            Err(refusal::refused(what, &answer, self.names))
        };
        match read {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                self.note(error.to_string());
                Ok(None)
            }
        }
    }

    /// Checks the budget and known limits before anything is sent.
    fn admit(&self, what: &str) -> Result<(), ForgeError> {
        let limited = |cause: String, retry_at_ms| {
            Err(ForgeError::RateLimited {
                what: what.to_owned(),
                cause,
                retry_at_ms,
            })
        };
        if self.session.used >= self.config.max_calls {
            let cause = format!(
                "this tick's budget of {} calls is used (forge.max_calls); the next tick goes on",
                self.config.max_calls
            );
            return limited(cause, None);
        }
        match self.session.limited_until {
            Some(until) if until > self.clock.now() => {
                limited(format!("come back at {until}"), Some(until.0))
            }
            _ => Ok(()),
        }
    }

    /// Builds the client on the first call: a tick without calls does not pay for it.
    fn connect(&mut self, what: &str) -> Result<(), ForgeError> {
        if self.session.client.is_some() {
            return Ok(());
        }
        let client =
            client::build(self.config, self.names).map_err(|cause| ForgeError::Denied {
                what: what.to_owned(),
                cause,
            })?;
        self.session.client = Some(client);
        Ok(())
    }

    fn send(&mut self, what: &str, ask: Ask<'_>, route: &str) -> Result<Answer, ForgeError> {
        let unreachable = |cause: String| ForgeError::Unreachable {
            what: what.to_owned(),
            cause,
        };
        let gap = self.config.write_gap.std();
        let not_before = match ask {
            Ask::Get => None,
            Ask::GetLater => Some(Instant::now() + gap),
            Ask::Post(_) | Ask::Patch(_) => self.session.last_write.map(|last| last + gap),
        };
        let limit = self.config.timeout.std();
        let client = self.session.client.as_ref();
        let client = client.ok_or_else(|| unreachable("there is no client".into()))?;
        let octocrab = &client.octocrab;
        let work = async {
            if let Some(at) = not_before {
                tokio::time::sleep_until(at).await;
            }
            let sent = tokio::time::timeout(limit, client::exchange(octocrab, ask, route)).await;
            (sent, Instant::now())
        };
        // On a thread of its own where a runtime runs already: one cannot wait inside another.
        let (sent, ended) = if tokio::runtime::Handle::try_current().is_ok() {
            std::thread::scope(|scope| scope.spawn(|| client.runtime.block_on(work)).join())
                .map_err(|_| unreachable("the client broke down".into()))?
        } else {
            client.runtime.block_on(work)
        };
        if matches!(ask, Ask::Post(_) | Ask::Patch(_)) {
            self.session.last_write = Some(ended);
        }
        let (head, body) = match sent {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                return Err(unreachable(client::seen(&error, limit, &self.config.token)));
            }
            Err(_) => return Err(unreachable(client::late(limit))),
        };
        self.look_at_the_clock(head.date.as_deref());
        Ok(Answer {
            body: scrub(&body, &self.config.token),
            ..head.answer
        })
    }

    /// Remembers the forge's time, and notes a clock that is off.
    fn look_at_the_clock(&mut self, date: Option<&str>) {
        let parsed = date.and_then(|date| chrono::DateTime::parse_from_rfc2822(date).ok());
        let Some(server) = parsed.and_then(|date| u64::try_from(date.timestamp_millis()).ok())
        else {
            return;
        };
        self.session.server_time = Some(Timestamp(server));
        let here = self.clock.now().0;
        let skew = here.abs_diff(server);
        if skew > SKEW_MS {
            let side = if here > server { "ahead of" } else { "behind" };
            self.note(format!(
                "this machine's clock is {} s {side} the forge's; set it right, or leases expire at the \
                 wrong time",
                skew / 1000
            ));
        }
    }
}

/// Reads a success. A body that cannot be read is an unknown effect, not a refusal.
pub(super) fn parse<T: DeserializeOwned>(what: &str, answer: &Answer) -> Result<T, ForgeError> {
    serde_json::from_str(&answer.body).map_err(|error| ForgeError::Unreachable {
        what: what.to_owned(),
        cause: format!(
            "the answer cannot be read ({}); a later tick asks again",
            fragment(&error.to_string())
        ),
    })
}
