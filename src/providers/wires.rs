//! What each wire has to say: the request it makes of ours, and the reply it makes of theirs.

use serde_json::Value;

use crate::domain::money::Usage;
use crate::domain::provider::{ProviderKind, ProviderSpec};
use crate::ports::model::{ModelEvent, ModelInfo, ModelReply, ModelRequest, Part};
use crate::providers::anthropic::Anthropic;
use crate::providers::chat::{Chat, listed_models};
use crate::providers::gemini::Gemini;
use crate::providers::responses::Responses;
use crate::providers::trouble::Trouble;

/// One HTTP request without address and key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ask {
    /// Below the base address, with its query: `/messages`.
    pub(super) path: String,
    /// Headers besides the key.
    pub(super) headers: Vec<(&'static str, String)>,
    /// JSON body of a POST; `None` is a GET.
    pub(super) body: Option<Value>,
}

/// A wire: requests out, replies in.
pub(super) trait Wire: Send + Sync {
    /// The request for a reply.
    fn ask(&self, request: &ModelRequest, stream: bool) -> Ask;
    /// Reads the reply to it.
    fn reading(&self) -> Box<dyn Reading>;
    /// Headers that carry the key: as OpenAI has it, if nothing else is said.
    fn key(&self, key: &str) -> (&'static str, String) {
        ("authorization", format!("Bearer {key}"))
    }
    /// The request for the list of models; `page` is what the last page named as next. OpenAI's has
    /// one page.
    fn list(&self, _page: Option<&str>) -> Ask {
        Ask {
            path: "/models".to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }
    /// Models of a page, and what the next page is called.
    fn listed(&self, page: &Value) -> (Vec<ModelInfo>, Option<String>) {
        (listed_models(page), None)
    }
}

/// A reply that comes in.
pub(super) trait Reading {
    /// Takes an event of the stream.
    fn event(
        &mut self,
        name: &str,
        data: &str,
        on: &mut dyn FnMut(ModelEvent),
    ) -> Result<(), Trouble>;
    /// Takes an answer that is no stream.
    fn whole(&mut self, body: &Value, on: &mut dyn FnMut(ModelEvent)) -> Result<(), Trouble>;
    /// Nothing more needs to be read.
    fn is_done(&self) -> bool;
    /// Tokens so far.
    fn usage(&self) -> Usage;
    /// The reply, at the end of the answer; trouble if it is not whole.
    fn reply(&mut self) -> Result<ModelReply, Trouble>;
}

/// The wire of a provider.
pub(super) fn wire(spec: &ProviderSpec) -> Box<dyn Wire> {
    match spec.kind {
        ProviderKind::Anthropic => Box::new(Anthropic),
        ProviderKind::OpenAi => Box::new(Responses),
        ProviderKind::Gemini => Box::new(Gemini),
        ProviderKind::OpenAiChat
        | ProviderKind::Xai
        | ProviderKind::OpenRouter
        | ProviderKind::Groq
        | ProviderKind::Ollama
        | ProviderKind::Compatible => Box::new(Chat { kind: spec.kind }),
    }
}

/// What a tool gave, where empty text is refused.
pub(super) fn output(content: &str) -> &str {
    if content.trim().is_empty() {
        "(no output)"
    } else {
        content
    }
}

/// A name or id in the alphabet that all APIs take.
pub(super) fn plain(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') => c,
            _ => '_',
        })
        .take(64)
        .collect();
    if plain.is_empty() {
        "_".to_owned()
    } else {
        plain
    }
}

/// All instructions as one text.
pub(super) fn instructions(request: &ModelRequest) -> String {
    let texts: Vec<&str> = request
        .system
        .iter()
        .map(|part| part.text.as_str())
        .filter(|text| !text.trim().is_empty())
        .collect();
    texts.join("\n\n")
}

/// A number of tokens, wherever it stands; absent is none.
pub(super) fn tokens(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// A text field.
pub(super) fn text<'v>(value: &'v Value, field: &str) -> Option<&'v str> {
    value.get(field).and_then(Value::as_str)
}

/// A list field.
pub(super) fn list<'v>(value: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> {
    let items = value.get(field).and_then(Value::as_array);
    items.into_iter().flatten()
}

/// Appends text to the last part if that is text without a signature, else begins one.
pub(super) fn add_text(parts: &mut Vec<Part>, more: &str) {
    match parts.last_mut() {
        Some(Part::Text {
            text,
            signature: None,
        }) => text.push_str(more),
        _ => parts.push(Part::text(more)),
    }
}

/// Reads a JSON event.
pub(super) fn json(data: &str) -> Result<Value, Trouble> {
    serde_json::from_str(data)
        .map_err(|error| Trouble::protocol(format!("an event of its stream is no JSON: {error}")))
}

/// The stream ended before the reply was whole.
pub(super) fn cut() -> Trouble {
    Trouble::protocol("its stream ended before the reply was whole")
}
