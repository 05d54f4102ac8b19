//! The reply on Anthropic's wire: blocks that begin, grow by deltas, and end.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::domain::money::Usage;
use crate::ports::model::{ModelEvent, ModelReply, Part, Signature, StopReason, ToolInput};
use crate::providers::anthropic::{REDACTED, SIGNED};
use crate::providers::refusal::inside;
use crate::providers::trouble::Trouble;
use crate::providers::wires::{Reading, add_text, cut, json as read, list, text, tokens};

/// A block that is being read.
enum Block {
    Text(String),
    Thinking {
        text: String,
        signature: String,
    },
    Redacted(String),
    Call {
        index: usize,
        id: String,
        name: String,
        json: String,
    },
}

#[derive(Default)]
pub(super) struct Reply {
    blocks: BTreeMap<u64, Block>,
    calls: usize,
    model: String,
    usage: Usage,
    stop: Option<String>,
    done: bool,
}

impl Reply {
    fn count(&mut self, usage: &Value, on: &mut dyn FnMut(ModelEvent)) {
        // Each report is a total, and leaves out what did not change.
        let keep = |field: &str, old: u64| usage.get(field).and_then(Value::as_u64).unwrap_or(old);
        self.usage = Usage {
            input: keep("input_tokens", self.usage.input),
            output: keep("output_tokens", self.usage.output),
            cache_read: keep("cache_read_input_tokens", self.usage.cache_read),
            cache_write: keep("cache_creation_input_tokens", self.usage.cache_write),
            reasoning: tokens(usage, "/output_tokens_details/thinking_tokens")
                .max(self.usage.reasoning),
        };
        on(ModelEvent::Usage(self.usage));
    }

    fn begin(&mut self, at: u64, block: &Value, on: &mut dyn FnMut(ModelEvent)) {
        let field = |name: &str| text(block, name).unwrap_or_default().to_owned();
        let block = match text(block, "type") {
            Some("text") => Block::Text(field("text")),
            Some("thinking") => Block::Thinking {
                text: field("thinking"),
                signature: field("signature"),
            },
            Some("redacted_thinking") => Block::Redacted(field("data")),
            Some("tool_use") => {
                let index = self.calls;
                self.calls += 1;
                let (id, name) = (field("id"), field("name"));
                on(ModelEvent::ToolCall {
                    index,
                    id: id.clone(),
                    name: name.clone(),
                });
                // Streamed calls begin with an empty object and get their input by deltas.
                let input = block.get("input").and_then(Value::as_object);
                let json = match input {
                    Some(map) if !map.is_empty() => Value::Object(map.clone()).to_string(),
                    _ => String::new(),
                };
                Block::Call {
                    index,
                    id,
                    name,
                    json,
                }
            }
            _ => return,
        };
        self.blocks.insert(at, block);
    }

    fn delta(&mut self, at: u64, delta: &Value, on: &mut dyn FnMut(ModelEvent)) {
        let field = |name: &str| text(delta, name).unwrap_or_default();
        match (self.blocks.get_mut(&at), text(delta, "type")) {
            (Some(Block::Text(all)), Some("text_delta")) => {
                all.push_str(field("text"));
                on(ModelEvent::Text(field("text").to_owned()));
            }
            (Some(Block::Thinking { text, .. }), Some("thinking_delta")) => {
                text.push_str(field("thinking"));
                on(ModelEvent::Thinking(field("thinking").to_owned()));
            }
            (Some(Block::Thinking { signature, .. }), Some("signature_delta")) => {
                signature.push_str(field("signature"));
            }
            (Some(Block::Call { index, json, .. }), Some("input_json_delta")) => {
                json.push_str(field("partial_json"));
                on(ModelEvent::ToolArguments {
                    index: *index,
                    json: field("partial_json").to_owned(),
                });
            }
            // Citations, blocks of server tools, and what is not known.
            _ => {}
        }
    }

    fn parts(&mut self) -> Vec<Part> {
        let mut parts = Vec::new();
        for block in std::mem::take(&mut self.blocks).into_values() {
            match block {
                Block::Text(text) if text.is_empty() => {}
                Block::Text(text) => add_text(&mut parts, &text),
                Block::Thinking { text, signature } => parts.push(Part::Thinking {
                    text,
                    signature: (!signature.is_empty()).then(|| Signature {
                        wire: SIGNED.to_owned(),
                        data: signature,
                    }),
                }),
                Block::Redacted(data) => parts.push(Part::Thinking {
                    text: String::new(),
                    signature: Some(Signature {
                        wire: REDACTED.to_owned(),
                        data,
                    }),
                }),
                Block::Call { id, name, json, .. } => parts.push(Part::ToolCall {
                    id,
                    name,
                    input: ToolInput::read(&json),
                    signature: None,
                }),
            }
        }
        parts
    }
}

impl Reading for Reply {
    fn event(
        &mut self,
        _: &str,
        data: &str,
        on: &mut dyn FnMut(ModelEvent),
    ) -> Result<(), Trouble> {
        let event = read(data)?;
        let at = event.get("index").and_then(Value::as_u64).unwrap_or(0);
        match text(&event, "type") {
            Some("message_start") => {
                let message = event.get("message").unwrap_or(&Value::Null);
                text(message, "model")
                    .unwrap_or_default()
                    .clone_into(&mut self.model);
                if let Some(usage) = message.get("usage") {
                    self.count(usage, on);
                }
            }
            Some("content_block_start") => {
                self.begin(at, event.get("content_block").unwrap_or(&Value::Null), on);
            }
            Some("content_block_delta") => {
                self.delta(at, event.get("delta").unwrap_or(&Value::Null), on);
            }
            Some("message_delta") => {
                if let Some(stop) = event.pointer("/delta/stop_reason").and_then(Value::as_str) {
                    self.stop = Some(stop.to_owned());
                }
                if let Some(usage) = event.get("usage") {
                    self.count(usage, on);
                }
            }
            Some("message_stop") => self.done = true,
            Some("error") => return Err(inside(&event)),
            // `ping`, the end of a block, and what is not known.
            _ => {}
        }
        Ok(())
    }

    fn whole(&mut self, body: &Value, on: &mut dyn FnMut(ModelEvent)) -> Result<(), Trouble> {
        if text(body, "type") == Some("error") {
            return Err(inside(body));
        }
        text(body, "model")
            .unwrap_or_default()
            .clone_into(&mut self.model);
        for (at, block) in (0..).zip(list(body, "content")) {
            self.begin(at, block, on);
            if let Some(Block::Text(text)) = self.blocks.get(&at) {
                on(ModelEvent::Text(text.clone()));
            }
        }
        if let Some(usage) = body.get("usage") {
            self.count(usage, on);
        }
        self.stop = text(body, "stop_reason").map(str::to_owned);
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
        let Some(stop) = self.stop.take().filter(|_| self.done) else {
            return Err(cut());
        };
        Ok(ModelReply {
            parts: self.parts(),
            stop: match stop.as_str() {
                "end_turn" | "stop_sequence" => StopReason::EndTurn,
                "tool_use" => StopReason::ToolUse,
                "max_tokens" | "model_context_window_exceeded" => StopReason::MaxTokens,
                "refusal" => StopReason::Refusal,
                other => StopReason::Other(other.to_owned()),
            },
            usage: self.usage,
            model: std::mem::take(&mut self.model),
            cost: None,
        })
    }
}
