//! A loopback server that speaks the Jules API as it is documented (v1alpha: sessions, activities,
//! approvePlan, sendMessage, delete), with its traps: no idempotency key, 404 and absence from lists
//! for a while after a creation, small pages, reasons in the activities only.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

pub(crate) const KEY: &str = "jules-key-5a1b2c3d4e5f6071";
const PAGE: usize = 2;

/// What the server does wrong once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The creation happens, its answer is lost.
    CreateAnswerLost,
    /// The creation does not happen, and its answer is lost.
    CreateLost,
    /// 429 with `retry-after`.
    Limited(u32),
    /// 500 to a look.
    LookFails,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) sessions: Vec<Made>,
    pub(crate) requests: Vec<(String, String, Value)>,
    pub(crate) faults: Vec<Fault>,
    /// States that a new session goes through, one for each look; a waiting state stays.
    pub(crate) course: Vec<&'static str>,
    /// Looks (lists and gets) that do not show a new session yet.
    pub(crate) late: u32,
    pub(crate) outputs: Value,
    /// What a new session shows of its work while it goes on.
    pub(crate) artifacts: Value,
    /// The next request of this kind is done and not answered: its answer is held until the client has
    /// gone. Method, end of the path, and who is told that it is held.
    pub(crate) hold: Option<(&'static str, &'static str, Sender<()>)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) body: Value,
    pub(crate) at: usize,
    pub(crate) hidden: u32,
    pub(crate) deleted: bool,
    pub(crate) activities: Vec<Value>,
    pub(crate) course: Vec<&'static str>,
    pub(crate) artifacts: Value,
}

impl Made {
    pub(crate) fn state(&self) -> &'static str {
        self.course[self.at.min(self.course.len() - 1)]
    }

    fn step(&mut self) {
        if !matches!(
            self.state(),
            "AWAITING_PLAN_APPROVAL" | "AWAITING_USER_FEEDBACK"
        ) {
            self.advance();
        }
    }

    /// To the next state, with the activity that Jules writes with it.
    fn advance(&mut self) {
        if self.at + 1 >= self.course.len() {
            return;
        }
        self.at += 1;
        let more = match self.state() {
            "AWAITING_PLAN_APPROVAL" => json!({ "planGenerated": { "plan": { "id": "plan1",
                "steps": [{ "id": "s1", "title": "Add a line", "index": 0 }] } } }),
            "AWAITING_USER_FEEDBACK" => {
                json!({ "agentMessaged": { "agentMessage": "Which colour do you want?" } })
            }
            "COMPLETED" => json!({ "sessionCompleted": {} }),
            "FAILED" => json!({ "sessionFailed": { "reason": "the setup script broke" } }),
            _ => json!({ "progressUpdated": { "title": "going on" },
                "artifacts": self.artifacts }),
        };
        self.note("agent", more);
    }

    fn note(&mut self, by: &str, more: Value) {
        let n = self.activities.len();
        let mut activity = json!({
            "name": format!("sessions/{}/activities/a{n}", self.id),
            "createTime": format!("2026-11-21T10:{:02}:{:02}Z", n / 60, n % 60),
            "originator": by,
        });
        for (key, value) in more.as_object().unwrap() {
            activity[key] = value.clone();
        }
        self.activities.push(activity);
    }

    fn shown(&self, outputs: &Value) -> Value {
        let mut shown = self.body.clone();
        shown["name"] = json!(format!("sessions/{}", self.id));
        shown["id"] = json!(self.id);
        shown["state"] = json!(self.state());
        shown["url"] = json!(format!("https://jules.google.com/session/{}", self.id));
        shown["createTime"] = json!(format!("2026-11-21T10:00:0{}Z", self.id.len()));
        if self.state() == "COMPLETED" {
            shown["outputs"] = outputs.clone();
        }
        shown
    }
}

/// The server; it ends with the test process.
pub(crate) struct Jules {
    pub(crate) url: String,
    model: Arc<Mutex<Model>>,
}

impl Jules {
    pub(crate) fn new(course: &[&'static str], outputs: Value) -> Self {
        let model = Arc::new(Mutex::new(Model {
            course: course.to_vec(),
            outputs,
            ..Model::default()
        }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1alpha", listener.local_addr().unwrap());
        let shared = model.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let model = shared.clone();
                std::thread::spawn(move || serve(stream, &model));
            }
        });
        Self { url, model }
    }

    pub(crate) fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests to paths that end so.
    pub(crate) fn asked(&self, method: &str, end: &str) -> usize {
        let model = self.model();
        let all = model.requests.iter();
        all.filter(|(m, path, _)| m == method && path.ends_with(end))
            .count()
    }
}

fn serve(mut stream: TcpStream, model: &Mutex<Model>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let mut words = line.split_whitespace();
    let (method, target) = (
        words.next().unwrap_or("").to_owned(),
        words.next().unwrap_or("").to_owned(),
    );
    let (mut length, mut key) = (0, String::new());
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap_or(0) == 0 || header.trim().is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or((&header, ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "x-goog-api-key" => value.trim().clone_into(&mut key),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let (answer, held) = {
        let mut model = model.lock().unwrap_or_else(PoisonError::into_inner);
        let path = target.split('?').next().unwrap_or("").to_owned();
        let ours = |(m, end, _): &(&str, &str, _)| *m == method && path.ends_with(end);
        let held = model.hold.take_if(|hold| ours(hold));
        model.requests.push((method.clone(), path, body.clone()));
        let answer = if key == KEY {
            answer(&mut model, &method, &target, &body)
        } else {
            Some((
                401,
                json!({ "error": { "message": "API key not valid" } }),
                0,
            ))
        };
        (answer, held)
    };
    if let Some((.., tell)) = held {
        tell.send(()).unwrap();
        let _ = reader.read_to_end(&mut Vec::new());
        return;
    }
    let Some((status, body, wait)) = answer else {
        return;
    };
    let body = body.to_string();
    let retry = if wait > 0 {
        format!("retry-after: {wait}\r\n")
    } else {
        String::new()
    };
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{retry}content-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
}

type Answer = Option<(u16, Value, u32)>;

fn answer(model: &mut Model, method: &str, target: &str, body: &Value) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = path.strip_prefix("/v1alpha").unwrap_or(path);
    if let Some(at) = model
        .faults
        .iter()
        .position(|f| matches!(f, Fault::Limited(_)))
    {
        let Fault::Limited(seconds) = model.faults.remove(at) else {
            return None;
        };
        let said = json!({ "error": { "code": 429, "message": "Resource has been exhausted",
            "status": "RESOURCE_EXHAUSTED" } });
        return Some((429, said, seconds));
    }
    match (method, path) {
        ("GET", "/sources/github/octo/hello") => {
            let source = json!({ "name": "sources/github/octo/hello", "id": "github/octo/hello" });
            Some((200, source, 0))
        }
        ("POST", "/sessions") => create(model, body),
        ("GET", "/sessions") => {
            if take(model, Fault::LookFails) {
                return Some((500, json!({ "error": { "message": "internal" } }), 0));
            }
            let outputs = model.outputs.clone();
            let mut list = Vec::new();
            for made in model.sessions.iter_mut().filter(|m| !m.deleted) {
                if made.hidden > 0 {
                    made.hidden -= 1;
                } else {
                    list.push(made.shown(&outputs));
                }
            }
            Some((200, page(&list, "sessions", query), 0))
        }
        _ => match path.strip_prefix("/sessions/") {
            Some(rest) => of_session(model, method, rest, query, body),
            None => Some((404, json!({ "error": { "message": "not found" } }), 0)),
        },
    }
}

fn take(model: &mut Model, fault: Fault) -> bool {
    let at = model.faults.iter().position(|f| *f == fault);
    at.map(|at| model.faults.remove(at)).is_some()
}

fn create(model: &mut Model, body: &Value) -> Answer {
    if take(model, Fault::CreateLost) {
        return None;
    }
    for field in ["prompt", "sourceContext"] {
        assert!(!body[field].is_null(), "{field} is required");
    }
    let made = Made {
        id: "1".repeat(model.sessions.len() + 1),
        body: body.clone(),
        at: 0,
        hidden: model.late,
        deleted: false,
        activities: Vec::new(),
        course: model.course.clone(),
        artifacts: model.artifacts.clone(),
    };
    let shown = made.shown(&Value::Null);
    model.sessions.push(made);
    (!take(model, Fault::CreateAnswerLost)).then_some((200, shown, 0))
}

fn of_session(model: &mut Model, method: &str, rest: &str, query: &str, body: &Value) -> Answer {
    let missing = Some((
        404,
        json!({ "error": { "code": 404, "message": "not found" } }),
        0,
    ));
    if method == "GET" && take(model, Fault::LookFails) {
        return Some((500, json!({ "error": { "message": "internal" } }), 0));
    }
    let outputs = model.outputs.clone();
    let id: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let what = &rest[id.len()..];
    let Some(made) = model.sessions.iter_mut().find(|m| m.id == id && !m.deleted) else {
        return missing;
    };
    if method == "GET" && made.hidden > 0 {
        made.hidden -= 1;
        return missing;
    }
    match (method, what) {
        ("GET", "") => {
            made.step();
            Some((200, made.shown(&outputs), 0))
        }
        ("DELETE", "") => {
            made.deleted = true;
            Some((200, json!({}), 0))
        }
        ("GET", "/activities") => Some((200, page(&made.activities, "activities", query), 0)),
        ("POST", ":approvePlan") if made.state() == "AWAITING_PLAN_APPROVAL" => {
            made.note("user", json!({ "planApproved": { "planId": "plan1" } }));
            made.advance();
            Some((200, json!({}), 0))
        }
        ("POST", ":sendMessage") => {
            let said = body["prompt"].as_str().expect("prompt is required");
            made.note("user", json!({ "userMessaged": { "userMessage": said } }));
            if made.state() == "AWAITING_USER_FEEDBACK" {
                made.advance();
            }
            Some((200, json!({}), 0))
        }
        _ => Some((
            400,
            json!({ "error": { "message": "FAILED_PRECONDITION" } }),
            0,
        )),
    }
}

/// Two things a page, whatever was asked for: a client that reads one page sees too little.
fn page(list: &[Value], field: &str, query: &str) -> Value {
    let from: usize = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("pageToken="))
        .map_or(0, |token| token.parse().unwrap());
    let end = (from + PAGE).min(list.len());
    let mut page = json!({});
    if from < end {
        page[field] = json!(list[from..end]);
    }
    if end < list.len() {
        page["nextPageToken"] = json!(end.to_string());
    }
    page
}
