//! Model providers on loopback: one strict server per wire, with scripted answers and faults.
//!
//! Include it with `#[path = "support/models/mod.rs"] mod models;`. A server takes the next answer of
//! its script for every request for a reply, and checks the request as the real API would: roles,
//! fields, headers, and that every tool call has its answer. A request that the real API would
//! refuse is answered with 400, remembered, and makes [`ModelServer::finish`] fail the test.
#![expect(dead_code, reason = "each test program uses a part of it")]

mod answers;
mod check;

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// Which API is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    Anthropic,
    Responses,
    Chat,
    Gemini,
}

impl Api {
    /// The provider's kind in the configuration.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Responses => "openai",
            Self::Chat => "openai-compatible",
            Self::Gemini => "gemini",
        }
    }
}

/// A piece of what the model says.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    Text(&'static str),
    Thinking(&'static str),
    /// Id, name, arguments as JSON text: malformed ones go out as they are (not on Gemini, whose
    /// arguments are no text).
    Call(&'static str, &'static str, String),
}

/// Tokens of a reply: prompt with the cached ones, of which cached, answer with reasoning, of which
/// reasoning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count {
    pub(crate) prompt: u64,
    pub(crate) cached: u64,
    pub(crate) output: u64,
    pub(crate) reasoning: u64,
}

pub(crate) const COUNT: Count = Count {
    prompt: 100,
    cached: 40,
    output: 30,
    reasoning: 10,
};

/// Why a reply ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Usual,
    Full,
    Refused,
}

/// One answer of the script.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// A whole reply.
    Reply(Vec<Say>),
    /// A whole reply that is cut at `max_tokens`.
    Full(Vec<Say>),
    /// A whole reply after which the model refuses to go on.
    Refused(Vec<Say>),
    /// A whole reply with this object merged into its last usage.
    Usage(Vec<Say>, Value),
    /// An HTTP error: status, headers, body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// The stream breaks off after that many events, in the middle of the next one.
    Cut(Vec<Say>, usize),
    /// The stream ends in good order after that many events.
    Short(Vec<Say>, usize),
    /// Silence after that many events (0: after the head), until the client goes away.
    Stall(Vec<Say>, usize),
    /// Not even a head comes, until the client goes away.
    Mute,
    /// An error event after that many events: this JSON.
    Error(Vec<Say>, usize, String),
    /// 200 and these bytes with this content type.
    Raw(&'static str, Vec<u8>),
}

impl Answer {
    pub(crate) fn text(text: &'static str) -> Self {
        Self::Reply(vec![Say::Text(text)])
    }

    pub(crate) fn call(id: &'static str, name: &'static str, input: &Value) -> Self {
        Self::Reply(vec![Say::Call(id, name, input.to_string())])
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Status(status, Vec::new(), String::new())
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

struct State {
    api: Api,
    script: Mutex<VecDeque<Answer>>,
    /// Keys that are taken; empty takes any.
    keys: Mutex<Vec<String>>,
    seen: Mutex<Vec<Seen>>,
    problems: Mutex<Vec<String>>,
    connections: Mutex<usize>,
    /// Bytes of a chunk: small ones cut events and characters anywhere.
    piece: usize,
}

/// A provider on loopback.
pub(crate) struct ModelServer {
    url: String,
    state: Arc<State>,
}

impl ModelServer {
    pub(crate) fn start(api: Api, script: Vec<Answer>) -> Self {
        Self::with_pieces(api, script, 1 << 20)
    }

    /// Streams go out in chunks of `piece` bytes.
    pub(crate) fn with_pieces(api: Api, script: Vec<Answer>, piece: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let state = Arc::new(State {
            api,
            script: Mutex::new(script.into()),
            keys: Mutex::default(),
            seen: Mutex::default(),
            problems: Mutex::default(),
            connections: Mutex::default(),
            piece,
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                *shared.connections.lock().unwrap() += 1;
                let shared = shared.clone();
                std::thread::spawn(move || serve(&shared, &stream));
            }
        });
        Self { url, state }
    }

    /// The base address, for `base_url`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Only these keys are taken from now on.
    pub(crate) fn take_keys(&self, keys: &[&str]) {
        *self.state.keys.lock().unwrap() = keys.iter().map(|&key| key.to_owned()).collect();
    }

    /// Adds answers to the end of the script.
    pub(crate) fn then(&self, answers: Vec<Answer>) {
        self.state.script.lock().unwrap().extend(answers);
    }

    /// Requests so far, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        *self.state.connections.lock().unwrap()
    }

    /// What the real API would have refused so far.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.state.problems.lock().unwrap().clone()
    }

    /// Fails unless every request was one that the real API takes and the script is played.
    pub(crate) fn finish(self) {
        assert_eq!(self.problems(), Vec::<String>::new());
        let left = self.state.script.lock().unwrap();
        assert!(left.is_empty(), "answers that nobody asked for: {left:?}");
    }
}

/// Serves one connection until it closes.
fn serve(state: &State, stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    while let Some(seen) = request(&mut reader) {
        if respond(state, stream, &seen).is_none() {
            return;
        }
    }
}

fn request(reader: &mut BufReader<&TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Seen {
        method,
        path,
        headers,
        body,
    })
}

/// Answers; `None` closes the connection.
#[expect(clippy::too_many_lines, reason = "one exchange, fault by fault")]
fn respond(state: &State, mut stream: &TcpStream, seen: &Seen) -> Option<()> {
    state.seen.lock().unwrap().push(seen.clone());
    let key = check::key(state.api, seen);
    let taken = state.keys.lock().unwrap();
    let refused = !taken.is_empty() && !key.is_some_and(|key| taken.iter().any(|t| t == key));
    drop(taken);
    if refused {
        let body = answers::refused(state.api, key.unwrap_or_default());
        return plain(stream, 401, &[], "application/json", body.as_bytes());
    }
    if seen.method == "GET" {
        let body = answers::models(state.api, &seen.path).to_string();
        return plain(stream, 200, &[], "application/json", body.as_bytes());
    }
    let problems = check::request(state.api, seen);
    if !problems.is_empty() {
        let body = answers::invalid(state.api, &problems.join("; "));
        state.problems.lock().unwrap().extend(problems);
        return plain(stream, 400, &[], "application/json", body.as_bytes());
    }
    let Some(answer) = state.script.lock().unwrap().pop_front() else {
        let what = "a request after the end of the script".to_owned();
        state.problems.lock().unwrap().push(what);
        return plain(stream, 500, &[], "text/plain", b"the script is played");
    };
    let streams = check::streams(state.api, seen);
    let events = |says: &[Say], end: End| answers::events(state.api, says, end, None);
    match answer {
        Answer::Reply(_) | Answer::Full(_) | Answer::Refused(_) | Answer::Usage(..) if !streams => {
            let (says, end, usage) = match &answer {
                Answer::Usage(says, usage) => (says, End::Usual, Some(usage)),
                Answer::Full(says) => (says, End::Full, None),
                Answer::Refused(says) => (says, End::Refused, None),
                Answer::Reply(says) => (says, End::Usual, None),
                _ => unreachable!(),
            };
            let body = answers::whole(state.api, says, end, usage).to_string();
            plain(stream, 200, &[], "application/json", body.as_bytes())
        }
        Answer::Reply(says) => chunked(state, stream, &events(&says, End::Usual), true),
        Answer::Full(says) => chunked(state, stream, &events(&says, End::Full), true),
        Answer::Refused(says) => chunked(state, stream, &events(&says, End::Refused), true),
        Answer::Usage(says, usage) => {
            let events = answers::events(state.api, &says, End::Usual, Some(&usage));
            chunked(state, stream, &events, true)
        }
        Answer::Status(status, headers, body) => plain(
            stream,
            status,
            &headers,
            "application/json",
            body.as_bytes(),
        ),
        Answer::Cut(says, after) => {
            let mut events = events(&says, End::Usual);
            let half = events.get(after).map_or(String::new(), |event| {
                event.chars().take(event.chars().count() / 2).collect()
            });
            events.truncate(after);
            events.push(half);
            chunked(state, stream, &events, false)?;
            None
        }
        Answer::Short(says, after) => {
            let events = events(&says, End::Usual);
            chunked(state, stream, &events[..after], true)
        }
        Answer::Stall(says, after) => {
            let events = events(&says, End::Usual);
            chunked(state, stream, &events[..after], false)?;
            gone(stream)
        }
        Answer::Mute => gone(stream),
        Answer::Error(says, after, error) => {
            let mut events = events(&says, End::Usual);
            events.truncate(after);
            let name = match state.api {
                Api::Anthropic => "event: error\n",
                _ => "",
            };
            events.push(format!("{name}data: {error}\n\n"));
            chunked(state, stream, &events, true)
        }
        Answer::Raw(kind, bytes) => {
            let _ = stream.flush();
            plain(stream, 200, &[], kind, &bytes)
        }
    }
}

/// Waits until the client is gone.
fn gone(mut stream: &TcpStream) -> Option<()> {
    let mut byte = [0; 64];
    while matches!(stream.read(&mut byte), Ok(read) if read > 0) {}
    None
}

fn plain(
    mut stream: &TcpStream,
    status: u16,
    headers: &[(&str, String)],
    kind: &str,
    body: &[u8],
) -> Option<()> {
    let mut head = format!(
        "HTTP/1.1 {status} Scripted\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()
}

/// A stream of events; with `end` in good order, else the connection just stops there.
fn chunked(state: &State, mut stream: &TcpStream, events: &[String], end: bool) -> Option<()> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
                transfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).ok()?;
    let all: String = events.concat();
    for piece in all.as_bytes().chunks(state.piece) {
        stream
            .write_all(format!("{:x}\r\n", piece.len()).as_bytes())
            .ok()?;
        stream.write_all(piece).ok()?;
        stream.write_all(b"\r\n").ok()?;
    }
    if end {
        stream.write_all(b"0\r\n\r\n").ok()?;
    }
    stream.flush().ok()
}
