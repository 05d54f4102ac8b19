//! The HTTP client: octocrab on reqwest, one exchange at a time, and what may go wrong on the way.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::runtime::Runtime;

use crate::domain::time::DurationMs;
use crate::forge::github::GitHubConfig;
use crate::forge::github::api::Ask;
use crate::forge::github::refusal::Answer;
use crate::forge::github::text::fragment;

/// Largest answer that is read.
const ANSWER_MAX_BYTES: u64 = 32 << 20;

/// Largest text that is read from where a redirect points, and what is kept of it: its end.
const ELSEWHERE_MAX_BYTES: usize = 64 << 20;
const ELSEWHERE_KEPT_BYTES: usize = 4 << 20;

/// octocrab with one token, and the runtime that its requests run on.
pub(super) struct Client {
    pub(super) runtime: Runtime,
    pub(super) token: SecretString,
    octocrab: octocrab::Octocrab,
    /// The same where GraphQL has another base than REST.
    graphql: Option<octocrab::Octocrab>,
    /// Without any token.
    bare: reqwest::Client,
}

/// An answer without its body.
pub(super) struct Head {
    pub(super) answer: Answer,
    pub(super) date: Option<String>,
}

impl Client {
    /// Waits for `work`, also inside somebody else's runtime. `None` if it broke down.
    pub(super) fn wait<T: Send>(&self, work: impl Future<Output = T> + Send) -> Option<T> {
        // On a thread of its own where a runtime runs already: one cannot wait inside another.
        if tokio::runtime::Handle::try_current().is_ok() {
            std::thread::scope(|scope| scope.spawn(|| self.runtime.block_on(work)).join()).ok()
        } else {
            Some(self.runtime.block_on(work))
        }
    }

    pub(super) async fn exchange(
        &self,
        ask: Ask<'_>,
        route: &str,
        etag: Option<&str>,
    ) -> octocrab::Result<(Head, String)> {
        let octocrab = &self.octocrab;
        let graphql = self.graphql.as_ref().unwrap_or(octocrab);
        let response = match ask {
            Ask::Get | Ask::GetFresh | Ask::GetLater | Ask::GetElsewhere => {
                let mut headers = HeaderMap::new();
                if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
                    headers.insert(IF_NONE_MATCH, etag);
                }
                octocrab._get_with_headers(route, Some(headers)).await?
            }
            Ask::Post(body) => octocrab._post(route, Some(body)).await?,
            Ask::Patch(body) => octocrab._patch(route, Some(body)).await?,
            Ask::Query(body) | Ask::Mutate(body) => graphql._post("/graphql", Some(body)).await?,
        };
        let head = head_of(response.status().as_u16(), response.headers());
        let length = response.headers().get("content-length");
        let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > ANSWER_MAX_BYTES) {
            return Ok((head, String::new()));
        }
        let body = octocrab.body_to_string(response).await?;
        Ok((head, body))
    }

    /// The end of the text at `url`, which is asked for without any token, once.
    ///
    /// # Errors
    /// A sentence: not https (or this machine), no answer, another status than 200.
    pub(super) async fn fetch_elsewhere(
        &self,
        url: &str,
        limit: Duration,
    ) -> Result<Vec<u8>, String> {
        guard_base(url).map_err(|_| "its text is at an address that is not https".to_owned())?;
        let fetch = async {
            let mut response = self.bare.get(url).send().await.map_err(|_| "no answer")?;
            if response.status().as_u16() != 200 {
                return Err("not there any more");
            }
            let (mut kept, mut read) = (Vec::new(), 0_usize);
            while let Some(chunk) = response.chunk().await.map_err(|_| "cut off")? {
                read = read.saturating_add(chunk.len());
                kept.extend_from_slice(&chunk);
                if kept.len() > 2 * ELSEWHERE_KEPT_BYTES {
                    kept.drain(..kept.len() - ELSEWHERE_KEPT_BYTES);
                }
                if read > ELSEWHERE_MAX_BYTES {
                    break;
                }
            }
            Ok(kept)
        };
        match tokio::time::timeout(limit, fetch).await {
            Ok(read) => read.map_err(str::to_owned),
            Err(_) => Err(late(limit)),
        }
    }
}

pub(super) fn head_of(status: u16, headers: &HeaderMap) -> Head {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
    let number = |name: &str| text(name)?.trim().parse::<u64>().ok();
    let answer = Answer {
        status,
        body: String::new(),
        retry_after_s: number("retry-after"),
        rate_limit: number("x-ratelimit-limit"),
        rate_remaining: number("x-ratelimit-remaining"),
        rate_reset_s: number("x-ratelimit-reset"),
        needs_permission: text("x-accepted-github-permissions"),
        needs_scopes: text("x-accepted-oauth-scopes"),
        has_scopes: text("x-oauth-scopes"),
        last_page: text("link").as_deref().and_then(last_page),
        etag: text("etag"),
        location: text("location"),
    };
    Head {
        answer,
        date: text("date"),
    }
}

/// The page of `rel="last"` in a `Link` header.
fn last_page(link: &str) -> Option<u32> {
    let last = link.split(',').find(|part| part.contains("rel=\"last\""))?;
    let url = last.split(['<', '>']).nth(1)?;
    let (_, query) = url.split_once('?')?;
    let page = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("page="))?;
    page.parse().ok()
}

/// A client that shows `token`. The runtime of one that it takes the place of is kept.
pub(super) fn build(
    config: &GitHubConfig,
    token: &SecretString,
    before: Option<Client>,
) -> Result<Client, String> {
    let base = config.api_base.trim_end_matches('/');
    let loopback = guard_base(base)?;
    let (runtime, bare) = match before {
        Some(before) => (before.runtime, before.bare),
        None => (runtime()?, bare(base, loopback, config.timeout)?),
    };
    let inside = runtime.enter();
    let of = |base: &str| {
        octocrab::Octocrab::builder()
            .base_uri(base)
            .map_err(|_| format!("forge.base_url = \"{}\" is no URL", fragment(base)))?
            .personal_token(token.clone())
            .build_with_reqwest(bare.clone())
            .map_err(|_| "no GitHub client can be built".to_owned())
    };
    let octocrab = of(base)?;
    // GitHub Enterprise Server: REST at /api/v3, GraphQL at /api/graphql.
    let graphql = base.strip_suffix("/v3").map(of).transpose()?;
    drop(inside);
    Ok(Client {
        runtime,
        token: token.clone(),
        octocrab,
        graphql,
        bare,
    })
}

fn runtime() -> Result<Runtime, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime can be started: {error}"))
}

fn bare(base: &str, loopback: bool, timeout: DurationMs) -> Result<reqwest::Client, String> {
    // An error means that a provider is installed already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut http = reqwest::Client::builder()
        .timeout(timeout.std())
        // A redirect would carry the token on, or turn a POST into a GET: it is reported instead.
        .redirect(reqwest::redirect::Policy::none());
    if loopback {
        http = http.no_proxy();
    }
    if base.starts_with("http://") {
        // Nothing to verify: do not load the roots.
        http = http.tls_certs_only([]);
    }
    http.build()
        .map_err(|_| "no HTTP client can be built".to_owned())
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
pub(super) fn seen(error: &octocrab::Error, limit: Duration, secrets: &[SecretString]) -> String {
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
    let text = scrub(&deepest.to_string(), secrets);
    let text = text.split(" (os error").next().unwrap_or_default();
    format!(
        "no whole answer ({}); a later tick finds out what happened",
        fragment(text)
    )
}

/// Takes tokens out of a text that came from outside.
pub(super) fn scrub(text: &str, secrets: &[SecretString]) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        let secret = secret.expose_secret();
        if !secret.is_empty() && text.contains(secret) {
            text = text.replace(secret, "[token]");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::last_page;

    #[test]
    fn the_last_page_of_a_listing_is_read_from_its_links() {
        let link = "<https://api.github.com/repositories/1/issues?per_page=3&page=2>; rel=\"next\", \
                    <https://api.github.com/repositories/1/issues?per_page=3&page=5>; rel=\"last\"";
        assert_eq!(last_page(link), Some(5));
        for other in [
            "",
            "<>; rel=\"last\"",
            "<https://x?page=q>; rel=\"last\"",
            "rel=\"last\"",
        ] {
            assert_eq!(last_page(other), None, "{other}");
        }
    }
}
