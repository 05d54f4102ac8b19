//! Models behind an API: one request, a stream of deltas, one reply or one error that says what to do.
//!
//! The calls block. Whoever implements them owns its runtime, its retries and its keys; whoever
//! calls them sees deltas on its own thread, and a reply only if it is whole.

mod conversation;

use std::sync::Arc;

use crate::domain::money::{MicroUsd, Usage};
use crate::domain::time::Timestamp;
use crate::ports::runner::Cancel;

pub use conversation::{
    Effort, ModelRequest, Part, Signature, SystemPart, Thinking, ToolChoice, ToolInput, ToolResult,
    ToolSpec, Turn,
};

/// What happens while a reply comes in. Deltas are for showing; [`ModelReply`] holds the truth.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelEvent {
    /// More text.
    Text(String),
    /// More reasoning.
    Thinking(String),
    /// A tool call begins; `index` counts the calls of this reply from 0.
    ToolCall {
        /// Which call of the reply.
        index: usize,
        /// Its id.
        id: String,
        /// Name of the tool.
        name: String,
    },
    /// More of a tool call's arguments, as JSON text.
    ToolArguments {
        /// Which call of the reply.
        index: usize,
        /// The next piece of text.
        json: String,
    },
    /// Tokens of this call so far, earlier tries included (not a difference).
    Usage(Usage),
    /// The call failed and is made again: every delta before this one is void.
    Retrying {
        /// Which try begins, from 2.
        attempt: u32,
        /// Milliseconds waited before it.
        wait_ms: u64,
        /// Why.
        cause: String,
    },
}

/// A whole reply.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelReply {
    /// What it said, in order. Goes back as [`Turn::Assistant`] unchanged.
    pub parts: Vec<Part>,
    /// Why it stopped.
    pub stop: StopReason,
    /// Tokens, earlier tries of this call included as far as they were reported.
    pub usage: Usage,
    /// Model that answered, as the provider names it.
    pub model: String,
    /// Money, if the provider says it.
    pub cost: Option<MicroUsd>,
}

impl ModelReply {
    /// All text for the reader, joined.
    #[must_use]
    pub fn text(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text { text, .. } => Some(text.as_str()),
            Part::Thinking { .. } | Part::ToolCall { .. } => None,
        });
        texts.collect()
    }
}

/// Why a model stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// It is done.
    EndTurn,
    /// It waits for tool results.
    ToolUse,
    /// `max_output_tokens` is reached: the last part may be cut.
    MaxTokens,
    /// It, or a filter, refuses.
    Refusal,
    /// Something else, in the provider's own word.
    Other(String),
}

/// What kind of trouble a call met. Each asks for another reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelTrouble {
    /// Paid or granted quota is used up: waiting a little does not help.
    Quota,
    /// Too many calls or tokens: come back at `retry_at`.
    RateLimited,
    /// The provider is overloaded or broken (5xx, 529): later or another one.
    Overloaded,
    /// The key is missing, refused or may not use that model.
    Auth,
    /// The provider refuses the request as such: asking again gives the same.
    Invalid,
    /// The prompt does not fit the model's window: make it shorter.
    ContextTooLong,
    /// No connection, time ran out, or the connection broke.
    Network,
    /// It was asked to stop.
    Cancelled,
    /// The answer is not what the API promises: garbage, or a stream that ends too early.
    Protocol,
}

impl ModelTrouble {
    /// Its name for people and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::RateLimited => "rate limit",
            Self::Overloaded => "overloaded",
            Self::Auth => "auth",
            Self::Invalid => "invalid request",
            Self::ContextTooLong => "context too long",
            Self::Network => "network",
            Self::Cancelled => "cancelled",
            Self::Protocol => "protocol",
        }
    }

    /// True if the provider as a whole should rest, not this one task.
    #[must_use]
    pub const fn pauses_provider(self) -> bool {
        matches!(self, Self::Quota | Self::RateLimited)
    }
}

/// A call that gave no whole reply, after all retries. No text in it holds a key.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{provider} cannot answer ({}): {message}", class.name())]
pub struct ModelError {
    /// Name of the provider in the configuration.
    pub provider: String,
    /// What kind of trouble.
    pub class: ModelTrouble,
    /// A fragment: what was seen.
    pub message: String,
    /// When asking again may help, if the provider says or implies it.
    pub retry_at: Option<Timestamp>,
    /// What the owner can do, or empty.
    pub hint: String,
    /// Tokens that the failed tries are known to have used.
    pub usage: Usage,
}

/// A model as its provider lists it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelInfo {
    /// Name to ask for.
    pub id: String,
    /// Name for people.
    pub name: Option<String>,
    /// Most tokens of prompt and answer together.
    pub context_window: Option<u64>,
    /// Most tokens of an answer.
    pub max_output_tokens: Option<u64>,
    /// Price of a million prompt tokens, if the provider lists it.
    pub input_price: Option<MicroUsd>,
    /// Price of a million answer tokens, if the provider lists it.
    pub output_price: Option<MicroUsd>,
}

/// A provider that answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// Model that answered.
    pub model: String,
    /// From sending the request to the whole reply, in milliseconds.
    pub latency_ms: u64,
    /// Tokens of the probe.
    pub usage: Usage,
    /// Money of the probe, if the provider says it.
    pub cost: Option<MicroUsd>,
}

/// A provider of models. Calls may come from several threads at once, and each ends within the
/// provider's configured limits.
pub trait Model: Send + Sync {
    /// Name of the provider in the configuration.
    fn provider(&self) -> &str;

    /// Most tokens of prompt and answer together for a model, from the configuration or from what is
    /// known of it; `None` if neither says.
    fn context_window(&self, model: &str) -> Option<u64>;

    /// Asks, and gives the whole reply. Deltas go to `on` as they arrive, on the calling thread.
    ///
    /// # Errors
    /// What kind of trouble it is, after bounded retries; [`ModelTrouble::Cancelled`] soon after
    /// `cancel` is asked.
    fn generate(
        &self,
        request: &ModelRequest,
        on: &mut dyn FnMut(ModelEvent),
        cancel: &Cancel,
    ) -> Result<ModelReply, ModelError>;

    /// The models that the key may use, by name.
    ///
    /// # Errors
    /// As [`Model::generate`].
    fn models(&self) -> Result<Vec<ModelInfo>, ModelError>;

    /// The cheapest call that shows that key, model and connection work.
    ///
    /// # Errors
    /// As [`Model::generate`], without retries.
    fn health(&self, model: &str) -> Result<Health, ModelError>;
}

/// The configured providers.
pub trait Models: Send + Sync {
    /// Their names, those with a key first.
    fn providers(&self) -> Vec<String>;

    /// A provider by its name in the configuration.
    ///
    /// # Errors
    /// There is none of that name, or it has no key: the hint says where to put it.
    fn model(&self, provider: &str) -> Result<Arc<dyn Model>, ModelError>;
}

/// Counts tokens without asking anybody: exact for OpenAI's newer models, an estimate for others.
pub trait Tokens: Send + Sync {
    /// Tokens of a text for a model. The first call may take a tenth of a second to load tables; a
    /// text never has more tokens than bytes, so a text shorter than what is free needs no count.
    fn count(&self, model: &str, text: &str) -> u64;
}
