//! Providers against strict servers on loopback, one per wire: `tests/support/models`.

#[path = "support/models/mod.rs"]
mod models;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fleet::domain::money::{MicroUsd, Usage};
use fleet::domain::policy::{ProviderKind, ProviderSpec};
use fleet::domain::time::{DurationMs, Timestamp};
use fleet::machine::clock::FixedClock;
use fleet::machine::ids::SeededIds;
use fleet::ports::clock::{Clock, Ids};
use fleet::ports::model::{
    Effort, Model, ModelError, ModelEvent, ModelReply, ModelRequest, ModelTrouble, Models as _,
    Part, StopReason, SystemPart, Thinking, ToolChoice, ToolInput, ToolResult, ToolSpec, Turn,
};
use fleet::ports::runner::Cancel;
use fleet::providers::{Key, Providers};
use models::{Answer, Api, COUNT, ModelServer, Say};
use serde_json::json;

const APIS: [Api; 4] = [Api::Anthropic, Api::Responses, Api::Chat, Api::Gemini];
const NOW: Timestamp = Timestamp(1_795_248_000_000);
const KEY: &str = "sk-test-0123456789abcdef";

fn kind(word: &str) -> ProviderKind {
    let found = ProviderKind::ALL.iter().find(|(name, _)| *name == word);
    found.unwrap().1
}

/// A provider with quick limits and no retries.
fn spec(kind: ProviderKind, url: &str) -> ProviderSpec {
    let mut spec = ProviderSpec::of_kind("house", kind);
    spec.base_url = url.to_owned();
    spec.key_env = vec!["HOUSE_KEY".into()];
    spec.limits.max_retries = 0;
    spec.limits.max_wait = DurationMs(50);
    spec
}

fn registry(spec: ProviderSpec, keys: &[&str]) -> Providers {
    let clock: Arc<dyn Clock> = Arc::new(FixedClock::new(NOW));
    let ids: Arc<dyn Ids> = Arc::new(SeededIds::new(7));
    let keys: Vec<Key> = keys
        .iter()
        .enumerate()
        .map(|(at, key)| Key {
            source: format!("HOUSE_KEY_{at}"),
            value: (*key).into(),
        })
        .collect();
    let specs = BTreeMap::from([("house".to_owned(), spec)]);
    Providers::new(&specs, &move |_| keys.clone(), &clock, &ids)
}

fn model(spec: ProviderSpec) -> Arc<dyn Model> {
    registry(spec, &[KEY]).model("house").unwrap()
}

fn on(server: &ModelServer, api: Api) -> Arc<dyn Model> {
    model(spec(kind(api.kind()), server.url()))
}

fn name(api: Api) -> &'static str {
    match api {
        Api::Anthropic => "claude-sonnet-4-5",
        Api::Responses => "gpt-5",
        Api::Chat => "house-1",
        Api::Gemini => "gemini-3-flash",
    }
}

fn ask(api: Api) -> ModelRequest {
    ModelRequest::new(name(api), "Say hello.", 4096)
}

fn quiet(model: &dyn Model, request: &ModelRequest) -> Result<ModelReply, ModelError> {
    model.generate(request, &mut |_| {}, &Cancel::default())
}

fn tool(name: &str) -> ToolSpec {
    ToolSpec {
        name: name.into(),
        description: format!("runs {name}"),
        input_schema: json!({"type": "object", "properties": {"x": {"type": "string"}}}),
    }
}

/// What the request of a conversation holds besides its turns.
fn rich(api: Api) -> ModelRequest {
    ModelRequest {
        system: vec![
            SystemPart {
                text: "You are careful.".into(),
                cache: true,
            },
            SystemPart {
                text: "This is the task.".into(),
                cache: false,
            },
        ],
        tools: vec![tool("bash"), tool("read")],
        thinking: Thinking::Effort(Effort::Medium),
        temperature: Some(0.5),
        cache_turns: true,
        cache_key: Some("session-1".into()),
        ..ask(api)
    }
}

fn answers(reply: &ModelReply) -> Turn {
    let results = reply.parts.iter().filter_map(|part| match part {
        Part::ToolCall {
            id, name, input, ..
        } => Some(ToolResult {
            call_id: id.clone(),
            name: name.clone(),
            ok: matches!(input, ToolInput::Object(_)),
            // Nothing to say is an answer as well.
            content: if name == "read" {
                String::new()
            } else {
                "done".into()
            },
        }),
        Part::Text { .. } | Part::Thinking { .. } => None,
    });
    Turn::ToolResults(results.collect())
}

const THOUGHT: &str = "I should look — 漢字 — first.";

fn first_turn() -> Answer {
    Answer::Reply(vec![
        Say::Thinking(THOUGHT),
        Say::Text("Zwölf Dateien, 🦀."),
        Say::Call("call_a", "bash", r#"{"x":"ls \"a b\""}"#.into()),
        Say::Call("call_b", "read", r#"{"x":"ä/ö.rs"}"#.into()),
    ])
}

#[test]
fn a_conversation_with_parallel_tools_is_one_that_every_real_api_takes() {
    for api in APIS {
        for piece in [1, 7, 1 << 20] {
            let script = vec![first_turn(), Answer::text("And done.")];
            let server = ModelServer::with_pieces(api, script, piece);
            let model = on(&server, api);
            let mut request = rich(api);
            let mut events = Vec::new();
            let reply = model
                .generate(
                    &request,
                    &mut |event| events.push(event),
                    &Cancel::default(),
                )
                .unwrap_or_else(|error| panic!("{api:?}: {error}"));
            assert_eq!(reply.stop, StopReason::ToolUse, "{api:?}");
            assert_eq!(reply.text(), "Zwölf Dateien, 🦀.", "{api:?}");
            told(api, &reply, &events);
            request.turns.push(Turn::Assistant(reply.parts.clone()));
            request.turns.push(answers(&reply));
            request.turns.push(Turn::User("Go on.".into()));
            let last = quiet(&*model, &request).unwrap_or_else(|error| panic!("{api:?}: {error}"));
            assert_eq!(last.stop, StopReason::EndTurn, "{api:?}");
            assert_eq!(last.text(), "And done.");
            // One is usual; a connection whose answer's last bytes are still on their way is not
            // used again, so that this depends on the machine.
            assert!(
                server.connections() <= 2,
                "{api:?}: a connection per request"
            );
            server.finish();
        }
    }
}

/// The events of the first turn say what the reply says.
fn told(api: Api, reply: &ModelReply, events: &[ModelEvent]) {
    let (mut text, mut thought) = (String::new(), String::new());
    let mut calls: Vec<(String, String, String)> = Vec::new();
    for event in events {
        match event {
            ModelEvent::Text(more) => text.push_str(more),
            ModelEvent::Thinking(more) => thought.push_str(more),
            ModelEvent::ToolCall { index, id, name } => {
                assert_eq!(*index, calls.len());
                calls.push((id.clone(), name.clone(), String::new()));
            }
            ModelEvent::ToolArguments { index, json } => calls[*index].2.push_str(json),
            ModelEvent::Usage(_) => {}
            ModelEvent::Retrying { .. } => panic!("{api:?}: {event:?}"),
        }
    }
    assert_eq!(text, reply.text(), "{api:?}");
    assert_eq!(thought, THOUGHT, "{api:?}");
    let kept = reply.parts.iter().find_map(|part| match part {
        Part::Thinking { text, .. } => Some(text.as_str()),
        _ => None,
    });
    assert_eq!(kept, Some(THOUGHT), "{api:?}");
    let from_parts: Vec<_> = reply
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::ToolCall {
                id,
                name,
                input: ToolInput::Object(map),
                ..
            } => Some((id.clone(), name.clone(), map.clone())),
            _ => None,
        })
        .collect();
    let from_events: Vec<_> = calls
        .into_iter()
        .map(|(id, name, json)| (id, name, serde_json::from_str(&json).unwrap()))
        .collect();
    assert_eq!(from_parts, from_events, "{api:?}");
    assert_eq!(from_parts.len(), 2);
    assert_eq!(from_parts[0].2["x"], "ls \"a b\"");
    assert_eq!(from_parts[1].0, "call_b");
    let wanted = Usage {
        input: COUNT.prompt - COUNT.cached,
        output: COUNT.output,
        cache_read: COUNT.cached,
        cache_write: 0,
        reasoning: COUNT.reasoning,
    };
    assert_eq!(reply.usage, wanted, "{api:?}");
    let last = events.iter().rev().find_map(|event| match event {
        ModelEvent::Usage(usage) => Some(*usage),
        _ => None,
    });
    assert_eq!(last, Some(wanted), "{api:?}");
}

#[test]
fn an_answer_without_a_stream_says_the_same() {
    for api in APIS {
        // Asked for as a whole, and given as a whole.
        let script = vec![Answer::Reply(vec![
            Say::Text("Look."),
            Say::Call("call_a", "bash", r#"{"x":"ls"}"#.into()),
        ])];
        let server = ModelServer::start(api, script);
        let mut plain = spec(kind(api.kind()), server.url());
        plain.stream = false;
        let reply = quiet(&*model(plain), &rich(api)).unwrap();
        assert_eq!(reply.stop, StopReason::ToolUse, "{api:?}");
        assert_eq!(reply.text(), "Look.", "{api:?}");
        assert_eq!(reply.parts.len(), 2, "{api:?}");
        assert_eq!(reply.usage.output, COUNT.output, "{api:?}");
        assert_eq!(reply.usage.cache_read, COUNT.cached, "{api:?}");
        server.finish();
    }
}

#[test]
fn malformed_arguments_are_given_to_the_caller_and_go_back_as_something_that_is_taken() {
    for api in [Api::Anthropic, Api::Responses, Api::Chat] {
        for raw in [r#"{"x": "ls"#, "[1, 2]", "not json"] {
            let script = vec![
                Answer::Reply(vec![Say::Call("call_a", "bash", raw.into())]),
                Answer::text("Sorry."),
            ];
            let server = ModelServer::start(api, script);
            let model = on(&server, api);
            let mut request = rich(api);
            let reply = quiet(&*model, &request).unwrap();
            let Part::ToolCall {
                input: ToolInput::Malformed { raw: kept, .. },
                ..
            } = &reply.parts[0]
            else {
                panic!("{api:?}: {:?}", reply.parts);
            };
            assert_eq!(kept, raw);
            request.turns.push(Turn::Assistant(reply.parts.clone()));
            request.turns.push(answers(&reply));
            quiet(&*model, &request).unwrap();
            let sent = server.seen()[1].body.to_string();
            assert!(sent.contains("malformed_json"), "{api:?}: {sent}");
            server.finish();
        }
    }
}

#[test]
fn a_conversation_moves_from_one_provider_to_any_other() {
    for from in APIS {
        let begun = ModelServer::start(from, vec![first_turn()]);
        let reply = quiet(&*on(&begun, from), &rich(from)).unwrap();
        for to in APIS {
            let server = ModelServer::start(to, vec![Answer::text("Mine now.")]);
            let mut request = rich(to);
            request.turns.push(Turn::Assistant(reply.parts.clone()));
            request.turns.push(answers(&reply));
            // As it comes back from a journal.
            let text = serde_json::to_string(&request.turns).unwrap();
            request.turns = serde_json::from_str(&text).unwrap();
            quiet(&*on(&server, to), &request).unwrap_or_else(|e| panic!("{from:?} {to:?}: {e}"));
            let sent = server.seen()[0].body.to_string();
            for (api, mark) in [
                (Api::Anthropic, "c2lnbmVk=="),
                (Api::Responses, "gAAAAencrypted"),
                (Api::Gemini, "Z2VtaW5p"),
            ] {
                let own = sent.contains(mark);
                assert_eq!(own, api == from && api == to, "{from:?} {to:?} {mark}");
            }
            server.finish();
        }
        begun.finish();
    }
}

#[test]
fn a_stream_that_is_cut_is_never_a_success() {
    for api in APIS {
        let says = vec![
            Say::Text("Hello there, world."),
            Say::Call("call_a", "bash", "{}".into()),
        ];
        let all = {
            let server = ModelServer::start(api, vec![Answer::Reply(says.clone())]);
            let mut events = 0;
            on(&server, api)
                .generate(&rich(api), &mut |_| events += 1, &Cancel::default())
                .unwrap();
            events
        };
        assert!(all > 4);
        for after in 0..6 {
            let cut = ModelServer::start(api, vec![Answer::Cut(says.clone(), after)]);
            let error = quiet(&*on(&cut, api), &rich(api)).unwrap_err();
            assert_eq!(
                error.class,
                ModelTrouble::Network,
                "{api:?} {after}: {error}"
            );
            let short = ModelServer::start(api, vec![Answer::Short(says.clone(), after.min(4))]);
            let error = quiet(&*on(&short, api), &rich(api)).unwrap_err();
            assert_eq!(
                error.class,
                ModelTrouble::Protocol,
                "{api:?} {after}: {error}"
            );
        }
    }
}

#[test]
fn a_cut_stream_is_asked_for_again_and_what_it_cost_is_counted() {
    for api in APIS {
        let script = vec![
            Answer::Cut(vec![Say::Text("Hello there, world.")], 3),
            Answer::text("Whole."),
        ];
        let server = ModelServer::start(api, script);
        let mut patient = spec(kind(api.kind()), server.url());
        patient.limits.max_retries = 1;
        patient.limits.max_wait = DurationMs::secs(2);
        let mut retries = Vec::new();
        let reply = model(patient)
            .generate(
                &ask(api),
                &mut |event| {
                    if let ModelEvent::Retrying { attempt, .. } = event {
                        retries.push(attempt);
                    }
                },
                &Cancel::default(),
            )
            .unwrap();
        assert_eq!(retries, [2], "{api:?}");
        assert_eq!(reply.text(), "Whole.");
        // These two had said what the prompt costs before they broke off.
        let twice = matches!(api, Api::Anthropic | Api::Gemini);
        let fresh = COUNT.prompt - COUNT.cached;
        assert_eq!(
            reply.usage.input,
            if twice { 2 * fresh } else { fresh },
            "{api:?}"
        );
        server.finish();
    }
}

#[test]
fn an_error_inside_a_stream_is_an_error_of_its_class() {
    let says = || vec![Say::Text("Hello there, world.")];
    for (api, error, class) in [
        (
            Api::Anthropic,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            ModelTrouble::Overloaded,
        ),
        (
            Api::Responses,
            r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"Rate limit reached. Please try again in 20s."}}}"#,
            ModelTrouble::RateLimited,
        ),
        (
            Api::Chat,
            r#"{"error":{"code":502,"message":"Provider disconnected"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#,
            ModelTrouble::Overloaded,
        ),
        (
            Api::Gemini,
            r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#,
            ModelTrouble::Overloaded,
        ),
    ] {
        let server = ModelServer::start(api, vec![Answer::Error(says(), 2, error.into())]);
        let got = quiet(&*on(&server, api), &ask(api)).unwrap_err();
        assert_eq!(got.class, class, "{api:?}: {got}");
        let wanted = (class == ModelTrouble::RateLimited).then(|| NOW.plus(DurationMs::secs(20)));
        assert_eq!(got.retry_at, wanted, "{api:?}");
        server.finish();
    }
}

#[test]
fn every_form_of_a_rate_limit_says_when_to_come_back() {
    let forms: &[(&[(&str, &str)], u64)] = &[
        (&[("retry-after", "90")], 90_000),
        (&[("retry-after", "Sat, 21 Nov 2026 08:02:00 GMT")], 120_000),
        (&[("retry-after-ms", "61500")], 61_500),
        (
            &[
                ("anthropic-ratelimit-input-tokens-remaining", "0"),
                (
                    "anthropic-ratelimit-input-tokens-reset",
                    "2026-11-21T08:05:00Z",
                ),
            ],
            300_000,
        ),
        (
            &[
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "6m0s"),
            ],
            360_000,
        ),
        (
            &[
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1795248600000"),
            ],
            600_000,
        ),
    ];
    for (headers, wait) in forms {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let limited = Answer::Status(429, headers, r#"{"error":{"message":"slow down"}}"#.into());
        let server = ModelServer::start(Api::Chat, vec![limited]);
        let mut patient = spec(ProviderKind::Compatible, server.url());
        patient.limits.max_retries = 5;
        let begun = Instant::now();
        let error = quiet(&*model(patient), &ask(Api::Chat)).unwrap_err();
        assert_eq!(error.class, ModelTrouble::RateLimited);
        assert_eq!(error.retry_at, Some(NOW.plus(DurationMs(*wait))));
        assert!(error.class.pauses_provider());
        // A wait beyond the limit is not slept, and nothing is asked again.
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert_eq!(server.seen().len(), 1);
        server.finish();
    }
}

#[test]
fn short_waits_are_obeyed_and_tries_are_bounded() {
    let limited = || {
        let wait = vec![("retry-after-ms", "20".to_owned())];
        Answer::Status(429, wait, "{}".into())
    };
    let script = vec![limited(), Answer::status(529), Answer::text("Third.")];
    let server = ModelServer::start(Api::Anthropic, script);
    let mut patient = spec(ProviderKind::Anthropic, server.url());
    patient.limits.max_retries = 2;
    patient.limits.max_wait = DurationMs::secs(5);
    let reply = quiet(&*model(patient.clone()), &ask(Api::Anthropic)).unwrap();
    assert_eq!(reply.text(), "Third.");
    server.then(vec![limited(), limited(), limited()]);
    let error = quiet(&*model(patient), &ask(Api::Anthropic)).unwrap_err();
    assert_eq!(error.class, ModelTrouble::RateLimited);
    assert_eq!(server.seen().len(), 6);
    server.finish();
}

#[test]
fn refusals_keep_their_classes_and_are_not_repeated() {
    let body = |text: &str| format!(r#"{{"error":{{"message":"{text}","type":"x"}}}}"#);
    for (status, text, class) in [
        (400, "unknown field", ModelTrouble::Invalid),
        (
            400,
            "maximum context length is 8192 tokens",
            ModelTrouble::ContextTooLong,
        ),
        (402, "insufficient credits", ModelTrouble::Quota),
        (403, "no access to this model", ModelTrouble::Auth),
        (404, "no such model", ModelTrouble::Invalid),
    ] {
        let server =
            ModelServer::start(Api::Chat, vec![Answer::Status(status, vec![], body(text))]);
        let mut patient = spec(ProviderKind::Compatible, server.url());
        patient.limits.max_retries = 3;
        let error = quiet(&*model(patient), &ask(Api::Chat)).unwrap_err();
        assert_eq!(error.class, class, "{error}");
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(server.seen().len(), 1, "{status}");
        server.finish();
    }
}

#[test]
fn with_two_valid_keys_the_newer_is_tried_first_and_a_refused_one_is_left() {
    for api in APIS {
        let server = ModelServer::start(api, vec![Answer::text("1"), Answer::text("2")]);
        let old = "sk-old-9876543210fedcba";
        server.take_keys(&[old]);
        let providers = registry(spec(kind(api.kind()), server.url()), &[KEY, old]);
        let house = providers.model("house").unwrap();
        assert_eq!(quiet(&*house, &ask(api)).unwrap().text(), "1");
        // The next call begins with the key that was taken.
        assert_eq!(quiet(&*house, &ask(api)).unwrap().text(), "2");
        assert_eq!(server.seen().len(), 3, "{api:?}");
        server.take_keys(&["sk-none"]);
        let error = quiet(&*house, &ask(api)).unwrap_err();
        assert_eq!(error.class, ModelTrouble::Auth);
        assert_eq!(server.seen().len(), 5, "{api:?}: each key once");
        let all = format!("{error} {error:?} {providers:?}");
        assert!(!all.contains(KEY) && !all.contains(old), "{all}");
        assert!(error.message.contains("[key]"), "{error}");
        assert!(error.hint.contains("HOUSE_KEY_0"), "{}", error.hint);
        server.finish();
    }
}

#[test]
fn a_key_that_is_missing_or_cannot_be_sent_is_said_without_a_call() {
    let server = ModelServer::start(Api::Chat, vec![]);
    let lacking = registry(spec(ProviderKind::Compatible, server.url()), &[]);
    let Err(error) = lacking.model("house") else {
        panic!("a provider without its key");
    };
    assert_eq!(error.class, ModelTrouble::Auth);
    assert!(error.hint.contains("HOUSE_KEY"), "{}", error.hint);
    let Err(error) = lacking.model("elsewhere") else {
        panic!("a provider that is not configured");
    };
    assert_eq!(error.class, ModelTrouble::Invalid);
    let broken = registry(spec(ProviderKind::Compatible, server.url()), &["sk\nbad"]);
    let error = quiet(&*broken.model("house").unwrap(), &ask(Api::Chat)).unwrap_err();
    assert_eq!(error.class, ModelTrouble::Auth);
    assert!(!format!("{error:?}").contains("sk\\nbad"), "{error:?}");
    assert_eq!(server.seen().len(), 0);
}

#[test]
fn a_redirect_is_not_followed_so_the_key_stays() {
    let other = ModelServer::start(Api::Chat, vec![]);
    for status in [301, 302, 307, 308] {
        let to = vec![("location", format!("{}/chat/completions", other.url()))];
        let server = ModelServer::start(Api::Chat, vec![Answer::Status(status, to, String::new())]);
        let error = quiet(&*on(&server, Api::Chat), &ask(Api::Chat)).unwrap_err();
        assert_eq!(error.class, ModelTrouble::Invalid);
        assert!(error.message.contains("not followed"), "{error}");
        assert!(error.hint.contains("base_url"), "{}", error.hint);
        server.finish();
    }
    assert_eq!(other.connections(), 0);
}

#[test]
fn garbage_is_an_error_and_never_fills_the_memory() {
    let huge = || {
        let line = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"xxxxxxxx\"}}]}\n\n";
        line.repeat(40_000).into_bytes()
    };
    for (kind, bytes) in [
        ("text/event-stream", b"data: not json\n\n".to_vec()),
        ("text/event-stream", b"data: \xff\xfe\n\n".to_vec()),
        ("text/event-stream", vec![b'x'; 3 << 20]),
        ("text/event-stream", huge()),
        ("application/json", b"{\"choices\": [".to_vec()),
        ("application/json", b"{}".to_vec()),
        ("text/html", b"<html>Welcome to the hotel</html>".to_vec()),
        ("text/event-stream", Vec::new()),
    ] {
        let server = ModelServer::start(Api::Chat, vec![Answer::Raw(kind, bytes)]);
        let mut small = spec(ProviderKind::Compatible, server.url());
        small.limits.max_answer_bytes = 1 << 20;
        let error = quiet(&*model(small), &ask(Api::Chat)).unwrap_err();
        assert_eq!(error.class, ModelTrouble::Protocol, "{kind}: {error}");
        assert!(error.message.len() < 500, "{error}");
    }
}

#[test]
fn silence_ends_by_the_limit_for_it() {
    for (answer, says) in [
        (Answer::Mute, "no answer within 100 ms"),
        (
            Answer::Stall(vec![], 0),
            "nothing more of its answer within 100 ms",
        ),
        (
            Answer::Stall(vec![Say::Text("Hello there")], 3),
            "within 50 ms",
        ),
    ] {
        let server = ModelServer::start(Api::Anthropic, vec![answer]);
        let mut hasty = spec(ProviderKind::Anthropic, server.url());
        hasty.limits.first_byte = DurationMs(100);
        hasty.limits.idle = DurationMs(50);
        let error = quiet(&*model(hasty), &ask(Api::Anthropic)).unwrap_err();
        assert_eq!(error.class, ModelTrouble::Network);
        assert!(error.message.contains(says), "{error}");
        server.finish();
    }
    let server = ModelServer::start(Api::Anthropic, vec![Answer::Mute]);
    let mut hasty = spec(ProviderKind::Anthropic, server.url());
    hasty.limits.total = DurationMs(100);
    let error = quiet(&*model(hasty), &ask(Api::Anthropic)).unwrap_err();
    assert!(
        error.message.contains("no whole answer within 100 ms"),
        "{error}"
    );
    // Nobody listens there.
    let gone = spec(ProviderKind::Anthropic, "http://127.0.0.1:1/v1");
    let error = quiet(&*model(gone), &ask(Api::Anthropic)).unwrap_err();
    assert_eq!(error.class, ModelTrouble::Network);
    assert!(error.message.contains("cannot be reached"), "{error}");
}

#[test]
fn cancelling_ends_a_call_soon_wherever_it_is() {
    let script = vec![
        Answer::Stall(vec![Say::Text("Hello there, world.")], 4),
        Answer::Status(429, vec![("retry-after", "30".into())], "{}".into()),
    ];
    let server = ModelServer::start(Api::Anthropic, script);
    let mut patient = spec(ProviderKind::Anthropic, server.url());
    patient.limits.max_retries = 1;
    patient.limits.max_wait = DurationMs::mins(5);
    let house = model(patient);
    // In the middle of a stream.
    let cancel = Cancel::default();
    let begun = Instant::now();
    let asked = cancel.clone();
    let error = house
        .generate(
            &ask(Api::Anthropic),
            &mut |event| {
                if matches!(event, ModelEvent::Text(_)) {
                    asked.ask();
                }
            },
            &cancel,
        )
        .unwrap_err();
    assert_eq!(error.class, ModelTrouble::Cancelled);
    // In a wait between two tries: asked from outside once the refusal is seen.
    let cancel = Cancel::default();
    let asked = cancel.clone();
    let got = std::thread::scope(|scope| {
        let call = scope.spawn(|| quiet_until(&*house, &cancel));
        while server.seen().len() < 2 {
            std::thread::yield_now();
        }
        asked.ask();
        call.join().unwrap()
    });
    assert_eq!(got.unwrap_err().class, ModelTrouble::Cancelled);
    assert!(begun.elapsed() < Duration::from_secs(20));
}

fn quiet_until(model: &dyn Model, cancel: &Cancel) -> Result<ModelReply, ModelError> {
    model.generate(&ask(Api::Anthropic), &mut |_| {}, cancel)
}

#[test]
fn lists_of_models_are_read_over_all_pages_and_a_probe_tells_the_latency() {
    for (api, ids) in [
        (Api::Anthropic, ["claude-a", "claude-b"]),
        (Api::Gemini, ["gemini-a", "gemini-b"]),
        (Api::Chat, ["model-a", "model-b"]),
        (Api::Responses, ["model-a", "model-b"]),
    ] {
        let server = ModelServer::start(api, vec![Answer::Full(vec![Say::Text("ok")])]);
        let house = on(&server, api);
        let models = house.models().unwrap();
        let found: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
        assert_eq!(found, ids, "{api:?}");
        if api == Api::Chat {
            assert_eq!(models[0].context_window, Some(131_072));
            assert_eq!(models[1].input_price, Some(MicroUsd(3_000_000)));
            assert_eq!(models[1].max_output_tokens, Some(4096));
        }
        let health = house.health(name(api)).unwrap();
        assert!(health.latency_ms < 20_000);
        assert_eq!(health.usage.output, COUNT.output);
        let asked = server.seen().last().unwrap().body.to_string();
        assert!(
            asked.contains(":16"),
            "{api:?}: the probe is small: {asked}"
        );
        server.finish();
    }
}

#[test]
fn money_that_a_provider_reports_is_taken_over() {
    for (kind, usage, cost) in [
        (ProviderKind::OpenRouter, json!({"cost": 0.001234}), 1234),
        (
            ProviderKind::OpenRouter,
            json!({"cost": 0.0001, "is_byok": true, "cost_details": {"upstream_inference_cost": 0.002}}),
            2100,
        ),
        (
            ProviderKind::Xai,
            json!({"cost_in_usd_ticks": 37_756_000}),
            3776,
        ),
    ] {
        let script = vec![Answer::Usage(vec![Say::Text("Dear.")], usage)];
        let server = ModelServer::start(Api::Chat, script);
        let reply = quiet(&*model(spec(kind, server.url())), &ask(Api::Chat)).unwrap();
        assert_eq!(reply.cost, Some(MicroUsd(cost)), "{kind:?}");
        server.finish();
    }
    // xAI counts reasoning apart from the completion.
    let total = json!({"total_tokens": COUNT.prompt + COUNT.output + COUNT.reasoning});
    let server = ModelServer::start(Api::Chat, vec![Answer::Usage(vec![Say::Text("x")], total)]);
    let reply = quiet(
        &*model(spec(ProviderKind::Xai, server.url())),
        &ask(Api::Chat),
    )
    .unwrap();
    assert_eq!(reply.usage.output, COUNT.output + COUNT.reasoning);
    assert_eq!(reply.usage.reasoning, COUNT.reasoning);
    server.finish();
}

#[test]
fn every_kind_of_the_chat_wire_sends_what_it_takes() {
    for (kind, model_name) in [
        (ProviderKind::OpenAiChat, "gpt-5"),
        (ProviderKind::OpenAiChat, "gpt-4o"),
        (ProviderKind::Xai, "grok-4"),
        (ProviderKind::OpenRouter, "house-1"),
        (ProviderKind::Groq, "gpt-oss-120b"),
        (ProviderKind::Ollama, "llama3"),
        (ProviderKind::Compatible, "house-1"),
    ] {
        let server = ModelServer::start(Api::Chat, vec![Answer::text("Fine.")]);
        let mut request = ModelRequest {
            model: model_name.into(),
            stop: vec!["END".into()],
            tool_choice: ToolChoice::Named("bash".into()),
            ..rich(Api::Chat)
        };
        request.system.clear();
        quiet(&*model(spec(kind, server.url())), &request).unwrap();
        let body = &server.seen()[0].body;
        let has = |name: &str| body.get(name).is_some();
        assert_eq!(has("usage"), kind == ProviderKind::OpenRouter, "{kind:?}");
        assert_eq!(has("tool_choice"), kind != ProviderKind::Ollama, "{kind:?}");
        let newer = [
            ProviderKind::OpenAiChat,
            ProviderKind::Groq,
            ProviderKind::Xai,
        ];
        assert_eq!(
            has("max_completion_tokens"),
            newer.contains(&kind),
            "{kind:?}"
        );
        server.finish();
    }
}

#[test]
fn a_request_that_no_api_takes_is_not_sent() {
    let server = ModelServer::start(Api::Anthropic, vec![]);
    let mut few = spec(ProviderKind::Anthropic, server.url());
    few.models = vec!["claude-sonnet-4-5".into()];
    let house = model(few);
    let mut open = rich(Api::Anthropic);
    open.turns.push(Turn::Assistant(vec![Part::text("Hm.")]));
    let other = ModelRequest::new("claude-opus-5", "Hi.", 100);
    for request in [open, other] {
        let error = quiet(&*house, &request).unwrap_err();
        assert_eq!(error.class, ModelTrouble::Invalid, "{error}");
    }
    assert_eq!(server.seen().len(), 0);
}

#[test]
fn one_provider_serves_many_sessions_at_once() {
    let script = (0..24).map(|_| Answer::text("Yes.")).collect();
    let server = ModelServer::start(Api::Responses, script);
    let house = on(&server, Api::Responses);
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..3 {
                        assert_eq!(quiet(&*house, &ask(Api::Responses)).unwrap().text(), "Yes.");
                    }
                })
            })
            .collect();
        for call in calls {
            call.join().unwrap();
        }
    });
    // A connection may be dialled while another one comes free; but not one for every call.
    assert!(server.connections() < 24, "{}", server.connections());
    server.finish();
}
