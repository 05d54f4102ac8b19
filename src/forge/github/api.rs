//! The way to the API: one client, one call at a time, a budget, a pace for writes, answers that
//! are asked for again only if they changed.
//!
//! octocrab without its retry: it would send a POST again after a 502 whose effect had happened.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::domain::time::Timestamp;
use crate::forge::github::GitHubConfig;
use crate::forge::github::access;
use crate::forge::github::cache::Cache;
use crate::forge::github::client::{self, Client, Head, scrub};
use crate::forge::github::people::Viewer;
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
    /// A read that no kept answer may stand in for: of what somebody may do.
    GetFresh,
    /// A read after the pause that is kept between two writes: for what follows with a delay.
    GetLater,
    /// A read whose answer is the address of the text, at another host.
    GetElsewhere,
    Post(&'a serde_json::Value),
    Patch(&'a serde_json::Value),
    /// GraphQL that only reads; the route does not count.
    Query(&'a serde_json::Value),
    /// GraphQL that changes something; the route does not count.
    Mutate(&'a serde_json::Value),
}

impl Ask<'_> {
    pub(super) const fn is_write(self) -> bool {
        matches!(self, Self::Post(_) | Self::Patch(_) | Self::Mutate(_))
    }
}

/// One tick's conversation with the API.
#[derive(Default)]
pub(super) struct Session {
    pub(super) client: Option<Client>,
    last_write: Option<Instant>,
    limited_until: Option<Timestamp>,
    pub(super) used: u32,
    pub(super) server_time: Option<Timestamp>,
    /// Milliseconds by which this machine's clock is ahead of the forge's.
    pub(super) ahead_ms: i64,
    pub(super) notes: Vec<String>,
    /// When the token in use ends, if it does.
    pub(super) token_until: Option<Timestamp>,
    /// What must not be repeated from an answer: tokens.
    pub(super) secrets: Vec<SecretString>,
    /// What people may do, as the forge said in this tick.
    pub(super) may_write: BTreeMap<String, bool>,
    /// Whose token it is, once asked.
    pub(super) viewer: Option<Viewer>,
    /// True once the forge said that it does not speak GraphQL to this token.
    pub(super) no_graphql: bool,
    /// True if the last call was answered, however badly.
    pub(super) answered: bool,
}

/// A session and what it works with.
pub(super) struct Api<'a> {
    pub(super) config: &'a GitHubConfig,
    pub(super) clock: &'a dyn Clock,
    pub(super) names: &'a Names,
    pub(super) session: &'a mut Session,
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
        access::ensure(self, what)?;
        self.exchange(what, ask, route)
    }

    /// As `call`, with the client as it stands: for what brings the token.
    pub(super) fn exchange(
        &mut self,
        what: &str,
        ask: Ask<'_>,
        route: &str,
    ) -> Result<Answer, ForgeError> {
        self.admit(what)?;
        self.session.used += 1;
        let cache = matches!(ask, Ask::Get).then(|| self.cache()).flatten();
        let kept = cache.as_ref().and_then(|cache| cache.find(route));
        let etag = kept.as_ref().map(|kept| kept.etag.as_str());
        let mut answer = self.send(what, ask, route, etag)?;
        let now = self.clock.now();
        if let (304, Some(kept)) = (answer.status, kept) {
            answer.status = 200;
            answer.body = kept.body;
            answer.last_page = kept.last_page;
        } else if let (200, Some(cache)) = (answer.status, &cache) {
            cache.keep(route, &answer);
        }
        let elsewhere = matches!(ask, Ask::GetElsewhere) && answer.location.is_some();
        if let Some(error) = refusal::always(what, &answer, self.names, now).filter(|_| !elsewhere)
        {
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

    /// Keeps a limit that was told in another way than by a status.
    pub(super) const fn limited_until(&mut self, until: Timestamp) {
        self.session.limited_until = Some(until);
    }

    fn cache(&self) -> Option<Cache> {
        // What is asked with an App's proof is asked once.
        if self.config.app.is_some() && self.session.token_until.is_none() {
            return None;
        }
        let dir = self.config.cache_dir.clone()?;
        let client = self.session.client.as_ref()?;
        Some(Cache::new(dir, &self.config.api_base, &client.token))
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

    fn send(
        &mut self,
        what: &str,
        ask: Ask<'_>,
        route: &str,
        etag: Option<&str>,
    ) -> Result<Answer, ForgeError> {
        let gap = self.config.write_gap.std();
        let not_before = match ask {
            Ask::GetLater => Some(Instant::now() + gap),
            _ if ask.is_write() => self.session.last_write.map(|last| last + gap),
            _ => None,
        };
        let limit = self.config.timeout.std();
        self.session.answered = false;
        let work = async |client: &Client| {
            if let Some(at) = not_before {
                tokio::time::sleep_until(at).await;
            }
            let sent = tokio::time::timeout(limit, client.exchange(ask, route, etag)).await;
            (sent, Instant::now())
        };
        let client = self.session.client.as_ref();
        let outcome = client.and_then(|client| client.wait(work(client)));
        let Some((sent, ended)) = outcome else {
            return Err(unreachable(what, "the client broke down".into()));
        };
        if ask.is_write() {
            self.session.last_write = Some(ended);
        }
        let (head, body) = match sent {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                let cause = client::seen(&error, limit, &self.session.secrets);
                return Err(unreachable(what, cause));
            }
            Err(_) => return Err(unreachable(what, client::late(limit))),
        };
        self.session.answered = true;
        let Head { answer, date } = head;
        self.look_at_the_clock(date.as_deref());
        Ok(Answer {
            body: scrub(&body, &self.session.secrets),
            ..answer
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
        let signed = i64::try_from(skew).unwrap_or(0);
        self.session.ahead_ms = if here > server { signed } else { -signed };
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

pub(super) fn unreachable(what: &str, cause: String) -> ForgeError {
    ForgeError::Unreachable {
        what: what.to_owned(),
        cause,
    }
}

pub(super) fn denied(what: &str, cause: String) -> ForgeError {
    ForgeError::Denied {
        what: what.to_owned(),
        cause,
    }
}

/// Reads a success. A body that cannot be read is an unknown effect, not a refusal.
pub(super) fn parse<T: DeserializeOwned>(what: &str, answer: &Answer) -> Result<T, ForgeError> {
    serde_json::from_str(&answer.body).map_err(|error| {
        unreachable(
            what,
            format!(
                "the answer cannot be read ({}); a later tick asks again",
                fragment(&error.to_string())
            ),
        )
    })
}
