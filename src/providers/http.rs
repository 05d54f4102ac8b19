//! One HTTP exchange: reqwest on a runtime of its own thread, told step by step over a channel.
//!
//! The runtime lives as long as its [`Line`], so that connections are kept between calls, and one
//! thread serves any number of calls.

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::domain::provider::CallLimits;
use crate::ports::model::ModelTrouble;
use crate::providers::trouble::{Trouble, quote};
use crate::providers::waits::Headers;

/// Largest body of a refusal that is read.
const REFUSAL_MAX_BYTES: u64 = 64 << 10;

/// What is sent.
pub(super) struct Sent {
    pub(super) url: String,
    /// The key's header is marked as such.
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
}

/// What is told of an exchange, in this order: one head, any number of bytes, one end.
pub(super) enum Told {
    Head { status: u16, headers: Headers },
    Bytes(Vec<u8>),
    End,
    Broken(Trouble),
}

/// An exchange under way; dropping it ends it.
pub(super) struct Exchange {
    pub(super) told: mpsc::Receiver<Told>,
    task: Option<JoinHandle<()>>,
}

impl Exchange {
    /// All that matters is read. The end of the body is read without anybody waiting for it, so
    /// that the connection can be used again.
    pub(super) fn release(mut self) {
        self.task = None;
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// The runtime's thread. Dropping it ends the thread.
struct Runtime {
    handle: Handle,
    _stop: oneshot::Sender<()>,
}

/// The way out to one address.
pub(super) struct Line {
    client: reqwest::Client,
    limits: CallLimits,
    runtime: Mutex<Option<Runtime>>,
}

impl Line {
    /// A client for one base address. Proxies come from the environment (`HTTPS_PROXY`,
    /// `ALL_PROXY`, `NO_PROXY`), except for this machine.
    pub(super) fn new(base_url: &str, limits: CallLimits) -> Result<Self, Trouble> {
        // An error means that a provider is installed already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = reqwest::Client::builder()
            .connect_timeout(limits.connect.std())
            .user_agent(concat!("fleet/", env!("CARGO_PKG_VERSION")))
            // A redirect would carry key and prompt to somebody else.
            .redirect(reqwest::redirect::Policy::none());
        if is_here(base_url) {
            builder = builder.no_proxy();
        }
        if base_url.starts_with("http://") {
            // Nothing to verify: do not load the roots.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| {
            Trouble::new(
                ModelTrouble::Network,
                format!("no HTTP client can be built ({})", deepest(&error)),
            )
        })?;
        Ok(Self {
            client,
            limits,
            runtime: Mutex::new(None),
        })
    }

    fn handle(&self) -> Result<Handle, Trouble> {
        let mut slot = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*slot {
            return Ok(runtime.handle.clone());
        }
        let failed = |what: String| Trouble::new(ModelTrouble::Network, what).lasting();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(format!("no runtime can be started ({error})")))?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        std::thread::Builder::new()
            .name("fleet-models".to_owned())
            .spawn(move || {
                // Ends when the sender is dropped.
                let _ = runtime.block_on(stopped);
            })
            .map_err(|error| failed(format!("no thread can be started ({error})")))?;
        *slot = Some(Runtime {
            handle: handle.clone(),
            _stop: stop,
        });
        Ok(handle)
    }

    /// Begins an exchange.
    pub(super) fn begin(&self, sent: Sent) -> Result<Exchange, Trouble> {
        let handle = self.handle()?;
        let mut request = match sent.body {
            None => self.client.get(&sent.url),
            Some(body) => self.client.post(&sent.url).body(body),
        };
        request = request.headers(sent.headers);
        let limits = self.limits;
        let (tell, told) = mpsc::channel();
        let task = handle.spawn(async move {
            let whole = timeout(limits.total.std(), exchange(request, limits, &tell)).await;
            let last = match whole {
                Ok(Ok(())) => Told::End,
                Ok(Err(trouble)) => Told::Broken(trouble),
                Err(_) => Told::Broken(late("no whole answer", limits.total.std())),
            };
            // Nobody listens any more if the call was given up.
            drop(tell.send(last));
        });
        Ok(Exchange {
            told,
            task: Some(task),
        })
    }
}

async fn exchange(
    request: reqwest::RequestBuilder,
    limits: CallLimits,
    tell: &mpsc::Sender<Told>,
) -> Result<(), Trouble> {
    let first = limits.first_byte.std();
    let mut response = timeout(first, request.send())
        .await
        .map_err(|_| late("no answer", first))?
        .map_err(|error| broken(&error))?;
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect();
    let most = if response.status().is_success() {
        limits.max_answer_bytes
    } else {
        REFUSAL_MAX_BYTES
    };
    let fine = response.status().is_success();
    drop(tell.send(Told::Head { status, headers }));
    let mut read: u64 = 0;
    let mut wait = first;
    loop {
        let piece = timeout(wait, response.chunk())
            .await
            .map_err(|_| late("nothing more of its answer", wait))?
            .map_err(|error| broken(&error))?;
        let Some(piece) = piece else { return Ok(()) };
        wait = limits.idle.std();
        read = read.saturating_add(piece.len() as u64);
        if read > most {
            if !fine {
                // What is read tells enough.
                return Ok(());
            }
            return Err(Trouble::protocol(format!(
                "its answer is larger than {most} bytes (max_answer)"
            ))
            .lasting());
        }
        if tell.send(Told::Bytes(piece.to_vec())).is_err() {
            return Ok(());
        }
    }
}

fn late(what: &str, limit: Duration) -> Trouble {
    Trouble::new(
        ModelTrouble::Network,
        format!("{what} within {} ms", limit.as_millis()),
    )
}

/// What broke on the way, without the address.
fn broken(error: &reqwest::Error) -> Trouble {
    let what = if error.is_connect() {
        "it cannot be reached"
    } else if error.is_timeout() {
        "no answer in time"
    } else {
        "the connection broke"
    };
    Trouble::new(
        ModelTrouble::Network,
        format!("{what} ({})", deepest(error)),
    )
}

fn deepest(error: &reqwest::Error) -> String {
    let mut at: &(dyn std::error::Error + 'static) = error;
    while let Some(next) = at.source() {
        at = next;
    }
    if error.source().is_none() {
        return "no reason given".to_owned();
    }
    let text = at.to_string();
    quote(text.split(" (os error").next().unwrap_or(&text))
}

/// A header map of names and values; the key is hidden from every debug text.
pub(super) fn header_map<'h>(
    plain: impl Iterator<Item = (&'h str, &'h str)>,
    key: Option<(&'static str, &str)>,
) -> Result<HeaderMap, Trouble> {
    let bad = || Trouble::new(ModelTrouble::Invalid, "a configured header cannot be sent");
    let mut map = HeaderMap::new();
    for (name, value) in plain {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        map.insert(name, HeaderValue::from_str(value).map_err(|_| bad())?);
    }
    if let Some((name, value)) = key {
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            let what = "its key holds line ends or other characters that no key has";
            Trouble::new(ModelTrouble::Auth, what).hint("store the key again")
        })?;
        value.set_sensitive(true);
        map.insert(HeaderName::from_static(name), value);
    }
    Ok(map)
}

/// True for this machine itself.
pub(super) fn is_here(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => authority.split(':').next().unwrap_or(authority),
    };
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
