//! Remote sessions: agents that run at a service and outlive the tick (docs/remote-sessions.md).
//!
//! [`Remotes`] is the port: it turns looks, creations and words into the requests of each service.
//! It decides nothing and remembers nothing; what it saw is data from outside.

mod http;
mod jules;
mod news;
mod opencode;
mod speech;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use secrecy::SecretString;
use serde_json::Value;

use crate::agents::Redact;
use crate::agents::remote::http::{ANSWER_WITHIN, Ask, Credential, Trouble};
use crate::domain::policy::{AgentSpec, RemoteKind, RemoteService};
use crate::domain::remote::{RemoteSight, RemoteView};
use crate::domain::time::DurationMs;
use crate::ports::clock::Clock;
use crate::ports::lease::Lease;
use crate::ports::remote_session::{
    Collected, RemoteAt, RemoteCreated, RemoteError, RemoteRequest, RemoteSessions,
};

/// Services that run agents by themselves.
pub struct Remotes {
    /// Keys by the variable that each is named by. They are in no agent's environment.
    keys: BTreeMap<String, SecretString>,
    clock: Arc<dyn Clock>,
    redact: Redact,
}

impl Remotes {
    /// Services with these keys.
    #[must_use]
    pub const fn new(
        keys: BTreeMap<String, SecretString>,
        clock: Arc<dyn Clock>,
        redact: Redact,
    ) -> Self {
        Self {
            keys,
            clock,
            redact,
        }
    }

    fn call<'a>(&'a self, at: &'a RemoteAt) -> Result<Call<'a>, String> {
        let service = at
            .agent
            .kind
            .service()
            .ok_or_else(|| format!("agent `{}` is no session at a service", at.agent.name))?;
        let credential = match (&service.key_env, service.kind) {
            (None, _) => Credential::None,
            (Some(name), kind) => {
                let key = self.keys.get(name).cloned().ok_or_else(|| {
                    format!(
                        "the variable {name}, which holds the key of {}, is not set",
                        kind.name()
                    )
                })?;
                match kind {
                    RemoteKind::Jules => Credential::ApiKey(key),
                    RemoteKind::OpenCode => Credential::Basic {
                        user: service.user.clone(),
                        password: key,
                    },
                }
            }
        };
        Ok(Call {
            at,
            service,
            credential,
            clock: &*self.clock,
            within: ANSWER_WITHIN,
        })
    }

    fn change<T>(
        &self,
        at: &RemoteAt,
        what: &str,
        work: impl FnOnce(&Call<'_>) -> Result<T, Trouble>,
    ) -> Result<T, RemoteError> {
        let service = at.agent.kind.service();
        let error = |trouble: &Trouble| RemoteError {
            what: what.to_owned(),
            service: service.map_or_else(String::new, |s| {
                format!("{} ({})", s.kind.name(), s.base_url)
            }),
            cause: (self.redact)(&trouble.cause()),
            fate: trouble.fate(),
        };
        let call = self.call(at).map_err(|cause| {
            error(&Trouble::Refused {
                class: crate::domain::session::FailureClass::Infrastructure,
                cause,
                until: None,
            })
        })?;
        work(&call).map_err(|trouble| error(&trouble))
    }

    /// Secrets out of everything that was read.
    fn clean(&self, mut view: RemoteView) -> RemoteView {
        view.detail = (self.redact)(&view.detail);
        if let Some(asking) = &mut view.asking {
            asking.text = (self.redact)(&asking.text);
        }
        for said in &mut view.said {
            said.each_text(&mut |text| *text = (self.redact)(text));
        }
        view
    }
}

/// One service, asked for one session.
struct Call<'a> {
    at: &'a RemoteAt,
    service: &'a RemoteService,
    credential: Credential,
    clock: &'a dyn Clock,
    within: Duration,
}

impl Call<'_> {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.service.base_url)
    }

    fn id(&self) -> &str {
        self.at.id.as_deref().unwrap_or("")
    }

    /// A request to this service, with its key and within its time.
    fn asking(
        &self,
        method: Method,
        path: &str,
        query: Vec<(&'static str, String)>,
        body: Option<Value>,
    ) -> Ask<'_> {
        Ask {
            method,
            url: self.url(path),
            query,
            body,
            credential: &self.credential,
            now: self.clock.now(),
            within: self.within,
        }
    }
}

impl RemoteSessions for Remotes {
    fn available(&self, agent: &AgentSpec) -> Result<(), String> {
        let Some(service) = agent.kind.service() else {
            return Ok(());
        };
        match &service.key_env {
            Some(name) if !self.keys.contains_key(name) => Err(format!(
                "agent `{}`: the variable {name}, which holds its key, is not set; set it, or \
                 store it with `fleet secret`",
                agent.name
            )),
            _ => Ok(()),
        }
    }

    fn health(&self, agent: &AgentSpec, limit: DurationMs) -> Result<String, RemoteError> {
        let at = RemoteAt {
            agent: agent.clone(),
            mark: String::new(),
            id: None,
            place: None,
            unheard: Vec::new(),
            upto: None,
        };
        self.change(&at, "get a sign of life", |call| {
            let call = Call {
                within: limit.std().min(ANSWER_WITHIN),
                credential: call.credential.clone(),
                ..*call
            };
            match call.service.kind {
                RemoteKind::Jules => call.jules_health(),
                RemoteKind::OpenCode => call.opencode_health(),
            }
        })
    }

    fn look(&self, at: &RemoteAt) -> RemoteSight {
        let call = match self.call(at) {
            Ok(call) => call,
            Err(why) => return RemoteSight::Blind { why },
        };
        let seen = match call.service.kind {
            RemoteKind::Jules => call.jules_look(),
            RemoteKind::OpenCode => call.opencode_look(),
        };
        match seen {
            Ok(Some(view)) => RemoteSight::Seen(Box::new(self.clean(view))),
            Ok(None) | Err(Trouble::NotFound) => RemoteSight::Missing,
            Err(trouble) => RemoteSight::Trouble {
                cause: (self.redact)(&trouble.cause()),
                until: trouble.until(),
            },
        }
    }

    fn create(
        &self,
        _lease: &Lease,
        at: &RemoteAt,
        request: &RemoteRequest,
    ) -> Result<RemoteCreated, RemoteError> {
        self.change(at, "create a session", |call| match call.service.kind {
            RemoteKind::Jules => call.jules_create(request),
            RemoteKind::OpenCode => call.opencode_create(request),
        })
    }

    fn begin(
        &self,
        _lease: &Lease,
        at: &RemoteAt,
        request: &RemoteRequest,
    ) -> Result<(), RemoteError> {
        self.change(at, "give the prompt", |call| match call.service.kind {
            // Jules takes the prompt with the creation.
            RemoteKind::Jules => Ok(()),
            RemoteKind::OpenCode => call.opencode_prompt(&request.prompt, request.model.as_deref()),
        })
    }

    fn approve(&self, _lease: &Lease, at: &RemoteAt, plan: &str) -> Result<(), RemoteError> {
        self.change(at, "approve", |call| match call.service.kind {
            RemoteKind::Jules => call.jules_approve(),
            RemoteKind::OpenCode => call.opencode_allow(plan),
        })
    }

    fn tell(
        &self,
        _lease: &Lease,
        at: &RemoteAt,
        about: &str,
        text: &str,
    ) -> Result<(), RemoteError> {
        let text = speech::signed(about, text);
        self.change(at, "send a message", |call| match call.service.kind {
            RemoteKind::Jules => call.jules_tell(&text),
            RemoteKind::OpenCode => call.opencode_prompt(&text, None),
        })
    }

    fn stop(&self, _lease: &Lease, at: &RemoteAt) -> Result<(), RemoteError> {
        self.change(at, "stop the session", |call| {
            let stopped = match call.service.kind {
                RemoteKind::Jules => call.jules_stop(),
                RemoteKind::OpenCode => call.opencode_stop(),
            };
            match stopped {
                Err(Trouble::NotFound) => Ok(()),
                other => other,
            }
        })
    }

    fn collect(&self, at: &RemoteAt) -> Result<Collected, RemoteError> {
        let collected = self.change(at, "take over the work", |call| match call.service.kind {
            RemoteKind::Jules => call.jules_collect(),
            RemoteKind::OpenCode => call.opencode_collect(),
        })?;
        Ok(Collected {
            reason: (self.redact)(&collected.reason),
            final_message: (self.redact)(&collected.final_message),
            ..collected
        })
    }
}
