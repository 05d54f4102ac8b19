//! Claude Code: `claude -p --output-format stream-json` (wire.md §5.1, test-infra.md §2.1).

mod shape;

use std::collections::BTreeMap;
use std::path::PathBuf;

use self::shape::{Line, RateLimit};
use super::lax::{Flag, Obj, Text};
use super::totals::{self, Total};
use super::{money, object, status};
use crate::agents::limits::{Trouble, judge};
use crate::agents::reading::{Parser, Reading, Terminal};
use crate::agents::run::Launch;
use crate::agents::said::Said;
use crate::domain::money::{MicroUsd, Usage};
use crate::domain::session::FailureClass;
use crate::domain::time::Timestamp;
use crate::ports::runner::RunRequest;

pub(super) fn complete(
    request: &RunRequest,
    fresh: &str,
    resumed: Option<Total>,
    launch: &mut Launch,
) {
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
    launch.parser = Box::new(ClaudeParser {
        home: request.home.clone(),
        resumed,
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
    /// `sum` at the last `conversation_reset`.
    sum_before: Usage,
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
        let Some(line) = object::<Line<'_>>(line, reading) else {
            return;
        };
        match line.kind.get() {
            "system" => system(&line, reading),
            "assistant" => self.assistant(&line, reading),
            "user" => results(&line, reading),
            "rate_limit_event" => self.rate_limit(&line.rate_limit_info.0, reading),
            "conversation_reset" => {
                self.before = (reading.usage, reading.cost);
                self.sum_before = self.sum;
            }
            "result" => self.result(&line, reading),
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

fn system(line: &Line<'_>, reading: &mut Reading) {
    match line.subtype.get() {
        "init" => reading.started(line.session_id.some(), line.model.some()),
        "api_retry" => {
            let code = status(line.error_status).map_or(String::new(), |s| format!(" {s}"));
            let (n, max) = (line.attempt.0, line.max_retries.0);
            let what = line.error.as_ref().map_or("", Text::get);
            reading.status(&format!("asks again ({n}/{max}): {what}{code}"));
        }
        "compact_boundary" => reading.status("its context was compacted"),
        _ => {}
    }
}

/// Tool results come as messages of the user.
fn results(line: &Line<'_>, reading: &mut Reading) {
    for Obj(block) in &line.message.0.content.0 {
        if block.kind.get() == "tool_result" {
            reading.emit(Said::ToolResult {
                id: block.tool_use_id.get(),
                ok: block.is_error != Flag(Some(true)),
                summary: block.content.get(),
            });
        }
    }
}

impl ClaudeParser {
    fn assistant(&mut self, line: &Line<'_>, reading: &mut Reading) {
        let failed = line.error.is_some();
        // What a subagent says is not the agent's own message.
        let own = line.parent_tool_use_id.some().is_none();
        for Obj(block) in &line.message.0.content.0 {
            match block.kind.get() {
                "text" if failed => {
                    reading.error(status(line.api_error_status), block.text.get());
                }
                "text" if own => reading.message(block.text.get()),
                "thinking" if own => reading.emit(Said::Thinking(block.thinking.get())),
                "tool_use" | "server_tool_use" => reading.emit(Said::ToolCall {
                    id: block.id.get(),
                    name: block.name.get(),
                    summary: block.input.get(),
                }),
                _ => {}
            }
        }
        if let Some(Obj(usage)) = &line.message.0.usage {
            self.count(line.message.0.id.get(), usage.usage(), reading);
        }
    }

    /// Counts a message once, by the highest figures seen for its id.
    fn count(&mut self, id: &str, new: Usage, reading: &mut Reading) {
        if !self.messages.contains_key(id) {
            self.messages.insert(id.to_owned(), Usage::default());
        }
        let Some(seen) = self.messages.get_mut(id) else {
            return;
        };
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
        let so_far = self.before.0.plus(self.sum.since(self.sum_before));
        // A result that came before counted subagents as well, which no message here does.
        if so_far.total() > reading.usage.total() {
            reading.spent(so_far, None);
        }
    }

    fn rate_limit(&mut self, info: &RateLimit<'_>, reading: &mut Reading) {
        match info.status.get() {
            "rejected" => {
                let at = Timestamp(info.resets_at.0.saturating_mul(1000));
                self.resets_at = Some(at).filter(|t| *t > reading.now);
                reading.status("the rate limit is used up");
            }
            "allowed_warning" => reading.status("the rate limit is nearly used up"),
            _ => {}
        }
    }

    fn result(&mut self, line: &Line<'_>, reading: &mut Reading) {
        reading.started(line.session_id.some(), None);
        self.total(line, reading);
        let said = line.result.get();
        if line.is_error != Flag(Some(false)) {
            self.failure(line, reading);
            return;
        }
        if !said.is_empty() {
            reading.final_words(said);
        }
        let denied = denials(line);
        if denied.is_empty() {
            reading.terminal = Some(Terminal::Good);
        } else {
            let reason = format!("it was refused permission for {denied}, and reported success");
            reading.failed_as(Trouble::Other, FailureClass::AgentError, &reason);
        }
    }

    /// `modelUsage` is cumulative over the process and covers subagents; `usage` is the main loop.
    fn total(&mut self, line: &Line<'_>, reading: &mut Reading) {
        let mut usage = Usage::default();
        let mut most = (0, None);
        for (name, of) in &line.models.0 {
            let one = Usage {
                input: of.input_tokens.0,
                output: of.output_tokens.0,
                cache_read: of.cache_read_input_tokens.0,
                cache_write: of.cache_creation_input_tokens.0,
                reasoning: 0,
            };
            if one.total() > most.0 {
                most = (one.total(), Some(name));
            }
            usage = usage.plus(one);
        }
        if usage == Usage::default() {
            usage = self.sum.since(self.sum_before);
        }
        if let Some(name) = most.1
            && reading.model.as_ref() != Some(name)
        {
            reading.model = Some(name.clone());
        }
        let total = Total {
            usage,
            cost: money(line.total_cost_usd),
        };
        self.reported = Some(total);
        let main_loop = line.usage.as_ref().map(|Obj(usage)| usage.usage());
        let run = self.of_this_run(total, main_loop);
        let before = self.before.1.unwrap_or_default();
        reading.spent(
            run.usage.plus(self.before.0),
            run.cost.map(|c| c.plus(before)),
        );
    }

    /// After a resume 2.1.197 reports the new run and 2.1.329 the whole session, both in the same
    /// fields. They hold the whole session if what is left without the earlier total still covers
    /// the main loop of this run.
    fn of_this_run(&self, total: Total, main_loop: Option<Usage>) -> Total {
        let (Some(earlier), Some(main_loop)) = (self.resumed, main_loop) else {
            return total;
        };
        let rest = total.since(earlier);
        let whole = total.covers(earlier.usage) && rest.covers(main_loop);
        if whole { rest } else { total }
    }

    /// `subtype` says "success" even when the API failed; `is_error` and the status decide.
    fn failure(&self, line: &Line<'_>, reading: &mut Reading) {
        let said = line.result.get();
        let errors: Vec<&str> = line.errors.0.iter().filter_map(Text::some).collect();
        let reason = match line.subtype.get() {
            "error_max_turns" => "it reached its turn limit".to_owned(),
            "error_max_budget_usd" => "it reached its budget".to_owned(),
            _ if !said.is_empty() => said.to_owned(),
            subtype if errors.is_empty() => subtype.to_owned(),
            subtype => format!("{subtype}: {}", errors.join("; ")),
        };
        let mut trouble = judge(status(line.api_error_status), &reason, reading.now);
        if let (Trouble::RateLimited(_), Some(at)) = (trouble, self.resets_at) {
            trouble = Trouble::RateLimited(Some(at));
        }
        reading.failed_as(trouble, trouble.class(), &reason);
    }
}

/// Names of the tools that were refused.
fn denials(line: &Line<'_>) -> String {
    let denials = line.permission_denials.0.iter();
    let mut names: Vec<&str> = denials.map(|Obj(d)| d.tool_name.get()).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}
