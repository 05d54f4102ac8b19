//! The HTTP client: octocrab on reqwest, one exchange at a time, and what may go wrong on the way.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::runtime::Runtime;

use crate::domain::time::DurationMs;
use crate::forge::github::GitHubConfig;
use crate::forge::github::api::Ask;
use crate::forge::github::refusal::{Answer, Names};
use crate::forge::github::text::fragment;

/// Largest answer that is read.
const ANSWER_MAX_BYTES: u64 = 32 << 20;

/// octocrab, and the runtime that its requests run on.
pub(super) struct Client {
    pub(super) runtime: Runtime,
    pub(super) octocrab: octocrab::Octocrab,
}

/// An answer without its body.
pub(super) struct Head {
    pub(super) answer: Answer,
    pub(super) date: Option<String>,
}

pub(super) async fn exchange(
    octocrab: &octocrab::Octocrab,
    ask: Ask<'_>,
    route: &str,
) -> octocrab::Result<(Head, String)> {
    let response = match ask {
        Ask::Get | Ask::GetLater => octocrab._get(route).await?,
        Ask::Post(body) => octocrab._post(route, Some(body)).await?,
        Ask::Patch(body) => octocrab._patch(route, Some(body)).await?,
    };
    let text = |name: &str| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let number = |name: &str| text(name)?.trim().parse::<u64>().ok();
    let answer = Answer {
        status: response.status().as_u16(),
        body: String::new(),
        retry_after_s: number("retry-after"),
        rate_limit: number("x-ratelimit-limit"),
        rate_remaining: number("x-ratelimit-remaining"),
        rate_reset_s: number("x-ratelimit-reset"),
        needs_permission: text("x-accepted-github-permissions"),
        needs_scopes: text("x-accepted-oauth-scopes"),
        has_scopes: text("x-oauth-scopes"),
    };
    let date = text("date");
    let head = Head { answer, date };
    if number("content-length").is_some_and(|length| length > ANSWER_MAX_BYTES) {
        return Ok((head, String::new()));
    }
    let body = octocrab.body_to_string(response).await?;
    Ok((head, body))
}

pub(super) fn build(config: &GitHubConfig, names: &Names) -> Result<Client, String> {
    let token = config.token.expose_secret();
    let env = &names.token_env;
    if token.is_empty() {
        return Err(format!(
            "there is no token; put one into {env} (forge.token_env names the variable)"
        ));
    }
    // octocrab panics on a token that is no header value.
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "the token in {env} holds blanks, line ends or other characters that no token has; store it again"
        ));
    }
    let base = config.api_base.trim_end_matches('/');
    let loopback = guard_base(base)?;
    // An error means that a provider is installed already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime can be started: {error}"))?;
    let mut http = reqwest::Client::builder()
        .timeout(config.timeout.std())
        // A redirect would carry the token on, or turn a POST into a GET: it is reported instead.
        .redirect(reqwest::redirect::Policy::none());
    if loopback {
        http = http.no_proxy();
    }
    if base.starts_with("http://") {
        // Nothing to verify: do not load the roots.
        http = http.tls_certs_only([]);
    }
    let http = http
        .build()
        .map_err(|_| "no HTTP client can be built".to_owned())?;
    let inside = runtime.enter();
    let octocrab = octocrab::Octocrab::builder()
        .base_uri(base)
        .map_err(|_| format!("forge.base_url = \"{}\" is no URL", fragment(base)))?
        .personal_token(config.token.clone())
        .build_with_reqwest(http)
        .map_err(|_| "no GitHub client can be built".to_owned())?;
    drop(inside);
    Ok(Client { runtime, octocrab })
}

/// Refuses to send the token unencrypted over a network. True for this machine itself.
fn guard_base(base: &str) -> Result<bool, String> {
    let shown = || fragment(base.rsplit('@').next().unwrap_or(base));
    let Some((scheme, rest)) = base.split_once("://") else {
        return Err(format!("forge.base_url = \"{}\" is no URL", shown()));
    };
    let authority = rest.split('/').next().unwrap_or(rest);
    if authority.contains('@') || authority.is_empty() {
        return Err(format!(
            "forge.base_url for \"{}\" is `https://host`, without a user name",
            shown()
        ));
    }
    let host = if authority.starts_with('[') {
        authority
            .split(']')
            .next()
            .unwrap_or(authority)
            .trim_start_matches('[')
    } else {
        authority.split(':').next().unwrap_or(authority)
    };
    let address = host.parse::<std::net::IpAddr>();
    let loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    match scheme {
        "https" => Ok(loopback),
        "http" if loopback => Ok(true),
        _ => Err(format!(
            "forge.base_url = \"{}\" would send the token unencrypted; use https",
            shown()
        )),
    }
}

pub(super) fn late(limit: Duration) -> String {
    format!(
        "no answer within {} ms; a later tick finds out what happened",
        DurationMs(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)).0
    )
}

/// What went wrong on the way, without addresses or headers.
pub(super) fn seen(error: &octocrab::Error, limit: Duration, token: &SecretString) -> String {
    let mut deepest: &(dyn std::error::Error + 'static) = error;
    while let Some(next) = deepest.source() {
        if deepest
            .downcast_ref::<reqwest::Error>()
            .is_some_and(reqwest::Error::is_timeout)
        {
            return late(limit);
        }
        deepest = next;
    }
    let text = scrub(&deepest.to_string(), token);
    let text = text.split(" (os error").next().unwrap_or_default();
    format!(
        "no whole answer ({}); a later tick finds out what happened",
        fragment(text)
    )
}

/// Takes the token out of a text that came from outside.
pub(super) fn scrub(text: &str, token: &SecretString) -> String {
    let token = token.expose_secret();
    if token.is_empty() || !text.contains(token) {
        return text.to_owned();
    }
    text.replace(token, "[token]")
}
