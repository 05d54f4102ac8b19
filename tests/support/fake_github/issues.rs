//! Issues of the pretend GitHub: people write, label, edit, rename and comment, one second after
//! another. Numbers begin at 1001, so that they are none of a pull request.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::FakeGitHub;
use super::http::Reply;
use super::model::{Model, user};
use super::routes::paged;

/// An issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FakeIssue {
    pub(crate) number: u64,
    pub(crate) login: String,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) open: bool,
    /// As in REST: `completed`, `not_planned`, `duplicate`.
    pub(crate) reason: Option<String>,
    pub(crate) labels: Vec<String>,
    /// Seconds.
    created: u64,
    edited: Option<u64>,
    updated: u64,
    /// Type in GraphQL, who, when, label.
    events: Vec<(&'static str, String, u64, String)>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct FakeIssues {
    all: Vec<FakeIssue>,
    /// When comments were made, by id; others are of long ago.
    said: BTreeMap<u64, u64>,
    seconds: u64,
    /// They are switched off: none is told of, and none is gone.
    pub(crate) off: bool,
    /// What is told of no issue: the name of a field of GraphQL.
    hole: Option<String>,
}

impl FakeIssues {
    fn tick(&mut self) -> u64 {
        self.seconds += 1;
        self.seconds
    }
}

fn time(seconds: u64) -> String {
    format!(
        "2026-11-21T{:02}:{:02}:{:02}Z",
        7 + seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

impl FakeGitHub {
    /// `login` opens an issue; its number.
    pub(crate) fn open_issue(&self, login: &str, title: &str, body: &str) -> u64 {
        let mut model = self.model();
        let now = model.issues.tick();
        let number = 1_001 + model.issues.all.len() as u64;
        model.issues.all.push(FakeIssue {
            number,
            login: login.to_owned(),
            title: title.to_owned(),
            body: body.to_owned(),
            open: true,
            reason: None,
            labels: Vec::new(),
            created: now,
            edited: None,
            updated: now,
            events: Vec::new(),
        });
        number
    }

    fn change_issue(&self, number: u64, change: impl FnOnce(&mut FakeIssue, u64)) {
        let mut model = self.model();
        let now = model.issues.tick();
        let issue = model
            .issues
            .all
            .iter_mut()
            .find(|issue| issue.number == number);
        let issue = issue.expect("there is such an issue");
        issue.updated = now;
        change(issue, now);
    }

    /// `login` puts a label on.
    pub(crate) fn label_issue(&self, number: u64, login: &str, label: &str) {
        self.change_issue(number, |issue, now| {
            issue.labels.push(label.to_owned());
            issue
                .events
                .push(("LabeledEvent", login.to_owned(), now, label.to_owned()));
        });
    }

    /// `login` takes a label off.
    pub(crate) fn unlabel_issue(&self, number: u64, login: &str, label: &str) {
        self.change_issue(number, |issue, now| {
            issue.labels.retain(|known| known != label);
            issue
                .events
                .push(("UnlabeledEvent", login.to_owned(), now, label.to_owned()));
        });
    }

    /// The text is edited.
    pub(crate) fn edit_issue(&self, number: u64, body: &str) {
        self.change_issue(number, |issue, now| {
            issue.body = body.to_owned();
            issue.edited = Some(now);
        });
    }

    /// The title is edited, which is an event and no edit of the text.
    pub(crate) fn rename_issue(&self, number: u64, title: &str) {
        self.change_issue(number, |issue, now| {
            issue.title = title.to_owned();
            issue
                .events
                .push(("RenamedTitleEvent", issue.login.clone(), now, String::new()));
        });
    }

    /// `login` comments.
    pub(crate) fn comment_on_issue(&self, number: u64, login: &str, text: &str) {
        let mut model = self.model();
        let now = model.issues.tick();
        model.comment(number, login, text, None);
        let id = model
            .comments
            .last()
            .map(|comment| comment.id)
            .unwrap_or_default();
        model.issues.said.insert(id, now);
    }

    /// The human `ann` closes it.
    pub(crate) fn close_issue(&self, number: u64, reason: &str) {
        self.change_issue(number, |issue, now| {
            (issue.open, issue.reason) = (false, Some(reason.to_owned()));
            issue
                .events
                .push(("ClosedEvent", "ann".to_owned(), now, String::new()));
        });
    }

    /// It was moved here from another repository.
    pub(crate) fn transfer_issue(&self, number: u64) {
        self.change_issue(number, |issue, now| {
            issue
                .events
                .push(("TransferredEvent", "eve".to_owned(), now, String::new()));
        });
    }

    /// Switches issues off, or on.
    pub(crate) fn switch_issues(&self, off: bool) {
        self.model().issues.off = off;
    }

    /// From now on the field `name` of every issue is missing.
    pub(crate) fn leave_hole(&self, name: Option<&str>) {
        self.model().issues.hole = name.map(str::to_owned);
    }

    /// A human deletes it, or moves it away.
    pub(crate) fn delete_issue(&self, number: u64) {
        self.model()
            .issues
            .all
            .retain(|issue| issue.number != number);
    }

    /// As it is now.
    pub(crate) fn issue(&self, number: u64) -> FakeIssue {
        let model = self.model();
        let issue = model.issues.all.iter().find(|issue| issue.number == number);
        issue.expect("there is such an issue").clone()
    }
}

/// By REST. `None`: nothing of this.
pub(crate) fn answer(
    model: &mut Model,
    method: &str,
    parts: &[&str],
    query: &str,
    body: &Value,
) -> Option<Reply> {
    if model.issues.off && parts.first() == Some(&"issues") {
        return Some(Reply::refuse(410, "Issues are disabled for this repo"));
    }
    match (method, parts) {
        ("GET", ["issues"]) => Some(list(model, query)),
        ("POST", ["issues"]) => Some(open(model, body)),
        ("GET" | "PATCH", ["issues", number]) => {
            let at = model
                .issues
                .all
                .iter()
                .position(|issue| issue.number.to_string() == *number);
            let Some(at) = at else {
                return Some(Reply::refuse(404, "Not Found"));
            };
            if method == "PATCH" {
                let now = model.issues.tick();
                let issue = &mut model.issues.all[at];
                issue.open = body["state"] == "open";
                issue.reason = body["state_reason"].as_str().map(str::to_owned);
                issue.updated = now;
            }
            Some(Reply::new(200, shown(&model.issues.all[at])))
        }
        _ => None,
    }
}

fn shown(issue: &FakeIssue) -> Value {
    let labels: Vec<Value> = issue
        .labels
        .iter()
        .map(|name| json!({ "name": name, "id": 1 }))
        .collect();
    json!({
        "id": 70_000 + issue.number, "number": issue.number, "title": issue.title, "body": issue.body,
        "state": if issue.open { "open" } else { "closed" }, "state_reason": issue.reason,
        "html_url": format!("https://pretend/issues/{}", issue.number), "user": user(&issue.login),
        "labels": labels, "created_at": time(issue.created), "updated_at": time(issue.updated),
        // Never to be trusted.
        "author_association": "OWNER",
    })
}

/// Pull requests are listed among issues, as on GitHub.
fn list(model: &Model, query: &str) -> Reply {
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let label = value("labels").unwrap_or_default();
    let all = value("state") == Some("all");
    let mut found: Vec<Value> = model
        .issues
        .all
        .iter()
        .filter(|issue| (all || issue.open) && issue.labels.iter().any(|known| known == label))
        .map(shown)
        .collect();
    if value("direction") == Some("desc") {
        found.reverse();
    }
    found.extend(model.prs.iter().filter(|pr| pr.state == "open").map(|pr| {
        json!({
            "id": 1, "number": pr.number, "title": pr.title, "state": "open", "labels": [{ "name": label }],
            "pull_request": { "url": "x" },
        })
    }));
    paged(&found, query)
}

fn open(model: &mut Model, body: &Value) -> Reply {
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let now = model.issues.tick();
    let labels = body["labels"].as_array().into_iter().flatten();
    let issue = FakeIssue {
        number: 1_001 + model.issues.all.len() as u64,
        login: model.viewer.clone(),
        title: text("title"),
        body: text("body"),
        open: true,
        reason: None,
        labels: labels
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        created: now,
        edited: None,
        updated: now,
        events: Vec::new(),
    };
    model.issues.all.push(issue.clone());
    Reply::new(201, shown(&issue))
}

/// By GraphQL: `repository.issues` of what the variables ask for (a later order turns it round), and
/// `repository.issue`.
pub(crate) fn graph(model: &Model, variables: &Value) -> (Value, Value) {
    let off = model.issues.off;
    let all = model.issues.all.iter().filter(|_| !off);
    let every: Vec<Value> = all.map(|issue| node(model, issue)).collect();
    let wanted = |name: &str| variables[name].as_array().cloned().unwrap_or_default();
    let (labels, states) = (wanted("labels"), wanted("states"));
    let mut listed: Vec<Value> = every
        .iter()
        .filter(|issue| states.contains(&issue["state"]))
        .filter(|issue| {
            let carried = issue["labels"].as_array().into_iter().flatten();
            carried
                .into_iter()
                .any(|label| labels.contains(&label["name"]))
        })
        .cloned()
        .collect();
    listed.reverse();
    (Value::Array(listed), Value::Array(every))
}

fn actor(login: &str) -> Value {
    match login.strip_suffix("[bot]") {
        Some(bot) => json!({ "__typename": "Bot", "login": bot }),
        None => json!({ "__typename": "User", "login": login }),
    }
}

fn node(model: &Model, issue: &FakeIssue) -> Value {
    let label = |name: &String| json!({ "__typename": "Label", "name": name });
    let labels: Vec<Value> = issue.labels.iter().map(label).collect();
    let event = |(kind, login, at, name): &(&str, String, u64, String)| {
        json!({
            "__typename": kind, "createdAt": time(*at), "actor": actor(login), "label": label(name),
        })
    };
    let events: Vec<Value> = issue.events.iter().map(event).collect();
    let comments = model
        .comments
        .iter()
        .filter(|comment| comment.number == issue.number);
    let comments: Vec<Value> = comments
        .map(|comment| {
            let at = model
                .issues
                .said
                .get(&comment.id)
                .copied()
                .unwrap_or_default();
            json!({
                "__typename": "IssueComment", "fullDatabaseId": comment.id.to_string(),
                "createdAt": time(at), "body": comment.body, "author": actor(&comment.login),
                "authorAssociation": "NONE",
                "viewerDidAuthor": comment.login == model.viewer,
                "url": format!("https://pretend/issues/{}#{}", issue.number, comment.id),
            })
        })
        .collect();
    let mut node = json!({
        "__typename": "Issue", "fullDatabaseId": (70_000 + issue.number).to_string(),
        "number": issue.number, "url": format!("https://pretend/issues/{}", issue.number),
        "title": issue.title, "body": issue.body, "state": if issue.open { "OPEN" } else { "CLOSED" },
        "stateReason": issue.reason.as_ref().map(|reason| reason.to_ascii_uppercase()),
        "createdAt": time(issue.created), "updatedAt": time(issue.updated),
        "lastEditedAt": issue.edited.map(time), "author": actor(&issue.login),
        "labels": labels, "timelineItems": events, "comments": comments,
    });
    if let Some(hole) = &model.issues.hole {
        node[hole.as_str()] = Value::Null;
    }
    node
}

#[test]
fn issues_of_the_pretend_github_keep_their_own_contract() {
    let fake = FakeGitHub::start("octo/hello");
    let number = fake.open_issue("ann", "a", "b");
    fake.label_issue(number, "ann", "x");
    fake.unlabel_issue(number, "ann", "x");
    fake.edit_issue(number, "c");
    fake.rename_issue(number, "d");
    fake.comment_on_issue(number, "ann", "e");
    fake.close_issue(number, "completed");
    let issue = fake.issue(number);
    assert_eq!(
        (issue.number, issue.login.as_str(), issue.open),
        (1_001, "ann", false)
    );
    assert_eq!((issue.title.as_str(), issue.body.as_str()), ("d", "c"));
    assert_eq!(
        (issue.reason.as_deref(), issue.labels.len()),
        (Some("completed"), 0)
    );
    fake.transfer_issue(number);
    fake.switch_issues(false);
    fake.leave_hole(None);
    fake.delete_issue(number);
}
