//! One exchange with a service: bounded in time and size, no redirects, no key in any text.

use std::time::Duration;

use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::domain::session::FailureClass;
use crate::domain::time::Timestamp;
use crate::ports::remote_session::Fate;

/// Longest wait for one answer.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// Largest answer that is read.
const ANSWER_MAX_BYTES: usize = 16 << 20;
/// Most bytes of an answer that a message repeats.
const SHOWN_BYTES: usize = 300;
/// Rest after a refusal that names no time.
const REST_MS: u64 = 60_000;

/// How a request proves who asks.
#[derive(Clone)]
pub(super) enum Credential {
    /// Nothing is asked for.
    None,
    /// `X-Goog-Api-Key`.
    ApiKey(SecretString),
    /// HTTP basic authentication.
    Basic {
        /// User name.
        user: String,
        /// Password.
        password: SecretString,
    },
}

/// A request.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
    pub(super) credential: &'a Credential,
    pub(super) now: Timestamp,
    /// How long it may take.
    pub(super) within: Duration,
}

/// What went wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The service has no such thing.
    NotFound,
    /// The service refused, and says so: nothing happened.
    Refused {
        class: FailureClass,
        cause: String,
        until: Option<Timestamp>,
    },
    /// No whole answer, or one that says that the service failed: what happened is not known.
    Lost { cause: String },
}

impl Trouble {
    /// What became of a request that was to change something.
    pub(super) const fn fate(&self) -> Fate {
        match self {
            Self::NotFound => Fate::Refused {
                class: FailureClass::AgentError,
                until: None,
            },
            Self::Refused { class, until, .. } => Fate::Refused {
                class: *class,
                until: *until,
            },
            Self::Lost { .. } => Fate::Unknown,
        }
    }

    pub(super) fn cause(&self) -> String {
        match self {
            Self::NotFound => "it knows no such thing".to_owned(),
            Self::Refused { cause, .. } | Self::Lost { cause } => cause.clone(),
        }
    }

    pub(super) const fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Refused { until, .. } => *until,
            Self::NotFound | Self::Lost { .. } => None,
        }
    }
}

/// Asks, and gives the answer as JSON; an empty answer is `null`.
pub(super) fn exchange(ask: &Ask<'_>) -> Result<Value, Trouble> {
    let lost = |cause: &str| Trouble::Lost {
        cause: cause.to_owned(),
    };
    // An error means that a provider is installed already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|_| lost("no runtime can be started"))?;
    let answer = runtime.block_on(async {
        let limit = tokio::time::timeout(ask.within, send(ask));
        limit.await.unwrap_or_else(|_| {
            let ms = ask.within.as_millis();
            Err(lost(&format!("no answer within {ms} ms")))
        })
    });
    let (status, retry_after, body) = answer?;
    judge(ask, status, retry_after, &body)
}

async fn send(ask: &Ask<'_>) -> Result<(u16, Option<String>, Vec<u8>), Trouble> {
    let lost = |error: reqwest::Error| Trouble::Lost {
        cause: way(&error).to_owned(),
    };
    let mut client = reqwest::Client::builder()
        .timeout(ask.within)
        // A redirect would carry the key on: it is reported instead.
        .redirect(reqwest::redirect::Policy::none());
    if ask.url.starts_with("http://") {
        // This machine itself: nothing to verify, and no proxy in between.
        client = client.no_proxy().tls_certs_only([]);
    }
    let client = client.build().map_err(lost)?;
    let mut request = client.request(ask.method.clone(), &ask.url);
    let pairs: Vec<String> = ask
        .query
        .iter()
        .map(|(name, value)| format!("{name}={}", escaped(value)))
        .collect();
    if !pairs.is_empty() {
        request = client.request(
            ask.method.clone(),
            format!("{}?{}", ask.url, pairs.join("&")),
        );
    }
    request = match ask.credential {
        Credential::None => request,
        Credential::ApiKey(key) => request.header("X-Goog-Api-Key", key.expose_secret()),
        Credential::Basic { user, password } => {
            request.basic_auth(user, Some(password.expose_secret()))
        }
    };
    if let Some(body) = &ask.body {
        request = request.json(body);
    }
    let mut response = request.send().await.map_err(lost)?;
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get("retry-after")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > ANSWER_MAX_BYTES {
            return Err(Trouble::Lost {
                cause: format!("its answer is larger than {ANSWER_MAX_BYTES} bytes"),
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, retry_after, body))
}

/// A text as part of a URL.
pub(super) fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// What broke on the way, without addresses.
fn way(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection; is it running, and is `base_url` right?"
    } else if error.is_builder() {
        "no request can be made for it; look at `base_url` and the key"
    } else {
        "the answer broke off"
    }
}

fn judge(
    ask: &Ask<'_>,
    status: u16,
    retry_after: Option<String>,
    body: &[u8],
) -> Result<Value, Trouble> {
    if (200..300).contains(&status) {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        return serde_json::from_slice(body).map_err(|_| Trouble::Lost {
            cause: "its answer is no JSON".to_owned(),
        });
    }
    let said = said(body);
    let refused = |class, hint: &str, until| Trouble::Refused {
        class,
        cause: format!("HTTP {status}{hint}{said}"),
        until,
    };
    Err(match status {
        404 => Trouble::NotFound,
        401 | 403 => refused(
            FailureClass::AgentError,
            ": the key is missing or refused",
            None,
        ),
        429 => {
            let rest = retry_after
                .and_then(|text| text.trim().parse::<u64>().ok())
                .map_or(REST_MS, |seconds| seconds.saturating_mul(1000));
            let until = Timestamp(ask.now.0.saturating_add(rest));
            refused(
                FailureClass::RateLimited,
                ": its rate limit is reached",
                Some(until),
            )
        }
        408 | 500..=599 => Trouble::Lost {
            cause: format!("HTTP {status}{said}"),
        },
        300..=399 => refused(
            FailureClass::AgentError,
            ": it redirects; set `base_url` to where it is",
            None,
        ),
        _ => refused(FailureClass::AgentError, "", None),
    })
}

/// The message of an error answer, bounded.
fn said(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let text = ["/error/message", "/data/message", "/message"]
        .iter()
        .find_map(|path| value.pointer(path)?.as_str())
        .unwrap_or("");
    if text.is_empty() {
        return String::new();
    }
    format!(": {}", cut(text, SHOWN_BYTES))
}

/// The beginning of a text, at most `max` bytes, on one line.
pub(super) fn cut(text: &str, max: usize) -> String {
    let one = text.split_whitespace().collect::<Vec<_>>().join(" ");
    bounded(&one, max).to_owned()
}

/// At most `max` bytes of a text.
pub(super) fn bounded(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
