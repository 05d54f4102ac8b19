//! Enough of HTTP/1.1 for one client: one request a connection, bodies by `content-length`.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Child;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::FakeGitHub;
use super::model::{Fault, Model};
use super::routes;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) method: String,
    /// Path and query, decoded.
    pub(crate) path: String,
    pub(crate) body: Value,
    /// Something that fleet must never ask.
    pub(crate) forbidden: bool,
    /// When it came.
    pub(crate) at: std::time::Instant,
    /// Status of the answer as it was meant; 304 costs nothing of the quota.
    pub(crate) status: u16,
}

/// An answer before it is written.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) headers: Vec<(String, String)>,
}

impl Reply {
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self {
            status,
            body,
            headers: Vec::new(),
        }
    }

    pub(crate) fn refuse(status: u16, message: &str) -> Self {
        Self::new(
            status,
            json!({ "message": message, "documentation_url": "https://docs" }),
        )
    }

    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }
}

pub(crate) fn serve(stream: TcpStream, model: &Mutex<Model>) {
    let Some(Asked {
        method,
        path,
        token,
        etag,
        body,
    }) = read(&stream)
    else {
        return;
    };
    // One request at a time: the model is never seen half changed.
    let (fault, reply) = {
        let mut model = model
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let fault = model.fault_for(&method, &path);
        let forbidden = routes::is_forbidden(&model, &method, &path, token.as_deref(), &body);
        let nth = model.requests.len();
        model.requests.push(Recorded {
            method: method.clone(),
            path: path.clone(),
            body: body.clone(),
            forbidden,
            at: std::time::Instant::now(),
            status: 0,
        });
        let reply = if forbidden {
            Reply::refuse(418, "never asked")
        } else if !routes::knows(&model, &path, token.as_deref()) {
            Reply::refuse(401, "Bad credentials")
        } else if fault.as_ref().is_some_and(before_effect) {
            Reply::refuse(500, "nothing happened")
        } else {
            let reply = routes::answer(&mut model, &method, &path, &body);
            if method == "GET" {
                named(reply, etag.as_deref())
            } else {
                reply
            }
        };
        model.requests[nth].status = reply.status;
        if matches!(fault, Some(Fault::Kill | Fault::KillAfterEffect)) {
            kill(model.client.take());
        }
        (fault, reply)
    };
    finish(stream, fault, reply);
}

impl FakeGitHub {
    /// Starts the client that faults kill; it is known before its first request is answered.
    pub(crate) fn client(&self, start: impl FnOnce() -> Child) -> Child {
        let mut model = self.model();
        let child = start();
        model.client = Some(child.id());
        child
    }
}

fn kill(client: Option<u32>) {
    let pid = client.and_then(|pid| i32::try_from(pid).ok());
    let pid = pid.and_then(rustix::process::Pid::from_raw);
    let pid = pid.expect("the client of a fault that kills is known, and killed once");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is alive");
}

/// With a name for this state of the answer; one that the client has already is not sent again.
fn named(reply: Reply, has: Option<&str>) -> Reply {
    use std::hash::{Hash as _, Hasher as _};
    if reply.status != 200 {
        return reply;
    }
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    reply.body.to_string().hash(&mut hasher);
    let etag = format!("W/\"{:x}\"", hasher.finish());
    if has == Some(etag.as_str()) {
        return Reply::new(304, Value::Null).with("etag", etag);
    }
    reply.with("etag", etag)
}

const fn before_effect(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Status(_)
            | Fault::Silence
            | Fault::Drop
            | Fault::Kill
            | Fault::SecondaryLimit { .. }
            | Fault::TooMany { .. }
            | Fault::QuotaExhausted { .. }
            | Fault::LimitedWithoutWord
            | Fault::NotModified
            | Fault::Graph(..)
            | Fault::RefuseAt(..)
            | Fault::Refuse(..)
            | Fault::RefuseWith(..)
    )
}

fn finish(mut stream: TcpStream, fault: Option<Fault>, reply: Reply) {
    let secondary = "You have exceeded a secondary rate limit. Please wait a few minutes.";
    let reply = match fault {
        None => reply,
        Some(Fault::Drop | Fault::DropAfterEffect | Fault::Kill | Fault::KillAfterEffect) => return,
        Some(Fault::Silence | Fault::SilenceAfterEffect) => {
            // Ends when the client gives up and closes its side.
            drop(stream.read(&mut [0; 16]));
            return;
        }
        Some(Fault::Status(status) | Fault::StatusAfterEffect(status)) => {
            Reply::refuse(status, "<html>Unicorn!</html>")
        }
        Some(Fault::SecondaryLimit { retry_after_s }) => {
            Reply::refuse(403, secondary).with("retry-after", retry_after_s)
        }
        Some(Fault::TooMany { retry_after_s }) => {
            Reply::refuse(429, secondary).with("retry-after", retry_after_s)
        }
        Some(Fault::QuotaExhausted { reset_s }) => {
            Reply::refuse(403, "API rate limit exceeded for user ID 1.")
                .with("x-ratelimit-limit", 5000)
                .with("x-ratelimit-remaining", 0)
                .with("x-ratelimit-reset", reset_s)
        }
        Some(Fault::LimitedWithoutWord) => Reply::refuse(403, secondary),
        Some(Fault::NotModified) => Reply::new(304, Value::Null),
        Some(Fault::RefuseAt(status, message, date)) => {
            Reply::refuse(status, message).with("date", date)
        }
        Some(Fault::GraphBeside(kind, message)) => {
            let mut body = reply.body;
            let path = ["repository", "w0", "commits", "statusCheckRollup"];
            body["errors"] = json!([{ "type": kind, "message": message, "path": path }]);
            Reply::new(reply.status, body)
        }
        Some(Fault::Graph(kind, message)) => Reply::new(
            200,
            json!({ "data": null, "errors": [{ "type": kind, "message": message }] }),
        ),
        Some(Fault::Refuse(status, message)) => Reply::refuse(status, message),
        Some(Fault::RefuseWith(status, message, name, value)) => {
            Reply::refuse(status, message).with(name, value)
        }
        Some(Fault::Doubled) => match &reply.body {
            Value::Array(items) => {
                let twice: Vec<Value> = items.iter().chain(items).cloned().collect();
                Reply::new(reply.status, Value::Array(twice))
            }
            _ => reply,
        },
        Some(Fault::Stale) if reply.body.is_array() => Reply::new(200, json!([])),
        Some(Fault::Stale) => reply,
        Some(Fault::Date(date)) => reply.with("date", date),
        Some(Fault::TruncatedJson) => {
            let text = reply.body.to_string();
            let cut = &text.as_bytes()[..text.len() / 2];
            return write(&mut stream, reply.status, &reply.headers, cut);
        }
    };
    let body = match (&reply.body, reply.status) {
        (_, 304) => String::new(),
        // A text as it is: the log of a job.
        (Value::String(text), _) => text.clone(),
        (body, _) => body.to_string(),
    };
    write(&mut stream, reply.status, &reply.headers, body.as_bytes());
}

fn write(stream: &mut TcpStream, status: u16, headers: &[(String, String)], body: &[u8]) {
    let mut head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    // The client may have gone: nobody is left to tell.
    drop(
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body)),
    );
}

struct Asked {
    method: String,
    path: String,
    token: Option<String>,
    etag: Option<String>,
    body: Value,
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), decode(words.next()?));
    let (mut length, mut chunked, mut token, mut etag) = (0, false, None, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "transfer-encoding" => chunked = true,
            "if-none-match" => etag = Some(value.trim().to_owned()),
            "authorization" => token = value.trim().strip_prefix("Bearer ").map(str::to_owned),
            _ => {}
        }
    }
    let body = if chunked {
        read_chunks(&mut reader)?
    } else {
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        body
    };
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Asked {
        method,
        path,
        token,
        etag,
        body,
    })
}

fn read_chunks(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let hex = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
