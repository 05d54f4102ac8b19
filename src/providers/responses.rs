//! OpenAI Responses (`POST /v1/responses`), without state at the provider: `store` is false, and
//! reasoning travels encrypted with the conversation.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::domain::money::Usage;
use crate::ports::model::{
    Effort, ModelEvent, ModelReply, ModelRequest, Part, Signature, StopReason, Thinking,
    ToolChoice, ToolInput, Turn,
};
use crate::providers::families;
use crate::providers::refusal::inside;
use crate::providers::trouble::Trouble;
use crate::providers::wires::{
    Ask, Reading, Wire, cut, instructions, json as read, list, output, text, tokens,
};

const WIRE: &str = "openai";
/// Fewest tokens that may be asked for.
const OUTPUT_MIN: u32 = 16;

pub(super) struct Responses;

impl Wire for Responses {
    fn ask(&self, request: &ModelRequest, stream: bool) -> Ask {
        let mut body = json!({
            "model": request.model,
            "input": input(request),
            "max_output_tokens": request.max_output_tokens.max(OUTPUT_MIN),
            "store": false,
            "stream": stream,
        });
        let instructions = instructions(request);
        if !instructions.is_empty() {
            body["instructions"] = json!(instructions);
        }
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(|tool| {
                json!({
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.input_schema,
                    "strict": false,
                })
            });
            body["tools"] = tools.collect();
            body["tool_choice"] = match &request.tool_choice {
                ToolChoice::Auto => json!("auto"),
                ToolChoice::None => json!("none"),
                ToolChoice::Required => json!("required"),
                ToolChoice::Named(name) => json!({"type": "function", "name": name}),
            };
        }
        if families::reasons(&request.model) {
            // Models that do not reason refuse both fields.
            body["include"] = json!(["reasoning.encrypted_content"]);
            let mut reasoning = json!({"summary": "auto"});
            if let Some(effort) = effort(request.thinking) {
                reasoning["effort"] = json!(effort);
            }
            body["reasoning"] = reasoning;
        } else if let Some(temperature) = request.temperature {
            body["temperature"] = json!(temperature);
        }
        if let Some(key) = &request.cache_key {
            body["prompt_cache_key"] = json!(key);
        }
        Ask {
            path: "/responses".to_owned(),
            headers: Vec::new(),
            body: Some(body),
        }
    }

    fn reading(&self) -> Box<dyn Reading> {
        Box::new(Reply::default())
    }
}

/// The word for an effort. `Off` is the least that all reasoning models take.
pub(super) const fn effort(thinking: Thinking) -> Option<&'static str> {
    match thinking {
        Thinking::Default => None,
        Thinking::Off | Thinking::Effort(Effort::Low) => Some("low"),
        Thinking::Effort(Effort::Medium) => Some("medium"),
        Thinking::Effort(Effort::High) => Some("high"),
    }
}

fn input(request: &ModelRequest) -> Vec<Value> {
    let mut items = Vec::new();
    for turn in &request.turns {
        match turn {
            Turn::User(text) => items.push(json!({
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": text}],
            })),
            Turn::Assistant(parts) => items.extend(parts.iter().filter_map(said)),
            Turn::ToolResults(results) => items.extend(results.iter().map(|result| {
                let content = output(&result.content);
                let content = if result.ok {
                    content.to_owned()
                } else {
                    // There is no field for failure.
                    format!("error: {content}")
                };
                json!({
                    "type": "function_call_output",
                    "call_id": result.call_id,
                    "output": content,
                })
            })),
        }
    }
    items
}

fn said(part: &Part) -> Option<Value> {
    match part {
        Part::Text { text, .. } if text.trim().is_empty() => None,
        Part::Text { text, signature } => {
            let mut item = json!({
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": text}],
            });
            if let Some(phase) = own(signature.as_ref()) {
                item["phase"] = json!(phase);
            }
            Some(item)
        }
        // The item as it came; without its encrypted content it would be looked up and not found.
        Part::Thinking { signature, .. } => serde_json::from_str(own(signature.as_ref())?).ok(),
        Part::ToolCall {
            id, name, input, ..
        } => Some(json!({
            "type": "function_call",
            "call_id": id,
            "name": name,
            "arguments": Value::Object(input.to_object()).to_string(),
        })),
    }
}

fn own(signature: Option<&Signature>) -> Option<&str> {
    let signature = signature.filter(|signature| signature.wire == WIRE)?;
    Some(&signature.data)
}

fn signed(data: String) -> Option<Signature> {
    Some(Signature {
        wire: WIRE.to_owned(),
        data,
    })
}

#[derive(Default)]
struct Reply {
    /// Whole items by their place.
    items: BTreeMap<u64, Value>,
    /// Places of calls that are being read → their index.
    calls: BTreeMap<u64, usize>,
    model: String,
    usage: Usage,
    /// The last event's response.
    end: Option<Value>,
}

impl Reply {
    fn finish(&mut self, response: &Value, on: &mut dyn FnMut(ModelEvent)) {
        if let Some(usage) = response.get("usage").filter(|usage| usage.is_object()) {
            let cached = tokens(usage, "/input_tokens_details/cached_tokens");
            self.usage = Usage {
                input: tokens(usage, "/input_tokens").saturating_sub(cached),
                output: tokens(usage, "/output_tokens"),
                cache_read: cached,
                cache_write: 0,
                reasoning: tokens(usage, "/output_tokens_details/reasoning_tokens"),
            };
            on(ModelEvent::Usage(self.usage));
        }
        if let Some(model) = text(response, "model") {
            model.clone_into(&mut self.model);
        }
        if self.items.is_empty() {
            self.items = (0..).zip(list(response, "output").cloned()).collect();
        }
        self.end = Some(response.clone());
    }

    fn call(&mut self, at: u64, item: &Value, on: &mut dyn FnMut(ModelEvent)) {
        let index = self.calls.len();
        if self.calls.contains_key(&at) {
            return;
        }
        self.calls.insert(at, index);
        let field = |name: &str| text(item, name).unwrap_or_default().to_owned();
        on(ModelEvent::ToolCall {
            index,
            id: field("call_id"),
            name: field("name"),
        });
    }
}

/// The parts of a whole item; true if it refuses.
fn parts_of(item: &Value, parts: &mut Vec<Part>) -> bool {
    let field = |name: &str| text(item, name).unwrap_or_default().to_owned();
    let mut refuses = false;
    match text(item, "type") {
        Some("message") => {
            let mut all = String::new();
            for content in list(item, "content") {
                refuses |= text(content, "type") == Some("refusal");
                let piece = text(content, "text").or_else(|| text(content, "refusal"));
                all.push_str(piece.unwrap_or_default());
            }
            if !all.is_empty() {
                parts.push(Part::Text {
                    text: all,
                    signature: text(item, "phase").and_then(|phase| signed(phase.to_owned())),
                });
            }
        }
        Some("reasoning") => {
            let summary: Vec<&str> = list(item, "summary")
                .filter_map(|part| text(part, "text"))
                .collect();
            let kept = text(item, "encrypted_content").map(|_| {
                let mut item = item.clone();
                if let Some(map) = item.as_object_mut() {
                    // Only in answers.
                    map.remove("status");
                }
                item.to_string()
            });
            parts.push(Part::Thinking {
                text: summary.join("\n\n"),
                signature: kept.and_then(signed),
            });
        }
        Some("function_call") => parts.push(Part::ToolCall {
            id: field("call_id"),
            name: field("name"),
            input: ToolInput::read(&field("arguments")),
            signature: None,
        }),
        _ => {}
    }
    refuses
}

impl Reading for Reply {
    fn event(
        &mut self,
        name: &str,
        data: &str,
        on: &mut dyn FnMut(ModelEvent),
    ) -> Result<(), Trouble> {
        if data == "[DONE]" {
            return Ok(());
        }
        let event = read(data)?;
        let at = event
            .get("output_index")
            .and_then(Value::as_u64)
            .unwrap_or(0);
        let delta = || text(&event, "delta").unwrap_or_default().to_owned();
        let item = event.get("item").unwrap_or(&Value::Null);
        let response = event.get("response").unwrap_or(&Value::Null);
        match text(&event, "type").unwrap_or(name) {
            "response.created" => {
                text(response, "model")
                    .unwrap_or_default()
                    .clone_into(&mut self.model);
            }
            "response.output_item.added" if text(item, "type") == Some("function_call") => {
                self.call(at, item, on);
            }
            "response.output_text.delta" | "response.refusal.delta" => {
                on(ModelEvent::Text(delta()));
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                on(ModelEvent::Thinking(delta()));
            }
            "response.function_call_arguments.delta" => {
                if let Some(index) = self.calls.get(&at) {
                    on(ModelEvent::ToolArguments {
                        index: *index,
                        json: delta(),
                    });
                }
            }
            "response.output_item.done" => {
                if text(item, "type") == Some("function_call") {
                    self.call(at, item, on);
                }
                self.items.insert(at, item.clone());
            }
            "response.completed" | "response.incomplete" => self.finish(response, on),
            "response.failed" => {
                self.finish(response, on);
                self.end = None;
                return Err(inside(response));
            }
            "error" => return Err(inside(&event)),
            // Beginnings and ends of parts, server tools, and what is not known.
            _ => {}
        }
        Ok(())
    }

    fn whole(&mut self, body: &Value, on: &mut dyn FnMut(ModelEvent)) -> Result<(), Trouble> {
        match text(body, "status") {
            Some("failed" | "cancelled") => return Err(inside(body)),
            Some("completed" | "incomplete") => {}
            _ if body.get("output").is_some() => {}
            _ => return Err(Trouble::protocol("its answer is no response object")),
        }
        self.finish(body, on);
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.end.is_some()
    }

    fn usage(&self) -> Usage {
        self.usage
    }

    fn reply(&mut self) -> Result<ModelReply, Trouble> {
        let Some(end) = self.end.take() else {
            return Err(cut());
        };
        let mut parts = Vec::new();
        let mut refuses = false;
        for item in std::mem::take(&mut self.items).into_values() {
            refuses |= parts_of(&item, &mut parts);
        }
        let why = end
            .pointer("/incomplete_details/reason")
            .and_then(Value::as_str);
        let calls = parts.iter().any(|part| part.call_id().is_some());
        Ok(ModelReply {
            stop: match why {
                Some("max_output_tokens") => StopReason::MaxTokens,
                Some("content_filter") => StopReason::Refusal,
                Some(other) => StopReason::Other(other.to_owned()),
                None if refuses => StopReason::Refusal,
                None if calls => StopReason::ToolUse,
                None => StopReason::EndTurn,
            },
            parts,
            usage: self.usage,
            model: std::mem::take(&mut self.model),
            cost: None,
        })
    }
}
