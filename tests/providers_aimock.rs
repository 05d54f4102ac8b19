//! The providers against `aimock` (npm `@copilotkit/aimock@1.43.0`), model APIs written by somebody
//! else: Anthropic Messages, OpenAI Responses and Chat Completions, Gemini.
//!
//! Runs when `FLEET_TEST_AIMOCK` names the npm prefix that holds it and `node` is on PATH; else it
//! says that it did not run. It takes requests that the real APIs refuse: for those, the strict
//! servers of `providers` decide.

#[path = "support/node.rs"]
mod node;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fleet::domain::policy::{ProviderKind, ProviderSpec};
use fleet::domain::time::{DurationMs, Timestamp};
use fleet::machine::clock::FixedClock;
use fleet::machine::ids::SeededIds;
use fleet::ports::clock::{Clock, Ids};
use fleet::ports::model::{
    Model, ModelError, ModelReply, ModelRequest, ModelTrouble, Models as _, Part, StopReason,
    ToolInput, ToolResult, ToolSpec, Turn,
};
use fleet::ports::runner::Cancel;
use fleet::providers::{Key, Providers};
use serde_json::json;

use crate::node::NodeServer;

const NOW: Timestamp = Timestamp(1_795_248_000_000);

const SCRIPT: &str = r#"{"fixtures": [
  {"match": {"userMessage": "list the files", "hasToolResult": false},
   "response": {"content": "Looking.", "reasoning": "I look first.", "toolCalls": [
     {"name": "bash", "arguments": {"command": "ls"}}, {"name": "read", "arguments": {"path": "a.txt"}}]}},
  {"match": {"userMessage": "list the files", "hasToolResult": true},
   "response": {"content": "Two files."}},
  {"match": {"userMessage": "hurry"},
   "response": {"error": {"message": "slow down", "type": "rate_limit_error"}, "status": 429}},
  {"match": {"userMessage": "break off"}, "chunkSize": 5, "truncateAfterChunks": 3,
   "response": {"content": "This is long enough to be cut in its middle."}}
]}"#;

struct Aimock(NodeServer);

impl Aimock {
    fn start(prefix: &Path, dir: &Path) -> Self {
        let script = dir.join("script.json");
        std::fs::write(&script, SCRIPT).unwrap();
        let args = |port: u16| {
            let port = port.to_string();
            let mut args: Vec<OsString> = Vec::new();
            args.extend(["--strict", "--port", &port, "--fixtures"].map(OsString::from));
            args.push(script.clone().into());
            args
        };
        let cli = prefix.join("node_modules/@copilotkit/aimock/dist/cli.js");
        Self(NodeServer::start(
            Path::new("node"),
            &cli,
            dir,
            args,
            "listening",
        ))
    }

    fn model(&self, kind: ProviderKind) -> Arc<dyn Model> {
        let mut spec = ProviderSpec::of_kind("foreign", kind);
        let version = if kind == ProviderKind::Gemini {
            "v1beta"
        } else {
            "v1"
        };
        spec.base_url = format!("{}/{version}", self.0.base_url);
        spec.limits.max_retries = 0;
        let clock: Arc<dyn Clock> = Arc::new(FixedClock::new(NOW));
        let ids: Arc<dyn Ids> = Arc::new(SeededIds::new(7));
        let key = Key {
            source: "KEY".into(),
            value: "sk-any".into(),
        };
        let specs = BTreeMap::from([("foreign".to_owned(), spec)]);
        let providers = Providers::new(&specs, &move |_| vec![key.clone()], &clock, &ids);
        providers.model("foreign").unwrap()
    }
}

fn quiet(model: &dyn Model, request: &ModelRequest) -> Result<ModelReply, ModelError> {
    model.generate(request, &mut |_| {}, &Cancel::default())
}

fn tool(name: &str) -> ToolSpec {
    ToolSpec {
        name: name.into(),
        description: format!("runs {name}"),
        input_schema: json!({"type": "object", "properties": {"command": {"type": "string"}}}),
    }
}

/// A tool conversation to its end.
fn conversation(model: &dyn Model, name: &str, chat: bool) {
    let mut request = ModelRequest::new(name, "list the files", 2048);
    request.tools = vec![tool("bash"), tool("read")];
    let reply = quiet(model, &request).unwrap();
    assert_eq!(reply.stop, StopReason::ToolUse, "{name}: {reply:?}");
    assert_eq!(reply.text(), "Looking.", "{name}");
    let thought = reply
        .parts
        .iter()
        .any(|part| matches!(part, Part::Thinking { text, .. } if text == "I look first."));
    // Like OpenAI, it shows no reasoning on the Chat Completions wire.
    assert!(thought || chat, "{name}: {:?}", reply.parts);
    let calls: Vec<(String, String)> = reply
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::ToolCall {
                id,
                name,
                input: ToolInput::Object(_),
                ..
            } => Some((id.clone(), name.clone())),
            _ => None,
        })
        .collect();
    let names: Vec<&str> = calls.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["bash", "read"], "{name}");
    let results = calls.into_iter().map(|(call_id, name)| ToolResult {
        call_id,
        name,
        ok: true,
        content: "a.txt b.txt".into(),
    });
    let results = results.collect();
    request.turns.push(Turn::Assistant(reply.parts));
    request.turns.push(Turn::ToolResults(results));
    let last = quiet(model, &request).unwrap();
    assert_eq!(last.text(), "Two files.", "{name}");
    assert_eq!(last.stop, StopReason::EndTurn, "{name}");
}

#[test]
fn every_wire_agrees_with_an_emulation_by_others() {
    let Some(prefix) = std::env::var_os("FLEET_TEST_AIMOCK") else {
        eprintln!("not run: FLEET_TEST_AIMOCK names no npm prefix with @copilotkit/aimock");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let aimock = Aimock::start(&PathBuf::from(prefix), dir.path());
    for (kind, name) in [
        (ProviderKind::Anthropic, "claude-sonnet-4-5"),
        (ProviderKind::OpenAi, "gpt-5"),
        (ProviderKind::OpenAiChat, "gpt-4o"),
        (ProviderKind::Compatible, "house-1"),
        (ProviderKind::Gemini, "gemini-2.5-flash"),
    ] {
        let model = aimock.model(kind);
        let chat = matches!(kind, ProviderKind::OpenAiChat | ProviderKind::Compatible);
        conversation(&*model, name, chat);
        let hurry = quiet(&*model, &ModelRequest::new(name, "hurry", 100)).unwrap_err();
        assert_eq!(hurry.class, ModelTrouble::RateLimited, "{name}: {hurry}");
        assert_eq!(
            hurry.retry_at,
            Some(NOW.plus(DurationMs::secs(1))),
            "{name}"
        );
        let cut = quiet(&*model, &ModelRequest::new(name, "break off", 100)).unwrap_err();
        let broken = matches!(cut.class, ModelTrouble::Network | ModelTrouble::Protocol);
        assert!(broken, "{name}: {cut}");
        let unknown = quiet(&*model, &ModelRequest::new(name, "nothing fits", 100)).unwrap_err();
        assert!(!unknown.message.is_empty(), "{name}: {unknown}");
        if kind != ProviderKind::Gemini {
            assert!(!model.models().unwrap().is_empty(), "{name}");
        }
    }
}
