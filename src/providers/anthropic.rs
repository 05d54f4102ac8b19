//! Anthropic Messages (`POST /v1/messages`, version 2023-06-01).

mod reading;

use serde_json::{Value, json};

use crate::ports::model::{Effort, ModelInfo, ModelRequest, Part, Thinking, ToolChoice, Turn};
use crate::providers::anthropic::reading::Reply;
use crate::providers::families;
use crate::providers::wires::{Ask, Reading, Wire, list, output, plain, text};

const VERSION: &str = "2023-06-01";
/// What signs its thinking, and what replaces thinking that it hides.
const SIGNED: &str = "anthropic";
const REDACTED: &str = "anthropic-redacted";
/// Marks of cached prefixes that one request may carry.
const MARKS_MAX: usize = 4;

pub(super) struct Anthropic;

impl Wire for Anthropic {
    fn ask(&self, request: &ModelRequest, stream: bool) -> Ask {
        let mut body = json!({
            "model": request.model,
            "max_tokens": request.max_output_tokens,
            "messages": messages(request),
            "stream": stream,
        });
        let system = system(request);
        if !system.is_empty() {
            body["system"] = Value::Array(system);
        }
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(|tool| {
                json!({
                    "name": tool.name,
                    "description": tool.description,
                    "input_schema": tool.input_schema,
                })
            });
            body["tools"] = tools.collect();
            body["tool_choice"] = match &request.tool_choice {
                ToolChoice::Auto => json!({"type": "auto"}),
                ToolChoice::None => json!({"type": "none"}),
                ToolChoice::Required => json!({"type": "any"}),
                ToolChoice::Named(name) => json!({"type": "tool", "name": name}),
            };
        }
        if !request.stop.is_empty() {
            body["stop_sequences"] = json!(request.stop);
        }
        think(request, &mut body);
        // Models that think adaptively refuse sampling settings, and thinking does anyway.
        let samples =
            body.get("thinking").is_none() && !families::thinks_adaptively(&request.model);
        if let Some(temperature) = request.temperature.filter(|_| samples) {
            body["temperature"] = json!(temperature.min(1.0));
        }
        Ask {
            path: "/messages".to_owned(),
            headers: vec![("anthropic-version", VERSION.to_owned())],
            body: Some(body),
        }
    }

    fn reading(&self) -> Box<dyn Reading> {
        Box::new(Reply::default())
    }

    fn key(&self, key: &str) -> (&'static str, String) {
        ("x-api-key", key.to_owned())
    }

    fn list(&self, page: Option<&str>) -> Ask {
        let after = page.map_or(String::new(), |id| format!("&after_id={id}"));
        Ask {
            path: format!("/models?limit=1000{after}"),
            headers: vec![("anthropic-version", VERSION.to_owned())],
            body: None,
        }
    }

    fn listed(&self, page: &Value) -> (Vec<ModelInfo>, Option<String>) {
        let models = list(page, "data").filter_map(|model| {
            Some(ModelInfo {
                id: text(model, "id")?.to_owned(),
                name: text(model, "display_name").map(str::to_owned),
                context_window: model.get("max_input_tokens").and_then(Value::as_u64),
                max_output_tokens: model.get("max_tokens").and_then(Value::as_u64),
                ..ModelInfo::default()
            })
        });
        let more = page.get("has_more").and_then(Value::as_bool) == Some(true);
        let next = text(page, "last_id").filter(|_| more).map(str::to_owned);
        (models.collect(), next)
    }
}

fn think(request: &ModelRequest, body: &mut Value) {
    let Thinking::Effort(effort) = request.thinking else {
        // Left out, the model does what is usual for it; `disabled` is refused by some.
        return;
    };
    if families::thinks_adaptively(&request.model) {
        let word = match effort {
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
        };
        body["output_config"] = json!({"effort": word});
        // A forced tool call goes with no thinking.
        if matches!(request.tool_choice, ToolChoice::Auto | ToolChoice::None) {
            body["thinking"] = json!({"type": "adaptive"});
        }
        return;
    }
    let wanted: u32 = match effort {
        Effort::Low => 2048,
        Effort::Medium => 8192,
        Effort::High => 24_576,
    };
    // The budget is at least 1024, and something must be left for the answer.
    let budget = wanted.min(request.max_output_tokens.saturating_sub(1024));
    let free = matches!(request.tool_choice, ToolChoice::Auto | ToolChoice::None);
    if free && budget >= 1024 && families::thinks(&request.model) {
        body["thinking"] = json!({"type": "enabled", "budget_tokens": budget});
    }
}

fn system(request: &ModelRequest) -> Vec<Value> {
    let mut marks = MARKS_MAX - usize::from(request.cache_turns);
    let parts = request
        .system
        .iter()
        .filter(|part| !part.text.trim().is_empty());
    let blocks = parts.map(|part| {
        let mut block = json!({"type": "text", "text": part.text});
        if part.cache && marks > 0 {
            marks -= 1;
            block["cache_control"] = json!({"type": "ephemeral"});
        }
        block
    });
    blocks.collect()
}

/// Turns as messages: roles alternate, tool results come first in theirs.
fn messages(request: &ModelRequest) -> Vec<Value> {
    let mut messages: Vec<(&str, Vec<Value>)> = Vec::new();
    for turn in &request.turns {
        let (role, blocks) = match turn {
            Turn::User(text) => ("user", vec![json!({"type": "text", "text": text})]),
            Turn::Assistant(parts) => ("assistant", said(parts)),
            Turn::ToolResults(results) => {
                let blocks = results.iter().map(|result| {
                    let mut block = json!({
                        "type": "tool_result",
                        "tool_use_id": plain(&result.call_id),
                        "content": output(&result.content),
                    });
                    if !result.ok {
                        block["is_error"] = json!(true);
                    }
                    block
                });
                ("user", blocks.collect())
            }
        };
        match messages.last_mut() {
            Some((last, all)) if *last == role => all.extend(blocks),
            _ => messages.push((role, blocks)),
        }
    }
    if request.cache_turns
        && let Some(block) = messages
            .last_mut()
            .and_then(|(_, blocks)| blocks.last_mut())
    {
        block["cache_control"] = json!({"type": "ephemeral"});
    }
    messages
        .into_iter()
        .map(|(role, content)| json!({"role": role, "content": content}))
        .collect()
}

/// What the model said, as it wants it back. Blank text is refused, thinking needs its signature.
fn said(parts: &[Part]) -> Vec<Value> {
    let blocks = parts.iter().filter_map(|part| match part {
        Part::Text { text, .. } if text.trim().is_empty() => None,
        Part::Text { text, .. } => Some(json!({"type": "text", "text": text})),
        Part::Thinking { text, signature } => {
            let signature = signature.as_ref()?;
            match signature.wire.as_str() {
                SIGNED => Some(json!({
                    "type": "thinking",
                    "thinking": text,
                    "signature": signature.data,
                })),
                REDACTED => Some(json!({"type": "redacted_thinking", "data": signature.data})),
                _ => None,
            }
        }
        Part::ToolCall {
            id, name, input, ..
        } => Some(json!({
            "type": "tool_use",
            "id": plain(id),
            "name": plain(name),
            "input": input.to_object(),
        })),
    });
    let mut blocks: Vec<Value> = blocks.collect();
    if blocks.is_empty() {
        blocks.push(json!({"type": "text", "text": "(no text)"}));
    }
    blocks
}
