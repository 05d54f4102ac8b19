//! Many pull requests in one GraphQL call: what each is, and all that is said about it.

use serde_json::{Map, Value, json};

use crate::forge::github::api::{Api, denied};
use crate::forge::github::graphql::{Graph, Problem};
use crate::forge::github::raw::{Actor, Context, Nodes, RawCommit, RawPull, RawThread};
use crate::forge::github::refusal::{self, Answer};
use crate::forge::github::text::fragment;
use crate::ports::forge::{ForgeError, ReviewWatch};

/// Pull requests that one call reads. GitHub bounds the nodes of a query and the time for it.
pub(super) const BATCH: usize = 25;
/// As many are tried where the server breaks at more.
pub(super) const SMALL: usize = 5;

/// All that is read of a pull request.
const PARTS: &str = "
fragment Parts on PullRequest {
  number state headRefName headRefOid baseRefName mergeable
  headRepository { nameWithOwner }
  mergeCommit { oid }
  latestOpinionatedReviews(first: 20, writersOnly: true) { nodes {
    fullDatabaseId state body author { __typename login } commit { oid } } }
  reviewThreads(last: 50) { nodes { isResolved path line originalLine
    comments(first: 20) { nodes {
      body author { __typename login } pullRequestReview { fullDatabaseId } } } } }
  comments(last: 50) { nodes {
    fullDatabaseId body createdAt isMinimized author { __typename login } } }
  commits(last: 1) { nodes { commit { oid statusCheckRollup { contexts(first: 100) { nodes {
    __typename
    ... on CheckRun { status conclusion }
    ... on StatusContext { state } } } } } } }
}";

/// A pull request with what is said about it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) number: u64,
    /// `OPEN`, `CLOSED` or `MERGED`.
    pub(super) state: String,
    pub(super) branch: String,
    pub(super) head: String,
    pub(super) base: String,
    pub(super) conflict: bool,
    pub(super) merge_commit: Option<String>,
    here: bool,
    /// Newest verdicts that ask for changes, by people.
    pub(super) asking: Vec<Verdict>,
    /// Comments by people, oldest first.
    pub(super) comments: Vec<Said>,
    /// Checks of the head; empty while the forge shows those of another commit.
    pub(super) checks: Vec<Context>,
}

/// A review that asks for changes.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) id: u64,
    pub(super) by: String,
    pub(super) body: String,
    pub(super) commit: Option<String>,
    /// Its comments that nobody marked as resolved.
    pub(super) lines: Vec<Line>,
}

/// A comment on a line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) path: Option<String>,
    pub(super) line: Option<u64>,
    pub(super) text: String,
}

/// A comment.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) id: u64,
    pub(super) by: String,
    pub(super) text: String,
    /// RFC 3339.
    pub(super) at: String,
}

/// What a batch came to.
pub(super) enum Told {
    /// What of it the forge has, in its order.
    Seen(Vec<Option<Seen>>),
    /// GraphQL does not tell; why.
    Nothing(String),
}

/// Reads what of `watch` the forge has.
pub(super) fn read(api: &mut Api<'_>, watch: &[&ReviewWatch]) -> Result<Told, ForgeError> {
    let mut found = match ask(api, watch, true)? {
        Told::Seen(found) => found,
        nothing @ Told::Nothing(_) => return Ok(nothing),
    };
    // A number that is not of that branch, or of nothing: the branch tells.
    let lost: Vec<usize> = (0..watch.len())
        .filter(|at| found[*at].is_none() && watch[*at].number.is_some())
        .collect();
    if lost.is_empty() {
        return Ok(Told::Seen(found));
    }
    let again: Vec<&ReviewWatch> = lost.iter().map(|at| watch[*at]).collect();
    let others = match ask(api, &again, false)? {
        Told::Seen(others) => others,
        nothing @ Told::Nothing(_) => return Ok(nothing),
    };
    for (at, other) in lost.into_iter().zip(others) {
        found[at] = other;
    }
    Ok(Told::Seen(found))
}

fn ask(api: &mut Api<'_>, watch: &[&ReviewWatch], by_number: bool) -> Result<Told, ForgeError> {
    let what = format!("cannot read the pull requests of {}", api.names.repo);
    let (query, variables) = question(api, watch, by_number);
    let (data, problems) = match api.query(&what, &query, &variables)? {
        Graph::Data(data, problems) => (data, problems),
        Graph::Nothing(why) => return Ok(Told::Nothing(why)),
    };
    let repository = &data["repository"];
    if repository.is_null() {
        let kept_back = |problem: &&Problem| problem.kind.as_deref() != Some("NOT_FOUND");
        if let Some(problem) = problems.iter().find(kept_back) {
            return Ok(Told::Nothing(fragment(&problem.message)));
        }
        let nothing = Answer {
            status: 404,
            ..Answer::default()
        };
        return Err(refusal::refused(&what, &nothing, api.names));
    }
    let name = repository["nameWithOwner"].as_str().unwrap_or_default();
    if !name.eq_ignore_ascii_case(&api.names.repo) {
        return Err(denied(&what, refusal::moved(api.names)));
    }
    tell(api, &what, &problems);
    let mut found = Vec::with_capacity(watch.len());
    for (at, watch) in watch.iter().enumerate() {
        let pulls = match &repository[format!("w{at}")] {
            Value::Null => Vec::new(),
            Value::Object(one) if one.contains_key("nodes") => {
                one["nodes"].as_array().cloned().unwrap_or_default()
            }
            one => vec![one.clone()],
        };
        let mut seen = Vec::new();
        for pull in pulls {
            match serde_json::from_value::<RawPull>(pull) {
                Ok(raw) => seen.push(seen_of(raw, &api.names.repo)),
                Err(error) => return Ok(Told::Nothing(fragment(&error.to_string()))),
            }
        }
        found.push(choose(seen, watch));
    }
    Ok(Told::Seen(found))
}

fn question(api: &Api<'_>, watch: &[&ReviewWatch], by_number: bool) -> (String, Value) {
    let mut variables = Map::new();
    variables.insert("owner".into(), json!(api.config.repo.owner()));
    variables.insert("name".into(), json!(api.config.repo.name()));
    let (mut declared, mut fields) = (String::new(), String::new());
    for (at, watch) in watch.iter().enumerate() {
        match watch.number.filter(|_| by_number) {
            Some(number) => {
                declared.push_str(&format!(", $w{at}: Int!"));
                fields.push_str(&format!(
                    "  w{at}: pullRequest(number: $w{at}) {{ ...Parts }}\n"
                ));
                variables.insert(format!("w{at}"), json!(number));
            }
            None => {
                declared.push_str(&format!(", $w{at}: String!"));
                fields.push_str(&format!(
                    "  w{at}: pullRequests(headRefName: $w{at}, first: 10, orderBy: {{field: \
                     CREATED_AT, direction: DESC}}) {{ nodes {{ ...Parts }} }}\n"
                ));
                variables.insert(format!("w{at}"), json!(watch.branch));
            }
        }
    }
    let query = format!(
        "query($owner: String!, $name: String!{declared}) {{ repository(owner: $owner, name: $name) \
         {{ nameWithOwner\n{fields}}} }}{PARTS}"
    );
    (query, Value::Object(variables))
}

/// Holes that are not simply "no such number" are told.
fn tell(api: &mut Api<'_>, what: &str, problems: &[Problem]) {
    for problem in problems {
        let kind = problem.kind.as_deref();
        if kind == Some("NOT_FOUND") && problem.path.len() == 2 {
            continue;
        }
        let field = problem.path.iter().rev().find_map(Value::as_str);
        api.note(format!(
            "{what} as a whole: {} does not get {} ({})",
            api.names.token(),
            fragment(field.unwrap_or("a part")),
            fragment(&problem.message)
        ));
    }
}

/// The one that is watched. By branch: an open one, else a merged or closed one of that head. An
/// old closed one of another head says nothing about this work.
fn choose(mut seen: Vec<Seen>, watch: &ReviewWatch) -> Option<Seen> {
    seen.retain(|pull| pull.here && pull.branch == watch.branch);
    let by_number = |pull: &Seen| Some(pull.number) == watch.number;
    let rank = |pull: &Seen| {
        let of_head = pull.head == watch.head.as_str();
        match pull.state.as_str() {
            _ if by_number(pull) => Some(0),
            "OPEN" => Some(1),
            "MERGED" if of_head => Some(2),
            _ if of_head => Some(3),
            _ => None,
        }
    };
    let best = seen
        .into_iter()
        .filter_map(|pull| Some((rank(&pull)?, pull)));
    best.min_by_key(|(rank, pull)| (*rank, std::cmp::Reverse(pull.number)))
        .map(|(_, pull)| pull)
}

fn seen_of(raw: RawPull, repo: &str) -> Seen {
    let here = raw
        .head_repository
        .is_some_and(|here| here.name_with_owner.eq_ignore_ascii_case(repo));
    let threads: Vec<RawThread> = Nodes::of(raw.review_threads).collect();
    let asking = Nodes::of(raw.latest_opinionated_reviews)
        .filter(|review| review.state == "CHANGES_REQUESTED")
        .filter_map(|review| {
            let id = review.full_database_id?.value()?;
            let by = Actor::person(review.author)?;
            Some(Verdict {
                lines: lines(&threads, id, &by),
                id,
                by,
                body: review.body,
                commit: review.commit.map(|commit| commit.oid),
            })
        })
        .collect();
    let comments = Nodes::of(raw.comments)
        .filter(|comment| !comment.is_minimized)
        .filter_map(|comment| {
            Some(Said {
                id: comment.full_database_id?.value()?,
                by: Actor::person(comment.author)?,
                text: comment.body,
                at: comment.created_at.unwrap_or_default(),
            })
        })
        .collect();
    let of_head = |commit: &RawCommit| commit.commit.oid == raw.head_ref_oid;
    let checks = Nodes::of(raw.commits)
        .find(of_head)
        .and_then(|commit| commit.commit.status_check_rollup)
        .map(|rollup| Nodes::of(rollup.contexts).collect());
    Seen {
        number: raw.number,
        state: raw.state,
        branch: raw.head_ref_name,
        head: raw.head_ref_oid,
        base: raw.base_ref_name,
        conflict: raw.mergeable.as_deref() == Some("CONFLICTING"),
        merge_commit: raw.merge_commit.map(|commit| commit.oid),
        here,
        asking,
        comments,
        checks: checks.unwrap_or_default(),
    }
}

/// The comments of review `id` by its writer, in threads that are not resolved.
fn lines(threads: &[RawThread], id: u64, by: &str) -> Vec<Line> {
    let mut found = Vec::new();
    for thread in threads.iter().filter(|thread| !thread.is_resolved) {
        for line in Nodes::of(thread.comments.clone()) {
            let of = line
                .pull_request_review
                .and_then(|review| review.full_database_id);
            let mine = of.is_some_and(|of| of.value() == Some(id));
            if mine && Actor::person(line.author).as_deref() == Some(by) {
                found.push(Line {
                    path: thread.path.clone(),
                    line: thread.line.or(thread.original_line),
                    text: line.body,
                });
            }
        }
    }
    found
}
