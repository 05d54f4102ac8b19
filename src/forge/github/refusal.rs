//! Refusals in plain sentences: what GitHub says → why, and the setting to change. Pure.
//!
//! The texts that are matched are GitHub's own, as seen in its answers; a text that is not known
//! is quoted, cut to one line. No sentence holds a token or a command.

use crate::domain::time::{DurationMs, Timestamp};
use crate::forge::github::answers::Problem;
use crate::forge::github::text::fragment;
use crate::ports::forge::ForgeError;

/// One HTTP answer, reduced to what is used.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The token, should it be echoed, is replaced already.
    pub(super) body: String,
    pub(super) retry_after_s: Option<u64>,
    pub(super) rate_limit: Option<u64>,
    pub(super) rate_remaining: Option<u64>,
    /// Seconds since the epoch.
    pub(super) rate_reset_s: Option<u64>,
    /// Permission that the call needs, as GitHub names it: `pull_requests=write`.
    pub(super) needs_permission: Option<String>,
    /// Scopes of a classic token that the call needs, and those that the token has.
    pub(super) needs_scopes: Option<String>,
    pub(super) has_scopes: Option<String>,
    /// Number of the last page of a listing, if there are more.
    pub(super) last_page: Option<u32>,
    /// Name of this state of what was read.
    pub(super) etag: Option<String>,
    /// Where a redirect points.
    pub(super) location: Option<String>,
}

/// What the sentences name.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// `owner/name`.
    pub(super) repo: String,
    /// The environment variable that holds the token.
    pub(super) token_env: String,
    /// The App that speaks, by its id, if it is one.
    pub(super) app: Option<String>,
}

impl Names {
    /// Whose rights count: `the token in GITHUB_TOKEN`, `the token of App 12`.
    pub(super) fn token(&self) -> String {
        match &self.app {
            Some(app) => format!("the token of App {app}"),
            None => format!("the token in {}", self.token_env),
        }
    }
}

/// Why a 422 came, where a choice depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unprocessable {
    Exists,
    DraftUnsupported,
    TooLong,
    NoCommits,
    HeadInvalid,
    BaseInvalid,
    NoCollaborator,
    NotGranted,
    Other,
}

impl Answer {
    pub(super) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// The message and all messages of its errors, in one line.
    fn says(&self) -> String {
        let Ok(problem) = serde_json::from_str::<Problem>(&self.body) else {
            return fragment(&self.body);
        };
        let mut parts: Vec<String> = problem.message.into_iter().collect();
        for error in problem.errors.iter().filter_map(|e| e.as_array()).flatten() {
            let field = |name: &str| error.get(name).and_then(|value| value.as_str());
            if let Some(text) = error.as_str().or_else(|| field("message")) {
                parts.push(text.to_owned());
            } else if let (Some(name), Some(code)) = (field("field"), field("code")) {
                parts.push(format!("{name} {code}"));
            }
        }
        fragment(&parts.join(": "))
    }
}

/// What a 422 means.
pub(super) fn unprocessable(answer: &Answer) -> Unprocessable {
    let says = answer.says().to_ascii_lowercase();
    let has = |needle: &str| says.contains(needle);
    if has("pull request already exists") {
        Unprocessable::Exists
    } else if has("draft pull requests are not supported") {
        Unprocessable::DraftUnsupported
    } else if has("too long") || has("too_long") {
        Unprocessable::TooLong
    } else if has("no commits between") {
        Unprocessable::NoCommits
    } else if has("head invalid") || has("head sha can't be blank") {
        Unprocessable::HeadInvalid
    } else if has("base invalid") || has("base sha can't be blank") {
        Unprocessable::BaseInvalid
    } else if has("reviews may only be requested from collaborators") {
        Unprocessable::NoCollaborator
    } else if has("permissions requested are not granted") {
        Unprocessable::NotGranted
    } else {
        Unprocessable::Other
    }
}

/// The error of an answer that is an error whatever was asked: limits, a refused token, a moved
/// repository, a broken server. `None` if the asker has to look.
pub(super) fn always(
    what: &str,
    answer: &Answer,
    names: &Names,
    now: Timestamp,
) -> Option<ForgeError> {
    let denied = |cause: String| {
        Some(ForgeError::Denied {
            what: what.to_owned(),
            cause,
        })
    };
    if let Some(limited) = limited(what, answer, now) {
        return Some(limited);
    }
    match answer.status {
        304 => Some(ForgeError::Unreachable {
            what: what.to_owned(),
            cause:
                "the forge says that nothing changed, but of nothing that is known; a later tick \
                    asks again"
                    .into(),
        }),
        300..=399 => denied(moved(names)),
        401 => denied(not_known(answer, names)),
        408 | 425 | 500..=599 => Some(ForgeError::Unreachable {
            what: what.to_owned(),
            cause: format!(
                "the forge answered {}; a later tick asks again",
                answer.status
            ),
        }),
        _ => None,
    }
}

/// The repository has another name now.
pub(super) fn moved(names: &Names) -> String {
    format!(
        "{} has moved or been renamed; set forge.repo, and the remote's URL, to its new name",
        names.repo
    )
}

fn not_known(answer: &Answer, names: &Names) -> String {
    let (env, says) = (&names.token_env, answer.says());
    match &names.app {
        Some(app) => format!(
            "App {app} is refused ({says}); check forge.app_id, that the key in {env} is one of that \
             App's, and this machine's clock"
        ),
        None => format!(
            "the token in {env} is refused ({says}); put a valid, unexpired token into {env} \
             (forge.token_env names the variable)"
        ),
    }
}

fn limited(what: &str, answer: &Answer, now: Timestamp) -> Option<ForgeError> {
    let says = answer.says();
    let lower = says.to_ascii_lowercase();
    // So says the limit of comments and pull requests in a minute.
    let too_quick = answer.status == 422 && lower.contains("submitted too quickly");
    if !matches!(answer.status, 403 | 429) && !too_quick {
        return None;
    }
    let exhausted = answer.rate_remaining == Some(0);
    let limit = answer.status == 429
        || answer.retry_after_s.is_some()
        || exhausted
        || too_quick
        || lower.contains("secondary rate limit")
        || lower.contains("abuse detection");
    // GitHub's rule: retry-after, else the reset of an exhausted quota, else at least a minute.
    let retry_at = match (answer.retry_after_s, answer.rate_reset_s) {
        (Some(seconds), _) => now.plus(DurationMs::secs(seconds)),
        (None, Some(reset_s)) if exhausted => Timestamp(reset_s.saturating_mul(1000)),
        (None, _) => now.plus(DurationMs::mins(1)),
    };
    limit.then(|| ForgeError::RateLimited {
        what: what.to_owned(),
        cause: format!(
            "it said {} ({says}); come back at {retry_at}",
            answer.status
        ),
        retry_at_ms: Some(retry_at.0),
    })
}

/// The error of a refusal that the asker cannot work around.
pub(super) fn refused(what: &str, answer: &Answer, names: &Names) -> ForgeError {
    let cause = match answer.status {
        403 => forbidden(answer, names),
        404 | 410 => missing(answer, names),
        422 => unprocessable_cause(answer, names),
        status => format!("the forge answered {status} ({})", answer.says()),
    };
    ForgeError::Denied {
        what: what.to_owned(),
        cause,
    }
}

fn forbidden(answer: &Answer, names: &Names) -> String {
    let says = answer.says();
    let lower = says.to_ascii_lowercase();
    let (env, token) = (&names.token_env, names.token());
    if lower.contains("not permitted to create or approve pull requests") {
        return format!(
            "GitHub Actions may not open pull requests in {}; switch on Settings > Actions > General > \
             Workflow permissions > \"Allow GitHub Actions to create and approve pull requests\" (the \
             organisation's setting overrides the repository's), or put an App's token into {env}",
            names.repo
        );
    }
    if lower.contains("saml") {
        return format!(
            "the organisation demands single sign-on for {token}; authorise that token for the \
             organisation in its owner's settings (Developer settings > Tokens > Configure SSO)"
        );
    }
    if lower.contains("workflow") && (lower.contains("permission") || lower.contains("scope")) {
        return format!(
            "the change touches .github/workflows, and {token} may not change workflows ({says}); leave \
             those files to a human, or give a classic token the scope `workflow` (an App: the permission \
             `workflows`)"
        );
    }
    if lower.contains("archived") {
        return format!(
            "{} is archived and so read-only; unarchive it first",
            names.repo
        );
    }
    if lower.contains("locked") {
        return format!("a human locked the conversation ({says}); unlock it, or leave it closed");
    }
    if lower.contains("rule violations") || lower.contains("protected branch") {
        return format!(
            "a rule of {} forbids it ({says}); let whoever runs fleet do this (Settings > Rules > \
             Rulesets, or Settings > Branches)",
            names.repo
        );
    }
    if lower.contains("ip allow list") {
        return format!(
            "the organisation's IP allow list does not name this machine ({says}); add its address there"
        );
    }
    if let Some(needs) = &answer.needs_permission {
        let needs = fragment(&needs.replace('_', "-").replace('=', ": "));
        let place = match names.app {
            Some(_) => "in the App's settings, and have its installation accept the change",
            None => "in a workflow: under `permissions:`",
        };
        return format!("{token} lacks a permission ({says}); give it `{needs}` ({place})");
    }
    if let Some(scopes) = missing_scopes(answer) {
        return format!("{token} lacks a scope ({says}); give it {scopes}");
    }
    format!(
        "{token} may not do this in {} ({says}); it needs read and write access to pull \
         requests and contents",
        names.repo
    )
}

fn missing(answer: &Answer, names: &Names) -> String {
    let scopes = missing_scopes(answer).map_or_else(
        || "may read it and write its pull requests (classic token: scope `repo`)".to_owned(),
        |scopes| format!("has {scopes}"),
    );
    format!(
        "the forge shows nothing there; check that forge.repo = \"{}\" is right and that {} {scopes}",
        names.repo,
        names.token()
    )
}

/// Scopes that a classic token lacks, if the answer tells.
fn missing_scopes(answer: &Answer) -> Option<String> {
    let has: Vec<&str> = answer
        .has_scopes
        .as_deref()?
        .split(',')
        .map(str::trim)
        .collect();
    let needs = answer.needs_scopes.as_deref()?;
    let needs: Vec<&str> = needs
        .split(',')
        .map(str::trim)
        .filter(|scope| !scope.is_empty())
        .collect();
    // Any one of the accepted scopes is enough.
    let lacks = !needs.is_empty() && !needs.iter().any(|scope| has.contains(scope));
    lacks.then(|| format!("the scope `{}`", fragment(&needs.join("` or `"))))
}

fn unprocessable_cause(answer: &Answer, names: &Names) -> String {
    let says = answer.says();
    match unprocessable(answer) {
        Unprocessable::Exists => format!(
            "the forge says that one exists already, but does not list it yet ({says}); a later tick \
             adopts it"
        ),
        Unprocessable::DraftUnsupported => {
            format!(
                "{} has no draft pull requests; set forge.draft = false",
                names.repo
            )
        }
        Unprocessable::TooLong => format!("the text is too long for the forge ({says})"),
        Unprocessable::NoCommits => format!(
            "the branch holds nothing that its base does not hold already ({says}); the work may be \
             merged"
        ),
        Unprocessable::HeadInvalid => format!(
            "the forge does not know the branch ({says}); check that the remote which is pushed to is \
             {}",
            names.repo
        ),
        Unprocessable::BaseInvalid => format!(
            "{} has no such base branch ({says}); set the base branch to one that exists there",
            names.repo
        ),
        Unprocessable::NoCollaborator => format!(
            "somebody in forge.reviewers has no access to {} ({says}); give it to them, or take them out",
            names.repo
        ),
        Unprocessable::NotGranted => format!(
            "the App's installation was not granted what its settings say ({says}); have its owner accept \
             the change"
        ),
        Unprocessable::Other => format!("the forge refuses the request ({says})"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Names, Unprocessable, refused, unprocessable};

    fn names() -> Names {
        Names {
            repo: "octo/hello".into(),
            token_env: "GITHUB_TOKEN".into(),
            app: None,
        }
    }

    #[test]
    fn a_missing_scope_is_named_only_if_none_of_the_accepted_ones_is_there() {
        let answer = |has: &str| Answer {
            status: 404,
            body: r#"{"message":"Not Found"}"#.into(),
            needs_scopes: Some("public_repo, repo".into()),
            has_scopes: Some(has.into()),
            ..Answer::default()
        };
        insta::assert_snapshot!(refused("cannot x", &answer("gist"), &names()), @r#"cannot x: the forge shows nothing there; check that forge.repo = "octo/hello" is right and that the token in GITHUB_TOKEN has the scope `public_repo` or `repo`"#);
        let fine = refused("cannot x", &answer("gist, repo"), &names()).to_string();
        assert!(fine.contains("scope `repo`)"), "{fine}");
        let forbidden = Answer {
            status: 403,
            ..answer("")
        };
        insta::assert_snapshot!(refused("cannot x", &forbidden, &names()), @"cannot x: the token in GITHUB_TOKEN lacks a scope (Not Found); give it the scope `public_repo` or `repo`");
    }

    #[test]
    fn each_known_422_is_told_apart_in_all_its_shapes() {
        let kind = |body: &str| {
            unprocessable(&Answer {
                status: 422,
                body: body.into(),
                ..Answer::default()
            })
        };
        let exists = r#"{"message":"Validation Failed","errors":[{"resource":"PullRequest","code":"custom","message":"A pull request already exists for o:b."}]}"#;
        assert_eq!(kind(exists), Unprocessable::Exists);
        let strings =
            r#"{"message":"Validation Failed","errors":["No commits between main and b"]}"#;
        assert_eq!(kind(strings), Unprocessable::NoCommits);
        let field =
            r#"{"message":"Validation Failed","errors":[{"field":"head","code":"invalid"}]}"#;
        assert_eq!(kind(field), Unprocessable::HeadInvalid);
        let long =
            r#"{"message":"Validation Failed","errors":[{"field":"body","code":"too_long"}]}"#;
        assert_eq!(kind(long), Unprocessable::TooLong);
        for other in ["", "<html>", "[]", r#"{"message":7}"#, r#"{"errors":"x"}"#] {
            assert_eq!(kind(other), Unprocessable::Other, "{other}");
        }
    }
}
