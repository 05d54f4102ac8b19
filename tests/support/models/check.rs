//! What each real API demands of a request: fields, roles, headers, and an answer to every tool call.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Api, Seen};

/// The key that came along.
pub(super) fn key(api: Api, seen: &Seen) -> Option<&str> {
    match api {
        Api::Anthropic => seen.header("x-api-key"),
        Api::Responses | Api::Chat => seen.header("authorization")?.strip_prefix("Bearer "),
        Api::Gemini => seen.header("x-goog-api-key"),
    }
}

/// Whether a stream is asked for.
pub(super) fn streams(api: Api, seen: &Seen) -> bool {
    match api {
        Api::Gemini => {
            seen.path.contains(":streamGenerateContent") && seen.path.contains("alt=sse")
        }
        _ => seen.body["stream"] == Value::Bool(true),
    }
}

/// Everything that the real API would refuse.
pub(super) fn request(api: Api, seen: &Seen) -> Vec<String> {
    let mut found = Found::default();
    if seen.header("content-type") != Some("application/json") {
        found.say("content-type is not application/json");
    }
    if !seen.body.is_object() {
        found.say("the body is no JSON object");
        return found.0;
    }
    match api {
        Api::Anthropic => anthropic(seen, &mut found),
        Api::Responses => responses(seen, &mut found),
        Api::Chat => chat(seen, &mut found),
        Api::Gemini => gemini(seen, &mut found),
    }
    found.0
}

#[derive(Default)]
struct Found(Vec<String>);

impl Found {
    fn say(&mut self, what: impl Into<String>) {
        self.0.push(what.into());
    }

    fn unless(&mut self, fine: bool, what: impl Into<String>) {
        if !fine {
            self.0.push(what.into());
        }
    }

    /// An object has the needed fields, and none but those that are known.
    fn fields(&mut self, place: &str, value: &Value, needed: &[&str], more: &[&str]) {
        let Some(map) = value.as_object() else {
            self.say(format!("{place}: not an object"));
            return;
        };
        for name in map.keys() {
            let known = needed.contains(&name.as_str()) || more.contains(&name.as_str());
            self.unless(known, format!("{place}: unknown field `{name}`"));
        }
        for name in needed {
            self.unless(
                map.contains_key(*name),
                format!("{place}: missing `{name}`"),
            );
        }
    }
}

fn items<'v>(value: &'v Value, name: &str) -> Vec<&'v Value> {
    value[name]
        .as_array()
        .map(|list| list.iter().collect())
        .unwrap_or_default()
}

fn word(text: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    !text.is_empty() && text.len() <= 64 && text.chars().all(fine)
}

fn blank(value: &Value) -> bool {
    value.as_str().is_none_or(|text| text.trim().is_empty())
}

/// Tools have names of their own, a description and an object schema.
fn tool(found: &mut Found, names: &mut BTreeSet<String>, tool: &Value, schema: &str) {
    let name = tool["name"].as_str().unwrap_or_default();
    found.unless(word(name), format!("tool `{name}`: no valid name"));
    found.unless(
        names.insert(name.to_owned()),
        format!("tool `{name}`: twice"),
    );
    found.unless(
        !blank(&tool["description"]),
        format!("tool `{name}`: no description"),
    );
    found.unless(
        tool[schema]["type"] == "object",
        format!("tool `{name}`: no object schema"),
    );
}

fn anthropic(seen: &Seen, found: &mut Found) {
    let body = &seen.body;
    found.unless(seen.path == "/v1/messages", format!("path {}", seen.path));
    let version = seen.header("anthropic-version");
    found.unless(
        version == Some("2023-06-01"),
        "anthropic-version is missing",
    );
    let more = [
        "stream",
        "system",
        "tools",
        "tool_choice",
        "stop_sequences",
        "temperature",
        "thinking",
        "output_config",
        "metadata",
        "top_p",
        "top_k",
    ];
    found.fields("body", body, &["model", "max_tokens", "messages"], &more);
    let most = body["max_tokens"].as_u64().unwrap_or(0);
    found.unless(most >= 1, "max_tokens is below 1");
    if let Some(temperature) = body.get("temperature") {
        let fine = temperature
            .as_f64()
            .is_some_and(|t| (0.0..=1.0).contains(&t));
        found.unless(fine, "temperature is not from 0 to 1");
        found.unless(body.get("thinking").is_none(), "temperature with thinking");
    }
    if let Some(thinking) = body.get("thinking") {
        match thinking["type"].as_str() {
            Some("enabled") => {
                found.fields("thinking", thinking, &["type", "budget_tokens"], &[]);
                let budget = thinking["budget_tokens"].as_u64().unwrap_or(0);
                found.unless((1024..most).contains(&budget), "budget_tokens out of range");
            }
            Some("adaptive") => found.fields("thinking", thinking, &["type"], &["display"]),
            other => found.say(format!("thinking of type {other:?}")),
        }
        let choice = body["tool_choice"]["type"].as_str().unwrap_or("auto");
        found.unless(
            matches!(choice, "auto" | "none"),
            "thinking with a forced tool",
        );
    }
    let mut names = BTreeSet::new();
    for one in items(body, "tools") {
        found.fields(
            "tool",
            one,
            &["name", "input_schema"],
            &["description", "cache_control"],
        );
        tool(found, &mut names, one, "input_schema");
    }
    let fine = body.get("tool_choice").is_none() || !names.is_empty();
    found.unless(fine, "tool_choice without tools");
    let marks = body.to_string().matches("\"cache_control\":").count();
    found.unless(marks <= 4, format!("{marks} marks of caches"));
    for (at, block) in items(body, "system").into_iter().enumerate() {
        found.fields(
            &format!("system.{at}"),
            block,
            &["type", "text"],
            &["cache_control"],
        );
        found.unless(!blank(&block["text"]), format!("system.{at}: blank text"));
    }
    anthropic_messages(body, &names, found);
}

#[expect(
    clippy::too_many_lines,
    reason = "one API's rules in the order of its documentation"
)]
fn anthropic_messages(body: &Value, names: &BTreeSet<String>, found: &mut Found) {
    let messages = items(body, "messages");
    found.unless(!messages.is_empty(), "no messages");
    let mut open: Vec<String> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let place = format!("messages.{at}");
        found.fields(&place, message, &["role", "content"], &[]);
        let wanted = if at % 2 == 0 { "user" } else { "assistant" };
        found.unless(
            message["role"] == wanted,
            format!("{place}: the role is not {wanted}"),
        );
        let blocks = items(message, "content");
        found.unless(!blocks.is_empty(), format!("{place}: no content"));
        let mut answered: Vec<String> = Vec::new();
        let mut calls: Vec<String> = Vec::new();
        let mut after_text = false;
        for block in blocks {
            let id = |name: &str| block[name].as_str().unwrap_or_default().to_owned();
            match (block["type"].as_str(), wanted) {
                (Some("text"), _) => {
                    after_text = true;
                    found.fields(&place, block, &["type", "text"], &["cache_control"]);
                    found.unless(!blank(&block["text"]), format!("{place}: blank text"));
                }
                (Some("thinking"), "assistant") => {
                    found.fields(&place, block, &["type", "thinking", "signature"], &[]);
                    found.unless(
                        !blank(&block["signature"]),
                        format!("{place}: unsigned thinking"),
                    );
                }
                (Some("redacted_thinking"), "assistant") => {
                    found.fields(&place, block, &["type", "data"], &[]);
                }
                (Some("tool_use"), "assistant") => {
                    found.fields(
                        &place,
                        block,
                        &["type", "id", "name", "input"],
                        &["cache_control"],
                    );
                    found.unless(
                        word(&id("id")),
                        format!("{place}: tool_use id `{}`", id("id")),
                    );
                    found.unless(
                        block["input"].is_object(),
                        format!("{place}: input is no object"),
                    );
                    found.unless(
                        !names.is_empty(),
                        format!("{place}: tool_use without tools"),
                    );
                    calls.push(id("id"));
                }
                (Some("tool_result"), "user") => {
                    let more = ["content", "is_error", "cache_control"];
                    found.fields(&place, block, &["type", "tool_use_id"], &more);
                    found.unless(!after_text, format!("{place}: tool_result after text"));
                    answered.push(id("tool_use_id"));
                }
                (other, role) => found.say(format!("{place}: {other:?} in a message of {role}")),
            }
        }
        if wanted == "user" {
            paired(found, &place, &open, &answered);
        }
        open = calls;
    }
    found.unless(
        messages.len() % 2 == 1,
        "the last message is not the user's",
    );
}

/// The answers are those of the open calls, each once.
fn paired(found: &mut Found, place: &str, open: &[String], answered: &[String]) {
    let mut wanted = open.to_vec();
    let mut got = answered.to_vec();
    wanted.sort();
    got.sort();
    found.unless(
        wanted == got,
        format!("{place}: calls {wanted:?} have the answers {got:?}"),
    );
}

/// As `fleet` tells them apart, but by a list: what these models take was looked up, not computed.
fn reasoning_model(model: &str) -> bool {
    ["o3", "o4-mini", "gpt-5", "gpt-5-mini", "gpt-5.2-codex"].contains(&model)
}

#[expect(
    clippy::too_many_lines,
    reason = "one API's rules in the order of its documentation"
)]
fn responses(seen: &Seen, found: &mut Found) {
    let body = &seen.body;
    found.unless(seen.path == "/v1/responses", format!("path {}", seen.path));
    let more = [
        "stream",
        "store",
        "instructions",
        "tools",
        "tool_choice",
        "include",
        "reasoning",
        "temperature",
        "prompt_cache_key",
        "max_output_tokens",
        "parallel_tool_calls",
    ];
    found.fields("body", body, &["model", "input"], &more);
    let most = body["max_output_tokens"].as_u64().unwrap_or(16);
    found.unless(most >= 16, "max_output_tokens is below 16");
    let reasons = reasoning_model(body["model"].as_str().unwrap_or_default());
    if reasons {
        found.unless(
            body.get("temperature").is_none(),
            "unsupported parameter: temperature",
        );
    } else {
        found.unless(
            body.get("reasoning").is_none(),
            "unsupported parameter: reasoning.effort",
        );
        found.unless(
            body.get("include").is_none(),
            "encrypted content is not supported",
        );
    }
    let mut names = BTreeSet::new();
    for one in items(body, "tools") {
        let needed = ["type", "name", "parameters"];
        found.fields("tool", one, &needed, &["description", "strict"]);
        tool(found, &mut names, one, "parameters");
    }
    let fine = body.get("tool_choice").is_none() || !names.is_empty();
    found.unless(fine, "tool_choice without tools");
    let stored = body["store"] != Value::Bool(false);
    let input = items(body, "input");
    found.unless(!input.is_empty(), "no input");
    let mut open: Vec<String> = Vec::new();
    let mut after_reasoning = false;
    for (at, item) in input.iter().enumerate() {
        let place = format!("input.{at}");
        let kind = item["type"].as_str().unwrap_or_default();
        let own = matches!(kind, "function_call" | "reasoning") || item["role"] == "assistant";
        let fine = !std::mem::take(&mut after_reasoning) || own;
        found.unless(
            fine,
            format!("{place}: reasoning without the item that follows it"),
        );
        match kind {
            "message" => {
                found.fields(&place, item, &["type", "role", "content"], &["phase"]);
                let text = match item["role"].as_str() {
                    Some("user") => "input_text",
                    Some("assistant") => "output_text",
                    other => {
                        found.say(format!("{place}: role {other:?}"));
                        continue;
                    }
                };
                for part in items(item, "content") {
                    found.fields(&place, part, &["type", "text"], &[]);
                    found.unless(
                        part["type"] == text,
                        format!("{place}: content is not {text}"),
                    );
                }
            }
            "function_call" => {
                found.fields(
                    &place,
                    item,
                    &["type", "call_id", "name", "arguments"],
                    &["id"],
                );
                let json = item["arguments"].as_str().unwrap_or_default();
                let fine = serde_json::from_str::<Value>(json).is_ok();
                found.unless(fine, format!("{place}: arguments are no JSON text"));
                open.push(item["call_id"].as_str().unwrap_or_default().to_owned());
            }
            "function_call_output" => {
                found.fields(&place, item, &["type", "call_id", "output"], &[]);
                let id = item["call_id"].as_str().unwrap_or_default();
                match open.iter().position(|known| known == id) {
                    Some(known) => drop(open.remove(known)),
                    None => found.say(format!("{place}: no tool call found for `{id}`")),
                }
                found.unless(
                    item["output"].is_string(),
                    format!("{place}: output is no text"),
                );
            }
            "reasoning" => {
                let more = ["encrypted_content"];
                found.fields(&place, item, &["type", "id", "summary"], &more);
                let kept = stored || !blank(&item["encrypted_content"]);
                found.unless(
                    kept,
                    format!("{place}: item not found, items are not persisted"),
                );
                after_reasoning = true;
            }
            other => found.say(format!("{place}: type `{other}`")),
        }
    }
    found.unless(
        open.is_empty(),
        format!("no tool output found for {open:?}"),
    );
    found.unless(!after_reasoning, "reasoning is the last item");
}

#[expect(
    clippy::too_many_lines,
    reason = "one API's rules in the order of its documentation"
)]
fn chat(seen: &Seen, found: &mut Found) {
    let body = &seen.body;
    found.unless(
        seen.path == "/v1/chat/completions",
        format!("path {}", seen.path),
    );
    let more = [
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "stop",
        "temperature",
        "max_tokens",
        "max_completion_tokens",
        "reasoning_effort",
        "reasoning",
        "usage",
        "prompt_cache_key",
    ];
    found.fields("body", body, &["model", "messages"], &more);
    let reasons = reasoning_model(body["model"].as_str().unwrap_or_default());
    if reasons {
        for name in ["max_tokens", "temperature", "stop"] {
            found.unless(
                body.get(name).is_none(),
                format!("unsupported parameter: {name}"),
            );
        }
    }
    let limits = ["max_tokens", "max_completion_tokens"];
    let limits = limits
        .iter()
        .filter(|name| body.get(**name).is_some())
        .count();
    found.unless(limits == 1, format!("{limits} limits of the answer"));
    let streams = body["stream"] == Value::Bool(true);
    let fine = streams || body.get("stream_options").is_none();
    found.unless(fine, "stream_options without stream");
    let mut names = BTreeSet::new();
    for one in items(body, "tools") {
        found.fields("tool", one, &["type", "function"], &[]);
        let function = &one["function"];
        found.fields(
            "tool",
            function,
            &["name", "parameters"],
            &["description", "strict"],
        );
        tool(found, &mut names, function, "parameters");
    }
    let fine = body.get("tool_choice").is_none() || !names.is_empty();
    found.unless(fine, "tool_choice without tools");
    let messages = items(body, "messages");
    let mut open: Vec<String> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let place = format!("messages.{at}");
        let role = message["role"].as_str().unwrap_or_default();
        let fine = open.is_empty() || role == "tool";
        found.unless(
            fine,
            format!("{place}: the calls {open:?} have no tool messages"),
        );
        match role {
            "system" => {
                found.fields(&place, message, &["role", "content"], &[]);
                found.unless(at == 0, format!("{place}: system is not the first"));
            }
            "user" => {
                found.fields(&place, message, &["role", "content"], &[]);
                found.unless(
                    !blank(&message["content"]),
                    format!("{place}: blank content"),
                );
            }
            "assistant" => {
                let more = ["tool_calls", "reasoning_details", "reasoning_content"];
                found.fields(&place, message, &["role", "content"], &more);
                open = Vec::new();
                for call in items(message, "tool_calls") {
                    found.fields(&place, call, &["id", "type", "function"], &[]);
                    found.fields(&place, &call["function"], &["name", "arguments"], &[]);
                    let json = call["function"]["arguments"].as_str().unwrap_or_default();
                    let object = serde_json::from_str::<Value>(json).is_ok_and(|v| v.is_object());
                    found.unless(object, format!("{place}: arguments are no JSON text"));
                    open.push(call["id"].as_str().unwrap_or_default().to_owned());
                }
                let fine = !message["content"].is_null() || !open.is_empty();
                found.unless(fine, format!("{place}: no content and no calls"));
            }
            "tool" => {
                found.fields(&place, message, &["role", "tool_call_id", "content"], &[]);
                found.unless(
                    !blank(&message["content"]),
                    format!("{place}: blank content"),
                );
                let id = message["tool_call_id"].as_str().unwrap_or_default();
                match open.iter().position(|known| known == id) {
                    Some(known) => drop(open.remove(known)),
                    None => found.say(format!("{place}: `{id}` follows no tool call")),
                }
            }
            other => found.say(format!("{place}: role `{other}`")),
        }
    }
    found.unless(
        open.is_empty(),
        format!("the calls {open:?} have no tool messages"),
    );
    let last = messages
        .last()
        .map_or("", |message| message["role"].as_str().unwrap_or(""));
    found.unless(
        matches!(last, "user" | "tool"),
        format!("the last message is of `{last}`"),
    );
}

#[expect(
    clippy::too_many_lines,
    reason = "one API's rules in the order of its documentation"
)]
fn gemini(seen: &Seen, found: &mut Found) {
    let body = &seen.body;
    let model = seen
        .path
        .strip_prefix("/v1/models/")
        .and_then(|rest| rest.split_once(':'))
        .map_or("", |(model, _)| model);
    found.unless(!model.is_empty(), format!("path {}", seen.path));
    found.unless(!seen.path.contains("key="), "the key stands in the address");
    let more = [
        "systemInstruction",
        "tools",
        "toolConfig",
        "generationConfig",
    ];
    found.fields("body", body, &["contents"], &more);
    let known = [
        "maxOutputTokens",
        "temperature",
        "stopSequences",
        "thinkingConfig",
    ];
    found.fields("generationConfig", &body["generationConfig"], &[], &known);
    if let Some(thinking) = body["generationConfig"].get("thinkingConfig") {
        let level = if model.starts_with("gemini-2.5") {
            "thinkingBudget"
        } else {
            "thinkingLevel"
        };
        found.fields("thinkingConfig", thinking, &[], &["includeThoughts", level]);
    }
    for one in items(body, "tools") {
        found.fields("tools", one, &["functionDeclarations"], &[]);
        let mut names = BTreeSet::new();
        for function in items(one, "functionDeclarations") {
            let needed = ["name", "description", "parametersJsonSchema"];
            found.fields("function", function, &needed, &[]);
            tool(found, &mut names, function, "parametersJsonSchema");
        }
    }
    if let Some(system) = body.get("systemInstruction") {
        found.fields("systemInstruction", system, &["parts"], &[]);
    }
    let contents = items(body, "contents");
    let first = contents
        .first()
        .map_or(&Value::Null, |content| &content["role"]);
    found.unless(first == "user", "the first content is not the user's");
    let mut open: Vec<String> = Vec::new();
    for (at, content) in contents.iter().enumerate() {
        let place = format!("contents.{at}");
        found.fields(&place, content, &["role", "parts"], &[]);
        let role = content["role"].as_str().unwrap_or_default();
        found.unless(
            matches!(role, "user" | "model"),
            format!("{place}: role `{role}`"),
        );
        let parts = items(content, "parts");
        found.unless(!parts.is_empty(), format!("{place}: no parts"));
        let (calls, answers) = gemini_parts(found, &place, role, &parts, model);
        // As many answers as calls, in the turn right after them, by name and in order.
        if role == "user" {
            let want = format!("{place}: calls {open:?} have the answers {answers:?}");
            found.unless(open == answers, want);
            let mixed = !answers.is_empty() && answers.len() != parts.len();
            found.unless(
                !mixed,
                format!("{place}: answers and other parts in one turn"),
            );
        }
        open = calls;
    }
    found.unless(
        open.is_empty(),
        format!("the calls {open:?} have no answers"),
    );
}

fn gemini_parts(
    found: &mut Found,
    place: &str,
    role: &str,
    parts: &[&Value],
    model: &str,
) -> (Vec<String>, Vec<String>) {
    let (mut calls, mut answers) = (Vec::new(), Vec::new());
    for part in parts {
        let kinds = ["text", "functionCall", "functionResponse"];
        let held: Vec<_> = kinds
            .iter()
            .filter(|kind| part.get(**kind).is_some())
            .collect();
        found.unless(held.len() == 1, format!("{place}: a part holds {held:?}"));
        found.fields(
            place,
            part,
            &[],
            &[
                "text",
                "functionCall",
                "functionResponse",
                "thoughtSignature",
            ],
        );
        let signed = part.get("thoughtSignature").is_some();
        if let Some(call) = part.get("functionCall") {
            found.fields(place, call, &["name", "args"], &["id"]);
            found.unless(role == "model", format!("{place}: a call of the user"));
            found.unless(
                call["args"].is_object(),
                format!("{place}: args are no object"),
            );
            let needs = model.starts_with("gemini-3") && calls.is_empty();
            found.unless(
                signed || !needs,
                format!("{place}: a call without thought_signature"),
            );
            calls.push(format!("{}#{}", call["name"], call["id"]));
        } else if let Some(answer) = part.get("functionResponse") {
            found.fields(place, answer, &["name", "response"], &["id"]);
            found.unless(role == "user", format!("{place}: an answer of the model"));
            found.unless(
                answer["response"].is_object(),
                format!("{place}: response is no object"),
            );
            answers.push(format!("{}#{}", answer["name"], answer["id"]));
        } else {
            let fine = signed || !blank(&part["text"]);
            found.unless(fine, format!("{place}: blank text"));
        }
    }
    (calls, answers)
}
