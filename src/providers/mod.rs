//! Providers: models behind an API, each on its own wire, behind one port; and how many tokens a
//! text has.
//!
//! Invariants: the environment and files are not read: keys come in, and go into one header of
//! requests to one address; no error, note, event or `Debug` text holds one. A reply is given only
//! if it is whole. Every wait, size and number of tries is bounded, and a cancelled call ends soon.
//! The wires and the reading of refusals are pure; only `http` touches the network.
//!
//! May import: domain, ports.
#![expect(
    clippy::disallowed_methods,
    reason = "this room is the edge to the providers: it measures time, waits, and runs a thread for the network"
)]

mod anthropic;
mod chat;
mod families;
mod gemini;
mod http;
mod listen;
mod provider;
mod refusal;
mod responses;
mod sse;
pub mod tokens;
mod trouble;
mod waits;
mod wires;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::domain::money::Usage;
use crate::domain::provider::{ProviderKind, ProviderSpec};
use crate::ports::clock::{Clock, Ids};
use crate::ports::model::{Model, ModelError, ModelTrouble, Models};
use crate::providers::provider::Provider;

pub use provider::Key;

/// The configured providers with their keys. Nothing is opened before the first call.
#[derive(Clone)]
pub struct Providers {
    providers: BTreeMap<String, Arc<Provider>>,
    /// Providers without the key that they need → where it would be looked for.
    keyless: BTreeMap<String, Vec<String>>,
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.providers.keys()).finish()
    }
}

impl Providers {
    /// Providers of `specs`; `keys` finds the keys of one, the newest first.
    #[must_use]
    pub fn new(
        specs: &BTreeMap<String, ProviderSpec>,
        keys: &dyn Fn(&ProviderSpec) -> Vec<Key>,
        clock: &Arc<dyn Clock>,
        ids: &Arc<dyn Ids>,
    ) -> Self {
        let mut providers = BTreeMap::new();
        let mut keyless = BTreeMap::new();
        for (name, spec) in specs {
            let keys = keys(spec);
            // A model on this machine, or one that is configured to have none.
            let free = spec.key_env.is_empty() || spec.kind == ProviderKind::Ollama;
            if keys.is_empty() && !free {
                keyless.insert(name.clone(), spec.key_env.clone());
                continue;
            }
            let provider = Provider::new(spec.clone(), keys, clock.clone(), ids.clone());
            providers.insert(name.clone(), Arc::new(provider));
        }
        Self { providers, keyless }
    }
}

impl Models for Providers {
    fn providers(&self) -> Vec<String> {
        self.providers
            .keys()
            .chain(self.keyless.keys())
            .cloned()
            .collect()
    }

    fn model(&self, provider: &str) -> Result<Arc<dyn Model>, ModelError> {
        if let Some(found) = self.providers.get(provider) {
            return Ok(found.clone());
        }
        let (class, message, hint) = match self.keyless.get(provider) {
            Some(names) => (
                ModelTrouble::Auth,
                "it has no key".to_owned(),
                format!(
                    "put one into {} or store it with `fleet secret set {}`",
                    names.join(" or "),
                    names.first().map_or("NAME", String::as_str)
                ),
            ),
            None => (
                ModelTrouble::Invalid,
                "no provider of that name is configured".to_owned(),
                format!(
                    "known are {}; another one is a section [providers.NAME] in \
                     .orchestra/config.toml",
                    self.providers().join(", ")
                ),
            ),
        };
        Err(ModelError {
            provider: provider.to_owned(),
            class,
            message,
            retry_at: None,
            hint,
            usage: Usage::default(),
        })
    }
}
