//! Issues by GraphQL.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::forge::github::api::Api;
use crate::forge::github::graphql::{Graph, Problem};
use crate::forge::github::text::{bounded, fragment};
use crate::forge::github::tickets::{
    CALLS_MAX, Found, Listed, SAID_MAX_BYTES, key, place, speaks_to_fleet, time,
};
use crate::ports::forge::{ForgeError, ForgeRemark};
use crate::ports::tickets::{TextAge, Ticket, TicketAct, TicketState};

/// Issues in one call.
const PAGE: u32 = 50;
/// Issues in one call, once a page of the usual size was too much.
const SMALL_PAGE: u32 = 5;
/// Issues that are read by number in one call.
pub(super) const BY_NUMBER: usize = 50;

/// What is read of an issue. The last fifty events and comments: who can make more of them than that
/// can make nobody admit anything by it.
const FIELDS: &str = "fragment F on Issue { fullDatabaseId number url title body state \
    stateReason createdAt updatedAt lastEditedAt author { login } labels(first: 50) { nodes { name } } \
    timelineItems(last: 50, itemTypes: $types) { nodes { \
    __typename ... on LabeledEvent { createdAt actor { __typename login } label { name } } \
    ... on UnlabeledEvent { createdAt actor { __typename login } label { name } } \
    ... on RenamedTitleEvent { createdAt } ... on TransferredEvent { createdAt } \
    ... on ClosedEvent { createdAt actor { __typename login } } } } \
    comments(last: 50) { nodes { fullDatabaseId createdAt body authorAssociation \
    author { __typename login } } } }";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Issue {
    full_database_id: Option<Value>,
    number: u64,
    #[serde(default)]
    url: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    body: String,
    state: String,
    state_reason: Option<String>,
    created_at: String,
    updated_at: String,
    last_edited_at: Option<String>,
    author: Option<Actor>,
    labels: Option<Nodes<Label>>,
    timeline_items: Option<Nodes<Event>>,
    comments: Option<Nodes<Comment>>,
}

#[derive(Deserialize)]
struct Nodes<T> {
    nodes: Option<Vec<Option<T>>>,
}

/// True if all of it was read.
fn is_whole<T>(connection: Option<&Nodes<T>>) -> bool {
    let nodes = connection.and_then(|c| c.nodes.as_ref());
    nodes.is_some_and(|nodes| nodes.iter().all(Option::is_some))
}

fn nodes<T>(connection: Option<Nodes<T>>) -> impl Iterator<Item = T> {
    let nodes = connection.and_then(|c| c.nodes).unwrap_or_default();
    nodes.into_iter().flatten()
}

#[derive(Deserialize)]
struct Label {
    name: String,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(rename = "__typename")]
    kind: Option<String>,
    login: String,
}

impl Actor {
    fn person(self) -> Option<String> {
        let person = self.kind.as_deref() == Some("User") && !self.login.ends_with("[bot]");
        person.then_some(self.login)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "__typename")]
    kind: String,
    created_at: Option<String>,
    actor: Option<Actor>,
    label: Option<Label>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Comment {
    full_database_id: Option<Value>,
    created_at: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    author_association: String,
    author: Option<Actor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    page_info: PageInfo,
    nodes: Option<Vec<Option<Issue>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

/// Events that are read of an issue.
const TYPES: [&str; 5] = [
    "LABELED_EVENT",
    "UNLABELED_EVENT",
    "RENAMED_TITLE_EVENT",
    "TRANSFERRED_EVENT",
    "CLOSED_EVENT",
];
/// What the forge calls people who belong to a repository.
const INSIDE: [&str; 3] = ["OWNER", "MEMBER", "COLLABORATOR"];
/// Variables that every query here has.
const VARIABLES: &str = "$owner: String!, $name: String!, $types: [IssueTimelineItemsItemType!]";

/// Open issues with a label, oldest first; `None` if GraphQL does not serve.
pub(super) fn labelled(api: &mut Api<'_>, label: &str) -> Result<Option<Listed>, ForgeError> {
    let what = format!("cannot list the issues of {}", api.names.repo);
    let query = format!(
        "query({VARIABLES}, $labels: [String!], $states: [IssueState!], $size: Int!, $after: String) {{ \
         repository(owner: $owner, name: $name) {{ issues(first: $size, after: $after, labels: $labels, \
         states: $states, orderBy: {{ field: CREATED_AT, direction: ASC }}) {{ \
         pageInfo {{ hasNextPage endCursor }} nodes {{ ...F }} }} }} }} {FIELDS}"
    );
    let (owner, name) = owner_and_name(api);
    let (mut listed, mut size, mut after) = (Listed::default(), PAGE, None::<String>);
    for _ in 0..CALLS_MAX {
        if api.reads_left() == 0 {
            listed.cut = Some(Listed::out_of_budget(api));
            return Ok(Some(listed));
        }
        let variables = json!({
            "owner": owner, "name": name, "types": TYPES, "labels": [label], "states": ["OPEN"],
            "size": size, "after": after,
        });
        let (page, problems) = match api.query(&what, &query, &variables)? {
            Graph::Data(mut data, problems) => {
                let page = read::<Page>(data["repository"]["issues"].take());
                (page, problems)
            }
            Graph::Nothing(why) => {
                if size > SMALL_PAGE && !api.session.no_graphql {
                    size = SMALL_PAGE;
                    continue;
                }
                if after.is_none() {
                    api.note(format!("{what} by GraphQL: {why}"));
                    return Ok(None);
                }
                listed.cut = Some(format!("{what}: {why}"));
                return Ok(Some(listed));
            }
        };
        let Some(page) = page else {
            return Ok(None);
        };
        for (at, issue) in page.nodes.unwrap_or_default().into_iter().enumerate() {
            let Some(issue) = issue else { continue };
            let path = [
                json!("repository"),
                json!("issues"),
                json!("nodes"),
                json!(at),
            ];
            listed
                .tickets
                .extend(whole_ticket(api, issue, &problems, &path));
        }
        if !page.page_info.has_next_page {
            return Ok(Some(listed));
        }
        after = page.page_info.end_cursor;
    }
    listed.cut = Some(Listed::out_of_budget(api));
    Ok(Some(listed))
}

/// Issues by number, and those that are not there; `None` if GraphQL does not serve.
pub(super) fn numbered(api: &mut Api<'_>, numbers: &[u64]) -> Result<Option<Found>, ForgeError> {
    let what = format!("cannot read issues of {}", api.names.repo);
    let mut query =
        format!("query({VARIABLES}) {{ repository(owner: $owner, name: $name) {{ hasIssuesEnabled");
    for number in numbers {
        // Writing to a String cannot fail.
        let _ = write!(
            query,
            " i{number}: issueOrPullRequest(number: {number}) {{ ...F }}"
        );
    }
    let _ = write!(query, " }} }} {FIELDS}");
    let (owner, name) = owner_and_name(api);
    let variables = json!({ "owner": owner, "name": name, "types": TYPES });
    let (mut data, problems) = match api.query(&what, &query, &variables)? {
        Graph::Data(data, problems) => (data, problems),
        Graph::Nothing(_) => return Ok(None),
    };
    if data["repository"].is_null() {
        return Ok(None);
    }
    let (mut found, mut gone) = (Vec::new(), Vec::new());
    // Where issues are switched off there is none, and none is gone.
    let has_issues = data["repository"]["hasIssuesEnabled"] == json!(true);
    for number in numbers {
        let name = format!("i{number}");
        let path = [json!("repository"), json!(name)];
        match read::<Issue>(data["repository"][&name].take()) {
            Some(issue) => found.extend(whole_ticket(api, issue, &problems, &path)),
            // Only what the forge says not to know is gone: a hole may be anything.
            None if has_issues && problems.iter().any(|p| is_missing(p, &name)) => {
                gone.push(*number);
            }
            None => {}
        }
    }
    Ok(Some((found, gone)))
}

fn is_missing(problem: &Problem, name: &str) -> bool {
    problem.kind.as_deref() == Some("NOT_FOUND")
        && problem.path.iter().any(|part| part.as_str() == Some(name))
}

fn read<T: for<'de> Deserialize<'de>>(value: Value) -> Option<T> {
    serde_json::from_value(value).ok()
}

fn owner_and_name(api: &Api<'_>) -> (String, String) {
    let (owner, name) = api.names.repo.split_once('/').unwrap_or_default();
    (owner.to_owned(), name.to_owned())
}

/// A number that may be told as a text.
fn id_of(id: Option<&Value>) -> Option<u64> {
    let id = id?;
    id.as_str()
        .map_or_else(|| id.as_u64(), |text| text.parse().ok())
}

/// An issue as a ticket, if all was read that decides about it: a hole could stand for an edit, or
/// for a label that is on. Otherwise nothing is known of it for now.
fn whole_ticket(
    api: &mut Api<'_>,
    issue: Issue,
    problems: &[Problem],
    path: &[Value],
) -> Option<Ticket> {
    let met = |problem: &&Problem| {
        let met = problem.path.iter().zip(path);
        met.into_iter().all(|(a, b)| a == b)
    };
    let problem = problems.iter().find(met);
    let whole = is_whole(issue.labels.as_ref()) && is_whole(issue.timeline_items.as_ref());
    if whole && problem.is_none() {
        return ticket(api, issue);
    }
    let why = problem.map_or_else(
        || "parts of it are missing".to_owned(),
        |problem| fragment(&problem.message),
    );
    api.note(format!(
        "issue #{} of {} was not read whole and is left as it is: {why}",
        issue.number, api.names.repo
    ));
    None
}

/// An issue as a ticket; one without an identity is none.
fn ticket(api: &Api<'_>, issue: Issue) -> Option<Ticket> {
    let id = id_of(issue.full_database_id.as_ref())?;
    let mut acts = Vec::new();
    let mut closed_by = None;
    // A body tells when it was edited, a title when it was renamed. What was labelled elsewhere was
    // labelled by people who may write elsewhere.
    let mut edited = issue.last_edited_at.as_deref().map(time);
    for event in nodes(issue.timeline_items) {
        let at = time(event.created_at.as_deref().unwrap_or_default());
        match (event.kind.as_str(), event.label) {
            ("RenamedTitleEvent" | "TransferredEvent", _) => edited = edited.max(Some(at)),
            ("ClosedEvent", _) => closed_by = event.actor.and_then(Actor::person),
            (kind @ ("LabeledEvent" | "UnlabeledEvent"), Some(label)) => acts.push(TicketAct {
                by: event.actor.and_then(Actor::person),
                at,
                label: label.name,
                put: kind == "LabeledEvent",
            }),
            _ => {}
        }
    }
    let (mut said, mut insiders) = (Vec::new(), Vec::new());
    for comment in nodes(issue.comments).filter(|comment| speaks_to_fleet(&comment.body)) {
        let person = comment.author.and_then(Actor::person);
        if INSIDE.contains(&comment.author_association.as_str()) {
            insiders.extend(person.clone());
        }
        if let (Some(by), Some(id)) = (person, id_of(comment.full_database_id.as_ref())) {
            said.push(ForgeRemark {
                key: format!("comment:{id}"),
                by,
                text: bounded(&comment.body, SAID_MAX_BYTES),
                at: time(&comment.created_at),
            });
        }
    }
    Some(Ticket {
        number: issue.number,
        key: key(id),
        reference: format!("{}#{}", place(api), issue.number),
        url: issue.url,
        title: issue.title,
        body: issue.body,
        author: issue.author.map(|author| author.login).unwrap_or_default(),
        state: match (issue.state.as_str(), issue.state_reason.as_deref()) {
            ("OPEN", _) => TicketState::Open,
            (_, Some("COMPLETED") | None) => TicketState::Done,
            (_, Some("DUPLICATE")) => TicketState::Duplicate,
            (_, Some(_)) => TicketState::Dropped,
        },
        labels: nodes(issue.labels).map(|label| label.name).collect(),
        text: edited.map_or_else(
            || TextAge::Unedited(time(&issue.created_at)),
            TextAge::Edited,
        ),
        acts,
        said,
        insiders,
        closed_by,
        updated: time(&issue.updated_at),
    })
}
