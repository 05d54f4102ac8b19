//! The reply on the Chat Completions wire, with the habits of its many servers.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::domain::money::{MicroUsd, Usage};
use crate::ports::model::{ModelEvent, ModelReply, Part, Signature, StopReason, ToolInput};
use crate::providers::chat::{CONTENT, DETAILS};
use crate::providers::refusal::inside;
use crate::providers::trouble::Trouble;
use crate::providers::wires::{Reading, cut, json as read, list, text, tokens};

/// A million of xAI's ticks for a hundred micro-dollars: 10^10 ticks are a dollar.
const TICKS_PER_MICRO: u64 = 10_000;

/// Numbers for calls that their server gave no id.
static NAMELESS: AtomicU64 = AtomicU64::new(1);

/// An id for a call that came without one; unique in this process, and known by its beginning.
pub(in crate::providers) fn nameless() -> String {
    format!("fleet_call_{}", NAMELESS.fetch_add(1, Ordering::Relaxed))
}

struct Call {
    /// The server's own number; several servers give all calls the same.
    slot: u64,
    id: String,
    name: String,
    json: String,
    told: bool,
}

pub(super) struct Reply {
    text: String,
    thought: String,
    /// The reasoning came in the field that has to be given back.
    content_field: bool,
    details: Vec<Value>,
    calls: Vec<Call>,
    model: String,
    usage: Usage,
    cost: Option<MicroUsd>,
    finish: Option<String>,
    refuses: bool,
    done: bool,
}

impl Reply {
    pub(super) const fn new() -> Self {
        Self {
            text: String::new(),
            thought: String::new(),
            content_field: false,
            details: Vec::new(),
            calls: Vec::new(),
            model: String::new(),
            usage: Usage {
                input: 0,
                output: 0,
                cache_read: 0,
                cache_write: 0,
                reasoning: 0,
            },
            cost: None,
            finish: None,
            refuses: false,
            done: false,
        }
    }

    /// A chunk, or a whole answer: the same but for `message` in place of `delta`.
    fn chunk(&mut self, chunk: &Value, on: &mut dyn FnMut(ModelEvent)) -> Result<(), Trouble> {
        if chunk.get("error").is_some_and(|error| !error.is_null()) {
            return Err(inside(chunk));
        }
        if let Some(model) = text(chunk, "model").filter(|_| self.model.is_empty()) {
            model.clone_into(&mut self.model);
        }
        // One answer is asked for; a chunk with usage only has none.
        if let Some(choice) = list(chunk, "choices").next() {
            if choice.get("error").is_some_and(|error| !error.is_null()) {
                return Err(inside(choice));
            }
            let delta = choice.get("delta").or_else(|| choice.get("message"));
            if let Some(delta) = delta {
                self.delta(delta, on);
            }
            if let Some(finish) = text(choice, "finish_reason").filter(|word| !word.is_empty()) {
                if finish == "error" {
                    return Err(inside(chunk));
                }
                self.finish = Some(finish.to_owned());
            }
        }
        let usage = chunk.get("usage").filter(|usage| usage.is_object());
        if let Some(usage) = usage.or_else(|| chunk.pointer("/x_groq/usage")) {
            self.count(usage, on);
        }
        Ok(())
    }

    fn delta(&mut self, delta: &Value, on: &mut dyn FnMut(ModelEvent)) {
        let details = list(delta, "reasoning_details");
        self.details.extend(details.cloned());
        self.content_field |= text(delta, "reasoning_content").is_some();
        let thought = text(delta, "reasoning_content").or_else(|| text(delta, "reasoning"));
        if let Some(more) = thought.filter(|more| !more.is_empty()) {
            self.thought.push_str(more);
            on(ModelEvent::Thinking(more.to_owned()));
        }
        let refusal = text(delta, "refusal").filter(|more| !more.is_empty());
        self.refuses |= refusal.is_some();
        for more in [text(delta, "content"), refusal].into_iter().flatten() {
            if !more.is_empty() {
                self.text.push_str(more);
                on(ModelEvent::Text(more.to_owned()));
            }
        }
        let pieces: Vec<&Value> = list(delta, "tool_calls").collect();
        for (at, piece) in (0..).zip(pieces) {
            self.call(at, piece, on);
        }
    }

    fn call(&mut self, at: u64, piece: &Value, on: &mut dyn FnMut(ModelEvent)) {
        let slot = piece.get("index").and_then(Value::as_u64).unwrap_or(at);
        let id = text(piece, "id").unwrap_or_default();
        let name = piece.pointer("/function/name").and_then(Value::as_str);
        let name = name.unwrap_or_default();
        let known = self.calls.iter().rposition(|call| call.slot == slot);
        // Another id in the same place is another call.
        let known = known.filter(|at| {
            let call = &self.calls[*at];
            id.is_empty() || call.id.is_empty() || call.id == id
        });
        let index = known.unwrap_or(self.calls.len());
        if known.is_none() {
            self.calls.push(Call {
                slot,
                id: String::new(),
                name: String::new(),
                json: String::new(),
                told: false,
            });
        }
        let call = &mut self.calls[index];
        if call.id.is_empty() {
            id.clone_into(&mut call.id);
        }
        // Some repeat the name with every piece.
        if call.name != name {
            call.name.push_str(name);
        }
        if !call.told && !call.name.is_empty() {
            call.told = true;
            if call.id.is_empty() {
                call.id = nameless();
            }
            on(ModelEvent::ToolCall {
                index,
                id: call.id.clone(),
                name: call.name.clone(),
            });
        }
        let arguments = match piece.pointer("/function/arguments") {
            Some(Value::String(text)) => text.clone(),
            // Against the format, but plain enough.
            Some(Value::Object(map)) => Value::Object(map.clone()).to_string(),
            _ => String::new(),
        };
        if !arguments.is_empty() {
            call.json.push_str(&arguments);
            on(ModelEvent::ToolArguments {
                index,
                json: arguments,
            });
        }
    }

    fn count(&mut self, usage: &Value, on: &mut dyn FnMut(ModelEvent)) {
        let prompt = tokens(usage, "/prompt_tokens");
        let completion = tokens(usage, "/completion_tokens");
        let reasoning = tokens(usage, "/completion_tokens_details/reasoning_tokens");
        let cached = tokens(usage, "/prompt_tokens_details/cached_tokens")
            .max(tokens(usage, "/prompt_cache_hit_tokens"));
        let written = tokens(usage, "/prompt_tokens_details/cache_write_tokens");
        // xAI counts reasoning apart from the completion: only the total tells.
        let total = tokens(usage, "/total_tokens");
        let apart =
            reasoning > 0 && total == prompt.saturating_add(completion).saturating_add(reasoning);
        self.usage = Usage {
            input: prompt.saturating_sub(cached).saturating_sub(written),
            output: completion.saturating_add(if apart { reasoning } else { 0 }),
            cache_read: cached,
            cache_write: written,
            reasoning,
        };
        if let Some(ticks) = usage.get("cost_in_usd_ticks").and_then(Value::as_u64) {
            self.cost = Some(MicroUsd(ticks.div_ceil(TICKS_PER_MICRO)));
        } else if let Some(dollars) = usage.get("cost").and_then(Value::as_f64) {
            // With an own key at the provider behind it, that one bills the rest.
            let own = usage.get("is_byok").and_then(Value::as_bool) == Some(true);
            let behind = usage.pointer("/cost_details/upstream_inference_cost");
            let behind = behind
                .and_then(Value::as_f64)
                .filter(|_| own)
                .unwrap_or(0.0);
            self.cost = Some(MicroUsd::from_usd(dollars + behind));
        }
        on(ModelEvent::Usage(self.usage));
    }

    fn thinking(&mut self) -> Option<Part> {
        let details = merged(std::mem::take(&mut self.details));
        let text = std::mem::take(&mut self.thought);
        let signature = if !details.is_empty() {
            Some(Signature {
                wire: DETAILS.to_owned(),
                data: Value::Array(details).to_string(),
            })
        } else {
            self.content_field.then(|| Signature {
                wire: CONTENT.to_owned(),
                data: "reasoning_content".to_owned(),
            })
        };
        let some = !text.is_empty() || signature.as_ref().is_some_and(|s| s.wire == DETAILS);
        some.then_some(Part::Thinking { text, signature })
    }
}

/// OpenRouter streams its details in pieces: those of one place and type are one.
fn merged(pieces: Vec<Value>) -> Vec<Value> {
    let mut whole: Vec<Value> = Vec::new();
    for piece in pieces {
        let place = |value: &Value| (value.get("index").cloned(), value.get("type").cloned());
        let last = whole
            .iter_mut()
            .rev()
            .find(|known| piece.get("index").is_some() && place(known) == place(&piece));
        match last {
            None => whole.push(piece),
            Some(known) => {
                for (name, more) in piece.as_object().into_iter().flatten() {
                    let grows = matches!(name.as_str(), "text" | "summary" | "data");
                    match (known.get(name).and_then(Value::as_str), more.as_str()) {
                        (Some(old), Some(more)) if grows => {
                            known[name] = json!(format!("{old}{more}"));
                        }
                        _ if more.is_null() => {}
                        _ => known[name] = more.clone(),
                    }
                }
            }
        }
    }
    whole
}

impl Reading for Reply {
    fn event(
        &mut self,
        _: &str,
        data: &str,
        on: &mut dyn FnMut(ModelEvent),
    ) -> Result<(), Trouble> {
        if data.trim() == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        self.chunk(&read(data)?, on)
    }

    fn whole(&mut self, body: &Value, on: &mut dyn FnMut(ModelEvent)) -> Result<(), Trouble> {
        self.chunk(body, on)?;
        self.done = true;
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn usage(&self) -> Usage {
        self.usage
    }

    fn reply(&mut self) -> Result<ModelReply, Trouble> {
        // `[DONE]` is left out by some; the reason to finish by none.
        let Some(finish) = self.finish.take() else {
            return Err(cut());
        };
        let mut parts: Vec<Part> = self.thinking().into_iter().collect();
        if !self.text.is_empty() {
            parts.push(Part::text(&std::mem::take(&mut self.text)));
        }
        let calls = !self.calls.is_empty();
        for call in std::mem::take(&mut self.calls) {
            parts.push(Part::ToolCall {
                id: if call.id.is_empty() {
                    nameless()
                } else {
                    call.id
                },
                name: call.name,
                input: ToolInput::read(&call.json),
                signature: None,
            });
        }
        Ok(ModelReply {
            parts,
            stop: match finish.as_str() {
                "length" => StopReason::MaxTokens,
                "content_filter" => StopReason::Refusal,
                _ if self.refuses => StopReason::Refusal,
                _ if calls => StopReason::ToolUse,
                "stop" | "tool_calls" | "function_call" | "eos" => StopReason::EndTurn,
                other => StopReason::Other(other.to_owned()),
            },
            usage: self.usage,
            model: std::mem::take(&mut self.model),
            cost: self.cost,
        })
    }
}
