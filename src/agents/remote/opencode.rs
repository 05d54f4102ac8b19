//! An OpenCode server, `opencode serve` (its OpenAPI document at `/doc`; wire.md §5.4). It runs on
//! folders of this machine, so its sessions work in fleet's workspaces.
//!
//! Its traps: a session is not busy yet right after its prompt was taken, a server that was started
//! again has forgotten what it was doing, anything that asks for permission waits for ever, and a
//! model without a price costs 0.

use reqwest::Method;
use serde_json::{Value, json};

use crate::agents::remote::Call;
use crate::agents::remote::http::{Trouble, bounded, cut, escaped, exchange};
use crate::agents::remote::news;
use crate::agents::remote::speech::{MESSAGE_BYTES, heard_in, question_in, text, told_in, words};
use crate::domain::money::{MicroUsd, Usage};
use crate::domain::remote::{Asking, RemotePhase, RemoteView};
use crate::domain::session::FailureClass;
use crate::ports::remote_session::{Collected, RemoteCreated, RemoteRequest, RemoteWork};

/// Messages that one look reads, the newest ones.
const MESSAGES: &str = "40";
/// Sessions that a search for a mark reads.
const FOUND: &str = "20";
/// A prompt that was taken this long ago and is neither worked on nor answered is lost.
const TAKES_UP_WITHIN_MS: u64 = 60_000;
/// Most bytes of a title.
const TITLE_BYTES: usize = 120;

/// How a conversation stands.
struct Stand {
    phase: RemotePhase,
    detail: String,
    asking: Option<Asking>,
    last: String,
    model: Option<String>,
}

impl Call<'_> {
    fn opencode(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Trouble> {
        self.opencode_with(method, path, Vec::new(), body)
    }

    fn opencode_with(
        &self,
        method: Method,
        path: &str,
        mut query: Vec<(&'static str, String)>,
        body: Option<Value>,
    ) -> Result<Value, Trouble> {
        let place = self.at.place.as_ref().ok_or_else(|| Trouble::Refused {
            class: FailureClass::Infrastructure,
            cause: "it has no workspace on this machine".to_owned(),
            until: None,
        })?;
        query.push(("directory", place.display().to_string()));
        exchange(&self.asking(method, path, query, body))
    }

    /// What it is, and that it knows the agent's model.
    pub(super) fn opencode_health(&self) -> Result<String, Trouble> {
        let ask = |path: &str| exchange(&self.asking(Method::GET, path, Vec::new(), None));
        let health = ask("/global/health")?;
        let version = cut(text(&health, "/version"), 40);
        if health.get("healthy") != Some(&Value::Bool(true)) || version.is_empty() {
            return Err(Trouble::Refused {
                class: FailureClass::AgentError,
                cause: "what answers is no healthy OpenCode server".to_owned(),
                until: None,
            });
        }
        let Some((provider, model)) = self
            .at
            .agent
            .model
            .as_deref()
            .and_then(|m| m.split_once('/'))
        else {
            return Ok(format!(
                "OpenCode {version}, with its own choice of a model"
            ));
        };
        let known = ask("/config/providers")?;
        let providers = known.get("providers").and_then(Value::as_array);
        let mut providers = providers.into_iter().flatten();
        let ours = providers.find(|p| text(p, "/id") == provider);
        let has = ours.and_then(|p| p.get("models")?.get(model)).is_some();
        if has {
            return Ok(format!("OpenCode {version}, knows {provider}/{model}"));
        }
        let what = if ours.is_some() { "model" } else { "provider" };
        Err(Trouble::Refused {
            class: FailureClass::AgentError,
            cause: format!(
                "OpenCode {version} knows no such {what}: {provider}/{model}; `opencode models` lists \
                 what it knows"
            ),
            until: None,
        })
    }

    fn opencode_session(&self, rest: &str) -> String {
        format!("/session/{}{rest}", escaped(self.id()))
    }

    pub(super) fn opencode_look(&self) -> Result<Option<RemoteView>, Trouble> {
        if self.at.id.is_some() {
            let session = self.opencode(Method::GET, &self.opencode_session(""), None)?;
            return self.opencode_view(&session, Vec::new()).map(Some);
        }
        let mark = &self.at.mark;
        let query = vec![("search", mark.clone()), ("limit", FOUND.to_owned())];
        let found = self.opencode_with(Method::GET, "/session", query, None)?;
        let mut ours: Vec<&Value> = found
            .as_array()
            .into_iter()
            .flatten()
            .filter(|s| text(s, "/title").contains(mark))
            .collect();
        ours.sort_by_key(|s| s.pointer("/time/created").and_then(Value::as_u64));
        let Some((first, others)) = ours.split_first() else {
            return Ok(None);
        };
        let spare = others.iter().map(|s| text(s, "/id").to_owned()).collect();
        self.opencode_view(first, spare).map(Some)
    }

    fn opencode_view(&self, session: &Value, spare: Vec<String>) -> Result<RemoteView, Trouble> {
        let id = text(session, "/id").to_owned();
        let stand = self.opencode_stand(&id)?;
        let usage = usage_of(session);
        let news = news::of_opencode(&stand.1, self.at.upto.as_deref());
        Ok(RemoteView {
            phase: stand.0.phase,
            detail: stand.0.detail,
            asking: stand.0.asking,
            heard: heard_in(&told_in(&stand.1), &self.at.unheard),
            said: news.said,
            upto: news.upto,
            model: stand.0.model,
            cost: cost_of(session, usage),
            usage,
            url: None,
            id,
            spare,
        })
    }

    /// How it stands, and its newest messages.
    fn opencode_stand(&self, id: &str) -> Result<(Stand, Vec<Value>), Trouble> {
        let all = self.opencode(Method::GET, "/session/status", None)?;
        let status = all.get(id);
        let path = format!("/session/{}/message", escaped(id));
        let query = vec![("limit", MESSAGES.to_owned())];
        let messages = self.opencode_with(Method::GET, &path, query, None)?;
        let Value::Array(messages) = messages else {
            return Err(Trouble::Lost {
                cause: "its messages are no list".to_owned(),
            });
        };
        let busy = status.map_or("", |s| text(s, "/type"));
        let stand = if matches!(busy, "busy" | "retry") {
            Stand {
                model: messages.iter().rev().find_map(model_of),
                ..self.opencode_busy(id, status)?
            }
        } else {
            stand_of(&messages, self.clock.now().0)
        };
        Ok((stand, messages))
    }

    /// At work; or waiting for a permission, which nobody at its screen will give.
    fn opencode_busy(&self, id: &str, status: Option<&Value>) -> Result<Stand, Trouble> {
        let asked = self.opencode(Method::GET, "/permission", None)?;
        let ours = asked
            .as_array()
            .into_iter()
            .flatten()
            .find(|p| text(p, "/sessionID") == id);
        let again = status.map_or("", |s| text(s, "/message"));
        let mut stand = Stand {
            phase: RemotePhase::Working,
            detail: cut(again, 200),
            asking: None,
            last: String::new(),
            model: None,
        };
        if let Some(asked) = ours {
            let patterns: Vec<&str> = asked
                .get("patterns")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let what = format!(
                "It asks for the permission `{}` on {}",
                text(asked, "/permission"),
                patterns.join(", ")
            );
            stand.phase = RemotePhase::AwaitingApproval;
            stand.asking = Some(Asking {
                key: text(asked, "/id").to_owned(),
                text: bounded(&what, MESSAGE_BYTES).to_owned(),
            });
        }
        Ok(stand)
    }

    /// Creates the session and gives it its prompt.
    pub(super) fn opencode_create(
        &self,
        request: &RemoteRequest,
    ) -> Result<RemoteCreated, Trouble> {
        let title = cut(&format!("{} {}", request.task, request.title), TITLE_BYTES);
        let body = json!({
            "title": format!("{title} [{}]", self.at.mark),
            // Nobody sits before it: what asks would wait for ever. Its questions come as words.
            "permission": [
                { "permission": "*", "pattern": "*", "action": "allow" },
                { "permission": "question", "pattern": "*", "action": "deny" },
            ],
        });
        let created = self.opencode(Method::POST, "/session", Some(body))?;
        let id = text(&created, "/id").to_owned();
        if id.is_empty() {
            return Err(Trouble::Lost {
                cause: "its answer names no session".to_owned(),
            });
        }
        Ok(RemoteCreated { id, url: None })
    }

    pub(super) fn opencode_prompt(&self, words: &str, model: Option<&str>) -> Result<(), Trouble> {
        let mut body = json!({ "parts": [{ "type": "text", "text": words }] });
        if let Some((provider, model)) = model.and_then(|m| m.split_once('/')) {
            body["model"] = json!({ "providerID": provider, "modelID": model });
        }
        let path = self.opencode_session("/prompt_async");
        self.opencode(Method::POST, &path, Some(body)).map(drop)
    }

    pub(super) fn opencode_allow(&self, request: &str) -> Result<(), Trouble> {
        let path = format!("/permission/{}/reply", escaped(request));
        let body = json!({ "reply": "once" });
        self.opencode(Method::POST, &path, Some(body)).map(drop)
    }

    pub(super) fn opencode_stop(&self) -> Result<(), Trouble> {
        self.opencode(Method::POST, &self.opencode_session("/abort"), None)
            .map(drop)
    }

    pub(super) fn opencode_collect(&self) -> Result<Collected, Trouble> {
        let session = self.opencode(Method::GET, &self.opencode_session(""), None)?;
        let (stand, _) = self.opencode_stand(self.id())?;
        let usage = usage_of(&session);
        Ok(Collected {
            succeeded: stand.phase == RemotePhase::Succeeded,
            reason: if stand.detail.is_empty() {
                format!("it is {}", stand.phase.name())
            } else {
                stand.detail
            },
            work: RemoteWork::Workspace,
            final_message: stand.last,
            model: stand.model,
            cost: cost_of(&session, usage),
            usage,
            pull_request: None,
        })
    }
}

/// The model that wrote a message.
fn model_of(message: &Value) -> Option<String> {
    let model = text(message, "/info/modelID");
    (!model.is_empty()).then(|| model.to_owned())
}

fn time(message: &Value, which: &str) -> Option<u64> {
    message.pointer(&format!("/info/time/{which}"))?.as_u64()
}

/// How an idle conversation stands: by its last prompt and the last answer to that.
fn stand_of(messages: &[Value], now_ms: u64) -> Stand {
    let mut stand = Stand {
        phase: RemotePhase::Empty,
        detail: String::new(),
        asking: None,
        last: String::new(),
        model: None,
    };
    let Some(prompt) = messages
        .iter()
        .rev()
        .find(|m| text(m, "/info/role") == "user")
    else {
        return stand;
    };
    let answer = messages.iter().rev().find(|m| {
        text(m, "/info/role") == "assistant"
            && text(m, "/info/parentID") == text(prompt, "/info/id")
    });
    let Some(answer) = answer else {
        return unanswered(stand, time(prompt, "created"), now_ms);
    };
    stand.model = model_of(answer);
    let error = text(answer, "/info/error/name");
    if !error.is_empty() {
        let more = text(answer, "/info/error/data/message");
        stand.phase = RemotePhase::Failed;
        stand.detail = cut(&format!("{error} {more}"), 1_000);
        return stand;
    }
    let finish = text(answer, "/info/finish");
    let done = time(answer, "completed").is_some();
    if !done || matches!(finish, "" | "tool-calls" | "unknown") {
        let last = time(answer, "completed").or_else(|| time(answer, "created"));
        return unanswered(stand, last, now_ms);
    }
    let last = words(answer);
    stand.last = bounded(&last, MESSAGE_BYTES).to_owned();
    stand.phase = RemotePhase::Succeeded;
    if let Some(question) = question_in(&last) {
        stand.phase = RemotePhase::AwaitingAnswer;
        stand.asking = Some(Asking {
            key: text(answer, "/info/id").to_owned(),
            text: question,
        });
    }
    stand
}

/// It is said to be idle in the middle: between two steps, or forgotten by a server that was started
/// again.
fn unanswered(mut stand: Stand, since: Option<u64>, now_ms: u64) -> Stand {
    let fresh = since.is_some_and(|at| at.saturating_add(TAKES_UP_WITHIN_MS) > now_ms);
    if fresh {
        stand.phase = RemotePhase::Working;
    } else {
        stand.phase = RemotePhase::Failed;
        "the server stopped in the middle of its work; it was ended or started again"
            .clone_into(&mut stand.detail);
    }
    stand
}

fn usage_of(session: &Value) -> Usage {
    let count = |path: &str| {
        let value = session.pointer(path).and_then(Value::as_u64);
        value.unwrap_or_default()
    };
    let reasoning = count("/tokens/reasoning");
    Usage {
        input: count("/tokens/input"),
        // It counts what was thought apart.
        output: count("/tokens/output").saturating_add(reasoning),
        cache_read: count("/tokens/cache/read"),
        cache_write: count("/tokens/cache/write"),
        reasoning,
    }
}

/// A model without a price is told to cost 0: that is "not known".
fn cost_of(session: &Value, usage: Usage) -> Option<MicroUsd> {
    let dollars = session.get("cost")?.as_f64()?;
    let known = dollars.is_finite() && dollars >= 0.0 && (dollars > 0.0 || usage.output == 0);
    known.then(|| MicroUsd::from_usd(dollars))
}
