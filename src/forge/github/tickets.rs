//! Issues: what people ask for. Read by GraphQL, fifty in a call, with what is needed to know who
//! handed over which text; by REST where that is all there is, which does not tell when a text was
//! edited.

mod graph;
mod rest;

use std::collections::BTreeSet;

use serde_json::json;

use crate::domain::time::Timestamp;
use crate::forge::github::answers::Issue;
use crate::forge::github::api::{Api, Ask, parse};
use crate::forge::github::text::{encode, head};
use crate::forge::github::{GitHubForge, comments, people, refusal};
use crate::ports::forge::{ForgeError, ForgeSaying};
use crate::ports::tickets::{Asked, Ticket, TicketQuery, Tickets, TicketsSeen};

/// The word that a comment for fleet begins with.
const WORD: &str = "/fleet";
/// Most bytes of a comment.
const SAID_MAX_BYTES: usize = 16 << 10;
/// Most calls in which issues are listed; the rest waits until some are closed.
const CALLS_MAX: u32 = 40;
/// Longest title of an issue.
const TITLE_MAX_BYTES: usize = 200;
/// Pages of a hundred issues that are looked through for one that was opened before.
const OWN_PAGES_MAX: usize = 3;

/// What stands before the number of every issue.
fn place(api: &Api<'_>) -> String {
    format!("github:{}", api.names.repo)
}

fn key(id: u64) -> String {
    format!("github:issue:{id}")
}

fn speaks_to_fleet(text: &str) -> bool {
    text.split_whitespace().next() == Some(WORD)
}

/// Time in an answer; one that cannot be read is the beginning of time.
fn time(text: &str) -> Timestamp {
    let read = chrono::DateTime::parse_from_rfc3339(text).ok();
    let ms = read.and_then(|at| u64::try_from(at.timestamp_millis()).ok());
    Timestamp(ms.unwrap_or(0))
}

/// What a list of issues gave.
#[derive(Default)]
struct Listed {
    tickets: Vec<Ticket>,
    cut: Option<String>,
}

/// Issues that were looked for by number, and numbers of which there is none.
type Found = (Vec<Ticket>, Vec<u64>);

impl Listed {
    fn out_of_budget(api: &Api<'_>) -> String {
        format!(
            "not every issue of {} was looked at: reading issues may take {CALLS_MAX} calls, and one tick \
             {} (forge.max_calls)",
            api.names.repo, api.config.max_calls
        )
    }
}

impl Tickets for GitHubForge {
    fn place(&self) -> String {
        self.with(|api| place(api))
    }

    fn tickets(&self, query: &TicketQuery) -> Result<TicketsSeen, ForgeError> {
        self.with(|api| tickets(api, query))
    }

    fn may_write(&self, person: &str) -> Result<bool, ForgeError> {
        self.with(|api| may_write(api, person))
    }

    fn ask(&self, title: &str, text: &str, key: &str) -> Result<Asked, ForgeError> {
        self.with(|api| ask(api, title, text, key))
    }

    fn settle(&self, last: &ForgeSaying) -> Result<Option<String>, ForgeError> {
        self.with(|api| settle(api, last))
    }
}

/// A no is only what the forge said: where it was not asked, that is an error.
fn may_write(api: &mut Api<'_>, person: &str) -> Result<bool, ForgeError> {
    let may = people::may_write(api, person)?;
    if may
        || api
            .session
            .may_write
            .contains_key(&person.to_ascii_lowercase())
    {
        return Ok(may);
    }
    Err(ForgeError::RateLimited {
        what: format!("cannot tell what {person} may do in {}", api.names.repo),
        cause: "enough was asked in this tick; the next one goes on".to_owned(),
        retry_at_ms: None,
    })
}

fn tickets(api: &mut Api<'_>, query: &TicketQuery) -> Result<TicketsSeen, ForgeError> {
    let first = api.session.used;
    let (listed, by_graph) = match graph::labelled(api, &query.label)? {
        Some(listed) => (listed, true),
        None => (rest::labelled(api, &query.label)?, false),
    };
    let mut seen = TicketsSeen {
        cut: listed.cut,
        ..TicketsSeen::default()
    };
    let mut known: BTreeSet<u64> = BTreeSet::new();
    for ticket in listed.tickets {
        if known.insert(ticket.number) {
            seen.tickets.push(ticket);
        }
    }
    let missing: BTreeSet<u64> = query
        .also
        .iter()
        .copied()
        .filter(|n| !known.contains(n))
        .collect();
    for some in missing
        .into_iter()
        .collect::<Vec<_>>()
        .chunks(graph::BY_NUMBER)
    {
        if api.session.used - first >= CALLS_MAX || api.reads_left() == 0 {
            seen.cut.get_or_insert_with(|| Listed::out_of_budget(api));
            break;
        }
        let found = match by_graph {
            true => graph::numbered(api, some)?,
            false => None,
        };
        let (tickets, gone) = match found {
            Some(found) => found,
            None => rest::numbered(api, some)?,
        };
        seen.tickets.extend(tickets);
        seen.gone.extend(gone);
    }
    seen.tickets.sort_by_key(|ticket| ticket.number);
    Ok(seen)
}

/// Opens an issue unless one with that key is there: an answer may have been lost.
fn ask(api: &mut Api<'_>, title: &str, text: &str, key: &str) -> Result<Asked, ForgeError> {
    let repo = api.names.repo.clone();
    let what = format!("cannot open an issue in {repo}");
    let marker = comments::marker(key);
    let of = |issue: &Issue| Asked {
        number: issue.number,
        url: issue.html_url.clone(),
    };
    for page in 1..=OWN_PAGES_MAX {
        let route = format!(
            "/repos/{repo}/issues?state=all&labels={}&sort=created&direction=desc&per_page=100&page={page}",
            encode(QUESTION_LABEL)
        );
        let issues: Vec<Issue> = api.get(&what, &route)?;
        let is_it = |issue: &&Issue| issue.body.as_deref().is_some_and(|b| b.contains(&marker));
        for there in issues.iter().filter(is_it) {
            // Anybody may write a marker.
            if people::is_ours(api, there.user.as_ref())? {
                return Ok(of(there));
            }
        }
        if issues.len() < 100 {
            break;
        }
    }
    let body = json!({
        "title": head(title, TITLE_MAX_BYTES),
        "body": comments::marked(text, comments::TEXT_MAX_BYTES, &marker),
        "labels": [QUESTION_LABEL],
    });
    let route = format!("/repos/{repo}/issues");
    let answer = api.call(&what, Ask::Post(&body), &route)?;
    if !answer.is_success() {
        return Err(refusal::refused(&what, &answer, api.names));
    }
    Ok(of(&parse(&what, &answer)?))
}

/// Label of the issues that fleet opens itself.
const QUESTION_LABEL: &str = "fleet-question";

fn settle(api: &mut Api<'_>, last: &ForgeSaying) -> Result<Option<String>, ForgeError> {
    let url = comments::say(api, last)?;
    let repo = api.names.repo.clone();
    let what = format!("cannot close #{} of {repo}", last.number);
    let route = format!("/repos/{repo}/issues/{}", last.number);
    let issue: Issue = api.get(&what, &route)?;
    if issue.state != "open" {
        return Ok(url);
    }
    let body = json!({ "state": "closed", "state_reason": "completed" });
    let answer = api.call(&what, Ask::Patch(&body), &route)?;
    if answer.is_success() {
        Ok(url)
    } else {
        Err(refusal::refused(&what, &answer, api.names))
    }
}
