//! Listening to an exchange: its head, its bytes, its events, unless the call is cancelled.

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::domain::time::DurationMs;
use crate::ports::model::{ModelEvent, ModelTrouble};
use crate::ports::runner::Cancel;
use crate::providers::http::{Exchange, Told};
use crate::providers::sse::Parser;
use crate::providers::trouble::{Trouble, quote};
use crate::providers::waits::{Headers, header};
use crate::providers::wires::Reading;

/// How often a waiting call looks whether it is cancelled.
const LOOK: Duration = Duration::from_millis(20);

/// Status and headers.
pub(super) fn head(exchange: &Exchange, cancel: &Cancel) -> Result<(u16, Headers), Trouble> {
    match next_told(exchange, cancel)? {
        Told::Head { status, headers } => Ok((status, headers)),
        Told::Broken(trouble) => Err(trouble),
        Told::Bytes(_) | Told::End => Err(Trouble::protocol("its answer has no head")),
    }
}

pub(super) fn cancelled() -> Trouble {
    Trouble::new(ModelTrouble::Cancelled, "it was asked to stop")
}

/// The next step of an exchange.
fn next_told(exchange: &Exchange, cancel: &Cancel) -> Result<Told, Trouble> {
    loop {
        if cancel.is_asked() {
            return Err(cancelled());
        }
        match exchange.told.recv_timeout(LOOK) {
            Ok(told) => return Ok(told),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let what = "the exchange ended without a word";
                return Err(Trouble::new(ModelTrouble::Network, what));
            }
        }
    }
}

/// All bytes that are left.
pub(super) fn rest(exchange: &Exchange, cancel: &Cancel) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    loop {
        match next_told(exchange, cancel)? {
            Told::Bytes(bytes) => body.extend(bytes),
            Told::End => return Ok(body),
            Told::Broken(trouble) => return Err(trouble),
            Told::Head { .. } => {}
        }
    }
}

/// Reads a stream to its end, or until the reply is whole.
pub(super) fn stream(
    exchange: &Exchange,
    reading: &mut dyn Reading,
    on: &mut dyn FnMut(ModelEvent),
    cancel: &Cancel,
) -> Result<(), Trouble> {
    let mut parser = Parser::default();
    loop {
        let mut ended = false;
        let events = match next_told(exchange, cancel)? {
            Told::Bytes(bytes) => parser
                .push(&bytes)
                .map_err(|_| Trouble::protocol("its stream is no UTF-8"))?,
            Told::End => {
                ended = true;
                parser.end().into_iter().collect()
            }
            Told::Broken(trouble) => return Err(trouble),
            Told::Head { .. } => continue,
        };
        for event in events {
            reading.event(&event.name, &event.data, on)?;
        }
        if ended || reading.is_done() {
            return Ok(());
        }
    }
}

pub(super) fn is_stream(headers: &Headers) -> bool {
    let kind = header(headers, "content-type").unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("text/event-stream")
}

pub(super) fn object(body: &[u8]) -> Result<Value, Trouble> {
    serde_json::from_slice(body).map_err(|_| {
        let text = String::from_utf8_lossy(body);
        Trouble::protocol(format!("its answer is no JSON: `{}`", quote(&text)))
    })
}

/// Waits, unless it is cancelled.
pub(super) fn pause(wait: DurationMs, cancel: &Cancel) -> Result<(), Trouble> {
    let until = Instant::now() + wait.std();
    loop {
        if cancel.is_asked() {
            return Err(cancelled());
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(LOOK));
    }
}
