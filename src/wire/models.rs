//! The providers of models, with keys from the environment and, behind it, from stored secrets.

use std::sync::Arc;

use crate::config::Env;
use crate::domain::policy::{Policy, ProviderSpec};
use crate::ports::clock::{Clock, Ids};
use crate::providers::{Key, Providers};

/// The configured providers. Each key is read where `key_env` names it, in that order: a variable
/// that is set comes before stored values, of which the newest comes first. Nothing is opened.
#[must_use]
pub fn providers(
    policy: &Policy,
    env: &Env,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn Ids>,
) -> Providers {
    let keys = |spec: &ProviderSpec| {
        let named = spec.key_env.iter().flat_map(|name| {
            let values = env.all(name).into_iter();
            values.map(move |value| Key {
                source: name.clone(),
                value,
            })
        });
        named.collect()
    };
    Providers::new(&policy.providers, &keys, clock, ids)
}
