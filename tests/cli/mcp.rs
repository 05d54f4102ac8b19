//! `fleet mcp` as an agent program sees it: JSON-RPC over two pipes, one message a line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use fleet::ports::model::Tokens as _;
use fleet::providers::tokens::Tiktoken;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::env::{Clone, TestEnv};

/// How long the server may take for one message or its end: one that hangs is a failure, told as one.
const LIMIT: Duration = Duration::from_secs(180);

/// A client and its server.
struct Client {
    child: Child,
    input: Option<ChildStdin>,
    /// Lines of its output as they come.
    output: Receiver<String>,
    /// All that it said beside, when that has ended.
    words: Receiver<String>,
    next: u64,
}

/// Reads in a thread of its own, so that a test waits no longer than it wants.
fn read_apart(mut stream: impl std::io::Read + Send + 'static, by_line: bool) -> Receiver<String> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        if !by_line {
            let mut text = String::new();
            stream.read_to_string(&mut text).expect("words are text");
            // The test may have ended, here and below.
            let _ = tell.send(text);
            return;
        }
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        while lines.read_line(&mut line).expect("the server writes text") > 0 {
            if tell.send(std::mem::take(&mut line)).is_err() {
                return;
            }
        }
    });
    told
}

impl Client {
    /// Starts a server that has not been greeted.
    fn start(clone: &Clone<'_>, env: &[(&str, &str)]) -> Self {
        let mut command = clone.real_time(&["mcp"]);
        // Each call begins a seed anew: calls at once in one millisecond would draw the same ids from it.
        command
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("fleet starts");
        Self {
            input: child.stdin.take(),
            output: read_apart(child.stdout.take().expect("its output is piped"), true),
            words: read_apart(child.stderr.take().expect("its words are piped"), false),
            child,
            next: 0,
        }
    }

    /// Starts one and does the handshake.
    fn greeted(clone: &Clone<'_>) -> Self {
        let mut client = Self::start(clone, &[]);
        client.greet();
        client
    }

    fn greet(&mut self) -> Value {
        let hello = json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": { "name": "Test Client", "version": "1" },
        });
        let answer = self.ask("initialize", &hello);
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        answer
    }

    fn send(&mut self, message: &Value) {
        self.send_raw(&message.to_string());
    }

    fn send_raw(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the input is open");
        writeln!(input, "{line}").expect("the server reads");
    }

    /// Sends a request and gives its id.
    fn request(&mut self, method: &str, params: &Value) -> u64 {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// The next message of the server. All of its stdout is protocol.
    fn read(&mut self) -> Value {
        let Some(line) = self.line() else {
            panic!("the server ended: {}", self.words());
        };
        let message: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        message
    }

    /// The answer to a request: whole message.
    fn ask(&mut self, method: &str, params: &Value) -> Value {
        let id = self.request(method, params);
        let message = self.read();
        assert_eq!(message["id"], id, "{message}");
        message
    }

    fn call_request(&mut self, tool: &str, arguments: &Value) -> u64 {
        self.request(
            "tools/call",
            &json!({ "name": tool, "arguments": arguments }),
        )
    }

    /// What a tool says, and whether it is a refusal.
    fn call(&mut self, tool: &str, arguments: &Value) -> (bool, String) {
        let id = self.call_request(tool, arguments);
        let message = self.read();
        assert_eq!(message["id"], id, "{message}");
        said(&message)
    }

    #[track_caller]
    fn good(&mut self, tool: &str, arguments: &Value) -> String {
        let (refused, text) = self.call(tool, arguments);
        assert!(!refused, "{tool} {arguments}: {text}");
        text
    }

    #[track_caller]
    fn bad(&mut self, tool: &str, arguments: &Value) -> String {
        let (refused, text) = self.call(tool, arguments);
        assert!(refused, "{tool} {arguments}: {text}");
        text
    }

    /// The next line of its output; `None` at the end of it.
    fn line(&mut self) -> Option<String> {
        match self.output.recv_timeout(LIMIT) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => self.hangs("no message came"),
        }
    }

    fn words(&mut self) -> String {
        let told = self.words.recv_timeout(LIMIT);
        told.unwrap_or_else(|_| self.hangs("its words have no end"))
    }

    /// How it ended; both streams of it have.
    fn status(&mut self) -> ExitStatus {
        let begun = std::time::Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            if begun.elapsed() > LIMIT {
                self.hangs("it closed its streams and did not end");
            }
            std::thread::yield_now();
        }
    }

    fn hangs(&mut self, how: &str) -> ! {
        let _ = self.child.kill();
        panic!("the server hangs: {how} in {LIMIT:?}");
    }

    /// Closes the input, and gives what came of it: exit code, what was left on stdout, stderr.
    fn end(mut self) -> (Option<i32>, String, String) {
        drop(self.input.take());
        let rest: String = std::iter::from_fn(|| self.line()).collect();
        let words = self.words();
        (self.status().code(), rest, words)
    }
}

fn said(message: &Value) -> (bool, String) {
    let result = &message["result"];
    let text = result["content"][0]["text"].as_str();
    let text = text.unwrap_or_else(|| panic!("no text: {message}"));
    (result["isError"] == true, text.to_owned())
}

#[test]
fn a_client_is_greeted_told_the_tools_and_let_go_without_a_word_beside() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let mut client = Client::start(&clone, &[]);
    let hello = client.greet();
    assert_eq!(hello["result"]["serverInfo"]["name"], "fleet");
    assert_eq!(hello["result"]["protocolVersion"], "2025-06-18");
    assert!(
        hello["result"]["capabilities"]["tools"].is_object(),
        "{hello}"
    );
    assert!(
        hello["result"]["instructions"]
            .as_str()
            .is_some_and(|i| i.contains("never guess"))
    );
    let answer = client.ask("tools/list", &json!({}));
    let tools = answer["result"]["tools"].as_array().expect("tools");
    let names: Vec<_> = tools
        .iter()
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "ready", "search", "show", "claim", "add", "update", "comment", "close"
        ]
    );
    for tool in tools {
        assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
        let properties = tool["inputSchema"]["properties"]
            .as_object()
            .expect("properties");
        for name in tool["inputSchema"]["required"]
            .as_array()
            .into_iter()
            .flatten()
        {
            assert!(
                properties.contains_key(name.as_str().expect("a name")),
                "{tool}"
            );
        }
    }
    assert_eq!(client.end(), (Some(0), String::new(), String::new()));
}

#[test]
fn all_tools_and_instructions_together_cost_at_most_1500_tokens() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let mut client = Client::start(&clone, &[]);
    let hello = client.greet();
    let answer = client.ask("tools/list", &json!({}));
    let count = |value: &Value| Tiktoken.count("gpt-5", &value.to_string());
    let (tools, words) = (
        count(&answer["result"]),
        count(&hello["result"]["instructions"]),
    );
    assert!(tools + words <= 1500, "{tools} + {words} tokens");
    assert!(words <= 150, "{words} tokens of instructions");
}

#[test]
fn a_task_is_added_found_claimed_changed_and_closed_and_the_command_line_sees_it() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone
        .fleet(&["add", "Read the calendar", "-p", "1"])
        .expect_exit(0);
    // What the server is called is shown.
    let mut client = Client::start(&clone, &[("FLEET_TEST_SEED", "4711")]);
    client.greet();
    let mut told = String::new();
    let mut tell = |client: &mut Client, tool: &str, arguments: Value| {
        let text = client.good(tool, &arguments);
        told.push_str(&format!("{tool} {arguments}\n{text}\n"));
    };
    tell(&mut client, "ready", json!({}));
    tell(
        &mut client,
        "add",
        json!({ "title": "Parse dates", "body": "Leap years fail.", "type": "bug", "priority": 1,
                "labels": ["parser"], "paths": ["src/date/**"], "acceptance": ["29 February parses"],
                "deps": ["T-1", "discovered-from:T-1"], "key": "dates" }),
    );
    tell(
        &mut client,
        "add",
        json!({ "title": "Parse dates", "key": "dates" }),
    );
    tell(&mut client, "search", json!({ "text": "leap years" }));
    tell(&mut client, "claim", json!({ "id": "T-1" }));
    tell(&mut client, "claim", json!({ "id": "T-1" }));
    tell(
        &mut client,
        "update",
        json!({ "id": "T-2", "met": [1], "add_labels": ["dates"] }),
    );
    tell(
        &mut client,
        "comment",
        json!({ "id": "T-2", "text": "see RFC 3339\n# heading" }),
    );
    tell(&mut client, "show", json!({ "id": "T-2" }));
    tell(
        &mut client,
        "update",
        json!({ "id": "T-1", "assignee": "" }),
    );
    tell(
        &mut client,
        "close",
        json!({ "id": "T-1", "reason": "read" }),
    );
    tell(
        &mut client,
        "close",
        json!({ "id": "T-1", "reason": "read" }),
    );
    tell(&mut client, "ready", json!({}));
    insta::with_settings!({ filters => vec![
        (r"since 20[0-9T:.-]+Z", "since [TIME]"),
    ] }, { assert_snapshot!(told, @r#"
    ready {}
    T-1 P1 implementation ready: Read the calendar

    add {"acceptance":["29 February parses"],"body":"Leap years fail.","deps":["T-1","discovered-from:T-1"],"key":"dates","labels":["parser"],"paths":["src/date/**"],"priority":1,"title":"Parse dates","type":"bug"}
    T-2 added: Parse dates
    a human admits it before agents may start it: `fleet admit T-2`

    add {"key":"dates","title":"Parse dates"}
    T-2 was there already: [withheld: no human admitted it]

    search {"text":"leap years"}
    T-2 P1 bug draft: [withheld: no human admitted it]

    claim {"id":"T-1"}
    T-1 is yours: Read the calendar
    `show` has its text

    claim {"id":"T-1"}
    T-1 is yours already, since [TIME]: Read the calendar
    `show` has its text

    update {"add_labels":["dates"],"id":"T-2","met":[1]}
    T-2 updated (acceptance, labels)

    comment {"id":"T-2","text":"see RFC 3339\n# heading"}
    T-2 commented

    show {"id":"T-2"}
    ## T-2 [withheld: no human admitted it]
    bug; P1; complexity medium; draft; hands over: pr
    Withheld: title, text, points, labels and paths: no human admitted them; a human reads them with `fleet show T-2` and admits them with `fleet admit T-2`.
    Withheld: 1 of 1 remarks: programs wrote them and no human took them over; a human does with `fleet comment T-2 --edit N TEXT` (`fleet show T-2` numbers them).
    Not ready: its text waits for a human to admit it
    Not ready: blocked by T-1 (open)
    Waits for T-1 (open): Read the calendar
    discovered-from T-1 (open): Read the calendar

    update {"assignee":"","id":"T-1"}
    T-1 updated (assignee)

    close {"id":"T-1","reason":"read"}
    T-1 closed (done)

    close {"id":"T-1","reason":"read"}
    T-1 unchanged (already closed)

    ready {}
    nothing is ready; `search` with phase "blocked" shows what waits
    "#); });
    // What another process writes is seen by the next call.
    clone.fleet(&["add", "Later"]).expect_exit(0);
    assert!(
        client.good("ready", &json!({})).contains("T-3"),
        "the state is read anew"
    );
    client.end();
    let shown = clone.data(&["show", "T-2"]);
    assert_eq!(shown["tasks"][0]["added_by"], "agent:test-client-85c7b090");
    assert_eq!(shown["tasks"][0]["admitted"], false);
}

#[test]
fn i3_two_servers_of_one_program_never_get_the_same_task() {
    let env = TestEnv::new();
    let [ada, bob] = env.team(["ada", "bob"]);
    ada.fleet(&["add", "Parse dates"]).expect_exit(0);
    bob.fleet(&["sync"]).expect_exit(0);
    let serve = |clone, seed| {
        let mut client = Client::start(clone, &[("FLEET_TEST_SEED", seed)]);
        client.greet();
        client
    };
    let (mut first, mut second) = (serve(&ada, "1"), serve(&bob, "2"));
    let task = json!({ "id": "T-1" });
    assert!(first.good("claim", &task).contains("T-1 is yours: "));
    let refused = second.bad("claim", &task);
    assert!(
        refused.contains("already_claimed: T-1 is held by agent:test-client-"),
        "{refused}"
    );
    // The one that holds it is told since when.
    let again = first.good("claim", &task);
    assert!(again.contains("T-1 is yours already, since 20"), "{again}");
    first.end();
    second.end();
}

#[test]
fn who_acts_is_who_the_environment_says() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let mut client = Client::start(&clone, &[("FLEET_ACTOR", "human:ada")]);
    client.greet();
    let text = client.good("add", &json!({ "title": "Parse dates" }));
    assert!(!text.contains("admit"), "{text}");
    client.end();
    let shown = clone.data(&["show", "T-1"]);
    assert_eq!(shown["tasks"][0]["added_by"], "human:ada");
    assert_eq!(shown["tasks"][0]["admitted"], true);
}

#[test]
fn a_text_that_a_client_changed_waits_for_a_human_and_a_point_that_it_marked_does_not() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let add = [
        "add",
        "Parse dates",
        "-d",
        "Leap years fail.",
        "--acceptance",
        "it parses",
    ];
    clone.fleet(&add).expect_exit(0);
    let mut client = Client::greeted(&clone);
    client.good(
        "update",
        &json!({ "id": "T-1", "met": [1], "priority": "P1" }),
    );
    assert!(client.good("ready", &json!({})).starts_with("T-1 P1 "));
    client.good("update", &json!({ "id": "T-1", "body": "Push to main." }));
    assert!(
        client
            .good("ready", &json!({}))
            .contains("nothing is ready")
    );
    assert!(
        client
            .good("show", &json!({ "id": "T-1" }))
            .contains("its text changed after a human admitted it")
    );
    client.good(
        "update",
        &json!({ "id": "T-1", "body": "Leap years fail." }),
    );
    assert!(
        client.good("ready", &json!({})).starts_with("T-1 "),
        "what was admitted is"
    );
    client.end();
    clone
        .fleet(&["update", "T-1", "-d", "And leap seconds."])
        .expect_exit(0);
    assert_eq!(clone.data(&["ready"])["total"], 1);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of wrong calls")]
fn a_wrong_call_is_answered_with_the_right_one() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone
        .fleet(&["add", "Read the calendar", "-a", "Ada"])
        .expect_exit(0);
    clone
        .fleet(&["add", "Parse dates", "--dep", "T-1"])
        .expect_exit(0);
    let before = clone.data(&["log", "T-1"]);
    let mut client = Client::greeted(&clone);
    let mut told = String::new();
    for (tool, arguments) in [
        ("show", json!({})),
        ("show", json!({ "id": "7" })),
        ("show", json!({ "id": 2 })),
        ("show", json!({ "id": "T-22" })),
        ("show", json!({ "task": "T-1" })),
        ("claim", json!({ "id": "T-1" })),
        ("claim", json!({ "id": "T-2" })),
        ("add", json!({ "description": "no title" })),
        ("add", json!({ "title": "x", "priority": "urgent" })),
        ("add", json!({ "title": "x", "labels": { "a": 1 } })),
        ("add", json!({ "title": "x", "deps": ["related-to:T-1"] })),
        ("add", json!({ "title": "two\nlines" })),
        ("update", json!({ "id": "T-1" })),
        ("update", json!({ "id": "T-1", "met": [4] })),
        ("search", json!({ "phase": "done" })),
        ("close", json!({ "id": "T-1" })),
        (
            "close",
            json!({ "id": "T-1", "reason": "x", "outcome": "finished" }),
        ),
        ("comment", json!({ "id": "T-1", "text": " " })),
        ("ready", json!({ "limit": 0 })),
    ] {
        let text = client.bad(tool, &arguments);
        told.push_str(&format!("{tool} {arguments}\n{text}\n"));
    }
    assert_snapshot!(told, @r##"
    show {}
    invalid_arguments: `show` needs `id`
    hint: write "id": "T-7"; `ready` and `search` show ids
    show {"id":"7"}
    invalid_arguments: `7` is not a task id; did you mean T-7?
    show {"id":2}
    invalid_arguments: `2` is not a task id; did you mean T-2?
    show {"id":"T-22"}
    task_not_found: no task is called T-22
    hint: did you mean T-2? `fleet list --all` shows every task
    show {"task":"T-1"}
    invalid_arguments: `show` has no argument `task`
    hint: it takes id
    claim {"id":"T-1"}
    already_claimed: T-1 is held by Ada
    hint: `fleet show T-1` says who works on it
    claim {"id":"T-2"}
    not_ready: T-2 is not ready: blocked by T-1 (open)
    hint: `fleet show T-2` says what it waits for
    add {"description":"no title"}
    invalid_arguments: `add` has no argument `description`
    hint: it takes acceptance, body, deps, key, labels, parent, paths, priority, title, type
    add {"priority":"urgent","title":"x"}
    invalid_arguments: `priority` of `add` is not 0 (most urgent) to 4
    hint: write "priority": 2
    add {"labels":{"a":1},"title":"x"}
    invalid_arguments: `labels` of `add` is not a list of texts
    hint: write "labels": ["one", "two"]
    add {"deps":["related-to:T-1"],"title":"x"}
    invalid_arguments: `related-to` is not a kind of dependency; kinds are blocks, parent-child, discovered-from, related, waits-for, duplicates, supersedes, on-failure, on-close
    hint: e.g. discovered-from:T-7
    add {"title":"two\nlines"}
    invalid_value: the title has a line break or another control character
    hint: keep the title to one line; more goes into --body
    update {"id":"T-1"}
    invalid_value: no change is named
    hint: `fleet update --help` shows what can be changed
    update {"id":"T-1","met":[4]}
    invalid_value: there is no acceptance point 4, the task has 0
    hint: `fleet show` numbers them from 1
    search {"phase":"done"}
    invalid_arguments: `done` is not a phase
    hint: phases are draft, deferred, blocked, ready, waiting, running, in_review, needs_human, closed
    close {"id":"T-1"}
    invalid_arguments: `close` needs `reason`
    hint: write "reason": "..."
    close {"id":"T-1","outcome":"finished","reason":"x"}
    invalid_arguments: `outcome` of `close` is not done, wontdo, duplicate or failed
    hint: write "outcome": "done"
    comment {"id":"T-1","text":" "}
    invalid_value: the comment is empty
    ready {"limit":0}
    invalid_arguments: `limit` of `ready` is not a number from 1
    hint: write "limit": 10
    "##);
    let message = client.ask("tools/call", &json!({ "name": "delete", "arguments": {} }));
    assert_eq!(message["error"]["code"], -32602, "{message}");
    let why = message["error"]["message"].as_str().expect("a message");
    assert!(why.contains("there are ready, search, show"), "{why}");
    let message = client.ask("resources/read", &json!({ "uri": "fleet://T-1" }));
    assert!(message["error"]["code"].is_i64(), "{message}");
    // Nothing was changed by any of them.
    let log = clone.data(&["log", "T-1"]);
    assert_eq!(log["total"], before["total"], "{log}");
}

#[test]
fn lines_that_are_no_messages_do_not_end_the_conversation() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let mut client = Client::greeted(&clone);
    client.send_raw("this is no JSON");
    client.send_raw("{\"jsonrpc\":\"2.0\",\"id\":");
    client.send_raw("");
    client.send_raw("\u{feff}");
    let text = client.good("ready", &json!({}));
    assert!(text.contains("nothing is ready"), "{text}");
    // A text far beyond every limit is refused, and the next call is answered as ever.
    let huge = "x".repeat(3 << 20);
    let text = client.bad("add", &json!({ "title": "Huge", "body": huge }));
    assert!(text.contains("the limit is"), "{text}");
    let text = client.bad("add", &json!({ "title": "y".repeat(1 << 20) }));
    assert!(text.len() < 1000, "a refusal is short");
    let text = client.good("search", &json!({ "text": "\u{0}\u{202e}'; --" }));
    assert!(text.contains("no task fits"), "{text}");
    let (code, rest, words) = client.end();
    assert_eq!((code, rest.as_str()), (Some(0), ""), "{words}");
}

#[test]
fn several_calls_at_once_are_all_answered_and_nothing_is_lost() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let mut client = Client::greeted(&clone);
    let mut open: Vec<u64> = (0..12)
        .map(|at| client.call_request("add", &json!({ "title": format!("Task {at}") })))
        .collect();
    open.push(client.call_request("search", &json!({ "limit": 50 })));
    while !open.is_empty() {
        let message = client.read();
        let id = message["id"].as_u64().expect("an answer has an id");
        assert!(open.contains(&id), "{message}");
        open.retain(|other| *other != id);
        let (refused, text) = said(&message);
        assert!(!refused, "{text}");
    }
    assert_eq!(clone.data(&["list"])["total"], 12);
}

#[test]
fn a_cancelled_call_holds_nothing_up_and_what_was_begun_is_whole() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let mut client = Client::greeted(&clone);
    for at in 0..8 {
        let id = client.call_request("add", &json!({ "title": format!("Task {at}") }));
        client.send(&json!({
            "jsonrpc": "2.0", "method": "notifications/cancelled",
            "params": { "requestId": id, "reason": "changed my mind" },
        }));
    }
    // Answers of calls that ended before their cancellation may come first.
    let last = client.request("ping", &json!({}));
    while client.read()["id"] != last {}
    let (code, _, words) = client.end();
    assert_eq!(code, Some(0), "{words}");
    let list = clone.data(&["list"]);
    assert!(
        list["total"].as_u64().is_some_and(|total| total <= 8),
        "{list}"
    );
    let healthy = clone.data(&["doctor"]);
    assert_eq!(healthy["healthy"], true, "{healthy}");
}

#[test]
fn calls_that_were_sent_before_the_client_left_are_done_and_answered() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let mut client = Client::greeted(&clone);
    let id = client.call_request("add", &json!({ "title": "The last word" }));
    let (code, rest, words) = client.end();
    assert_eq!(code, Some(0), "{words}");
    let message: Value = serde_json::from_str(&rest).expect("one answer");
    assert_eq!(message["id"], id);
    assert_eq!(clone.data(&["list"])["total"], 1);
}

#[test]
fn a_client_that_says_nothing_or_nonsense_gets_no_answer_and_an_end() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let silent = Client::start(&clone, &[]);
    assert_eq!(silent.end(), (Some(0), String::new(), String::new()));
    let mut odd = Client::start(&clone, &[]);
    odd.send_raw("hello");
    let (code, rest, words) = odd.end();
    assert_eq!((code, rest.as_str()), (Some(0), ""), "{words}");
}

#[test]
fn where_there_is_no_backlog_every_call_says_how_to_begin() {
    let env = TestEnv::new();
    let clone = env.repo("project");
    let mut client = Client::greeted(&clone);
    let text = client.bad("ready", &json!({}));
    assert!(
        text.contains("not_initialised") && text.contains("`fleet init`"),
        "{text}"
    );
    clone.fleet(&["init"]).expect_exit(0);
    assert!(
        client
            .good("ready", &json!({}))
            .contains("nothing is ready")
    );
}
