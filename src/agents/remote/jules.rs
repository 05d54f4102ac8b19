//! Jules: `jules.googleapis.com/v1alpha` (developers.google.com/jules/api/reference/rest; wire.md
//! §5.5). Its traps: no idempotency key, 404 for a while after a creation, lists that lag behind,
//! the reason of a failure in the activities only, a completed session that still takes messages,
//! and no figures of tokens or money.

use reqwest::Method;
use serde_json::{Value, json};

use crate::agents::remote::Call;
use crate::agents::remote::http::{Trouble, bounded, cut, escaped, exchange};
use crate::agents::remote::news;
use crate::agents::remote::speech::{MESSAGE_BYTES, heard_in, question_in, text};
use crate::domain::money::Usage;
use crate::domain::policy::PlanApproval;
use crate::domain::remote::{Asking, RemotePhase, RemoteView};
use crate::domain::session::FailureClass;
use crate::ports::remote_session::{Collected, RemoteCreated, RemoteRequest, RemoteWork};

/// Largest page that it gives.
const PAGE: &str = "100";
/// Most pages that one look reads; what lies behind is not known, and nothing is concluded from it.
const PAGES_MAX: usize = 20;
/// Most bytes of a patch.
const PATCH_BYTES: usize = 12 << 20;
/// Most bytes of a title.
const TITLE_BYTES: usize = 120;

impl Call<'_> {
    fn jules(
        &self,
        method: Method,
        path: &str,
        query: Vec<(&'static str, String)>,
        body: Option<Value>,
    ) -> Result<Value, Trouble> {
        exchange(&self.asking(method, path, query, body))
    }

    /// Every page of a list.
    fn jules_pages(&self, path: &str, field: &str) -> Result<Vec<Value>, Trouble> {
        let mut all = Vec::new();
        let mut token = String::new();
        for _ in 0..PAGES_MAX {
            let mut query = vec![("pageSize", PAGE.to_owned())];
            if !token.is_empty() {
                query.push(("pageToken", token.clone()));
            }
            let mut page = self.jules(Method::GET, path, query, None)?;
            if let Some(Value::Array(items)) = page.get_mut(field).map(Value::take) {
                all.extend(items);
            }
            text(&page, "/nextPageToken").clone_into(&mut token);
            if token.is_empty() {
                return Ok(all);
            }
        }
        Err(Trouble::Lost {
            cause: format!("its list of {field} is longer than {PAGES_MAX} pages"),
        })
    }

    fn jules_session(&self) -> String {
        format!("/sessions/{}", escaped(self.id()))
    }

    /// That the key is good and the repository is connected.
    pub(super) fn jules_health(&self) -> Result<String, Trouble> {
        let source = self.service.source.as_deref().unwrap_or_default();
        let parts: Vec<String> = source.split('/').map(escaped).collect();
        let path = format!("/{}", parts.join("/"));
        let found = self.jules(Method::GET, &path, Vec::new(), None);
        match found {
            Ok(_) => Ok(format!("Jules, knows {source}")),
            Err(Trouble::NotFound) => Err(self.jules_stranger()),
            Err(other) => Err(other),
        }
    }

    fn jules_stranger(&self) -> Trouble {
        let source = self.service.source.as_deref();
        Trouble::Refused {
            class: FailureClass::AgentError,
            cause: format!(
                "HTTP 404: it does not know {}; connect the repository to Jules",
                source.unwrap_or("the repository")
            ),
            until: None,
        }
    }

    pub(super) fn jules_look(&self) -> Result<Option<RemoteView>, Trouble> {
        if self.at.id.is_some() {
            let session = self.jules(Method::GET, &self.jules_session(), Vec::new(), None)?;
            return self.jules_view(&session, Vec::new()).map(Some);
        }
        let mark = &self.at.mark;
        let mut ours: Vec<Value> = self
            .jules_pages("/sessions", "sessions")?
            .into_iter()
            .filter(|s| text(s, "/title").contains(mark) || text(s, "/prompt").contains(mark))
            .collect();
        // Of several, the oldest: the others came from requests thought lost.
        ours.sort_by(|a, b| {
            let key = |s: &Value| (text(s, "/createTime").to_owned(), id_of(s));
            key(a).cmp(&key(b))
        });
        if ours.is_empty() {
            return Ok(None);
        }
        let first = ours.remove(0);
        let spare = ours.iter().map(id_of).collect();
        let mut view = self.jules_view(&first, spare)?;
        view.id = id_of(&first);
        Ok(Some(view))
    }

    fn jules_view(&self, session: &Value, spare: Vec<String>) -> Result<RemoteView, Trouble> {
        let mut phase = phase_of(text(session, "/state"));
        let mut view = RemoteView {
            id: id_of(session),
            url: Some(text(session, "/url"))
                .filter(|url| url.starts_with("https://"))
                .map(str::to_owned),
            phase,
            detail: text(session, "/state").to_owned(),
            asking: None,
            heard: Vec::new(),
            said: Vec::new(),
            upto: None,
            model: None,
            usage: Usage::default(),
            cost: None,
            spare,
        };
        let waits = matches!(
            phase,
            RemotePhase::AwaitingApproval | RemotePhase::AwaitingAnswer | RemotePhase::Succeeded
        );
        let activities = match self.jules_activities(&view.id) {
            Ok(activities) => activities,
            // They are only read for the journal: the next look has them.
            Err(_) if !waits && self.at.unheard.is_empty() => return Ok(view),
            Err(trouble) => return Err(trouble),
        };
        let news = news::of_jules(&activities, self.at.upto.as_deref());
        (view.said, view.upto) = (news.said, news.upto);
        view.heard = activities
            .iter()
            .map(|a| text(a, "/userMessaged/userMessage"))
            .flat_map(|said| heard_in(said, &self.at.unheard))
            .collect();
        let asked = last_words(&activities);
        if phase == RemotePhase::Succeeded
            && let Some(words) = &asked
            && question_in(&words.text).is_some()
        {
            // It ended with a question: it is inactive and still takes messages.
            phase = RemotePhase::AwaitingAnswer;
            view.phase = phase;
        }
        view.asking = match phase {
            RemotePhase::AwaitingApproval => plan_of(&activities),
            RemotePhase::AwaitingAnswer => asked.map(|words| Asking {
                text: question_in(&words.text).unwrap_or(words.text),
                key: words.key,
            }),
            _ => None,
        };
        Ok(view)
    }

    fn jules_activities(&self, id: &str) -> Result<Vec<Value>, Trouble> {
        let path = format!("/sessions/{}/activities", escaped(id));
        let mut all = self.jules_pages(&path, "activities")?;
        all.sort_by(|a, b| text(a, "/createTime").cmp(text(b, "/createTime")));
        Ok(all)
    }

    pub(super) fn jules_create(&self, request: &RemoteRequest) -> Result<RemoteCreated, Trouble> {
        let mark = &self.at.mark;
        let title = cut(&format!("{} {}", request.task, request.title), TITLE_BYTES);
        let mut body = json!({
            "title": format!("{title} [{mark}]"),
            // The title is the service's to change; the prompt is not.
            "prompt": format!("{}\n\n(Reference: {mark})", request.prompt),
            "requirePlanApproval": self.service.plans == PlanApproval::Ask,
            "sourceContext": {
                "source": self.service.source.clone().unwrap_or_default(),
                "githubRepoContext": { "startingBranch": request.branch },
            },
        });
        if self.service.pull_request {
            body["automationMode"] = json!("AUTO_CREATE_PR");
        }
        let created = self.jules(Method::POST, "/sessions", Vec::new(), Some(body));
        let created = created.map_err(|trouble| match trouble {
            Trouble::NotFound => self.jules_stranger(),
            other => other,
        })?;
        let id = id_of(&created);
        if id.is_empty() {
            return Err(Trouble::Lost {
                cause: "its answer names no session".to_owned(),
            });
        }
        Ok(RemoteCreated {
            id,
            url: Some(text(&created, "/url"))
                .filter(|url| url.starts_with("https://"))
                .map(str::to_owned),
        })
    }

    fn jules_verb(&self, verb: &str, body: Value) -> Result<(), Trouble> {
        let path = format!("{}:{verb}", self.jules_session());
        self.jules(Method::POST, &path, Vec::new(), Some(body))
            .map(drop)
    }

    pub(super) fn jules_approve(&self) -> Result<(), Trouble> {
        self.jules_verb("approvePlan", json!({}))
    }

    pub(super) fn jules_tell(&self, words: &str) -> Result<(), Trouble> {
        self.jules_verb("sendMessage", json!({ "prompt": words }))
    }

    /// The API has no word for "stop": a deleted session stops.
    pub(super) fn jules_stop(&self) -> Result<(), Trouble> {
        self.jules(Method::DELETE, &self.jules_session(), Vec::new(), None)
            .map(drop)
    }

    pub(super) fn jules_collect(&self) -> Result<Collected, Trouble> {
        let session = self.jules(Method::GET, &self.jules_session(), Vec::new(), None)?;
        let activities = self.jules_activities(self.id())?;
        let succeeded = phase_of(text(&session, "/state")) == RemotePhase::Succeeded;
        let reason = activities
            .iter()
            .rev()
            .map(|a| text(a, "/sessionFailed/reason"))
            .find(|reason| !reason.is_empty())
            .unwrap_or("Jules gives no reason");
        let outputs = session.get("outputs").and_then(Value::as_array);
        let outputs: Vec<&Value> = outputs.into_iter().flatten().collect();
        let artifacts = activities.iter().rev().flat_map(|a| {
            let list = a.get("artifacts").and_then(Value::as_array);
            list.into_iter().flatten()
        });
        let pull_request = outputs
            .iter()
            .map(|o| text(o, "/pullRequest/url"))
            .find(|url| !url.is_empty())
            .map(str::to_owned);
        // The newest patch is the whole change; the session's own output comes before artifacts.
        let patch = outputs
            .iter()
            .copied()
            .chain(artifacts)
            .find(|o| !text(o, "/changeSet/gitPatch/unidiffPatch").is_empty());
        let number = pull_request
            .as_deref()
            .and_then(|url| url.rsplit_once("/pull/")?.1.parse().ok());
        let work = match (patch, number) {
            (Some(output), _) => {
                let patch = text(output, "/changeSet/gitPatch/unidiffPatch");
                if patch.len() > PATCH_BYTES {
                    return Err(Trouble::Refused {
                        class: FailureClass::InvalidOutput,
                        cause: format!("its patch is larger than {PATCH_BYTES} bytes"),
                        until: None,
                    });
                }
                RemoteWork::Patch {
                    text: patch.to_owned(),
                    base: text(output, "/changeSet/gitPatch/baseCommitId")
                        .parse()
                        .ok(),
                }
            }
            (None, Some(number)) => RemoteWork::PullRequest { number },
            (None, None) => RemoteWork::Nothing,
        };
        Ok(Collected {
            succeeded,
            reason: cut(reason, MESSAGE_BYTES),
            work,
            final_message: last_words(&activities).map_or_else(String::new, |w| w.text),
            model: None,
            usage: Usage::default(),
            cost: None,
            pull_request,
        })
    }
}

/// The last part of `sessions/{id}`.
fn id_of(session: &Value) -> String {
    let id = text(session, "/id");
    if !id.is_empty() {
        return id.to_owned();
    }
    let name = text(session, "/name");
    name.rsplit('/').next().unwrap_or("").to_owned()
}

fn phase_of(state: &str) -> RemotePhase {
    match state {
        "QUEUED" => RemotePhase::Queued,
        "PLANNING" => RemotePhase::Planning,
        "AWAITING_PLAN_APPROVAL" => RemotePhase::AwaitingApproval,
        "AWAITING_USER_FEEDBACK" => RemotePhase::AwaitingAnswer,
        "IN_PROGRESS" => RemotePhase::Working,
        "PAUSED" => RemotePhase::Paused,
        "COMPLETED" => RemotePhase::Succeeded,
        "FAILED" => RemotePhase::Failed,
        _ => RemotePhase::Unknown,
    }
}

/// The last thing that the agent said.
fn last_words(activities: &[Value]) -> Option<Asking> {
    let said = activities
        .iter()
        .rev()
        .find(|a| !text(a, "/agentMessaged/agentMessage").is_empty())?;
    Some(Asking {
        key: key_of(said),
        text: bounded(text(said, "/agentMessaged/agentMessage"), MESSAGE_BYTES).to_owned(),
    })
}

/// The newest plan, as a human reads it.
fn plan_of(activities: &[Value]) -> Option<Asking> {
    let made = activities
        .iter()
        .rev()
        .find(|a| a.pointer("/planGenerated/plan").is_some())?;
    let steps = made.pointer("/planGenerated/plan/steps")?.as_array()?;
    let lines: Vec<String> = steps
        .iter()
        .enumerate()
        .map(|(n, step)| {
            let (title, more) = (text(step, "/title"), text(step, "/description"));
            format!("{}. {title}\n{more}", n + 1).trim_end().to_owned()
        })
        .collect();
    let id = text(made, "/planGenerated/plan/id");
    Some(Asking {
        key: if id.is_empty() {
            key_of(made)
        } else {
            id.to_owned()
        },
        text: bounded(&format!("Its plan:\n\n{}", lines.join("\n")), MESSAGE_BYTES).to_owned(),
    })
}

fn key_of(activity: &Value) -> String {
    let name = text(activity, "/name");
    name.rsplit('/').next().unwrap_or("").to_owned()
}
