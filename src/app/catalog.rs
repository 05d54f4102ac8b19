//! Which models the configured providers offer, and whether they answer.

use serde::Serialize;

use crate::app::tracker::error::TrackerError;
use crate::domain::money::{MicroUsd, Usage};
use crate::domain::policy::Policy;
use crate::domain::time::Timestamp;
use crate::engine::secrets::Scanner;
use crate::ports::model::{ModelError, ModelTrouble, Models};

/// Something that has providers.
pub trait HasModels {
    /// The providers.
    fn models(&self) -> &dyn Models;

    /// What the owner decided.
    fn policy(&self) -> &Policy;

    /// What a person should be told besides.
    fn notes(&self) -> Vec<String>;

    /// Known secrets.
    fn secrets(&self) -> &Scanner;
}

/// Answer of `models`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelsReport {
    /// One row a provider, those with a key first.
    pub providers: Vec<ProviderRow>,
    /// Number of them.
    pub total: usize,
    /// Always false: all are listed.
    pub has_more: bool,
}

/// A provider.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProviderRow {
    /// Its name in the configuration.
    pub name: String,
    /// Where it is asked.
    pub base_url: String,
    /// Environment variables, or stored secrets, that its keys are read from.
    pub key_env: Vec<String>,
    /// Its models, by name; empty where it was not, or could not be, asked.
    pub models: Vec<ModelRow>,
    /// Why its models are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<TroubleRow>,
}

/// Why a provider did not answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TroubleRow {
    /// Kind of trouble, such as `auth`.
    pub class: &'static str,
    /// In words.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// When to come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
}

/// A model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelRow {
    /// Name to ask for.
    pub id: String,
    /// Name for people.
    pub name: Option<String>,
    /// Most tokens of prompt and answer together.
    pub context_window: Option<u64>,
    /// Price of a million prompt tokens, if the provider lists it.
    pub input_price: Option<MicroUsd>,
    /// Price of a million answer tokens, if the provider lists it.
    pub output_price: Option<MicroUsd>,
}

/// Answer of `models --check`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelCheckReport {
    /// The provider.
    pub provider: String,
    /// The model that answered, or was asked.
    pub model: String,
    /// Whether it answered.
    pub working: bool,
    /// From the request to the whole reply, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// Tokens.
    pub usage: Usage,
    /// Money, if the provider says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<MicroUsd>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<TroubleRow>,
}

/// Models of one provider, or of all that have a key.
///
/// # Errors
/// No such provider. One that does not answer is a row, not an error.
pub fn list(place: &dyn HasModels, only: Option<&str>) -> Result<ModelsReport, TrackerError> {
    let names = match only {
        Some(name) => vec![known(place, name)?],
        None => place.models().providers(),
    };
    let providers: Vec<ProviderRow> = names.iter().map(|name| row(place, name)).collect();
    Ok(ModelsReport {
        total: providers.len(),
        has_more: false,
        providers,
    })
}

/// Asks one model for the least that shows that key, model and connection work.
///
/// # Errors
/// No such provider. One that does not answer is an answer.
pub fn check(
    place: &dyn HasModels,
    provider: &str,
    model: &str,
) -> Result<ModelCheckReport, TrackerError> {
    let provider = known(place, provider)?;
    let answer = place
        .models()
        .model(&provider)
        .and_then(|m| m.health(model));
    Ok(match answer {
        Ok(health) => ModelCheckReport {
            provider,
            model: health.model,
            working: true,
            latency_ms: Some(health.latency_ms),
            usage: health.usage,
            cost: health.cost,
            trouble: None,
        },
        Err(error) => ModelCheckReport {
            provider,
            model: model.to_owned(),
            working: false,
            latency_ms: None,
            usage: error.usage,
            cost: None,
            trouble: Some(trouble(place, &error)),
        },
    })
}

/// True if the same may work later, without a change by anybody.
#[must_use]
pub fn may_pass(trouble: &TroubleRow) -> bool {
    let passing = [
        ModelTrouble::RateLimited,
        ModelTrouble::Overloaded,
        ModelTrouble::Network,
        ModelTrouble::Cancelled,
        ModelTrouble::Protocol,
    ];
    passing.iter().any(|class| class.name() == trouble.class)
}

fn known(place: &dyn HasModels, name: &str) -> Result<String, TrackerError> {
    let names = place.models().providers();
    if names.iter().any(|known| known == name) {
        return Ok(name.to_owned());
    }
    Err(TrackerError::NotThere {
        what: format!("no provider is called {name}"),
        hint: format!("there are {}", names.join(", ")),
    })
}

fn row(place: &dyn HasModels, name: &str) -> ProviderRow {
    let spec = place.policy().providers.get(name);
    let listed = place.models().model(name).and_then(|model| model.models());
    let (models, trouble) = match listed {
        Ok(models) => (models, None),
        Err(error) => (Vec::new(), Some(trouble(place, &error))),
    };
    let models = models.into_iter().map(|model| ModelRow {
        id: model.id,
        name: model.name,
        context_window: model.context_window,
        input_price: model.input_price,
        output_price: model.output_price,
    });
    ProviderRow {
        name: name.to_owned(),
        base_url: spec.map(|s| s.base_url.clone()).unwrap_or_default(),
        key_env: spec.map(|s| s.key_env.clone()).unwrap_or_default(),
        models: models.collect(),
        trouble,
    }
}

/// What a provider says may repeat the key that it got, in any form.
fn trouble(place: &dyn HasModels, error: &ModelError) -> TroubleRow {
    let safe = |text: &str| place.secrets().redact(text);
    TroubleRow {
        class: error.class.name(),
        message: safe(&error.message),
        hint: safe(&error.hint),
        retry_at: error.retry_at,
    }
}
