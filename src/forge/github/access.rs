//! Whose rights are used: a token that is given, or one that an App buys with its key.
//!
//! An App's token is for this one repository, with the permissions that are needed and no others,
//! lives in memory only, and is bought anew before it ends. The key goes nowhere: what is sent is
//! a proof that was signed with it.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::domain::time::{DurationMs, Timestamp};
use crate::forge::github::AppConfig;
use crate::forge::github::api::{Api, Ask, denied, parse};
use crate::forge::github::client;
use crate::forge::github::jwt;
use crate::forge::github::refusal::{self, Answer};
use crate::ports::forge::ForgeError;

/// A token that ends within this is not used any more.
const RENEW_BEFORE: DurationMs = DurationMs::mins(5);
/// A clock that is off by more than this may be why a proof is refused.
const SKEW_MS: i64 = 30_000;

/// What an App's token is asked for: permission, most of it, and whether fleet is useless without.
const WANTED: &[(&str, &str, bool)] = &[
    ("pull_requests", "write", true),
    ("issues", "write", false),
    ("contents", "read", false),
    ("checks", "read", false),
    ("statuses", "read", false),
    ("actions", "read", false),
    ("members", "read", false),
    ("administration", "read", false),
    ("metadata", "read", false),
];

#[derive(Deserialize)]
struct Installation {
    id: u64,
    #[serde(default)]
    permissions: BTreeMap<String, String>,
    suspended_at: Option<String>,
}

#[derive(Deserialize)]
struct Bought {
    token: String,
    expires_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// Makes sure that there is a client with a token that is good for a while.
pub(super) fn ensure(api: &mut Api<'_>, what: &str) -> Result<(), ForgeError> {
    let now = api.clock.now();
    let ends = |until: Timestamp| until <= now.plus(RENEW_BEFORE);
    if api.session.client.is_some() && !api.session.token_until.is_some_and(ends) {
        return Ok(());
    }
    let Some(app) = api.config.app.clone() else {
        let token = api.config.token.clone();
        check(api, what, &token)?;
        return show(api, what, token);
    };
    let mut bought = buy(api, what, &app);
    // A proof from a clock that is off is refused; what it is off by is known then.
    if matches!(bought, Err(ForgeError::Denied { .. })) && api.session.ahead_ms.abs() > SKEW_MS {
        bought = buy(api, what, &app);
    }
    if bought.is_err() {
        // Else the next call would show the proof where a token belongs.
        if let Some(client) = api.session.client.take() {
            client.runtime.shutdown_background();
        }
    }
    bought
}

/// A token that is none is said before anything is sent. octocrab panics on one that is no header.
fn check(api: &Api<'_>, what: &str, token: &SecretString) -> Result<(), ForgeError> {
    let env = &api.names.token_env;
    let token = token.expose_secret();
    if token.is_empty() {
        let cause =
            format!("there is no token; put one into {env} (forge.token_env names the variable)");
        return Err(denied(what, cause));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let cause = format!(
            "the token in {env} holds blanks, line ends or other characters that no token has; store it again"
        );
        return Err(denied(what, cause));
    }
    Ok(())
}

/// Has the client show `token` from now on.
fn show(api: &mut Api<'_>, what: &str, token: SecretString) -> Result<(), ForgeError> {
    let before = api.session.client.take();
    let client = client::build(api.config, &token, before).map_err(|cause| denied(what, cause))?;
    api.session.client = Some(client);
    api.session.secrets.push(token);
    Ok(())
}

fn buy(api: &mut Api<'_>, what: &str, app: &AppConfig) -> Result<(), ForgeError> {
    if app.key.expose_secret().trim().is_empty() {
        let cause = format!(
            "there is no key of App {} in {}; store its private key there (forge.app_key_env or \
             forge.app_key_file)",
            app.id, app.key_place
        );
        return Err(denied(what, cause));
    }
    // The forge's clock counts; by what this one is off is not known before the first answer.
    let now = Timestamp(
        api.clock
            .now()
            .0
            .saturating_add_signed(-api.session.ahead_ms),
    );
    let proof = jwt::sign(&app.id, &app.key, now)
        .map_err(|cause| denied(what, format!("the App's key in {} {cause}", app.key_place)))?;
    api.session.token_until = None;
    show(api, what, proof)?;
    let installation = installation(api, app)?;
    let wanted = wanted(api, app, &installation)?;
    let what = format!(
        "cannot get a token of App {} for {}",
        app.id, api.names.repo
    );
    let route = format!("/app/installations/{}/access_tokens", installation.id);
    let request = json!({ "repositories": [api.config.repo.name()], "permissions": wanted });
    let answer = api.exchange(&what, Ask::Post(&request), &route)?;
    if !answer.is_success() {
        return Err(refusal::refused(&what, &answer, api.names));
    }
    let bought: Bought = parse(&what, &answer)?;
    let token = SecretString::from(bought.token);
    check(api, &what, &token)?;
    show(api, &what, token)?;
    let until = bought.expires_at.map(|at| at.timestamp_millis());
    api.session.token_until = until.and_then(|ms| u64::try_from(ms).ok()).map(Timestamp);
    Ok(())
}

fn installation(api: &mut Api<'_>, app: &AppConfig) -> Result<Installation, ForgeError> {
    let repo = api.names.repo.clone();
    let what = format!("cannot find where App {} is installed for {repo}", app.id);
    let route = match app.installation_id {
        Some(id) => format!("/app/installations/{id}"),
        None => format!("/repos/{repo}/installation"),
    };
    let answer = api.exchange(&what, Ask::Get, &route)?;
    match answer.status {
        404 | 410 if app.installation_id.is_some() => Err(denied(
            &what,
            "the forge does not know that installation; correct forge.installation_id, or leave it \
             out to have it looked up"
                .into(),
        )),
        404 | 410 => Err(denied(
            &what,
            format!(
                "it is not installed there; install the App for {repo} (its settings > Install App)"
            ),
        )),
        _ if answer.is_success() => parse(&what, &answer),
        _ => Err(refused(&what, &answer, api)),
    }
}

fn refused(what: &str, answer: &Answer, api: &Api<'_>) -> ForgeError {
    refusal::refused(what, answer, api.names)
}

/// What to ask for: no more than is needed, and no more than was granted, which would be refused.
fn wanted(
    api: &mut Api<'_>,
    app: &AppConfig,
    installation: &Installation,
) -> Result<BTreeMap<&'static str, &'static str>, ForgeError> {
    let what = format!("cannot use App {} for {}", app.id, api.names.repo);
    if installation.suspended_at.is_some() {
        let cause =
            "its installation is suspended; its owner can unsuspend it (Settings > GitHub Apps)";
        return Err(denied(&what, cause.into()));
    }
    let mut wanted = BTreeMap::new();
    for (name, most, must) in WANTED {
        match installation.permissions.get(*name).map(String::as_str) {
            Some("write" | "admin") => wanted.insert(*name, *most),
            Some("read") if !must => wanted.insert(*name, "read"),
            _ if *must => {
                let shown = name.replace('_', " ");
                let cause = format!(
                    "it lacks the permission to {most} {shown}; give it that in the App's settings \
                     (Permissions), and have its installation accept the change"
                );
                return Err(denied(&what, cause));
            }
            _ => None,
        };
    }
    Ok(wanted)
}
