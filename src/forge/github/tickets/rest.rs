//! Issues by REST. It does not tell when a text was edited, so nothing is handed over by what is read
//! here.

use serde::Deserialize;

use crate::forge::github::answers::{Comment, Issue};
use crate::forge::github::api::{Api, Ask, parse};
use crate::forge::github::text::{bounded, encode};
use crate::forge::github::tickets::{
    CALLS_MAX, Found, Listed, SAID_MAX_BYTES, key, place, speaks_to_fleet, time,
};
use crate::forge::github::{people, refusal};
use crate::ports::forge::{ForgeError, ForgeRemark};
use crate::ports::tickets::{TextAge, Ticket, TicketState};

#[derive(Deserialize)]
struct Repository {
    #[serde(default)]
    has_issues: bool,
}

/// Open issues with a label, oldest first.
pub(super) fn labelled(api: &mut Api<'_>, label: &str) -> Result<Listed, ForgeError> {
    let repo = api.names.repo.clone();
    let what = format!("cannot list the issues of {repo}");
    let label = encode(label);
    let mut listed = Listed::default();
    for page in 1..=CALLS_MAX {
        if api.reads_left() == 0 {
            listed.cut = Some(Listed::out_of_budget(api));
            break;
        }
        let route = format!(
            "/repos/{repo}/issues?state=open&labels={label}&sort=created&direction=asc&per_page=100&page={page}"
        );
        let issues: Vec<Issue> = api.get(&what, &route)?;
        let last = issues.len() < 100;
        let tickets = issues
            .into_iter()
            .filter(|issue| issue.pull_request.is_none());
        listed
            .tickets
            .extend(tickets.map(|issue| ticket(api, issue)));
        if last {
            break;
        }
        if page == CALLS_MAX {
            listed.cut = Some(Listed::out_of_budget(api));
        }
    }
    Ok(listed)
}

/// Issues by number; and those that are not there.
pub(super) fn numbered(api: &mut Api<'_>, numbers: &[u64]) -> Result<Found, ForgeError> {
    let repo = api.names.repo.clone();
    let (mut found, mut gone) = (Vec::new(), Vec::new());
    let mut has_issues = None;
    for number in numbers {
        if api.reads_left() < 3 {
            break;
        }
        let what = format!("cannot read issue #{number} of {repo}");
        let route = format!("/repos/{repo}/issues/{number}");
        let answer = api.call(&what, Ask::Get, &route)?;
        match answer.status {
            // Where issues are switched off there is none, and none is gone.
            404 | 410 => {
                if has_issues.is_none() {
                    let what = format!("cannot tell whether {repo} has issues");
                    let repository: Option<Repository> =
                        api.get_if_possible(&what, &format!("/repos/{repo}"))?;
                    has_issues = Some(repository.is_some_and(|repo| repo.has_issues));
                }
                gone.extend((has_issues == Some(true)).then_some(*number));
            }
            _ if answer.is_success() => {
                let issue: Issue = parse(&what, &answer)?;
                // A number belongs to one thing for ever: this was never an issue.
                if issue.pull_request.is_none() {
                    let mut ticket = ticket(api, issue);
                    ticket.said = said(api, *number)?;
                    found.push(ticket);
                }
            }
            _ => return Err(refusal::refused(&what, &answer, api.names)),
        }
    }
    Ok((found, gone))
}

/// Comments that speak to fleet, of the newest hundred.
fn said(api: &mut Api<'_>, number: u64) -> Result<Vec<ForgeRemark>, ForgeError> {
    let repo = api.names.repo.clone();
    let what = format!("cannot read the comments on #{number} of {repo}");
    let route = format!("/repos/{repo}/issues/{number}/comments?per_page=100");
    let comments: Vec<Comment> = api.get_if_possible(&what, &route)?.unwrap_or_default();
    let mut said = Vec::new();
    for comment in comments {
        let Some(by) = comment.user.filter(people::is_person) else {
            continue;
        };
        let text = comment.body.unwrap_or_default();
        if speaks_to_fleet(&text) {
            said.push(ForgeRemark {
                key: format!("comment:{}", comment.id),
                by: by.login,
                text: bounded(&text, SAID_MAX_BYTES),
                at: time(comment.created_at.as_deref().unwrap_or_default()),
            });
        }
    }
    Ok(said)
}

fn ticket(api: &Api<'_>, issue: Issue) -> Ticket {
    let state = match (issue.state.as_str(), issue.state_reason.as_deref()) {
        ("open", _) => TicketState::Open,
        (_, Some("completed") | None) => TicketState::Done,
        (_, Some("duplicate")) => TicketState::Duplicate,
        (_, Some(_)) => TicketState::Dropped,
    };
    let closed_by = issue.closed_by.filter(people::is_person);
    let closed_by = closed_by.map(|user| user.login);
    Ticket {
        number: issue.number,
        key: key(issue.id),
        reference: format!("{}#{}", place(api), issue.number),
        url: issue.html_url.unwrap_or_default(),
        title: issue.title.unwrap_or_default(),
        body: issue.body.unwrap_or_default(),
        author: issue.user.map(|user| user.login).unwrap_or_default(),
        state,
        labels: issue.labels.into_iter().map(|label| label.name).collect(),
        text: TextAge::Unknown,
        acts: Vec::new(),
        said: Vec::new(),
        insiders: Vec::new(),
        closed_by,
        updated: time(issue.updated_at.as_deref().unwrap_or_default()),
    }
}
