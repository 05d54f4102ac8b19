//! One provider: keys in turn, bounded retries that obey what it asks, and the whole reply or one error.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::money::Usage;
use crate::domain::provider::ProviderSpec;
use crate::domain::time::DurationMs;
use crate::ports::clock::{Clock, Ids};
use crate::ports::model::{
    Health, Model, ModelError, ModelEvent, ModelInfo, ModelReply, ModelRequest, ModelTrouble,
};
use crate::ports::runner::Cancel;
use crate::providers::families;
use crate::providers::http::{Exchange, Line, Sent, header_map};
use crate::providers::listen::{cancelled, head, is_stream, object, pause, rest, stream};
use crate::providers::refusal::refusal;
use crate::providers::trouble::{Trouble, quote};
use crate::providers::wires::{Ask, Reading, Wire, wire};

/// First wait between two tries, and the longest one that nobody asked for.
const BACK_OFF_MS: u64 = 500;
const BACK_OFF_MAX_MS: u64 = 20_000;
/// Most pages of a list of models.
const PAGES_MAX: usize = 50;
/// Tokens that a health check may produce.
const PROBE_TOKENS: u32 = 16;

/// A key and where it was found, which may be named.
#[derive(Clone)]
pub struct Key {
    /// Name of the environment variable or of the secret.
    pub source: String,
    /// The key itself.
    pub value: SecretString,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// A provider that can be called.
pub(super) struct Provider {
    spec: ProviderSpec,
    wire: Box<dyn Wire>,
    /// The newest first.
    keys: Vec<Key>,
    /// The key that was taken last.
    current: AtomicUsize,
    line: OnceLock<Result<Line, Trouble>>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl Provider {
    pub(super) fn new(
        spec: ProviderSpec,
        keys: Vec<Key>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        Self {
            wire: wire(&spec),
            spec,
            keys,
            current: AtomicUsize::new(0),
            line: OnceLock::new(),
            clock,
            ids,
        }
    }

    fn error(&self, trouble: Trouble, usage: Usage) -> ModelError {
        let mut error = trouble.into_error(&self.spec.name, self.clock.now(), usage);
        // A provider may quote the key that it refuses.
        for key in &self.keys {
            let key = key.value.expose_secret();
            if key.len() >= 4 {
                error.message = error.message.replace(key, "[key]");
            }
        }
        if error.class == ModelTrouble::Auth && error.hint.is_empty() {
            let sources: Vec<&str> = self.keys.iter().map(|key| key.source.as_str()).collect();
            error.hint = format!("put a valid key into {}", sources.join(" or "));
        }
        error
    }

    fn line(&self) -> Result<&Line, Trouble> {
        let made = self
            .line
            .get_or_init(|| Line::new(&self.spec.base_url, self.spec.limits));
        made.as_ref().map_err(Clone::clone)
    }

    /// Sends a request with one of the keys.
    fn send(&self, ask: &Ask, key: Option<&Key>) -> Result<Exchange, Trouble> {
        let ours = ask
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let json = [("content-type", "application/json")];
        let configured = self.spec.headers.iter();
        let plain = ours
            .chain(json.into_iter().filter(|_| ask.body.is_some()))
            .chain(configured.map(|(name, value)| (name.as_str(), value.as_str())));
        let carried = key.map(|key| self.wire.key(key.value.expose_secret()));
        let headers = header_map(
            plain,
            carried
                .as_ref()
                .map(|(name, value)| (*name, value.as_str())),
        )?;
        self.line()?.begin(Sent {
            url: format!("{}{}", self.spec.base_url, ask.path),
            headers,
            body: ask.body.as_ref().map(|body| body.to_string().into_bytes()),
        })
    }

    /// One try with one key. A stream is read as it comes; `None` reads a plain answer only.
    fn attempt(
        &self,
        ask: &Ask,
        key: Option<&Key>,
        reading: Option<&mut dyn Reading>,
        on: &mut dyn FnMut(ModelEvent),
        cancel: &Cancel,
    ) -> Result<Vec<u8>, Trouble> {
        let exchange = self.send(ask, key)?;
        let (status, headers) = head(&exchange, cancel)?;
        if !(200..300).contains(&status) {
            let body = rest(&exchange, cancel).unwrap_or_default();
            let body = String::from_utf8_lossy(&body);
            return Err(refusal(status, &headers, &body, self.clock.now()));
        }
        match reading {
            Some(reading) if is_stream(&headers) => {
                stream(&exchange, reading, on, cancel)?;
                exchange.release();
                Ok(Vec::new())
            }
            Some(reading) => {
                let body = rest(&exchange, cancel)?;
                reading.whole(&object(&body)?, on)?;
                Ok(Vec::new())
            }
            None => rest(&exchange, cancel),
        }
    }

    /// Tries keys and tries again, within the limits. `once` makes one try with one key.
    fn persist<T>(
        &self,
        retries: u32,
        on: &mut dyn FnMut(ModelEvent),
        cancel: &Cancel,
        mut once: impl FnMut(Option<&Key>, &mut dyn FnMut(ModelEvent)) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let mut refused = 0;
        let mut failed: u32 = 0;
        loop {
            if cancel.is_asked() {
                return Err(cancelled());
            }
            let at = self.current.load(Ordering::Relaxed);
            let key = self.keys.get(at % self.keys.len().max(1));
            let trouble = match once(key, on) {
                Ok(done) => return Ok(done),
                Err(trouble) => trouble,
            };
            if trouble.class == ModelTrouble::Auth && refused + 1 < self.keys.len() {
                // Another valid key may be in force; which one it is holds for later calls too.
                refused += 1;
                self.current
                    .store((at + 1) % self.keys.len(), Ordering::Relaxed);
                continue;
            }
            failed += 1;
            if !trouble.passes || failed > retries {
                return Err(trouble);
            }
            let wait = trouble.wait.unwrap_or_else(|| self.back_off(failed));
            if wait > self.spec.limits.max_wait {
                return Err(Trouble {
                    wait: Some(wait),
                    ..trouble
                });
            }
            pause(wait, cancel)?;
            on(ModelEvent::Retrying {
                attempt: failed + 1,
                wait_ms: wait.0,
                cause: trouble.message,
            });
        }
    }

    /// Doubling waits, of which chance takes up to a half.
    fn back_off(&self, failed: u32) -> DurationMs {
        let most = BACK_OFF_MS
            .saturating_mul(1 << failed.saturating_sub(1).min(16))
            .min(BACK_OFF_MAX_MS);
        let nonce = self.ids.nonce();
        let chance = u64::from_str_radix(nonce.get(..8).unwrap_or("0"), 16).unwrap_or(0);
        DurationMs(most / 2 + chance % (most / 2 + 1))
    }

    fn check(&self, request: &ModelRequest) -> Result<(), Trouble> {
        request
            .check()
            .map_err(|what| Trouble::new(ModelTrouble::Invalid, what))?;
        let listed = self.spec.models.is_empty() || self.spec.models.contains(&request.model);
        if !listed {
            return Err(Trouble::new(
                ModelTrouble::Invalid,
                format!(
                    "`{}` is none of its configured models",
                    quote(&request.model)
                ),
            )
            .hint(format!(
                "add it to providers.{}.models in .orchestra/config.toml, or ask for one of {}",
                self.spec.name,
                self.spec.models.join(", ")
            )));
        }
        let addressable = |c: char| c.is_ascii_alphanumeric() || "-_.:/@+".contains(c);
        let model = &request.model;
        if model.is_empty() || !model.chars().all(addressable) || model.contains("..") {
            let what = format!("`{}` is no name of a model", quote(model));
            return Err(Trouble::new(ModelTrouble::Invalid, what));
        }
        Ok(())
    }

    fn generate_with(
        &self,
        request: &ModelRequest,
        retries: u32,
        on: &mut dyn FnMut(ModelEvent),
        cancel: &Cancel,
    ) -> Result<ModelReply, ModelError> {
        if let Err(trouble) = self.check(request) {
            return Err(self.error(trouble, Usage::default()));
        }
        let ask = self.wire.ask(request, self.spec.stream);
        // Tokens of tries that failed are spent all the same.
        let mut spent = Usage::default();
        let got = self.persist(retries, on, cancel, |key, on| {
            let mut reading = self.wire.reading();
            let before = spent;
            let mut told = |event: ModelEvent| {
                on(match event {
                    ModelEvent::Usage(usage) => ModelEvent::Usage(before.plus(usage)),
                    other => other,
                });
            };
            let got = self
                .attempt(&ask, key, Some(&mut *reading), &mut told, cancel)
                .and_then(|_| reading.reply());
            spent = before.plus(reading.usage());
            got
        });
        match got {
            Ok(reply) => Ok(ModelReply {
                // What the last try cost is not what all of them did.
                cost: reply.cost.filter(|_| spent == reply.usage),
                usage: spent,
                model: if reply.model.is_empty() {
                    request.model.clone()
                } else {
                    reply.model
                },
                ..reply
            }),
            Err(trouble) => Err(self.error(trouble, spent)),
        }
    }

    fn pages(&self) -> Result<Vec<ModelInfo>, Trouble> {
        let mut all = Vec::new();
        let mut page: Option<String> = None;
        let cancel = Cancel::default();
        for _ in 0..PAGES_MAX {
            let ask = self.wire.list(page.as_deref());
            let retries = self.spec.limits.max_retries;
            let body = self.persist(retries, &mut |_| {}, &cancel, |key, on| {
                self.attempt(&ask, key, None, on, &cancel)
            })?;
            let (models, next) = self.wire.listed(&object(&body)?);
            all.extend(models);
            let plain = |token: &String| {
                token
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.=".contains(c))
            };
            page = next.filter(plain);
            if page.is_none() {
                break;
            }
        }
        if !self.spec.models.is_empty() {
            all.retain(|model| self.spec.models.contains(&model.id));
        }
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all.dedup_by(|a, b| a.id == b.id);
        Ok(all)
    }
}

impl Model for Provider {
    fn provider(&self) -> &str {
        &self.spec.name
    }

    fn context_window(&self, model: &str) -> Option<u64> {
        self.spec.context_window.or_else(|| families::window(model))
    }

    fn generate(
        &self,
        request: &ModelRequest,
        on: &mut dyn FnMut(ModelEvent),
        cancel: &Cancel,
    ) -> Result<ModelReply, ModelError> {
        self.generate_with(request, self.spec.limits.max_retries, on, cancel)
    }

    fn models(&self) -> Result<Vec<ModelInfo>, ModelError> {
        self.pages()
            .map_err(|trouble| self.error(trouble, Usage::default()))
    }

    fn health(&self, model: &str) -> Result<Health, ModelError> {
        let request = ModelRequest::new(model, "Answer with the word ok.", PROBE_TOKENS);
        let begun = Instant::now();
        let reply = self.generate_with(&request, 0, &mut |_| {}, &Cancel::default())?;
        Ok(Health {
            model: reply.model,
            latency_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            usage: reply.usage,
            cost: reply.cost,
        })
    }
}
