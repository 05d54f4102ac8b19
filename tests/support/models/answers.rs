//! Scripted answers in each provider's own words, streamed and whole.

use serde_json::{Value, json};

use super::{Api, COUNT, End, Say};

fn event(name: &str, data: &Value) -> String {
    if name.is_empty() {
        format!("data: {data}\n\n")
    } else {
        format!("event: {name}\ndata: {data}\n\n")
    }
}

/// A text in small pieces, cut between characters.
fn bits(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars
        .chunks(5)
        .map(|piece| piece.iter().collect())
        .collect()
}

fn merge(mut usage: Value, more: Option<&Value>) -> Value {
    for (name, value) in more.and_then(Value::as_object).into_iter().flatten() {
        usage[name] = value.clone();
    }
    usage
}

fn calls(says: &[Say]) -> bool {
    says.iter().any(|say| matches!(say, Say::Call(..)))
}

fn arguments(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| json!({}))
}

/// The events of a stream.
pub(super) fn events(api: Api, says: &[Say], end: End, usage: Option<&Value>) -> Vec<String> {
    match api {
        Api::Anthropic => anthropic(says, end, usage),
        Api::Responses => responses(says, end, usage),
        Api::Chat => chat(says, end, usage),
        Api::Gemini => gemini(says, end, usage),
    }
}

/// The answer without a stream.
pub(super) fn whole(api: Api, says: &[Say], end: End, usage: Option<&Value>) -> Value {
    match api {
        Api::Anthropic => {
            let content: Vec<Value> = says.iter().map(block).collect();
            json!({
                "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-test",
                "content": content, "stop_reason": anthropic_stop(says, end),
                "stop_sequence": null, "usage": merge(anthropic_usage(), usage),
            })
        }
        Api::Responses => response(says, end, usage),
        Api::Chat => {
            let text: String = says
                .iter()
                .filter_map(|say| match say {
                    Say::Text(text) => Some(*text),
                    _ => None,
                })
                .collect();
            let calls: Vec<Value> = says
                .iter()
                .filter_map(|say| match say {
                    Say::Call(id, name, json) => Some(json!({
                        "id": id, "type": "function",
                        "function": {"name": name, "arguments": json},
                    })),
                    _ => None,
                })
                .collect();
            let mut message = json!({"role": "assistant", "content": text});
            if !calls.is_empty() {
                message["tool_calls"] = Value::Array(calls);
            }
            json!({
                "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "chat-test",
                "choices": [{"index": 0, "message": message, "finish_reason": chat_stop(says, end)}],
                "usage": merge(chat_usage(), usage),
            })
        }
        Api::Gemini => {
            let parts: Vec<Value> = says.iter().enumerate().map(gemini_part).collect();
            json!({
                "candidates": [{
                    "content": {"role": "model", "parts": parts},
                    "finishReason": gemini_stop(end), "index": 0,
                }],
                "usageMetadata": merge(gemini_usage(), usage),
                "modelVersion": "gemini-test",
            })
        }
    }
}

fn anthropic_usage() -> Value {
    json!({
        "input_tokens": COUNT.prompt - COUNT.cached, "cache_read_input_tokens": COUNT.cached,
        "cache_creation_input_tokens": 0, "output_tokens": COUNT.output,
        "output_tokens_details": {"thinking_tokens": COUNT.reasoning},
    })
}

const fn gemini_stop(end: End) -> &'static str {
    match end {
        End::Usual => "STOP",
        End::Full => "MAX_TOKENS",
        End::Refused => "SAFETY",
    }
}

fn anthropic_stop(says: &[Say], end: End) -> &'static str {
    match (end, calls(says)) {
        (End::Full, _) => "max_tokens",
        (End::Refused, _) => "refusal",
        (End::Usual, true) => "tool_use",
        (End::Usual, false) => "end_turn",
    }
}

fn block(say: &Say) -> Value {
    match say {
        Say::Text(text) => json!({"type": "text", "text": text}),
        Say::Thinking(text) => {
            json!({"type": "thinking", "thinking": text, "signature": "c2lnbmVk=="})
        }
        Say::Call(id, name, json) => {
            json!({"type": "tool_use", "id": id, "name": name, "input": arguments(json)})
        }
    }
}

fn anthropic(says: &[Say], end: End, usage: Option<&Value>) -> Vec<String> {
    let start = json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-test", "content": [],
        "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": COUNT.prompt - COUNT.cached, "cache_read_input_tokens": COUNT.cached,
                  "cache_creation_input_tokens": 0, "output_tokens": 1},
    }});
    let mut events = vec![event("message_start", &start)];
    events.push(event("ping", &json!({"type": "ping"})));
    for (index, say) in says.iter().enumerate() {
        let (begin, deltas): (Value, Vec<Value>) = match say {
            Say::Text(text) => (
                json!({"type": "text", "text": ""}),
                bits(text)
                    .into_iter()
                    .map(|bit| json!({"type": "text_delta", "text": bit}))
                    .collect(),
            ),
            Say::Thinking(text) => (
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                bits(text)
                    .into_iter()
                    .map(|bit| json!({"type": "thinking_delta", "thinking": bit}))
                    .chain([json!({"type": "signature_delta", "signature": "c2lnbmVk=="})])
                    .collect(),
            ),
            Say::Call(id, name, json) => (
                json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
                [String::new()]
                    .into_iter()
                    .chain(bits(json))
                    .map(|bit| json!({"type": "input_json_delta", "partial_json": bit}))
                    .collect(),
            ),
        };
        let begin = json!({"type": "content_block_start", "index": index, "content_block": begin});
        events.push(event("content_block_start", &begin));
        for delta in deltas {
            let delta = json!({"type": "content_block_delta", "index": index, "delta": delta});
            events.push(event("content_block_delta", &delta));
        }
        let stop = json!({"type": "content_block_stop", "index": index});
        events.push(event("content_block_stop", &stop));
    }
    let delta = json!({
        "type": "message_delta",
        "delta": {"stop_reason": anthropic_stop(says, end), "stop_sequence": null},
        "usage": merge(json!({"output_tokens": COUNT.output,
                              "output_tokens_details": {"thinking_tokens": COUNT.reasoning}}), usage),
    });
    events.push(event("message_delta", &delta));
    events.push(event("message_stop", &json!({"type": "message_stop"})));
    events
}

fn item(index: usize, say: &Say) -> Value {
    match say {
        Say::Text(text) => json!({
            "type": "message", "id": format!("msg_{index}"), "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}],
        }),
        Say::Thinking(text) => json!({
            "type": "reasoning", "id": format!("rs_{index}"), "status": "completed",
            "summary": [{"type": "summary_text", "text": text}], "encrypted_content": "gAAAAencrypted",
        }),
        Say::Call(id, name, json) => json!({
            "type": "function_call", "id": format!("fc_{index}"), "call_id": id, "name": name,
            "arguments": json, "status": "completed",
        }),
    }
}

fn response(says: &[Say], end: End, usage: Option<&Value>) -> Value {
    let output: Vec<Value> = says
        .iter()
        .enumerate()
        .map(|(at, say)| item(at, say))
        .collect();
    json!({
        "id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-test",
        "status": if end == End::Usual { "completed" } else { "incomplete" }, "error": null,
        "incomplete_details": match end {
            End::Usual => Value::Null,
            End::Full => json!({"reason": "max_output_tokens"}),
            End::Refused => json!({"reason": "content_filter"}),
        },
        "output": output,
        "usage": merge(json!({
            "input_tokens": COUNT.prompt, "input_tokens_details": {"cached_tokens": COUNT.cached},
            "output_tokens": COUNT.output,
            "output_tokens_details": {"reasoning_tokens": COUNT.reasoning},
            "total_tokens": COUNT.prompt + COUNT.output,
        }), usage),
    })
}

fn responses(says: &[Say], end: End, usage: Option<&Value>) -> Vec<String> {
    let mut events = Vec::new();
    let mut number = 0;
    let mut push = |kind: &str, mut data: Value| {
        data["type"] = json!(kind);
        data["sequence_number"] = json!(number);
        number += 1;
        events.push(event(kind, &data));
    };
    let empty = json!({"id": "resp_1", "object": "response", "status": "in_progress",
                       "model": "gpt-test", "output": [], "usage": null});
    push("response.created", json!({"response": empty}));
    push("response.in_progress", json!({"response": empty}));
    for (at, say) in says.iter().enumerate() {
        let done = item(at, say);
        let mut begun = done.clone();
        begun["status"] = json!("in_progress");
        let (field, kind, text) = match say {
            Say::Text(text) => ("content", "response.output_text.delta", (*text).to_owned()),
            Say::Thinking(text) => (
                "summary",
                "response.reasoning_summary_text.delta",
                (*text).to_owned(),
            ),
            Say::Call(_, _, json) => (
                "arguments",
                "response.function_call_arguments.delta",
                json.clone(),
            ),
        };
        begun[field] = if field == "arguments" {
            json!("")
        } else {
            json!([])
        };
        push(
            "response.output_item.added",
            json!({"output_index": at, "item": begun}),
        );
        for bit in bits(&text) {
            push(
                kind,
                json!({"output_index": at, "item_id": done["id"], "content_index": 0, "delta": bit}),
            );
        }
        push(
            "response.output_item.done",
            json!({"output_index": at, "item": done}),
        );
    }
    let last = if end != End::Usual {
        "response.incomplete"
    } else {
        "response.completed"
    };
    push(last, json!({"response": response(says, end, usage)}));
    events
}

fn chat_usage() -> Value {
    json!({
        "prompt_tokens": COUNT.prompt, "completion_tokens": COUNT.output,
        "total_tokens": COUNT.prompt + COUNT.output,
        "prompt_tokens_details": {"cached_tokens": COUNT.cached},
        "completion_tokens_details": {"reasoning_tokens": COUNT.reasoning},
    })
}

fn chat_stop(says: &[Say], end: End) -> &'static str {
    match (end, calls(says)) {
        (End::Full, _) => "length",
        (End::Refused, _) => "content_filter",
        (End::Usual, true) => "tool_calls",
        (End::Usual, false) => "stop",
    }
}

fn chat(says: &[Say], end: End, usage: Option<&Value>) -> Vec<String> {
    let chunk = |delta: Value, finish: Option<&str>| {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "chat-test",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": null,
        })
    };
    let mut events = vec![event(
        "",
        &chunk(json!({"role": "assistant", "content": ""}), None),
    )];
    let mut index = 0;
    for say in says {
        match say {
            Say::Text(text) => {
                let bits = bits(text).into_iter();
                events.extend(bits.map(|bit| event("", &chunk(json!({"content": bit}), None))));
            }
            Say::Thinking(text) => {
                let bits = bits(text).into_iter();
                events.extend(
                    bits.map(|bit| event("", &chunk(json!({"reasoning_content": bit}), None))),
                );
            }
            Say::Call(id, name, json) => {
                let begin = json!({"tool_calls": [{"index": index, "id": id, "type": "function",
                    "function": {"name": name, "arguments": ""}}]});
                events.push(event("", &chunk(begin, None)));
                for bit in bits(json) {
                    let more =
                        json!({"tool_calls": [{"index": index, "function": {"arguments": bit}}]});
                    events.push(event("", &chunk(more, None)));
                }
                index += 1;
            }
        }
    }
    events.push(event("", &chunk(json!({}), Some(chat_stop(says, end)))));
    let last = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "chat-test",
        "choices": [], "usage": merge(chat_usage(), usage),
    });
    events.push(event("", &last));
    events.push("data: [DONE]\n\n".to_owned());
    events
}

fn gemini_usage() -> Value {
    json!({
        "promptTokenCount": COUNT.prompt, "cachedContentTokenCount": COUNT.cached,
        "candidatesTokenCount": COUNT.output - COUNT.reasoning, "thoughtsTokenCount": COUNT.reasoning,
        "totalTokenCount": COUNT.prompt + COUNT.output,
    })
}

fn gemini_part((at, say): (usize, &Say)) -> Value {
    match say {
        Say::Text(text) => json!({"text": text}),
        Say::Thinking(text) => json!({"text": text, "thought": true}),
        Say::Call(id, name, json) => {
            let mut call = json!({"name": name, "args": arguments(json)});
            // Older models give no id.
            if !id.is_empty() {
                call["id"] = json!(id);
            }
            let mut part = json!({"functionCall": call});
            if at == 0 || id.ends_with("_a") {
                part["thoughtSignature"] = json!("Z2VtaW5p");
            }
            part
        }
    }
}

fn gemini(says: &[Say], end: End, usage: Option<&Value>) -> Vec<String> {
    let chunk = |parts: Value, finish: Option<&str>, usage: Value| {
        let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
        if let Some(finish) = finish {
            candidate["finishReason"] = json!(finish);
        }
        event(
            "",
            &json!({"candidates": [candidate], "usageMetadata": usage,
                          "modelVersion": "gemini-test", "responseId": "r1"}),
        )
    };
    let first = json!({"promptTokenCount": COUNT.prompt, "cachedContentTokenCount": COUNT.cached,
                       "totalTokenCount": COUNT.prompt});
    let mut events = Vec::new();
    for (at, say) in says.iter().enumerate() {
        match say {
            Say::Text(text) => events.extend(
                bits(text)
                    .into_iter()
                    .map(|bit| chunk(json!([{"text": bit}]), None, first.clone())),
            ),
            Say::Thinking(text) => events.extend(
                bits(text)
                    .into_iter()
                    .map(|bit| chunk(json!([{"text": bit, "thought": true}]), None, first.clone())),
            ),
            Say::Call(..) => {
                events.push(chunk(json!([gemini_part((at, say))]), None, first.clone()))
            }
        }
    }
    let finish = gemini_stop(end);
    events.push(chunk(
        json!([{"text": ""}]),
        Some(finish),
        merge(gemini_usage(), usage),
    ));
    events
}

/// A refused key, quoted as some providers do.
pub(super) fn refused(api: Api, key: &str) -> String {
    let message = format!("Incorrect API key provided: {key}.");
    let error = match api {
        Api::Anthropic => {
            json!({"type": "error", "error": {"type": "authentication_error", "message": message}})
        }
        Api::Responses | Api::Chat => {
            json!({"error": {"message": message, "type": "invalid_request_error",
            "param": null, "code": "invalid_api_key"}})
        }
        Api::Gemini => {
            json!({"error": {"code": 401, "message": message, "status": "UNAUTHENTICATED"}})
        }
    };
    error.to_string()
}

/// What the real API would answer to a request that it does not take.
pub(super) fn invalid(api: Api, message: &str) -> String {
    let error = match api {
        Api::Anthropic => {
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": message}})
        }
        Api::Responses | Api::Chat => {
            json!({"error": {"message": message, "type": "invalid_request_error",
            "param": null, "code": null}})
        }
        Api::Gemini => {
            json!({"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}})
        }
    };
    error.to_string()
}

/// Lists of models, in two pages where the API has pages.
pub(super) fn models(api: Api, path: &str) -> Value {
    match api {
        Api::Anthropic if path.contains("after_id=claude-b") => {
            json!({"data": [{"type": "model", "id": "claude-a", "display_name": "Claude A"}],
                   "has_more": false, "first_id": "claude-a", "last_id": "claude-a"})
        }
        Api::Anthropic => {
            json!({"data": [{"type": "model", "id": "claude-b", "display_name": "Claude B"}],
                   "has_more": true, "first_id": "claude-b", "last_id": "claude-b"})
        }
        Api::Gemini if path.contains("pageToken=p2") => json!({"models": [
            {"name": "models/gemini-a", "displayName": "A", "inputTokenLimit": 1000,
             "outputTokenLimit": 100, "supportedGenerationMethods": ["generateContent"]},
        ]}),
        Api::Gemini => json!({"models": [
            {"name": "models/gemini-b", "displayName": "B", "inputTokenLimit": 2000,
             "outputTokenLimit": 200, "supportedGenerationMethods": ["generateContent", "countTokens"]},
            {"name": "models/embedding-1", "supportedGenerationMethods": ["embedContent"]},
        ], "nextPageToken": "p2"}),
        Api::Responses | Api::Chat => json!({"object": "list", "data": [
            {"id": "model-b", "object": "model", "owned_by": "x", "context_length": 8192,
             "pricing": {"prompt": "0.000003", "completion": "0.000015"},
             "top_provider": {"max_completion_tokens": 4096}},
            {"id": "model-a", "object": "model", "owned_by": "x", "context_window": 131072,
             "max_completion_tokens": 32768},
        ]}),
    }
}
