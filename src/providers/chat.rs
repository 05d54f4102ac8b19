//! OpenAI Chat Completions (`POST /chat/completions`), and what xAI, OpenRouter, Groq, Ollama and
//! other servers make of it.

mod reading;

use serde_json::{Value, json};

use crate::domain::money::MicroUsd;
use crate::domain::provider::ProviderKind;
use crate::ports::model::{ModelInfo, ModelRequest, Part, Signature, Thinking, ToolChoice, Turn};
use crate::providers::chat::reading::Reply;
pub(super) use crate::providers::chat::reading::nameless;
use crate::providers::families;
use crate::providers::responses::effort;
use crate::providers::wires::{Ask, Reading, Wire, instructions, list, output, text};

/// What signs reasoning that goes back: OpenRouter's `reasoning_details`, DeepSeek's text.
const DETAILS: &str = "openrouter";
const CONTENT: &str = "openai-chat";

pub(super) struct Chat {
    pub(super) kind: ProviderKind,
}

impl Wire for Chat {
    fn ask(&self, request: &ModelRequest, stream: bool) -> Ask {
        let mut body = json!({
            "model": request.model,
            "messages": self.messages(request),
            "stream": stream,
        });
        // The older name is refused by OpenAI's reasoning models, the newer not known everywhere.
        let limit = match self.kind {
            ProviderKind::OpenAiChat | ProviderKind::Groq | ProviderKind::Xai => {
                "max_completion_tokens"
            }
            _ => "max_tokens",
        };
        body[limit] = json!(request.max_output_tokens);
        if stream {
            body["stream_options"] = json!({"include_usage": true});
        }
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(|tool| {
                json!({
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": tool.input_schema,
                    },
                })
            });
            body["tools"] = tools.collect();
            // Ollama has no choice of tools.
            if self.kind != ProviderKind::Ollama {
                body["tool_choice"] = choice(&request.tool_choice);
            }
        }
        self.sampling(request, &mut body);
        self.thinking(request, &mut body);
        match self.kind {
            ProviderKind::OpenRouter => body["usage"] = json!({"include": true}),
            ProviderKind::OpenAiChat => {
                if let Some(key) = &request.cache_key {
                    body["prompt_cache_key"] = json!(key);
                }
            }
            _ => {}
        }
        Ask {
            path: "/chat/completions".to_owned(),
            headers: Vec::new(),
            body: Some(body),
        }
    }

    fn reading(&self) -> Box<dyn Reading> {
        Box::new(Reply::new())
    }
}

impl Chat {
    fn sampling(&self, request: &ModelRequest, body: &mut Value) {
        let fixed = match self.kind {
            ProviderKind::OpenAiChat => families::reasons(&request.model),
            _ => false,
        };
        if let Some(temperature) = request.temperature.filter(|_| !fixed) {
            body["temperature"] = json!(temperature);
        }
        // xAI's reasoning models refuse stops as well, and their names do not tell.
        let stops = !fixed && self.kind != ProviderKind::Xai;
        if !request.stop.is_empty() && stops {
            body["stop"] = json!(request.stop);
        }
    }

    fn thinking(&self, request: &ModelRequest, body: &mut Value) {
        let model = &request.model;
        let asked = effort(request.thinking);
        match self.kind {
            ProviderKind::OpenRouter => match request.thinking {
                Thinking::Default => {}
                Thinking::Off => body["reasoning"] = json!({"enabled": false}),
                Thinking::Effort(_) => body["reasoning"] = json!({"effort": asked}),
            },
            ProviderKind::Ollama if request.thinking == Thinking::Off => {
                body["reasoning_effort"] = json!("none");
            }
            _ => {
                // Who does not know the field refuses the request.
                let takes = match self.kind {
                    ProviderKind::OpenAiChat | ProviderKind::Groq => families::reasons(model),
                    ProviderKind::Xai => model.starts_with("grok-3-mini"),
                    _ => matches!(request.thinking, Thinking::Effort(_)),
                };
                if let Some(asked) = asked.filter(|_| takes) {
                    body["reasoning_effort"] = json!(asked);
                }
            }
        }
    }

    fn messages(&self, request: &ModelRequest) -> Vec<Value> {
        let mut messages = Vec::new();
        let system = instructions(request);
        if !system.is_empty() {
            let content = if self.marks_caches(request) {
                marked(request)
            } else {
                json!(system)
            };
            messages.push(json!({"role": "system", "content": content}));
        }
        let last_user = request
            .turns
            .iter()
            .rposition(|turn| matches!(turn, Turn::User(_)));
        for (at, turn) in request.turns.iter().enumerate() {
            match turn {
                Turn::User(text) => messages.push(json!({"role": "user", "content": text})),
                Turn::Assistant(parts) => {
                    messages.push(self.said(parts, Some(at) > last_user));
                }
                Turn::ToolResults(results) => messages.extend(results.iter().map(|result| {
                    let content = output(&result.content);
                    let content = if result.ok {
                        content.to_owned()
                    } else {
                        // There is no field for failure.
                        format!("error: {content}")
                    };
                    json!({"role": "tool", "tool_call_id": result.call_id, "content": content})
                })),
            }
        }
        messages
    }

    /// OpenRouter hands marks of caches on to the models that need them.
    fn marks_caches(&self, request: &ModelRequest) -> bool {
        self.kind == ProviderKind::OpenRouter
            && request.model.starts_with("anthropic/")
            && request.system.iter().any(|part| part.cache)
    }

    /// What the model said. `open`: the tool calls in it belong to what is worked on now.
    fn said(&self, parts: &[Part], open: bool) -> Value {
        let mut content = String::new();
        let mut calls = Vec::new();
        let mut details = Vec::new();
        let mut thought = String::new();
        for part in parts {
            match part {
                Part::Text { text, .. } => content.push_str(text),
                Part::Thinking { text, signature } => {
                    let wire = signature.as_ref().map(|signature| signature.wire.as_str());
                    match (signature, wire) {
                        (Some(Signature { data, .. }), Some(DETAILS)) => {
                            let kept: Vec<Value> = serde_json::from_str(data).unwrap_or_default();
                            details.extend(kept);
                        }
                        (Some(_), Some(CONTENT)) => thought.push_str(text),
                        _ => {}
                    }
                }
                Part::ToolCall {
                    id, name, input, ..
                } => calls.push(json!({
                    "id": id,
                    "type": "function",
                    "function": {
                        "name": name,
                        "arguments": Value::Object(input.to_object()).to_string(),
                    },
                })),
            }
        }
        let mut message = json!({"role": "assistant"});
        message["content"] = if content.trim().is_empty() && !calls.is_empty() {
            Value::Null
        } else if content.trim().is_empty() {
            json!("(no text)")
        } else {
            json!(content)
        };
        if !details.is_empty() && self.kind == ProviderKind::OpenRouter {
            message["reasoning_details"] = Value::Array(details);
        }
        // DeepSeek wants the reasoning before open tool calls back, and refuses any older one.
        if self.kind == ProviderKind::Compatible && open && !calls.is_empty() && !thought.is_empty()
        {
            message["reasoning_content"] = json!(thought);
        }
        if !calls.is_empty() {
            message["tool_calls"] = Value::Array(calls);
        }
        message
    }
}

fn marked(request: &ModelRequest) -> Value {
    let parts = request
        .system
        .iter()
        .filter(|part| !part.text.trim().is_empty());
    let parts = parts.map(|part| {
        let mut block = json!({"type": "text", "text": part.text});
        if part.cache {
            block["cache_control"] = json!({"type": "ephemeral"});
        }
        block
    });
    parts.collect()
}

fn choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
    }
}

/// `{data: [{id, …}]}` with what Groq (`context_window`) and OpenRouter (`context_length`, prices
/// per token as texts) add.
pub(super) fn listed_models(page: &Value) -> Vec<ModelInfo> {
    let number = |model: &Value, names: &[&str]| {
        names
            .iter()
            .find_map(|name| model.pointer(name).and_then(Value::as_u64))
    };
    let price = |model: &Value, name: &str| {
        let text = model.pointer(name).and_then(Value::as_str)?;
        let dollars: f64 = text.parse().ok()?;
        (dollars >= 0.0).then(|| MicroUsd::from_usd(dollars * 1e6))
    };
    let models = list(page, "data").filter_map(|model| {
        Some(ModelInfo {
            id: text(model, "id")?.to_owned(),
            name: text(model, "name").map(str::to_owned),
            context_window: number(model, &["/context_window", "/context_length"]),
            max_output_tokens: number(
                model,
                &[
                    "/max_completion_tokens",
                    "/top_provider/max_completion_tokens",
                ],
            ),
            input_price: price(model, "/pricing/prompt"),
            output_price: price(model, "/pricing/completion"),
        })
    });
    models.collect()
}
