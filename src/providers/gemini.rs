//! Gemini (`models/M:generateContent`, `models/M:streamGenerateContent?alt=sse`, v1beta).

use serde_json::{Value, json};

use crate::domain::money::Usage;
use crate::ports::model::{
    Effort, ModelEvent, ModelInfo, ModelReply, ModelRequest, Part, Signature, StopReason, Thinking,
    ToolChoice, ToolInput, Turn,
};
use crate::providers::chat::nameless;
use crate::providers::families;
use crate::providers::refusal::inside;
use crate::providers::trouble::Trouble;
use crate::providers::wires::{
    Ask, Reading, Wire, add_text, cut, instructions, json as read, list, output, text, tokens,
};

const WIRE: &str = "gemini";
/// What the documentation names for calls that another model made: they have no signature.
const UNSIGNED: &str = "skip_thought_signature_validator";
/// Ids that fleet gave, and that the API does not know.
const OWN_IDS: &str = "fleet_call_";

pub(super) struct Gemini;

impl Wire for Gemini {
    fn ask(&self, request: &ModelRequest, stream: bool) -> Ask {
        let mut config = json!({"maxOutputTokens": request.max_output_tokens});
        if let Some(temperature) = request.temperature {
            config["temperature"] = json!(temperature);
        }
        if !request.stop.is_empty() {
            config["stopSequences"] = json!(request.stop);
        }
        if let Some(thinking) = thinking(request) {
            config["thinkingConfig"] = thinking;
        }
        let mut body = json!({
            "contents": contents(request),
            "generationConfig": config,
        });
        let instructions = instructions(request);
        if !instructions.is_empty() {
            body["systemInstruction"] = json!({"parts": [{"text": instructions}]});
        }
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(|tool| {
                json!({
                    "name": tool.name,
                    "description": tool.description,
                    "parametersJsonSchema": tool.input_schema,
                })
            });
            body["tools"] = json!([{"functionDeclarations": tools.collect::<Vec<_>>()}]);
            let choice = match &request.tool_choice {
                ToolChoice::Auto => json!({"mode": "AUTO"}),
                ToolChoice::None => json!({"mode": "NONE"}),
                ToolChoice::Required => json!({"mode": "ANY"}),
                ToolChoice::Named(name) => {
                    json!({"mode": "ANY", "allowedFunctionNames": [name]})
                }
            };
            body["toolConfig"] = json!({"functionCallingConfig": choice});
        }
        let verb = if stream {
            "streamGenerateContent?alt=sse"
        } else {
            "generateContent"
        };
        let model = request.model.trim_start_matches("models/");
        Ask {
            path: format!("/models/{model}:{verb}"),
            headers: Vec::new(),
            body: Some(body),
        }
    }

    fn reading(&self) -> Box<dyn Reading> {
        Box::new(Reply::default())
    }

    /// In a header: an address is written down in too many places.
    fn key(&self, key: &str) -> (&'static str, String) {
        ("x-goog-api-key", key.to_owned())
    }

    fn list(&self, page: Option<&str>) -> Ask {
        let token = page.map_or(String::new(), |token| format!("&pageToken={token}"));
        Ask {
            path: format!("/models?pageSize=1000{token}"),
            headers: Vec::new(),
            body: None,
        }
    }

    fn listed(&self, page: &Value) -> (Vec<ModelInfo>, Option<String>) {
        let models = list(page, "models").filter_map(|model| {
            let talks = list(model, "supportedGenerationMethods").any(|m| m == "generateContent");
            let id = text(model, "name")?.trim_start_matches("models/");
            talks.then(|| ModelInfo {
                id: id.to_owned(),
                name: text(model, "displayName").map(str::to_owned),
                context_window: model.get("inputTokenLimit").and_then(Value::as_u64),
                max_output_tokens: model.get("outputTokenLimit").and_then(Value::as_u64),
                ..ModelInfo::default()
            })
        });
        let next = text(page, "nextPageToken").filter(|token| !token.is_empty());
        (models.collect(), next.map(str::to_owned))
    }
}

/// 2.5 takes a budget of tokens, later ones a level, earlier ones neither.
fn thinking(request: &ModelRequest) -> Option<Value> {
    let generation = families::gemini(&request.model)?;
    let small = request.model.contains("flash");
    if generation < (2, 5) {
        return None;
    }
    let mut config = json!({"includeThoughts": request.thinking != Thinking::Off});
    if generation < (3, 0) {
        let budget = match request.thinking {
            Thinking::Default => return Some(config),
            Thinking::Off => {
                if small {
                    0
                } else {
                    128
                }
            }
            Thinking::Effort(Effort::Low) => 1024,
            Thinking::Effort(Effort::Medium) => 8192,
            Thinking::Effort(Effort::High) => 24_576,
        };
        config["thinkingBudget"] = json!(budget);
    } else {
        let level = match request.thinking {
            Thinking::Default => return Some(config),
            Thinking::Off if small => "minimal",
            Thinking::Off | Thinking::Effort(Effort::Low) => "low",
            Thinking::Effort(Effort::Medium) if small => "medium",
            Thinking::Effort(_) => "high",
        };
        config["thinkingLevel"] = json!(level);
    }
    Some(config)
}

fn contents(request: &ModelRequest) -> Vec<Value> {
    let signs = families::gemini(&request.model).is_some_and(|generation| generation >= (3, 0));
    let mut contents: Vec<(&str, Vec<Value>)> = Vec::new();
    for turn in &request.turns {
        let (role, parts) = match turn {
            Turn::User(text) => ("user", vec![json!({"text": text})]),
            Turn::Assistant(parts) => ("model", said(parts, signs)),
            Turn::ToolResults(results) => {
                let parts = results.iter().map(|result| {
                    let field = if result.ok { "output" } else { "error" };
                    let mut answer = json!({
                        "name": result.name,
                        "response": {field: output(&result.content)},
                    });
                    if !result.call_id.starts_with(OWN_IDS) {
                        answer["id"] = json!(result.call_id);
                    }
                    json!({"functionResponse": answer})
                });
                ("user", parts.collect())
            }
        };
        match contents.last_mut() {
            // Results stay a turn of their own: as many as there were calls.
            Some((last, all)) if *last == role && !all.iter().any(is_answer) => all.extend(parts),
            _ => contents.push((role, parts)),
        }
    }
    let turns = contents.into_iter();
    turns
        .map(|(role, parts)| json!({"role": role, "parts": parts}))
        .collect()
}

fn is_answer(part: &Value) -> bool {
    part.get("functionResponse").is_some()
}

/// What the model said; a signature stands in the part that it came with.
fn said(parts: &[Part], signs: bool) -> Vec<Value> {
    let own = |signature: &Option<Signature>| {
        let signature = signature
            .as_ref()
            .filter(|signature| signature.wire == WIRE)?;
        Some(signature.data.clone())
    };
    let mut calls = 0;
    let sent = parts.iter().filter_map(|part| {
        let (mut sent, signature) = match part {
            Part::Thinking { .. } => return None,
            Part::Text { text, signature } => {
                let signature = own(signature);
                if text.is_empty() && signature.is_none() {
                    return None;
                }
                (json!({"text": text}), signature)
            }
            Part::ToolCall {
                id,
                name,
                input,
                signature,
            } => {
                let mut call = json!({"name": name, "args": input.to_object()});
                if !id.starts_with(OWN_IDS) {
                    call["id"] = json!(id);
                }
                calls += 1;
                // Of parallel calls, the first one carries it.
                let missing = (signs && calls == 1).then(|| UNSIGNED.to_owned());
                (json!({"functionCall": call}), own(signature).or(missing))
            }
        };
        if let Some(signature) = signature {
            sent["thoughtSignature"] = json!(signature);
        }
        Some(sent)
    });
    let mut sent: Vec<Value> = sent.collect();
    if sent.is_empty() {
        sent.push(json!({"text": "(no text)"}));
    }
    sent
}

#[derive(Default)]
struct Reply {
    parts: Vec<Part>,
    calls: usize,
    model: String,
    usage: Usage,
    finish: Option<String>,
    blocked: bool,
    whole: bool,
}

impl Reply {
    fn chunk(&mut self, chunk: &Value, on: &mut dyn FnMut(ModelEvent)) -> Result<(), Trouble> {
        if chunk.get("error").is_some() {
            return Err(inside(chunk));
        }
        if let Some(model) = text(chunk, "modelVersion") {
            model.clone_into(&mut self.model);
        }
        if let Some(candidate) = list(chunk, "candidates").next() {
            let content = candidate.get("content").unwrap_or(&Value::Null);
            for part in list(content, "parts") {
                self.part(part, on);
            }
            if let Some(finish) = text(candidate, "finishReason") {
                self.finish = Some(finish.to_owned());
                if let Some(message) = text(candidate, "finishMessage").filter(|_| finish != "STOP")
                {
                    add_text(&mut self.parts, message);
                }
            }
        }
        self.blocked |= chunk.pointer("/promptFeedback/blockReason").is_some();
        if let Some(usage) = chunk.get("usageMetadata") {
            let cached = tokens(usage, "/cachedContentTokenCount");
            let prompt = tokens(usage, "/promptTokenCount")
                .saturating_add(tokens(usage, "/toolUsePromptTokenCount"));
            let thoughts = tokens(usage, "/thoughtsTokenCount");
            self.usage = Usage {
                input: prompt.saturating_sub(cached),
                // Candidates do not count the thoughts.
                output: tokens(usage, "/candidatesTokenCount").saturating_add(thoughts),
                cache_read: cached,
                cache_write: 0,
                reasoning: thoughts,
            };
            on(ModelEvent::Usage(self.usage));
        }
        Ok(())
    }

    fn part(&mut self, part: &Value, on: &mut dyn FnMut(ModelEvent)) {
        let signature = text(part, "thoughtSignature").map(|data| Signature {
            wire: WIRE.to_owned(),
            data: data.to_owned(),
        });
        if let Some(call) = part.get("functionCall") {
            let name = text(call, "name").unwrap_or_default().to_owned();
            let id = text(call, "id").filter(|id| !id.is_empty());
            let id = id.map_or_else(nameless, str::to_owned);
            let args = call.get("args").cloned().unwrap_or_else(|| json!({}));
            let index = self.calls;
            self.calls += 1;
            on(ModelEvent::ToolCall {
                index,
                id: id.clone(),
                name: name.clone(),
            });
            on(ModelEvent::ToolArguments {
                index,
                json: args.to_string(),
            });
            self.parts.push(Part::ToolCall {
                id,
                name,
                input: ToolInput::read(&args.to_string()),
                signature,
            });
            return;
        }
        let Some(more) = text(part, "text") else {
            return;
        };
        if part.get("thought").and_then(Value::as_bool) == Some(true) {
            on(ModelEvent::Thinking(more.to_owned()));
            match self.parts.last_mut() {
                Some(Part::Thinking { text, .. }) => text.push_str(more),
                _ => self.parts.push(Part::Thinking {
                    text: more.to_owned(),
                    signature: None,
                }),
            }
            return;
        }
        if !more.is_empty() {
            on(ModelEvent::Text(more.to_owned()));
        }
        match signature {
            // Kept apart: a part goes back with the signature that it came with.
            Some(_) => self.parts.push(Part::Text {
                text: more.to_owned(),
                signature,
            }),
            None if more.is_empty() => {}
            None => add_text(&mut self.parts, more),
        }
    }
}

impl Reading for Reply {
    fn event(
        &mut self,
        _: &str,
        data: &str,
        on: &mut dyn FnMut(ModelEvent),
    ) -> Result<(), Trouble> {
        self.chunk(&read(data)?, on)
    }

    fn whole(&mut self, body: &Value, on: &mut dyn FnMut(ModelEvent)) -> Result<(), Trouble> {
        // Without `alt=sse` a stream is one list of chunks.
        match body {
            Value::Array(chunks) => {
                for chunk in chunks {
                    self.chunk(chunk, on)?;
                }
            }
            other => self.chunk(other, on)?,
        }
        self.whole = true;
        Ok(())
    }

    fn is_done(&self) -> bool {
        // The stream has no last event: it is read to its end.
        self.whole
    }

    fn usage(&self) -> Usage {
        self.usage
    }

    fn reply(&mut self) -> Result<ModelReply, Trouble> {
        let finish = match (self.finish.take(), self.blocked) {
            (Some(finish), _) => finish,
            (None, true) => "SAFETY".to_owned(),
            (None, false) => return Err(cut()),
        };
        Ok(ModelReply {
            parts: std::mem::take(&mut self.parts),
            stop: match finish.as_str() {
                "MAX_TOKENS" => StopReason::MaxTokens,
                "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII"
                | "LANGUAGE" => StopReason::Refusal,
                // The second word is what imitations say.
                "STOP" | "FUNCTION_CALL" if self.calls > 0 => StopReason::ToolUse,
                "STOP" => StopReason::EndTurn,
                other => StopReason::Other(other.to_owned()),
            },
            usage: self.usage,
            model: std::mem::take(&mut self.model),
            cost: None,
        })
    }
}
