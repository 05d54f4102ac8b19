//! Opening a pull request at most once (I4): list, adopt, create, and after any doubt list again.

use serde_json::json;

use crate::forge::github::answers::Pull;
use crate::forge::github::api::{Api, Ask, parse};
use crate::forge::github::finish;
use crate::forge::github::refusal::{self, Unprocessable};
use crate::forge::github::text::{encode, head};
use crate::ports::forge::{ForgeError, ReviewDraft, ReviewHandle, ReviewStage};

/// GitHub's own limit is unclear (65,536 is folklore); this is below every one that was measured.
const BODY_MAX_BYTES: usize = 60_000;
/// GitHub's limit for titles, in characters; bytes are never fewer.
const TITLE_MAX_BYTES: usize = 250;

pub(super) fn open_or_adopt(
    api: &mut Api<'_>,
    draft: &ReviewDraft,
) -> Result<ReviewHandle, ForgeError> {
    let pulls = of_branch(api, &draft.branch)?;
    if let Some(pull) = open_one(&pulls, draft) {
        return adopt(api, draft, pull.clone());
    }
    // The very same work was merged already: a second review of it would be empty.
    let same = |pull: &&Pull| pull.is_merged() && pull.head.sha == draft.head.as_str();
    if let Some(merged) = pulls.iter().find(same) {
        return Ok(handle(merged, true));
    }
    // Somebody closed the review of this work. To open another one would overrule that.
    if let Some(known) = pulls.iter().find(|pull| Some(pull.number) == draft.number) {
        return Ok(handle(known, true));
    }
    create(api, draft)
}

/// All pull requests of this branch of this repository, each once, newest first.
pub(super) fn of_branch(api: &mut Api<'_>, branch: &str) -> Result<Vec<Pull>, ForgeError> {
    let repo = &api.names.repo;
    let what = format!("cannot list the pull requests of {branch} in {repo}");
    // Always `owner:branch`: a bare branch is ignored as a filter.
    let head = encode(&format!("{}:{branch}", api.config.repo.owner()));
    let route = format!("/repos/{repo}/pulls?state=all&per_page=100&head={head}");
    let mut pulls: Vec<Pull> = api.get(&what, &route)?;
    // The filter is the forge's, the decision ours: it answers for forks and, once, for all.
    pulls.retain(|pull| pull.is_of(&api.names.repo, branch));
    pulls.sort_by_key(|pull| std::cmp::Reverse(pull.number));
    pulls.dedup_by_key(|pull| pull.number);
    Ok(pulls)
}

/// The open one to adopt: the one that is known, else one of the same base, else the oldest.
fn open_one<'a>(pulls: &'a [Pull], draft: &ReviewDraft) -> Option<&'a Pull> {
    let rank = |pull: &&Pull| {
        let known = Some(pull.number) == draft.number;
        (!known, pull.base.branch != draft.base_branch, pull.number)
    };
    pulls.iter().filter(|pull| pull.is_open()).min_by_key(rank)
}

fn handle(pull: &Pull, adopted: bool) -> ReviewHandle {
    ReviewHandle {
        number: Some(pull.number),
        url: pull.html_url.clone(),
        adopted,
    }
}

fn title_of(draft: &ReviewDraft) -> &str {
    head(&draft.title, TITLE_MAX_BYTES).trim_end()
}

fn adopt(api: &mut Api<'_>, draft: &ReviewDraft, pull: Pull) -> Result<ReviewHandle, ForgeError> {
    let pull = expect_head(api, draft, pull)?;
    let body = head(&draft.body, BODY_MAX_BYTES);
    let mut change = serde_json::Map::new();
    if pull.title.as_deref() != Some(title_of(draft)) {
        change.insert("title".into(), json!(title_of(draft)));
    }
    if !same_text(pull.body.as_deref().unwrap_or_default(), body) {
        change.insert("body".into(), json!(body));
    }
    if draft.rebase && pull.base.branch != draft.base_branch {
        change.insert("base".into(), json!(draft.base_branch));
    }
    if !change.is_empty() {
        update(api, &pull, change)?;
    }
    finish::again(api, draft, &pull)?;
    Ok(handle(&pull, true))
}

/// True if the forge shows `wanted`, or the half of it that a forge with a lower limit was given.
fn same_text(shown: &str, wanted: &str) -> bool {
    let plain = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
    let shown = plain(shown);
    shown == plain(wanted) || (!shown.is_empty() && shown == plain(head(wanted, wanted.len() / 2)))
}

/// The forge follows a push with a delay: looks once more, then says what it shows (I4).
fn expect_head(api: &mut Api<'_>, draft: &ReviewDraft, pull: Pull) -> Result<Pull, ForgeError> {
    if pull.head.sha == draft.head.as_str() {
        return Ok(pull);
    }
    let what = format!(
        "cannot adopt pull request #{} of {}",
        pull.number, api.names.repo
    );
    let route = format!("/repos/{}/pulls/{}", api.names.repo, pull.number);
    let answer = api.call(&what, Ask::GetLater, &route)?;
    if !answer.is_success() {
        return Err(refusal::refused(&what, &answer, api.names));
    }
    let again: Pull = parse(&what, &answer)?;
    if again.head.sha == draft.head.as_str() {
        return Ok(again);
    }
    Err(ForgeError::Unreachable {
        what,
        cause: format!(
            "it shows head {}, not {} as recorded: the forge is behind the push, or somebody else \
             pushed to {}; a later tick looks again",
            head(&again.head.sha, 10),
            draft.head.short(),
            draft.branch
        ),
    })
}

fn update(
    api: &mut Api<'_>,
    pull: &Pull,
    mut change: serde_json::Map<String, serde_json::Value>,
) -> Result<(), ForgeError> {
    let what = format!(
        "cannot update pull request #{} of {}",
        pull.number, api.names.repo
    );
    let route = format!("/repos/{}/pulls/{}", api.names.repo, pull.number);
    let mut answer = api.call(&what, Ask::Patch(&change.clone().into()), &route)?;
    if too_long(&answer) && halve(&mut change) {
        answer = api.call(&what, Ask::Patch(&change.into()), &route)?;
    }
    if answer.is_success() {
        return Ok(());
    }
    Err(refusal::refused(&what, &answer, api.names))
}

pub(super) fn too_long(answer: &refusal::Answer) -> bool {
    answer.status == 422 && refusal::unprocessable(answer) == Unprocessable::TooLong
}

/// Halves the body of a request; false if there is none.
fn halve(request: &mut serde_json::Map<String, serde_json::Value>) -> bool {
    let Some(serde_json::Value::String(body)) = request.get_mut("body") else {
        return false;
    };
    let half = head(body, body.len() / 2).to_owned();
    *body = half;
    true
}

fn create(api: &mut Api<'_>, draft: &ReviewDraft) -> Result<ReviewHandle, ForgeError> {
    let what = format!(
        "cannot open a pull request for {} in {}",
        draft.branch, api.names.repo
    );
    let route = format!("/repos/{}/pulls", api.names.repo);
    let mut request = serde_json::Map::new();
    request.insert("title".into(), json!(title_of(draft)));
    request.insert("head".into(), json!(draft.branch));
    request.insert("base".into(), json!(draft.base_branch));
    request.insert("body".into(), json!(head(&draft.body, BODY_MAX_BYTES)));
    request.insert(
        "draft".into(),
        json!(api.config.draft && draft.stage != ReviewStage::Ready),
    );
    let mut halved = false;
    loop {
        let sent = api.call(&what, Ask::Post(&request.clone().into()), &route);
        let answer = match sent {
            Ok(answer) => answer,
            // Unknown whether it happened.
            Err(error @ ForgeError::Unreachable { .. }) => return found_after(api, draft, error),
            Err(error) => return Err(error),
        };
        if answer.is_success() {
            return match parse::<Pull>(&what, &answer) {
                Ok(pull) => opened(api, draft, pull),
                Err(error) => found_after(api, draft, error),
            };
        }
        let kind = (answer.status == 422).then(|| refusal::unprocessable(&answer));
        match kind {
            Some(Unprocessable::DraftUnsupported) if request["draft"] == json!(true) => {
                request.insert("draft".into(), json!(false));
            }
            Some(Unprocessable::TooLong) if !halved => halved = halve(&mut request),
            Some(Unprocessable::Exists) => {
                let error = refusal::refused(&what, &answer, api.names);
                return found_after(api, draft, retryable(error));
            }
            _ => return Err(refusal::refused(&what, &answer, api.names)),
        }
    }
}

/// "It exists" without showing it passes by itself.
fn retryable(error: ForgeError) -> ForgeError {
    match error {
        ForgeError::Denied { what, cause } => ForgeError::Unreachable { what, cause },
        other => other,
    }
}

/// Lists again after a doubt: adopts what is there, or tells the doubt. Never creates.
fn found_after(
    api: &mut Api<'_>,
    draft: &ReviewDraft,
    doubt: ForgeError,
) -> Result<ReviewHandle, ForgeError> {
    match of_branch(api, &draft.branch) {
        Ok(pulls) => match open_one(&pulls, draft) {
            Some(pull) => adopt(api, draft, pull.clone()),
            None => Err(doubt),
        },
        Err(_) => Err(doubt),
    }
}

fn opened(api: &mut Api<'_>, draft: &ReviewDraft, pull: Pull) -> Result<ReviewHandle, ForgeError> {
    let pull = expect_head(api, draft, pull)?;
    finish::fresh(api, draft, &pull)?;
    Ok(handle(&pull, false))
}
