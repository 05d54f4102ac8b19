//! The providers of models, with keys from the environment and, behind it, from stored secrets.

use std::sync::Arc;

use crate::config::Env;
use crate::domain::policy::{Policy, ProviderSpec, RemoteService};
use crate::git::place::Place;
use crate::ports::clock::{Clock, Ids};
use crate::ports::model::Models as _;
use crate::providers::{Key, Providers};
use crate::wire::clock_and_ids;
use crate::wire::vault::with_secrets;

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

/// Whether a provider could be asked: it is configured, and has a key if it needs one. Stored secrets
/// are opened only if the environment has none.
pub(super) fn has_key(
    policy: &Policy,
    env: &Env,
    place: &Place,
    provider: &str,
) -> Result<(), String> {
    let (clock, ids) = clock_and_ids(env);
    if providers(policy, env, &clock, &ids).model(provider).is_ok() {
        return Ok(());
    }
    let (env, notes) = with_secrets(env, place, clock.clone(), |_| false);
    let found = providers(policy, &env, &clock, &ids).model(provider);
    found.map(|_| ()).map_err(|error| {
        let mut said = vec![error.to_string(), error.hint];
        said.extend(notes);
        said.retain(|text| !text.is_empty());
        said.join("; ")
    })
}

/// Whether the key of a service is there. Stored secrets are opened only if the environment has none.
pub(super) fn has_service_key(
    env: &Env,
    place: &Place,
    service: &RemoteService,
) -> Result<(), String> {
    let Some(name) = service.key_env.as_deref() else {
        return Ok(());
    };
    if env.get(name).is_some() {
        return Ok(());
    }
    let (clock, _) = clock_and_ids(env);
    let (env, notes) = with_secrets(env, place, clock, |_| false);
    if env.get(name).is_some() {
        return Ok(());
    }
    let missing = format!(
        "the variable {name}, which holds its key, is not set; set it, or store it with `fleet secret`"
    );
    Err([vec![missing], notes].concat().join("; "))
}
