//! Claude Code: `claude -p --output-format stream-json` (wire.md §5.1, test-infra.md §2.1).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::totals::{self, Total};
use super::{answer, arguments, count, object, some_text, status, text};
use crate::agents::limits::{Trouble, judge};
use crate::agents::reading::{Parser, Reading, Terminal};
use crate::agents::run::Launch;
use crate::domain::money::{MicroUsd, Usage};
use crate::domain::session::FailureClass;
use crate::domain::time::Timestamp;
use crate::ports::runner::{AgentEvent, RunRequest};

pub(super) fn complete(request: &RunRequest, fresh: &str, launch: &mut Launch) {
    launch.push(&["-p", "--output-format", "stream-json", "--verbose"]);
    launch.push(&["--permission-mode", "bypassPermissions"]);
    if let Some(model) = &request.model {
        launch.push(&[&format!("--model={model}")]);
    }
    match &request.resume {
        Some(session) => launch.push(&[&format!("--resume={session}")]),
        None => launch.push(&[&format!("--session-id={fresh}")]),
    }
    launch.push_extra(request);
    launch.default_env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    launch.default_env("DISABLE_AUTOUPDATER", "1");
    // Ten retries with back-off make a bad key take minutes.
    launch.default_env("CLAUDE_CODE_MAX_RETRIES", "3");
    if rustix::process::geteuid().is_root() {
        // It refuses to skip permissions as root otherwise.
        launch.default_env("IS_SANDBOX", "1");
    }
    let resumed = request.resume.as_deref();
    launch.parser = Box::new(ClaudeParser {
        home: request.home.clone(),
        resumed: resumed.and_then(|session| totals::recall(&request.home, session)),
        ..ClaudeParser::default()
    });
}

/// Reads the stream.
#[derive(Debug, Default)]
pub(crate) struct ClaudeParser {
    /// Usage per message id: several lines share one message and repeat its usage.
    messages: BTreeMap<String, Usage>,
    /// Sum over `messages`, kept so that a line costs the same however many came before.
    sum: Usage,
    /// Spent before a `conversation_reset`, which zeroes the CLI's own totals.
    before: (Usage, Option<MicroUsd>),
    /// HOME, where totals are remembered.
    home: PathBuf,
    /// On a resumed session, what it had reported before this run.
    resumed: Option<Total>,
    /// What it reported last.
    reported: Option<Total>,
    /// When a refused rate limit ends.
    resets_at: Option<Timestamp>,
}

impl Parser for ClaudeParser {
    fn line(&mut self, line: &str, reading: &mut Reading) {
        let Some(value) = object(line, reading) else {
            return;
        };
        match text(&value, "type") {
            "system" => system(&value, reading),
            "assistant" => self.assistant(&value, reading),
            "user" => results(&value, reading),
            "rate_limit_event" => self.rate_limit(&value, reading),
            "conversation_reset" => self.before = (reading.usage, reading.cost),
            "result" => self.result(&value, reading),
            _ => {}
        }
    }

    fn ended(&mut self, reading: &mut Reading) {
        if let (Some(session), Some(total)) = (&reading.agent_session, self.reported)
            && let Err(e) = totals::remember(&self.home, session, total)
        {
            reading.status(&format!("the session's totals are not remembered: {e}"));
        }
    }

    fn key_names(&self) -> &'static str {
        "ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN"
    }
}

fn system(value: &Value, reading: &mut Reading) {
    match text(value, "subtype") {
        "init" => reading.started(some_text(value, "session_id"), some_text(value, "model")),
        "api_retry" => {
            let code = status(value, "error_status").map_or(String::new(), |s| format!(" {s}"));
            let (n, max) = (count(value, "attempt"), count(value, "max_retries"));
            reading.status(&format!(
                "asks again ({n}/{max}): {}{code}",
                text(value, "error")
            ));
        }
        "compact_boundary" => reading.status("its context was compacted"),
        _ => {}
    }
}

/// Tool results come as messages of the user.
fn results(value: &Value, reading: &mut Reading) {
    for block in blocks(value) {
        if text(block, "type") == "tool_result" {
            reading.events.push(AgentEvent::ToolResult {
                id: text(block, "tool_use_id").to_owned(),
                ok: block.get("is_error").and_then(Value::as_bool) != Some(true),
                summary: answer(block.get("content").unwrap_or(&Value::Null)),
            });
        }
    }
}

fn blocks(value: &Value) -> impl Iterator<Item = &Value> {
    let content = value.get("message").and_then(|m| m.get("content"));
    content.and_then(Value::as_array).into_iter().flatten()
}

impl ClaudeParser {
    fn assistant(&mut self, value: &Value, reading: &mut Reading) {
        let failed = value.get("error").is_some_and(|e| !e.is_null());
        // What a subagent says is not the agent's own message.
        let own = some_text(value, "parent_tool_use_id").is_none();
        for block in blocks(value) {
            match text(block, "type") {
                "text" if failed => {
                    reading.error(status(value, "api_error_status"), text(block, "text"));
                }
                "text" if own => reading.message(text(block, "text")),
                "thinking" if own => reading.events.push(AgentEvent::Thinking {
                    text: text(block, "thinking").to_owned(),
                }),
                "tool_use" | "server_tool_use" => reading.events.push(AgentEvent::ToolCall {
                    id: text(block, "id").to_owned(),
                    name: text(block, "name").to_owned(),
                    summary: arguments(block.get("input").unwrap_or(&Value::Null)),
                }),
                _ => {}
            }
        }
        if let Some(message) = value.get("message") {
            self.count(message, reading);
        }
    }

    /// Counts a message once, by the highest figures seen for its id.
    fn count(&mut self, message: &Value, reading: &mut Reading) {
        let Some(usage) = message.get("usage") else {
            return;
        };
        let seen = self
            .messages
            .entry(text(message, "id").to_owned())
            .or_default();
        let new = usage_of(usage);
        for (new, old, sum) in [
            (new.input, &mut seen.input, &mut self.sum.input),
            (new.output, &mut seen.output, &mut self.sum.output),
            (
                new.cache_read,
                &mut seen.cache_read,
                &mut self.sum.cache_read,
            ),
            (
                new.cache_write,
                &mut seen.cache_write,
                &mut self.sum.cache_write,
            ),
        ] {
            let new = new.max(*old);
            *sum = sum.saturating_add(new - *old);
            *old = new;
        }
        reading.spent(self.sum, None);
    }

    fn rate_limit(&mut self, value: &Value, reading: &mut Reading) {
        let info = value.get("rate_limit_info").unwrap_or(&Value::Null);
        match text(info, "status") {
            "rejected" => {
                let at = Timestamp(count(info, "resetsAt").saturating_mul(1000));
                self.resets_at = Some(at).filter(|t| *t > reading.now);
                reading.status("the rate limit is used up");
            }
            "allowed_warning" => reading.status("the rate limit is nearly used up"),
            _ => {}
        }
    }

    fn result(&mut self, value: &Value, reading: &mut Reading) {
        reading.started(some_text(value, "session_id"), None);
        self.total(value, reading);
        let said = text(value, "result");
        let is_error = value.get("is_error").and_then(Value::as_bool) != Some(false);
        if !is_error && !said.is_empty() {
            reading.final_message =
                crate::agents::lines::clip(said, crate::agents::reading::MAX_FINAL_BYTES);
        }
        if is_error {
            self.failure(value, said, reading);
            return;
        }
        let denied = denials(value);
        if denied.is_empty() {
            reading.terminal = Some(Terminal::Good);
        } else {
            let reason = format!("it was refused permission for {denied}, and reported success");
            reading.failed_as(Trouble::Other, FailureClass::AgentError, &reason);
        }
    }

    /// `modelUsage` is cumulative over the process and covers subagents; `usage` is the main loop.
    fn total(&mut self, value: &Value, reading: &mut Reading) {
        let mut usage = Usage::default();
        let mut most = (0, None);
        for (name, of) in value
            .get("modelUsage")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let one = Usage {
                input: count(of, "inputTokens"),
                output: count(of, "outputTokens"),
                cache_read: count(of, "cacheReadInputTokens"),
                cache_write: count(of, "cacheCreationInputTokens"),
                reasoning: 0,
            };
            if one.total() > most.0 {
                most = (one.total(), Some(name.clone()));
            }
            usage = usage.plus(one);
        }
        if usage == Usage::default() {
            usage = self.sum;
        }
        reading.model = most.1.or_else(|| reading.model.take());
        let cost = value.get("total_cost_usd").and_then(Value::as_f64);
        let total = Total {
            usage,
            cost: cost.map(MicroUsd::from_usd),
        };
        self.reported = Some(total);
        let run = self.of_this_run(total, value.get("usage"));
        let before = self.before.1.unwrap_or_default();
        reading.spent(
            run.usage.plus(self.before.0),
            run.cost.map(|c| c.plus(before)),
        );
    }

    /// After a resume 2.1.197 reports the new run and 2.1.329 the whole session, both in the same
    /// fields. They hold the whole session if what is left without the earlier total still covers
    /// the main loop of this run.
    fn of_this_run(&self, total: Total, main_loop: Option<&Value>) -> Total {
        let (Some(earlier), Some(main_loop)) = (self.resumed, main_loop) else {
            return total;
        };
        let rest = total.since(earlier);
        let whole = total.covers(earlier.usage) && rest.covers(usage_of(main_loop));
        if whole { rest } else { total }
    }

    /// `subtype` says "success" even when the API failed; `is_error` and the status decide.
    fn failure(&self, value: &Value, said: &str, reading: &mut Reading) {
        let errors: Vec<&str> = value
            .get("errors")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let reason = match text(value, "subtype") {
            "error_max_turns" => "it reached its turn limit".to_owned(),
            "error_max_budget_usd" => "it reached its budget".to_owned(),
            _ if !said.is_empty() => said.to_owned(),
            subtype if errors.is_empty() => subtype.to_owned(),
            subtype => format!("{subtype}: {}", errors.join("; ")),
        };
        let mut trouble = judge(status(value, "api_error_status"), &reason, reading.now);
        if let (Trouble::RateLimited(_), Some(at)) = (trouble, self.resets_at) {
            trouble = Trouble::RateLimited(Some(at));
        }
        reading.failed_as(trouble, trouble.class(), &reason);
    }
}

/// Usage as the API itself words it.
fn usage_of(usage: &Value) -> Usage {
    Usage {
        input: count(usage, "input_tokens"),
        output: count(usage, "output_tokens"),
        cache_read: count(usage, "cache_read_input_tokens"),
        cache_write: count(usage, "cache_creation_input_tokens"),
        // The API counts thinking into the output and does not tell it apart.
        reasoning: 0,
    }
}

/// Names of the tools that were refused.
fn denials(value: &Value) -> String {
    let mut names: Vec<&str> = value
        .get("permission_denials")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|d| text(d, "tool_name"))
        .collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}
